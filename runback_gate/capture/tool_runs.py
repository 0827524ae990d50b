"""Wraps a function so that each call is a tool run.

In: a function, sync or async, and where its runs go. Out: the same function for its callers.

    lookup = recorded_tool(lookup, None, lambda event: recording.put(event))
"""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, TypeVar, cast

from runback_gate.capture.outside import monotonic, now
from runback_gate.step import ToolRun

F = TypeVar("F", bound=Callable[..., Any])
Put = Callable[[Callable[[], ToolRun]], None]
"""Takes the function that makes the event, and makes it only when something is recorded. It raises nothing."""


def recorded_tool(function: F, name: str | None, put: Put) -> F:
    """The function, whose calls are recorded as runs of the tool `name`, which is its own name by default."""
    call = functools.partial(_Call, put, name or str(getattr(function, "__name__", "tool")), function)
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def asynchronous(*args: Any, **kwargs: Any) -> Any:
            with call(args, kwargs) as seen:
                seen.result = await function(*args, **kwargs)
            return seen.result

        return cast("F", asynchronous)

    @functools.wraps(function)
    def plain(*args: Any, **kwargs: Any) -> Any:
        with call(args, kwargs) as seen:
            seen.result = function(*args, **kwargs)
        return seen.result

    return cast("F", plain)


class _Call:
    """One call, from its start to its end."""

    def __init__(
        self, put: Put, name: str, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        self._put, self._name, self._function, self._given = put, name, function, (args, kwargs)
        self.result: Any = None

    def __enter__(self) -> _Call:
        self._at, self._start = now(), monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._put(functools.partial(self._run, error, int((monotonic() - self._start) * 1000)))

    def _run(self, error: BaseException | None, took: int) -> ToolRun:
        args, kwargs = self._given
        try:
            bound = dict(inspect.signature(self._function).bind(*args, **kwargs).arguments)
        except (TypeError, ValueError):
            bound = {**{str(place): value for place, value in enumerate(args)}, **kwargs}
        given = {key: value for key, value in bound.items() if key not in ("self", "cls")}
        if error is not None:
            return ToolRun(-1, 0, self._name, json_text(given), error=_told(error), at=self._at, duration_ms=took)
        result = self.result if isinstance(self.result, str) else json_text(self.result)
        return ToolRun(-1, 0, self._name, json_text(given), result=result, at=self._at, duration_ms=took)


def json_text(value: Any) -> str:
    """JSON of any value; what JSON has no form for is its `str`."""
    return json.dumps(value, ensure_ascii=False, default=str)


def plain_json(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same as a value, which nobody changes afterwards."""
    return cast("dict[str, Any]", json.loads(json_text(dict(values))))


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
