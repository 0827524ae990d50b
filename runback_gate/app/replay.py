"""`replay`: one recorded step asked again, as it was or changed, and an answer of it kept as a case.

In: a run, the place of a step, what is asked otherwise, and what finds answers. Out: a `StepReplay`: then and now.

    live = open_live(gate, LiveOptions(live=True), cache=folder, world=world, progress=SILENT)
    found = replay_step(run, 9, Edit(system="Be kind.", system_path="kind.md"), live, trials=3)
    found.trials[0].divergence.words                        # "tool changed"
    keep_trial(Path(), found, 0, NewCase("datasets/support.yaml", id="asks-first")).files

The caller writes the files of a case. A run that is to be stopped is told so by the `StopSignal` of `live`; progress is
that which `live` was opened with.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import field
from functools import partial
from pathlib import Path

from runback_gate.agent import Agent, AgentFile, load_agent, unstated
from runback_gate.agent.config import MAX_PROMPT_BYTES
from runback_gate.app.cases import AddedCase, NewCase, add_case
from runback_gate.app.progress import SILENT, Progress
from runback_gate.app.recorded import recorded_step
from runback_gate.canonical import digest_bytes, parse_json
from runback_gate.documents.named_files import read_file
from runback_gate.errors import InputError, Location
from runback_gate.frozen import dataclass
from runback_gate.gate.config import Gate
from runback_gate.name_pattern import matches_name
from runback_gate.redact import ProjectKey
from runback_gate.replay.evidence import Answer, ReplayRequest
from runback_gate.replay.live import LiveDriver
from runback_gate.replay.spend import Spend
from runback_gate.replay.step import (
    Changes,
    Divergence,
    Setting,
    changed_request,
    diverge,
    one_answer,
    parse_setting,
    trials_of,
)
from runback_gate.replay.whole_run import RunReplay, replay_run, steps_of
from runback_gate.step import Request, Response, Run, Step, Tool, tools_from_json


@dataclass(frozen=True, slots=True)
class Edit:
    """What somebody wants to be asked otherwise. Later fields win over the agent."""

    agent: Agent | None = None
    """An agent config; None leaves all as it was recorded."""
    model: str | None = None
    """`provider/model`."""
    system: str | None = None
    """The prompt, a template where the step has variables."""
    system_path: str = "the prompt"
    """What errors call it."""
    tools: tuple[Tool, ...] = ()
    """Each replaces the tool of its name, or is added."""
    without_tools: tuple[str, ...] = ()
    """Names of tools that are taken away."""
    settings: tuple[Setting, ...] = ()
    """Values for places of the request, such as a message or a parameter (`replay.step.parse_setting`)."""
    redact_key: ProjectKey | None = field(default=None, repr=False)
    """The project's key of the pseudonyms: what is asked is redacted as the recording was."""


@dataclass(frozen=True, slots=True)
class StepTrial:
    """One answer of today."""

    answer: Answer
    """`response` is None where there was none; `note` says why."""
    divergence: Divergence | None
    """How it differs from the recorded answer; None where one of the two is missing."""


@dataclass(frozen=True, slots=True)
class StepReplay:
    """A step then and now."""

    run: Run
    index: int
    step: Step
    question: ReplayRequest
    """What was asked now, and how it differs from what was asked then."""
    trials: tuple[StepTrial, ...]
    spend: Spend
    notes: tuple[str, ...] = ()
    """What the provider was seen not to honour, such as a seed."""

    @property
    def told(self) -> bool:
        """Whether every trial could be held against the recorded answer."""
        return all(trial.divergence is not None for trial in self.trials)

    @property
    def shown(self) -> bool:
        """Whether an answer differs."""
        found = (trial.divergence for trial in self.trials)
        return any(item is not None and item.words != "equivalent" for item in found)


