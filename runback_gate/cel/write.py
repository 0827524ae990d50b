"""A tree as CEL text that both engines read alike.

In: a `Node`, as `parser.read` or a rewriting made it. Out: its text, how deep an engine has to go to read it, and for
each place of the text the offset in the source that the tree was read from.

    written = write(read("a  +  (b * 'x')"))
    written.text            # 'a + b * "x"'
    written.origin(4)       # 7: where `b` stands in the source
"""

from __future__ import annotations

from bisect import bisect_right

from runback_gate.cel.literal import literal
from runback_gate.cel.parser import LOGICAL, PRECEDENCE, Node
from runback_gate.frozen import dataclass

_CONDITIONAL, _UNARY, _MEMBER = 0, 6, 7


@dataclass(frozen=True, slots=True)
class Written:
    """The text of a tree."""

    text: str
    depth: int
    """Levels of the text; parentheses count."""
    origins: tuple[tuple[int, int], ...]
    """Offsets in the text, ascending, each with the offset in the source that it comes from."""

    def origin(self, offset: int) -> int:
        """The offset in the source of what stands at an offset of the text."""
        index = bisect_right(self.origins, offset, key=lambda pair: pair[0])
        return self.origins[max(index - 1, 0)][1]


def write(node: Node) -> Written:
    """The text of a tree; reading it gives the same tree with other offsets."""
    writer = _Writer()
    depth = writer.node(node, _CONDITIONAL)
    return Written("".join(writer.pieces), depth, tuple(writer.origins))


class _Writer:
    """One call of `write`. Its methods return the levels of what they wrote."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.length = 0
        self.origins: list[tuple[int, int]] = []

    def put(self, text: str, origin: int | None = None) -> None:
        if origin is not None:
            self.origins.append((self.length, origin))
        self.pieces.append(text)
        self.length += len(text)

    def node(self, node: Node, level: int) -> int:
        """Write a node where only operators that bind at least as tightly as `level` may stand bare."""
        if _level(node) < level:
            self.put("(", node.start)
            depth = self.bare(node) + 1
            self.put(")")
            return depth
        return self.bare(node)

    def bare(self, node: Node) -> int:
        match node.kind:
            case "literal":
                self.put(f"{node.value}u" if node.name == "uint" else literal(node.value), node.start)
                return 1
            case "ident":
                self.put(node.name, node.start)
                return 1
            case "unary":
                self.put(node.name, node.start)
                return self.node(node.children[0], _MEMBER) + 1
            case "binary":
                return self.binary(node)
            case "conditional":
                return self.conditional(node)
            case "list":
                return self.items("[", node.children, "]", node.start)
            case "map":
                return self.entries(node)
            case _:
                return self.member(node)

    def binary(self, node: Node) -> int:
        level = PRECEDENCE[node.name]
        depth = self.node(node.children[0], level + (node.name in LOGICAL))
        for child in node.children[1:]:
            self.put(" ")
            self.put(node.name, node.at)
            self.put(" ")
            depth = max(depth, self.node(child, level + 1))
        return depth + 1

    def conditional(self, node: Node) -> int:
        condition, then, otherwise = node.children
        depth = self.node(condition, 1)
        self.put(" ")
        self.put("? ", node.at)
        depth = max(depth, self.node(then, 1))
        self.put(" : ")
        return max(depth, self.node(otherwise, _CONDITIONAL)) + 1

    def member(self, node: Node) -> int:
        """A selection, an index, a call or a macro."""
        if node.name == "has" and node.kind == "macro":
            return self.items("has(", node.children, ")", node.start)
        if node.kind == "macro" and node.name == "bind":
            self.put(f"cel.bind({node.variable}, ", node.start)
            return self.items("", node.children, ")") + 1
        if node.kind == "call" and not node.method:
            return self.items(f"{node.name}(", node.children, ")", node.start)
        depth = self.node(node.children[0], _MEMBER)
        if node.kind == "index":
            return max(depth, self.items("[", node.children[1:], "]", node.at)) + 1
        self.put(f".{node.name}", node.at)
        if node.kind == "select":
            return depth + 1
        opening = f"({node.variable}, " if node.variable else "("
        return max(depth, self.items(opening, node.children[1:], ")")) + 1

    def items(self, opening: str, children: tuple[Node, ...], closing: str, origin: int | None = None) -> int:
        self.put(opening, origin)
        depth = 0
        for index, child in enumerate(children):
            self.put(", " if index else "")
            depth = max(depth, self.node(child, _CONDITIONAL))
        self.put(closing)
        return depth + 1

    def entries(self, node: Node) -> int:
        self.put("{", node.start)
        depth = 0
        for index, child in enumerate(node.children):
            self.put("" if not index else ": " if index % 2 else ", ")
            depth = max(depth, self.node(child, _CONDITIONAL))
        self.put("}")
        return depth + 1


def _level(node: Node) -> int:
    """How tightly the outermost operator of a node binds."""
    if node.kind == "binary":
        return PRECEDENCE[node.name]
    if node.kind == "literal":
        # `100.f()` reads as a malformed number; a negative one brings its parentheses.
        return _UNARY if node.name in ("int", "uint", "double") and not literal(node.value).startswith("(") else _MEMBER
    return {"conditional": _CONDITIONAL, "unary": _UNARY}.get(node.kind, _MEMBER)
