"""The promises, each with the way its figure is found and the peer that stands beside it.

In: a folder to work in. Out: `Figure`s.

    PROMISES["help"](Path("/some/empty/folder"))
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from benchmarks.measure import Cost, measure
from benchmarks.pace import at_reference

ROOT = Path(__file__).resolve().parent.parent
CLIENT = Path(os.environ.get("RUNBACK_CLIENTS", ROOT / ".clients")) / "openai" / "bin" / "python"
"""An environment with a client to record."""
AIRLINE = Path(os.environ.get("RUNBACK_SHARED_DATA", ROOT.parent / "shared" / "data")) / "airline"
EXAMPLES = ROOT / "examples" / "airline" / "policies"
COMMAND = str(Path(sys.executable).with_name("runback-gate"))

CASES = 1000
POLICIES = 20
ROUNDS = 3
"""Runs of what takes seconds, in turn with what it is held against."""
TURNS = 1229
WORKFLOW = "https://github.com/acme/agent/.github/workflows/gate.yml@refs/heads/main"
EVENTS = 1_000_000
FLOOR = "read, hash, parse only"
WAITING = "x waiting"
"""The unit of a wall time beside that of a run that does nothing but wait."""
SHARE = 0.5
"""What part of a core something that is ready must get for a wall time to count."""


class UnmeasuredError(Exception):
    """A promise that cannot be measured on this machine; the text says what is missing and how to get it."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Something of the same kind, measured in the same run."""

    name: str
    value: float
    """In the unit of the figure."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One promise and what was found."""

    promise: str
    unit: str
    value: float
    limit: float
    """The value may be this and no more."""
    peers: tuple[Peer, ...] = ()
    pace: float = 1.0
    """Of this machine while the value was found; 1 for what has none. The value is as the reference would take it."""
    missing: str = ""
    """Why the value does not count as measured."""

    def at(self, pace: float) -> Figure:
        """What was found as it was taken here, all at this pace, as the reference would take it: CPU time, and what
        wall time has beyond an ideal of waiting alone. Anything else stays as it is."""
        if not self.has_pace:
            return self
        peers = tuple(replace(peer, value=at_reference(peer.value, pace, self._ideal)) for peer in self.peers)
        return replace(self, value=at_reference(self.value, pace, self._ideal), peers=peers, pace=pace)

    def unless_loaded(self, share: float) -> Figure:
        """A wall time of a machine that is loaded beyond its cores was not measured: it is the time of the others."""
        loaded = f"this machine is loaded beyond its cores: what is ready gets {share:.0%} of one"
        return replace(self, missing=loaded) if share < SHARE else self

    @property
    def has_pace(self) -> bool:
        """Whether the value is a time that depends on how fast the machine is."""
        return self.unit.startswith("CPU ") or self.unit == WAITING

    @property
    def raw(self) -> float:
        """The value as it was taken here."""
        return at_reference(self.value, 1 / self.pace, self._ideal)

    @property
    def _ideal(self) -> float:
        return 1.0 if self.unit == WAITING else 0.0

    @property
    def ratio(self) -> float:
        """The value as a part of the limit; above 1 the promise is broken."""
        return self.value / self.limit


def start(folder: Path) -> list[Figure]:
    """`--help`, beside an interpreter that does nothing and one that loads the command line library."""
    cost = measure([COMMAND, "--help"], folder, runs=15)
    peers = tuple(
        Peer(code, measure([sys.executable, "-c", code], folder, runs=15).cpu) for code in ("pass", "import click")
    )
    return [Figure("runback-gate --help", "CPU s", cost.cpu, 0.15, peers, cost.pace)]


def gate(folder: Path) -> list[Figure]:
    """A whole run on recorded evidence, beside reading, hashing and parsing the same recordings."""
    run_module("benchmarks.workload", str(folder), "--cases", str(CASES), "--policies", str(POLICIES))
    cost = measure([COMMAND, "run", "--report", "report"], folder)
    floor = read_floor(folder, "datasets")
    report = json.loads((folder / "report" / "report.json").read_bytes())
    judged = (report["verdict"], report["totals"]["passed"], report["totals"]["recorded"], report["totals"]["policies"])
    if judged != ("PASS", CASES, CASES, POLICIES):
        raise RuntimeError(f"the run did not judge what it was given: {judged}")
    name = f"{CASES:,} recorded cases, {POLICIES} policies, report"
    return [
        Figure(name, "CPU s", cost.cpu, 1.0, (Peer(FLOOR, floor.cpu),), cost.pace),
        Figure(name, "MB", cost.rss, 80, (Peer(FLOOR, floor.rss),)),
    ]


