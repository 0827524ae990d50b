"""`attest` as a user meets it, with a key and in a simulated CI job."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sigstore.models import ClientTrustConfig

from runback_gate.attest.bundle import read_bundle
from runback_gate.attest.history import statement_digest
from runback_gate.attest.statement import SVR, Statement, read_statement
from runback_gate.dsse import envelope_of
from runback_gate.errors import InputError
from runback_gate.github.job import Job, read_job
from tests.cli.conftest import Command, change, write
from tests.sigstack.stack import COMMIT, IDENTITY, REF, SECRET, STAMPS, Stack

KEY = ("--key", "gate.key")
BRANCH = ("--repository", "acme/agent", "--ref", REF, "--commit", COMMIT)
JOB = (
    "GITHUB_ACTIONS",
    "GITHUB_EVENT_PATH",
    "GITHUB_REF",
    "GITHUB_REPOSITORY",
    "GITHUB_RUN_ATTEMPT",
    "GITHUB_RUN_ID",
    "GITHUB_SERVER_URL",
    "GITHUB_SHA",
    "ACTIONS_ID_TOKEN_REQUEST_URL",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
    "RUNBACK_KEY_PASSWORD",
)


@pytest.fixture(autouse=True)
def no_job(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of whoever runs the tests has no say."""
    for name in JOB:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def judged(gate: Path, command: Command) -> Path:
    """A gate that was judged, green, and a key."""
    assert command("run").code == 0
    assert command("keys", "generate", "gate", "--no-password").code == 0
    return gate


@pytest.fixture(scope="module")
def services() -> Iterator[Stack]:
    """A Sigstore of this machine."""
    with Stack() as stack:
        yield stack


@pytest.fixture
def stack(services: Stack, here: Path) -> Iterator[Stack]:
    """The services, and the file that names them."""
    services.asked.clear()
    write(here / "trust.json", json.dumps(services.trust_config()))
    yield services
    services.down.clear()


