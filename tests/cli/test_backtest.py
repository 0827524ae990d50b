"""`backtest`: what policies would have said of recorded runs."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from runback_gate.step import Response
from tests.cli.conftest import ROOT, Command, Refused, change, process, write
from tests.cli.recordings import pays, recorded
from tests.conftest import SHARED_DATA
from tests.extras import needs, needs_data

POLICY = """\
apiVersion: runback.dev/v1
kind: Policy
metadata: {name: shop}
spec:
  validations:
    - id: shop.short
      expression: size(response.text) < 6
      message: too long
    - id: shop.asked
      expression: request.messages.exists(m, m.role == "user")
"""


@pytest.fixture
def runs(gate: Path) -> Path:
    """Two runs beside the sample's policies: 250 is refunded once, 40 once, and some talk."""
    recorded("a", Response("Hello"), pays(250))
    recorded("b", pays(40), Response("A long answer"), pays(300))
    return gate


@pytest.mark.usefixtures("runs")
def test_json_is_as_promised(command: Command) -> None:
    """`--json` gives steps, four counts for each validation, and each failure by run and step: exactly that."""
    result = command("backtest", "--policies", "policies", "--runs", "runs", "--json")
    assert (result.code, result.err) == (0, "")
    assert json.loads(result.out) == {
        "steps": 5,
        "validations": {"refunds.limit": {"pass": 1, "fail": 2, "error": 0, "skip": 2}},
        "failures": [
            {"validation": "refunds.limit", "run": "a", "step": 1, "message": "refund above the limit"},
            {"validation": "refunds.limit", "run": "b", "step": 2, "message": "refund above the limit"},
        ],
    }


@pytest.mark.usefixtures("runs")
def test_text_for_people(command: Command) -> None:
    """A line for each validation, then some failures of each; how to see the others."""
    write("shop/shop.yaml", POLICY)
    arguments = ("backtest", "--policies", "policies", "--policies", "shop/shop.yaml", "--runs", "runs")
    result = command(*arguments, "--failures", "1")
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines() == [
        "2 runs, 5 steps",
        "",
        "  rule             pass    fail   error    skip",
        "  refunds.limit       1       2       0       2",
        "  shop.short          4       1       0       0",
        "  shop.asked          5       0       0       0",
        "",
        "  fail   refunds.limit  run a step 1  refund above the limit",
        "         refunds.limit  1 more: --failures 2, or --json",
        "  fail   shop.short  run b step 1  too long",
    ]
    assert len(command(*arguments, "--failures", "0").out.splitlines()) == 6
    assert "1 more" not in command(*arguments).out


@pytest.mark.usefixtures("runs")
def test_one_run_alone(command: Command) -> None:
    """`--runs` takes a file, whatever it is called."""
    Path("runs/a.jsonl").rename("one")
    arguments = ("backtest", "--policies", "policies/refunds.yaml", "--runs", "one", "--json")
    assert json.loads(command(*arguments).out)["steps"] == 2


@pytest.mark.parametrize(
    "path", ["policies", "policies/", "./policies", "policies/*.yaml", "pol*/re*.yaml", "{here}/policies"]
)
def test_ways_to_name_policies(command: Command, runs: Path, path: str) -> None:
    """A folder, a file, a glob; relative or absolute."""
    result = command("backtest", "--policies", path.format(here=runs), "--runs", "runs", "--json")
    assert (result.code, list(json.loads(result.out)["validations"])) == (0, ["refunds.limit"])


@pytest.mark.integration
def test_policies_of_another_folder(runs: Path) -> None:
    """Policies and runs may lie above or beside the current folder."""
    (runs / "work").mkdir()
    result = process("backtest", "--policies", "../policies", "--runs", "../runs", "--json", cwd=runs / "work")
    assert (result.code, json.loads(result.out)["steps"]) == (0, 5)
    write(runs / "policies/x.yaml", "a: [")
    result = process("backtest", "--policies", "../policies", "--runs", "../runs", cwd=runs / "work")
    assert (result.code, result.error[:26]) == (2, "../policies/x.yaml:2:1: no")


@pytest.mark.usefixtures("runs")
def test_what_cannot_be_evaluated(command: Command) -> None:
    """A validation that errors somewhere is shown, counted, and exit 2: it judged less than it was asked."""
    change("policies/refunds.yaml", "c.arguments.amount <= params.limit", "c.arguments.amount")
    result = command("backtest", "--policies", "policies", "--runs", "runs")
    assert result.code == 2
    assert result.error == "could not be evaluated: refunds.limit on 3 steps"
    assert "  refunds.limit       0       0       3       2" in result.out
    assert "  error  refunds.limit  run a step 1  cannot be evaluated: " in result.out
    result = command("backtest", "--policies", "policies", "--runs", "runs", "--json")
    assert result.code == 2
    assert result.error == "could not be evaluated: refunds.limit on 3 steps (run without --json to list each)"
    assert json.loads(result.out)["validations"]["refunds.limit"]["error"] == 3
    assert json.loads(result.out)["failures"] == []


