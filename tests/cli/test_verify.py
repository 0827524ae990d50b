"""`verify` as a user meets it: with a key, and against a Sigstore of this machine."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sigstore.models import ClientTrustConfig

from tests.cli.conftest import Command, Result, change, write
from tests.sigstack.stack import COMMIT, IDENTITY, ISSUER, REF, WORKFLOW, Stack

BRANCH = ("--repository", "acme/agent", "--ref", REF, "--commit", COMMIT)
TRUST = ("--trust-config", "trust.json")
KEY = ("--key", "gate.pub")
BUNDLE, REPORT = ".runback/attestation.json", ".runback/report.json"


@pytest.fixture(scope="module")
def services() -> Iterator[Stack]:
    """A Sigstore of this machine."""
    with Stack() as stack:
        yield stack


@pytest.fixture(autouse=True)
def no_job(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of whoever runs the tests has no say."""
    for name in ("GITHUB_ACTIONS", "RUNBACK_KEY_PASSWORD"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def judged(gate: Path, command: Command, services: Stack) -> Path:
    """A green gate, a key, and the file of the Sigstore."""
    assert command("run").code == 0
    assert command("keys", "generate", "gate", "--no-password").code == 0
    write("trust.json", json.dumps(services.trust_config()))
    return gate


@pytest.fixture
def by_key(judged: Path, command: Command) -> Path:
    """The result signed with the key."""
    assert command("attest", "--key", "gate.key", *BRANCH).code == 0
    return judged


@pytest.fixture
def by_job(request: pytest.FixtureRequest, command: Command, services: Stack) -> Callable[..., None]:
    """Signs the result in the place of a job, whose identity may be changed."""
    request.getfixturevalue("judged")

    def sign(*arguments: str, **claims: Any) -> None:
        write("token", services.token(**claims))
        result = command("attest", "--identity-token", "token", *TRUST, *BRANCH, *arguments)
        assert (result.code, result.err) == (0, "")

    return sign


def red() -> None:
    """Make the gate's only case fail."""
    change("datasets/support.yaml", "toolCalled: {name: escalate", "toolCalled: {name: issue_refund")


def reasons(result: Result) -> list[str]:
    """What speaks against a result."""
    return [line.partition("✗ ")[2] for line in result.out.splitlines() if "✗" in line]


@pytest.mark.usefixtures("by_key")
def test_signed_and_passed(command: Command) -> None:
    """Exit 0; the report and the agent file are those that were signed; the command for cosign is there."""
    result = command("verify", BUNDLE, *KEY, "--report", REPORT, "--agent", "agents/support.yaml", *BRANCH)
    assert (result.code, result.err) == (0, "")
    assert result.out.count("· the same") == 2
    assert "result       SIGNED, PASSED · exit 0\n" in result.out
    assert result.out.splitlines()[-1].startswith("  cosign verify-blob-attestation ")


@pytest.mark.usefixtures("judged")
def test_signed_and_not_passed(command: Command) -> None:
    """Exit 3: a valid signature over a red result."""
    red()
    command("run")
    assert command("attest", "--key", "gate.key").code == 0
    result = command("verify", BUNDLE, *KEY, "--report", REPORT)
    assert result.code == 3
    assert "result       SIGNED, NOT PASSED · exit 3\n" in result.out
    assert "support: support/sample-0 (toolCalled issue_refund(reason))" in result.out


@pytest.mark.usefixtures("by_key")
@pytest.mark.parametrize("old", ['"sig":"M', '"payload":"e', '"hint":"'])
def test_a_changed_bundle(command: Command, old: str) -> None:
    """Exit 1, with the reason, and no word about what it says."""
    change(BUNDLE, old, old + "A" if old.endswith('"') else old[:-1] + "N")
    result = command("verify", BUNDLE, *KEY)
    assert result.code == 1
    assert result.out.splitlines()[0].startswith("signed       no    .runback/attestation.json: ")
    assert "INVALID · exit 1" in result.out
    assert "passed" not in result.out


@pytest.mark.usefixtures("by_key")
def test_a_changed_report(command: Command) -> None:
    """Exit 1: the file that is at hand is another."""
    change(REPORT, '"PASS"', '"PASS" ')
    result = command("verify", BUNDLE, *KEY, "--report", REPORT, "--agent", "runback.yaml")
    assert result.code == 1
    assert [reason.partition(":")[0] for reason in reasons(result)] == [
        "another report.json",
        "runback.yaml is none of the files that were judged",
    ]


@pytest.mark.usefixtures("by_key")
def test_what_cannot_be_verified(refused: Callable[..., str], command: Command) -> None:
    """Exit 2, on standard error: missing or other files, and usage that says too little or too much."""
    who = "say who must have signed: --identity or --key. Try 'runback-gate verify --help'."
    assert refused("verify", BUNDLE) == who
    assert refused("verify", BUNDLE, *KEY, "--identity", IDENTITY) == who
    assert refused("verify", BUNDLE, "--identity", "ada@example.com").startswith("--identity needs --issuer")
    for more in (("--trigger", "push"), ("--issuer", ISSUER), TRUST, ("--offline",), ("--allow-pull-request",)):
        assert refused("verify", BUNDLE, *KEY, *more).startswith("a key has no issuer, no trust root and no trigger")
    assert refused("verify", "none.json", *KEY).startswith("none.json: no such file")
    assert refused("verify", REPORT, *KEY).startswith(f"{REPORT}: not a Sigstore bundle v0.3")
    assert refused("verify", BUNDLE, "--key", "gate.key").startswith("gate.key: a private key")
    error = refused("verify", BUNDLE, "--identity", IDENTITY, *TRUST)
    assert error.endswith("was signed with a key, not a certificate (verify it with --key)")
    pretty = json.dumps(json.loads(Path(BUNDLE).read_text()), indent=2)
    write("pretty.json", pretty)
    assert refused("verify", "pretty.json", *KEY).startswith("pretty.json: the bundle is not in canonical form")
    command("attest", "--key", "gate.key", "--svr", "svr.json")
    assert refused("verify", "svr.json", *KEY).startswith("svr.json: the signed statement is not the result of a gate")


@pytest.mark.usefixtures("by_key")
def test_json(command: Command) -> None:
    """A program gets one object, in ASCII, with the same exit code."""
    result = command("verify", BUNDLE, *KEY, "--json")
    value = json.loads(result.out)
    assert (result.code, value["exit_code"], value["status"]) == (0, 0, "passed")
    assert value["signed"]["key"].startswith("sha256:")
    assert result.out.isascii()


@pytest.mark.usefixtures("judged")
def test_a_history(command: Command, refused: Callable[..., str]) -> None:
    """Results that were given show attempts; one that was deleted shows as a gap, and exit 2."""
    before: tuple[str, ...] = ()
    for number in (1, 2, 3):
        write(f"results/{number}.json", "")
        result = command("attest", "--key", "gate.key", *BRANCH, *before, "--out", f"results/{number}.json")
        assert result.code == 0
        before = ("--previous", f"results/{number}.json")
    whole = command("verify", "results/3.json", *KEY, "--history", "results")
    assert whole.code == 0
    assert "number 3, attempt 3 at this commit; attempt 1 PASSED; attempt 2 PASSED\n" in whole.out
    assert "3 results: 3 passed, 0 did not; nothing is missing\n" in whole.out
    gap = command("verify", "results/3.json", *KEY, "--history", "results/1.json")
    assert gap.code == 2
    assert "? number 2 is missing: number 3 names sha256:" in gap.out
    assert "result       NOT VERIFIED · exit 2\n" in gap.out
    Path("results/2.json").write_bytes(Path("results/2.json").read_bytes().replace(b'"sig":"M', b'"sig":"N'))
    broken = command("verify", "results/3.json", *KEY, "--history", "results")
    assert (broken.code, len(reasons(broken))) == (1, 1)
    write("results/4.json", "{}")
    assert refused("verify", "results/3.json", *KEY, "--history", "results").startswith("results/4.json: not a Sig")
    write("empty/x.txt", "")
    assert refused("verify", "results/3.json", *KEY, "--history", "empty").startswith("empty: no bundle in it")


@pytest.mark.usefixtures("by_key")
def test_a_folder_that_cannot_be_listed(
    refused: Callable[..., str], here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is an error: to pass over it would be a silence."""
    (here / "results").mkdir()

    def denied(path: Path) -> Iterator[Path]:
        raise PermissionError(13, "Permission denied", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "iterdir", denied)
        assert refused("verify", BUNDLE, *KEY, "--history", "results") == "results: cannot be listed: Permission denied"


def test_a_workflow_signed(command: Command, by_job: Callable[..., None]) -> None:
    """Repository, workflow, ref, trigger, commit, place in the log and time are shown; the issuer is known."""
    by_job()
    result = command("verify", BUNDLE, "--identity", IDENTITY, *TRUST, *BRANCH, "--trigger", "push", "--report", REPORT)
    assert (result.code, result.err) == (0, "")
    first = result.out.splitlines()[0]
    for part in ("yes", "acme/agent", f"{WORKFLOW}@{REF}", "push", COMMIT, "github-hosted", "log index"):
        assert part in first
    assert "as the certificate says" in result.out
    told = result.out.partition("the same with other tools:\n")[2].splitlines()
    assert len(told) == 2
    assert "cosign verify-blob-attestation" in told[0]
    assert "gh attestation verify" in told[1]


OTHER = "b" * 40
SIGNERS: dict[str, tuple[dict[str, Any], tuple[str, ...], list[str]]] = {
    "repository": (
        {
            "repository": "evil/agent",
            "job_workflow_ref": f"evil/agent/{WORKFLOW}@{REF}",
            "workflow_ref": f"evil/agent/{WORKFLOW}@{REF}",
        },
        (),
        [
            "signed by another repository: https://github.com/evil/agent, not https://github.com/acme/agent",
            "the statement says repository https://github.com/acme/agent, the certificate "
            "https://github.com/evil/agent",
        ],
    ),
    "workflow": (
        {"job_workflow_ref": f"acme/agent/.github/workflows/other.yml@{REF}"},
        (),
        ["signed by another workflow: .github/workflows/other.yml, not .github/workflows/gate.yml"],
    ),
    "ref": (
        {"ref": "refs/heads/topic", "job_workflow_ref": f"acme/agent/{WORKFLOW}@refs/heads/topic"},
        (),
        [
            "signed by another ref: refs/heads/topic, not refs/heads/main",
            "the statement says ref refs/heads/main, the certificate refs/heads/topic",
        ],
    ),
    "trigger": (
        {"event_name": "workflow_dispatch"},
        ("--trigger", "push"),
        ["started by another trigger: workflow_dispatch, not push"],
    ),
    "pull request": (
        {"event_name": "pull_request"},
        (),
        ["signed by a workflow of a pull request, which its author can change"],
    ),
    "commit": (
        {"sha": OTHER},
        (),
        [f"the statement says commit {COMMIT}, the certificate {OTHER}"],
    ),
    "issuer": (
        {"iss": "https://gitlab.example"},
        (),
        [f"vouched for by another issuer: https://gitlab.example, not {ISSUER}"],
    ),
    "shared workflow": (
        {"repository": "evil/agent"},
        (),
        [
            "ran for the repository https://github.com/evil/agent: say --repository if that is right",
            "the statement says repository https://github.com/acme/agent, the certificate "
            "https://github.com/evil/agent",
        ],
    ),
    "commit of the reader": ({}, ("--commit", OTHER), [f"the result of another commit: {COMMIT}, not {OTHER}"]),
}


@pytest.mark.parametrize("name", SIGNERS)
def test_other_signers_are_refused(command: Command, by_job: Callable[..., None], name: str) -> None:
    """A valid signature of another repository, workflow, ref, trigger, commit or issuer is invalid, each with why."""
    claims, more, expected = SIGNERS[name]
    by_job(**claims)
    result = command("verify", BUNDLE, "--identity", IDENTITY, *TRUST, *more)
    assert result.code == 1
    assert reasons(result) == expected


def test_the_workflow_of_a_pull_request(command: Command, by_job: Callable[..., None]) -> None:
    """Its name is refused although it is the one that was asked for, unless the reader says so."""
    ref = "refs/pull/7/merge"
    by_job("--ref", ref, ref=ref, event_name="pull_request", job_workflow_ref=f"acme/agent/{WORKFLOW}@{ref}")
    name = ("--identity", f"https://github.com/acme/agent/{WORKFLOW}@{ref}", *TRUST)
    assert command("verify", BUNDLE, *name).code == 1
    assert command("verify", BUNDLE, *name, "--allow-pull-request").code == 0


def test_another_trust_root(command: Command, by_job: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    """By the trust of another Sigstore nothing verifies; the public one is taken where none is named."""
    by_job()
    asked = []
    with Stack() as other:
        write("other.json", json.dumps(other.trusted_root()))
        result = command("verify", BUNDLE, "--identity", IDENTITY, "--trust-config", "other.json")
        assert (result.code, "INVALID" in result.out) == (1, True)

        def production(*, offline: bool) -> ClientTrustConfig:
            asked.append(offline)
            return ClientTrustConfig.from_json(json.dumps(other.trust_config()))

        monkeypatch.setattr(ClientTrustConfig, "production", production)
        assert command("verify", BUNDLE, "--identity", IDENTITY).code == 1
        assert command("verify", BUNDLE, "--identity", IDENTITY, "--offline").code == 1
    assert asked == [False, True]


def test_a_history_of_other_signers(command: Command, by_job: Callable[..., None]) -> None:
    """An earlier result that somebody else signed does not count, and makes the whole invalid."""
    by_job("--out", "1.json", job_workflow_ref=f"acme/agent/.github/workflows/other.yml@{REF}")
    by_job("--previous", "1.json")
    result = command("verify", BUNDLE, "--identity", IDENTITY, *TRUST, "--history", "1.json")
    assert result.code == 1
    assert reasons(result) == [
        "1.json: signed by another workflow: .github/workflows/other.yml, not .github/workflows/gate.yml"
    ]


@pytest.mark.usefixtures("by_key")
@pytest.mark.parametrize("commit", ["9ac3e11", "9" * 39, "9" * 41, "9" * 63, "9AC3E11F" * 5, "HEAD", " "])
def test_a_commit_is_named_whole(refused: Callable[..., str], commit: str) -> None:
    """Anything but a full id is a fault of the command, not of the bundle: exit 2."""
    assert "not a full commit id" in refused("verify", BUNDLE, *KEY, "--commit", commit)
