"""One difference between two gates: what it does to what the gate asks, where it stands, and what stood there before.

In: two files, that of the base and that of the head, and the field that differs. Out: `Change`.

    files = Files(base.document, head.document)
    files.loosened("action-lowered", "refunds", "…: validationActions Deny → Warn", ("spec", "validationActions"))
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from posixpath import commonprefix
from typing import TYPE_CHECKING, Any, Literal, get_args

from runback_gate.documents import Document, Pointer
from runback_gate.errors import Location
from runback_gate.frozen import dataclass

if TYPE_CHECKING:
    from runback_gate.change.sides import ConfigSide

Kind = Literal[
    "policy-removed",
    "validation-removed",
    "expression-changed",
    "judge-changed",
    "params-changed",
    "variable-changed",
    "scope-changed",
    "match-narrowed",
    "match-condition-added",
    "match-condition-changed",
    "action-lowered",
    "failure-policy-ignore",
    "agent-removed",
    "agent-field-removed",
    "labels-changed",
    "dataset-removed",
    "dataset-agent-changed",
    "case-removed",
    "check-removed",
    "check-changed",
    "tags-removed",
    "tags-changed",
    "recording-changed",
    "messages-changed",
    "trials-lowered",
    "trials-changed",
    "block-lowered",
    "allow-widened",
    "scan-lowered",
    "redact-lowered",
    "redact-rule-removed",
    "redact-rule-changed",
    "redact-keep-widened",
    "budget-raised",
    "provider-added",
    "provider-changed",
    "provider-models-widened",
    "gate-changed",
    "waiver-added",
    "waiver-broadened",
    "waiver-extended",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""Every way of loosening that has a name of its own."""
UNKNOWN: frozenset[Kind] = frozenset(
    (
        "expression-changed",
        "judge-changed",
        "params-changed",
        "variable-changed",
        "scope-changed",
        "match-condition-changed",
        "labels-changed",
        "dataset-agent-changed",
        "check-changed",
        "tags-changed",
        "recording-changed",
        "messages-changed",
        "redact-rule-changed",
        "trials-changed",
        "provider-changed",
        "gate-changed",
    )
)
"""Those of which a text alone does not tell the direction."""
Direction = Literal["looser", "stricter", "neutral", "unknown"]
"""`unknown`: no comparison of two texts can tell; the record or a proof may."""
Group = Literal["agents", "datasets", "policies"]
Side = Literal["base", "head"]

UNSET = object()
"""Stands for a field that is not there."""

MOST = 8
"""Names that one message lists."""

_SHOWN = 60
_CONTEXT = 20
_OPPOSITE = {
    "removed": "added",
    "added": "removed",
    "lowered": "raised",
    "raised": "lowered",
    "narrowed": "widened",
    "widened": "narrowed",
    "broadened": "narrowed",
    "extended": "shortened",
    "ignore": "fail",
}


@dataclass(frozen=True, slots=True)
class Change:
    """Something that two gates say differently."""

    kind: str
    """One of `KINDS`; the opposite for what tightens (`check-added`); `changed` for what asks for no less or more."""
    direction: Direction
    subject: str
    """`refunds.limit`, `refunds/disputed-charge-escalates`, `agents/support.md`."""
    before: str
    """What stood there, cut where it is long; empty for nothing. Holds text of the base's author."""
    after: str
    """What stands there now, likewise. Holds text of the head's author."""
    location: Location
    """In the head's file, or in the base's where the head has nothing that could be pointed at."""
    side: Side
    """Whose file `location` means."""
    field: str = ""
    """Of a policy: `params.limit`, `validationActions`, `refunds.limit expression`; empty elsewhere."""
    message: str = ""
    """Of what loosens or may: one sentence with the old and the new value. Holds text of both authors."""

    @property
    def weakens(self) -> bool:
        """Whether the head asks for less than the base, or may."""
        return self.direction in ("looser", "unknown")

    @property
    def proved(self) -> bool:
        """Whether it would weaken, were it not proved that it does not; `message` says so."""
        return bool(self.message) and not self.weakens


def loosened(kind: Kind) -> Direction:
    """What a way of loosening comes to."""
    return "unknown" if kind in UNKNOWN else "looser"


def opposite(kind: str) -> str:
    """The name of a change, read from the other side: `check-removed` is `check-added`."""
    start, _, last = kind.rpartition("-")
    return f"{start}-{_OPPOSITE.get(last, last)}"


def tightened(item: Change) -> Change:
    """What loosens the base against the head is what the head adds: before and after change places."""
    side: Side = "base" if item.side == "head" else "head"
    return Change(opposite(item.kind), "stricter", item.subject, item.after, item.before, item.location, side)


