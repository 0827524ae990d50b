"""A job of its own signs the report of an earlier one, and may send the result to GitHub's attestation store.

In: the inputs of the action and a report. Out: the bundle beside the reports, and the output `bundle`.

    sign(inputs, workspace / "judged/report.json", runner)

This job has an identity to lose, so it judges nothing.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import click

from runback_gate.documents.named_files import read_file, write_file
from runback_gate.errors import GitHubError
from runback_gate.github.runner import Inputs, Runner
from runback_gate.report import BUNDLE
from runback_gate.report.text import command_data, safe_terminal


def sign(inputs: Inputs, report: Path, runner: Runner) -> int:
    """Sign a report as `attest` does; that the store takes the bundle is wished for, not needed."""
    from runback_gate.cli.attest import SignFlags, show_signed, sign_report  # noqa: PLC0415  heavy
    from runback_gate.github.job import job_origin, read_job  # noqa: PLC0415

    path, job = runner.folder / BUNDLE, read_job(os.environ)
    signed = sign_report(report, SignFlags(inputs.key, public_log=inputs.public_log), job, job_origin(job))
    write_file(path, signed.bundle)
    show_signed(signed, [path])
    runner.output("bundle", f"{inputs.report}/{BUNDLE}")
    if inputs.store:
        _store(inputs, path)
    return 0


def _store(inputs: Inputs, path: Path) -> None:
    from runback_gate.attest.bundle import MAX_BUNDLE_BYTES, read_bundle  # noqa: PLC0415  loads PyGithub
    from runback_gate.github.api import Api, number  # noqa: PLC0415
    from runback_gate.github.job import read_job  # noqa: PLC0415

    bundle = read_bundle(read_file(path, MAX_BUNDLE_BYTES), path.name)
    api_url, repository = os.environ.get("GITHUB_API_URL", ""), os.environ.get("GITHUB_REPOSITORY", "")
    try:
        if read_job(os.environ).private is not False:
            raise GitHubError("it is for public repositories; a private one has its own through actions/attest")
        if not (inputs.token and api_url and repository):
            raise GitHubError("a token, GITHUB_API_URL and GITHUB_REPOSITORY are needed")
        api = Api(api_url, repository, inputs.token, sleep=time.sleep)
        found = number(api.post("attestations", {"bundle": bundle}), "id")
    except GitHubError as error:
        said = command_data(safe_terminal(f"Not in the attestation store: {error}. The bundle is signed all the same."))
        click.echo(f"::warning title=Runback gate::{said}")
    else:
        click.echo(f"stored     attestation {found}")
