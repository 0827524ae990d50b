"""What was proved of changed rules, as lines.

In: `Proof`s, and where each rule stands. Out: lines without their ends; what stems from files and models is inert.

    refunds.limit   proved stricter   for lists of any length   policies/refunds.yaml:14   no approval needed
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from runback_gate.change.proof import Proof
from runback_gate.documents import cut
from runback_gate.report.text import markdown, markdown_code, safe_terminal, short

_REASON: Final = 200


def proof_lines(proofs: Sequence[Proof], places: Mapping[str, str], same: Mapping[str, str]) -> Iterator[str]:
    """For a terminal: a line for each rule.

    Args:
        proofs: what was proved.
        places: where each rule stands, by its id.
        same: what the record says of a rule of which nothing is known, by its id.
    """
    rows = [(safe_terminal(proof.rule), _word(proof), proof) for proof in proofs]
    wide = [max((len(row[index]) for row in rows), default=0) for index in (0, 1)]  # type: ignore[arg-type]
    for name, word, proof in rows:
        parts = [_why(proof, same), places.get(proof.rule, ""), approval(proof)]
        line = "   ".join(safe_terminal(part) for part in parts if part)
        yield f"{name:{wide[0]}}   {word:{wide[1]}}   {line}"


def proof_markdown(proofs: Sequence[Proof], places: Mapping[str, str], same: Mapping[str, str]) -> Iterator[str]:
    """For a pull request: a table with a row for each rule; arguments as of `proof_lines`."""
    if proofs:
        yield from ("", "| rule | proof | for which steps | where | |", "|---|---|---|---|---|")
    for proof in proofs:
        cells = (_word(proof), _why(proof, same), places.get(proof.rule, ""), approval(proof))
        rule = markdown_code(short(proof.rule, _REASON))
        yield f"| {' | '.join((rule, *(markdown(cell) for cell in cells)))} |"


def approval(proof: Proof) -> str:
    """Whether somebody must accept the change."""
    return "no approval needed" if proof.frees else "needs approval"


def _word(proof: Proof) -> str:
    return f"proved {proof.verdict}" if proof.frees else proof.verdict


def _why(proof: Proof, same: Mapping[str, str]) -> str:
    if proof.verdict == "unknown":
        return "; ".join(part for part in (cut(proof.reason, _REASON), same.get(proof.rule, "")) if part)
    if proof.verdict in ("equivalent", "stricter"):
        return proof.length
    return f"a step that shows it: {proof.step}   {cut(proof.reason, _REASON)}"