@dataclass(frozen=True, slots=True)
class Files:
    """The file of the base and the file of the head that say the same thing, or once did."""

    base: Document
    head: Document

    def loosened(self, kind: Kind, subject: str, message: str, pointer: Pointer, was: Pointer | None = None) -> Change:
        """Loosened at `pointer` in the head's file; at `was`, or the same pointer, in the base's if it is gone."""
        if holds(self.head, pointer):
            before, after = value_at(self.base, pointer if was is None else was), value_at(self.head, pointer)
            place = self.head.key_mark(pointer)
            return Change(kind, loosened(kind), subject, before, after, place, "head", message=message)
        return removed(kind, subject, message, self.base, pointer if was is None else was)


def removed(kind: Kind, subject: str, message: str, base: Document, pointer: Pointer) -> Change:
    """What is loosened by taking away what stood at `pointer` in the base's file."""
    before, place = value_at(base, pointer), base.key_mark(pointer)
    return Change(kind, loosened(kind), subject, before, "", place, "base", message=message)


def unlisted(
    kind: Kind, subject: str, message: str, group: Group, base: Document, gates: tuple[ConfigSide, ConfigSide]
) -> Change:
    """A file of the base that the head's gate does not read: the list in its config if that is why, else the file.

    `gates` are the base's and the head's.
    """
    config = Files(gates[0].document, gates[1].document)
    patterns: tuple[str, ...] = getattr(gates[1], group)
    if any(_names(pattern, base.path) for pattern in patterns):
        return removed(kind, subject, message, base, ("metadata", "name"))
    patterns_changed = changed(f"spec.{group}", listed(getattr(gates[0], group)), listed(patterns))
    message += f": {patterns_changed}, which leaves out {base.path}"
    return config.loosened(kind, subject, message, ("spec", group))


def value_at(document: Document, pointer: Pointer) -> str:
    """What stands at a pointer, in short; empty where nothing does."""
    if not holds(document, pointer):
        return ""
    value: Any = document.value
    for part in pointer:
        value = value[part]
    return brief(value)


def holds(document: Document, pointer: Pointer) -> bool:
    """Whether a document has a value at a pointer."""
    value: Any = document.value
    for part in pointer:
        if isinstance(part, int):
            if not isinstance(value, list) or part >= len(value):
                return False
        elif not isinstance(value, dict) or part not in value:
            return False
        value = value[part]
    return True


def same(old: object, new: object) -> bool:
    """Whether two JSON values are one; 1 is not 1.0 and not true, the order of keys means nothing."""
    return old is new or (UNSET not in (old, new) and json_text(old) == json_text(new))


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], object, object]]:
    """The innermost keys under which two mappings differ, with both values; `UNSET` for none."""
    for key in sorted({*old, *new}):
        before, after = old.get(key, UNSET), new.get(key, UNSET)
        if isinstance(before, dict) and isinstance(after, dict):
            yield from (((key, *path), first, second) for path, first, second in differences(before, after))
        elif not same(before, after):
            yield (key,), before, after


def brief(value: object) -> str:
    """A JSON value on one line, cut where it is long."""
    text = _text(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def changed(field: str, old: object, new: object, effect: str = "") -> str:
    """`params.limit changed from 100 to 500`, and what that does; long values are begun shortly before they part."""
    texts = [_text(old), _text(new)]
    if max(map(len, texts)) > _SHOWN:
        start = max(0, len(commonprefix(texts)) - _CONTEXT)
        texts = [("…" if start else "") + text[start:] for text in texts]
    before, after = map(brief, texts)
    if old is UNSET:
        words = f"{field} was added: {after}"
    elif new is UNSET:
        words = f"{field} was removed; it was {before}"
    else:
        words = f"{field} changed from {before} to {after}"
    return f"{words}, so {effect}" if effect else words


def listed(items: Sequence[str], empty: str = "none") -> str:
    """Names on one line, the first of many."""
    return ", ".join([*items[:MOST], *(["more"] if len(items) > MOST else [])]) or empty


def json_text(value: object) -> str:
    """JSON on one line, keys sorted."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _text(value: object) -> str:
    if value is UNSET:
        return "unset"
    text = " ".join(value.split()) if isinstance(value, str) else json_text(value)
    return text if text and text.isprintable() else ascii(text)


def _names(pattern: str, path: str) -> bool:
    """Whether a pattern of the gate config names a file; `**` stands for any folders."""
    names = PurePosixPath(path).parts
    reached = {0}
    for part in PurePosixPath(pattern).parts:
        if part == "**":
            reached = {later for index in reached for later in range(index, len(names) + 1)}
        else:
            reached = {index + 1 for index in reached if index < len(names) and fnmatchcase(names[index], part)}
    return len(names) in reached
