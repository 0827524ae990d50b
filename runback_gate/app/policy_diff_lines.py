"""What `policy diff` prints: a comparison, and what was proved of it, as JSON, as text and as Markdown.

In: a `PolicyDiff`, and the `Proof`s of its changed rules; None where nothing was to be proved. Out: values and text.
What stems from files and models is inert in it.

    diff_json(found, None)["policies"]      # {"refunds": "looser"}
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from runback_gate.app.policy_diff import PolicyDiff
from runback_gate.change.proof import Proof
from runback_gate.plural import many
from runback_gate.report import effects
from runback_gate.report.proofs import proof_lines, proof_markdown
from runback_gate.report.text import log

MAX_LISTED = 10_000
"""Flips of each rule and kind that JSON lists."""

Proofs = tuple[Proof, ...] | None


def diff_json(found: PolicyDiff, proofs: Proofs) -> dict[str, Any]:
    """For programs."""
    titles = {"base": found.before.title, "head": found.after.title}
    runs = {"runs": found.runs} if found.runs else {}
    proved = {} if proofs is None else {"proofs": [dataclasses.asdict(proof) for proof in proofs]}
    return {**titles, "steps": found.steps, **runs, **effects.as_json(found.effects), **proved}


def diff_text(found: PolicyDiff, proofs: Proofs, show: int, *, width: int, unicode: bool) -> str:
    """For a terminal, in so many columns, with so many flips of each kind of each policy."""
    how: dict[str, Any] = {"place": found.place, "show": show, "width": width, "unicode": unicode}
    text = effects.as_text(found.effects, steps=found.steps, **how)
    return text + log("".join(f"{line}\n" for line in _proofs(found, proofs or ())))


def diff_markdown(found: PolicyDiff, proofs: Proofs, show: int) -> str:
    """For a pull request."""
    text = effects.as_markdown(found.effects, steps=found.steps, place=found.place, show=show)
    return log(text + "".join(f"{line}\n" for line in _proofs(found, proofs or (), "markdown")))


def _proofs(found: PolicyDiff, proofs: tuple[Proof, ...], form: str = "text") -> Iterator[str]:
    places, same = {}, {}
    for policy in found.after.policies:
        for rule in policy.every_rule:
            place = rule.location
            places[rule.id] = found.after.place(place.path, place.line or 1)
    for effect in found.effects:
        for rule_effect in effect.validations:
            if not rule_effect.flipped and effect.steps and rule_effect.state != "judged":
                verdicts = many(effect.steps, f"recorded {effect.scope}")
                same[rule_effect.id] = f"text changed, same verdict on {verdicts}"
    yield from (proof_markdown if form == "markdown" else proof_lines)(proofs, places, same)
