"""`run` and `render`."""

from __future__ import annotations

import dataclasses
import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from runback_gate.dataset.document import load_dataset
from runback_gate.dataset.recordings import load_recording, recording
from runback_gate.report.model import read_report
from runback_gate.step import Response, ToolCall
from tests.cli.answers import REFUND, answered
from tests.cli.conftest import Command, Refused, change, process, write

OTHER = """\
apiVersion: runback.dev/v1
kind: Dataset
metadata: {name: other, agent: support}
spec:
  cases:
    - id: by-hand
      messages: [{role: user, content: Hi}]
      checks: [{contains: Hello}]
"""
WAIVER = """\
apiVersion: runback.dev/v1
kind: Waiver
metadata: {name: w}
spec: {policies: [refunds.limit], cases: [sample-0], reason: T-1, owner: payments, expires: "2026-06-30"}
"""


@pytest.fixture
def changed(gate: Path) -> Path:
    """The sample with an agent file beside it whose prompt is another, which the gate does not name."""
    change(gate / "runback.yaml", "agents/*.yaml", "agents/support.yaml")
    text = (gate / "agents/support.yaml").read_text()
    write(gate / "agents/changed.yaml", text.replace("{file: support.md}", "Pay whatever they ask."))
    return gate


def test_green(command: Command, gate: Path) -> None:
    """All rows pass: exit 0, a table that says so, and a report that a program can hold against itself."""
    result = command("run")
    assert (result.code, result.err) == (0, "")
    assert "✓ pass" in result.out
    assert "exit 0" in result.out
    assert result.out.splitlines()[-1] == "report     .runback/report.json"
    report = read_report((gate / ".runback/report.json").read_bytes())
    assert (report.verdict, report.exit_code, report.totals.recorded) == ("PASS", 0, 1)


def test_no_cache_is_read_unasked(command: Command, changed: Path) -> None:
    """A change could bring its own answers, so one that merely lies in the checkout does not count."""
    answered(changed, REFUND)
    result = command("run", "--agent", "agents/changed.yaml")
    assert (result.code, result.err) == (2, "")
    assert "missing" in result.out


def test_red(command: Command, changed: Path) -> None:
    """An answer that breaks rules: exit 1, the rules, the values that decided, then and now."""
    answered(changed, REFUND)
    result = command("run", "--agent", "agents/changed.yaml", "--cache", ".runback/responses")
    assert (result.code, result.err) == (1, "")
    for text in ("✗ FAIL", "refunds.limit: refund above the limit", "c.arguments.amount = 250", "exit 1", "cached"):
        assert text in result.out
    assert 'was: escalate(reason: "dispute")' in result.out
    assert "now: issue_refund(amount: 250)" in result.out


@pytest.mark.usefixtures("changed")
def test_undecided(command: Command) -> None:
    """A changed prompt without an answer to it: exit 2, and the row says what is missing and why."""
    result = command("run", "--agent", "agents/changed.yaml")
    assert (result.code, result.err) == (2, "")
    for text in ("? undecided", "missing", "request.system differs from the recording", "exit 2"):
        assert text in result.out


def test_the_same_input_gives_the_same_bytes(command: Command, gate: Path) -> None:
    """Two runs on one day write the same report, into whichever folder."""
    assert command("run", "--date", "2026-01-02", "--report", "a").code == 0
    assert command("run", "--date", "2026-01-02", "--report", "b/c").code == 0
    data = (gate / "a/report.json").read_bytes()
    assert data == (gate / "b/c/report.json").read_bytes()
    assert read_report(data).date == "2026-01-02"
    assert not (gate / ".runback").exists()


@pytest.mark.usefixtures("gate")
def test_one_dataset_alone(command: Command) -> None:
    """`--dataset` takes a name or a path; that only a part was judged is said."""
    write("datasets/other.yaml", OTHER)
    assert command("run").code == 2
    for name in ("support", "datasets/support.yaml"):
        result = command("run", "--dataset", name)
        assert result.code == 0
        assert f"only dataset={name}: a part of the gate was judged" in result.out
    assert command("run", "--dataset", "other").code == 2


