"""Sign the report of a file, with the key or the identity that someone named.

In: the names of files and keys, the CI job, the environment. Out: what was signed.

    world = SigningWorld(os.environ, ask, time.sleep)
    signed = attest(SignedFiles(Path("report.json")), SignedBy(key="acme.key"), job, origin, world)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from runback_gate.app.keys import ENVIRONMENT, Ask, private_key
from runback_gate.app.signing import Key, Keyless, Signed, SignOptions, gate_of, load_trust, read_named, sign
from runback_gate.attest.bundle import MAX_BUNDLE_BYTES
from runback_gate.attest.statement import Origin
from runback_gate.documents.named_files import STDIN, read_file, write_file
from runback_gate.errors import InputError
from runback_gate.frozen import dataclass
from runback_gate.github.job import Job
from runback_gate.masking import secrets_of
from runback_gate.report import BUNDLE
from runback_gate.report.model import MAX_REPORT_BYTES

MAX_TOKEN_BYTES = 64 << 10


@dataclass(frozen=True, slots=True)
class SigningWorld:
    """What signing is handed of the world outside."""

    environ: Mapping[str, str]
    """Holds keys, passwords and the tokens of the CI job."""
    ask: Ask
    pause: Callable[[float], None]
    """Waits some seconds."""


@dataclass(frozen=True, slots=True)
class SignedBy:
    """Who signs. With neither key nor token it is the identity of the CI job."""

    key: str | None = None
    """Private key: a file, or env:NAME."""
    token: str | None = None
    """Identity token: a file, env:NAME, or `-` for standard input."""
    trust: Path | None = None
    """Trust configuration of a Sigstore; None for the public one."""
    public_log: bool = False
    """Whether the public log may name a repository that may be private."""


@dataclass(frozen=True, slots=True)
class SignedFiles:
    """What is signed, and the result that it follows."""

    report: Path
    previous: Path | None = None
    """Bundle of the result before this one on the branch."""
    svr_time: str | None = None
    """RFC 3339 time: sign a Simple Verification Result too."""


def attest(files: SignedFiles, by: SignedBy, job: Job, origin: Origin, world: SigningWorld) -> Signed:
    """Sign what the report of a file says, whether it passed or not.

    Raises:
        InputError: no report of this run, or nothing to sign with.
        SigningError: a service that signing needs did not answer as it must.
    """
    report = read_named(files.report, MAX_REPORT_BYTES, "`runback-gate run` writes it")
    earlier = read_named(files.previous, MAX_BUNDLE_BYTES) if files.previous else None
    options = SignOptions(earlier, files.svr_time, job.commits, gate_of(files.report))
    return sign(report, _signer(by, job, world), origin, options)


def write_signed(signed: Signed, report: Path, out: Path | None, svr: Path | None) -> list[Path]:
    """Write the bundles, the first one beside the report where `out` names no other place; where they are.

    Raises:
        WriteError: one cannot be written.
    """
    folder = Path() if report == STDIN else report.parent
    path = out or folder / BUNDLE
    write_file(path, signed.bundle)
    if svr is None or signed.svr is None:
        return [path]
    write_file(svr, signed.svr)
    return [path, svr]


def _signer(by: SignedBy, job: Job, world: SigningWorld) -> Key | Keyless:
    if by.key is not None:
        return Key(private_key(by.key, world.environ, world.ask))
    from runback_gate.attest.sigstore import ambient_token  # noqa: PLC0415  half a second

    trust, allowed = load_trust(by.trust), by.public_log or job.private is False
    if by.token is not None:
        return Keyless(_token(by.token, world.environ), trust, allowed, world.pause)
    # A token is not asked for in vain: `sign` says why it would not be used.
    token = ambient_token(secrets_of(world.environ)) if allowed or not trust.public else ""
    return Keyless(token, trust, allowed, world.pause)


def _token(source: str, environ: Mapping[str, str]) -> str:
    if source.startswith(ENVIRONMENT):
        data = environ.get(source.removeprefix(ENVIRONMENT), "")
    else:
        data = read_file(Path(source), MAX_TOKEN_BYTES).decode("ascii", "replace")
    if not data.strip():
        raise InputError("--identity-token: there is none", hint="a file, env:NAME, or - for standard input")
    return data.strip()
