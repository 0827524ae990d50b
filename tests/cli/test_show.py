"""`show`, and `policy explain --case`: a row of a report in the terminal."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Command

ROOT = Path(__file__).parents[2]


def judged(command: Command, folder: Path) -> Path:
    """The report of the demo's changed prompt, in which one row is red."""
    changed = ("--agent", "agents/changed/support.yaml", "--cache", str(ROOT / "datasets/answers"))
    assert command("run", "--root", str(ROOT), *changed, "--report", str(folder)).code == 1
    return folder


def test_a_red_row_is_whole(command: Command, tmp_path: Path) -> None:
    """The customer, both answers, the rule with its values, the prompt's difference and what to do."""
    folder = judged(command, tmp_path / "out")
    shown = command("show", "disputed-charge-escalates", "--report", str(folder))
    assert shown.code == 0
    for needle in (
        "I never bought this",
        'reason: "dispute"',
        "amount: 250",
        "params.limit = 100",
        "+ - Give the money",
    ):
        assert needle in shown.out
    assert "lookup_order" not in shown.out
    whole = command("show", "disputed-charge-escalates", "--report", str(folder / "report.json"), "--conversation")
    assert "lookup_order" in whole.out


def test_what_it_tells_to_run_runs(command: Command, tmp_path: Path) -> None:
    """`policy explain --case` explains the answer that was judged, which is not the recorded one."""
    folder = judged(command, tmp_path / "out")
    words = ("policy", "explain", "refunds.limit", "--case", "disputed-charge-escalates", "--report", str(folder))
    explained = command(*words, "--root", str(ROOT))
    assert explained.code == 0
    assert "decided by  c.arguments.amount = 250" in explained.out


def test_refused(command: Command, tmp_path: Path) -> None:
    """No such row, a row that holds no answer, both or neither of a run and a case: each is said."""
    folder = judged(command, tmp_path / "out")
    report = ("--report", str(folder))
    assert "no row" in command("show", "nobody", *report).err
    green = command("policy", "explain", "refunds.limit", "--case", "broken-mug-refunded", *report, "--root", str(ROOT))
    assert green.code == 2
    assert "it passed" in green.err
    for words in ((), ("run",), ("run", "0", "--case", "x")):
        assert command("policy", "explain", "refunds.limit", *words, "--root", str(ROOT)).code == 2
