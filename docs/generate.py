"""Write the generated parts of the docs, or check that they are current.

python docs/generate.py             # write docs/reference, the shipped schemas, the marked parts of README.md
python docs/generate.py --check     # exit 1 when one of them differs
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from runback_gate.app.schemas import KINDS, current_schema
from runback_gate.cel.functions import FUNCTIONS
from runback_gate.cel.json_numbers import FORMATS
from runback_gate.cel.macros import OURS
from runback_gate.cli import EXIT_CODES, cli
from runback_gate.dataset.checks import Check
from runback_gate.documents import parse_document

ROOT = Path(__file__).resolve().parent.parent
NOTE = "<!-- Made by docs/generate.py; edit the code, then run `make docs`. -->\n"
FORMS = ROOT / "tests" / "interop" / "kubernetes"
MARK = re.compile(r"(<!-- begin: (?P<name>[a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)

EXAMPLES: dict[str, Any] = {
    "toolCalled": {"name": "escalate", "arguments": {"reason": "dispute"}},
    "toolNotCalled": "issue_refund",
    "contains": "specialist",
    "notContains": "4111",
    "matches": "order [A-Z]-[0-9]+",
    "equals": "Done.",
    "jsonSchema": {"type": "object", "required": ["status"]},
    "finishReason": "stop",
    "noError": True,
    "maxTokens": 800,
    "maxLatencyMs": 2000,
    "maxCostUsd": "0.01",
    "argument": {"tool": "issue_refund", "path": "amount", "op": "<=", "value": 100},
    "cel": "size(response.tool_calls) == 1",
    "judge": {
        "model": "openai/gpt-4o-2024-08-06",
        "rubric": "Says sorry once, promises no money.",
        "criteria": [{"name": "apology"}, {"name": "no promise", "weight": 2}],
        "samples": 3,
        "threshold": 70,
    },
}

WITHOUT_CEL = {
    "jsonSchema": [
        "The text is JSON that keeps the schema (draft 2020-12; patterns on RE2). Numbers are compared as decimals:",
        f"4.02 is a `multipleOf: 0.01`. `format` is checked for {', '.join(FORMATS)}; any other format is an error.",
    ],
    "judge": [
        "The judge gives each criterion 0 to 10 points. The check holds if most samples reach the threshold, in per",
        "cent of all points by weight. See [judged by a model](../guides/live.md#judged-by-a-model). A [rule of a",
        "policy](../guides/policies.md#rules-that-a-judge-model-decides) may have the same rubric, for all answers.",
    ],
}


def commands(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    """Every command below `command`, with the words that call it."""
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None:
                yield from commands(inner, f"{path} {name}")


def help_text(path: str, command: click.Command) -> str:
    """The help of a command as a terminal of 100 columns shows it."""
    context = click.Context(command, info_name=path, terminal_width=100, max_content_width=100)
    return command.get_help(context).rstrip()


def cli_page() -> str:
    """docs/reference/cli.md"""
    parts = [f"# Commands\n\n{NOTE}\n{EXIT_CODES}\n"]
    for path, command in commands(cli, "runback-gate"):
        parts.append(f"## `{path}`\n\n```text\n{help_text(path, command)}\n```\n")
    return "\n".join(parts)


def checks_page() -> str:
    """docs/reference/checks.md"""
    lines = [
        "# Checks",
        "",
        NOTE,
        "Each entry of `checks:` in a dataset has exactly one of these fields. All but `jsonSchema` and `judge` are",
        "CEL expressions over the answer; a check that cannot be evaluated, such as `maxTokens` where usage is",
        "unknown, leaves the row undecided.",
        "",
    ]
    for name, field in Check.model_fields.items():
        check = Check.model_validate({name: EXAMPLES[name]})
        lines += [
            f"## `{name}`",
            "",
            str(field.description),
            "",
            "```yaml",
            f"- {name}: {_flow(EXAMPLES[name])}",
            "```",
            "",
        ]
        source = check.expression
        lines += [*WITHOUT_CEL[name], ""] if source is None else []
        lines += ["```cel", source, "```", ""] if source is not None else []
    return "\n".join(lines)


def functions_page() -> str:
    """docs/reference/functions.md"""
    lines = [
        "# Functions of Runback gate in CEL",
        "",
        NOTE,
        "The same in both engines, as `f(x, …)` and as `x.f(…)`. Wrong types are evaluation errors.",
        "",
    ]
    for function in FUNCTIONS:
        text = " ".join((function.implementation.__doc__ or "").split())
        lines += [f"## `{function.name}`", "", text, "", "```text"]
        lines += [f"{function.name}({', '.join(kinds)}) -> {function.result}" for kinds in function.overloads]
        lines += ["```", ""]
    lines += [
        "## Loops",
        "",
        "Methods of a list, with a name for the element and a condition. The condition is evaluated",
    ]
    lines += ["for every element; one that is no boolean is an error, and so is an error in it.", ""]
    for name, (kind, text) in OURS.items():
        lines += [f"### `{name}`", "", text, "", "```text", f"list.{name}(x, bool) -> {kind}", "```", ""]
    return "\n".join(lines)


KUBERNETES = """\
# Beside a ValidatingAdmissionPolicy

