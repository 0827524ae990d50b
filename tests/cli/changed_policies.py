"""A policy before and after a change."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import write
from tests.cli.recordings import pays, recorded

POLICY = """\
apiVersion: runback.dev/v1
kind: Policy
metadata: {name: refunds}
spec:
  params: {limit: LIMIT}
  validations:
    - id: refunds.limit
      expression: calls(response, "issue_refund").all(c, c.arguments.amount <= params.limit)
      message: too much
"""


@pytest.fixture
def two(here: Path) -> Path:
    """Two folders of policies that differ in a limit, and runs to hold them against."""
    for folder, limit in (("base", "100"), ("head", "500")):
        write(f"{folder}/refunds.yaml", POLICY.replace("LIMIT", limit))
    recorded("r1", pays(40), pays(250))
    recorded("r2", pays(480), pays(900))
    return here
