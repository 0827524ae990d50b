"""A payload that is signed keyless, and the parts of the bundle that proves it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from runback_gate.attest.statement import statement_bytes
from runback_gate.dsse import Json
from tests.attest.samples import statement

PAYLOAD = statement_bytes(statement())


def edited(bundle: Json, edit: Callable[[Any], object]) -> Json:
    """A copy of a bundle after an edit."""
    copied = copy.deepcopy(bundle)
    edit(copied)
    return copied


def material(bundle: Any) -> Any:
    """The part of a bundle that proves its signature."""
    return bundle["verificationMaterial"]


def entry(bundle: Any) -> Any:
    """Its log entry."""
    return material(bundle)["tlogEntries"][0]


def stamps(bundle: Any) -> Any:
    """Its timestamps."""
    return material(bundle)["timestampVerificationData"]["rfc3161Timestamps"]
