"""`policy diff`: two folders, a folder and a revision, runs or recordings, and every way to say what was found."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.cli.changed_policies import POLICY, two
from tests.cli.conftest import ROOT, Command, Git, Refused, change, environment, process, write
from tests.cli.recordings import pays, recorded

__all__ = ["two"]

DEMO = ("agents", "datasets", "policies", "runback.yaml")


@pytest.fixture
def demo(here: Path) -> Path:
    """The gate of this repository in a folder of its own."""
    for name in DEMO:
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, here / name)
    return here


def found(command: Command, *arguments: str) -> dict[str, Any]:
    """The JSON of a comparison."""
    result = command("policy", "diff", *arguments, "--json")
    assert (result.code, result.err) == (0, "")
    value: dict[str, Any] = json.loads(result.out)
    return value


@pytest.mark.usefixtures("two")
def test_two_folders(command: Command) -> None:
    """Without git: the word, the change with its file and line, each flipped step with the part that flipped."""
    result = command("policy", "diff", "--base", "base", "--head", "head", "--runs", "runs")
    assert (result.code, result.err) == (0, "")
    assert result.out == (
        "refunds   looser   params.limit 100 → 500   head/refunds.yaml:5\n"
        "                   same verdict on 2 of 4 recorded steps\n"
        "\n"
        "  newly permitted   2 recorded steps   needs approval\n"
        "    run r1 step 1   refunds.limit   issue_refund(amount: 250)   "
        "amount <= limit: 250 <= 100 false → 250 <= 500 true\n"
        "    run r2 step 0   refunds.limit   issue_refund(amount: 480)   "
        "amount <= limit: 480 <= 100 false → 480 <= 500 true\n"
        "  newly failing     0\n"
        "\n"
        "1 policy changed: 1 looser; 4 recorded steps\n"
    )


@pytest.mark.usefixtures("two")
def test_json(command: Command) -> None:
    """A word for each policy, and each flip with both verdicts and the reason."""
    value = found(command, "--base", "base", "--head", "head", "--runs", "runs")
    assert value["policies"] == {"refunds": "looser"}
    assert [
        {key: flip[key] for key in ("validation", "run", "step", "base", "head", "why")} for flip in value["flips"]
    ] == [
        {
            "validation": "refunds.limit",
            "run": run,
            "step": step,
            "base": "fail",
            "head": "pass",
            "why": f"amount <= limit: {amount} <= 100 false → {amount} <= 500 true",
        }
        for run, step, amount in (("r1", 1, 250), ("r2", 0, 480))
    ]
    assert (value["base"], value["head"], value["steps"]) == ("./base", "./head", 4)
    assert value["effects"][0]["changes"][0]["what"] == "params.limit"
    assert value["effects"][0]["validations"] == {
        "refunds.limit": {"state": "kept", "newly permitted": 2, "message only": 0}
    }
    assert found(command, "--base", "base", "--head", "base", "--runs", "runs")["policies"] == {}


@pytest.mark.usefixtures("two")
def test_exit_codes(command: Command) -> None:
    """Looser is a finding, not a failure, unless --exit-code asks for it."""
    sides = ("--base", "base", "--head", "head", "--runs", "runs")
    assert command("policy", "diff", *sides).code == 0
    assert command("policy", "diff", *sides, "--exit-code").code == 1
    turned = ("--base", "head", "--head", "base", "--runs", "runs", "--exit-code")
    assert command("policy", "diff", *turned).code == 0


@pytest.mark.usefixtures("two")
def test_how_many_flips_are_listed(command: Command) -> None:
    """--flips says how many; none hides the counts."""
    sides = ("--base", "base", "--head", "head", "--runs", "runs", "--flips")
    one, none = command("policy", "diff", *sides, "1").out, command("policy", "diff", *sides, "0").out
    assert "    … and 1 more\n" in one
    assert one.count("run r") == 1
    assert "newly permitted   2 recorded steps" in none
    assert "run r" not in none


@pytest.mark.usefixtures("two")
def test_markdown(command: Command) -> None:
    """For a pull request."""
    out = command("policy", "diff", "--base", "base", "--head", "head", "--runs", "runs", "--format", "markdown").out
    assert out.startswith("**Policy changes**: 1 policy changed: 1 looser; 4 recorded steps\n")
    assert "| `refunds` | **looser** | `params.limit 100 → 500` head/refunds.yaml&#58;5" not in out
    assert "| `refunds` | **looser** | `params.limit 100 → 500` head/refunds.yaml:5<br>" in out
    assert "| `run r1 step 1` | `refunds.limit` | `issue_refund(amount: 250)` |" in out


def test_a_revision(demo: Path, git: Git, command: Command) -> None:
    """The policies of a commit against those that lie here, over the recordings of the datasets; nothing is changed."""
    git("add", "-A")
    git("commit", "-q", "-m", "demo")
    commit = git("rev-parse", "HEAD")
    change("policies/refunds.yaml", "limit: 100", "limit: 1")
    state = git("status", "--porcelain")
    value = found(command, "--base", "main")
    assert value["base"] == f"main@{commit[:7]}"
    assert value["head"] == "this folder"
    assert value["policies"] == {"refunds": "stricter"}
    (flip,) = value["flips"]
    assert (flip["validation"], flip["base"], flip["head"]) == ("refunds.limit", "pass", "fail")
    assert flip["run"].startswith("refunds/")
    assert flip["step"].startswith("sha256:")
    out = command("policy", "diff", "--base", "main").out
    assert "refunds   stricter   params.limit 100 → 1   policies/refunds.yaml:8\n" in out
    assert f"    case {flip['run']}   refunds.limit   " in out
    assert git("status", "--porcelain") == state
    (demo / "policies" / "refunds.yaml").unlink()
    result = command("policy", "diff", "--base", "main", "--exit-code")
    assert result.code == 1
    assert "refunds   removed   concerns 1 of 6 recorded steps\n" in result.out


def test_a_case_without_a_recording(demo: Path, git: Git, command: Command) -> None:
    """A conversation written by hand has no answer that could be judged: it is left out."""
    git("add", "-A")
    git("commit", "-q", "-m", "demo")
    change("policies/refunds.yaml", "limit: 100", "limit: 1")
    with (demo / "datasets" / "refunds.yaml").open("a") as file:
        file.write("    - id: by-hand\n      messages: [{role: user, content: Hi}]\n")
    assert found(command, "--base", "main")["steps"] == 6


def test_a_subfolder(demo: Path, git: Git, command: Command) -> None:
    """A gate in a subfolder is compared with the same subfolder of the revision."""
    (demo / "shop").mkdir()
    for name in DEMO:
        (demo / name).rename(demo / "shop" / name)
    git("add", "-A")
    git("commit", "-q", "-m", "demo")
    change("shop/policies/refunds.yaml", "limit: 100", "limit: 1")
    assert found(command, "--base", "HEAD", "--root", "shop")["policies"] == {"refunds": "stricter"}
    assert "shop/policies/refunds.yaml:8" in command("policy", "diff", "--base", "HEAD", "--root", "shop").out


@pytest.mark.usefixtures("demo")
def test_a_revision_without_a_gate(git: Git, command: Command) -> None:
    """Everything is new; what was removed later lies in the revision."""
    git("commit", "-q", "--allow-empty", "-m", "nothing")
    assert set(found(command, "--base", "HEAD")["policies"].values()) == {"new"}
    git("add", "-A")
    git("commit", "-q", "-m", "demo")
    change("policies/refunds.yaml", "  params: {limit: 100}\n", "")
    change("policies/refunds.yaml", "params.limit)", "100)")
    out = command("policy", "diff", "--base", "HEAD").out
    line = next(line for line in out.splitlines() if "params.limit 100 → (removed)" in line)
    assert line.endswith(f"   policies/refunds.yaml:8 in HEAD@{git('rev-parse', 'HEAD')[:7]}")


def test_policies_at_the_root(git: Git, command: Command) -> None:
    """A pattern without a folder takes the whole revision."""
    spec = '{agents: [a.yaml], datasets: [d.yaml], policies: ["p*.yaml"]}'
    write("runback.yaml", f"apiVersion: runback.dev/v1\nkind: Gate\nmetadata: {{name: g}}\nspec: {spec}\n")
    write("policy.yaml", POLICY.replace("LIMIT", "100"))
    git("add", "-A")
    git("commit", "-q", "-m", "gate")
    write("policy.yaml", POLICY.replace("LIMIT", "500"))
    recorded("r1", pays(250))
    assert found(command, "--base", "HEAD", "--runs", "runs")["policies"] == {"refunds": "looser"}


@pytest.mark.usefixtures("two")
def test_a_folder_in_a_repository(git: Git, command: Command, refused: Refused) -> None:
    """Beside --head a folder is found by its plain name; alone, a plain name is a revision."""
    git("add", "-A")
    git("commit", "-q", "-m", "both")
    assert found(command, "--base", "base", "--head", "head", "--runs", "runs")["policies"] == {"refunds": "looser"}
    write("runback.yaml", "")
    error = refused("policy", "diff", "--base", "base", "--runs", "runs")
    assert error == "no revision is named 'base' (for the folder write ./base)"


@pytest.mark.usefixtures("two")
def test_nothing_to_judge(command: Command, refused: Refused) -> None:
    """Policies that differ without a recorded step: said, and not judged."""
    Path("empty").mkdir()
    result = command("policy", "diff", "--base", "base", "--head", "head", "--runs", "empty")
    assert result.code == 2
    assert "refunds   same on record   params.limit 100 → 500" in result.out
    assert result.error.startswith(
        "no recorded step: policies changed, and nothing says what that does (make runs with"
    )
    assert command("policy", "diff", "--base", "base", "--head", "base", "--runs", "empty").code == 0
    assert "no gate here" in refused("policy", "diff", "--base", "base", "--head", "head")


@pytest.mark.usefixtures("two")
def test_bad_input(refused: Refused) -> None:
    """What is missing or malformed on either side is named, and nothing is compared."""
    assert "no gate here" in refused("policy", "diff", "--base", "./base")
    assert "no such folder: 'nope'" in refused("policy", "diff", "--base", "nope", "--head", "head")
    assert "no such folder: 'nope'" in refused("policy", "diff", "--base", "base", "--head", "nope")
    for name in ("a\0b", "x" * 300):
        assert "no such folder" in refused("policy", "diff", "--base", name, "--head", "head")
    assert "no policy in this folder" in refused("policy", "diff", "--base", "runs", "--head", "head", "--runs", "runs")
    assert "no such file" in refused("policy", "diff", "--base", "base", "--head", "head", "--runs", "nope")
    change("base/refunds.yaml", "params.limit", "params.limt")
    error = refused("policy", "diff", "--base", "base", "--head", "head", "--runs", "runs")
    assert error.startswith("base/refunds.yaml:8:")
    assert error.endswith("params has no 'limt' (did you mean 'limit'?)")
    change("base/refunds.yaml", "kind: Policy", "kind: Polic")
    error = refused("policy", "diff", "--base", "base", "--head", "head", "--runs", "runs")
    assert error.startswith("base/refunds.yaml:2:7: unknown kind 'Polic'")


@pytest.mark.usefixtures("demo")
def test_a_fault_in_the_revision(git: Git, command: Command, refused: Refused) -> None:
    """Its place is one in the revision, and said to be."""
    change("policies/refunds.yaml", "params.limit)", "params.limt)")
    git("add", "-A")
    git("commit", "-q", "-m", "demo")
    change("policies/refunds.yaml", "params.limt)", "params.limit)")
    title = f"HEAD@{git('rev-parse', 'HEAD')[:7]}"
    error = refused("policy", "diff", "--base", "HEAD")
    assert error.startswith("policies/refunds.yaml:19:")
    assert f": in {title}: refunds.limit: " in error
    change("runback.yaml", "kind: Gate", "kind: Gat")
    git("commit", "-q", "-a", "-m", "demo")
    change("runback.yaml", "kind: Gat", "kind: Gate")
    assert f"in HEAD@{git('rev-parse', 'HEAD')[:7]}: unknown kind" in refused("policy", "diff", "--base", "HEAD")
    assert command("policy", "lint").code == 0


@pytest.mark.usefixtures("two")
def test_hostile_text(command: Command) -> None:
    """What a model wrote stays inert on a terminal."""
    recorded("r3", pays("\x1b[2J\u202e" + "x" * 10_000))
    for folder, sign in (("base", "!="), ("head", "==")):
        change(f"{folder}/refunds.yaml", "c.arguments.amount <= params.limit", f'c.arguments.amount {sign} "a"')
    out = command("policy", "diff", "--base", "base", "--head", "head", "--runs", "runs").out
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert max(map(len, out.splitlines())) < 700


@pytest.mark.integration
def test_a_terminal_without_unicode(two: Path) -> None:
    """Signs that it cannot show are written in ASCII."""
    sides = ("--base", "base", "--head", "head", "--runs", "runs")
    result = process("policy", "diff", *sides, cwd=two, env=environment(PYTHONIOENCODING="ascii"))
    assert result.code == 0
    assert "params.limit 100 > 500" in result.out
    assert "250 <= 100 false > 250 <= 500 true" in result.out