@pytest.mark.usefixtures("runs")
def test_hostile_text_stays_inert(command: Command) -> None:
    """What a model wrote cannot steer the terminal, nor break the JSON."""
    text = "\\u001b[2J\\n::error::x\\u202e"
    write("p.yaml", POLICY.replace("message: too long", "message: m\n      messageExpression: response.text"))
    recorded("c", Response(json.loads(f'"{text}"')))
    result = command("backtest", "--policies", "p.yaml", "--runs", "runs/c.jsonl")
    (line,) = [line for line in result.out.splitlines() if line.startswith("  fail")]
    assert line == "  fail   shop.short  run c step 0  \\x1b[2J ::error::x\\u202e"
    result = command("backtest", "--policies", "p.yaml", "--runs", "runs/c.jsonl", "--json")
    assert result.out.isascii()
    assert json.loads(result.out)["failures"][0]["message"] == "\x1b[2J ::error::x\u202e"


@pytest.mark.parametrize(
    ("policies", "runs", "message"),
    [
        ("policies", "nowhere", "nowhere: no such file (make runs with `runback-gate import transcript`)"),
        ("policies", "agents", "agents: no recorded step (make runs with `runback-gate import transcript`)"),
        ("policies", "runback.yaml", "runback.yaml: not a run file (make runs with"),
        ("nowhere", "runs", "nowhere: no such file or folder"),
        ("n" * 300, "runs", f"{'n' * 300}: cannot be read: File name too long"),
        ("runs", "runs", "runs: no policy (a policy is a YAML file with `kind: Policy`)"),
        ("policies/*.yml", "runs", "policies/*.yml: no policy (a policy is a YAML file with `kind: Policy`)"),
        ("policies/refunds.test.yaml", "runs", "policies/refunds.test.yaml: no policy"),
        ("agents", "runs", "agents/support.yaml:3:7: unknown kind 'Agent' (known: Policy, PolicyTest)"),
        ("link.yaml", "runs", "link.yaml: leads out of the root through a symbolic link (copy what it points to)"),
    ],
)
@pytest.mark.usefixtures("gate")
def test_what_cannot_be_judged(refused: Refused, policies: str, runs: str, message: str) -> None:
    """Without policies or without steps there is nothing to say: exit 2, one line."""
    recorded("a", Response("Hello"))
    Path("link.yaml").symlink_to("/etc/hostname")
    assert refused("backtest", "--policies", policies, "--runs", runs).startswith(message)


