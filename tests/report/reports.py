"""Reports, rows, trials and findings as tests need them, and texts that attack some medium."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from runback_gate.errors import Location
from runback_gate.gate.trials import Interval
from runback_gate.gate.verdict import Row, Trial, Verdict, gate_verdict
from runback_gate.policy.finding import Finding
from runback_gate.replay.evidence import Evidence
from runback_gate.replay.spend import Spend
from runback_gate.report.model import SCHEMA, GatedAgent, Input, Notice, Report, Rule, Software, count

PAYLOADS = (
    "| pipe | `tick` ``two`` ```three``` \\| \\",
    "line\r\nbreak\nand\u2028more\x85and\x0bmore",
    "<script>alert(1)</script><img src=x onerror=alert(1)><!-- hidden --> </details></td></table>",
    "@acme/team and @alice see #12 or GH-34 at https://evil.example/x www.evil.example a@evil.example",
    "::error file=a,line=1::own%0Agoal ##[add-mask]x ::stop-commands::t",
    "\x1b[2J\x1b]8;;https://evil.example\x07click\x1b]8;;\x07 \x9b31m \x00\x07\x08",
    "admin\u202e\u2066 nimda\u2069 zero\u200bwidth\ufeff tag\U000e0041 \ufdd0 \uffff",
    "[click](https://evil.example) ![img](https://evil.example/p.png) **bold** _it_ ~~no~~ $x^2$ [^1]",
    "{{ 7 * 7 }} {% for x in y %} &amp; &lt;b&gt; \"quotes\" 'single' ]]> <?xml?> <!DOCTYPE x>",
    "# head\n- item\n> quote\n\n```\ncode\n```\n---",
    "héllo 日本語 emoji 🙂 ‮ family 👩\u200d👩\u200d👧",
    "x" * 100_000,
    "🙂" * 25_000,
    "",
)


def make_finding(rule: str = "refunds.limit", **changes: Any) -> Finding:
    """A refund above the limit, or what the changes make of it."""
    base = Finding(
        rule=rule,
        policy="refunds",
        outcome="fail",
        action="Deny",
        message="refund above 100",
        values=(("c.arguments.amount", "250"), ("params.limit", "100")),
        location=Location("policies/refunds.yaml", 14, 7),
    )
    return dataclasses.replace(base, **changes)


def make_trial(verdict: Verdict, index: int = 0, evidence: Evidence = Evidence.RECORDED, **changes: Any) -> Trial:
    """One answer and its verdict."""
    base = Trial(
        index=index,
        evidence=evidence,
        verdict=verdict,
        request="sha256:" + "5a" * 32,
        answer='escalate(reason: "dispute")',
        passed=("refunds.person",),
        skipped=(),
        findings=(),
    )
    return dataclasses.replace(base, **changes)


def make_row(case: str, verdict: Verdict, **changes: Any) -> Row:
    """A case that was judged on its recording."""
    base = Row(
        kind="case",
        agent="support",
        dataset="refunds",
        case=case,
        verdict=verdict,
        evidence=Evidence.RECORDED,
        note="",
        needed=1,
        planned=1,
        then='escalate(reason: "dispute")',
        now='escalate(reason: "dispute")',
        why="",
        recording="sha256:" + "9f" * 32,
        location=Location("datasets/refunds.yaml", 12, 7),
        trials=(make_trial(verdict),),
        findings=(),
    )
    return dataclasses.replace(base, **changes)


def make_report(rows: Sequence[Row], **changes: Any) -> Report:
    """A report whose verdict and totals follow from its rows."""
    verdict = gate_verdict(rows)
    base = Report(
        schema=SCHEMA,
        tool=Software("runback-gate", "0.1.0"),
        engine=Software("cel-cpp", "0.1.3"),
        gate="acme",
        verdict=verdict,
        exit_code=verdict.exit_code,
        date="2026-11-23",
        selection=(),
        agents=(GatedAgent("support", "agents/support.yaml", "sha256:" + "77" * 32, "openai/gpt-4o-2024-08-06"),),
        inputs=(
            Input("gate", "runback.yaml", "sha256:" + "10" * 32),
            Input("agent", "agents/support.yaml", "sha256:" + "77" * 32),
            Input("prompt", "agents/prompts/support.md", "sha256:" + "78" * 32),
            Input("dataset", "datasets/refunds.yaml", "sha256:" + "20" * 32),
            Input("dataset", "datasets/tone.yaml", "sha256:" + "21" * 32),
            Input("recording", "datasets/recordings/9f/" + "9f" * 32 + ".json", "sha256:" + "9f" * 32),
            Input("policy", "policies/pii.yaml", "sha256:" + "30" * 32),
            Input("policy", "policies/refunds.yaml", "sha256:" + "31" * 32),
            Input("waiver", "waivers/pii.yaml", "sha256:" + "40" * 32),
        ),
        rules=(
            Rule(
                "refunds.limit",
                "refunds",
                "Refunds above the limit need a person",
                "Deny",
                "refunds.all(c,\n  c.arguments.amount <= params.limit)",
                Location("policies/refunds.yaml", 14, 7),
                "docs/runbooks/refunds.md",
            ),
            Rule(
                "refunds.person",
                "refunds",
                "A disputed charge goes to a person",
                "Deny",
                'response.tool_calls.exists(c, c.name == "escalate")',
                Location("policies/refunds.yaml", 18, 7),
            ),
            Rule(
                "pii.email",
                "pii",
                "No e-mail address in an answer",
                "Deny",
                '!response.text.matches("[^ ]+@[^ ]+")',
                Location("policies/pii.yaml", 9, 7),
            ),
            Rule(
                "tone.short",
                "tone",
                "Answers stay short",
                "Warn",
                "response.text.size() < 400",
                Location("policies/tone.yaml", 9, 7),
            ),
        ),
        rows=tuple(rows),
        notices=(),
        totals=count(rows, 3),
    )
    return dataclasses.replace(base, **changes)


def red_rows() -> tuple[Row, ...]:
    """One row of every kind and verdict, worst first."""
    limit = make_finding()
    email = make_finding(
        "pii.email",
        policy="pii",
        message="an e-mail address in the answer",
        values=(("response.text", '"write to ada@example.com"'),),
        location=Location("policies/pii.yaml", 9, 7),
    )
    called = make_finding(
        "toolCalled escalate",
        policy="",
        message="check does not hold: toolCalled escalate",
        values=(),
        location=Location("datasets/refunds.yaml", 17, 11),
    )
    audited = make_finding("tone.formal", policy="tone", action="Audit", message="informal", values=())
    unknown = make_finding(
        "refunds.person", outcome="error", message="no such key: amount", values=(("c.arguments", "{}"),)
    )
    tone = make_finding(
        "tone.short",
        policy="tone",
        action="Warn",
        message="412 characters",
        values=(("response.text.size()", "412"),),
        location=Location("policies/tone.yaml", 9, 7),
    )
    waived = dataclasses.replace(email, waiver="legacy-pii")
    refund = "issue_refund(amount: 250)"
    live = Evidence.LIVE
    return (
        make_row(
            "disputed-charge-escalates",
            Verdict.FAIL,
            evidence=live,
            note="request.system differs from the recording",
            needed=2,
            planned=3,
            interval=Interval("0.0614", "0.7924"),
            now=refund,
            why="Incident 2026-11-03, the agent refunded a disputed charge",
            trials=(
                make_trial(Verdict.PASS, 0, live, latency_ms=812, cost_usd="0.0009"),
                make_trial(Verdict.FAIL, 1, live, answer=refund, findings=(limit, called), passed=()),
                make_trial(Verdict.FAIL, 2, live, answer=refund, findings=(limit, called, audited), passed=()),
            ),
            findings=(limit, called, audited),
        ),
        make_row(
            "old-exception",
            Verdict.FAIL,
            kind="waiver",
            agent="",
            dataset="",
            evidence=None,
            why="expired on 2026-10-01: fix the breach or have payments renew it",
            needed=0,
            planned=0,
            then="",
            now="",
            recording=None,
            location=Location("waivers/pii.yaml", 3, 9),
            trials=(),
        ),
        make_row(
            "double-refund",
            Verdict.UNDECIDED,
            evidence=Evidence.MISSING,
            note="request.system differs from the recording; rate limit: openai: HTTP 429",
            planned=3,
            needed=3,
            now="",
            trials=(
                make_trial(
                    Verdict.UNDECIDED, 0, Evidence.MISSING, answer="", passed=(), note="rate limit: openai: HTTP 429"
                ),
            ),
        ),
        make_row(
            "no-amount",
            Verdict.UNDECIDED,
            findings=(unknown,),
            trials=(make_trial(Verdict.UNDECIDED, findings=(unknown,)),),
        ),
        make_row(
            "vip-tone",
            Verdict.WARN,
            dataset="tone",
            evidence=Evidence.CACHED,
            then="",
            now="Dear customer, thank you for your patience, we looked into it and…",
            findings=(tone,),
            location=Location("datasets/tone.yaml", 8, 7),
            trials=(make_trial(Verdict.WARN, 0, Evidence.CACHED, findings=(tone,)),),
        ),
        make_row(
            "legacy-export",
            Verdict.WAIVED,
            findings=(waived,),
            waivers=("pii.email until 2026-12-31 (payments, TICKET-12)",),
            trials=(make_trial(Verdict.WAIVED, findings=(waived,)),),
        ),
        make_row("address-in-words", Verdict.PASS, note="parameters unknown"),
        *(make_row(f"refund-{number}", Verdict.PASS) for number in range(1, 8)),
        make_row("refund-1", Verdict.PASS, dataset="tone", location=Location("datasets/tone.yaml", 20, 7)),
    )


def poison(value: Any, payload: Callable[[], str]) -> Any:
    """The same value with every text field that is free text replaced."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        kept = {"schema", "kind", "verdict", "evidence", "outcome", "action", "status", "side", "incomplete"}
        changes = {
            item.name: poison(getattr(value, item.name), payload)
            for item in dataclasses.fields(value)
            if item.name not in kept
        }
        return dataclasses.replace(value, **changes)
    if isinstance(value, tuple):
        return tuple(poison(item, payload) for item in value)
    return payload() if isinstance(value, str) else value


def hostile_report(payloads: Sequence[str]) -> Report:
    """The red report with its texts taken from the payloads in turn."""
    base = make_report(
        red_rows(),
        selection=("agent=support",),
        notices=(Notice("note", Location("a.yaml", 1)),),
        spend=Spend(calls=2, retries=1, usd="1", unknown=1, cached=1, limit_usd="2.00"),
    )
    turn = 0

    def payload() -> str:
        nonlocal turn
        turn += 1
        return payloads[turn % len(payloads)]

    poisoned: Report = poison(base, payload)
    return dataclasses.replace(poisoned, totals=count(poisoned.rows, 3))


@cache
def many_rows(red: int, green: int) -> Report:
    """Made once, whichever folder's tests want it."""
    rows = [
        make_row(
            f"case-{number:05}",
            Verdict.FAIL if number < red else Verdict.PASS,
            findings=(make_finding(message="m" * 300),) if number < red else (),
            now="issue_refund(amount: 250)" if number < red else 'escalate(reason: "dispute")',
            trials=(make_trial(Verdict.FAIL if number < red else Verdict.PASS),),
        )
        for number in range(red + green)
    ]
    return make_report(rows)
