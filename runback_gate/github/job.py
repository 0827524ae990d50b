"""The job of GitHub Actions that signs: what its environment and its event say about it.

In: the environment and the bytes of the event. Out: a `Job`, and the `Origin` that is signed. Outside of GitHub Actions
the job says nothing.

    job = job_of(environ, event_bytes)
    job_origin(job, repository="acme/agent").repository     # https://github.com/acme/agent
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from runback_gate.attest.statement import Origin
from runback_gate.canonical import is_git_id, parse_json
from runback_gate.documents.named_files import read_file
from runback_gate.errors import DocumentError, InputError
from runback_gate.frozen import dataclass
from runback_gate.github.event import MAX_EVENT_BYTES

GITHUB: Final = "https://github.com"


@dataclass(frozen=True, slots=True)
class Job:
    """What the environment says about the CI job. None: it does not say."""

    repository: str | None = None
    ref: str | None = None
    commit: str | None = None
    url: str | None = None
    attempt: int = 1
    private: bool | None = None
    commits: tuple[str, ...] = ()
    """Other commits that the job is about: the head of its pull request, or of the run that started it."""


def in_job(environment: Mapping[str, str]) -> bool:
    """Whether this is a job of GitHub Actions."""
    return environment.get("GITHUB_ACTIONS") == "true"


def read_job(environment: Mapping[str, str]) -> Job:
    """The CI job that an environment names, with the event that started it.

    Raises:
        InputError: the event cannot be read.
    """
    path = environment.get("GITHUB_EVENT_PATH") if in_job(environment) else None
    return job_of(environment, read_file(Path(path), MAX_EVENT_BYTES) if path else None)


def job_of(environment: Mapping[str, str], data: bytes | None) -> Job:
    """What GitHub Actions says about its job; nothing elsewhere.

    Raises:
        InputError: the event is not JSON.
    """
    if not in_job(environment):
        return Job()
    name, run = environment.get("GITHUB_REPOSITORY"), environment.get("GITHUB_RUN_ID")
    attempt = environment.get("GITHUB_RUN_ATTEMPT", "1")
    repository = f"{environment.get('GITHUB_SERVER_URL', GITHUB)}/{name}" if name else None
    event = _event(data)
    facts = event.get("repository")
    private = facts.get("private") if isinstance(facts, dict) else None
    return Job(
        repository=repository,
        ref=environment.get("GITHUB_REF") or None,
        commit=environment.get("GITHUB_SHA") or None,
        url=f"{repository}/actions/runs/{run}/attempts/{attempt}" if repository and run else None,
        attempt=int(attempt) if re.fullmatch("[1-9][0-9]{0,8}", attempt) else 1,
        private=private if isinstance(private, bool) else None,
        commits=tuple(_heads(event)),
    )


def repository_url(name: str) -> str:
    """`acme/agent` as the URL by which certificates name it; a URL stays."""
    return name if "://" in name else f"{GITHUB}/{name}"


def job_origin(job: Job, repository: str | None = None, ref: str | None = None, commit: str | None = None) -> Origin:
    """Where a result was made: what somebody said, else what the job says.

    Raises:
        InputError: the commit is none.
    """
    commit = commit or job.commit
    if commit is not None and not is_git_id(commit):
        raise InputError(f"--commit {commit}: not a commit", hint="40 or 64 hex digits, lower case")
    return Origin(
        repository=repository_url(repository) if repository else job.repository,
        ref=ref or job.ref,
        commit=commit,
        url=job.url,
        attempt=job.attempt,
    )


def _heads(event: dict[str, Any]) -> Iterator[str]:
    for *names, last in (("pull_request", "head", "sha"), ("workflow_run", "head_sha"), ("merge_group", "head_sha")):
        value: Any = event
        for name in names:
            value = value.get(name) if isinstance(value, dict) else None
        if isinstance(value, dict) and isinstance(value.get(last), str):
            yield value[last]


def _event(data: bytes | None) -> dict[str, Any]:
    if data is None:
        return {}
    try:
        value = parse_json(data, path="GITHUB_EVENT_PATH", max_bytes=MAX_EVENT_BYTES)
    except DocumentError as error:
        raise InputError(str(error), hint="the event of the job cannot be read") from error
    return value if isinstance(value, dict) else {}
