"""Ways in which a proof could say too much: what both engines say of a step is among what the encoder allows.

Each kind of attack has expressions over a value that a model writes, and values at its edges. A proof that frees a rule
which lets something pass would have to overlook one of them.
"""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.random_rules import RandomRules, policy
from runback_gate.analysis.proof.example import Example
from runback_gate.analysis.proof.form import form
from runback_gate.analysis.proof.values import TooLargeError
from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.cel.py_engine import PyEngine
from runback_gate.errors import RunbackError
from tests.analysis.pinned import ABSENT, Encoded, verdict
from tests.analysis.proofs import proof
from tests.extras import needs

pytestmark = pytest.mark.slow

ENGINES = (CppEngine(), PyEngine())
A = "response.tool_calls[0].arguments.a"
WAYS = ((False, False), (True, False), (False, True))
"""For every length and up to a bound, with texts as codes and as texts."""


@pytest.fixture(autouse=True)
def _solver() -> None:
    needs("z3")


def call(value: Any, name: str = "pay", **more: Any) -> dict[str, Any]:
    """A call with an argument."""
    return {"name": name, "arguments": more if value is ABSENT else {"a": value, **more}}


def step(*calls: Any, text: str = "a", history: tuple[Any, ...] = ()) -> Example:
    """A step with these calls."""
    return {"response": {"text": text, "tool_calls": list(calls)}, "history": list(history)}


NUMBERS = (0, 1, -1, 2**53, 2**53 + 1, 2**63 - 1, -(2**63), 0.0, -0.0, 0.5, 1.0, 1e308, 9.3e18)
STRINGS = ("", "a", "ab", "A", "1", "é", "\n", "a\n", "]", "\v", "\ufffd", "\U0001f600")
LISTS: tuple[Any, ...] = ([], [1], ["a"], [1, 1.0], [None], [[1]])
MAPS: tuple[Any, ...] = ({}, {"a": 1}, {"a": "b"}, {"b": [1]})
ODD = (ABSENT, None, True, False, *LISTS, *MAPS)

