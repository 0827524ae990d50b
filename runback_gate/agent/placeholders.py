"""Prompts with places to fill in, as `str.format` has them: filled in, and read backwards.

In: a template and variables, or a template and what became of it. Out: the prompt, or the variables.

    fill("Help {name}. Today is {day}.", {"name": "Ann", "day": "Monday"}, "prompts/system.txt")
    fit(pieces("Help {name}. Today is {day}."), "Help Ann. Today is Monday.")   # {"name": "Ann", "day": "Monday"}

A place is a plain name with a format of bounded width. Attributes, items and nested formats are refused: what they give
is not in the recording.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from string import Formatter
from typing import Any, Final

from runback_gate.canonical import JsonValue
from runback_gate.errors import InputError, Location

MAX_PROMPT_BYTES: Final = 1 << 20
MAX_PLACES: Final = 10_000
MAX_WIDTH: Final = 1000
"""Largest number in the format of a place."""
MAX_TEXTS: Final = 20
"""Texts that a template is made from; it must fit all of them."""
_JINJA: Final = re.compile(r"\{\{\s*([^\W\d]\w*)\s*\}\}")
_CONVERT: Final[dict[str | None, Callable[[Any], Any]]] = {None: lambda value: value, "s": str, "r": repr, "a": ascii}

Pieces = Sequence[tuple[str, str | None]]
"""Text, and the name of the place behind it; None behind the last one."""


def fill(template: str, variables: Mapping[str, JsonValue], path: str) -> str:
    """Fill a template in as `str.format` does; `path` names it in errors.

    Raises:
        InputError: no such template, a variable that was not recorded, or a limit is passed.
    """
    parts, size, places = [], 0, 0
    try:
        for text, name, form, conversion in Formatter().parse(template):
            parts.append(text)
            if name is not None:
                _check(name, form or "", variables)
                parts.append(format(_CONVERT[conversion](variables[name]), form or ""))
                places, size = places + 1, size + len(parts[-1].encode())
            size += len(text.encode())
            if size > MAX_PROMPT_BYTES or places > MAX_PLACES:
                raise ValueError("it becomes larger than 1 MiB, or has too many places")
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        said = error.args[0] if error.args else type(error).__name__
        names = ", ".join(sorted(variables))[:200] or "none"
        raise InputError(
            f"the template does not render for the recorded variables: {said}",
            hint=f"recorded variables: {names}",
            location=Location(path),
        ) from error
    return "".join(parts)


def _check(name: str, form: str, variables: Mapping[str, JsonValue]) -> None:
    if not name.isidentifier():
        raise ValueError(f"the place {{{name}}} is not a plain name")
    if name not in variables:
        raise ValueError(f"{name!r} was not recorded")
    if "{" in form or any(len(number) > 4 or int(number) > MAX_WIDTH for number in re.findall(r"\d+", form)):
        raise ValueError(f"the format of {{{name}}} is nested or wider than {MAX_WIDTH:,}")


def pieces(template: str) -> Pieces | None:
    """A template of `str.format` in pieces; None where it has no place, or is none."""
    found: list[tuple[str, str | None]] = []
    text = ""
    try:
        for literal, name, form, conversion in Formatter().parse(template):
            text += literal
            if name is None:
                continue
            if not name.isidentifier() or form or conversion or len(found) >= MAX_PLACES:
                return None
            found.append((text, name))
            text = ""
    except ValueError:
        return None
    return [*found, (text, None)] if found else None


def jinja_pieces(template: str) -> Pieces | None:
    """A template of Jinja2 that has nothing but variables, in pieces; None where it has none, or more."""
    parts = _JINJA.split(template)
    if len(parts) < 3 or any(mark in text for text in parts[::2] for mark in ("{{", "{%", "{#")):
        return None
    return [(parts[at], parts[at + 1] if at + 1 < len(parts) else None) for at in range(0, len(parts), 2)]


def fit(found: Pieces, text: str) -> dict[str, str] | None:
    """What stands in the places of a template that became `text`; None where it cannot have.

    Work is linear: each piece of text is looked for once, behind the one before.
    """
    first, last = found[0][0], found[-1][0]
    end = len(text) - len(last)
    if not text.startswith(first) or not text.endswith(last) or len(first) > end:
        return None
    values: dict[str, str] = {}
    place = len(first)
    for (_, name), (following, after) in pairwise(found):
        stop = end if after is None else text.find(following, place, end)
        if stop < place or values.setdefault(str(name), text[place:stop]) != text[place:stop]:
            return None
        place = stop + len(following)
    return values


_WORD = re.compile(r"<[a-z][a-z0-9-]*:[0-9a-f]{12}>|\w+|\W")
"""A pseudonym is one word: half of it would stay in the template, and what is filled in would be no value."""


def propose(texts: Sequence[str]) -> Pieces | None:
    """A template that all texts may have come from: the words that they share in order, and places between.

    None where there is only one text, or more varies than stays.
    """
    from difflib import SequenceMatcher  # noqa: PLC0415  every run would load it

    different = list(dict.fromkeys(texts))
    if len(different) < 2 or max(map(len, different)) > 64 << 10:
        return None
    # Each word that stays; None for a place.
    words: list[str | None] = list(_WORD.findall(different[0]))
    for other in different[1:MAX_TEXTS]:
        theirs = _WORD.findall(other)
        blocks = SequenceMatcher(None, words, theirs).get_matching_blocks()
        merged: list[str | None] = []
        mine = their = 0
        for block in blocks:
            if block.a > mine or block.b > their:
                merged.append(None)
            merged += words[block.a : block.a + block.size]
            mine, their = block.a + block.size, block.b + block.size
        words = [word for at, word in enumerate(merged) if word is not None or at == 0 or merged[at - 1] is not None]
    found: list[tuple[str, str | None]] = []
    text = ""
    for word in words:
        if word is None and found and text.isspace():
            # `1 May` and `12 June` are one value.
            text = ""
        elif word is None:
            found.append((text, f"value_{len(found) + 1}"))
            text = ""
        else:
            text += word
    found.append((text, None))
    kept = sum(len(text) for text, _ in found)
    fits = all(fit(found, each) is not None for each in different)
    return found if fits and 2 * kept > max(map(len, different)) else None


def written(found: Pieces) -> str:
    """Pieces as a template of `str.format`."""
    return "".join(text.replace("{", "{{").replace("}", "}}") + (f"{{{name}}}" if name else "") for text, name in found)
