"""Rewriting an expression for the engine that judges, without changing what it says.

In: CEL over `engine.ROOTS`. Out: CEL that cel-cpp evaluates faster, or the same text.

    optimize('response.text.matches("a+")')           # 'response.text.search_("a+")': the pattern is compiled once
    optimize('size(calls(response, "pay")) > 0')      # 'size(response.tool_calls.filter(c_, c_.name == "pay")) > 0'

The second engine evaluates the text as it was written, so every policy test holds the two against each other.
"""

from __future__ import annotations

from collections.abc import Iterator

from runback_gate.cel.limits import Node, parse, walk

SEARCH = "search_"
"""What stands for `matches` with a literal pattern. Not a name that `lint` lets a policy use."""
_LOOP = "c_"


def optimize(source: str) -> str:
    """The faster text of an expression that parses."""
    edits = sorted(_edits(source, parse(source)), reverse=True)
    for start, end, text in edits:
        source = source[:start] + text + source[end:]
    return source


def _edits(source: str, node: Node) -> Iterator[tuple[int, int, str]]:
    for part, _ in walk(node):
        if part.kind != "call" or len(part.children) != 2 or part.children[1].kind != "literal":
            continue
        target, word = part.children
        if part.name == "matches" and part.method and word.name == "string":
            yield part.at, part.at + len("matches"), SEARCH
        elif part.name == "calls" and target.kind == "ident" and target.name in ("response", "baseline"):
            name = source[word.start : word.end]
            if word.name == "string":
                yield part.start, part.end, f"{target.name}.tool_calls.filter({_LOOP}, {_LOOP}.name == {name})"
