"""Everything that one run of the gate reads before it judges: config, agents, datasets, policies, waivers.

In: a root folder, filters, and the day. Out: `Plan`. Recordings are read later, one by one, so that memory does not
grow with them.

    plan = load_plan(root, day="2026-11-23", agent="agents/support.yaml")
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from runback_gate.agent import Agent, load_agent
from runback_gate.dataset.document import Dataset, load_dataset
from runback_gate.dataset.trials import asks_no_less
from runback_gate.documents import expand, suggestion
from runback_gate.errors import InputError, Location
from runback_gate.frozen import dataclass
from runback_gate.gate.config import GATE_FILE, Gate, load_gate
from runback_gate.gate.more_trials import MoreTrials
from runback_gate.gate.waivers import Waiver, load_waivers
from runback_gate.policy.document import Policy, load_policies

if TYPE_CHECKING:
    from runback_gate.redact import ProjectKey

Named = TypeVar("Named", Agent, Dataset)


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be judged, and by what."""

    root: Path
    gate: Gate
    agents: tuple[Agent, ...]
    datasets: tuple[Dataset, ...]
    policies: tuple[Policy, ...]
    waivers: tuple[Waiver, ...]
    day: str
    """YYYY-MM-DD, UTC: the day that waivers are held against."""
    selection: tuple[str, ...]
    """Filters that leave part of the gate out."""
    whole: tuple[Dataset, ...]
    """The datasets without filters: a part of a gate shares the error of its trials as the whole does."""
    more: MoreTrials = field(default_factory=MoreTrials)
    """Trials beyond those that the files ask for."""
    redact_key: ProjectKey | None = field(default=None, repr=False, compare=False)
    """The project's key of the pseudonyms, as each agent has it."""

    def agent(self, name: str) -> Agent:
        """The agent of a name; every dataset's agent is there, `load_plan` saw to it."""
        return next(agent for agent in self.agents if agent.name == name)


def load_plan(
    root: Path,
    *,
    day: str,
    agent: str | None = None,
    dataset: str | None = None,
    config: str = GATE_FILE,
    redact_key: ProjectKey | None = None,
) -> Plan:
    """Read all that the gate config names.

    Args:
        root: the folder that no file may leave.
        day: YYYY-MM-DD, UTC.
        agent: name of an agent to judge alone, or the path of an agent file to judge in place of the one of its name.
        dataset: name or path of a dataset to judge alone.
        config: the gate file.
        redact_key: the project's key of the pseudonyms; recordings that were redacted are compared under it.

    Raises:
        InputError: something is missing or malformed; nothing has been judged then.
    """
    gate = load_gate(root, config)
    redact_key = None if redact_key is None else replace(redact_key, project=gate.project())
    agents = _unique("agent", (load_agent(root, name, redact_key) for name in expand(root, gate.agents)))
    datasets = list(_unique("dataset", (load_dataset(root, name) for name in expand(root, gate.datasets))).values())
    everything = tuple(datasets)
    whole = (len(agents), len(datasets))
    if agent is not None:
        chosen = _choose_agent(root, agent, agents, redact_key)
        agents = {chosen.name: chosen}
        datasets = [item for item in datasets if item.agent == chosen.name]
    if dataset is not None:
        datasets = _choose_datasets(dataset, datasets)
    for item in datasets:
        if item.agent not in agents:
            hint = suggestion(item.agent, agents)
            raise InputError(f"no agent is named {item.agent!r}", hint=hint, location=Location(item.path))
        _refuse_fewer(gate, item)
    part = [f"{key}={value}" for key, value in (("agent", agent), ("dataset", dataset)) if value is not None]
    selection = tuple(part) if (len(agents), len(datasets)) != whole else ()
    policies, _ = load_policies(root, gate.policies)
    waivers = load_waivers(root, gate.waivers)
    plan = Plan(root, gate, tuple(agents.values()), tuple(datasets), policies, waivers, day, selection, everything)
    return replace(plan, redact_key=redact_key)


def _refuse_fewer(gate: Gate, dataset: Dataset) -> None:
    """A dataset or a case may ask for more than the gate, not for less."""
    floor = gate.trials
    for case in dataset.cases:
        asked = case.trials or floor
        if not asks_no_less(asked, floor):
            message = f"case {case.id!r} asks for {asked.words}, the gate for {floor.words.removesuffix(' trials')}"
            raise InputError(message, hint="ask for more, or change the gate", location=case.location)


def _choose_datasets(wanted: str, datasets: list[Dataset]) -> list[Dataset]:
    found = [item for item in datasets if wanted in (item.name, item.path)]
    if not found:
        hint = suggestion(wanted, [item.name for item in datasets])
        raise InputError(f"no dataset is named {wanted!r}", hint=hint)
    return found


def _choose_agent(root: Path, wanted: str, agents: dict[str, Agent], redact_key: ProjectKey | None) -> Agent:
    if wanted in agents:
        return agents[wanted]
    if wanted.endswith((".yaml", ".yml")) or "/" in wanted:
        return load_agent(root, wanted, redact_key)
    raise InputError(f"no agent is named {wanted!r}", hint=suggestion(wanted, agents))


def _unique(kind: str, items: Iterable[Named]) -> dict[str, Named]:
    found: dict[str, Named] = {}
    for item in items:
        if item.name in found:
            hint = f"the other: {found[item.name].path}"
            raise InputError(f"two {kind}s are named {item.name!r}", hint=hint, location=Location(item.path))
        found[item.name] = item
    return found