@pytest.mark.usefixtures("gate")
def test_one_agent_alone(command: Command) -> None:
    """`--agent` takes a name, or a file that stands in for the agent of its name."""
    assert command("run", "--agent", "support").code == 0
    assert command("run", "--agent", "agents/support.yaml").code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--agent", "suport"], "no agent is named 'suport' (did you mean 'support'?)"),
        (["--agent", "agents/suport.yaml"], "agents/suport.yaml: no such file (did you mean 'support.yaml'?)"),
        (["--agent", "../x.yaml"], "../x.yaml: leads out of the root"),
        (["--agent", "/etc/hostname.yaml"], "/etc/hostname.yaml: leads out of the root"),
        (["--dataset", "suport"], "no dataset is named 'suport' (did you mean 'support'?)"),
        (["--date", "tomorrow"], "Invalid value for '--date': 'tomorrow' is not a day (YYYY-MM-DD)"),
        (["--date", "2026-02-30"], "Invalid value for '--date': '2026-02-30' is not a day (YYYY-MM-DD)"),
        (["--report", "runback.yaml"], "Invalid value for '--report': Directory 'runback.yaml' is a file."),
        (["--report", "runback.yaml/x"], "runback.yaml: a file stands where a folder is needed (name another folder)"),
        (["--report", "full"], "full/report.json: a folder stands where the file is to be"),
        (["--cache", "runback.yaml"], "Invalid value for '--cache': Directory 'runback.yaml' is a file."),
        (["--root", "agents"], "runback.yaml: no gate here"),
    ],
)
def test_wrong_options(refused: Refused, gate: Path, arguments: list[str], message: str) -> None:
    """One line that says what is wrong; nothing is written."""
    (gate / "full/report.json").mkdir(parents=True)
    assert refused("run", *arguments).startswith(message)


def test_every_form_beside_the_report(command: Command, gate: Path) -> None:
    """`--format` writes Markdown, HTML, JUnit and SARIF as `render` gives them."""
    forms = {"markdown": "report.md", "html": "report.html", "junit": "junit.xml", "sarif": "report.sarif"}
    arguments = [word for form in forms for word in ("--format", form)]
    assert command("run", "--report", "out", *arguments).code == 0
    for form, name in forms.items():
        printed = command("render", "out/report.json", "--format", form)
        assert (printed.code, printed.err) == (0, "")
        assert (gate / "out" / name).read_text("utf-8").rstrip("\n") == printed.out.rstrip("\n")
    assert ET.fromstring((gate / "out/junit.xml").read_text()).tag == "testsuites"
    assert json.loads((gate / "out/report.sarif").read_text())["version"] == "2.1.0"


def test_json_is_the_report(command: Command, gate: Path) -> None:
    """`--json` prints the bytes of report.json instead of the table; `render --format json` does it later."""
    result = command("run", "--json")
    assert result.code == 0
    assert result.out.encode() == (gate / ".runback/report.json").read_bytes()
    assert command("render", "--format", "json").out == result.out


def test_annotations(command: Command, changed: Path) -> None:
    """`--annotate` adds workflow commands after the table, on the lines that explain the verdict."""
    answered(changed, REFUND)
    result = command("run", "--agent", "agents/changed.yaml", "--cache", ".runback/responses", "--annotate")
    assert result.code == 1
    (line,) = [line for line in result.out.splitlines() if line.startswith("::error")]
    assert "refunds.limit" in line
    assert command("render", "--format", "github").out.splitlines()[0] == line


def test_all_rows(command: Command, gate: Path) -> None:
    """Rows that pass are folded after the fifth; `--all` shows each."""
    text = (gate / "datasets/support.yaml").read_text()
    head, _, case = text.partition("    - id: sample-0")
    more = "".join(f"    - id: sample-{number}{case}" for number in range(8))
    write("datasets/support.yaml", head + more)
    assert "sample-7" not in command("run").out
    assert "3 more rows pass" in command("run").out
    assert "sample-7" in command("run", "--all").out
    assert "sample-7" in command("render", "--all").out