@pytest.mark.usefixtures("runs")
def test_one_rule_in_two_folders(refused: Refused, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Two validations of one name would be counted as one: refused, and both places are named."""
    other = tmp_path_factory.mktemp("other")
    write(other / "copy.yaml", Path("policies/refunds.yaml").read_text().replace("name: refunds}", "name: copy}"))
    message = refused("backtest", "--policies", "policies", "--policies", str(other), "--runs", "runs")
    assert message.startswith("two rules are named 'refunds.limit' (in policies/refunds.yaml:1")
    assert f"and in {other}/copy.yaml:1" in message


@pytest.mark.slow
@needs_data(SHARED_DATA / "airline")
def test_real_runs_through_the_command(command: Command, here: Path) -> None:
    """Import and backtest of the real runs give the counts that are known, through the command alone."""
    data = SHARED_DATA / "airline"
    tools = str(data / "tools.json")
    assert command("import", "transcript", str(data / "runs.jsonl"), "--tools", tools, "--agent", "airline").code == 0
    policies = str(ROOT / "examples/airline/policies")
    result = command("backtest", "--policies", policies, "--runs", "runs", "--json")
    assert (result.code, result.err) == (0, "")
    found = json.loads(result.out)
    assert found["steps"] == 1229
    assert found["validations"]["airline.one_action"]["fail"] == 42
    assert found["validations"]["airline.basic_economy_update"]["fail"] == 15
    counted = {(counts.pop("scope", "step"), sum(counts.values())) for counts in found["validations"].values()}
    assert counted == {("step", 1229), ("run", 100)}
    assert (here / "runs").is_dir()


OVER_RUNS = """\
apiVersion: runback.dev/v1
kind: Policy
metadata: {name: shop}
spec:
  scope: run
  validations:
    - id: shop.total
      expression: run.calls.map(c, c.arguments.amount).sum() <= 300
      message: more than 300 in one run
"""


def test_rules_over_runs(command: Command, gate: Path) -> None:
    """They are judged by backtest, explained for the run alone, and a rule that errs is counted on runs."""
    recorded("a", Response("Hello"), pays(250))
    recorded("b", pays(40), pays(300))
    recorded("c", pays("much"))
    write("shop.yaml", OVER_RUNS)
    result = command("backtest", "--policies", "shop.yaml", "--runs", "runs", "--json")
    told = json.loads(result.out)
    assert told["validations"] == {"shop.total": {"pass": 1, "fail": 1, "error": 1, "skip": 0, "scope": "run"}}
    failure = {"validation": "shop.total", "run": "b", "step": None, "scope": "run"}
    assert told["failures"] == [{**failure, "message": "more than 300 in one run"}]
    assert result.code == 2
    assert "shop.total on 1 run" in result.err
    explained = command("policy", "explain", "shop.total", "b", "--policies", "shop.yaml")
    assert "decided by  run.calls.map(c, c.arguments.amount).sum() = 340" in explained.out
    refused = command("policy", "explain", "shop.total", "b", "0", "--policies", "shop.yaml")
    assert (refused.code, refused.err) == (2, "error: rule 'shop.total' is about runs (leave out STEP)\n")
    head = gate / "head"
    write("head/shop.yaml", OVER_RUNS.replace("<= 300", "<= 340"))
    (gate / "base").mkdir()
    write("base/shop.yaml", OVER_RUNS)
    diff = command("policy", "diff", "--base", "./base", "--head", f"./{head.name}", "--runs", "runs", "--json")
    assert json.loads(diff.out)["runs"] == 3
    assert [(flip["run"], flip["step"], flip["kind"]) for flip in json.loads(diff.out)["flips"]] == [
        ("b", None, "newly permitted")
    ]


@pytest.mark.usefixtures("runs")
def test_the_same_in_parts_in_processes_and_from_a_cache(command: Command) -> None:
    """Whoever judges, the output is the same; parts join to it, and a part that is missing is named."""
    asked = ("backtest", "--policies", "policies", "--runs", "runs", "--json")
    whole = command(*asked)
    assert command(*asked, "--cache", "kept").out == command(*asked, "--cache", "kept").out == whole.out
    for number in (1, 2):
        assert command(*asked, "--shard", f"{number}/2", "--out", f"{number}.json").code == 0
    assert command("backtest", "merge", "2.json", "1.json", "--json").out == whole.out
    result = command("backtest", "merge", "2.json")
    assert (result.code, result.error) == (2, "part 1/2 is missing (name each part once)")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--runs", "runs"], "Missing option '--policies'."),
        (["--policies", "policies"], "Missing option '--runs'."),
        (["--policies", "policies", "--runs", "runs", "--jobs", "0"], "Invalid value for '--jobs'"),
        (["--policies", "policies", "--runs", "runs", "--shard", "3/2"], "Invalid value for '--shard'"),
        (["--policies", "policies", "--runs", "runs", "--on", "dask"], "nothing is named 'dask' that runs a backtest"),
        (["merge"], "Missing argument 'FILE...'"),
    ],
)
@pytest.mark.usefixtures("runs")
def test_wrong_usage(refused: Refused, words: list[str], message: str) -> None:
    """It is an error, and says what is missing or wrong."""
    assert refused("backtest", *words).startswith(message)


@pytest.fixture
def many(runs: Path) -> Path:
    """Some hundred runs more."""
    lines = Path("runs/b.jsonl").read_bytes()
    for number in range(300):
        Path(f"runs/c{number}.jsonl").write_bytes(lines)
    return runs


@pytest.mark.integration
def test_an_interrupted_backtest_goes_on(many: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """What was done when somebody interrupted it stays done, and nothing runs on."""
    kept = tmp_path_factory.mktemp("kept")
    asked = [sys.executable, "-m", "runback_gate", "backtest", "--policies", "policies", "--runs", "runs", "--json"]
    with subprocess.Popen([*asked, "--jobs", "2", "--cache", kept], cwd=many, stdout=subprocess.PIPE) as begun:
        while not any(kept.rglob("*.json")) and begun.poll() is None:
            time.sleep(0.01)
        begun.send_signal(signal.SIGINT)
        begun.wait(60)
    done = {path: path.stat().st_mtime_ns for path in kept.rglob("*.json")}
    assert done
    again = subprocess.run([*asked, "--cache", kept], cwd=many, capture_output=True, check=True)
    assert {path: path.stat().st_mtime_ns for path in done} == done
    whole = subprocess.run(asked, cwd=many, capture_output=True, check=True)
    assert again.stdout == whole.stdout


@pytest.mark.contract
def test_the_same_on_a_cluster(many: Path) -> None:
    """Ray on this machine gives the output of one process."""
    needs("ray")
    asked = [sys.executable, "-m", "runback_gate", "backtest", "--policies", "policies", "--runs", "runs", "--json"]
    whole = subprocess.run(asked, cwd=many, capture_output=True, check=True)
    cluster = subprocess.run([*asked, "--on", "ray"], cwd=many, capture_output=True, check=True)
    assert cluster.stdout == whole.stdout
