"""The table beside Kubernetes: what its own ValidatingAdmissionPolicy evaluator says of each form.

`go build` in `tests/interop/kubernetes` makes it, RUNBACK_KUBERNETES names it; elsewhere the tests skip, and with
RUNBACK_REQUIRE_LIVE=1 they fail.
"""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

import pytest

from tests.kubernetes import Form, forms, said_there

EVALUATOR = os.environ.get("RUNBACK_KUBERNETES", "")
if not EVALUATOR and not os.environ.get("RUNBACK_REQUIRE_LIVE"):
    pytest.skip("Kubernetes' evaluator is not built", allow_module_level=True)

pytestmark = pytest.mark.contract

ALL = tuple(forms())


@pytest.fixture(scope="module")
def answers() -> list[dict[str, Any]]:
    """What the evaluator says of all forms."""
    asked = json.dumps([form.question() for form in ALL]).encode()
    told = subprocess.run([EVALUATOR], input=asked, stdout=subprocess.PIPE, check=True, timeout=120)
    found: list[dict[str, Any]] = json.loads(told.stdout)
    return found


@pytest.mark.parametrize("number", range(len(ALL)), ids=[f"{form.topic}: {form.name}" for form in ALL])
def test_what_kubernetes_says(number: int, answers: list[dict[str, Any]]) -> None:
    """It says what the table says."""
    form: Form = ALL[number]
    assert said_there(form, answers[number]) == form.expected("kubernetes"), answers[number]
