"""The commands that verify the same with other people's tools: cosign, and gh for what GitHub vouches for.

In: what was given on the command line, and what came of it. Out: commands of a POSIX shell, each whole in itself.

    for command in commands(options, verification):
        subprocess.run(["sh", "-c", command], check=True)

A command says what was proven here, or it is not printed: signer, issuer, repository, ref, commit and trigger to the
letter, the bytes of the file, and the very statement, whose result was read. So nothing passes it that is refused here.
It writes to temporary files only. What a shell cannot name (standard input) gets no command.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Iterator
from typing import Final

from runback_gate.attest.history import statement_digest
from runback_gate.attest.proof import Identity
from runback_gate.attest.statement import REPORT_NAME, TEST_RESULT, Statement
from runback_gate.attest.verify import Verification
from runback_gate.frozen import dataclass

GITHUB: Final = "https://github.com/"
GITHUB_ISSUER: Final = "https://token.actions.githubusercontent.com"

_PLAIN: Final = re.compile(r"/.*|[\w.][\w./-]*", re.ASCII | re.DOTALL)
_ENVIRONMENT: Final = "env:"
_STANDARD_INPUT: Final = "-"
_ROOT: Final = '"$root"'


@dataclass(frozen=True, slots=True)
class VerifyOptions:
    """What was given on the command line, by the names that it has there."""

    bundle: str
    report: str | None = None
    agents: tuple[str, ...] = ()
    identity: str | None = None
    issuer: str | None = None
    key: str | None = None
    trust: str | None = None
    """File of a trusted root or client trust config; None for the public instance."""
    trust_is_config: bool = False


def commands(options: VerifyOptions, found: Verification) -> tuple[str, ...]:
    """What cosign and gh verify the same with; nothing for what is not believed here."""
    statement = found.statement
    named = [options.bundle, options.report, options.key, options.trust, *options.agents]
    if found.status not in ("passed", "not passed") or statement is None or _STANDARD_INPUT in named:
        return ()
    identity = found.proof.identity if found.proof is not None else None
    return tuple(_commands(options, statement, identity))


def _commands(options: VerifyOptions, statement: Statement, identity: Identity | None) -> Iterator[str]:
    same = _same_statement(options.bundle, statement)
    files = [name for name in (options.report, *options.agents) if name is not None]
    who = _cosign_key(options.key) if options.key is not None else _cosign_identity(options, identity)
    if who is not None:
        for what in [[_path(name)] for name in files] or [_digest(statement)]:
            words = ["cosign", "verify-blob-attestation", "--new-bundle-format", "--bundle", _path(options.bundle)]
            trust = f" --trusted-root {_root(options)}" if options.trust else ""
            cosign = _shell([*words, "--type", TEST_RESULT, *who])
            yield f"{_made_root(options)}{cosign}{trust} {_shell(what)} && {same}"
    if identity is not None and _gh_can(options, identity):
        for name in files:
            yield f"{_gh(options, identity, name)} && {same}"


def _cosign_key(key: str) -> list[str]:
    name = key.replace(_ENVIRONMENT, "env://", 1) if key.startswith(_ENVIRONMENT) else _path(key)
    return ["--key", name, "--insecure-ignore-tlog"]


def _cosign_identity(options: VerifyOptions, identity: Identity | None) -> list[str] | None:
    """What cosign must find in the certificate; None where it cannot look at all that was compared here."""
    if identity is None:
        return None
    words = ["--certificate-identity", identity.name, "--certificate-oidc-issuer", identity.issuer]
    facts = {
        "repository": (identity.repository or "").removeprefix(GITHUB),
        "ref": identity.ref,
        "sha": identity.commit,
        "trigger": identity.trigger,
    }
    if options.issuer != GITHUB_ISSUER and any(facts.values()):
        return None
    for name, value in facts.items():
        words += [f"--certificate-github-workflow-{name}", value] if value else []
    return [*words, "--use-signed-timestamps"]


def _gh_can(options: VerifyOptions, identity: Identity) -> bool:
    """Whether gh reads such a bundle, and the certificate says all that it is asked for."""
    facts = (identity.repository, identity.commit, identity.ref, identity.trigger)
    known = all(facts) and (identity.repository or "").startswith(GITHUB)
    return known and options.issuer == GITHUB_ISSUER and options.bundle.endswith(".json")


def _gh(options: VerifyOptions, identity: Identity, file: str) -> str:
    words = ["gh", "attestation", "verify", _path(file), "--bundle", _path(options.bundle)]
    words += ["--repo", (identity.repository or "").removeprefix(GITHUB), "--predicate-type", TEST_RESULT]
    words += ["--cert-identity", identity.name, "--cert-oidc-issuer", identity.issuer]
    words += ["--source-ref", identity.ref or "", "--source-digest", identity.commit or "", "--format", "json"]
    # gh reads one root a line.
    made = f"{_MAKE} && jq -ce '{_config(options)}' {_quoted(options.trust)} > {_ROOT} && " if options.trust else ""
    trust = f" --custom-trusted-root {_ROOT}" if options.trust else ""
    # Without an answer jq reads an empty list.
    same = f".verificationResult.signature.certificate.buildTrigger == {json.dumps(identity.trigger)}"
    answer = shlex.quote(f"length == 1 and (.[0] | length == 1 and all({same}))")
    return f"{made}{_shell(words)}{trust} | jq -se {answer} > /dev/null"


_MAKE: Final = "root=$(mktemp)"


def _config(options: VerifyOptions) -> str:
    return ".trustedRoot" if options.trust_is_config else "."


def _made_root(options: VerifyOptions) -> str:
    """The beginning of a command for whose tool the root must be taken out of a client trust config."""
    if not options.trust_is_config:
        return ""
    return f"{_MAKE} && jq -e .trustedRoot {_quoted(options.trust)} > {_ROOT} && "


def _root(options: VerifyOptions) -> str:
    return _ROOT if options.trust_is_config else _quoted(options.trust)


def _same_statement(bundle: str, statement: Statement) -> str:
    """Holds the payload against the statement that was read here: no other tool reads what it says."""
    digest = statement_digest(statement).removeprefix("sha256:")
    payload = f"jq -j .dsseEnvelope.payload {_quoted(bundle)} | openssl base64 -d -A"
    return f"{payload} | openssl dgst -sha256 -r | grep -q ^{digest}"


def _digest(statement: Statement) -> list[str]:
    digest = statement.subject(REPORT_NAME) or ""
    return ["--digest", digest.removeprefix("sha256:"), "--digestAlg", "sha256"]


def _path(name: str) -> str:
    """A file so that no tool takes it for an option, for standard input or for a URL."""
    return name if _PLAIN.fullmatch(name) else f"./{name}"


def _quoted(name: str | None) -> str:
    return shlex.quote(_path(name or ""))


def _shell(words: Iterable[str]) -> str:
    return " ".join(map(shlex.quote, words))