KINDS: dict[str, tuple[tuple[Any, ...], str]] = {
    "null and absent": (
        (*ODD, 1, "a"),
        """
$ == null
$ != null && $ != 1
has($.a)
$.a == 1
null in @
!$
$ ? true : false
""",
    ),
    "errors that logic absorbs": (
        (*ODD, 1, "a"),
        """
$ == 1 || $.a == 1
$.a == 1 || $ == 1
$ == 1 && $.a == 1
$.a == 1 && $ != 1
$ == 1 ? $.a == 1 : true
($ == 1) ? $ : ($ == 2)
[$].exists(x, x.a == 1 || x == 1)
[1, $].exists_one(x, x.a == 1)
""",
    ),
    "64 bits": (
        (*NUMBERS, None, "a"),
        """
$ + 1 > 0
$ - 1 < 0
$ * 2 > 0
$ / -1 == 1
$ % -1 == 0
$ / 0 == 1
-$ < 0
$ <= 9223372036854775807
$ == 9007199254740993
1u == $
$ < 2u
1u - 2u == 0u
""",
    ),
    "doubles": (
        (*NUMBERS, None, "a"),
        """
$ < 9223372036854775807.0
$ == 0.0
$ < 9007199254740993.0
$ / 2.0 == $ / 2.0
$ + 1.0 == $ + 1.0
$ * 1e308 - $ * 1e308 == $ * 1e308 - $ * 1e308
[$ * 1e308 - $ * 1e308] == [$ * 1e308 - $ * 1e308]
{"a": $ * 1e308 - $ * 1e308} == {"a": $ * 1e308 - $ * 1e308}
[$].map(x, x * 1e308 - x * 1e308) == [$].map(x, x * 1e308 - x * 1e308)
1.0 / $ > 0.0
-$ == 0.0
$ in [0.0, 1]
""",
    ),
    "order and length of texts": (
        (*STRINGS, 1, None),
        """
$ < "b"
$ <= "é"
$ > "Z"
size($) <= 1
$.size() == 2
$ + "b" == "ab"
$ + $ == "aa"
$ < response.text
""",
    ),
    "patterns": (
        (*STRINGS, 1, None),
        r"""
$.matches("a$")
$.matches("^.$")
$.matches("a|^b$")
$.matches("^[]a]$")
$.matches("^[^]a]$")
$.matches("^[^]]*$")
$.matches("(?i)A")
$.matches("(?m)^a$")
$.matches("^\\s$")
$.matches("^[[:space:]]$")
$.matches("^\\w+$")
$.matches("\\ba")
$.matches("")
$.matches("^a{٣}$")
$.matches("^a{1,2}$")
$.matches("^(|a)$")
$.matches("[a-]")
$.matches("^a.?$")
$.contains("")
$.startsWith("") && $.endsWith("a")
""",
    ),
    "conversions": (
        ("1", "1.5", "nan", "true", "x", 1, 1.5, True, 9.3e18, *ODD),
        """
int($) == 1
double($) <= 1.0
string($) == "1"
bool($)
int(double($)) == 1
type($) == int
dyn($) == 1
!(1 in [int($)])
[int($)] == [1]
{"a": int($)} == {"a": 1}
includes({"a": int($)}, {"a": 1})
[double($)] == [double($)]
[$].map(x, int(x)).all(y, y == 1)
size([$].map(x, int(x))) == 1
$.map(x, int(x)) == [1]
$.map(x, int(x)).exists(y, y == 1)
[$, $].filter(x, int(x) == 1).all(y, y == 1)
""",
    ),
    "lists and maps": (
        (*ODD, 1, "a"),
        """
$[0] == 1
$[0.0] == 1
$[0u] == 1
$[1.5] == 1
$[-1] == 1
$[$] == 1
$["a"] == 1
$[size($) - 1] == 1
$ == [1]
$ == {"a": 1}
{"a": $} == {"a": 1}
$ == @.b
"a" in $
1 in $
$ in @
[1] in @
$ in [[1]]
$ in [{"a": 1}]
($ + $)[1] == 1
size($ + $) <= 2
($ + [1]).all(n, n == 1)
""",
    ),
    "loops over lists and maps": (
        ODD,
        """
$.all(k, k == "a")
$.exists(k, $[k] == 1)
$.filter(k, k != 1) == ["a"]
$.exists_one(x, x == 1)
$.exists_one(x, x.a == 1)
$.all(x, $.exists(y, y == x))
$.map(x, [x].map(y, y)) == [[1]]
(["a"] + $).exists(n, n == "a")
""",
    ),
    "functions of ours": (
        (*ODD, 1, "a"),
        r"""
mentions(response.text, $)
mentions($, "a")
mentions($, ["a", "b"])
mentions($, ["\U0010ffff"])
includes(@, {"a": 1.0})
includes(@, {"a": $})
calls(response, $).size() == 0
calls(response, "pay").all(c, c.arguments.a == 1)
sum($) == 1
distinct($).size() == 1
parse_json(response.text).a == 1
matchesSchema(response.tool_calls[0])
""",
    ),
    "times": (
        ("2020-01-01T00:00:00Z", "1s", 1, None),
        """
timestamp($) < timestamp("2021-01-01T00:00:00Z")
timestamp($) == timestamp($)
duration($) < duration("2s")
""",
    ),
    "records": (
        (1,),
        """
has(baseline.text)
baseline.text == "a"
has(response.model)
response.model == "m"
has(response.usage.input_tokens)
response.usage.input_tokens > 1
response.tool_calls[0].id == ""
has(response.nope)
response.nope == 1
has(request.system)
request.messages.size() == 0
"x" in agent.labels
case.tags == []
has(case.now)
history[0].result.a == 1
history.all(h, has(h.result))
has(history[0].error)
""",
    ),
}
"""By kind the values, and the expressions, one a line: `$` is the value and `@` the arguments that hold it."""


