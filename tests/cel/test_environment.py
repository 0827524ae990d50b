"""Facts about the shape of what expressions see."""

from __future__ import annotations

from runback_gate.cel.environment import MESSAGES, ROOT_TYPES, ROOTS, SCOPES


def test_every_root_has_a_type() -> None:
    """The roots of a compiled expression are those that are typed."""
    assert tuple(ROOT_TYPES) == ROOTS


def test_every_type_is_known() -> None:
    """A field is text, any value, a map, a record of the shape, or a list of these."""
    known = {"string", "dyn", "map", *MESSAGES}
    found = [*ROOT_TYPES.values(), *(kind for fields in MESSAGES.values() for kind in fields.values())]
    assert {kind.removeprefix("list of ") for kind in found} <= known
    assert set(MESSAGES) <= {kind.removeprefix("list of ") for kind in found}


def test_every_root_is_seen_by_a_scope() -> None:
    """Both scopes together see all roots; a step of a run has what a rule over steps sees."""
    assert set(SCOPES["step"]) | set(SCOPES["run"]) == set(ROOTS)
    assert MESSAGES["Step"] == {root: ROOT_TYPES[root] for root in SCOPES["step"]}
