"""The transparency log of the local Sigstore: Rekor v1 and v2 over one RFC 6962 tree.

In: what a client wants to be logged. Out: the entry with its inclusion proof and signed checkpoint.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from typing import Any

import rfc8785

from tests.sigstack.certificates import Key, key_id, new_key, now, sign

Json = dict[str, Any]


def b64(data: bytes) -> str:
    """Base64 text."""
    return base64.b64encode(data).decode()


class Tree:
    """A Merkle tree over leaf hashes (RFC 6962 §2.1), small and slow."""

    def __init__(self) -> None:
        self.leaves: list[bytes] = []

    def append(self, data: bytes) -> int:
        """Add a leaf and give its index."""
        self.leaves.append(_hash(b"\0" + data))
        return len(self.leaves) - 1

    def root(self, leaves: list[bytes] | None = None) -> bytes:
        """The hash of the tree, or of a part of it."""
        leaves = self.leaves if leaves is None else leaves
        if len(leaves) == 1:
            return leaves[0]
        split = 1 << ((len(leaves) - 1).bit_length() - 1)
        return _hash(b"\1" + self.root(leaves[:split]) + self.root(leaves[split:]))

    def path(self, index: int, leaves: list[bytes] | None = None) -> list[bytes]:
        """The hashes that lead from a leaf to the root."""
        leaves = self.leaves if leaves is None else leaves
        if len(leaves) == 1:
            return []
        split = 1 << ((len(leaves) - 1).bit_length() - 1)
        if index < split:
            return [*self.path(index, leaves[:split]), self.root(leaves[split:])]
        return [*self.path(index - split, leaves[split:]), self.root(leaves[:split])]


class Log:
    """One tree, two interfaces. `host` is the name that checkpoints bear."""

    def __init__(self, host: str) -> None:
        self.key: Key = new_key()
        self.signing_key: Key = self.key
        """Signs checkpoints and promises: another one than `key` makes a log that nobody trusts."""
        self._host = host
        self._tree = Tree()
        self._lock = threading.Lock()

    @property
    def id(self) -> bytes:
        """The name of the log."""
        return key_id(self.key)

    def add_v1(self, request: bytes) -> Json:
        """An entry `dsse` 0.0.1, which keeps hashes of the envelope and the log's own time."""
        content = json.loads(request)["spec"]["proposedContent"]
        envelope = json.loads(content["envelope"])
        spec: Json = {
            "envelopeHash": _named(content["envelope"].encode()),
            "payloadHash": _named(base64.b64decode(envelope["payload"])),
            "signatures": [
                {"signature": item["sig"], "verifier": content["verifiers"][0]} for item in envelope["signatures"]
            ],
        }
        body = rfc8785.dumps({"apiVersion": "0.0.1", "kind": "dsse", "spec": spec})
        index, size, root, path, checkpoint = self._append(body, " - 1")
        entry: Json = {
            "body": b64(body),
            "integratedTime": int(now().timestamp()),
            "logID": self.id.hex(),
            "logIndex": index,
        }
        proof = {
            "checkpoint": checkpoint,
            "hashes": [item.hex() for item in path],
            "logIndex": index,
            "rootHash": root.hex(),
            "treeSize": size,
        }
        promise = b64(sign(self.signing_key, rfc8785.dumps(entry)))
        entry["verification"] = {"signedEntryTimestamp": promise, "inclusionProof": proof}
        return {_hash(body).hex(): entry}

    def add_v2(self, request: bytes) -> Json:
        """An entry `hashedrekord` 0.0.2, which keeps no time."""
        asked = json.loads(request)["hashedRekordRequestV002"]
        data = {"algorithm": "SHA2_256", "digest": asked["digest"]}
        spec = {"hashedRekordV002": {"data": data, "signature": asked["signature"]}}
        body = rfc8785.dumps({"apiVersion": "0.0.2", "kind": "hashedrekord", "spec": spec})
        index, size, root, path, checkpoint = self._append(body, "")
        return {
            "logIndex": str(index),
            "logId": {"keyId": b64(self.id)},
            "kindVersion": {"kind": "hashedrekord", "version": "0.0.2"},
            "canonicalizedBody": b64(body),
            "inclusionProof": {
                "logIndex": str(index),
                "treeSize": str(size),
                "rootHash": b64(root),
                "hashes": [b64(item) for item in path],
                "checkpoint": {"envelope": checkpoint},
            },
        }

    def _append(self, body: bytes, suffix: str) -> tuple[int, int, bytes, list[bytes], str]:
        with self._lock:
            index = self._tree.append(body)
            size, root, path = index + 1, self._tree.root(), self._tree.path(index)
        # Other verifiers want the host without port as the name of the key; the suffix marks a log of version 1.
        note = f"{self._host}{suffix}\n{size}\n{b64(root)}\n"
        signature = b64(self.id[:4] + sign(self.signing_key, note.encode()))
        return index, size, root, path, f"{note}\n\u2014 {self._host} {signature}\n"


def _hash(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _named(data: bytes) -> Json:
    return {"algorithm": "sha256", "value": _hash(data).hex()}