def policies(folder: Path) -> list[Figure]:
    """One answer under all policies, beside the second engine."""
    cost = run_module("benchmarks.judge", str(folder), "--policies", str(POLICIES))
    found = json.loads(cost.output)
    peers = (Peer("the same on celpy", found["celpy"]), Peer("making the data of the step", found["data"]))
    return [Figure(f"{POLICIES} policies on one step", "CPU ms", found["cel-cpp"], 0.2, peers).at(cost.pace)]


def backtest(folder: Path) -> list[Figure]:
    """The airline's policies on its recorded turns, beside reading and parsing them alone."""
    airline_runs(folder)
    cost = measure([COMMAND, "backtest", "--policies", str(EXAMPLES), "--runs", "runs", "--json"], folder)
    if (steps := json.loads(cost.output)["steps"]) != TURNS:
        raise RuntimeError(f"the backtest did not judge what it was given: {steps} steps")
    floor = read_floor(folder, "runs")
    peers = (Peer(FLOOR, floor.cpu),)
    return [Figure(f"backtest of {TURNS:,} airline turns", "CPU s", cost.cpu, 2.0, peers, cost.pace)]


def diff(folder: Path) -> list[Figure]:
    """One changed rule over the same turns, beside the backtest of all rules, which judges each turn once."""
    airline_runs(folder)
    shutil.copytree(EXAMPLES, folder / "head")
    booking = folder / "head" / "booking.yaml"
    booking.write_text(booking.read_text("utf-8").replace("    certificates: 1\n", "    certificates: 2\n"), "utf-8")
    sides = ["--base", str(EXAMPLES), "--head", str(folder / "head"), "--runs", "runs"]
    cost = measure([COMMAND, "policy", "diff", *sides, "--json"], folder)
    found = json.loads(cost.output)
    if (found["steps"], found["policies"]) != (TURNS, {"airline-booking": "looser"}) or not found["flips"]:
        raise RuntimeError(f"the comparison did not find what was changed: {found['policies']}")
    beside = measure([COMMAND, "backtest", "--policies", str(EXAMPLES), "--runs", "runs", "--json"], folder)
    peers = (Peer("backtest", beside.cpu), Peer(FLOOR, read_floor(folder, "runs").cpu))
    return [Figure(f"policy diff over {TURNS:,} airline turns", "CPU s", cost.cpu, 3.0, peers, cost.pace)]


def need_airline() -> None:
    """Raise `UnmeasuredError` where the airline's transcripts are not."""
    if not AIRLINE.is_dir():
        raise UnmeasuredError("no transcripts of the airline (RUNBACK_SHARED_DATA)")


def airline_runs(folder: Path) -> None:
    """Make runs of the airline's transcripts."""
    need_airline()
    source = [str(AIRLINE / "runs.jsonl"), "--tools", str(AIRLINE / "tools.json"), "--agent", "airline"]
    measure([COMMAND, "import", "transcript", *source, "--out", "runs"], folder, runs=0)


def weakening(folder: Path) -> list[Figure]:
    """What a change takes away from a gate, every file of which has other bytes, beside reading the two gates."""
    cost = run_module("benchmarks.compare", str(folder), "--cases", str(CASES), "--policies", str(POLICIES))
    found = json.loads(cost.output)
    name, peers = f"two gates of {CASES:,} cases compared", (Peer("reading the two gates", found["load"]),)
    return [Figure(name, "CPU s", found["compare"], 0.1, peers).at(cost.pace)]


def signing(folder: Path) -> list[Figure]:
    """`attest` and `verify`, imports included, beside importing what verifies signatures and doing nothing."""
    measure([COMMAND, "init"], folder, runs=0)
    measure([COMMAND, "run"], folder, runs=0)
    measure([COMMAND, "keys", "generate", "gate", "--no-password"], folder, runs=0)
    specimens = ROOT / "tests" / "specimens" / "v1" / "attestation"
    bundle, report = ".runback/attestation.json", ".runback/report.json"
    root = ["--trust-config", str(specimens / "trusted_root.json")]
    peers = tuple(
        Peer(code, measure([sys.executable, "-c", code], folder).cpu)
        for code in ("import cryptography.x509", "import sigstore.sign, sigstore.verify")
    )
    costs = {
        name: measure([COMMAND, *words], folder)
        for name, words in (
            ("attest with a key", ["attest", "--key", "gate.key"]),
            ("verify with a key", ["verify", bundle, "--key", "gate.pub", "--report", report]),
            ("verify a workflow", ["verify", str(specimens / "rekor-2.json"), "--identity", WORKFLOW, *root]),
        )
    }
    figures = [Figure(name, "CPU s", cost.cpu, 0.9, peers, cost.pace) for name, cost in costs.items()]
    if find_spec("asn1crypto"):
        # It measures a child of its own.
        found = json.loads(run_module("benchmarks.signing", str(folder)).output)
        figures.append(Figure("attest in the place of a workflow", "CPU s", found["cpu"], 0.9, peers, found["pace"]))
    return figures


