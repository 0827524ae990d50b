"""The docs are true: commands run as shown, links lead somewhere, examples are valid, quoted errors exist.

A page is run in a folder of its own, from top to bottom. A block with `title="path"` is a file, and is written there. A
console or sh block that begins with `$ ` is a session: a command exits 0 unless `$ echo $?` follows and shows another
code, and what is shown is what it prints. `…` stands for any text within a line, and alone on a line for any lines.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import click
import pytest
from jsonschema import Draft7Validator

from runback_gate.agent import load_agent
from runback_gate.app.schemas import KINDS, shipped_schema
from runback_gate.cel import limits as syntax
from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.cel.inline import inline
from runback_gate.cli import cli
from runback_gate.dataset import document as datasets
from runback_gate.documents import parse_document
from runback_gate.gate.checks import Deciders, compile_checks
from runback_gate.gate.config import load_gate
from runback_gate.gate.waivers import load_waivers
from runback_gate.policy.document import load_policies
from runback_gate.policy.evaluate import compile_policy

pytestmark = pytest.mark.docs

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
LINKING = [*PAGES, *(path for path in sorted(ROOT.glob("[!R]*.md"))), *sorted((ROOT / "examples").rglob("*.md"))]

NOT_RUN = frozenset({"git", "make", "open", "pip"})
"""Programs that pages name and that no test starts: they set up, or need what a test folder does not have."""
IN_DEMO = ("investigate.md",)
"""Guides whose sessions run where the README's do."""
DEMO = ("agents", "datasets", "policies", "runback.yaml")
"""What README.md finds around it: this repository's own gate."""
FOLDERS = {"auditor.md": {"ci": ROOT / "tests" / "specimens" / "v1" / "attestation"}}
"""What a page finds in its folder: here what a workflow signed, since only a workflow can."""

_FENCE = re.compile(r"^(?P<indent> *)```(?P<info>[^\n`]*)\n(?P<body>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
_TITLE = re.compile(r'title="([^"]+)"')
_LINK = re.compile(r"(?<!!)\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^()\s]+)\)")
_HEADING = re.compile(r"^(#{1,6}) +(.+?) *$", re.MULTILINE)
_CODE = re.compile(r"(?<!`)(`+)(?!`)\s?(.+?)\s?(?<!`)\1(?!`)")
_HEREDOC = re.compile(r"<<'?(\w+)'?")

# A command keeps the help option that it first made, so each context must name both.
HELP = ["-h", "--help"]


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: Path
    line: int
    language: str
    title: str
    text: str

    def __str__(self) -> str:
        return f"{name(self.page)}:{self.line}"


@dataclass(frozen=True)
class Command:
    """A command of a session, what it prints and how it exits."""

    line: int
    source: str
    output: tuple[str, ...]
    code: int


def name(page: Path) -> str:
    """The page as a reader names it."""
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order, without their indent."""
    text, found = page.read_text(encoding="utf-8"), []
    for match in _FENCE.finditer(text):
        language, _, info = match["info"].partition(" ")
        title = _TITLE.search(info)
        body = re.sub(f"^{match['indent']}", "", match["body"], flags=re.MULTILINE)
        line = text.count("\n", 0, match.start()) + 1
        found.append(Block(page, line, language, title[1] if title else "", body))
    return found


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def codes(text: str) -> list[str]:
    """What stands between backticks."""
    return [code for _, code in _CODE.findall(text)]


def session(block: Block) -> list[Command]:
    """The commands of a console or sh block that begins with `$ `; none for any other block."""
    lines = block.text.splitlines()
    commands: list[Command] = []
    number = 0
    while number < len(lines) and lines[0].startswith("$ ") and block.language in ("console", "sh"):
        first, source = number, [lines[number].removeprefix("$ ")]
        number += 1
        heredoc = _HEREDOC.search(source[0])
        while source[-1].endswith("\\") or (heredoc and source[-1] != heredoc[1]):
            source.append(lines[number])
            number += 1
        output = []
        while number < len(lines) and not lines[number].startswith("$ "):
            output.append(lines[number].rstrip())
            number += 1
        if source == ["echo $?"]:
            commands[-1] = dataclasses.replace(commands[-1], code=int(output[0]))
        else:
            commands.append(Command(block.line + 1 + first, "\n".join(source), tuple(output), 0))
    return commands


def shown(output: Sequence[str]) -> str:
    """A pattern for what a page shows of an output."""
    pattern = ""
    for line in output:
        pattern += r"(?:.*\n)*?" if line == "…" else "[^\n]*".join(map(re.escape, line.split("…"))) + r"\n"
    return pattern


def rewrite(page: Path, command: Command, printed: str) -> None:
    """Write what was printed into the page; a line that the page shows in part stays, where it still is right."""
    assert "…" not in command.output, f"{name(page)}:{command.line}: lines are left out, write it by hand"
    parts = [line for line in command.output if "…" in line]
    lines = [
        next((part for part in parts if re.fullmatch(shown([part]), f"{line}\n")), line)
        for line in printed.splitlines()
    ]
    text = page.read_text(encoding="utf-8")
    old, new = ("\n".join((*command.source.splitlines(), *output, "")) for output in (command.output, lines))
    assert text.count(old) == 1, f"{name(page)}:{command.line}: cannot be written anew"
    page.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which `runback-gate` is this checkout, on a terminal of 100 columns."""
    folder = tmp_path_factory.mktemp("bin")
    for script, options in (("python", ""), ("runback-gate", " -m runback_gate.cli")):
        (folder / script).write_text(f'#!/bin/sh\nexec "{sys.executable}"{options} "$@"\n', encoding="utf-8")
        (folder / script).chmod(0o755)
    kept = {key: os.environ[key] for key in ("SYSTEMROOT", "TMPDIR") if key in os.environ}
    path = f"{folder}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return {**kept, "PATH": path, "PYTHONPATH": str(ROOT), "HOME": str(folder), "LC_ALL": "C.UTF-8", "COLUMNS": "100"}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_do_what_the_page_shows(page: Path, tmp_path: Path, environment: dict[str, str]) -> None:
    """Every session of a page runs as shown: the same exit codes, the same output."""
    if page.parent == ROOT or page.name in IN_DEMO:
        for item in DEMO:
            copy = shutil.copytree if (ROOT / item).is_dir() else shutil.copy
            copy(ROOT / item, tmp_path / item)
    for folder, source in FOLDERS.get(page.name, {}).items():
        shutil.copytree(source, tmp_path / folder)
    for block in blocks(page):
        if block.title:
            target = tmp_path / block.title
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.text, encoding="utf-8")
        for command in session(block):
            if command.source.split()[0] in NOT_RUN:
                continue
            done = subprocess.run(
                ["sh", "-c", command.source],
                cwd=tmp_path,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=60,
                check=False,
                encoding="utf-8",
            )
            printed = "".join(f"{line.rstrip()}\n" for line in done.stdout.rstrip("\n").splitlines())
            place = f"{name(page)}:{command.line}: $ {command.source}\n{printed}"
            assert done.returncode == command.code, f"{place}exits {done.returncode}, not {command.code}"
            if os.environ.get("RUNBACK_UPDATE_GOLDEN") and not re.fullmatch(shown(command.output), printed):
                rewrite(page, command, printed)
            elif command.output:
                assert re.fullmatch(shown(command.output), printed), f"{place}is not what the page shows"