def steps(values: tuple[Any, ...]) -> list[Example]:
    """Steps with each of the values, and a few others."""
    texts = ("", "b", '{"a": 1}', "[1]", "1")
    past = ({"name": "l", "arguments": {}, "result": {"a": 1}}, {"name": "l", "arguments": {}, "error": "no"})
    more = [step(), step(call(1), text=texts[2]), step(call(1, b=1), call(2, "x"), history=past)]
    return [*(step(call(value), text=texts[place % 5]) for place, value in enumerate(values)), *more]


def overlooked(text: str, examples: list[Example], ways: tuple[tuple[bool, bool], ...] = WAYS) -> list[str]:
    """The steps of which an engine says what the encoding of an expression does not allow."""
    rule = form(policy(text), "p.r")
    said = [(example, {verdict(rule, example, engine) for engine in ENGINES}) for example in examples]
    found = []
    for bounded, exact in ways:
        try:
            encoded = Encoded(rule, bounded=bounded, exact=exact)
        except TooLargeError:
            continue
        for example, verdicts in said:
            found += [
                f"{text}: {one} (bounded {bounded}, exact {exact}) on {example}"
                for one in verdicts
                if encoded.allows(example, one) is False
            ]
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_the_encoder_allows_what_the_engines_say(kind: str) -> None:
    """No value at an edge is overlooked, whatever is asked of it."""
    values, texts = KINDS[kind]
    found = []
    for line in texts.split("\n"):
        if line:
            text = line.replace("$", A).replace("@", A.removesuffix(".a")) if "matches" not in line else _asked(line)
            found += overlooked(text, steps(values))
    assert found == []


def _asked(line: str) -> str:
    """A pattern may hold the sign for the value itself."""
    return A + line[1:] if line.startswith("$") else line


def test_the_encoder_allows_what_the_engine_says_of_random_rules() -> None:
    """Rules and steps over a few names and numbers."""
    writer = RandomRules(5)
    done = 0
    while done < 40:
        text, examples = writer.truth(3), [writer.step() for _ in range(6)]
        try:
            rule = form(policy(text), "p.r")
            said = [verdict(rule, example, ENGINES[0]) for example in examples]
            encoded = Encoded(rule)
        except (RunbackError, TooLargeError):
            continue
        done += 1
        for example, one in zip(examples, said, strict=True):
            assert encoded.allows(example, one) is not False, (text, one, example)


HOLES = [
    ("!(1 in [int(response.text)])", "!(2 in [int(response.text)])"),
    ("[int(response.text)] != [1]", "[int(response.text)] != [2]"),
    (f"{A}.map(x, int(x)) != [1]", f"{A}.map(x, int(x)) != [2]"),
    (f"[{A} * 1e308 - {A} * 1e308] == [{A} * 1e308 - {A} * 1e308] || {A} > 0.0", f"{A} > 0.0 || {A} <= 0.0"),
    (f'!{A}.matches("^[]a]$")', f'!{A}.matches("^a$")'),
    (f'{A}.matches("^[^\U0002fffe\U0002ffff]*$")', f'{A}.matches("^(.|\\n)*$")'),
    ('!(["a"] + response.tool_calls.map(c, c.name)).exists(n, n == "b")', "true"),
]
"""What was stopped and passes: each was proved once, or would have been."""


@pytest.mark.parametrize(("old", "new"), HOLES)
def test_a_rule_that_lets_something_pass_is_not_freed(old: str, new: str) -> None:
    """Neither equivalent nor stricter for every length."""
    assert not proof(old, new).frees


def test_no_claim_frees_a_rule_whose_errors_are_ignored_and_whose_work_is_limited() -> None:
    """More turns of a loop than an engine takes are an error, which passes there: the claim ends with its bounds."""
    old, new = 'history.all(h, h.name != "x")', 'history.all(h, h.name != "x" && history.all(g, g == g))'
    for ignored, frees in (((False, False), True), ((True, True), False), ((True, False), True)):
        found = proof(old, new, ignore=ignored)
        assert (found.verdict in ("equivalent", "stricter"), found.frees) == (True, frees)
    plain = proof("response.text == 'a'", "'a' == response.text", ignore=(True, True))
    assert plain.frees