def chain(folder: Path) -> list[Figure]:  # noqa: ARG001  every promise has a folder
    """Verifying the chain of a run, as a multiple of hashing the same lines."""
    found = json.loads(run_module("benchmarks.chains").output)
    peers = (Peer("hashing alone", 1.0),)
    return [Figure("a chain verified, times hashing", "x", found["verify"] / found["hash"], 2.0, peers)]


def records(folder: Path) -> list[Figure]:
    """The memory that verifying a record takes, beside that of one with a hundredth of the events."""
    costs = []
    for count in (EVENTS // 100, EVENTS):
        run_module("benchmarks.chains", str(folder), "--events", str(count))
        cost = measure([COMMAND, "audit", "verify", "record.jsonl", "--json"], folder, runs=0, exit_codes=(2,))
        if (seen := json.loads(cost.output))["events"] != count:
            raise RuntimeError(f"the record was not read as it was written: {seen['events']} events")
        costs.append(cost)
    few, many = costs
    name, less = f"a record of {EVENTS:,} events verified", f"{EVENTS // 100:,} events"
    return [
        Figure(name, "MB", many.rss, round(1.1 * few.rss, 1), (Peer(less, few.rss),)),
        Figure(name, "CPU s", many.cpu, 20.0, (Peer(less, few.cpu),), many.pace),
    ]


def read_floor(folder: Path, data: str, runs: int = 5) -> Cost:
    """What reading, hashing and parsing the files of a folder costs."""
    return measure([sys.executable, str(ROOT / "benchmarks" / "floor.py"), data], folder, runs)


def capture(folder: Path) -> list[Figure]:  # noqa: ARG001  as above
    """What recording adds to a call through OpenAI's client."""
    if not CLIENT.exists():
        raise UnmeasuredError("no client to record (`make clients`, or RUNBACK_CLIENTS)")
    found = _recorders(CLIENT)
    ours = found.pop("recorded")
    for name in ("langfuse", "openinference", "traceloop"):
        python = CLIENT.parents[2] / name / "bin" / "python"
        if name not in found and python.exists():
            found |= {name: _recorders(python)[name]}
    apart = "as a difference of whole calls"
    callers = [Peer(apart, ours["caller_difference"]), *(Peer(name, peer["caller"]) for name, peer in found.items())]
    ratios = [Peer("the bare client", 1.0), Peer(apart, ours["ratio_difference"])]
    ratios += [Peer(name, peer["ratio"]) for name, peer in found.items()]
    added = ("recording, added on the caller's thread", "CPU µs", ours["caller"], 100.0, tuple(callers))
    return [
        Figure(*added, ours["pace"]),
        Figure("recording, CPU in all beside the bare client", "x", ours["ratio"], 1.1, tuple(ratios)),
    ]


def _recorders(python: Path) -> dict[str, dict[str, float]]:
    """What each recorder of an environment costs, and the pace; medians of runs each of which is short."""
    rounds = []
    for _ in range(ROUNDS):
        cost = measure([str(python), "-m", "benchmarks.capture"], ROOT, runs=0)
        found = json.loads(cost.output)
        rounds.append(
            {
                name: {key: value if "ratio" in key else value * cost.pace for key, value in item.items()}
                | {"pace": cost.pace}
                for name, item in found.items()
            }
        )
    return {
        name: {key: statistics.median(found[name][key] for found in rounds) for key in rounds[0][name]}
        for name in rounds[0]
    }


def run_module(name: str, *arguments: str, spread: bool = False) -> Cost:
    """Run a module of the benchmarks once; what it measured of itself was measured at the pace of its run."""
    return measure([sys.executable, "-m", name, *arguments], ROOT, runs=0, spread=spread)


PROMISES: dict[str, Callable[[Path], list[Figure]]] = {
    "help": start,
    "gate": gate,
    "policies": policies,
    "backtest": backtest,
    "diff": diff,
    "chain": chain,
    "records": records,
    "weakening": weakening,
    "signing": signing,
    "capture": capture,
}
"""By the name that the command line takes."""
