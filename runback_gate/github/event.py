"""What a job on GitHub is about: the event file and the variables of the runner, compared with each other.

In: the bytes of the event file and the environment. Out: `Event`. Nothing of it is trusted: an author of a pull request
chooses names of branches, titles and forks.

    event = read_event(data, os.environ)
    event.head, event.base, event.pull, event.fork
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final, Literal, NamedTuple
from urllib.parse import urlsplit

from runback_gate.canonical import JsonValue, is_git_id, parse_json
from runback_gate.errors import InputError
from runback_gate.frozen import dataclass

MAX_EVENT_BYTES: Final = 25 << 20
"""GitHub caps the payload of an event at 25 MB."""

_REPOSITORY: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}/[A-Za-z0-9_.-]{1,100}")
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,17}")
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
_PLACE: Final = "the event"

About = Literal["merge", "target", "queue", "run", "branch"]
"""What an event is about.

merge: a pull request, in a job that may run what it brings; the runner names GitHub's merge of it.
target: a pull request, in a job with the rights of the base; the head is data.
queue: a group of pull requests that waits to be merged.
run: the pull request that started an earlier workflow, with the rights of the base.
branch: a branch or a tag, and no pull request.
"""

EVENTS: Final[Mapping[str, About]] = {
    "pull_request": "merge",
    "pull_request_review": "merge",
    "pull_request_review_comment": "merge",
    "pull_request_target": "target",
    "merge_group": "queue",
    "workflow_run": "run",
    **dict.fromkeys(
        "branch_protection_rule check_run check_suite create delete deployment deployment_status discussion "
        "discussion_comment fork gollum image_version issue_comment issues label milestone page_build project "
        "project_card project_column public push registry_package release repository_dispatch schedule status watch "
        "workflow_dispatch".split(),
        "branch",
    ),
}
"""Every event by which GitHub starts a workflow (docs.github.com, "Events that trigger workflows").

`workflow_call` is no name that a job sees: it sees the event of its caller.
"""


@dataclass(frozen=True, slots=True)
class Event:
    """One job of one workflow run, and the commits that it judges."""

    name: str
    """One of `EVENTS`."""
    repository: str
    """`owner/name`, where the check and the comment belong."""
    api_url: str
    """Root of the API: https://api.github.com, or that of a GitHub Enterprise Server."""
    web_url: str
    sha: str
    """The commit that the runner names; for `pull_request` GitHub's merge of head into base."""
    head: str
    """The commit that the check stands on."""
    base: str | None
    """The commit whose files judge, as far as the event says it."""
    base_branch: str
    """Name of the branch that the head is to land on; empty where the event does not say it."""
    pull: int | None
    """Number of the pull request; None where there is none, and on `workflow_run` until it was looked up."""
    head_repository: str
    """`owner/name` that the head comes from."""
    head_branch: str
    """Name of the head's branch, chosen by its author; empty where it plays no part."""
    ref: str
    """What started the job, as `refs/heads/topic`; empty where the runner does not say it."""
    default_branch: str
    """Of the repository; empty where the event does not say it."""
    private: bool
    run_id: str
    attempt: str

    @property
    def fork(self) -> bool:
        """Whether the head comes from another repository: no secrets, a token that may only read."""
        return self.head_repository.lower() != self.repository.lower()

    @property
    def trusted(self) -> bool:
        """Whether the job runs the base's workflow with its rights: the head is data then, and never checked out."""
        return self.about in ("target", "run")

    @property
    def about(self) -> About:
        """What it is about."""
        return EVENTS[self.name]

    @property
    def run_url(self) -> str:
        """The page of the workflow run."""
        return f"{self.web_url}/{self.repository}/actions/runs/{self.run_id}"


def read_event(data: bytes, environ: Mapping[str, str]) -> Event:
    """Read the event of a job.

    Args:
        data: the file that GITHUB_EVENT_PATH names.
        environ: the variables of the runner.

    Raises:
        InputError: an event that is not known or names no commit, or a variable or a field that is missing or is not
            what GitHub would write.
    """
    name = _variable(environ, "GITHUB_EVENT_NAME", re.compile("[a-z_]{1,50}").fullmatch)
    repository = _variable(environ, "GITHUB_REPOSITORY", _REPOSITORY.fullmatch)
    sha = _variable(environ, "GITHUB_SHA", is_git_id)
    about = EVENTS.get(name)
    if about is None:
        hint = "start the job on `pull_request`, `merge_group`, or a `push` to the default branch"
        raise InputError(f"the event `{name}` is not known", hint=hint)
    value = parse_json(data, path=_PLACE, max_bytes=MAX_EVENT_BYTES)
    named = _named(about, value, repository)
    if named is None and _field(value, ("issue", "pull_request")) is not None:
        # It is about a pull request and says none of its commits, and what it starts runs on the default branch.
        hint = "start the job on `pull_request`"
        raise InputError(f"the event `{name}` of a pull request does not say which commit is meant", hint=hint)
    named = named or _Named(head=sha, source=repository)
    return Event(
        name=name,
        repository=repository,
        api_url=_url(environ, "GITHUB_API_URL", "https://api.github.com"),
        web_url=_url(environ, "GITHUB_SERVER_URL", "https://github.com"),
        sha=sha,
        head=named.head,
        base=named.base,
        base_branch=named.target,
        pull=named.pull,
        head_repository=named.source,
        head_branch=named.branch,
        ref=environ.get("GITHUB_REF", ""),
        default_branch=_default_branch(value),
        # What is not known to be public is treated as private.
        private=_field(value, ("repository", "private")) is not False,
        run_id=_variable(environ, "GITHUB_RUN_ID", _NUMBER.fullmatch),
        attempt=_variable(environ, "GITHUB_RUN_ATTEMPT", _NUMBER.fullmatch),
    )


