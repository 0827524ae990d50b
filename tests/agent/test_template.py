"""Prompt templates: what they may say, and that nothing hostile runs, leaves a trace of memory, or runs away."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment, StrictUndefined

from runback_gate.agent.template import MAX_PROMPT_BYTES, MAX_VARIABLES_BYTES, render
from runback_gate.errors import InputError

VARIABLES: dict[str, Any] = {
    "user": {"name": "Ann", "tags": ["vip", "new"], "items": 3, "note": None},
    "orders": [{"id": 1, "lines": ["mug"]}, {"id": 2, "lines": ["pen", "ink"]}],
    "many": list(range(1000)),
    "long": "é" * 1000,
}


LOOP = "{{% for a in many %}}{{% for b in user.name %}}{{% if {} %}}{{% endif %}}{{% endfor %}}{{% endfor %}}"
COMPARISONS = ("b in many", "b not in many", "many == many", "many is eq(many)", "1 is in(many)", "many[1:]")
LINE_ENDS = ("\n", "\r", "\r\n", "\n\r", "\r\r")


def refused(template: str, variables: dict[str, Any] | None = None) -> str:
    """The error for a template, on one line."""
    with pytest.raises(InputError) as error:
        render(template, VARIABLES if variables is None else variables, "agents/support.md")
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("template", "prompt"),
    [
        ("Be kind.\n", "Be kind.\n"),
        ("{{ user.name }}: {{ user.items }}{{ user['items'] }}", "Ann: 33"),
        (
            "{% for order in orders %}{{ loop.index }}/{{ loop.length }} {{ order.lines | join('+') }};{% endfor %}",
            "1/2 mug;2/2 pen+ink;",
        ),
        ("{% for order in orders %}{% for line in order.lines %}{{ line }} {% endfor %}{% endfor %}", "mug pen ink "),
        ("{% for key, value in user | items if value %}{{ key }} {% else %}none{% endfor %}", "name tags items "),
        ("{% if 'vip' in user.tags and not nobody is defined %}VIP{% elif user %}{% else %}{% endif %}", "VIP"),
        ("{{ nobody | default('x') }}{{ nobody | d(user.name) }}{{ [] | first | default('none') }}", "xAnnnone"),
        ("{{ many[:3] }}{{ many[-1] }}{{ orders[1].id }}", "[0, 1, 2]9992"),
        ("{{ 'a' if user.name == 'Ann' else 'b' }}{{ user.name in ['Ann', 'Bob'] }}", "aTrue"),
        ("{{ user.tags | sort | first | upper }}{{ user.tags | length }}{{ user.name | tojson }}", 'NEW2"Ann"'),
        ("{{ user.tags | reverse }}{{ user.tags | unique }}", "['new', 'vip']['vip', 'new']"),
        ("{# a note #}{% raw %}{{ name }}{% endraw %}", "{{ name }}"),
        ("<b>{{ '<&>' }}</b>", "<b><&></b>"),
    ],
)
def test_templates(template: str, prompt: str) -> None:
    """Variables, loops, conditions, tests and plain filters; a prompt is text, so nothing is escaped."""
    assert render(template, VARIABLES, "p.md") == prompt


@given(
    st.dictionaries(st.sampled_from("abc"), st.text(max_size=9) | st.lists(st.integers(-9, 9), max_size=3), min_size=1)
)
def test_the_part_that_is_kept_means_what_jinja_means(variables: dict[str, Any]) -> None:
    """For what the language has, the prompt is the one that Jinja2 itself makes."""
    template = (
        "{% for key, value in all | items %}{{ key }}={{ value }}{{ value | length }}{% endfor %}{{ all | tojson }}"
    )
    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True)
    assert render(template, {"all": variables}, "p.md") == environment.from_string(template).render(all=variables)


@pytest.mark.parametrize(
    ("template", "what"),
    [
        ("{{ user.name.upper() }}", "Call"),
        ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "Call"),
        ("{{ range(10) }}", "Call"),
        ("{{ 'a' * 1000000000 }}", "Mul"),
        ("{{ 10 ** 1000000 }}", "Pow"),
        ("{{ '%1000000000d' % 1 }}", "Mod"),
        ("{{ long ~ long }}", "Concat"),
        ("{{ 1 / 0 }}", "Div"),
        ("{% set a = 1 %}", "Assign"),
        ("{% set a %}{% endset %}", "AssignBlock"),
        ("{% macro m() %}{% endmacro %}", "Macro"),
        ("{% include 'secret.md' %}", "Include"),
        ("{% import 'secret.md' as s %}", "Import"),
        ("{% extends 'secret.md' %}", "Extends"),
        ("{% block b %}{% endblock %}", "Block"),
        ("{% filter upper %}{% endfilter %}", "FilterBlock"),
        ("{{ {'a': long} }}", "Dict"),
        ("{{ [long, long] | join }}", "a list of anything but constants"),
        ("{{ user | attr('name') }}", "the filter attr"),
        ("{{ 'x' | center(1000000000) }}", "the filter center"),
        ("{{ user | pprint }}", "the filter pprint"),
        ("{{ many | random }}", "the filter random"),
        ("{{ many | tojson(indent=1000000000) }}", "an argument of tojson that is not a small constant"),
        ("{{ many | join(long) }}", "an argument of join that is not a small constant"),
        ("{{ many | join('" + "-" * 65 + "') }}", "an argument of join that is not a small constant"),
        ("{{ many | join(*orders) }}", "an argument of join that is not a small constant"),
    ],
)
def test_what_is_not_in_the_language(template: str, what: str) -> None:
    """It is named, with its line, before anything runs."""
    hint = "variables, if, for and some filters are; compute the rest in the agent"
    expected = f"agents/support.md:3: {what} is not allowed in a prompt template ({hint})"
    assert refused("Be kind.\n\n" + template) == expected


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{{ nobody }}", "'nobody' is undefined"),
        ("{{ user.nobody }}", "'dict object' has no attribute 'nobody'"),
        ("{{ user.__class__ }}", "'dict object' has no attribute '__class__'"),
        ("{{ user.name.upper }}", "'str object' has no attribute 'upper'"),
        ("{{ user['get'] }}", "'dict object' has no attribute 'get'"),
        ("{% for x in many %}{{ loop.cycle }}{% endfor %}", "'jinja2.runtime.LoopContext object' has no attribute"),
        ("{{ cycler }}", "'cycler' is undefined"),
        ("{{ many[1000] }}", "list object has no element 1000"),
        ("{{ user.note.deeper }}", "'None' has no attribute 'deeper'"),
        ("{{ 7 is divisibleby(0) }}", "integer modulo by zero"),
        ("{{ user | sort(attribute='x') }}", "'str object' has no attribute 'x'"),
        ("{{ many | first | items }}", "Can only get item pairs from a mapping."),
        ("{{ many | abs }}", "bad operand type"),
    ],
)
def test_what_is_not_there(template: str, reason: str) -> None:
    """A missing variable, a method and a misfit are errors that name the variables that there are."""
    error = refused(template)
    assert error.startswith(f"agents/support.md: the template does not render for the recorded variables: {reason}")
    assert error.endswith("(recorded variables: long, many, orders, user)")
    assert "0x" not in error


@pytest.mark.parametrize(
    "template",
    ["{% if %}", "{{ user", "{% for x in %}", "{% endfor %}", "{{ user | nothing }}", "{% do 1 %}", "{{ 'a }}"],
)
def test_malformed_templates(template: str) -> None:
    """Jinja's own complaint, with the line."""
    assert refused("\n" + template).startswith("agents/support.md:2: ")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("template", "reason"),
    [
        (
            "{% for a in many %}{% for b in many %}{% endfor %}{% endfor %}",
            "its loops, filters and comparisons do too much",
        ),
        (
            "{% for a in many %}" + "{{ many | tojson | length }}" * 3 + "{% endfor %}",
            "its loops, filters and comparisons do too much",
        ),
        ("{{ long" + " | tojson" * 30 + " }}", "its loops, filters and comparisons do too much"),
        (
            "{{ long" + " | join('----------------------------------------------------------------')" * 5 + " }}",
            "its loops",
        ),
        *((LOOP.format(part), "its loops, filters and comparisons do too much") for part in COMPARISONS),
        ("{{ user.name }}" * 4_000, "the template has more than 20,000 pieces (fill in fewer places, or use a loop)"),
        ("{{ user in [" + "1, " * 10_000 + "1] }}", "the template has more than 20,000 pieces"),
        ("{% for a in many %}{{ long }}{% endfor %}", "the prompt becomes larger than 1 MiB"),
        ("{% if user %}" * 40 + "{% endif %}" * 40, "the template is nested deeper than 32 levels (flatten it)"),
        ("{{ " + "(" * 1000 + "1" + ")" * 1000 + " }}", "the template is nested deeper than 32 levels (flatten it)"),
        ("{{ " + "not " * 1000 + "1 }}", "the template is nested deeper than 32 levels (flatten it)"),
    ],
)
def test_hostile_templates_stop(template: str, reason: str) -> None:
    """Loops in loops, filters that grow, prompts without end, depths without bottom: each meets its limit."""
    assert reason in refused(template)


