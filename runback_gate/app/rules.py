"""One rule of many policies, found by its id.

In: policies and the id that somebody named. Out: the policy that has the rule, compiled.

    owner, rules = compile_rule(files.policies, "refunds.limit", CppEngine())
"""

from __future__ import annotations

from collections.abc import Sequence

from runback_gate.app.policies import compile_all
from runback_gate.cel.engine import Engine
from runback_gate.documents import suggestion
from runback_gate.errors import InputError
from runback_gate.policy.document import Policy
from runback_gate.policy.evaluate import RuleSet


def compile_rule(policies: Sequence[Policy], rule: str, engine: Engine) -> tuple[Policy, RuleSet]:
    """The policy that has the rule of this id, as it stands and compiled.

    Raises:
        InputError: no rule has this id, or its policy does not compile.
    """
    owner = next((item for item in policies if any(entry.id == rule for entry in item.rules)), None)
    if owner is None:
        ids = [entry.id for item in policies for entry in item.rules]
        raise InputError(f"no rule is named {rule!r}", hint=suggestion(rule, ids))
    return owner, compile_all((owner,), engine)[0]
