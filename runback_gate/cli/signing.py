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

from runback_gate.cli.files import read_file
from runback_gate.cli.runner import Inputs, Runner
from runback_gate.errors import GitHubError
from runback_gate.report.text import command_data, terminal

BUNDLE = "attestation.json"


def sign(inputs: Inputs, report: Path, runner: Runner) -> int:
    """Sign a report as `attest` does; that the store takes the bundle is wished for, not needed."""
    from runback_gate.cli.attest import attest  # noqa: PLC0415  a job that judges does without

    path = runner.folder / BUNDLE
    words = [str(report), "--out", str(path)]
    words += ["--key", inputs.key] if inputs.key else ["--keyless"]
    words += ["--public-log"] if inputs.public_log else []
    # A command keeps the help option that its first context made.
    with attest.make_context("attest", words, help_option_names=["-h", "--help"]) as context:
        code = attest.invoke(context)
    runner.output("bundle", f"{inputs.report}/{BUNDLE}")
    if inputs.store:
        _store(inputs, path)
    return int(code)


def _store(inputs: Inputs, path: Path) -> None:
    from runback_gate.attest.bundle import MAX_BUNDLE_BYTES, read_bundle  # noqa: PLC0415
    from runback_gate.cli.attest import read_job  # noqa: PLC0415
    from runback_gate.github.api import Api, number  # noqa: PLC0415  loads PyGithub

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
        said = command_data(terminal(f"Not in the attestation store: {error}. The bundle is signed all the same."))
        click.echo(f"::warning title=Runback gate::{said}")
    else:
        click.echo(f"stored     attestation {found}")
