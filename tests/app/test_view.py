"""A run as a page, judged by policies."""

from __future__ import annotations

from pathlib import Path

import pytest

from runback_gate.app.view import view_run
from runback_gate.errors import RunbackError
from runback_gate.policy.document import load_policies
from runback_gate.step import Message, Request, Response, Run, Source, Step
from runback_gate.testing import write_document


def run(*texts: str) -> Run:
    request = Request("openai/m", "Be kind.", (Message("user", "Refund?"),))
    steps = tuple(Step("a", request, Response(text), Source("r1", at, "exact")) for at, text in enumerate(texts))
    return Run("r1", "a", steps)


def short(root: Path, expression: str) -> Path:
    rule = {"id": "short.answer", "expression": expression, "message": "too long an answer"}
    write_document(root, "policies/short.yaml", "Policy", "short", {"validations": [rule]})
    return root


def test_a_rule_that_fails_stands_in_the_page(tmp_path: Path) -> None:
    """The finding is in the page of the judged run, and in that of the run alone it is not."""
    policies, _ = load_policies(short(tmp_path, "size(response.text) < 5"), ["policies/*.yaml"])
    judged = view_run(run("Yes", "No, and here is why"), policies)
    assert "too long an answer" in judged
    assert "too long an answer" not in view_run(run("Yes", "No, and here is why"))


def test_a_policy_that_does_not_compile_shows_no_page(tmp_path: Path) -> None:
    """A page without its policies would look as if nothing were wrong."""
    policies, _ = load_policies(short(tmp_path, "size(respons.text) < 5"), ["policies/*.yaml"])
    with pytest.raises(RunbackError, match="respons"):
        view_run(run("Yes"), policies)


def test_two_runs_stand_side_by_side() -> None:
    """The other run is in the page."""
    assert "Another answer" in view_run(run("Yes"), other=run("Another answer"))


def test_a_rule_over_runs_stands_at_the_end(tmp_path: Path) -> None:
    """What is said of the whole run is in its page, and says that it is about the run."""
    rule = {"id": "few.steps", "expression": "size(run.steps) < 2", "message": "too many steps"}
    write_document(tmp_path, "policies/few.yaml", "Policy", "few", {"scope": "run", "validations": [rule]})
    policies, _ = load_policies(tmp_path, ["policies/*.yaml"])
    assert "the whole run: too many steps" in view_run(run("Yes", "No"), policies)
    assert "too many steps" not in view_run(run("Yes"), policies)