@pytest.fixture
def public(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """The services, taken for the public ones."""

    def production(*, offline: bool) -> ClientTrustConfig:
        assert not offline
        return ClientTrustConfig.from_json(json.dumps(stack.trust_config()))

    monkeypatch.setattr(ClientTrustConfig, "production", production)
    return stack


@pytest.fixture
def job(stack: Stack, here: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes the environment that of a GitHub Actions job."""

    def make(event: object = None, **changes: str) -> None:
        write(here / "event.json", json.dumps(event if event is not None else {"repository": {"private": False}}))
        facts = {
            **stack.environment(),
            "GITHUB_EVENT_PATH": "event.json",
            "GITHUB_REF": REF,
            "GITHUB_REPOSITORY": "acme/agent",
            "GITHUB_RUN_ATTEMPT": "1",
            "GITHUB_RUN_ID": "7",
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_SHA": COMMIT,
            **changes,
        }
        for name, value in facts.items():
            monkeypatch.setenv(name, value)

    return make


def statement_of(path: str = ".runback/attestation.json") -> Statement:
    """What a bundle says."""
    return read_statement(envelope_of(read_bundle(Path(path).read_bytes(), path), path).payload, path)


def test_a_result_is_signed(judged: Path, command: Command) -> None:
    """The bundle lies beside the report, and says what the report says."""
    result = command("attest", *KEY, *BRANCH)
    assert (result.code, result.err) == (0, "")
    assert [line.split()[:2] for line in result.out.splitlines()] == [
        ["signed", "PASSED"],
        ["statement", result.out.splitlines()[1].split()[1]],
        ["note", "the"],
        ["bundle", ".runback/attestation.json"],
    ]
    facts = statement_of().facts
    assert (facts.repository, facts.ref, facts.commit) == ("https://github.com/acme/agent", REF, COMMIT)
    assert (facts.number, facts.attempt) == (1, 1)
    assert (judged / ".runback/attestation.json").is_file()


@pytest.mark.usefixtures("judged")
def test_a_red_result_is_signed_too(command: Command) -> None:
    """Signing is no verdict: exit 0, and FAILED is what was signed."""
    change("datasets/support.yaml", "toolCalled: {name: escalate", "toolCalled: {name: issue_refund")
    assert command("run").code == 1
    result = command("attest", *KEY)
    assert (result.code, result.out.split()[:2]) == (0, ["signed", "FAILED"])


@pytest.mark.usefixtures("judged")
def test_a_part_is_signed_as_failed(command: Command) -> None:
    """What was left out is told."""
    write("datasets/more.yaml", Path("datasets/support.yaml").read_text().replace("name: support,", "name: more,"))
    assert command("run", "--dataset", "more").code == 0
    result = command("attest", *KEY)
    assert "FAILED: only a part of the gate was judged: dataset=more" in result.out


@pytest.mark.usefixtures("judged")
def test_results_are_chained(command: Command) -> None:
    """Each names the one before it; at the same commit the attempts are counted."""
    assert command("attest", *KEY, *BRANCH, "--out", "1.json").code == 0
    assert command("attest", *KEY, *BRANCH, "--previous", "1.json", "--out", "2.json").code == 0
    other = (*BRANCH[:-1], "c" * 40)
    result = command("attest", *KEY, *other, "--previous", "2.json", "--out", "3.json")
    assert "number 3, attempt 1" in result.out
    assert [(statement_of(f"{n}.json").facts.number, statement_of(f"{n}.json").facts.attempt) for n in (1, 2, 3)] == [
        (1, 1),
        (2, 2),
        (3, 1),
    ]
    assert statement_of("1.json").facts.previous is None


@pytest.mark.usefixtures("judged")
def test_chains_of_other_branches(command: Command, refused: Callable[..., str]) -> None:
    """The one before must be of the same gate, repository and ref; without a commit no attempt is counted."""
    assert command("attest", *KEY, *BRANCH, "--out", "1.json").code == 0
    error = refused("attest", *KEY, *BRANCH, "--ref", "refs/heads/x", "--previous", "1.json")
    assert error.startswith("1.json: the result of another branch")
    assert command("attest", *KEY, "--out", "2.json").code == 0
    assert "number 2, attempt 1" in command("attest", *KEY, "--previous", "2.json", "--out", "3.json").out
    write("4.json", "{}\n")
    assert refused("attest", *KEY, "--previous", "4.json").startswith("4.json: not a Sigstore bundle")


@pytest.mark.usefixtures("judged")
def test_a_simple_result_beside_it(command: Command, refused: Callable[..., str]) -> None:
    """On a pass, and only then, there may be a second bundle for readers that know no failure."""
    assert command("attest", *KEY, "--svr", "svr.json").code == 0
    payload = json.loads(envelope_of(read_bundle(Path("svr.json").read_bytes(), "b"), "b").payload)
    assert payload["predicateType"] == SVR
    change("datasets/support.yaml", "toolCalled: {name: escalate", "toolCalled: {name: issue_refund")
    command("run")
    assert "did not pass" in refused("attest", *KEY, "--svr", "svr2.json")


@pytest.mark.usefixtures("judged")
def test_json(command: Command) -> None:
    """A program finds the result, the name of the statement, and the files that were written."""
    value = json.loads(command("attest", *KEY, "--json", "--out", "b.json").out)
    name = value.pop("statement")
    assert value == {"result": "PASSED", "reason": None, "number": 1, "attempt": 1, "bundles": ["b.json"]}
    assert name == statement_digest(statement_of("b.json"))


@pytest.mark.usefixtures("judged")
def test_standard_input(command: Command) -> None:
    """A report from a pipe: the bundle lies in this folder."""
    data = Path(".runback/report.json").read_bytes()
    assert command("attest", "-", *KEY, stdin=data).code == 0
    assert statement_of("attestation.json").result == "PASSED"


@pytest.mark.usefixtures("judged")
def test_usage(refused: Callable[..., str]) -> None:
    """One way to sign, a commit that is one, a report that is one."""
    both = "say how to sign: --key or --keyless. Try 'runback-gate attest --help'."
    assert refused("attest") == both
    assert refused("attest", *KEY, "--keyless") == both
    assert refused("attest", *KEY, "--identity-token", "t") == both
    assert refused("attest", *KEY, "--commit", "main").startswith("--commit main: not a commit")
    assert refused("attest", *KEY, "--commit", "A" * 40).startswith("--commit AAAA")
    assert refused("attest", "nothing.json", *KEY).startswith("nothing.json: no such file")
    assert refused("attest", "runback.yaml", *KEY).startswith("runback.yaml:1:1: not valid JSON")
    change(".runback/report.json", '"passed": 1', '"passed": 2')
    assert refused("attest", *KEY).endswith("contradict the rows (the file was changed)")


@pytest.mark.usefixtures("judged")
def test_in_a_job(command: Command, job: Callable[..., None]) -> None:
    """In a job nothing has to be said: repository, ref, commit, run and identity are those of the job."""
    job()
    result = command("attest", "--keyless", "--trust-config", "trust.json")
    assert (result.code, result.err) == (0, "")
    statement = statement_of()
    assert statement.url == "https://github.com/acme/agent/actions/runs/7/attempts/1"
    facts = statement.facts
    assert (facts.repository, facts.ref, facts.commit) == ("https://github.com/acme/agent", REF, COMMIT)
    who = ("--identity", IDENTITY, "--trust-config", "trust.json", "--trigger", "push", "--commit", COMMIT)
    assert command("verify", ".runback/attestation.json", *who, "--report", ".runback/report.json").code == 0


@pytest.mark.usefixtures("judged")
def test_a_job_that_was_started_again(command: Command, job: Callable[..., None]) -> None:
    """The attempt is at least that of the job."""
    job(GITHUB_RUN_ATTEMPT="3")
    assert "attempt 3" in command("attest", *KEY, "--out", "1.json").out
    assert "number 2, attempt 4" in command("attest", *KEY, "--previous", "1.json").out


@pytest.mark.usefixtures("judged")
@pytest.mark.parametrize("event", [{"repository": {"private": True}}, {"repository": {}}, {"repository": 1}, {}, []])
def test_private_repositories_are_not_published(
    event: object, command: Command, job: Callable[..., None], public: Stack
) -> None:
    """What is private, or not known to be public, goes to no public log unless that is asked for."""
    job(event)
    stack = public
    result = command("attest", "--keyless")
    assert (result.code, stack.asked) == (2, [])
    assert "--public-log publishes it" in result.error
    # A Sigstore of one's own is nobody else's business.
    assert command("attest", "--keyless", "--trust-config", "trust.json").code == 0
    assert command("attest", "--keyless", "--public-log").code == 0


@pytest.mark.usefixtures("judged", "public")
def test_a_public_repository_is_published(command: Command, job: Callable[..., None]) -> None:
    """One that the event calls public needs no option."""
    job()
    assert command("attest", "--keyless").code == 0


@pytest.mark.usefixtures("judged")
def test_a_token_of_its_own(command: Command, stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside of a job a token may come from a file, a variable or a pipe."""
    monkeypatch.setenv("TOKEN", stack.token())
    write("token", stack.token() + "\n")
    for source, stdin in (("env:TOKEN", b""), ("token", b""), ("-", stack.token().encode())):
        arguments = ("--identity-token", source, "--trust-config", "trust.json", *BRANCH)
        assert command("attest", *arguments, stdin=stdin).code == 0


@pytest.mark.usefixtures("judged", "stack")
def test_no_token(refused: Callable[..., str]) -> None:
    """Where there is none, that is said."""
    write("token", "\n")
    trust = ("--trust-config", "trust.json")
    for source in ("env:NOTHING", "token"):
        assert refused("attest", "--identity-token", source, *trust).startswith("--identity-token: there is none")
    assert refused("attest", "--keyless", *trust).startswith("no identity token: this is not a CI job that offers one")


@pytest.mark.usefixtures("judged")
def test_a_service_that_is_down(
    refused: Callable[..., str], job: Callable[..., None], stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is written, and no secret is told."""
    job()
    stack.down[STAMPS] = -1
    monkeypatch.setattr("time.sleep", lambda _: None)
    error = refused("attest", "--keyless", "--trust-config", "trust.json")
    assert error.startswith("nothing was signed: ")
    assert SECRET not in error


def test_what_a_job_is(here: Path) -> None:
    """Outside of GitHub Actions nothing is taken from the environment; inside, only what has its form."""
    write(here / "event.json", json.dumps({"repository": {"private": "no"}}))
    facts = {"GITHUB_REPOSITORY": "acme/agent", "GITHUB_SHA": COMMIT, "GITHUB_EVENT_PATH": "event.json"}
    assert read_job(facts) == Job()
    facts["GITHUB_ACTIONS"] = "true"
    found = read_job({**facts, "GITHUB_RUN_ATTEMPT": "first"})
    assert found == Job(repository="https://github.com/acme/agent", commit=COMMIT)
    assert read_job({"GITHUB_ACTIONS": "true"}) == Job()
    write(here / "event.json", "{")
    with pytest.raises(InputError, match="the event of the job cannot be read"):
        read_job(facts)


def test_a_report_of_another_commit(judged: Path, command: Command, refused: Callable[..., str]) -> None:
    """What a report says that it judged is what it is signed for: by an option, and by what the job is about."""
    assert command("run", "--head", "a" * 40).code == 0
    assert "the report is of commit aaaa" in refused("attest", *KEY, "--commit", "b" * 40)
    assert command("attest", *KEY, "--commit", "a" * 40).code == 0
    assert command("attest", *KEY).code == 0
    assert statement_of().facts.commit == "a" * 40
    assert judged.is_dir()


@pytest.mark.parametrize(
    "event",
    [
        {"pull_request": {"head": {"sha": "a" * 40}}},
        {"workflow_run": {"head_sha": "a" * 40}},
        {"merge_group": {"head_sha": "a" * 40}},
    ],
)
@pytest.mark.usefixtures("judged")
def test_a_job_is_about_the_head_that_its_event_names(
    job: Callable[..., None], command: Command, refused: Callable[..., str], event: dict[str, object]
) -> None:
    """The workflow runs for a merge or for the main branch, and judges another commit, which the event names."""
    job(event)
    assert command("run", "--head", "a" * 40).code == 0
    assert command("attest", *KEY).code == 0
    assert (statement_of().facts.commit, statement_of().facts.head) == (COMMIT, "a" * 40)
    assert command("run", "--head", "c" * 40).code == 0
    assert f"not of {COMMIT} or {'a' * 40}" in refused("attest", *KEY)


@pytest.mark.parametrize("name", ["runback.yaml", "agents/support.yaml", "datasets/support.yaml"])
def test_a_report_of_other_files(judged: Path, refused: Callable[..., str], name: str) -> None:
    """A report that an earlier run left is not signed for files that it did not judge, nor for files that are gone."""
    path = judged / name
    data = path.read_bytes()
    # Where no gate lies there is nothing to hold a report against.
    gone = path.unlink if name != "runback.yaml" else lambda: path.write_bytes(b"")
    for change_it in (lambda: path.write_bytes(data + b"# later\n"), gone):
        change_it()
        assert f"the report is of another run: {name} is not the file that it judged" in refused("attest", *KEY)
        path.write_bytes(data)


OUTPUTS = ("report.json", "report.md", "report.html", "junit.xml", "report.sarif", "attestation.json")


@pytest.mark.usefixtures("judged")
def test_nothing_of_an_earlier_run_stays(command: Command, refused: Callable[..., str]) -> None:
    """Before anything is judged, what an earlier run left or a commit brought is gone; of a new run, its own stays."""
    folder = Path(".runback")
    for name in OUTPUTS:
        write(folder / name, "{}")
    assert command("run", "--format", "html").code == 0
    assert sorted(path.name for path in folder.iterdir()) == ["report.html", "report.json"]
    for name in OUTPUTS:
        write(folder / name, "{}")
    change("runback.yaml", "kind: Gate", "kind: Gate\nsurprise: 1")
    assert command("run").code == 2
    assert list(folder.iterdir()) == []
    assert "no such file" in refused("attest", *KEY)
