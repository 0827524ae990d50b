"""Rewriting a tree for the engine that judges, without changing what it says.

In: a tree over `environment.ROOTS`. Out: a tree that cel-cpp evaluates faster, in one order and without leaking memory.

    calls(response, "pay")       response.tool_calls.filter(c_, c_.name == "pay"): no step into Python
    text.matches("a+")           search_([text, "a+"]): the pattern is compiled once, and its work is bounded
    mentions(text, "a")          mentions_([text, "a"]): the binding leaks what it hands to Python, so that is one box,
                                 which the function empties
    int(text)                    int(text, or a text that no conversion takes): cel-cpp reads more than CEL (`spelling`)
    items.before(x, p)           items.slice(0, …): the macros that CEL does not have, in its own words (`macros`)
    args.map(k, k)               over the sorted keys where `args` is a map: cel-cpp has another order in each process

The second engine evaluates the tree as it was, so every policy test holds the two against each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from runback_gate.cel.environment import MESSAGES, ROOT_TYPES
from runback_gate.cel.functions import FUNCTIONS
from runback_gate.cel.inline import with_children
from runback_gate.cel.macros import expand
from runback_gate.cel.parser import BIND, Kind, Node
from runback_gate.cel.spelling import SPELLINGS, position, takes

SEARCH = "search_"
"""What stands for `matches`. Not a name that a policy may use."""
_BOXED = {"matches": SEARCH, **{function.name: f"{function.name}_" for function in FUNCTIONS}}
OURS = frozenset(_BOXED.values())
"""The functions that run in Python."""
_LOOP, _RANGE, _KEY = "c_", "r_", "k_"
_LIST = "list of "
_NO_SPELLING = "?"
_NO_TEXT = frozenset((*SPELLINGS, "size"))
"""Functions that never give text."""
_ORDER = ("bool", "int", "uint", "string")


def optimize(node: Node, scope: Mapping[str, str] = ROOT_TYPES) -> Node:
    """The tree that cel-cpp evaluates; `scope` holds the types of the names that are known."""
    children = [optimize(child, inner_scope(node, index, scope)) for index, child in enumerate(node.children)]
    if node.variable and node.name != BIND and not shape(node.children[0], scope).startswith(_LIST):
        children[0] = _sorted(children[0])
    if node.kind == "call" and node.name in SPELLINGS and len(children) > position(node.name):
        children[position(node.name)] = _spelled(node.name, children[position(node.name)])
    node = expand(with_children(node, children))
    if node.kind != "call" or node.name not in _BOXED:
        return node
    if node.name == "calls" and _is_answer(node):
        return _calls(node)
    box = _node("list", node, *node.children)
    return replace(node, name=_BOXED[node.name], children=(box,), method=False, depth=box.depth + 1)


def ordered(node: Node) -> Node:
    """The tree with the sorted keys in place of each constant map that a loop goes over."""
    children = list(map(ordered, node.children))
    if node.variable and node.name != BIND and _is_constant_map(children[0]):
        keys = sorted(children[0].children[::2], key=lambda key: (_ORDER.index(key.name), key.value))
        children[0] = _node("list", children[0], *keys)
    return with_children(node, children)


def shape(node: Node, scope: Mapping[str, str]) -> str:
    """The type of a node in the words of `environment`; `dyn` where it is only known at run time."""
    match node.kind, node.name:
        case "ident", name:
            return scope.get(name, "dyn")
        case "select", name:
            return MESSAGES.get(shape(node.children[0], scope), {}).get(name, "dyn")
        case "index", _:
            held, key = shape(node.children[0], scope), node.children[1].value
            return MESSAGES[held].get(str(key), "dyn") if held in MESSAGES else _element(held)
        case "call", "calls":
            return "list of ToolCall"
        case "macro", ("filter" | "before" | "after"):
            held = shape(node.children[0], scope)
            return held if held.startswith(_LIST) else "list of dyn"
        case ("macro", "map") | ("list", _):
            return "list of dyn"
        case "macro", "bind":
            return shape(node.children[1], inner_scope(node, 1, scope))
    return "dyn"


def _element(held: str) -> str:
    return held.removeprefix(_LIST) if held.startswith(_LIST) else "dyn"


def inner_scope(node: Node, index: int, scope: Mapping[str, str]) -> Mapping[str, str]:
    """The types of the names at a child of a node."""
    if not node.variable or index != 1:
        return scope
    held = shape(node.children[0], scope)
    return {**scope, node.variable: held if node.name == BIND else _element(held)}


def _is_constant_map(node: Node) -> bool:
    return node.kind == "map" and all(key.kind == "literal" for key in node.children[::2]) and _is_constant(node)


def _is_constant(node: Node) -> bool:
    return node.kind in ("literal", "list", "map") and all(map(_is_constant, node.children))


def _is_answer(node: Node) -> bool:
    target, word = node.children if len(node.children) == 2 else (node, node)
    return (
        target.kind == "ident"
        and target.name in ("response", "baseline")
        and (word.kind, word.name) == ("literal", "string")
    )


def _calls(node: Node) -> Node:
    answer, name = node.children
    held = _node("select", node, answer, name="tool_calls")
    own = _node("select", node, _node("ident", node, name=_LOOP), name="name")
    return _node("macro", node, held, _node("binary", node, own, name, name="=="), name="filter", variable=_LOOP)


def _spelled(function: str, operand: Node) -> Node:
    """The operand of a conversion as it is; where it is text that CEL does not convert, text that cel-cpp refuses."""
    if operand.kind == "call" and operand.name in _NO_TEXT:
        return operand
    if operand.kind == "literal":
        fits = not isinstance(operand.value, str) or takes(function, operand.value)
        return operand if fits else replace(operand, value=_NO_SPELLING)
    held, text = _node("ident", operand, name=_RANGE), _text(operand, SPELLINGS[function])
    other = _node("binary", operand, _call("type", held), _node("ident", operand, name="string"), name="!=")
    box = _node("list", operand, held, text)
    taken = _node("binary", operand, other, _call(SEARCH, box), name="||")
    chosen = _node("conditional", operand, taken, held, _text(operand, _NO_SPELLING))
    return _node("macro", operand, _call("dyn", operand), chosen, name=BIND, variable=_RANGE)


def _text(place: Node, value: str) -> Node:
    return replace(_node("literal", place, name="string"), value=value)


def _sorted(items: Node) -> Node:
    """The range of a loop: a list as it is, a map by its sorted keys."""
    held, key = _node("ident", items, name=_RANGE), _node("ident", items, name=_KEY)
    is_map = _node("binary", items, _call("type", held), _node("ident", items, name="map"), name="==")
    keys = _node("macro", items, held, key, name="map", variable=_KEY)
    chosen = _node("conditional", items, is_map, _call("dyn", _call("sort", keys, method=True)), _call("dyn", held))
    return _node("macro", items, _call("dyn", items), chosen, name=BIND, variable=_RANGE)


def _call(name: str, operand: Node, *, method: bool = False) -> Node:
    return replace(_node("call", operand, operand, name=name), method=method)


def _node(kind: Kind, place: Node, *children: Node, name: str = "", variable: str = "") -> Node:
    """A new node that stands for `place`."""
    depth = 1 + max((child.depth for child in children), default=0)
    return Node(kind, place.start, place.end, name, place.at, children, variable=variable, depth=depth)
