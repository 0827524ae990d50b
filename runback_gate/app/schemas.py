"""The JSON Schemas that ship with the package, one a kind of file.

shipped_schema("Policy")        # the text of runback_gate/schemas/policy.json
current_schema("Policy")        # what the models say now; `make docs` writes it there, `make check` compares
"""

from __future__ import annotations

import json
import pkgutil
from importlib import import_module

KINDS = {
    "Gate": "gate.config:GateDocument",
    "Agent": "agent:AgentDocument",
    "Dataset": "dataset.document:DatasetDocument",
    "Policy": "policy.document:PolicyDocument",
    "PolicyTest": "policy.policy_test_document:PolicyTestDocument",
    "Waiver": "gate.waivers:WaiverDocument",
    "Report": "report.model:Report",
}
"""Kind to the model (module:class) that reads it."""


def shipped_schema(kind: str) -> str:
    """The schema that this version of the package ships."""
    data = pkgutil.get_data("runback_gate", f"schemas/{kind.lower()}.json")
    if data is None:
        raise FileNotFoundError(kind)
    return data.decode()


def current_schema(kind: str) -> str:
    """The schema that the models give."""
    from runback_gate.report.model import report_schema  # noqa: PLC0415  printing a shipped schema needs no model
    from runback_gate.schema import json_schema  # noqa: PLC0415

    module, _, name = KINDS[kind].partition(":")
    if kind == "Report":
        schema = report_schema()
    else:
        schema = json_schema(getattr(import_module(f"runback_gate.{module}"), name))
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