{note}
A policy has the shape of a Kubernetes ValidatingAdmissionPolicy. This page is for people who know one: what you know,
what it is here, and what differs.

It is printed from a table of {all} forms of policies. Each was asked of Kubernetes' own compiler, validator and type
checker (`k8s.io/apiserver` {version}) and of Runback gate, and the tests ask again. {same} give the same on both sides.
Where a rule holds here and the sides differ, Kubernetes does not let anybody create it: nothing turns green on the way.
`object` is the object that is admitted; here it stands for the arguments of a call, `response.tool_calls[0].arguments`,
and under [type checking](#type-checking) for `response`.

| what you know | what it is here | what differs |
|---|---|---|
{topics}

These words say what came out:

| word | Kubernetes | Runback gate |
|---|---|---|
| holds | admits | the rule passes |
| fails | denies | the rule fails, and the row is red |
| error | denies, since `failurePolicy` is `Fail` | the row is undecided, and not green |
| ignored | admits, since `failurePolicy` is `Ignore` | the rule warns |
| skipped | a match condition is false | the same |
| refused | the policy cannot be created | the policy cannot be read: exit code 2 |
| clean, warned | `status.typeChecking` of the policy | `policy lint` |
"""


def kubernetes_page() -> str:
    """docs/reference/kubernetes.md"""
    files = sorted((FORMS / "forms").iterdir())
    topics: list[Any] = [parse_document(path.read_bytes(), path.name).value for path in files]
    rows = [row for topic in topics for row in topic["forms"]]
    table = [f"| {topic['know']} | {topic['here']} | {topic['differs'] or 'nothing'} |" for topic in topics]
    version = re.search(r"^\s*k8s\.io/apiserver (\S+)", (FORMS / "go.mod").read_text(), re.MULTILINE)
    same = sum("why" not in row for row in rows)
    numbers = {"all": len(rows), "same": same, "version": version and version[1]}
    parts = [KUBERNETES.format(note=NOTE, topics="\n".join(table).replace("||", "\\|\\|"), **numbers)]
    for topic in topics:
        parts.append(f"## {topic['topic']}\n")
        differ = [_difference(row) for row in topic["forms"] if "why" in row]
        if differ:
            head = "| form | Kubernetes | here | why, or what to write |\n|---|---|---|---|\n"
            parts.append(f"{head}{chr(10).join(differ)}\n")
        alike = [f"- {row['form']}{_code(row)}: {_said(row, 'both')}" for row in topic["forms"] if "why" not in row]
        parts.append("The same on both sides:\n\n{}\n".format("\n".join(alike)))
    return "\n".join(parts)


def _difference(row: dict[str, Any]) -> str:
    cells = (row["form"] + _code(row), _said(row, "kubernetes"), _said(row, "here"), row["why"])
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _code(row: dict[str, Any]) -> str:
    """The expression of a form that is one rule, as code."""
    return f": `{row['rule']}`" if "rule" in row else ""


def _said(row: dict[str, Any], side: str) -> str:
    """What a side says, with its message where the form is about messages."""
    words: Any = row.get(side, row.get("both"))
    text = row.get("says", {}).get(side, row.get("says", {}).get("both"))
    said = words if isinstance(words, str) else ", then ".join(words)
    return said if text is None else f"{said}, \u201c{text}\u201d"


def files_page() -> str:
    """docs/reference/files.md"""
    lines = [
        "# Files that people write",
        "",
        NOTE,
        "All carry `apiVersion: runback.dev/v1`. `runback-gate schema KIND` prints the JSON Schema (draft-07) that",
        "editors use.",
        "",
    ]
    for kind in KINDS:
        schema = json.loads(current_schema(kind))
        lines += [f"## {kind}", "", schema.get("description", ""), ""]
        if kind != "Report":
            lines += ["| field | type | meaning |", "|---|---|---|", *_rows(schema, schema, "", set()), ""]
    return "\n".join(lines)


def _rows(schema: dict[str, Any], node: dict[str, Any], path: str, seen: set[str]) -> Iterator[str]:
    node = _resolve(schema, node)
    for name, field in node.get("properties", {}).items():
        if path == "" and name in ("apiVersion", "kind"):
            continue
        where = f"{path}.{name}" if path else name
        required = " (required)" if name in node.get("required", []) else ""
        meaning = str(field.get("description", "")).replace("|", "\\|")
        yield f"| `{where}`{required} | {_type(schema, field)} | {meaning} |"
        for inner, many in _inner(schema, field):
            key = f"{where}:{id(inner)}"
            if key not in seen:
                yield from _rows(schema, inner, f"{where}{many}", {*seen, key})


def _resolve(schema: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    if "allOf" in node and len(node["allOf"]) == 1:
        node = node["allOf"][0]
    reference = node.get("$ref")
    return schema["definitions"][reference.rpartition("/")[2]] if reference else node


def _inner(schema: dict[str, Any], field: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    for choice in [field, *field.get("anyOf", [])]:
        for item, many in ((choice, ""), (choice.get("items"), "[]"), (choice.get("additionalProperties"), ".NAME")):
            found = _resolve(schema, item) if isinstance(item, dict) else {}
            if "properties" in found:
                yield found, many


def _type(schema: dict[str, Any], field: dict[str, Any]) -> str:
    choices = field.get("anyOf") or [field]
    words = []
    for choice in choices:
        found = _resolve(schema, choice)
        if "const" in found:
            words.append(f"`{found['const']}`")
        elif "enum" in found:
            words.append(" or ".join(f"`{word}`" for word in found["enum"]))
        elif found.get("type") == "array":
            words.append(f"list of {_type(schema, found.get('items') or {})}")
        elif found.get("type") != "null":
            words.append(str(found.get("type", "any")))
    return " or ".join(dict.fromkeys(words))


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return f"'{value}'" if isinstance(value, str) and re.search(r"[^A-Za-z_ -]", value) else str(value)


def pages() -> dict[Path, str]:
    """Every generated file with what it should hold."""
    reference = ROOT / "docs" / "reference"
    found = {
        reference / "cli.md": cli_page(),
        reference / "checks.md": checks_page(),
        reference / "functions.md": functions_page(),
        reference / "files.md": files_page(),
        reference / "kubernetes.md": kubernetes_page(),
    }
    blocks = {"help": f"```text\n{help_text('runback-gate', cli)}\n```\n"}
    for kind in KINDS:
        found[ROOT / "runback_gate" / "schemas" / f"{kind.lower()}.json"] = current_schema(kind)
    readme = ROOT / "README.md"
    found[readme] = MARK.sub(lambda match: match[1] + blocks[match["name"]] + match[3], readme.read_text())
    return found


def main() -> int:
    """Write, or with --check compare."""
    stale = [path for path, text in pages().items() if not path.exists() or path.read_text() != text]
    if "--check" in sys.argv:
        for path in stale:
            print(f"{path.relative_to(ROOT)}: not what docs/generate.py makes; run `make docs`", file=sys.stderr)
        return 1 if stale else 0
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(pages()[path])
    return 0


if __name__ == "__main__":
    sys.exit(main())
