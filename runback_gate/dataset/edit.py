"""Add cases to a dataset file, or name other recordings in it, without touching a byte of what is there.

In: the file's document and the cases as plain JSON, or other names for its recordings. Out: the new text, read back and
held against what was meant.

    text = append_cases(document, [{"id": "late-refund", "step": "sha256:…", "checks": [{"toolCalled": "escalate"}]}])
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from runback_gate.canonical import JsonValue
from runback_gate.documents import Document, is_text, parse_document
from runback_gate.errors import InputError

_PLAIN = re.compile(r"[A-Za-z]([A-Za-z0-9 _./'()-]*[A-Za-z0-9.)])?|sha256:[0-9a-f]{64}")


def append_cases(document: Document, cases: Sequence[dict[str, JsonValue]]) -> str:
    """The text of `document` with `cases` as the last of `spec.cases`; comments, order and line ends stay.

    Raises:
        InputError: the cases are written in a form that text cannot be added to: `[…]` on one line, or a block of text
            that the end of the file cuts off, which any line after it would change.
    """
    text = document.data.decode()
    newline = "\r\n" if "\r\n" in text else "\n"
    column, offset = document.sequence_end(("spec", "cases"))
    head, tail = text[:offset], text[offset:]
    block = [line for case in cases for line in _item(case, column)]
    joint = "" if not head or head.endswith("\n") else newline
    new = head + joint + newline.join(block) + newline + tail
    if parse_document(new, document.path).value != _with(document.value, cases):
        hint = "end the file with a newline" if joint else "write `cases:` as a block, one `- id:` per line"
        raise InputError(f"{document.path}: no case can be added to the text as it is written", hint=hint)
    return new


def new_dataset(name: str, agent: str, cases: Sequence[dict[str, JsonValue]], schema: str) -> str:
    """The text of a dataset file that holds these cases."""
    lines = [
        f"# yaml-language-server: $schema={schema}",
        "apiVersion: runback.dev/v1",
        "kind: Dataset",
        f"metadata: {{name: {scalar(name)}, agent: {scalar(agent)}}}",
        "spec:",
        "  cases:",
        *(line for case in cases for line in _item(case, 4)),
    ]
    return "\n".join(lines) + "\n"


def rename_recordings(document: Document, names: Mapping[str, str]) -> str:
    """The text of `document` with other recordings: old digest to new; every other byte stays.

    Raises:
        InputError: the text does not say so afterwards, as when a digest is written with escapes.
    """
    text = document.data.decode()
    for old, new in names.items():
        text = text.replace(old, new)
    value: Any = document.value
    cases: list[Any] = value["spec"]["cases"]
    meant = [{**case, "step": names.get(case["step"], case["step"])} if "step" in case else case for case in cases]
    if parse_document(text, document.path).value != {**value, "spec": {**value["spec"], "cases": meant}}:
        raise InputError(f"{document.path}: recordings cannot be renamed in the text as it is written")
    return text


def _with(value: Any, cases: Sequence[dict[str, JsonValue]]) -> JsonValue:
    """What the new text must say: the document with these cases more, and nothing else."""
    return {**value, "spec": {**value["spec"], "cases": [*value["spec"]["cases"], *cases]}}


def _item(case: dict[str, JsonValue], column: int) -> list[str]:
    lines = [line for key, value in case.items() for line in _field(key, value)]
    pad = " " * column
    return [f"{pad}- {lines[0]}", *(f"{pad}  {line}" for line in lines[1:])]


def _field(key: str, value: JsonValue) -> list[str]:
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        return [f"{key}:", *(f"  - {flow(item, top=True)}" for item in value)]
    return [f"{key}: {flow(value)}"]


def flow(value: JsonValue, *, top: bool = False) -> str:
    """A JSON value as YAML on one line, as our files have it; `top` leaves out the braces of a mapping of one."""
    if isinstance(value, dict):
        inner = ", ".join(f"{scalar(key)}: {flow(item)}" for key, item in value.items())
        return inner if top and len(value) == 1 else f"{{{inner}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(flow, value))}]"
    return scalar(value) if isinstance(value, str) else json.dumps(value)


def scalar(text: str) -> str:
    """Text as a YAML scalar: plain where it reads as text, else in double quotes."""
    plain = _PLAIN.fullmatch(text) and is_text(text)
    # A JSON string is a YAML double-quoted scalar, save for the characters that YAML wants escaped.
    return (
        text
        if plain
        else re.sub(
            r"[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]",
            lambda c: f"\\u{ord(c[0]):04x}",
            json.dumps(text, ensure_ascii=False),
        )
    )
