"""`attest`: sign what a report says, with a key or with the identity of a CI job."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runback_gate.cli import terminal
from runback_gate.cli.groups import command
from runback_gate.cli.keys import ask_password
from runback_gate.cli.options import FILE, JSON, argument, option, options
from runback_gate.cli.terminal import now
from runback_gate.github.job import job_origin, read_job

if TYPE_CHECKING:
    from runback_gate.app.attest import SigningWorld


@dataclass(frozen=True, slots=True)
class SignFlags:
    """How to sign: with a key, or with an identity token (None: that of the job)."""

    key: str | None = option("--key KEY", "Sign with this private key: a file, or env:NAME.")
    keyless: bool = option("--keyless", "Sign with the identity of the CI job through Sigstore.")
    token: str | None = option("--identity-token TOKEN", "Sign with this identity token: a file, env:NAME, or -.")
    trust_config: Path | None = option(
        "--trust-config FILE", "Sigstore trust configuration to sign with (default: the public one)."
    )
    public_log: bool = option("--public-log", "Allow the public log to name a repository that may be private.")


@dataclass(frozen=True, slots=True)
class FileFlags:
    """What is written, and the result that this one follows."""

    out: Path | None = option("--out FILE", "Bundle to write (default: attestation.json beside the report).")
    svr: Path | None = option("--svr FILE", "Also write a Simple Verification Result; only on a pass.")
    previous: Path | None = option("--previous BUNDLE", "The previous result on the branch.", type=FILE)


@dataclass(frozen=True, slots=True)
class OriginFlags:
    """Where the report was made, as far as somebody says so."""

    repository: str | None = option("--repository O/R|URL", "Repository that was judged (default: that of the CI job).")
    ref: str | None = option("--ref REF", "Git ref that was judged (default: that of the CI job).")
    commit: str | None = option(
        "--commit SHA", "Commit that was judged (default: that of the CI job, or of the report)."
    )


@command()
def attest(
    report: Path = argument(default=".runback/report.json"),
    signer: SignFlags = options(SignFlags),
    files: FileFlags = options(FileFlags),
    place: OriginFlags = options(OriginFlags),
    as_json: bool = JSON,
) -> int:
    """Sign the result of a REPORT (.runback/report.json), whether it passed or not.

    The signed statement is an in-toto test result: PASSED, WARNED or FAILED, with every case, over the report and the
    agent files. A case that could not be judged counts as FAILED. Signing with a key needs no network.

    Exit codes: 0 signed, whatever the result; 2 nothing was signed.
    """
    if (signer.key is None) == (not signer.keyless and signer.token is None):
        raise click.UsageError("say how to sign: --key or --keyless")
    from runback_gate.app import attest as app  # noqa: PLC0415  `--help` does without
    from runback_gate.app.signing import signed_json, signed_lines  # noqa: PLC0415

    job = read_job(os.environ)
    origin = job_origin(job, place.repository, place.ref, place.commit)
    by = app.SignedBy(signer.key, signer.token, signer.trust_config, signer.public_log)
    to_sign = app.SignedFiles(report, files.previous, now() if files.svr else None)
    signed = app.attest(to_sign, by, job, origin, signing_world())
    paths = app.write_signed(signed, report, files.out, files.svr)
    to_json, lines = partial(signed_json, paths=paths), partial(signed_lines, paths=paths)
    return terminal.show(signed.statement, as_json=as_json, to_json=to_json, lines=lines)


def signing_world() -> SigningWorld:
    """What signing is handed of the world outside."""
    from runback_gate.app.attest import SigningWorld  # noqa: PLC0415  `--help` does without

    return SigningWorld(os.environ, ask_password, time.sleep)