class _Named(NamedTuple):
    """The commits that an event names."""

    head: str
    source: str
    """Repository of the head."""
    base: str | None = None
    pull: int | None = None
    branch: str = ""
    """Of the head."""
    target: str = ""
    """Branch of the base."""


def _named(about: About, value: JsonValue, repository: str) -> _Named | None:
    """What an event about a change names; None for one about a branch."""
    if about in ("merge", "target"):
        named = _Named(
            head=_sha(value, "pull_request", "head", "sha"),
            source=_source(value, "pull_request", "head", "repo"),
            base=_sha(value, "pull_request", "base", "sha"),
            pull=_integer(value, "pull_request", "number"),
            branch=_text(value, "pull_request", "head", "ref"),
            target=_text(value, "pull_request", "base", "ref"),
        )
        if (owner := _text(value, "pull_request", "base", "repo", "full_name")).lower() != repository.lower():
            raise InputError(f"{_PLACE}: the pull request is one of {owner[:100]!r}, not of {repository}")
        return named
    if about == "queue":
        base, target = _sha(value, "merge_group", "base_sha"), _text(value, "merge_group", "base_ref")
        head = _sha(value, "merge_group", "head_sha")
        return _Named(head, repository, base, target=target.removeprefix("refs/heads/"))
    if about == "run":
        started = _text(value, "workflow_run", "event")
        if started != "pull_request":
            hint = "let the job run for `pull_request` only: if: github.event.workflow_run.event == 'pull_request'"
            raise InputError(f"{_PLACE}: the workflow run was started by {started[:50]!r}", hint=hint)
        head, source = _sha(value, "workflow_run", "head_sha"), _source(value, "workflow_run", "head_repository")
        return _Named(head, source, branch=_text(value, "workflow_run", "head_branch"))
    return None


def check_sha(text: str, where: str) -> str:
    """The text, where it is the full name of a commit.

    Raises:
        InputError: it is not.
    """
    if not is_git_id(text):
        raise InputError(f"{where}: not the full SHA of a commit", hint="40 hexadecimal digits")
    return text


def _variable(environ: Mapping[str, str], name: str, is_form: Callable[[str], object]) -> str:
    value = environ.get(name, "")
    if not is_form(value):
        what = "is not set" if not value else f"is not what GitHub sets: {value[:80]!r}"
        raise InputError(f"{name} {what}", hint="`runback-gate action` runs in a job of GitHub Actions")
    return value


def _url(environ: Mapping[str, str], name: str, default: str) -> str:
    """A root URL without its final slash. The token goes there, so only over TLS, or to this machine."""
    url = environ.get(name) or default
    try:
        parts = urlsplit(url)
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        raise InputError(f"{name} is not a URL: {url[:200]!r}") from None
    safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    if not safe or not parts.hostname or not port_is_fine or parts.username or parts.query or parts.fragment:
        raise InputError(f"{name} is not the https URL of a server: {url[:200]!r}")
    return url.rstrip("/")


def _field(value: JsonValue, path: tuple[str, ...]) -> JsonValue:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _text(value: JsonValue, *path: str) -> str:
    found = _field(value, path)
    if not isinstance(found, str) or not found or len(found) > 1000:
        raise InputError(f"{_PLACE}: {'.'.join(path)} is missing, or is no text")
    return found


def _default_branch(value: JsonValue) -> str:
    """Some events do not say it, such as `schedule`."""
    place = ("repository", "default_branch")
    return "" if _field(value, place) is None else _text(value, *place)


def _sha(value: JsonValue, *path: str) -> str:
    return check_sha(_text(value, *path), f"{_PLACE}: {'.'.join(path)}")


def _integer(value: JsonValue, *path: str) -> int:
    found = _field(value, path)
    if not isinstance(found, int) or isinstance(found, bool) or found <= 0:
        raise InputError(f"{_PLACE}: {'.'.join(path)} is missing, or is no number")
    return found


def _source(value: JsonValue, *path: str) -> str:
    """The repository of a head. A fork that was deleted leaves null behind: still a fork, of nobody."""
    if _field(value, path) is None:
        return "deleted/fork"
    name = _text(value, *path, "full_name")
    if not _REPOSITORY.fullmatch(name):
        raise InputError(f"{_PLACE}: {'.'.join(path)}.full_name is no repository: {name[:100]!r}")
    return name