def replay_step(
    run: Run,
    index: int,
    edit: Edit,
    live: LiveDriver,
    *,
    trials: int = 1,
    gate: Gate | None = None,
    progress: Progress = SILENT,
) -> StepReplay:
    """Ask a step again, each trial by a model of today or by what the cache of `live` has of it.

    Args:
        run: the run.
        index: the step, from 0.
        edit: what is asked otherwise.
        live: what finds the answers; for this call alone.
        trials: how often it is asked.
        gate: whose providers complete a recorded name of a model that lacks its provider.
        progress: is told of each trial.

    Raises:
        InputError: the run has no such step, or the changes do not fit it.
    """
    step = recorded_step(run, index)
    request = edited(step, edit, gate)
    queries = trials_of(step, request, trials)
    answers: dict[int, Answer] = {}
    for number, answer in live([partial(one_answer, query) for query in queries]):
        answers[number] = answer
        progress(len(answers), trials, answer)
    held = tuple(StepTrial(answers[number], against(step.response, answers[number])) for number in range(trials))
    return StepReplay(run, index, step, queries[0].question, held, live.spend(), live.notes)


@dataclass(frozen=True, slots=True)
class WholeReplay:
    """A run then and now, once for each trial."""

    run: Run
    agent: Agent
    trials: tuple[RunReplay, ...]
    spend: Spend
    notes: tuple[str, ...] = ()
    """What the provider was seen not to honour, such as a seed."""

    @property
    def told(self) -> bool:
        """Whether every trial went as far as the record does, or to an answer that it does not know."""
        return all(trial.end != "no answer" for trial in self.trials)

    @property
    def shown(self) -> bool:
        """Whether an answer differs."""
        return any(trial.differs for trial in self.trials)


def replay_whole(
    run: Run,
    agent: Agent,
    live: LiveDriver,
    *,
    trials: int = 1,
    gate: Gate | None = None,
    progress: Progress = SILENT,
) -> WholeReplay:
    """Run the whole run again under an agent config (`replay.whole_run`); arguments as `replay_step`.

    Raises:
        InputError: the run has no step of this agent, or its prompt does not fit one.
    """
    recorded = steps_of(run, agent)[0][1].request.model
    agent = dataclasses.replace(agent, model=with_provider(agent.model or recorded, gate))
    found: dict[int, RunReplay] = {}
    for number, item in live([partial(replay_run, run, agent, trial) for trial in range(trials)]):
        found[number] = item
        progress(len(found), trials, item)
    return WholeReplay(run, agent, tuple(found[number] for number in range(trials)), live.spend(), live.notes)


def edited(step: Step, edit: Edit, gate: Gate | None = None) -> Request:
    """What a step asks with an edit; arguments and errors as `replay_step`."""
    agent = edit.agent or unstated(step.agent)
    agent = dataclasses.replace(agent, model=edit.model or agent.model, redact_key=edit.redact_key or agent.redact_key)
    if edit.system is not None:
        prompt = AgentFile("prompt", edit.system_path, digest_bytes(edit.system.encode()))
        others = (item for item in agent.files if item.kind != "prompt")
        agent = dataclasses.replace(agent, system=edit.system, files=(*others, prompt), template="jinja")
    if edit.tools or edit.without_tools:
        agent = dataclasses.replace(
            agent, tools=_tools(step.request.tools if agent.tools is None else agent.tools, edit)
        )
    request = changed_request(step, Changes(agent, edit.settings))
    return dataclasses.replace(request, model=with_provider(request.model, gate))


def read_edit(
    root: Path,
    *,
    agent: str | None = None,
    system: Path | None = None,
    model: str | None = None,
    settings: Sequence[str] = (),
    tools: Sequence[Path] = (),
    without_tools: Sequence[str] = (),
    redact_key: ProjectKey | None = None,
) -> Edit:
    """An edit with the files that a person named.

    Args:
        root: the folder of the gate, from which `agent` is named.
        agent: agent config.
        system: prompt.
        model: `provider/model`.
        settings: as `parse_setting` reads them.
        tools: JSON files of tools in OpenAI function format, or of lists of them.
        without_tools: names.
        redact_key: the project's key of the pseudonyms.

    Raises:
        InputError: a file cannot be read, or a setting is none.
    """
    return Edit(
        agent=None if agent is None else load_agent(root, agent, redact_key),
        model=model,
        system=None if system is None else read_prompt(system),
        system_path="the prompt" if system is None else system.as_posix(),
        tools=tuple(tool for path in tools for tool in read_tools(path)),
        without_tools=tuple(without_tools),
        settings=tuple(map(parse_setting, settings)),
        redact_key=redact_key,
    )


