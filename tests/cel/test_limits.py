"""Facts about the shape of expressions and their limits, with both engines as oracles of the grammar."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cel_expr_python import cel  # type: ignore[import-untyped]
from celpy.celparser import CELParseError, CELParser
from hypothesis import given, settings
from hypothesis import strategies as st

from runback_gate.cel import limits as syntax
from runback_gate.cel.limits import Node, check_limits, growth, identifiers, parse, walk
from runback_gate.cel.parser import LOOPS
from runback_gate.errors import ExpressionError
from tests.examples import examples

CPP = cel.NewEnv()
PY = CELParser()


def cpp_reads(source: str) -> bool:
    """Whether the parser of cel-cpp takes it; types are not looked at."""
    try:
        CPP.compile(source, disable_check=True)
    except (RuntimeError, ValueError):
        return False
    return True


def py_reads(source: str) -> bool:
    """Whether the parser of celpy takes it."""
    try:
        PY.parse(source)
    except (CELParseError, ValueError):
        return False
    return True


def ours_reads(source: str) -> bool:
    """Whether our parser takes it."""
    try:
        parse(source)
    except ExpressionError:
        return False
    return True


def refusal(source: str, *, limits: bool = True) -> ExpressionError:
    """The error of an expression that is refused."""
    with pytest.raises(ExpressionError) as caught:
        check_limits(source) if limits else parse(source)
    return caught.value


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


PIECES = st.sampled_from(
    [
        *"a b x 1 2.5 .5 1u -1 0x1F null true if in has f size all map".split(),
        *('"s"', "r'x'", '"""m"""', 'b"y"', " ", "\n", "//c\n"),
        *"+ - * / % ! == != < <= && || ? : ( ) [ ] { } , . = ` \\".split(),
    ]
)


def expressions(leaves: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Text that is well formed, whatever it may mean."""
    return st.recursive(
        leaves,
        lambda part: st.one_of(
            st.builds("{} {} {}".format, part, st.sampled_from("+ - * / == != < <= in && ||".split()), part),
            st.builds("({})".format, part),
            st.builds("{}{}".format, st.sampled_from("!-"), part),
            st.builds("{} ? {} : {}".format, part, part, part),
            st.builds("{}.f".format, part),
            st.builds("{}[{}]".format, part, part),
            st.builds("{}.m({})".format, part, part),
            st.builds("g({}, {})".format, part, part),
            st.builds("[{}, {}]".format, part, part),
            st.builds('{{"k": {}}}'.format, part),
            st.builds("{}.{}(x, {})".format, part, st.sampled_from(LOOPS), part),
            st.builds("has({}.q)".format, part),
        ),
        max_leaves=8,
    )


LEAVES = st.sampled_from(["a", "1", '"s"', "true", "b.x", "-1", "2.5", "null", "1u", "[]", "{}", ".5"])


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """A well-formed expression with pieces put in or taken out."""
    source = draw(expressions(LEAVES))
    for _ in range(draw(st.integers(0, 3))):
        position = draw(st.integers(0, len(source)))
        source = source[:position] + draw(PIECES) + source[position + draw(st.integers(0, 2)) :]
    return source


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


def test_size_limit() -> None:
    """4 KiB of UTF-8 pass, one byte more does not; inlined text may have 64 KiB."""
    assert check_limits('"' + "é" * 2047 + '"').kind == "literal"
    assert refusal('"' + "é" * 2048 + '"').message == "the expression is larger than 4 KiB"
    assert parse('"' + "a" * (2**16 - 2) + '"').kind == "literal"
    assert refusal('"' + "a" * (2**16 - 1) + '"', limits=False).message == "the expression is larger than 64 KiB"


DEEP: dict[str, Callable[[int], str]] = {
    "parentheses": lambda n: "(" * n + "1" + ")" * n,
    "fields in parentheses": lambda n: "(a" + ".b" * n + ")",
    "minus": lambda n: "-" * n + "a",
    "not": lambda n: "!" * n + "a",
    "fields": lambda n: "a" + ".b" * n,
    "keys": lambda n: "a" + "[0]" * n,
    "keys in keys": lambda n: "a[" * n + "0" + "]" * n,
    "calls": lambda n: "f(" * n + "a" + ")" * n,
    "methods": lambda n: "a" + ".f()" * n,
    "lists": lambda n: "[" * n + "1" + "]" * n,
    "maps": lambda n: "{1:" * n + "1" + "}" * n,
    "conditionals": lambda n: "a ? 1 : " * n + "1",
    "sums": lambda n: "1" + " + 1" * n,
    "comparisons": lambda n: "a" + " == a" * n,
    "loops": lambda n: "[1]" + ".map(x, x)" * n,
    "nested loops": lambda n: "[1].all(x, " * n + "true" + ")" * n,
    "mixed": lambda n: "(a && [1].exists(x, " * n + "true" + "))" * n,
}


