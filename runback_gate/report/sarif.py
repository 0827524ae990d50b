"""The report as SARIF 2.1.0, for code scanning and editors.

In: a `Report`. Out: one SARIF log. A result is a finding that decided a row; it stands on the rule, and names the case
as related. Waived findings are there, suppressed. What exceeds the limit is counted in a notification.

    render(report)
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final
from urllib.parse import quote

import orjson

from runback_gate.canonical import JsonValue, digest
from runback_gate.errors import Location
from runback_gate.gate.verdict import Row, Verdict
from runback_gate.policy.finding import Finding
from runback_gate.report.effects import notices
from runback_gate.report.guarantee import guarantee_text
from runback_gate.report.model import Report, Rule, report_digest
from runback_gate.report.text import safe_terminal, short, visible
from runback_gate.report.wording import deciding, explanation, finding_text, labels, story, tally

MAX_RESULTS: Final = 5_000
"""What GitHub keeps of one run."""
SCHEMA_URI: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

_LEVELS: Final = {
    Verdict.FAIL: "error",
    Verdict.UNDECIDED: "warning",
    Verdict.WARN: "note",
    Verdict.WAIVED: "error",
}
_RULE_LEVELS: Final = {"Deny": "error", "Warn": "warning", "Audit": "note"}
_OWN_RULES: Final = {
    Verdict.FAIL: ("runback-gate.failed", "A row of the gate failed where no policy spoke"),
    Verdict.UNDECIDED: ("runback-gate.undecided", "A case could not be judged"),
    Verdict.WARN: ("runback-gate.warned", "A case was judged with a warning"),
    Verdict.WAIVED: ("runback-gate.waived", "A breach is waived"),
}
_BASE: Final = "%SRCROOT%"
_HTTPS: Final = re.compile(r"https://[!-~]{1,500}")
_VALUES: Final = 12
_NAME: Final = 200
_TEXT: Final = 600
_PATH: Final = 1000


def render(report: Report) -> str:
    """The report as a SARIF 2.1.0 log of one run, indented, with at most 5,000 results."""
    rules = _rules(report)
    results: list[dict[str, Any]] = []
    left = 0
    for name, row in zip(labels(report.rows), report.rows, strict=True):
        for finding in _findings(row):
            if len(results) < MAX_RESULTS:
                results.append(_result(name, row, finding, rules))
            else:
                left += 1
    places = {rule_id: index for index, rule_id in enumerate(rules)}
    run = {
        "tool": {
            "driver": {
                "name": _say(report.tool.name, _NAME),
                "semanticVersion": _say(report.tool.version, _NAME),
                "rules": list(rules.values()),
            },
            "extensions": [{"name": _say(report.engine.name, _NAME), "version": _say(report.engine.version, _NAME)}],
        },
        "invocations": [_invocation(report, left)],
        "automationDetails": {"id": f"runback-gate/{_say(report.gate, _NAME)}/"},
        "originalUriBaseIds": {_BASE: {"description": {"text": "The folder that holds runback.yaml"}}},
        "columnKind": "unicodeCodePoints",
        "results": [result | {"ruleIndex": places[result["ruleId"]]} for result in results],
        "properties": {"verdict": report.verdict, "reportDigest": report_digest(report)} | _error(report),
    }
    log = {"$schema": SCHEMA_URI, "version": "2.1.0", "runs": [run]}
    return orjson.dumps(log, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode("utf-8")


def _say(text: str, limit: int) -> str:
    # Viewers make links of `[text](target)`, also in plain text.
    return safe_terminal(short(text, limit)).replace("](", "] (")


def _error(report: Report) -> dict[str, str]:
    """The error that sequential trials keep to; nothing for k of n."""
    kept = guarantee_text(report)
    return {"trials": _say(kept, _TEXT)} if kept else {}


def _findings(row: Row) -> Sequence[Finding | None]:
    """What to report of a row: the findings that decided, or None where it speaks for itself."""
    return () if row.verdict is Verdict.PASS else deciding(row) or (None,)


def _rules(report: Report) -> dict[str, dict[str, Any]]:
    rules: dict[str, dict[str, Any]] = {}
    for rule in report.rules[:MAX_RESULTS]:
        rules.setdefault(_say(rule.id, _NAME), _rule(rule))
    return rules


def _rule(rule: Rule) -> dict[str, Any]:
    text = _say(rule.description, _TEXT) or _say(rule.id, _NAME)
    runbook = f"\nRunbook: {_say(rule.runbook, _TEXT)}" if rule.runbook else ""
    entry = {
        "id": _say(rule.id, _NAME),
        "shortDescription": {"text": text},
        "help": {"text": f"{text}\nHolds when: {_say(rule.expression, _TEXT)}{runbook}"},
        "defaultConfiguration": {"level": _RULE_LEVELS[rule.action]},
        "properties": {"policy": _say(rule.policy, _NAME)},
    }
    return entry | ({"helpUri": rule.runbook} if _HTTPS.fullmatch(rule.runbook) else {})


def _result(name: str, row: Row, finding: Finding | None, rules: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """One finding; a rule that the report does not list, such as a check of the case, is added to `rules`."""
    own, description = _OWN_RULES[row.verdict]
    rule_id = own if finding is None else _say(finding.rule, _NAME)
    if rule_id not in rules:
        text = description if finding is None else f"Check of a case: {rule_id}"
        rules[rule_id] = {"id": rule_id, "shortDescription": {"text": text}}
    primary = row.location if finding is None or not finding.location.path else finding.location
    key: list[JsonValue] = [visible(part) for part in (rule_id, row.agent, row.dataset, row.case)]
    result: dict[str, Any] = {
        "ruleId": rule_id,
        "level": _LEVELS[row.verdict],
        "message": {"text": "\n".join(_lines(name, row, finding))},
        "partialFingerprints": {"runbackGate/v1": digest(key).removeprefix("sha256:")},
        "properties": {"verdict": row.verdict, "evidence": row.evidence or "none"},
    }
    if primary.path:
        result["locations"] = [_place(primary)]
    if row.location.path and primary != row.location:
        result["relatedLocations"] = [{"id": 1, "message": {"text": "the case"}} | _place(row.location)]
    if row.verdict is Verdict.WAIVED:
        waiver = "; ".join(row.waivers) or (finding.waiver if finding else "") or "waived"
        result["suppressions"] = [{"kind": "external", "justification": _say(waiver, _TEXT)}]
    return result


def _lines(name: str, row: Row, finding: Finding | None) -> Iterator[str]:
    text = explanation(row) or row.verdict if finding is None else finding_text(finding)
    yield f"{_say(name, _NAME)}: {_say(text, _TEXT)}"
    if finding is not None:
        yield from (_say(f"{expression} = {value}", _TEXT) for expression, value in finding.values[:_VALUES])
    yield from story(row, lambda text: _say(text, _TEXT))


def _place(location: Location) -> dict[str, Any]:
    path = quote(short(location.path, _PATH).lstrip("/"), safe="/")
    physical: dict[str, Any] = {"artifactLocation": {"uri": path, "uriBaseId": _BASE}}
    places = {"startLine": location.line, "startColumn": location.column}
    region = {key: value for key, value in places.items() if value is not None and value > 0}
    if "startLine" in region:
        physical["region"] = region
    return {"physicalLocation": physical}


def _invocation(report: Report, left: int) -> dict[str, Any]:
    """How the run ended. One that could not judge was not successful, whatever its results."""
    notes: list[dict[str, Any]] = []
    if report.incomplete or not report.totals.cases:
        notes.append({"level": "error", "message": {"text": ", ".join(tally(report))}})
    if left:
        notes.append({"level": "warning", "message": {"text": f"{left:,} more results stand in the report"}})
    for notice in notices(report)[:MAX_RESULTS]:
        place = {"locations": [_place(notice.location)]} if notice.location and notice.location.path else {}
        notes.append({"level": "note", "message": {"text": _say(notice.message, _TEXT)}} | place)
    invocation = {
        "executionSuccessful": report.exit_code != 2,
        "exitCode": report.exit_code,
        "exitCodeDescription": report.verdict,
    }
    return invocation | ({"toolExecutionNotifications": notes} if notes else {})