def test_a_session_is_read_as_it_is_typed() -> None:
    """Commands may go on in the next line or hold a file, and `echo $?` tells the exit code of the one before."""
    text = "$ a \\\n  --b\nsaid\n$ cat <<'EOF'\n$ no command\nEOF\n$ c\n$ echo $?\n2\n"
    assert session(Block(DOCS, 10, "console", "", text)) == [
        Command(11, "a \\\n  --b", ("said",), 0),
        Command(14, "cat <<'EOF'\n$ no command\nEOF", (), 0),
        Command(17, "c", (), 2),
    ]


def test_only_an_ellipsis_leaves_something_out() -> None:
    """What is shown is compared whole; `…` stands for text within a line, or for lines."""
    pattern = shown(("PASS …exit 0", "…", "end"))
    assert re.fullmatch(pattern, "PASS 2 passed  exit 0\nany\nthing\nend\n")
    assert not re.fullmatch(pattern, "PASS 2 passed\nexit 0\nend\n")
    assert not re.fullmatch(pattern, "PASS exit 0\nend\nmore\n")


def test_titles_stand_in_the_text() -> None:
    """The path of every file that a page shows is also in its text, because a rendered block has no title."""
    titled = [block for page in PAGES for block in blocks(page) if block.title]
    assert [str(block) for block in titled if f"`{block.title}`" not in prose(block.page)] == []


def slugs(page: Path) -> set[str]:
    """The anchors of a page, as GitHub makes them of headings."""
    seen: list[str] = []
    for _, heading in _HEADING.findall(prose(page)):
        slug = re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()).replace(" ", "-")
        seen.append(slug if slug not in seen else f"{slug}-{seen.count(slug)}")
    return set(seen)


def links(page: Path) -> Iterator[tuple[str, Path, str]]:
    """The relative links of a page: as written, the path that they lead to, the anchor."""
    for target in _LINK.findall(_CODE.sub("code", prose(page))):
        if not re.match(r"[a-z]+:", target):
            path, _, anchor = target.partition("#")
            yield target, (page.parent / path).resolve() if path else page, anchor


