"""A proof of two made-up policies."""

from __future__ import annotations

from typing import Any

from benchmarks.random_rules import policy
from runback_gate.analysis.proof.form import Judges, form
from runback_gate.analysis.proof.prove import Limits, prove
from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.cel.py_engine import PyEngine
from runback_gate.change.proof import Proof

ENGINES = (CppEngine(), PyEngine())


def proof(old: str, new: str, limits: Limits | None = None, **sides: Any) -> Proof:
    """What is proved of a rule that was `old` and is `new`; `conditions` are match conditions of old and new."""
    conditions = sides.get("conditions", ((), ()))
    ignore = sides.get("ignore", (False, False))
    before, after = (
        policy(text, found, ignore=ignored) for text, found, ignored in zip((old, new), conditions, ignore, strict=True)
    )
    judges = Judges(before, after, "p.r", ENGINES)
    return prove(form(before, "p.r"), form(after, "p.r"), judges.confirm, limits or Limits())
