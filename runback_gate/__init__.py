"""Runback gate: makes the decisions of AI agents reviewable like code.

with runback_gate.record("support-agent"):      # records each step of the agent
    agent.answer(task)

@runback_gate.tool                              # records each call of a function as a tool run
def lookup(order): ...
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runback_gate.capture.recorder import Recording as Recording
    from runback_gate.capture.recorder import record as record
    from runback_gate.capture.recorder import tool as tool

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """The recorder, loaded when somebody records: no command pays for it."""
    if name in ("Recording", "record", "tool"):
        from runback_gate.capture import recorder  # noqa: PLC0415  `import runback_gate` stays light

        return getattr(recorder, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
