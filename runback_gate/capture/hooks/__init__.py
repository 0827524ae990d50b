"""Hooks into HTTP clients, while something is recorded: one file a client library.

In: what takes a call that is over. Out: nothing; classes of the libraries are patched, and put back.

    install(taker)
    uninstall()

A library that is imported later is patched then. A hook sees each request and answer as it is on the wire, and passes
on every byte as it comes.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any, Final

from runback_gate.capture.call import Take
from runback_gate.capture.outside import complain

HOOKS: Final = {
    "httpx": "httpx",
    "httpx2": "httpx",
    "aiohttp": "aiohttp",
    "requests": "requests",
    "botocore.httpsession": "botocore",
    "dspy._vendor.lm15.transports._sync": "lm15",
    "dspy._vendor.lm15.transports._async": "lm15",
    "lm15.transports._sync": "lm15",
    "lm15.transports._async": "lm15",
}
"""The module of a library, and the hook that knows it."""

Patch = tuple[Any, str, Callable[[Any], Any]]
"""A class, the name of a method, and what makes the new method of the old one."""

_lock = threading.RLock()
_applied: list[tuple[Any, str, Any, Any]] = []
_taker: Callable[[], Take | None] | None = None


def install(taker: Callable[[], Take | None]) -> None:
    """Patch the libraries that are loaded, and those that will be."""
    global _taker
    with _lock:
        if _taker is not None:
            return
        _taker = taker
        sys.meta_path.insert(0, _FINDER)
        for name in HOOKS:
            if name in sys.modules:
                _patch(sys.modules[name], name)


def uninstall() -> None:
    """Put everything back, but for what somebody else patched afterwards."""
    global _taker
    with _lock:
        _taker = None
        if _FINDER in sys.meta_path:
            sys.meta_path.remove(_FINDER)
        while _applied:
            owner, name, old, new = _applied.pop()
            if getattr(owner, name, None) is new:
                setattr(owner, name, old)


def _patch(module: ModuleType, name: str) -> None:
    with _lock:
        taker = _taker
        if taker is None:
            return
        try:
            hook = importlib.import_module(f"{__name__}.{HOOKS[name]}")
            patches: Iterator[Patch] = hook.patches(module, taker)
            for owner, method, make in patches:
                old = getattr(owner, method)
                new = make(old)
                setattr(owner, method, new)
                _applied.append((owner, method, old, new))
        except Exception as error:  # noqa: BLE001  a library of another version must not break the agent
            complain(f"calls through {name} are not recorded: {type(error).__name__}: {error}")


class _Finder(importlib.abc.MetaPathFinder):
    """Has a library patched right after it was imported."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The spec that the other finders give, with a loader that patches."""
        if name not in HOOKS:
            return None
        finders = (finder for finder in sys.meta_path if finder is not self)
        spec = next((spec for finder in finders if (spec := finder.find_spec(name, path, target)) is not None), None)
        if spec is not None and spec.loader is not None:
            run = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                run(module)
                _patch(module, name)

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


_FINDER: Final = _Finder()
