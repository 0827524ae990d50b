"""The text of an agent file as a recorder would have stored it.

In: the project's key and rules, the level of a recording, an agent's prompt and tools. Out: the same with pseudonyms.

    redacted_text(key, "standard", "Write to jane@example.org.")      # 'Write to <email:3f9a1c07be21>.'

A recording holds what was sent after redaction, so what is asked now is compared after redaction as well. Without the
key that is not possible: the two then differ, and `lacks_key` says why.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import cast

from runback_gate.canonical import JsonValue, canonical_bytes
from runback_gate.redact import Level, ProjectKey, Redactor
from runback_gate.redact.pseudonym import PSEUDONYM
from runback_gate.step import Request, Step, Tool, from_json, to_json


@lru_cache(maxsize=256)
def redacted_text(key: ProjectKey, level: Level, text: str) -> str:
    """A text with pseudonyms."""
    return Redactor(level, key=key.key, project=key.project).text(text)[0]


@lru_cache(maxsize=64)
def redacted_tools(key: ProjectKey, level: Level, tools: str) -> tuple[Tool, ...]:
    """Tools, given as JSON, with pseudonyms."""
    found, _ = Redactor(level, key=key.key, project=key.project).redact(json.loads(tools))
    return tuple(from_json(Tool, item, "tools") for item in cast("list[JsonValue]", found))


def tools_text(tools: tuple[Tool, ...]) -> str:
    """Tools as JSON, by which they can be remembered."""
    return json.dumps([to_json(tool) for tool in tools])


def lacks_key(step: Step, request: Request) -> bool:
    """Whether the recorded instructions or tools have pseudonyms that those which are asked now have not."""
    return bool(_pseudonyms(step.request) - _pseudonyms(request))


def _pseudonyms(request: Request) -> set[str]:
    tools = canonical_bytes([to_json(tool) for tool in request.tools]).decode()
    return set(re.findall(PSEUDONYM, f"{request.system or ''}\0{tools}"))
