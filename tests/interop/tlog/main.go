// Reads what Runback gate signed and proved with other people's code: golang.org/x/mod/sumdb/note and tlog.
//
// In: JSON on standard input, with a signed note and the key to open it, and a proof (of inclusion or of consistency) as
// `audit prove` and `audit consistency` write it. Out: exit code 0; 1 and a reason when something does not hold.
package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type asked struct {
	Note  string
	Key   string
	Proof *struct {
		Format, Event, Old string
		Index              int64
		Hashes             []string
	}
}

func main() {
	if err := check(); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("ok")
}

func check() error {
	var q asked
	if err := json.NewDecoder(os.Stdin).Decode(&q); err != nil {
		return err
	}
	verifier, err := note.NewVerifier(q.Key)
	if err != nil {
		return err
	}
	opened, err := note.Open([]byte(q.Note), note.VerifierList(verifier))
	if err != nil {
		return err
	}
	size, root, err := checkpoint(opened.Text)
	if err != nil || q.Proof == nil {
		return err
	}
	path := make([]tlog.Hash, len(q.Proof.Hashes))
	for i, text := range q.Proof.Hashes {
		if _, err := hex.Decode(path[i][:], []byte(text)); err != nil {
			return err
		}
	}
	switch q.Proof.Format {
	case "runback.inclusion/v1":
		// A leaf is the digest of its line, in hexadecimal digits.
		entry := sha256.Sum256([]byte(q.Proof.Event))
		leaf := tlog.RecordHash([]byte(hex.EncodeToString(entry[:])))
		return tlog.CheckRecord(path, size, root, q.Proof.Index, leaf)
	case "runback.consistency/v1":
		oldSize, oldRoot, err := checkpoint(q.Proof.Old)
		if err != nil {
			return err
		}
		return tlog.CheckTree(path, size, root, oldSize, oldRoot)
	}
	return errors.New("unknown proof")
}

func checkpoint(text string) (int64, tlog.Hash, error) {
	lines := strings.Split(text, "\n")
	var root tlog.Hash
	if len(lines) != 4 || lines[3] != "" {
		return 0, root, errors.New("not a checkpoint")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return 0, root, err
	}
	data, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(data) != len(root) {
		return 0, root, errors.New("not a root")
	}
	copy(root[:], data)
	return size, root, nil
}
