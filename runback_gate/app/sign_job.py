"""A job of its own signs the report of an earlier one, and may send the result to GitHub's attestation store.

In: the inputs of the action and a report. Out: the bundle beside the reports, and the output `bundle`.

    sign_job(inputs, workspace / "judged/report.json", runner, world, print)

This job has an identity to lose, so it judges nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from runback_gate.app.attest import SignedBy, SignedFiles, SigningWorld, attest
from runback_gate.app.signing import signed_lines
from runback_gate.attest.bundle import MAX_BUNDLE_BYTES, read_bundle
from runback_gate.documents.named_files import read_file, write_file
from runback_gate.errors import GitHubError
from runback_gate.github.job import Job, job_origin, read_job
from runback_gate.github.runner import Inputs, Runner
from runback_gate.report import BUNDLE
from runback_gate.report.text import command_data, line, log


def sign_job(inputs: Inputs, report: Path, runner: Runner, world: SigningWorld, write: Callable[[str], object]) -> int:
    """Sign a report as `attest` does; that the store takes the bundle is wished for, not needed.

    Raises:
        InputError: no report of this run, or nothing to sign with.
        SigningError: a service that signing needs did not answer as it must.
    """
    path, job = runner.folder / BUNDLE, read_job(world.environ)
    by = SignedBy(inputs.key, public_log=inputs.public_log)
    signed = attest(SignedFiles(report), by, job, job_origin(job), world)
    write_file(path, signed.bundle)
    for text in signed_lines(signed.statement, [path]):
        write(f"{log(text)}\n")
    runner.output("bundle", f"{inputs.report}/{BUNDLE}")
    if inputs.store:
        write(f"{_stored(inputs, path, job, world)}\n")
    return 0


def _stored(inputs: Inputs, path: Path, job: Job, world: SigningWorld) -> str:
    """What came of sending the bundle to the store: a line of the log, or a warning."""
    bundle = read_bundle(read_file(path, MAX_BUNDLE_BYTES), path.name)
    try:
        number = _store(inputs.token, bundle, job, world)
    except GitHubError as error:
        said = command_data(log(line(f"Not in the attestation store: {error}. The bundle is signed all the same.")))
        return f"::warning title=Runback gate::{said}"
    return f"stored     attestation {number}"


def _store(token: str, bundle: Mapping[str, object], job: Job, world: SigningWorld) -> int:
    from runback_gate.github.api import Api, number  # noqa: PLC0415  loads PyGithub

    api_url, repository = world.environ.get("GITHUB_API_URL", ""), world.environ.get("GITHUB_REPOSITORY", "")
    if job.private is not False:
        raise GitHubError("it is for public repositories; a private one has its own through actions/attest")
    if not (token and api_url and repository):
        raise GitHubError("a token, GITHUB_API_URL and GITHUB_REPOSITORY are needed")
    api = Api(api_url, repository, token, sleep=world.pause)
    return number(api.post("attestations", {"bundle": bundle}), "id")
