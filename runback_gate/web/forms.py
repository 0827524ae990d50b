"""What someone changed in the form of a step, as an `Edit`; and what is to be kept, as a `NewCase`.

In: the fields of a form, and the request that the form was made of. Out: only what differs.

    edit_from({"model": "openai/gpt-4o", …}, request).model         # None: that is what was recorded
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast
from urllib.parse import parse_qsl

from runback_gate.app.cases import NewCase, parse_check
from runback_gate.app.paths import slug
from runback_gate.app.replay import Edit
from runback_gate.canonical import JsonValue, canonical_bytes, parse_json
from runback_gate.errors import InputError
from runback_gate.redact import ProjectKey
from runback_gate.replay.step import Setting
from runback_gate.step import Request, Tool, to_json, tools_from_json

MAX_FORM: Final = 16 << 20
MAX_FIELDS: Final = 5_000
MAX_TRIALS: Final = 100

Form = Mapping[str, str]


def read_form(body: bytes) -> Form:
    """The fields of `application/x-www-form-urlencoded`; line ends are those of Unix, as browsers send others.

    Raises:
        InputError: not such a body, or a field that stands there twice.
    """
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=MAX_FIELDS,
        )
    except ValueError as error:
        raise InputError("the form cannot be read") from error
    fields = {name: text.replace("\r\n", "\n") for name, text in pairs}
    if len(fields) != len(pairs):
        raise InputError("a field appears twice in the form")
    return fields


def edit_from(form: Form, request: Request, key: ProjectKey | None) -> Edit:
    """What the form asks otherwise than the request does.

    Raises:
        InputError: parameters or tools are no JSON of their kind.
    """
    settings = list(_settings(form, request))
    tools, without = request.tools, tuple[str, ...]()
    if "tools" in form:
        tools = tools_from_json(parse_json(form["tools"].strip() or "[]", path="tools"), "tools")
        without = tuple(tool.name for tool in request.tools if tool.name not in {item.name for item in tools})
    known: dict[str, Tool] = {tool.name: tool for tool in request.tools}
    model = form.get("model", "").strip()
    return Edit(
        model=model if model and model != request.model else None,
        tools=tuple(tool for tool in tools if known.get(tool.name) != tool),
        without_tools=without,
        settings=tuple(settings),
        redact_key=key,
    )


def _settings(form: Form, request: Request) -> Iterator[Setting]:
    if form.get("system", _plain(request.system)) != _plain(request.system):
        yield Setting(("system",), form["system"])
    for index, message in enumerate(request.messages):
        text = form.get(f"message-{index}")
        if text is not None and text != _plain(message.content):
            yield Setting(("messages", index, "content"), text)
    if "parameters" in form:
        value = parse_json(form["parameters"].strip() or "{}", path="parameters")
        if not isinstance(value, dict):
            raise InputError("parameters: a JSON object was expected")
        if canonical_bytes(value) != canonical_bytes(cast("JsonValue", request.parameters)):
            yield Setting(("parameters",), value)


def _plain(text: str | None) -> str:
    return (text or "").replace("\r\n", "\n")


def trials_from(form: Form) -> int:
    """How often a step is asked.

    Raises:
        InputError: no number from 1 to `MAX_TRIALS`.
    """
    text = form.get("trials", "1").strip()
    if not text.isascii() or not text.isdigit() or len(text) > 4 or not 1 <= int(text) <= MAX_TRIALS:
        raise InputError(f"trials: a number from 1 to {MAX_TRIALS} was expected")
    return int(text)


def confirmed_from(form: Form) -> int:
    """How many calls whoever sent the form was told of, and wants."""
    text = form.get("confirmed", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def case_from(form: Form, agent: str) -> NewCase:
    """What a step is kept as; each line of `checks` is one check.

    Raises:
        InputError: no reason is given, or a check cannot be read.
    """
    why = " ".join(form.get("why", "").split())
    if not why:
        raise InputError("say why the case is here: the incident, the promise")
    checks = tuple(parse_check(line) for line in form.get("checks", "").splitlines() if line.strip())
    dataset = form.get("dataset", "").strip() or f"datasets/{slug(agent)}.yaml"
    return NewCase(dataset, checks, form.get("case", "").strip() or None, why)


def fields_of(request: Request, form: Form) -> dict[str, Any]:
    """What the form of a step shows of a request: what was edited, else what was recorded."""
    return {
        "model": form.get("model", request.model or ""),
        "system": form.get("system", request.system or ""),
        "messages": [
            (index, item.role, item.name or "", form.get(f"message-{index}", item.content))
            for index, item in enumerate(request.messages)
        ],
        "parameters": form.get("parameters", _indented(request.parameters)),
        "tools": form.get("tools", _indented([to_json(tool) for tool in request.tools])),
        "trials": form.get("trials", "1"),
    }


def _indented(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)