@pytest.mark.parametrize("shape", DEEP.values(), ids=DEEP.keys())
def test_depth_limits(shape: Callable[[int], str]) -> None:
    """Whatever nests, 24 levels are the limit for people, 30 for inlined text, and cel-cpp takes all of these."""
    deepest = next(n for n in range(30, 0, -1) if ours_reads(shape(n)))
    assert cpp_reads(shape(deepest))
    assert py_reads(shape(deepest))
    assert parse(shape(deepest)).depth <= syntax.ENGINE_DEPTH
    assert "nested deeper than 30 levels" in refusal(shape(deepest + 1), limits=False).message
    assert "nested deeper than" in refusal(shape(min(deepest, 28))).message
    for many in (40, 1000):
        assert refusal(shape(many), limits=False).location is not None


@pytest.mark.slow
@pytest.mark.parametrize("shape", DEEP.values(), ids=DEEP.keys())
def test_as_deep_as_a_text_can_be(shape: Callable[[int], str]) -> None:
    """20,000 levels are refused like 40."""
    assert refusal(shape(20_000)[: 2**16], limits=False).location is not None


def test_long_chains_of_logic_are_flat() -> None:
    """`&&` and `||` may have as many terms as fit: engines balance them."""
    assert check_limits(" || ".join("a" for _ in range(500))).depth == 2


def test_loops_nest_twice() -> None:
    """Two loops may stand in each other, a third may not; loops behind each other are not nested."""
    assert check_limits("a.all(x, x.all(y, y > 0)) && a.filter(x, true).map(x, x).all(y, y)").name == "&&"
    error = refusal("a.all(x,\n  x.all(y, y.all(z, true)))")
    assert (error.message, str(error.location)) == ("loops are nested deeper than 2", ":2:14")
    assert error.hint == "move the inner loop to spec.variables"


@pytest.mark.parametrize("name", ["request", "response", "history", "params", "variables", "int", "type"])
def test_loop_variables_hide_nothing(name: str) -> None:
    """A loop variable may not have the name of a root, of `params`, of `variables` or of a type."""
    assert "hides a name that has a meaning" in refusal(f"a.all({name}, true)").message


@pytest.mark.parametrize(
    ("source", "bound"),
    [
        ("1", 1),
        ("response.text", 1),
        ("a + a", 2),
        ('"x" + a', 1),
        ("[a, a, a]", 3),
        ("[1, 2, 3]", 1),
        ("{a: a}", 2),
        ("a.map(x, x + x)", 2),
        ("a.map(x, x + x).map(x, x + x).map(x, x + x)", 8),
        ("a.filter(x, x + x == x)", 2),
        ("a ? b + b : c", 2),
        ("has(a.b)", 1),
    ],
)
def test_growth(source: str, bound: int) -> None:
    """The bound says how many copies of a piece of data one value can hold."""
    assert growth(parse(source)) == bound


def test_growth_is_limited() -> None:
    """A chain of loops that each double their text is refused before it takes memory; literals may be many."""
    assert growth(check_limits("[a]" + ".map(x, x + x)" * 8)) == 256
    assert "could repeat its data more than 256 times" in refusal("[a]" + ".map(x, x + x)" * 9).message
    assert growth(check_limits(f"a in [{', '.join(str(n) for n in range(600))}]")) == 1


@settings(max_examples=examples(100))
@given(st.one_of(st.text(st.characters(), max_size=80), damaged(), st.lists(PIECES, max_size=40).map("".join)))
def test_limits_hold_for_any_text(source: str) -> None:
    """Any text is a tree within all limits, or one ExpressionError with line and column."""
    try:
        node = check_limits(source)
    except ExpressionError as error:
        assert error.location is not None
        assert error.location.line
        assert error.location.column
    else:
        assert node.depth <= syntax.MAX_DEPTH
        assert len(source.encode()) <= syntax.MAX_SOURCE
        assert all(len(scope) <= syntax.MAX_NESTING for _, scope in walk(node))
        assert all(0 <= part.start < part.end <= len(source) for part, _ in walk(node))
