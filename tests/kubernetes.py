"""The table of forms of policies, and what Runback gate says of each.

The forms are those of a ValidatingAdmissionPolicy, in `tests/interop/kubernetes/forms`; `main.go` beside them asks
Kubernetes. A form sees `object`: here this stands for the arguments of the first call of an answer, or for the answer
itself where the form is about types.

    form = next(forms())
    said_here(form, CppEngine(), folder) == form.expected("here")      # each a Said(("holds",), ())
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from runback_gate.analysis.lint import lint_policy
from runback_gate.cel.engine import Engine
from runback_gate.documents import parse_document
from runback_gate.errors import InputError
from runback_gate.policy.context import agent_facts, bindings, case_facts
from runback_gate.policy.document import load_policies
from runback_gate.policy.evaluate import BoundStep, StepUnderTest, compile_policy, results
from runback_gate.step import Request, Response, ToolCall
from runback_gate.testing import sample_call, write_document

FOLDER = Path(__file__).parent / "interop" / "kubernetes"

HERE = {"pass": "holds", "fail": "fails", "skip": "skipped"}
THERE = {"admit": "holds", "deny": "fails"}


@dataclass(frozen=True, slots=True)
class Said:
    """What one side says of a form."""

    words: tuple[str, ...]
    """For each rule `holds`, `fails`, `error` (it blocks), `ignored` (an error that does not block) or `skipped`; of a
    whole form `refused`; of a form about types `clean` or `warned`."""
    texts: tuple[str, ...] = ()
    """The messages of the rules that fail, where the form is about messages."""


@dataclass(frozen=True, slots=True)
class Form:
    """One form, with what is expected."""

    topic: str
    name: str
    row: Mapping[str, Any]
    typed: bool
    """Whether it is about what is found without an object."""

    @property
    def policy(self) -> dict[str, Any]:
        """The spec of a ValidatingAdmissionPolicy, without what it matches."""
        whole: dict[str, Any] = self.row.get("policy") or {"validations": [{"expression": self.row["rule"]}]}
        return whole

    @property
    def object(self) -> dict[str, Any]:
        """What is judged."""
        count = self.row.get("numbers")
        fields: dict[str, Any] = self.row["object"]
        return fields if count is None else {**fields, "numbers": list(range(count))}

    def expected(self, side: str) -> Said:
        """What a side says: `kubernetes` or `here`."""
        words = self.row.get("both", self.row.get(side))
        texts = self.row.get("says", {}).get(side, self.row.get("says", {}).get("both"))
        return Said(_listed(words), _listed(texts))

    def question(self) -> dict[str, Any]:
        """The form for `main.go`."""
        asked: dict[str, Any] = {"policy": dict(self.policy), "object": self.object, "params": self.row.get("params")}
        if "params" in self.row:
            asked["policy"]["paramKind"] = {"apiVersion": "runback.dev/v1", "kind": "Form"}
        if self.typed:
            asked["schema"] = json.loads((FOLDER / "schema.json").read_bytes())
        return asked


def topics() -> Iterator[dict[str, Any]]:
    """Every topic of the table, in its order: what Kubernetes has, what is here, what differs, and its forms."""
    for path in sorted((FOLDER / "forms").iterdir()):
        yield cast("dict[str, Any]", parse_document(path.read_bytes(), path.name).value)


def forms() -> Iterator[Form]:
    """Every form of the table."""
    for topic in topics():
        for row in topic["forms"]:
            yield Form(topic["topic"], row["form"], row, topic.get("typed", False))


def said_here(form: Form, engine: Engine, folder: Path) -> Said:
    """What Runback gate says of a form."""
    spec = _spec(form)
    try:
        write_document(folder, "p.yaml", "Policy", "p", spec)
        (policy,), _ = load_policies(folder, ["p.yaml"])
        rules = compile_policy(policy, engine)
    except InputError:
        return Said(("refused",))
    if form.typed:
        return Said(("warned" if any(found.level == "error" for found in lint_policy(policy)) else "clean",))
    step = StepUnderTest("a", (), lambda: BoundStep(engine, _data(form)))
    ignored = "ignored" if policy.ignore_errors else "error"
    found = results([rules], step).values()
    texts = tuple(result.message for result in found if result.outcome == "fail") if "says" in form.row else ()
    return Said(tuple(HERE.get(result.outcome, ignored) for result in found), texts)


def passes_lint(form: Form, folder: Path) -> bool:
    """Whether `policy lint` finds no error in a form."""
    write_document(folder, "p.yaml", "Policy", "p", _spec(form))
    try:
        (policy,), _ = load_policies(folder, ["p.yaml"])
    except InputError:
        return False
    return all(found.level != "error" for found in lint_policy(policy))


def said_there(form: Form, answer: Mapping[str, Any]) -> Said:
    """What an answer of `main.go` says of a form."""
    if answer["refused"]:
        return Said(("refused",))
    if form.typed:
        return Said(("warned" if answer["warnings"] else "clean",))
    found = answer["decisions"]
    ignored = {"admit": "ignored", "deny": "error"}
    words = [ignored[one["action"]] if one["evaluation"] == "error" else THERE[one["evaluation"]] for one in found] or [
        "skipped"
    ]
    texts = [one["message"] for one in found if one["evaluation"] == "deny"] if "says" in form.row else ()
    return Said(tuple(words), tuple(texts))


def _spec(form: Form) -> dict[str, Any]:
    """The form as the spec of a policy of ours."""
    root = "response" if form.typed else "response.tool_calls[0].arguments"
    text = re.sub(r"\bobject(?=\.|\[)", root, json.dumps(form.policy))
    spec: dict[str, Any] = json.loads(text)
    for number, rule in enumerate(spec["validations"]):
        rule["id"] = f"r{number}"
    return spec | {"params": form.row.get("params") or {}}


def _data(form: Form) -> dict[str, Any]:
    call = sample_call("f")
    answer = Response("", (ToolCall(call.id, call.name, json.dumps(form.object)),))
    return bindings(Request(), answer, baseline=None, case=case_facts("d", "c"), agent=agent_facts("a"))


def _listed(found: Any) -> tuple[str, ...]:
    return () if found is None else (found,) if isinstance(found, str) else tuple(found)
