"""Begins a recorded run when a Python process starts with this folder on its path (`runback-gate record`).

In: the variable RUNBACK_GATE_RECORD, JSON of `agent`, `out`, `redact`, `parent`, `labels`. Out: a run that ends with
the process.

The program's own packages stay as they are: of this installation it sees `runback_gate` alone. Whatever fails here is
one line on standard error, and the program goes on.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys

VARIABLE = "RUNBACK_GATE_RECORD"


def _own_customisation(here: str) -> None:
    """Run the `sitecustomize` of the program, which this one hides."""
    sys.path[:] = [path for path in sys.path if not path or os.path.realpath(path) != here]
    ours = sys.modules.pop("sitecustomize", None)
    if importlib.util.find_spec("sitecustomize") is not None:
        importlib.import_module("sitecustomize")
    elif ours is not None:
        sys.modules["sitecustomize"] = ours


def _package(folder: str) -> None:
    """Load `runback_gate` from its folder, without what else lies beside it."""
    if "runback_gate" in sys.modules:
        return
    path = os.path.join(folder, "__init__.py")  # noqa: PTH118  pathlib would cost each start of the program
    spec = importlib.util.spec_from_file_location("runback_gate", path, submodule_search_locations=[folder])
    if spec is not None and spec.loader is not None:
        module = importlib.util.module_from_spec(spec)
        sys.modules["runback_gate"] = module
        spec.loader.exec_module(module)


def _begin() -> None:
    here = os.path.dirname(os.path.realpath(__file__))  # noqa: PTH120
    _own_customisation(here)
    try:
        _package(os.path.dirname(os.path.dirname(here)))  # noqa: PTH120
        from runback_gate.capture.recorder import record_process  # noqa: PLC0415  only a process that is recorded pays for it

        options = json.loads(os.environ[VARIABLE])
        run = record_process(**options)
        os.environ[VARIABLE] = json.dumps({**options, "parent": run.id or options["parent"]})
    except Exception as error:  # noqa: BLE001  the program runs whether or not it is recorded
        sys.stderr.write(f"runback-gate: this process is not recorded: {type(error).__name__}: {error}\n")


if VARIABLE in os.environ:
    _begin()
