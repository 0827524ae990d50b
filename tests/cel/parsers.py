"""The parsers of both engines and ours as oracles of each other, and expressions for them."""

from __future__ import annotations

import pytest
from cel_expr_python import cel  # type: ignore[import-untyped]
from celpy.celparser import CELParseError, CELParser
from hypothesis import strategies as st

from runback_gate.cel.limits import check_limits, parse
from runback_gate.cel.parser import LOOPS
from runback_gate.errors import ExpressionError

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
