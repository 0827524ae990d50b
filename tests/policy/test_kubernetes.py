"""The table beside Kubernetes: what both engines say of each form here; `tests/contract` asks Kubernetes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.cel.py_engine import PyEngine
from tests.kubernetes import Form, Said, forms, passes_lint, said_here, topics

ALL = tuple(forms())
CPP, PY = CppEngine(), PyEngine()


def parameters(form: Form) -> object:
    """One test for each form; long loops are dear in the second engine."""
    marks = [pytest.mark.slow] if form.row.get("numbers", 0) > 50 else []
    return pytest.param(form, id=f"{form.topic}: {form.name}", marks=marks)


@pytest.mark.parametrize("form", [parameters(form) for form in ALL])
def test_what_is_said_here(form: Form, tmp_path: Path) -> None:
    """The engine that judges says what the table says, and so does the second one, which has no checker of types."""
    expected = form.expected("here")
    assert said_here(form, CPP, tmp_path) == expected
    if expected != Said(("refused",)) and not form.typed:
        assert said_here(form, PY, tmp_path) == expected


@pytest.mark.parametrize("form", [parameters(form) for form in ALL if form.expected("here") == Said(("refused",))])
def test_lint_refuses_what_no_gate_reads(form: Form, tmp_path: Path) -> None:
    """Whoever has linted a policy is not refused at the gate."""
    assert not passes_lint(form, tmp_path)


def test_the_table_explains_what_differs() -> None:
    """A form has a reason where the sides differ, and only there; so has a topic. No form stands twice."""
    for form in ALL:
        assert ("why" in form.row) == (form.expected("here") != form.expected("kubernetes")), form.name
    for topic in topics():
        assert bool(topic["differs"]) == any("why" in row for row in topic["forms"]), topic["topic"]
    assert [name for name, count in Counter((form.topic, form.name) for form in ALL).items() if count > 1] == []


def test_nothing_is_green_here_that_kubernetes_denies() -> None:
    """Where the sides differ, Runback gate holds only what Kubernetes does not let anybody write."""
    greener = [form for form in ALL if form.expected("here").words == ("holds",) and "why" in form.row]
    assert {form.expected("kubernetes").words for form in greener} == {("refused",)}