@pytest.mark.parametrize("end", LINE_ENDS)
def test_line_ends_are_part_of_the_prompt(end: str) -> None:
    """No byte of the text is changed, be it a template or not; in variables they stay as well."""
    template = f"One.{end}{{% if user %}}{end}Two {{{{ user }}}}{end}{{% endif %}}{end}"
    assert render(template, {"user": "\r\n\x85"}, "p.md") == f"One.{end}{end}Two \r\n\x85{end}{end}"
    assert render(f"{{{{{end}user{end}}}}}{end}", {"user": "a"}, "p.md") == f"a{end}"
    assert render(f"a {{%- if user -%}}{end} b{{% endif %}}", {"user": "a"}, "p.md") == "ab"


def test_the_prompt_may_be_as_large_as_its_limit() -> None:
    """One byte more is refused, counted in UTF-8."""
    template = "é" * (MAX_PROMPT_BYTES // 2)
    assert render(template, {}, "p.md") == template
    assert refused(template + "a", {}) == "agents/support.md: the prompt becomes larger than 1 MiB"


def test_variables_have_a_limit() -> None:
    """What a template could walk through again and again is small."""
    fits = {"a": "x" * (MAX_VARIABLES_BYTES - len('{"a":""}'))}
    assert render("{{ a | length }}", fits, "p.md") == str(len(fits["a"]))
    assert refused("", {"a": fits["a"] + "x"}) == "agents/support.md: the recorded variables are larger than 256 KiB"


def test_the_hint_is_short() -> None:
    """However many variables were recorded, the error stays readable."""
    error = refused("{{ nobody }}", {f"variable_{number}": 0 for number in range(500)})
    assert len(error) < 400
    assert error.endswith("…)")


@given(st.text(alphabet="{}%#|.'()[] \nabforinifendset=*~+-0123456789", max_size=60) | st.text(max_size=30))
def test_any_template_gives_a_prompt_or_our_error(template: str) -> None:
    """Nothing else comes out, whatever is written."""
    try:
        assert isinstance(render(template, {"a": [1], "b": {"c": "d"}}, "p.md"), str)
    except InputError as error:
        assert str(error).startswith("p.md")