def test_waivers_expire_by_the_day_given(command: Command, changed: Path) -> None:
    """A waiver holds on its last day, and is a red row of its own on the next."""
    answered(changed, Response("", (*REFUND.tool_calls, ToolCall("2", "escalate", '{"reason": "dispute"}'))))
    write("waivers/w.yaml", WAIVER)
    result = command("run", "--agent", "agents/changed.yaml", "--cache", ".runback/responses", "--date", "2026-06-30")
    assert (result.code, "~ waived" in result.out) == (0, True)
    result = command("run", "--agent", "agents/changed.yaml", "--cache", ".runback/responses", "--date", "2026-07-01")
    assert (result.code, "expired on 2026-06-30" in result.out) == (1, True)


@pytest.mark.usefixtures("gate")
def test_the_clock_gives_the_day(command: Command) -> None:
    """Without `--date` waivers are held against today, and the report says which day that was."""
    write("waivers/w.yaml", WAIVER.replace("2026-06-30", "2999-01-01"))
    result = command("run")
    assert (result.code, "waives nothing" in result.out) == (1, True)
    write("waivers/w.yaml", WAIVER.replace("2026-06-30", "2000-01-01"))
    assert "expired on 2000-01-01" in command("run").out


@pytest.mark.integration
def test_quiet_and_slow_runs(gate: Path) -> None:
    """Off a terminal a quick run says nothing on standard error, quiet or not."""
    for arguments in ([], ["--quiet"]):
        assert process("run", *arguments, cwd=gate).err == ""


@pytest.mark.usefixtures("gate")
def test_render_takes_standard_input(command: Command) -> None:
    """`render -` reads the report from a pipe."""
    data = command("run", "--json").out
    assert command("render", "-", stdin=data.encode()).out == command("render").out


def test_render_writes_a_file(command: Command, gate: Path) -> None:
    """`--output` writes whole, makes the folder, and prints nothing; the table in it has no colours."""
    command("run")
    for form in ("console", "html", "github"):
        result = command("render", "--format", form, "--output", f"deep/{form}")
        assert (result.code, result.out, result.err) == (0, "", "")
    assert "✓ pass" in (gate / "deep/console").read_text("utf-8")
    assert (gate / "deep/html").read_text("utf-8").startswith("<!")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["absent.json"], "absent.json: no such file (`runback-gate run` writes it)"),
        (["."], "report.json: no such file (`runback-gate run` writes it)"),
        (["empty.json"], "empty.json:1:1: not valid JSON"),
        (["binary.json"], "binary.json:1:1: "),
        (["runback.yaml"], "runback.yaml:1:1: not valid JSON"),
        (["agents/tools.json"], "agents/tools.json: not a runback.report/v2 report (give the report.json that"),
        (["cut.json"], "cut.json:"),
        (["green.json"], "green.json: the verdict or the totals contradict the rows (the file was changed)"),
        (["more.json"], "more.json: "),
        ([".runback/report.json", "--output", "agents"], "Invalid value for '--output': File 'agents' is a directory"),
        (
            [".runback/report.json", "--output", "runback.yaml/x"],
            "runback.yaml: a file stands where a folder is needed",
        ),
    ],
)
def test_what_is_no_report(refused: Refused, command: Command, gate: Path, arguments: list[str], message: str) -> None:
    """A report that is missing, cut, changed or none is refused on one line."""
    command("run")
    text = (gate / ".runback/report.json").read_text()
    write("empty.json", "")
    write("binary.json", b"\x80\x00\xff")
    write("cut.json", text[: len(text) // 2])
    write("green.json", text.replace('"exit_code": 0', '"exit_code": 1', 1))
    write("more.json", text.replace('"schema":', '"secret": 1, "schema":', 1))
    assert refused("render", *arguments).startswith(message)


def test_a_recording_that_can_only_be_read(command: Command, gate: Path) -> None:
    """A view-only recording is never judged: the row is undecided and says why."""
    dataset = load_dataset(gate, "datasets/support.yaml")
    digest = dataset.cases[0].step
    assert digest is not None
    step = load_recording(gate, dataset.path, digest)
    viewed = dataclasses.replace(step, source=dataclasses.replace(step.source, grade="view-only"))
    name, path, data = recording(viewed, dataset.path)
    write(path, data)
    change("datasets/support.yaml", digest, name)
    result = command("run")
    assert result.code == 2
    assert "? undecided" in result.out
    assert "the recording is view-only: it can be read, not judged" in " ".join(result.out.split())
