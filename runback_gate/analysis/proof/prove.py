"""What a changed rule says of every possible step.

In: a rule as it was and as it is, each with the conditions of its policy. Out: a `Proof`: one word, for which lengths
it holds, and a step that shows it.

    prove(before, after, confirm)      # Proof("refunds.limit", "stricter", None, {…}, "…")

A rule **stops** a step on which it fails or, unless its policy ignores errors, cannot be evaluated; it lets a step pass
on which it holds, or which a match condition leaves out. It became *looser* if it lets a step pass that it stopped.
`search` says why a claim holds for every length.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from runback_gate.analysis.proof.encode import Encoder
from runback_gate.analysis.proof.example import seen
from runback_gate.analysis.proof.form import Form
from runback_gate.analysis.proof.search import DEFAULT, Confirm, Finding, Limits, Search
from runback_gate.analysis.proof.smt import Term
from runback_gate.cel.limits import walk
from runback_gate.cel.parser import LOOPS
from runback_gate.change.proof import Proof

__all__ = ["DEFAULT", "Limits", "prove"]

Verdict = Literal["equivalent", "stricter", "looser", "incomparable", "unknown"]


def blocked(encoder: Encoder, form: Form) -> Term:
    """Whether a form stops the step."""
    smt = encoder.smt
    conditions = [encoder.truth(tree) for tree in form.conditions]
    wrong = smt.any_of(*(item.error for item in conditions))
    left_out = smt.any_of(*(smt.not_(smt.any_of(item.error, item.holds)) for item in conditions))
    rule = encoder.truth(form.rule)
    fails = smt.not_(smt.any_of(rule.error, rule.holds))
    if form.ignore_errors:
        return smt.all_of(smt.not_(left_out), smt.not_(wrong), fails)
    stops = smt.any_of(wrong, smt.not_(rule.holds))
    return smt.all_of(smt.not_(left_out), stops)


def bounds(limits: Limits) -> dict[str, int]:
    """The bounds of a claim, as they are printed."""
    return {"calls": limits.calls, "history": limits.history, "other": limits.other}


def verdict(looser: Finding, stricter: Finding) -> Verdict:
    """The word for what was found in both directions."""
    if looser.state == "shown":
        return "incomparable" if stricter.state == "shown" else "looser"
    if looser.state == "unknown":
        return "unknown"
    same: Sequence[str] = ("never", "never up to a bound")
    if stricter.state in same and (looser.state == stricter.state or looser.state != "never"):
        return "equivalent"
    return "stricter"


def prove(before: Form, after: Form, confirm: Confirm, limits: Limits = DEFAULT) -> Proof:
    """What a changed rule says of every step.

    Args:
        before: the rule as it was.
        after: the rule as it is.
        confirm: judges a step by both forms, on both engines (`form.confirming`).
        limits: how far to go.
    """

    def goals(encoder: Encoder) -> Mapping[str, Term]:
        old, new = (blocked(encoder, form) for form in (before, after))
        smt = encoder.smt
        return {"looser": smt.all_of(old, smt.not_(new)), "stricter": smt.all_of(new, smt.not_(old))}

    search = Search(goals, confirm, limits)
    looser, stricter = search.find("looser"), search.find("stricter")
    word = verdict(looser, stricter)
    every = {"equivalent": (looser, stricter), "stricter": (looser,), "looser": (stricter,)}.get(word, ())
    ignored = bool(every) and after.ignore_errors and _works(after)
    limited = ignored or any(found.state != "never" for found in every)
    shown = looser if looser.state == "shown" else stricter
    step = None if shown.step is None else seen(shown.step)
    said = _reason(word, looser, stricter) or ("a limit on work is an error that is ignored" if ignored else "")
    return Proof(before.id, word, bounds(limits) if limited else None, step, said)


def _works(form: Form) -> bool:
    """Whether the limits on work can end a form: it loops, or calls functions on data of any size.

    Where errors are ignored a rule lets pass what it ends on, so a claim about it ends with lists of that size.
    """
    return any(
        node.kind == "call" or node.name in LOOPS for tree in (*form.conditions, form.rule) for node, _ in walk(tree)
    )


def _reason(word: Verdict, looser: Finding, stricter: Finding) -> str:
    if word == "unknown":
        return looser.said
    if looser.state == "shown":
        open_ = "; whether it is also stricter elsewhere is not known" if stricter.state == "unknown" else ""
        also = f"; also stricter: {stricter.said}" if stricter.state == "shown" else ""
        return looser.said + also + open_
    return stricter.said if stricter.state == "shown" else ""
