"""Which rules are worth a try on a text: one pass over all their hints.

In: rules. Out: a function from a text to the places of rules in that list. google-re2 does it where it is installed;
without it the hints are searched one by one. Both say the same.

    candidates = prefilter(rules)
    candidates("mail jane@example.org")       # [0]
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

from runback_gate.redact.rule import Rule

try:
    import re2
except ImportError:  # a recorder runs in the environment of somebody's agent, which may lack it
    re2 = None

_MEMORY: Final = 256 << 20


def prefilter(rules: Sequence[Rule]) -> Callable[[str], list[int]]:
    """What says which rules to try."""
    return _set(rules) if re2 is not None else _each(rules)


def _each(rules: Sequence[Rule]) -> Callable[[str], list[int]]:
    texts = [(hint, number) for number, rule in enumerate(rules) for hint in rule.hints]
    patterns = [(re.compile(rule.searched).search, number) for number, rule in enumerate(rules) if not rule.hints]

    def candidates(text: str) -> list[int]:
        found = {number for hint, number in texts if hint in text}
        return [*found, *(number for search, number in patterns if search(text))]

    return candidates


def _set(rules: Sequence[Rule]) -> Callable[[str], list[int]]:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY
    found = re2.Set.SearchSet(options)
    for rule in rules:
        found.Add(rule.searched)
    found.Compile()
    return lambda text: found.Match(text) or []
