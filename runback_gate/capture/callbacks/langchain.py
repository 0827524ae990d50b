"""A callback handler of LangChain and LangGraph.

In: the starts, ends and errors of tools. Out: their runs, in the run that is recorded.

    from runback_gate.capture.callbacks.langchain import recorder_callback

    agent.invoke(task, {"callbacks": [recorder_callback()]})
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from runback_gate.capture.outside import complain, monotonic, now
from runback_gate.capture.recorder import put_tool_run
from runback_gate.capture.tool_runs import json_text
from runback_gate.step import ToolRun

_Begun = tuple[str, str, str, float]
"""Name, arguments, time and seconds of a tool that goes on."""


class ToolCallbacks:
    """The methods that LangChain calls, by the id of the tool's run; other events are none of its."""

    def __init__(self) -> None:
        super().__init__()
        self._begun: dict[object, _Begun] = {}

    def on_tool_start(
        self,
        serialized: Mapping[str, Any] | None,
        input_str: str,
        *,
        run_id: object,
        inputs: Any = None,
        **more: Any,
    ) -> None:
        """A tool begins."""
        name = (serialized or {}).get("name") or more.get("name") or "tool"
        given = input_str if inputs is None else json_text(inputs)
        self._begun[run_id] = str(name), given, now(), monotonic()

    def on_tool_end(self, output: Any, *, run_id: object, **_more: Any) -> None:
        """It gave something: a text, or a message with the id of the call and whether it failed."""
        content = getattr(output, "content", output)
        text = content if isinstance(content, str) else json_text(content)
        failed = getattr(output, "status", None) == "error"
        self._ended(run_id, getattr(output, "tool_call_id", None), *((None, text) if failed else (text, None)))

    def on_tool_error(self, error: BaseException, *, run_id: object, **more: Any) -> None:
        """It raised."""
        self._ended(run_id, more.get("tool_call_id"), None, f"{type(error).__name__}: {error}")

    def _ended(self, run_id: object, call: Any, result: str | None, error: str | None) -> None:
        try:
            name, given, at, start = self._begun.pop(run_id)
        except KeyError:
            complain("a tool of LangChain is not recorded: it never began")
            return
        took = int((monotonic() - start) * 1000)
        identity = call if isinstance(call, str) else ""
        put_tool_run(lambda: ToolRun(-1, 0, name, given, identity, result, error, at, took))


def recorder_callback() -> Any:
    """A handler for `callbacks`, of LangChain's own class.

    Raises:
        ModuleNotFoundError: langchain-core is not installed.
    """
    base = importlib.import_module("langchain_core.callbacks").BaseCallbackHandler
    # In the thread of the tool, so that it is the run of its task.
    return type("RecorderCallback", (ToolCallbacks, base), {"run_inline": True})()
