"""What does not loosen a gate: additions, another layout, other names, other words for people."""

from __future__ import annotations

import pytest

from runback_gate.change.gates import find_weakenings
from runback_gate.change.model import Change
from tests.change.edits import (
    AGENT,
    BY_TAG,
    CASES,
    GATE,
    MAIL_AGENT,
    MAILS,
    NO_SECOND,
    ONCE,
    ONCE_ELSEWHERE,
    PROVIDER,
    REFUNDS,
    ROOT,
    SAID,
    SEQUENTIAL,
    TALK,
    THREE,
    WAIVER,
    Edit,
    config,
    delete,
    move,
    pair,
    policy,
    waiver,
    write,
)

HARMLESS: dict[str, tuple[tuple[Edit, ...], tuple[Edit, ...]]] = {
    "nothing": ((), ()),
    "a policy is added": ((write("policies/once.yaml", ONCE_ELSEWHERE.replace("refunds.once", "new.once")),), ()),
    "a validation is added": ((Edit(REFUNDS, ONCE, ONCE + ONCE.replace("refunds.once", "refunds.more")),), ()),
    "a dataset is added": ((SAID,), ()),
    "a case is added": ((Edit(CASES, NO_SECOND, NO_SECOND + NO_SECOND.replace("no-second", "no-third")),), ()),
    "a check is added": ((Edit(CASES, "- contains: P-2001", "- contains: P-2001\n        - noError: true"),), ()),
    "an agent is added": ((MAIL_AGENT,), ()),
    "a tag is added": ((Edit(CASES, "tags: [refund, dispute]", "tags: [refund, dispute, money]"),), (BY_TAG,)),
    "a label is added that no rule reads": ((Edit(AGENT, "{team: payments}", "{team: payments, tier: '1'}"),), ()),
    "a param is added that no rule reads": ((Edit(REFUNDS, "{limit: 100}", "{limit: 100, most: 3}"),), ()),
    "a rule and its param are added": (
        (
            Edit(REFUNDS, "{limit: 100}", "{limit: 100, most: 3}"),
            Edit(REFUNDS, ONCE, ONCE + "    - {id: refunds.most, expression: size(variables.refunds) < params.most}\n"),
        ),
        (),
    ),
    "Warn becomes Deny": ((Edit(REFUNDS, "[Warn]", "[Deny]"),), (policy("validationActions: [Warn]"),)),
    "Deny also audits": ((policy("validationActions: [Audit, Deny]"),), ()),
    "Ignore becomes Fail": ((Edit(REFUNDS, "Ignore", "Fail"),), (policy("failurePolicy: Ignore"),)),
    "match.agents is widened": ((Edit(REFUNDS, '"support*"', '"sup*", mail'),), ()),
    "match is taken out": ((Edit(REFUNDS, "  match: {tags: [dispute]}\n", ""),), (BY_TAG,)),
    "match.tags is widened": ((Edit(REFUNDS, "[dispute]", "[other, dispute]"),), (BY_TAG,)),
    "a match condition is taken out": (
        (
            Edit(
                REFUNDS,
                "  matchConditions:\n    - name: refunds money\n"
                '      expression: size(calls(response, "issue_refund")) > 0\n',
                "",
            ),
        ),
        (),
    ),
    "a match condition gets another name": ((Edit(REFUNDS, "refunds money", "money"),), ()),
    "a variable gets another name": (
        (Edit(REFUNDS, "variables.refunds", "variables.paid"), Edit(REFUNDS, "- name: refunds\n", "- name: paid\n")),
        (),
    ),
    "a constant becomes a param": (
        (
            Edit(REFUNDS, "{limit: 100}", "{limit: 100, one: 1}"),
            Edit(REFUNDS, "size(variables.refunds) == 1", "size(variables.refunds) == params.one"),
        ),
        (),
    ),
    "an expression is laid out anew, with a comment": (
        (
            Edit(REFUNDS, "        && !history", "        // never\n        && ! history"),
            Edit(REFUNDS, "expression: >-", "expression: |"),
            Edit(REFUNDS, "params: {limit: 100}", "params:\n    # in dollars\n    limit: 100"),
        ),
        (),
    ),
    "what people read is reworded": (
        (
            Edit(REFUNDS, "message: refund above the limit", "message: too much"),
            Edit(REFUNDS, '\'"refund above "', '\'"more than "'),
            Edit(REFUNDS, "Money goes back", "Money is paid back"),
            Edit(REFUNDS, "labels: {team: payments}", "annotations: {runbook: docs/refunds.md}"),
            Edit(CASES, "why: Small refunds stay quick", "why: Quick"),
        ),
        (),
    ),
    "files are renamed": (
        (
            move(REFUNDS, "policies/money.yaml"),
            move(CASES, "datasets/money.yaml"),
            move(AGENT, "agents/shop.yaml"),
            move(WAIVER, "waivers/w.yaml"),
        ),
        (waiver(),),
    ),
    "a policy gets another name": ((Edit(REFUNDS, "metadata: {name: refunds", "metadata: {name: money"),), ()),
    "a rule is moved to a policy as strict": (
        (Edit(REFUNDS, ONCE, ""), write("policies/once.yaml", ONCE_ELSEWHERE)),
        (),
    ),
    "cases, checks and rules change places": (
        (
            Edit(CASES, NO_SECOND, ""),
            Edit(
                CASES,
                "  cases:\n",
                "  cases:\n"
                + NO_SECOND.replace("        - toolNotCalled: issue_refund\n", "")
                + "        - toolNotCalled: issue_refund\n",
            ),
            Edit(REFUNDS, ONCE, ""),
            Edit(REFUNDS, "  validations:\n", "  validations:\n" + ONCE),
        ),
        (),
    ),
    "a check says the same at length": (
        (
            Edit(
                CASES,
                "- toolCalled: {name: lookup_order, arguments: {order: P-3007}}",
                "- toolCalled:\n            arguments: {order: P-3007}\n            name: lookup_order",
            ),
        ),
        (),
    ),
    "a cel check is laid out anew": (
        (Edit(TALK, "size(response.tool_calls) == 0", "size( response.tool_calls )==0"),),
        (SAID,),
    ),
    "a bound is lowered": ((Edit(TALK, "maxTokens: 100", "maxTokens: 50"),), (SAID,)),
    "more trials must pass": ((Edit(GATE, "n: 3, pass: 3", "n: 5, pass: 5"),), (THREE,)),
    "a dataset and a case ask more trials": (
        (
            Edit(MAILS, "spec:\n", "spec:\n  trials: {n: 5}\n"),
            Edit(CASES, "      why: Small refunds stay quick\n", "      trials: {n: 4}\n"),
        ),
        (THREE,),
    ),
    "trials are written out": ((config("trials: {n: 1, pass: 1}"),), ()),
    "a sequential test takes fewer trials, with more power and alpha": (
        (Edit(GATE, "alpha: 0.01, maxTrials: 60", "alpha: 0.02, maxTrials: 50, power: 0.95"),),
        (config(SEQUENTIAL),),
    ),
    "every red row blocks": ((Edit(GATE, "block: regressions", "block: all"),), (config("block: regressions"),)),
    "the budget is lowered, one more limit is set": (
        (Edit(GATE, '"2.00"', '"1", seconds: 10'),),
        (config('budget: {usd: "2.00"}'),),
    ),
    "a provider is taken out": (
        (write(GATE, (ROOT / GATE).read_text(encoding="utf-8")),),
        (PROVIDER,),
    ),
    "a provider may be asked for fewer models": ((Edit(GATE, "[gpt-4o*]", "[gpt-4o-mini*, gpt-4o]"),), (PROVIDER,)),
    "a waiver is taken out": ((delete(WAIVER),), (waiver(),)),
    "a waiver ends earlier": ((waiver(expires="2026-09-30"),), (waiver(),)),
    "a waiver names less": ((waiver(),), (waiver(rules="refunds.limit, refunds.once"),)),
    "a waiver gets another name": ((Edit(WAIVER, "name: legacy", "name: w"),), (waiver(),)),
    "patterns are written out": (
        (Edit(GATE, "[policies/*.yaml]", "[policies/refunds.yaml, policies/m*.yaml]"),),
        (),
    ),
}


@pytest.mark.parametrize("what", HARMLESS)
def test_what_does_not_loosen_the_gate(what: str) -> None:
    """Additions, another layout, other names and other words for people are no weakening."""
    edits, given = HARMLESS[what]
    found: tuple[Change, ...] = find_weakenings(*pair(given, edits))
    assert found == ()