def read_prompt(path: Path) -> str:
    """The prompt that a person named.

    Raises:
        InputError: not there, too large, or no UTF-8.
    """
    return prompt_text(read_file(path, MAX_PROMPT_BYTES), path.as_posix())


def prompt_text(data: bytes, path: str) -> str:
    """The prompt that a file holds; `path` is its name in errors.

    Raises:
        InputError: no UTF-8.
    """
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise InputError("not UTF-8", location=Location(path)) from error


def read_tools(path: Path) -> tuple[Tool, ...]:
    """The tool, or the list of tools, in a JSON file that a person named: OpenAI function format.

    Raises:
        InputError: not there, or no tools.
    """
    value = parse_json(read_file(path, MAX_PROMPT_BYTES), path=path.as_posix())
    return tools_from_json(value if isinstance(value, list) else [value], path.as_posix())


def _tools(tools: Sequence[Tool], edit: Edit) -> tuple[Tool, ...]:
    named: Mapping[str, Tool] = {tool.name: tool for tool in (*tools, *edit.tools)}
    if unknown := [name for name in edit.without_tools if name not in named]:
        raise InputError(f"the step has no tool {unknown[0]!r}", hint=f"it has {', '.join(named) or 'none'}")
    return tuple(tool for name, tool in named.items() if name not in edit.without_tools)


def with_provider(model: str | None, gate: Gate | None) -> str | None:
    """A recorded name of a model, completed by the one provider of the gate that lists it: logs have `gpt-4o-mini`.

    Raises:
        InputError: more than one provider lists it.
    """
    if model is None or gate is None or "/" in model:
        return model
    listing = [
        name for name, spec in gate.providers.items() if any(matches_name(pattern, model) for pattern in spec.models)
    ]
    if len(listing) > 1:
        names = " or ".join(f"{name}/{model}" for name in listing)
        raise InputError(f"more than one provider of {gate.path} has a model {model!r}", hint=f"--model {names}")
    return f"{listing[0]}/{model}" if listing else model


def against(then: Response, answer: Answer) -> Divergence | None:
    """How an answer differs from the recorded one; None where there is none to compare."""
    now = answer.response
    return None if now is None or now.error is not None or then.error is not None else diverge(then, now)


def keep_trial(root: Path, found: StepReplay, trial: int, new: NewCase) -> AddedCase:
    """Make a case of an answer of today, and of what was asked for it; the caller writes its files.

    Raises:
        InputError: that trial has no answer, or the dataset does not take the case.
    """
    response = found.trials[trial].answer.response
    if response is None:
        raise InputError(f"trial {trial + 1} has no answer that could be kept", hint=found.trials[trial].answer.note)
    return keep_answer(root, found.run, found.index, Asked(found.question.request, response), new)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request and its answer."""

    request: Request
    response: Response


def keep_answer(root: Path, run: Run, index: int, asked: Asked, new: NewCase) -> AddedCase:
    """Make a case of a request that was asked in the place of a step, with its answer."""
    return add_case(root, replayed_run(run, index, asked), 0, new)


def replayed_run(run: Run, index: int, asked: Asked) -> Run:
    """A run of one step: what was asked in the place of a recorded one. It names that run as its parent.

    It is no event of that run, and rebuilt from its messages. Its time stays that of the recording: rules may see it.
    """
    step = run.steps[index]
    name = f"{run.id}-{index}-replayed"
    source = dataclasses.replace(step.source, run=name, event=0, grade="semantic", unknown=())
    again = dataclasses.replace(step, request=asked.request, response=asked.response, source=source)
    return Run(name, run.agent, (again,), parent=run.id)
