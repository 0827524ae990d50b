"""The group `policy`: its commands lie in one file each."""

from __future__ import annotations

from runback_gate.cli.policy import policy
from runback_gate.cli.policy_diff import diff

policy.add_command(diff)

__all__ = ["policy"]
