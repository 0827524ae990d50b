"""Facts about what a rule over runs reads of the steps: nothing that it reads is left out."""

from __future__ import annotations

import pytest

from runback_gate.cel.inline import inline
from runback_gate.cel.limits import parse
from runback_gate.cel.projection import ALL, reads


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("run.calls.size() > 0", ""),
        ("size(run.steps) < 9", ""),
        ("run.labels.task == 1 && run.status == 'ok'", ""),
        ("run.steps.all(s, s.response.text != '')", "response"),
        ("run.steps[0].request.messages.size() > 1", "request.messages"),
        ("run.steps.filter(s, has(s.request.model)).all(t, t.history.size() < 9)", "request.model history"),
        ("run.steps.after(s, s.agent.name == 'a').map(t, t.request.parameters).size() > 0", "agent request.parameters"),
        ("run.steps[0]['history'].size() > 0", "history"),
        ("run.steps[0]['request']['system'] == ''", "request.system"),
        ("run.calls.all(c, matchesSchema(c))", "request.tools"),
        ("(run.status == 'ok' ? run.steps[0] : run.steps[1]).history == []", "history"),
        ("case.id == agent.name", ""),
    ],
)
def test_fields_that_are_named(source: str, expected: str) -> None:
    """A field that stands in the expression is read, and no other."""
    assert reads(parse(source)) == frozenset(expected.split())


def test_a_variable_is_read_where_it_is_used() -> None:
    """A variable that holds steps reads what its uses read, also where it is evaluated once for several of them."""
    uses = "variables.v.all(s, s.case.id == '') || size(variables.v) == 0"
    assert reads(inline(uses, {}, {"v": "run.steps.filter(s, s.response.text == '')"}).tree) == {"case", "response"}


@pytest.mark.parametrize(
    "source",
    [
        "run == run",
        "run.steps == []",
        "run.steps.map(s, s).size() > 0",
        "[run.steps[0]][0].history.size() > 0",
        "dyn(run.steps[0]).history.size() > 0",
        "run.steps[0][run.id] == 1",
        "run.steps[0].request[run.id] == 1",
        "includes(run.steps[0], {'agent': {}})",
        "run.steps.exists(s, s.request == {})",
    ],
)
def test_a_step_as_a_whole_is_all_of_it(source: str) -> None:
    """Where it leaves the sight of the tree, everything may be read."""
    assert reads(parse(source)) == ALL
