"""Which commits are held against each other, and when there is nothing to hold."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from runback_gate.errors import GitHubError, InputError
from runback_gate.github.api import Api
from runback_gate.github.event import EVENTS, Event
from runback_gate.github.pull import find_commits
from tests.github.events import pull_request, read
from tests.github.fake import FakeGitHub
from tests.github.repository import Repository


@dataclasses.dataclass
class Commits:
    """A pull request whose base moved on before GitHub merged it."""

    event: Event
    old: str
    base: str
    head: str
    merge: str


@pytest.fixture
def commits(tmp_path: Path, hub: FakeGitHub) -> Commits:
    """The commits, and an open pull request of a fork."""
    repository = Repository(tmp_path / "repository")
    hub.git = repository.path
    old = repository.commit("old")
    (repository.path / "a").write_text("")
    base = repository.commit("base")
    repository.git("checkout", "--quiet", "--detach", old)
    (repository.path / "b").write_text("")
    head = repository.commit("head")
    merge = repository.merge(base, head)
    hub.add_pull(7, head, source="eve/agent", merge_commit_sha=merge, base=old)
    value = pull_request("eve/agent", head={"sha": head, "ref": "topic", "repo": {"full_name": "eve/agent"}})
    value["pull_request"]["base"]["sha"] = old
    return Commits(read(value, GITHUB_SHA=merge), old, base, head, merge)


def trusted(commits: Commits) -> Event:
    """The job that runs with the rights of the base, after the one of the fork."""
    run = {
        "event": "pull_request",
        "head_sha": commits.head,
        "head_branch": "topic",
        "head_repository": {"full_name": "eve/agent"},
    }
    return read({"workflow_run": run}, GITHUB_EVENT_NAME="workflow_run", GITHUB_SHA=commits.base)


def test_the_merge_and_its_first_parent(api: Api, commits: Commits) -> None:
    """A pull request is judged as it would land, by the base that it would land on."""
    found = find_commits(api, commits.event)
    assert (found.head, found.base, found.event) == (commits.merge, commits.base, commits.event)


def test_a_head_alone(api: Api, commits: Commits) -> None:
    """A head without its merge is held against the commit at which it began, not against what the base became."""
    for base in (commits.old, commits.base):
        found = find_commits(api, dataclasses.replace(commits.event, sha=commits.head, base=base))
        assert (found.head, found.base, found.event.base) == (commits.head, commits.old, commits.old)


def test_a_merge_of_something_else(api: Api, commits: Commits) -> None:
    """A commit that is neither the head nor its merge is refused: nobody knows what its base is."""
    for sha in (commits.base, commits.old):
        with pytest.raises(InputError, match="is neither the head"):
            find_commits(api, dataclasses.replace(commits.event, sha=sha))


def test_a_merge_group(api: Api, commits: Commits) -> None:
    """A merge queue says its base."""
    value = {"merge_group": {"head_sha": commits.merge, "base_sha": commits.base, "base_ref": "refs/heads/main"}}
    event = read(value, GITHUB_EVENT_NAME="merge_group", GITHUB_SHA=commits.merge)
    found = find_commits(api, event)
    assert (found.head, found.base) == (commits.merge, commits.base)


BRANCH = [name for name, about in EVENTS.items() if about == "branch"]


def test_the_default_branch_speaks_for_itself(api: Api, commits: Commits) -> None:
    """On the default branch there is no base; which one that is the event says, or GitHub."""
    for name in BRANCH:
        for value in ({}, {"repository": {"default_branch": "main"}}):
            event = read(value, GITHUB_EVENT_NAME=name, GITHUB_SHA=commits.base, GITHUB_REF="refs/heads/main")
            found = find_commits(api, event)
            assert (found.head, found.base) == (commits.base, None)


OTHER = ["refs/tags/main", "refs/heads/main2", "refs/heads/Main", "refs/pull/7/head", "main", ""]


@pytest.mark.slow
def test_any_other_ref_has_a_base(api: Api, hub: FakeGitHub, commits: Commits) -> None:
    """A check there would stand on the head of a pull request: it is held against the default branch."""
    assert hub.git is not None
    Repository(hub.git).git("branch", "--force", "main", commits.base)
    for name, ref in [*((name, "refs/heads/topic") for name in BRANCH), *(("push", ref) for ref in OTHER)]:
        event = read({}, GITHUB_EVENT_NAME=name, GITHUB_SHA=commits.head, GITHUB_REF=ref)
        found = find_commits(api, event)
        assert (found.head, found.base, found.event.base_branch) == (commits.head, commits.old, "main")


def test_a_default_branch_of_any_name(api: Api, hub: FakeGitHub, commits: Commits) -> None:
    """Its name may hold slashes."""
    hub.default_branch = "release/2.x"
    assert hub.git is not None
    Repository(hub.git).git("branch", "--force", "release/2.x", commits.base)
    event = read({}, GITHUB_EVENT_NAME="push", GITHUB_SHA=commits.head, GITHUB_REF="refs/heads/main")
    assert find_commits(api, event).base == commits.old


def test_a_half_done_commit_is_no_base(api: Api, hub: FakeGitHub, commits: Commits) -> None:
    """A change that begins at a commit which came in by a merge would choose a state that its base never had."""
    assert hub.git is not None
    repository = Repository(hub.git)
    repository.checkout(commits.merge)
    (repository.path / "c").write_text("")
    tip = repository.commit("later")
    repository.git("branch", "--force", "main", tip)
    repository.checkout(commits.head)
    (repository.path / "d").write_text("")
    topic = repository.commit("from the middle of a branch that was merged")
    event = read({}, GITHUB_EVENT_NAME="push", GITHUB_SHA=topic, GITHUB_REF="refs/heads/topic")
    with pytest.raises(InputError, match="was not lately the state of main"):
        find_commits(api, event)


def test_a_workflow_run(api: Api, commits: Commits) -> None:
    """A trusted job finds the one open pull request of the head, its merge and its base."""
    found = find_commits(api, trusted(commits))
    assert (found.head, found.base) == (commits.merge, commits.base)
    assert (found.event.pull, found.event.base) == (7, commits.base)


def test_a_pull_request_target(api: Api, commits: Commits) -> None:
    """A trusted job of a pull request looks up its merge, because the runner names the base."""
    event = dataclasses.replace(commits.event, name="pull_request_target", sha=commits.base)
    found = find_commits(api, event)
    assert (found.head, found.base) == (commits.merge, commits.base)


@pytest.mark.parametrize("change", ["branch", "repository", "commit"])
def test_no_such_pull_request(api: Api, hub: FakeGitHub, commits: Commits, change: str) -> None:
    """Another branch, repository or commit is no pull request of this head."""
    changes = {"branch": {"branch": "other"}, "repository": {"source": "eve/else"}, "commit": {"head": commits.old}}
    hub.pulls[7] |= changes[change]
    with pytest.raises(InputError, match="no open pull request has the head"):
        find_commits(api, trusted(commits))


def test_two_pull_requests(api: Api, hub: FakeGitHub, commits: Commits) -> None:
    """One head with two pull requests has two bases: nobody knows which is meant."""
    hub.add_pull(8, commits.head, source="eve/agent", merge_commit_sha=commits.merge)
    with pytest.raises(InputError, match="2 open pull requests have the head"):
        find_commits(api, trusted(commits))


def test_closed_or_pushed_to(api: Api, hub: FakeGitHub, commits: Commits) -> None:
    """A pull request that was closed, or that is at another commit by now, is not judged."""
    event = dataclasses.replace(commits.event, name="pull_request_target")
    hub.pulls[7] |= {"state": "closed"}
    with pytest.raises(InputError, match="7 is not open"):
        find_commits(api, event)
    hub.pulls[7] |= {"state": "open", "head": commits.old}
    with pytest.raises(InputError, match="no longer at"):
        find_commits(api, event)


def test_conflicts(api: Api, hub: FakeGitHub, commits: Commits) -> None:
    """A pull request with conflicts has no merge; an old one is not taken for it."""
    event = dataclasses.replace(commits.event, name="pull_request_target")
    hub.pulls[7] |= {"mergeable": False, "merge_commit_sha": commits.base}
    with pytest.raises(InputError, match="cannot be merged"):
        find_commits(api, event)


def test_a_merge_that_is_not_made_yet(api: Api, hub: FakeGitHub, commits: Commits) -> None:
    """GitHub makes the merge in the background; it is waited for, not without end."""
    event = dataclasses.replace(commits.event, name="pull_request_target")
    hub.pulls[7] |= {"merge_commit_sha": None, "mergeable": None}
    with pytest.raises(GitHubError, match="has not made the merge yet"):
        find_commits(api, event)
    assert hub.slept == [1.0, 2.0, 4.0]


def test_an_answer_without_parents(api: Api, hub: FakeGitHub, commits: Commits) -> None:
    """An answer without parents is no commit."""
    hub.raw = b'{"sha": "x"}'
    with pytest.raises(GitHubError, match="no parents"):
        find_commits(api, commits.event)
