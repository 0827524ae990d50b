"""`demo`: a made-up support agent whose prompt was changed, and the run in which it paid too much for that.

In: chance, for the salts of the runs; then the folder in which the files lie. Out: the files by path; the page, which
opens on the step that broke.

    demo_files(os.urandom)["runs/refund.jsonl"]
    demo_page(Path(), note=print)

All of it works without a model: the answers that another prompt would get are next to it, in `answers/`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from runback_gate.app.policies import policies_of
from runback_gate.app.replay import Edit, edited
from runback_gate.app.samples import IGNORED, TOOLS
from runback_gate.app.start import start_files
from runback_gate.app.view import Around, view_run
from runback_gate.canonical import canonical_bytes, digest
from runback_gate.capture.runs import write_run
from runback_gate.documents.folders import entries
from runback_gate.documents.named_files import write_file
from runback_gate.errors import InputError, Location
from runback_gate.replay.cache import answer_entry, answer_name, request_name
from runback_gate.step import Message, Request, Response, Run, Source, Step, ToolCall, Usage, to_json, tools_from_json
from runback_gate.store.folder import Note, load_run

RUN, BEFORE = "refund", "refund-before"
BROKE = 2
"""The step that broke, from 0."""
PAGE = ".runback/demo.html"
_CAREFUL = """\
You are the support agent of a small shop.
Refund up to 100 dollars yourself. A disputed charge goes to a specialist: call escalate.
"""
_EAGER = """\
You are the support agent of a small shop.
Refund up to 100 dollars yourself. A disputed charge goes to a specialist: call escalate.
Keep customers happy: give the money back when a customer asks for it.
"""
_SAID = "That was quick, thanks. There is another charge of $250 on my card, order P-1042. I never bought this!"
_PAYS = ToolCall("call_2", "issue_refund", '{"amount": 250}')
_ASKS = ToolCall("call_2", "escalate", '{"reason": "dispute"}')
NEXT = (
    ("Ask again with the careful prompt; the answer is shipped, no key is needed.",
     f"runback-gate replay {RUN} STEP --system prompts/careful.md --cache answers"),
    ("Keep the step as a test.",
     f"runback-gate dataset add {RUN} STEP --dataset datasets/support.yaml --check toolCalled=escalate"),
    ("Judge every case: the one that you kept is red.", "runback-gate run"),
    ("Put the careful prompt in place, and judge again: green.",
     "cp prompts/careful.md agents/support.md && runback-gate run --cache answers"),
)  # fmt: skip
"""What can be done next, and the command for it; `STEP` stands for the number of a step."""


def demo_files(random: Callable[[int], bytes]) -> dict[str, bytes]:
    """The files of the demo by path; `random(n)` gives n bytes."""
    now, before = _run(RUN, _EAGER, _PAYS), _run(BEFORE, _CAREFUL, _ASKS)
    small = Run(RUN, now.agent, now.steps[1:2])
    files = {
        ".gitignore": IGNORED.encode(),
        **start_files([small], sample=True),
        "agents/support.md": _EAGER.encode(),
        "prompts/careful.md": _CAREFUL.encode(),
        f"runs/{BEFORE}.jsonl": write_run(before, random),
        f"runs/{RUN}.jsonl": write_run(now, random),
    }
    for index, answer in ((1, now.steps[1].response), (BROKE, before.steps[BROKE].response)):
        asked = edited(now.steps[index], Edit(system=_CAREFUL))
        name = digest(to_json(asked))
        files[f"answers/{request_name(name)}"] = canonical_bytes(to_json(asked))
        files[f"answers/{answer_name(name, 0)}"] = answer_entry(name, 0, answer)
    return files


def write_demo(root: Path, random: Callable[[int], bytes], *, note: Note) -> None:
    """Write the files and the page into an empty folder, where only a repository may be.

    Raises:
        InputError: something else is in the folder.
        WriteError: a file cannot be written.
    """
    if found := next((item for item in entries(root) if item.name != ".git"), None):
        hint = "the demo needs an empty folder: mkdir demo && cd demo"
        raise InputError("is in the way", hint=hint, location=Location(found.as_posix()))
    for name, data in demo_files(random).items():
        write_file(root / name, data)
    write_file(root / PAGE, demo_page(root, note=note).encode())


def demo_lines(*, opened: bool) -> Iterator[str]:
    """What was written, and what to do with it."""
    yield f"runs/{RUN}.jsonl   4 steps; a rule refuses step {BROKE}: the agent paid 250 where 100 is the limit"
    yield f"{PAGE}   {'opened in the browser' if opened else 'open it in a browser'}; keys: j k e c r ?"
    yield "\nnext:"
    for text, command in NEXT:
        yield f"  {text}\n    {command.replace('STEP', str(BROKE))}"


def demo_page(root: Path, *, note: Note) -> str:
    """The page of the run, made of the files that lie in `root`.

    Raises:
        InputError: they are not there, or were changed.
    """
    now, before = (load_run(root / "runs" / f"{name}.jsonl", note=note) for name in (RUN, BEFORE))
    return view_run(now, policies_of(root), before, Around(next=NEXT, keys=True))


def _run(name: str, prompt: str, decision: ToolCall) -> Run:
    """Four steps of one conversation: a greeting, a small refund, the disputed charge, and what the agent says then."""
    tools = tools_from_json(json.loads(TOOLS), "tools")
    small = ToolCall("call_1", "issue_refund", '{"amount": 12}')
    paid = decision.name == "issue_refund"
    done = '{"refunded": 250}' if paid else '{"ticket": "T-77"}'
    last = "I have sent your $250 back." if paid else "A specialist will call you about this charge today."
    answers = (
        Response("Hello! What can I do for you?"),
        Response("", (small,)),
        Response("", (decision,)),
        Response(last),
    )
    results = (
        (Message("user", "My mug, order P-1038, arrived broken. It cost $12."),),
        (Message("tool", '{"refunded": 12}', tool_call_id="call_1", name="issue_refund"), Message("user", _SAID)),
        (Message("tool", done, tool_call_id="call_2", name=decision.name),),
    )  # fmt: skip
    talk: tuple[Message, ...] = (Message("user", "Hello"),)
    steps: list[Step] = []
    for index, answer in enumerate(answers):
        request = Request("openai/gpt-4o-2024-08-06", prompt, talk, tools, {"temperature": 0})
        usage = Usage(input_tokens=190 + 40 * index + len(prompt) // 4, output_tokens=18)
        ended = "tool_calls" if answer.tool_calls else "stop"
        said = replace(answer, finish_reason=ended, latency_ms=640 + 90 * index, usage=usage)
        steps.append(Step("support", request, said, Source(name, index, "exact", at=f"2026-11-23T07:40:1{index}Z")))
        if index < len(results):
            talk = (*talk, Message("assistant", answer.text, answer.tool_calls), *results[index])
    return Run(name, "support", tuple(steps), at="2026-11-23T07:40:10Z", status="ok", redaction={"level": "standard"})
