"""Rules that would have denied an incident, by template from what the step did and what fine steps did.

In: the calls of a failing step with what came before, and calls of the same tools in steps that were fine. Out: a
`Candidate` for each rule that tells them apart, the most specific first. Whether one may stand is for others to say.

    for candidate in candidates(incident, seen): candidate.expression
    # calls(response, "issue_refund").all(c, has(c.arguments.amount) && c.arguments.amount <= params.limit)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any, Final

from runback_gate.cel.literal import literal
from runback_gate.cel.tokens import RESERVED
from runback_gate.frozen import dataclass

TEMPLATES: Final = ("lookup", "once", "limit", "required", "allowed", "never")
"""Their names, in the order in which they are tried."""
_FEW: Final = 2
"""Fine calls below which what they have in common says nothing."""
_ENOUGH: Final = 5
"""Fine calls from which the values of an argument are taken for all that it may have."""
_MOST_VALUES: Final = 20
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SCALARS: Final = (str, int)


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a tool, and the calls before it by name and arguments."""

    tool: str
    arguments: Mapping[str, Any]
    before: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A rule that may be worth having."""

    template: str
    """One of `TEMPLATES`, or `model`."""
    tool: str
    """Empty where it is about no tool."""
    description: str
    message: str
    expression: str
    condition: str = ""
    """When it concerns an answer; empty for always."""
    params: Mapping[str, Any] = field(default_factory=dict)
    beyond: tuple[Mapping[str, Any], Mapping[str, Any]] | None = None
    """Arguments at a limit, and just beyond it."""


def candidates(incident: Sequence[Call], seen: Mapping[str, Sequence[Call]]) -> Iterator[Candidate]:
    """The rules that each template gives, each once; `seen` holds fine calls by tool."""
    told: set[str] = set()
    for name in TEMPLATES:
        for call in incident:
            for item in _MAKERS[name](call, seen.get(call.tool, ())):
                if item.expression not in told:
                    told.add(item.expression)
                    yield item


def _lookup(call: Call, seen: Sequence[Call]) -> Iterator[Candidate]:
    """What was always looked up before: with the same value of an argument, or at all."""
    if len(seen) < _FEW:
        return
    for tool in sorted(set.intersection(*({name for name, _ in item.before} for item in seen)) - {call.tool}):
        shared = set.intersection(*({*_same_values(item, tool)} for item in seen))
        for key, other in sorted(shared - {*_same_values(call, tool)}):
            if key in call.arguments:
                same = f"{_has('h.arguments', other)} && {_at('h.arguments', other)} == {_at('c.arguments', key)}"
                inner = f"history.exists(h, h.name == {literal(tool)} && {same})"
                texts = (
                    f"{tool} of the same {key} comes before {call.tool}",
                    f"{call.tool} without {tool} of the same {key}",
                )
                yield _about(call, "lookup", texts, f"{_has('c.arguments', key)} && {inner}")
        if all(name != tool for name, _ in call.before):
            inner = f"history.exists(h, h.name == {literal(tool)})"
            yield _about(call, "lookup", (f"{tool} comes before {call.tool}", f"{call.tool} without {tool}"), inner)


def _same_values(call: Call, tool: str) -> Iterator[tuple[str, str]]:
    """The arguments of a call that an earlier call of a tool had too, each with its name there."""
    for name, arguments in call.before:
        for other, value in arguments.items() if name == tool and isinstance(arguments, Mapping) else ():
            for key, own in call.arguments.items():
                if type(own) is type(value) and isinstance(own, _SCALARS) and own == value:
                    yield key, other


def _once(call: Call, seen: Sequence[Call]) -> Iterator[Candidate]:
    """What is done a second time, with all arguments or with one that no fine call repeats."""
    again = {key for key, other in _same_values(call, call.tool) if key == other}
    often = {key for item in seen for key, other in _same_values(item, call.tool) if key == other}
    for key in sorted(again - often):
        same = f"{_has('h.arguments', key)} && {_at('h.arguments', key)} == {_at('c.arguments', key)}"
        rule = f"{_has('c.arguments', key)} && !history.exists(h, h.name == {literal(call.tool)} && {same})"
        yield _about(call, "once", (f"{call.tool} once for each {key}", f"{call.tool} again for the same {key}"), rule)


def _limit(call: Call, seen: Sequence[Call]) -> Iterator[Candidate]:
    """A number beyond all that fine calls had."""
    for key, value in sorted(call.arguments.items()):
        known = [item.arguments[key] for item in seen if _is_number(item.arguments.get(key))]
        if not _is_number(value) or not known or min(known) <= value <= max(known):
            continue
        above = value > max(known)
        limit, word, sign = (max(known), "at most", "<=") if above else (min(known), "at least", ">=")
        far = "above" if above else "below"
        rule = f"{_at('c.arguments', key)} {sign} params.limit"
        everywhere = all(key in item.arguments for item in seen)
        rule = f"{_has('c.arguments', key)} && {rule}" if everywhere else f"(!{_has('c.arguments', key)} || {rule})"
        texts = f"{call.tool} with {key} {word} {limit}", f"{call.tool} with {key} {far} {limit}"
        made = _about(call, "limit", texts, rule)
        sides = {key: limit}, {key: limit + 1 if above else limit - 1}
        yield Candidate(**{**_fields(made), "params": {"limit": limit}, "beyond": sides})


def _required(call: Call, seen: Sequence[Call]) -> Iterator[Candidate]:
    """An argument that every fine call has."""
    if len(seen) >= _FEW:
        for key in sorted(set.intersection(*({*item.arguments} for item in seen)) - {*call.arguments}):
            texts = f"{call.tool} names {key}", f"{call.tool} without {key}"
            yield _about(call, "required", texts, _has("c.arguments", key))


def _allowed(call: Call, seen: Sequence[Call]) -> Iterator[Candidate]:
    """A value that none of many fine calls had, where these have few."""
    for key, value in sorted(call.arguments.items()):
        known = [item.arguments[key] for item in seen if isinstance(item.arguments.get(key), str)]
        values = sorted(set(known))
        few = len(known) >= _ENOUGH and len(values) <= min(_MOST_VALUES, len(known) // 2)
        if isinstance(value, str) and few and value not in values:
            rule = f"{_has('c.arguments', key)} && {_at('c.arguments', key)} in params.allowed"
            texts = f"{call.tool} with a listed {key}", f"{call.tool} with {key} that is not listed"
            made = _about(call, "allowed", texts, rule)
            yield Candidate(**{**_fields(made), "params": {"allowed": values}})


def _never(call: Call, seen: Sequence[Call]) -> Iterator[Candidate]:
    """A tool that no fine step calls."""
    if not seen:
        rule = f"size(calls(response, {literal(call.tool)})) == 0"
        yield Candidate("never", call.tool, f"{call.tool} is not called", f"calls {call.tool}", rule)


_MAKERS: Mapping[str, Callable[[Call, Sequence[Call]], Iterator[Candidate]]] = {
    "lookup": _lookup,
    "once": _once,
    "limit": _limit,
    "required": _required,
    "allowed": _allowed,
    "never": _never,
}


def _about(call: Call, template: str, texts: tuple[str, str], each: str) -> Candidate:
    """A rule about each call of a tool; `texts` say what holds, and what is wrong where it does not."""
    calls = f"calls(response, {literal(call.tool)})"
    return Candidate(
        template,
        call.tool,
        *texts,
        f"{calls}.all(c, {each})",
        condition=f"size({calls}) > 0",
    )


def _fields(item: Candidate) -> dict[str, Any]:
    return {name: getattr(item, name) for name in Candidate.__slots__}


def _is_plain(key: str) -> bool:
    return _NAME.fullmatch(key) is not None and key not in RESERVED


def _at(holder: str, key: str) -> str:
    return f"{holder}.{key}" if _is_plain(key) else f"{holder}[{literal(key)}]"


def _has(holder: str, key: str) -> str:
    return f"has({holder}.{key})" if _is_plain(key) else f"{literal(key)} in {holder}"


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
