"""The agent config: what a pull request changes, and the request that a recorded step becomes under it.

In: `kind: Agent` YAML under a root folder, and a recorded `Step`. Out: `Agent`, and the `Request` that the step asks
now.

    ask(load_agent(root, "agents/support.yaml"), step)

What the config states replaces what was recorded, each of model, parameters, system and tools as a whole; what it
leaves out stays as recorded, and the conversation always does. A config never names an endpoint or a secret: a pull
request could send the key to its own host.
"""

from __future__ import annotations

import dataclasses
import posixpath
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from pydantic import Field

from runback_gate.agent.placeholders import fill
from runback_gate.canonical import JsonValue, digest_bytes, parse_json
from runback_gate.documents import Document, check_kind, parse_document, read_document
from runback_gate.documents.repository import read_in_repository
from runback_gate.errors import DocumentError, InputError, Location, RunbackError
from runback_gate.frozen import dataclass
from runback_gate.schema import Model, Resource, validate
from runback_gate.step import Request, Step, Tool, tools_from_json

if TYPE_CHECKING:
    from runback_gate.redact import ProjectKey

MAX_PROMPT_BYTES = 1 << 20


class FileReference(Model):
    """A file that a document names."""

    file: str = Field(
        min_length=1, description="Path relative to the folder of this document; anywhere in the repository."
    )


class PromptReference(FileReference):
    """The file of a prompt, or a constant in it."""

    symbol: str | None = Field(
        None,
        pattern=r"^[^\W\d]\w*$",
        description="String constant of a Python module that is the prompt. The module is read, never executed: the "
        "name is bound once, at its top level, to string literals.",
    )
    template: Literal["jinja", "format"] = Field(
        "jinja",
        description="How a prompt is filled in where the recording carries variables: `jinja`, the part of Jinja2 that "
        "`system` has; `format`, as `str.format` and `run.prompt` do, with plain names as places.",
    )


class AgentSpec(Model):
    """What the agent is made of. Every field may be left out: it then stays as recorded."""

    model: str | None = Field(None, min_length=1, description="provider/model, as recorded runs name it.")
    parameters: dict[str, Any] | None = Field(None, description="Sampling parameters; they replace the recorded ones.")
    system: str | PromptReference | None = Field(
        None,
        description="System prompt: text, a file, or a constant of a Python file. Where the recording carries "
        "variables it is a template: Jinja2 with variables, conditions, loops and some filters, without calls, "
        "arithmetic and assignments.",
    )
    tools: FileReference | list[dict[str, Any]] | None = Field(
        None, description="Tools in OpenAI function format: a JSON file, or the list itself."
    )


class AgentDocument(Resource):
    """An agent config under the gate."""

    kind: Literal["Agent"]
    spec: AgentSpec


@dataclass(frozen=True, slots=True)
class AgentFile:
    """One file that an agent is made of."""

    kind: Literal["agent", "prompt", "tools"]
    path: str
    digest: str


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent config with its files read. A None field stays as recorded."""

    name: str
    labels: dict[str, str]
    files: tuple[AgentFile, ...]
    """The agent file first, then prompt and tools when they are files."""
    model: str | None
    parameters: dict[str, Any] | None
    system: str | None
    tools: tuple[Tool, ...] | None
    document: Document = field(repr=False, compare=False)
    """The file as it was read; it knows where each field stands."""
    template: Literal["jinja", "format"] = "jinja"
    """How the system prompt is filled in."""
    redact_key: ProjectKey | None = field(default=None, repr=False, compare=False)
    """The project's key of the pseudonyms: under it what is asked is redacted as a recording was."""

    @property
    def path(self) -> str:
        """The agent file, relative to the root."""
        return self.files[0].path


