"""What a verified signature proves: who signed, when, and where it was logged.

In: nothing; the values are made by `keys` and `sigstore`. Out: `Proof`.

    Proof(payload, key="sha256:…")                                   # a key of ours; nothing is proven about the time
    Proof(payload, identity=Identity(…), log=LogEntry(…), time="2026-11-23T07:40:12Z")
"""

from __future__ import annotations

from runback_gate.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a certificate was issued to, as the certificate authority checked it. None: the certificate does not say."""

    name: str
    """The subject alternative name. Of a GitHub workflow: `https://github.com/O/R/.github/workflows/F@refs/…`"""
    issuer: str
    """Who vouched for the name: the OpenID Connect issuer."""
    repository: str | None = None
    """Repository whose workflow ran, `https://github.com/O/R`; not always that of the workflow's file."""
    ref: str | None = None
    """Ref that the workflow ran for."""
    commit: str | None = None
    """Commit that the workflow ran for."""
    trigger: str | None = None
    """Event that started it: `push`, `pull_request`, …"""
    runner: str | None = None
    """`github-hosted` or `self-hosted`"""
    run: str | None = None
    """URL of the run and its attempt."""


@dataclass(frozen=True, slots=True)
class LogEntry:
    """Where a signature stands in a transparency log whose checkpoint and inclusion proof verify."""

    index: int
    log: str
    """URL of the log, as the trust root names it."""
    integrated: str | None
    """RFC 3339 time at which the log says that it took the entry; None for a log that keeps no time."""


@dataclass(frozen=True, slots=True)
class Proof:
    """A payload, and what is proven about its signature."""

    payload: bytes
    key: str | None = None
    """Digest of the public key that verified it, when it was not a certificate."""
    identity: Identity | None = None
    log: LogEntry | None = None
    time: str | None = None
    """RFC 3339 time of a timestamp authority: the signature existed then."""
