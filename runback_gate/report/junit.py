"""The report as JUnit XML: a suite for each dataset, a test case for each row.

In: a `Report`. Out: one XML document. FAIL is a failure, UNDECIDED an error, WAIVED a skip, WARN a pass with output. A
run that judged no case holds an error, because a file without test cases reads as green.

    render(report)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from xml.etree import ElementTree as ET

from runback_gate.gate.verdict import Row, Verdict
from runback_gate.report.guarantee import guarantee_text
from runback_gate.report.model import Report, Totals, count
from runback_gate.report.spent import interval
from runback_gate.report.text import safe_terminal, short
from runback_gate.report.wording import deciding, explanation, finding_text, labels, story, tally

_OUTCOMES: Final = {Verdict.FAIL: "failure", Verdict.UNDECIDED: "error", Verdict.WAIVED: "skipped"}
_FINDINGS: Final = 20
_VALUES: Final = 20
_NAME: Final = 300
_TEXT: Final = 1000
_PATH: Final = 1000


def render(report: Report) -> str:
    """The report as JUnit XML in UTF-8."""
    suites: dict[str, list[tuple[str, Row]]] = {}
    for name, row in zip(labels(report.rows), report.rows, strict=True):
        suites.setdefault(f"{row.kind}s" if row.kind in ("waiver", "scan") else f"dataset {row.dataset}", []).append(
            (name, row)
        )
    nothing = 0 if report.totals.cases else 1
    root = ET.Element("testsuites", _numbers(_say(report.gate, _NAME), report.totals, nothing))
    if nothing:
        suite = ET.SubElement(root, "testsuite", name="gate", tests="1", failures="0", errors="1", skipped="0")
        case = ET.SubElement(suite, "testcase", name="cases", classname="gate")
        ET.SubElement(case, "error", message=", ".join(tally(report)), type="UNDECIDED")
    for name, members in suites.items():
        suite = ET.SubElement(root, "testsuite", _numbers(_say(name, _NAME), count([row for _, row in members], 0)))
        if kept := guarantee_text(report):
            properties = ET.SubElement(suite, "properties")
            ET.SubElement(properties, "property", name="trials", value=_say(kept, _TEXT))
        for label, row in members:
            _case(suite, label, row)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _say(text: str, limit: int) -> str:
    # The file may be printed to a CI log, where `##[` opens a command.
    return safe_terminal(short(text, limit))


def _numbers(name: str, totals: Totals, nothing: int = 0) -> dict[str, str]:
    numbers = {
        "tests": totals.rows + nothing,
        "failures": totals.failed,
        "errors": totals.undecided + nothing,
        "skipped": totals.waived,
    }
    return {"name": name} | {key: str(number) for key, number in numbers.items()}


def _case(suite: ET.Element, label: str, row: Row) -> None:
    place = {"file": _say(row.location.path, _PATH)}
    if row.location.line is not None:
        place["line"] = str(row.location.line)
    names = {"name": _say(label, _NAME), "classname": _say(row.agent or "gate", _NAME)}
    case = ET.SubElement(suite, "testcase", names | place)
    text = "\n".join(_lines(row))
    if outcome := _OUTCOMES.get(row.verdict):
        element = ET.SubElement(case, outcome, message=_message(row))
        if outcome == "skipped":
            element.text = text
            return
        findings = deciding(row)
        element.set("type", _say(findings[0].rule, _NAME) if findings else row.verdict)
        element.text = text
    elif row.verdict is Verdict.WARN:
        ET.SubElement(case, "system-out").text = text


def _message(row: Row) -> str:
    if row.verdict is Verdict.WAIVED and row.waivers:
        return _say("; ".join(row.waivers), _TEXT)
    findings = deciding(row)
    return _say(finding_text(findings[0]) if findings else explanation(row) or row.verdict, _TEXT)


def _lines(row: Row) -> Iterator[str]:
    """The findings with the values that decided, the answers, and why the case is there; a line each."""
    findings = deciding(row)
    for finding in findings[:_FINDINGS]:
        place = _say(str(finding.location), _PATH)
        yield f"- {_say(finding.rule, _NAME)}: {_say(finding_text(finding), _TEXT)} ({place})"
        for expression, value in finding.values[:_VALUES]:
            yield f"  where {_say(f'{expression} = {value}', _TEXT)}"
    if len(findings) > _FINDINGS:
        yield f"and {len(findings) - _FINDINGS:,} more findings"
    if row.evidence is not None:
        note = _say(row.note, _TEXT)
        yield f"evidence: {row.evidence}{f', {note}' if note else ''}"
    if row.interval:
        yield _say(interval(row), _TEXT)
    yield from story(row, lambda text: _say(text, _TEXT))
