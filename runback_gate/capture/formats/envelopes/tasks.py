"""Results of agent benchmarks and harnesses: files that hold a conversation among other data.

In: ATIF (`steps[].source`), ADK sessions (`events[].content.parts`), tau2 (`simulations[].messages`), SWE-agent
(`history` beside `trajectory`), mini-swe-agent (`trajectory_format`). Out: one conversation for each.

https://harborframework.com/docs/agents/trajectory-format, https://google.github.io/adk-docs/sessions,
https://github.com/sierra-research/tau2-bench, https://swe-agent.com/latest/usage/trajectories
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from runback_gate.capture.formats.body import entries_of, read_body
from runback_gate.capture.formats.dialects import dialect
from runback_gate.capture.formats.model import Conversation, Entry, Located, without
from runback_gate.capture.formats.reader import Reader
from runback_gate.capture.formats.records import Records
from runback_gate.capture.formats.tools import read_tools

NAME: Final = "tasks"
KEYS: Final = "steps[].source, events[].content, simulations[].messages, history, trajectory, trajectory_format"
BESIDE: Final[frozenset[str]] = frozenset()


def matches(values: Sequence[Any]) -> bool:
    """Whether each is of one of these."""
    return bool(values) and all(_reader(value) is not None for value in values[:20])


def _reader(value: Any) -> Callable[[Located, Reader], Iterable[Conversation]] | None:
    if not isinstance(value, dict):
        return None
    if _has(value, "steps", "source"):
        return _atif
    if _has(value, "events", "author"):
        return _adk
    if _has(value, "simulations", "messages"):
        return _tau2
    if str(value.get("trajectory_format", "")).startswith("mini-swe-agent"):
        return _mini_swe_agent
    return _swe_agent if _has(value, "history", "role") and "trajectory" in value else None


def _has(value: dict[str, Any], field: str, key: str) -> bool:
    items = value.get(field)
    return isinstance(items, list) and bool(items) and all(isinstance(item, dict) and key in item for item in items)


def split(records: Records) -> Iterator[Located]:
    """One file or line each; the simulations of tau2 on their own."""
    for item in records.values:
        if _has(item.value, "simulations", "messages"):
            info = item.value.get("info")
            agent = info.get("agent_info") if isinstance(info, dict) else None
            model = agent.get("llm") if isinstance(agent, dict) else None
            for index, value in enumerate(item.value["simulations"]):
                rest = {} if index else without(item.value, ("simulations",))
                yield item.child(f".simulations[{index}]", (value, model, rest))
        else:
            yield item


def read(where: Located, reader: Reader) -> Iterable[Conversation]:
    """The conversation."""
    form = _tau2 if isinstance(where.value, tuple) else _reader(where.value)
    return () if form is None else form(where, reader)


def _atif(where: Located, reader: Reader) -> Iterable[Conversation]:
    value = where.value
    agent = value.get("agent") if isinstance(value.get("agent"), dict) else {}
    entries: list[Entry] = []
    for index, step in enumerate(value["steps"]):
        entries += _atif_step(where.child(f".steps[{index}]", step), reader)
    system = None
    if entries and entries[0].messages[0].role == "system":
        system, entries = entries[0].messages[0], entries[1:]
    definitions = agent.get("tool_definitions")
    labels = {
        key: value[key] for key in ("session_id", "final_metrics", "extra", "notes") if value.get(key) is not None
    }
    yield Conversation(
        where,
        value["steps"],
        "atif",
        entries,
        system=system,
        tools=read_tools(definitions, f"{where.place}.agent.tool_definitions") if definitions else None,
        model=agent.get("model_name") if isinstance(agent.get("model_name"), str) else None,
        labels=labels,
        agent=agent.get("name") if isinstance(agent.get("name"), str) else None,
    )


_ATIF = {"user": "user", "agent": "assistant", "system": "system"}


def _atif_step(where: Located, reader: Reader) -> Iterator[Entry]:
    step = where.value
    known = ("step_id", "source", "message", "reasoning_content", "tool_calls", "observation", "metrics", "timestamp")
    reader.leave(step, (*known, "model_name", "reasoning_effort", "extra", "is_copied_context"))
    metrics = step.get("metrics") if isinstance(step.get("metrics"), dict) else None
    message: dict[str, Any] = {"role": _ATIF.get(step["source"], step["source"]), "content": step.get("message")}
    message |= {"timestamp": step.get("timestamp")}
    calls = step.get("tool_calls") if message["role"] == "assistant" else None
    if message["role"] == "assistant":
        message |= {"tool_calls": calls, "reasoning_content": step.get("reasoning_content")}
        message |= {"usage": metrics, "model": step.get("model_name")}
    form = dialect("openai-chat")
    yield from form.read([where.child("", message)], reader)
    results = (step.get("observation") or {}).get("results") or []
    for index, result in enumerate(results):
        role = "tool" if calls else "user"
        said = {"role": role, "content": result.get("content"), "tool_call_id": result.get("source_call_id")}
        yield from form.read([where.child(f".observation.results[{index}]", said)], reader)


def _adk(where: Located, reader: Reader) -> Iterable[Conversation]:
    value = where.value
    items, times = [], []
    for index, event in enumerate(value["events"]):
        content = event.get("content")
        if event.get("partial") is True:
            reader.pass_over("an event that a later one repeats", event)
            continue
        if not isinstance(content, dict) or not content.get("parts"):
            reader.ignored["an event without content"] += 1
            continue
        kept = {"role": content.get("role"), "parts": content["parts"]}
        items.append(where.child(f".events[{index}].content", kept))
        times.append(event.get("author"))
    entries = [*dialect("gemini").read(items, reader)]
    agent = next((name for name in times if isinstance(name, str) and name != "user"), None)
    fields = ("id", "app_name", "appName", "user_id", "userId")
    labels = {key: value[key] for key in fields if isinstance(value.get(key), str)}
    yield Conversation(where, value["events"], "adk", entries, api="google.generate", labels=labels, agent=agent)


def _tau2(where: Located, reader: Reader) -> Iterable[Conversation]:
    simulation, model, _ = where.value
    messages = []
    for item in simulation["messages"]:
        reader.passed.append(item.get("raw_data"))
        if item.get("requestor") == "user" and item.get("role") == "tool":
            reader.pass_over("a result of the simulated user", item)
            continue
        if item.get("role") == "user" and item.get("tool_calls"):
            reader.pass_over("calls of the simulated user", item["tool_calls"])
        mine = item.get("role") != "user"
        kept = {key: value for key, value in item.items() if key != "raw_data" and (mine or key != "tool_calls")}
        if mine or kept.get("content") is not None:
            messages.append({**kept, "tool_call_id": kept.get("id")} if item.get("role") == "tool" else kept)
    labels = {key: value for key, value in simulation.items() if key != "messages" and value is not None}
    found = read_body(where.child("", {"messages": messages}), reader, dialect=dialect("openai-chat"))
    yield replace(found, where=where, format="tau2", labels=labels, model=model if isinstance(model, str) else None)


def _swe_agent(where: Located, reader: Reader) -> Iterable[Conversation]:
    history = [
        {key: value for key, value in item.items() if key not in ("action", "thought", "tool_call_ids")}
        | ({"tool_call_id": item["tool_call_ids"][0]} if item.get("tool_call_ids") else {})
        for item in where.value["history"]
    ]
    items = [where.child(f".history[{index}]", item) for index, item in enumerate(history)]
    entries = [*entries_of(items, reader, dialect("openai-chat"))]
    reader.pass_over("trajectory", where.value["trajectory"])
    yield _with_system(where, history, "swe-agent", entries)


def _mini_swe_agent(where: Located, reader: Reader) -> Iterable[Conversation]:
    messages = [{key: value for key, value in item.items() if key != "extra"} for item in where.value["messages"]]
    for item in where.value["messages"]:
        if "extra" in item:
            reader.pass_over("extra", item["extra"])
    items = [where.child(f".messages[{index}]", item) for index, item in enumerate(messages)]
    yield _with_system(where, messages, "mini-swe-agent", [*entries_of(items, reader)])


def _with_system(where: Located, said: Any, name: str, entries: list[Entry]) -> Conversation:
    info = where.value.get("info")
    labels = (
        {key: info[key] for key in ("exit_status", "submission") if info.get(key)} if isinstance(info, dict) else {}
    )
    first = entries[0].messages[0] if entries else None
    if first is not None and first.role == "system":
        return Conversation(where, said, name, entries[1:], system=first, labels=labels, agent=name)
    return Conversation(where, said, name, entries, labels=labels, agent=name)
