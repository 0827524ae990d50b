"""Constants of Python modules: what their text is, what is none, and that nothing is executed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runback_gate.agent.constants import constants, read_constant
from runback_gate.errors import DocumentError


@pytest.mark.parametrize(
    "source",
    [
        "SYSTEM = 'Be kind.'",
        "SYSTEM: str = 'Be kind.'",
        "SYSTEM = ('Be '\n  'kind.')",
        "SYSTEM = 'Be ' + \"kind\" + '''.'''",
        "SYSTEM = '''\nBe kind.\n'''.strip()",
        "SYSTEM = r'Be kind.'",
        "# coding: latin-1\nSYSTEM = 'Be kind.'",
        "from prompts import *\nSYSTEM = 'Be kind.'",
        "class A:\n    other = 1\nSYSTEM = 'Be kind.'\ndef use(): return SYSTEM",
        "raise SystemExit(1)\nSYSTEM = 'Be kind.'",
    ],
)
def test_string_literals_are_read(source: str) -> None:
    """Literals side by side, joined, stripped: the text that the module would have."""
    assert read_constant(source.encode(), "SYSTEM", "p.py") == "Be kind."


@pytest.mark.parametrize(
    "source",
    [
        "SYSTEM = 'a'\nSYSTEM = 'b'",
        "SYSTEM = 'a'\nSYSTEM += 'b'",
        "SYSTEM = 'a'\nif True:\n    SYSTEM = 'b'",
        "SYSTEM = 'a'\ndef change():\n    global SYSTEM\n    SYSTEM = 'b'",
        "SYSTEM = 'a'\nfrom other import SYSTEM",
        "SYSTEM = 'a'\nfrom other import x as SYSTEM",
        "SYSTEM = 'a'\nimport SYSTEM.more",
        "SYSTEM = 'a'\nfrom other import *",
        "SYSTEM = 'a'\ndef SYSTEM(): ...",
        "SYSTEM = 'a'\nclass SYSTEM: ...",
        "SYSTEM = 'a'\ndel SYSTEM",
        "SYSTEM = 'a'\nfor SYSTEM in 'b': ...",
        "SYSTEM = 'a'\nwith open('x') as SYSTEM: ...",
        "SYSTEM = 'a'\nprint(SYSTEM := 'b')",
        "SYSTEM = 'a'\ntry: ...\nexcept E as SYSTEM: ...",
        "SYSTEM = 'a'\nmatch 1:\n    case SYSTEM: ...",
        "SYSTEM = 'a'\nmatch 1:\n    case {**SYSTEM}: ...",
        "SYSTEM = SYSTEM2 = 'a'",
        "SYSTEM, other = 'a', 'b'",
        "SYSTEM = f'a {b}'",
        "SYSTEM = open('a').read()",
        "SYSTEM = 'a'.join(b)",
        "SYSTEM = 'a'.strip('b')",
        "SYSTEM = 'a' * 3",
        "SYSTEM = b'a'",
        "SYSTEM = 1",
        "def f():\n    SYSTEM = 'a'",
        "other = 'a'",
        "SYSTEM = 'a",
        "\0",
        "SYSTEM = " + "(" * 10_000,
        "SYSTEM = " + "-" * 100_000 + "1",
    ],
)
def test_what_may_be_another_text_is_refused(source: str) -> None:
    """Whatever binds the name a second time, computes its value, or cannot be read, is an error with its place."""
    with pytest.raises(DocumentError, match=r"SYSTEM|not a Python module") as caught:
        read_constant(source.encode(), "SYSTEM", "p.py")
    assert caught.value.location
    assert caught.value.location.path == "p.py"


def test_nothing_is_executed(tmp_path: Path) -> None:
    """A module that would write a file does not."""
    target = tmp_path / "made"
    source = f"open({str(target)!r}, 'w')\nSYSTEM = 'a'\n"
    assert read_constant(source.encode(), "SYSTEM", "p.py") == "a"
    assert not target.exists()


@given(st.dictionaries(st.from_regex(r"[A-Z]{1,8}", fullmatch=True), st.text(st.characters(exclude_categories=["Cs"]))))
def test_any_text_comes_back(texts: dict[str, str]) -> None:
    """Every string that Python can write is read as Python reads it."""
    source = "".join(f"{name} = {text!r}\n" for name, text in texts.items())
    assert dict(constants(source.encode())) == texts
