"""Effects of changed policies."""

from __future__ import annotations

import dataclasses

from runback_gate.analysis.policy_effect import FieldChange, Flip, PolicyEffect, RuleEffect

FLIP = Flip(
    validation="refunds.limit",
    run="01JD",
    step=12,
    kind="newly permitted",
    base="fail",
    head="pass",
    expression="c.arguments.amount <= params.limit",
    why="amount <= limit: 250 <= 100 false → 250 <= 500 true",
    answer="issue_refund(amount: 250)",
)

LIMIT = FieldChange("params.limit", "100", "500", "", "head", "policies/refunds.yaml", 9)

LOOSER = PolicyEffect(
    policy="refunds",
    word="looser",
    changes=(
        LIMIT,
        FieldChange("validationActions", "Deny", "Warn", "looser", "head", "policies/refunds.yaml", 4),
        FieldChange("validation refunds.once", "1 < 2", "", "looser", "base", "policies/refunds.yaml", 30),
    ),
    validations=(
        RuleEffect(
            "refunds.limit",
            "kept",
            (("newly permitted", 7), ("now skipped", 1)),
            2,
            (
                FLIP,
                dataclasses.replace(FLIP, run="01JC", step=4),
                dataclasses.replace(FLIP, kind="now skipped", why=""),
            ),
        ),
        RuleEffect("refunds.once", "removed", (), 0, ()),
    ),
    steps=1229,
    same=1221,
    matched=40,
    path="policies/refunds.yaml",
    line=3,
)

TEXT = PolicyEffect(
    "pii",
    "same on record",
    (dataclasses.replace(LIMIT, what="pii.email expression"),),
    (),
    1229,
    1229,
    1229,
    "p.yaml",
    3,
)
