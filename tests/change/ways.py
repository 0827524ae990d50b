"""All ways to loosen a gate, each as an edit of this repository's own, and the line that it is pointed at.

`docs/concepts/trust.md` lists the same ways.
"""

from __future__ import annotations

from tests.change.case_ways import CASE_WAYS
from tests.change.config_ways import CONFIG_WAYS
from tests.change.edits import Way, read
from tests.change.policy_ways import POLICY_WAYS

WAYS = (*POLICY_WAYS, *CASE_WAYS, *CONFIG_WAYS)
"""All of them, in the order of the table in `docs/concepts/trust.md`."""


def line_of(way: Way) -> tuple[str, str, int]:
    """Whose file, which, and the number of its first line that holds the text."""
    side, path, text = way.at.split(" ", 2)
    lines = read(way.given if side == "base" else (*way.given, *way.edits))[1][path].splitlines()
    return side, path, next(number for number, line in enumerate(lines, 1) if text in line)
