"""`import --check`: what was imported is judged at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Command, write

CHAT = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello there"}]
POLICY = """\
apiVersion: runback.dev/v1
kind: Policy
metadata: {name: shop}
spec:
  validationActions: [ACTION]
  validations:
    - id: shop.words
      expression: EXPRESSION
      message: too long
"""


def policy(expression: str, action: str = "Deny") -> None:
    """Writes a policy of one rule."""
    write("rules/shop.yaml", POLICY.replace("EXPRESSION", expression).replace("ACTION", action))


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("expression", "action", "code", "counts"),
    [
        ("size(response.text) < 99", "Deny", 0, {"pass": 1}),
        ("size(response.text) < 6", "Deny", 1, {"fail": 1}),
        ("size(response.text) < 6", "Warn", 0, {"fail": 1}),
        ("case.labels.nobody == 1", "Deny", 2, {"error": 1}),
    ],
)
def test_exit_codes(command: Command, expression: str, action: str, code: int, counts: dict[str, int]) -> None:
    """0 holds, 1 fails, 2 could not be judged; a rule that only warns blocks nothing."""
    write("chat.json", json.dumps(CHAT))
    policy(expression, action)
    result = command("import", "chat.json", "--check", "rules", "--json")
    assert result.code == code
    (found,) = json.loads(result.out)["check"]["validations"].values()
    assert {word: number for word, number in found.items() if number} == counts


@pytest.mark.usefixtures("here")
def test_nothing_judged_is_not_green(command: Command) -> None:
    """A policy that concerns no step, and files without one, are no pass."""
    write("chat.json", json.dumps(CHAT))
    policy("true")
    write("rules/shop.yaml", Path("rules/shop.yaml").read_text().replace("spec:", "spec:\n  match: {agents: [other]}"))
    assert command("import", "chat.json", "--check", "rules").code == 2
    write("none.json", "[]")
    assert command("import", "none.json", "--check", "rules").code == 2


@pytest.mark.usefixtures("here")
def test_the_table(command: Command) -> None:
    """The table of `backtest` stands below what was read; a run that was there already counts as well."""
    write("chat.json", json.dumps(CHAT))
    policy("size(response.text) < 6")
    assert command("import", "chat.json").code == 0
    result = command("import", "chat.json", "--check", "rules")
    assert result.code == 1
    assert "shop.words       0       1       0       0" in result.out
    assert "too long" in result.out
    assert "next:" not in result.out


def test_wrong_policies_are_found_before_anything_is_written(command: Command, here: Path) -> None:
    """A policy that is not there, or is none, ends the import."""
    write("chat.json", json.dumps(CHAT))
    assert command("import", "chat.json", "--check", "rules").code == 2
    write("rules/shop.yaml", "kind: Policy")
    assert command("import", "chat.json", "--check", "rules").code == 2
    assert not (here / "runs").exists()


@pytest.mark.usefixtures("here")
def test_not_with_the_form_of_version_1(command: Command) -> None:
    """`import transcript` has no check."""
    write("chat.json", json.dumps(CHAT))
    policy("true")
    assert command("import", "transcript", "chat.json", "--check", "rules").code == 2