@pytest.mark.parametrize("page", LINKING, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link names a file or folder of the repository, every anchor a heading there."""
    broken = [
        target
        for target, path, anchor in links(page)
        if not path.exists() or not path.is_relative_to(ROOT) or (anchor and anchor not in slugs(path))
    ]
    assert broken == []


def test_every_page_is_reached_from_the_index() -> None:
    """A reader who starts at docs/README.md can get to every page of the docs."""
    reached, waiting = set[Path](), [DOCS / "README.md"]
    while waiting:
        page = waiting.pop()
        reached.add(page)
        waiting += [path for _, path, _ in links(page) if path.suffix == ".md" and path not in reached]
    assert [name(page) for page in PAGES if page not in reached and page.is_relative_to(DOCS)] == []


YAML = [block for page in PAGES for block in blocks(page) if block.language == "yaml"]


@pytest.mark.parametrize("block", YAML, ids=str)
def test_yaml_is_what_the_loaders_take(block: Block, tmp_path: Path) -> None:
    """Every YAML example parses; one with a kind is valid by the shipped schema and by the loader, and compiles."""
    value = parse_document(block.text, str(block)).value
    if not isinstance(value, dict) or "kind" not in value:
        return
    assert list(Draft7Validator(json.loads(shipped_schema(str(value["kind"])))).iter_errors(value)) == []
    (tmp_path / "example.yaml").write_text(block.text, encoding="utf-8")
    engine = CppEngine()
    match value["kind"]:
        case "Gate":
            for pattern in re.findall(r"\w+/\*\.yaml", block.text):
                (tmp_path / pattern).parent.mkdir()
                (tmp_path / pattern.replace("*", "a")).write_text("{}", encoding="utf-8")
            load_gate(tmp_path, "example.yaml")
        case "Agent":
            for file in re.findall(r"{file: ([^}]+)}", block.text):
                (tmp_path / file).write_text("[]", encoding="utf-8")
            load_agent(tmp_path, "example.yaml")
        case "Dataset":
            for case in datasets.load_dataset(tmp_path, "example.yaml").cases:
                compile_checks(case.checks, Deciders(engine))
        case "Policy" | "PolicyTest":
            for policy in load_policies(tmp_path, ["example.yaml"])[0]:
                compile_policy(policy, engine)
        case "Waiver":
            load_waivers(tmp_path, ["example.yaml"])
        case kind:
            pytest.fail(f"no loader is known for {kind}")


# Those of the reference are printed from the checks themselves.
CEL = [block for page in PAGES if page.parent.name != "reference" for block in blocks(page) if block.language == "cel"]


@pytest.mark.parametrize("block", CEL, ids=str)
def test_cel_compiles(block: Block) -> None:
    """Every CEL example of a hand-written page keeps the limits and compiles."""
    for source in block.text.split("\n\n"):
        syntax.check_limits(source)
        CppEngine().compile(inline(source, {"limit": 100}, {}))


def mentioned(page: Path) -> Iterator[str]:
    """Every command line of `runback-gate` that a page writes, in a block or in its text."""
    for block in blocks(page):
        for line in block.text.splitlines():
            if match := re.match(r"(?:\$ |- run: )?(runback-gate .*)", line.strip()):
                yield match[1].partition("  #")[0].partition(" | ")[0].partition(" > ")[0].partition(" || ")[0]
    yield from (code for code in codes(prose(page)) if code.startswith("runback-gate "))


@pytest.mark.parametrize("page", [page for page in LINKING if page.name != "cli.md"], ids=name)
def test_commands_and_options_exist(page: Path) -> None:
    """Every command that a page names exists, and has the options that stand behind it."""
    for line in mentioned(page):
        command: click.Command = cli
        words = shlex.split(line.rstrip("\\"))[1:]
        # What stands behind it is another program's.
        words = words[: words.index("--")] if "--" in words else words
        while words and isinstance(command, click.Group) and not words[0].startswith("-"):
            inner = command.get_command(click.Context(command, help_option_names=HELP), words.pop(0))
            assert inner is not None, line
            command = inner
        known = {
            option
            for item in command.get_params(click.Context(command, help_option_names=HELP))
            for option in item.opts
        }
        given = {word.partition("=")[0] for word in words if word.startswith("-")}
        assert given <= known | {"-", "-h", "--help"}, line


@functools.cache
def messages() -> tuple[re.Pattern[str], ...]:
    """A pattern for every text of the package that could be a message."""
    found = []
    for path in sorted((ROOT / "runback_gate").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            parts = node.values if isinstance(node, ast.JoinedStr) else [node]
            texts = [part.value if isinstance(part, ast.Constant) else None for part in parts]
            if sum(len(text) for text in texts if isinstance(text, str)) >= 8:
                found.append(re.compile("".join(re.escape(text) if isinstance(text, str) else ".+" for text in texts)))
    return tuple(found)


@pytest.mark.parametrize("page", [page for page in PAGES if page.parent.name != "reference"], ids=name)
def test_quoted_errors_exist(page: Path) -> None:
    """Every error that a page quotes in its text, as `error: …`, is a message of the package, and so is its hint."""
    for quote in codes(prose(page)):
        if match := re.fullmatch(r"error: ((?:[\w./-]+(?::\d+:\d+)?: )?)(.*?)(?: \((.*)\))?", quote):
            place, message, hint = match.groups()
            assert any(item.fullmatch(message) or item.fullmatch(place + message) for item in messages()), quote
            assert hint is None or any(item.fullmatch(hint) for item in messages()), quote


def test_every_kind_has_a_model() -> None:
    """Each kind of file that people write is validated by these tests through a model of the package."""
    for place in KINDS.values():
        module, _, kind = place.partition(":")
        assert hasattr(import_module(f"runback_gate.{module}"), kind)
