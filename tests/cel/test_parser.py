"""Facts about the shape of expressions, with both engines as oracles of the grammar."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runback_gate.cel.limits import Node, identifiers, parse, walk
from runback_gate.errors import ExpressionError
from tests.cel.parsers import PIECES, cpp_reads, damaged, ours_reads, py_reads, refusal
from tests.examples import examples


def outline(node: Node, source: str) -> object:
    """A node as nested tuples: kind, name, text, children."""
    parts = tuple(outline(child, source) for child in node.children)
    return (node.kind, node.name, source[node.start : node.end], *parts)


ACCEPTED = """
true
null
-1
- 1
--1
-(-1)
!true
!!true
-9223372036854775808
1 + 2 * 3 - 4 / 5 % 6
(1 + 2) * 3
a.b.c
a . b
a.as
a["b"][0]
a.f()
a.f(1, b)
f()
size (a)
[]
[1, [2]]
{}
{"a": 1, 2: [3], true: {}}
{a: 1}
a ? b : c ? d : e
(a ? b : c) ? d : e
a == b == c
a < b
a in [1]
a && b || c && d
has(a.b)
has (a.b.c)
has((a.b))
has(a[0].b)
a.all(x, x > 0)
a.exists(x, b.exists_one(y, x == y))
a.map(x, x).filter(y, y)
a.all((x), x)
a.f().g[0].h(1)
"a" + 'b' + r"c\\d"
1u
0x1F
.5
1e3
a // comment
"é😀"
x.has(a)
x.min()
f(x, y, z)
has(a.b).c
""".strip().splitlines()

REFUSED = {
    "": "the expression is empty",
    "  // only a comment": "the expression is empty",
    "1 +": "expected a value, the expression ends",
    "a b": "expected an operator or the end, found `b`",
    "(a": "expected `)`, the expression ends",
    "a.": "expected a field name, the expression ends",
    "a.in": "expected a field name, found `in`",
    "a.true": "expected a field name, found `true`",
    "a.1": "expected an operator or the end, found `.1`",
    "a[1": "expected `]`, the expression ends",
    "f(1,)": "a comma before `)` is not portable",
    "[1,]": "a comma before `]` is not portable",
    '{"a": 1,}': "a comma before `}` is not portable",
    "[,]": "expected a value, found `,`",
    "[1 2]": "expected `,` or `]`, found `2`",
    "{1: 2 3: 4}": "expected `,` or `}`, found `3`",
    "{1}": "expected `:`, found `}`",
    "a ? b": "expected `:`, the expression ends",
    "true ? true ? 1 : 2 : 3": "expected `:`, found `?`",
    "!-a": "`!` and `-` may not follow each other",
    "-!a": "`!` and `-` may not follow each other",
    "in": "`in` is a reserved word",
    "if": "`if` is a reserved word",
    "return(1)": "`return` is a reserved word",
    ".a": "names do not start with a point",
    "a{b: 1}": "messages cannot be made",
    "a.?b": "optional values are not supported",
    "a[?b]": "optional values are not supported",
    "[?a]": "optional values are not supported",
    "has(a)": "has() takes one field, such as has(c.arguments.amount)",
    'has(a["b"])': "has() takes one field, such as has(c.arguments.amount)",
    "has(a.b, c.d)": "has() takes one field, such as has(c.arguments.amount)",
    "a.map(x, y, z)": "map() takes a loop variable and an expression",
    "a.all(x)": "all() takes a loop variable and an expression",
    "a.all(x.y, true)": "the first argument of all() must be a new name",
    "a.all(__result__, true)": "the first argument of all() must be a new name",
    "a.all(if, true)": "`if` is a reserved word",
    "{1.0: 2}": "a double cannot be a key of a map",
    "{null: 2}": "a null cannot be a key of a map",
    '{"a": 1, "a": 2}': "the key appears twice in the map",
    "{1: 1, 1u: 2}": "the key appears twice in the map",
    "9223372036854775808": "integer does not fit 64 bits",
    "- 9223372036854775808": "integer does not fit 64 bits",
}

# What both engines could read, and is refused all the same, with the reason for it.
STRICTER = (
    "names do not start with a point",  # a second spelling of every name
    "messages cannot be made",  # there are none
    "bytes are not supported",  # nor bytes
    "malformed number",  # `1in x`, `0x1F.f`
    "has() takes one field",  # has(--a.b), since two signs cancel out
    "takes a loop variable and an expression",  # a.all(x): then not a loop but an unknown function
    "is a reserved word",
)


@pytest.mark.parametrize("source", ACCEPTED)
def test_accepted_by_all_three_parsers(source: str) -> None:
    """What our parser takes, the parsers of both engines take."""
    assert (ours_reads(source), cpp_reads(source), py_reads(source)) == (True, True, True)


@pytest.mark.parametrize(("source", "message"), REFUSED.items())
def test_refused_with_the_reason(source: str, message: str) -> None:
    """What one of the engines cannot read or means differently is refused in words, at its place."""
    error = refusal(source, limits=False)
    assert error.message == message
    assert error.location is not None


@settings(max_examples=examples(150))
@given(st.one_of(damaged(), st.lists(PIECES, max_size=9).map("".join)))
def test_all_three_parsers_agree(source: str) -> None:
    """Our parser takes what both engines take, and nothing else, save for the refusals that are made on purpose."""
    try:
        parse(source)
    except ExpressionError as error:
        on_purpose = any(reason in error.message for reason in STRICTER) or "nested deeper" in error.message
        assert on_purpose or not (cpp_reads(source) and py_reads(source))
    else:
        assert (cpp_reads(source), py_reads(source)) == (True, True)


def test_nodes_have_spans() -> None:
    """Each node knows the text that it was read from, without the parentheses around it."""
    source = '(a.b).all(c, has(c.d) && (c.d[0] + 1 <= f("x", -2)))'
    assert outline(parse(source), source) == (
        "macro",
        "all",
        source,
        ("select", "b", "a.b", ("ident", "a", "a")),
        (
            "binary",
            "&&",
            'has(c.d) && (c.d[0] + 1 <= f("x", -2))',
            ("macro", "has", "has(c.d)", ("select", "d", "c.d", ("ident", "c", "c"))),
            (
                "binary",
                "<=",
                'c.d[0] + 1 <= f("x", -2)',
                (
                    "binary",
                    "+",
                    "c.d[0] + 1",
                    ("index", "", "c.d[0]", ("select", "d", "c.d", ("ident", "c", "c")), ("literal", "int", "0")),
                    ("literal", "int", "1"),
                ),
                ("call", "f", 'f("x", -2)', ("literal", "string", '"x"'), ("literal", "int", "-2")),
            ),
        ),
    )


def test_precedence_is_that_of_cel() -> None:
    """Operators bind as in CEL; chains of `&&` and `||` are one node, unless parentheses keep them apart."""
    source = "a || b && c || !d == e + f * g"
    top = parse(source)
    assert [source[term.start : term.end] for term in top.children] == ["a", "b && c", "!d == e + f * g"]
    assert [len(parse(text).children) for text in ("a && b && c", "(a && b) && c", "a && (b && c)")] == [3, 2, 2]
    assert [child.name for child in parse("a - b - c").children] == ["-", "c"]


def test_macros_and_methods() -> None:
    """A loop knows its variable, a method its target, a has() marks the select that need not exist."""
    loop, method, test = parse("a.map(x, x)"), parse("a.f(1)"), parse("has(a.b)")
    assert (loop.kind, loop.name, loop.variable) == ("macro", "map", "x")
    assert (method.kind, method.name, method.method, len(method.children)) == ("call", "f", True, 2)
    assert (test.children[0].test_only, test.variable) == (True, "")


def test_free_identifiers() -> None:
    """Loop variables are bound in the body of their loop, not in its range and not behind it."""
    assert identifiers(parse("a.all(x, x > b && c.exists(y, y == x)) && y.z")) == {"a", "b", "c", "y"}
    assert identifiers(parse("x.all(x, true) || x")) == {"x"}
    assert [scope for node, scope in walk(parse("a.all(x, b)")) if node.name == "b"] == [("x",)]
