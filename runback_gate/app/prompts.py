"""Where the prompt of a recorded agent lies: a file, a constant of a Python file, or a template of it.

In: the folder of a gate, and runs of one agent. Out: a `Prompt`, which the agent file names, or a copy. The whole
repository around the folder is searched.

    prompt = find_prompt(Path(), runs, key)
    prompt.file, prompt.symbol, prompt.template         # ("app/prompts.py", "SYSTEM", "format")
    prompt.asked(step)                                  # the step, with the variables that the template needs

An agent file that names a copy would stay green whatever becomes of the text that the application loads, so a copy is
the last choice: first what holds the prompt to the byte, then what gives it once its places are filled in, then the
template that the recorder noted, then one that is made of what varies between steps.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final, Literal

from runback_gate.agent.constants import constants
from runback_gate.agent.placeholders import Pieces, fill, fit, jinja_pieces, pieces, propose, written
from runback_gate.agent.redaction import redacted_text
from runback_gate.agent.template import render
from runback_gate.app.paths import slug
from runback_gate.documents import is_text, same_files
from runback_gate.documents.files import files_below, safe_read
from runback_gate.documents.repository import folder_in_repository, from_top, repository_top
from runback_gate.errors import RunbackError
from runback_gate.frozen import dataclass
from runback_gate.redact import ProjectKey
from runback_gate.redact.pseudonym import PSEUDONYM
from runback_gate.step import Run, Step

MAX_FILE: Final = 256 << 10
MAX_READ: Final = 64 << 20
"""Bytes of a file, and of all files, that are searched for templates and constants."""
_WORDS: Final = 8

Redact = Callable[[str], str]
Syntax = Literal["jinja", "format"]


@dataclass(frozen=True, slots=True)
class Prompt:
    """The text that the system prompts of an agent come from."""

    text: str
    file: str | None = None
    """From the folder of the gate, `../…` above it; None for a text that no file holds."""
    symbol: str | None = None
    """Name of the constant in the file."""
    template: Syntax | None = None
    """How it is filled in; None for a text that is the prompt as it stands."""
    others: tuple[str, ...] = ()
    """Other places that hold it."""
    redact: Redact | None = None
    """What the recorder did to what was sent, where that can be done again."""

    @property
    def place(self) -> str:
        """`app/prompts.py` or `SYSTEM in app/prompts.py`."""
        return f"{self.symbol} in {self.file}" if self.symbol else str(self.file)

    def asked(self, step: Step) -> Step | None:
        """The step with the variables that make its prompt of this one; None where nothing does."""
        system, text = step.request.system, self.redact(self.text) if self.redact else self.text
        if system is None or self.template is None:
            return step if system == text else None
        if step.variables is not None and _filled(text, step, self.template) == system:
            return step
        found = pieces(text) if self.template == "format" else jinja_pieces(text)
        values = None if found is None else fit(found, system)
        return None if values is None else replace(step, variables=dict(values))


def _filled(text: str, step: Step, template: Syntax) -> str | None:
    try:
        return (fill if template == "format" else render)(text, step.variables or {}, "")
    except RunbackError:
        return None


def find_prompt(root: Path, runs: Sequence[Run], key: ProjectKey | None = None) -> Prompt | None:
    """The prompt of the runs of an agent, from the best place that has it; None where none was recorded.

    Args:
        root: folder of the gate; the files of the repository around it are searched.
        runs: of one agent; its last step says what is looked for.
        key: the project's key of the pseudonyms, with which texts are redacted as the prompt was.
    """
    steps = [step for run in runs for step in run.steps]
    step = steps[-1] if steps else None
    system = step.request.system if step else None
    if step is None or system is None:
        return None
    redact = _redaction(step, key)
    if system.strip() and is_text(system):
        folder = folder_in_repository(root)
        ours = from_top(folder, f"agents/{slug(runs[-1].agent)}.md")
        top = repository_top(root)
        found = [Prompt(system, name) for name in same_files(top, system.encode()) if name != ours]
        found = found or list(_searched(top, step, ours, redact))
        found = [replace(prompt, file=posixpath.relpath(f"/{prompt.file}", f"/{folder}")) for prompt in found]
        found.sort(key=lambda prompt: (prompt.template is not None, len(prompt.file or ""), prompt.file, prompt.symbol))
        if found:
            return replace(found[0], others=tuple(prompt.place for prompt in found[1:]))
    return _noted(runs, step) or _proposed(steps) or Prompt(system)


def _redaction(step: Step, key: ProjectKey | None) -> Redact | None:
    """What the recorder did to a prompt; None where it did nothing, or it cannot be done again."""
    level = step.source.redaction
    if key is None or level in (None, "off") or not PSEUDONYM.search(step.request.system or ""):
        return None
    return partial(redacted_text, key, level)


def _searched(root: Path, step: Step, ours: str, redact: Redact | None) -> Iterator[Prompt]:
    """Constants that are the prompt of a step, and files and constants that are a template of it."""
    system = step.request.system or ""
    words = sorted(set(re.findall(r"\w{4,}", system)), key=len, reverse=True)[:_WORDS]
    left = MAX_READ
    for name in files_below(root):
        try:
            size = (root / name).stat().st_size
            if name == ours or not 0 < size <= MAX_FILE or size > left:
                continue
            data, left = safe_read(root, name, MAX_FILE), left - size
            text = data.decode()
        except (OSError, UnicodeDecodeError, RunbackError):
            continue
        if 2 * sum(word in text for word in words) < len(words):
            continue
        held = constants(data) if name.endswith(".py") else ((None, text),)
        for symbol, each in held:
            for template in (None, "format", "jinja"):
                prompt = Prompt(each, name, symbol, template, redact=redact)
                if _mostly_text(each, system, template) and prompt.asked(step):
                    yield prompt
                    break


def _mostly_text(text: str, system: str, template: Syntax | None) -> bool:
    """Whether a template says most of a prompt itself: one that is all places gives any prompt."""
    if template is None:
        return True
    found: Pieces | None = pieces(text) if template == "format" else jinja_pieces(text)
    return found is None or 2 * sum(len(part) for part, _ in found) >= len(system)


def _noted(runs: Sequence[Run], step: Step) -> Prompt | None:
    """The template that the recorder was told of with the prompt."""
    for note in (note for run in reversed(runs) for note in reversed(run.notes) if note.kind == "prompt"):
        text = note.value.get("template")
        if isinstance(text, str) and Prompt(text, template="format").asked(step):
            return Prompt(text, template="format")
    return None


def _proposed(steps: Sequence[Step]) -> Prompt | None:
    """A template of what stays the same in the prompts of all steps."""
    texts = dict.fromkeys(step.request.system for step in steps if step.request.system)
    found = propose(list(islice(texts, 1000)))
    return None if found is None else Prompt(written(found), template="format")