def load_agent(root: Path, name: str, redact_key: ProjectKey | None = None) -> Agent:
    """Read an agent file inside `root`, and the prompt and tool files that it names, inside the repository around it.

    Raises:
        InputError: missing, malformed, or outside.
    """
    document = read_document(root, name)
    check_kind(document, ("Agent",))
    spec = (model := validate(document, AgentDocument)).spec
    files = [AgentFile("agent", document.path, digest_bytes(document.data))]
    system: str | None = None
    if isinstance(spec.system, PromptReference):
        file, data = _refer(root, document, "system", spec.system.file)
        files.append(file)
        system = _prompt(data, spec.system, file.path)
    else:
        system = spec.system
    tools: tuple[Tool, ...] | None = None
    if isinstance(spec.tools, FileReference):
        file, data = _refer(root, document, "tools", spec.tools.file)
        files.append(file)
        tools = _tools(parse_json(data, path=file.path), Location(file.path))
    elif spec.tools is not None:
        tools = _tools(cast("JsonValue", spec.tools), document.mark(("spec", "tools")))
    return Agent(
        name=model.metadata.name,
        labels=dict(model.metadata.labels),
        files=tuple(files),
        model=spec.model,
        parameters=spec.parameters,
        system=system,
        tools=tools,
        template=spec.system.template if isinstance(spec.system, PromptReference) else "jinja",
        document=document,
        redact_key=redact_key,
    )


def unstated(name: str) -> Agent:
    """An agent config that states nothing: under it every step asks what was recorded."""
    document = parse_document("{}", name)
    return Agent(name, {}, (AgentFile("agent", name, digest_bytes(document.data)),), None, None, None, None, document)


def referred(document: str, file: str) -> str:
    """The path that a document means by a file that it names; one that begins with `..` leads above the root."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(document), file))


def referred_files(data: bytes, path: str) -> tuple[str, ...]:
    """The files that an agent file names; none where it cannot be read, which is told when it is judged."""
    try:
        spec = parse_document(data, path).value
    except RunbackError:
        return ()
    spec = spec.get("spec") if isinstance(spec, dict) else None
    parts = [spec.get(field) for field in ("system", "tools")] if isinstance(spec, dict) else []
    files = [part.get("file") for part in parts if isinstance(part, dict)]
    return tuple(referred(path, file) for file in files if isinstance(file, str) and file)


def _refer(root: Path, document: Document, kind: Literal["system", "tools"], file: str) -> tuple[AgentFile, bytes]:
    try:
        path, data = read_in_repository(root, referred(document.path, file), MAX_PROMPT_BYTES)
    except InputError as error:
        place = document.mark(("spec", kind, "file"))
        raise DocumentError(f"spec.{kind}.file: {error.message}", hint=error.hint, location=place) from error
    return AgentFile("prompt" if kind == "system" else "tools", path, digest_bytes(data)), data


def _prompt(data: bytes, reference: PromptReference, path: str) -> str:
    if reference.symbol is not None:
        # Imported here: few agents name a constant, and every run would pay for Python's own parser.
        from runback_gate.agent.constants import read_constant  # noqa: PLC0415

        return read_constant(data, reference.symbol, path)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise DocumentError("not UTF-8", hint="save the file as UTF-8", location=Location(path)) from error


def _tools(value: JsonValue, place: Location) -> tuple[Tool, ...]:
    try:
        return tools_from_json(value, "tools")
    except InputError as error:
        raise DocumentError(error.message, hint=error.hint, location=place) from error


def ask(agent: Agent, step: Step) -> Request:
    """The request that `step` asks under `agent`.

    Raises:
        InputError: the prompt is a template that does not fit the variables that were recorded.
    """
    system, tools, level = _system(agent, step), agent.tools, step.source.redaction
    if agent.redact_key is not None and level not in (None, "off"):
        # Imported here: recordings without redaction do not pay for its rules.
        from runback_gate.agent.redaction import redacted_text, redacted_tools, tools_text  # noqa: PLC0415

        system = system and redacted_text(agent.redact_key, level, system)
        tools = tools and redacted_tools(agent.redact_key, level, tools_text(tools))
    stated: dict[str, Any] = {"model": agent.model, "parameters": agent.parameters, "system": system, "tools": tools}
    return dataclasses.replace(step.request, **{key: value for key, value in stated.items() if value is not None})


def _system(agent: Agent, step: Step) -> str | None:
    if agent.system is None or step.variables is None:
        return agent.system
    path = next((file.path for file in agent.files if file.kind == "prompt"), agent.path)
    if agent.template == "format":
        return fill(agent.system, step.variables, path)
    # Imported here: only recordings with variables need it, and every run would pay for it.
    from runback_gate.agent.template import render  # noqa: PLC0415

    return render(agent.system, step.variables, path)
