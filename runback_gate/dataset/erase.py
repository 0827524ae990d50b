"""A recorded step with erased values: what remains can be read, but not judged.

In: a step, and what becomes of a text. Out: a step of grade `view-only`.

    erased_step(step, lambda text: "[erased]" if "<email:3f9a1c07be21>" in text else text)
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, cast

from runback_gate.canonical import JsonValue
from runback_gate.step import Step, step_from_json, to_json


def erased_step(step: Step, erase: Callable[[str], str]) -> Step:
    """The step with every text and every key put through `erase`; its answer was given to another conversation."""
    found = step_from_json(cast("JsonValue", _erased(to_json(step), erase)))
    return dataclasses.replace(found, source=dataclasses.replace(found.source, grade="view-only"))


def _erased(value: Any, erase: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {erase(key): _erased(item, erase) for key, item in value.items()}
    if isinstance(value, list):
        return [_erased(item, erase) for item in value]
    return erase(value) if isinstance(value, str) else value
