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

_COMMON: Final = "etaoinshrdlcumwfgypbvk .,-:/0123456789xjqz"
_MEMORY: Final = 256 << 20


def prefilter(rules: Sequence[Rule]) -> Callable[[str], list[int]]:
    """What says which rules to try; one without hints is always tried."""
    hinted = [number for number, rule in enumerate(rules) if rule.searched]
    candidates = (_set if re2 is not None else _each)([rules[number] for number in hinted])
    if len(hinted) == len(rules):
        return candidates
    always = [number for number, rule in enumerate(rules) if not rule.searched]
    return lambda text: [*always, *(hinted[place] for place in candidates(text))]


def _rarity(letter: str) -> int:
    """How rare a character is in what people write; the rarest one of a hint says soonest that it is not there."""
    return _COMMON.find(letter) % (len(_COMMON) + 1)


def _each(rules: Sequence[Rule]) -> Callable[[str], list[int]]:
    texts: dict[str, list[tuple[str, int]]] = {}
    folded = [(hint, number) for number, rule in enumerate(rules) if rule.folded for hint in rule.hints]
    for number, rule in enumerate(rules):
        for hint in () if rule.folded else rule.hints:
            texts.setdefault(max(hint, key=_rarity), []).append((hint, number))
    patterns = [(re.compile(rule.searched).search, number) for number, rule in enumerate(rules) if not rule.hints]

    def candidates(text: str) -> list[int]:
        lower = text.casefold()
        found = {number for hint, number in folded if hint in lower}
        for letter, hints in texts.items():
            if letter in text:
                found.update(number for hint, number in hints if hint in text)
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
