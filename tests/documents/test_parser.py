"""The parser: JSON values out of YAML text, and whatever the bytes are, at worst a DocumentError."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from runback_gate.documents import parse_document
from runback_gate.errors import DocumentError

# A machine may be slow: that is no failure.
LAW = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

POLICY = """\
# a policy
apiVersion: runback.dev/v1
kind: Policy
spec:
  ünï: [1, -2.5, 1E2, true, false, null, ~, n, 1.2.3, 1-2, "1", 'true', "no", '1_000']
  nested:
    - - deep: {a: "\\u00e9\\0", b: }
  'empty': ''
"""


NUMBER = "write it as in JSON, such as 1000 or -0.5; in quotes if it is text"
DIRECTIVE = "remove them: these files need no directive"
CEL = "this is CEL: write `expression: |` and the expression on the next line, or the whole of it in quotes"
CHARACTERS = st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\u2028\u2029\ufeff\ufffe\uffff")
ATOMS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**1023) + 1, 2**1023 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(CHARACTERS)
)
VALUES = st.recursive(
    ATOMS, lambda inner: st.lists(inner) | st.dictionaries(st.text(CHARACTERS, max_size=100), inner), max_leaves=20
)


def refused(text: str | bytes) -> str:
    """The error that a text gives, as it is shown."""
    with pytest.raises(DocumentError) as caught:
        parse_document(text, "a.yaml")
    return str(caught.value)


def test_yaml_is_json_in_another_spelling() -> None:
    """Only JSON's own constants and numbers have a type; the rest is text, and so is what stands in quotes."""
    words = ["n", "1.2.3", "1-2", "1", "true", "no", "1_000"]
    assert parse_document(POLICY, "p.yaml").value == {
        "apiVersion": "runback.dev/v1",
        "kind": "Policy",
        "spec": {
            "ünï": [1, -2.5, 100.0, True, False, None, None, *words],
            "nested": [[{"deep": {"a": "é\x00", "b": None}}]],
            "empty": "",
        },
    }


@LAW
@given(VALUES)
def test_json_is_read_as_json(value: Any) -> None:
    """JSON text is YAML, and its value is the same; `-0` counts as 0."""
    text = json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if value is None:
        assert "the file is empty" in refused(text)
    else:
        assert value == parse_document(text, "a.yaml").value


@LAW
@given(st.binary() | st.text().map(lambda text: text.encode("utf-8", "surrogatepass")))
@example(b"[" * 200_000)
@example(b"- " * 200_000)
@example(b"{a: " * 200_000)
@example(b"a: &a [x]\nb: &b [*a,*a]\nc: &c [*b,*b]\n")
@example(b"\x00")
@example(b"\xef\xbb\xbfa: 1")
@example(b"\xff\xfea\x00")
@example(b'"\\ud800"')
@example(b'"\\uD83D\\uDE00"')
@example(b"9" * 100_000)
@example(b"1e" + b"9" * 100_000)
@example(b"<<: {a: 1}")
@example(b"a: 1\r\nb:\r\n\t- 1\r\n")
@example(b"%YAML 9.9\n---\n")
@example(b"? |\n  a\n: - &x\n")
@example(b"'" * 65_537)
@example(b"!<tag:yaml.org,2002:python/object/apply:os.system> [true]")
def test_any_bytes_are_a_document_or_a_document_error(data: bytes) -> None:
    """Nothing else comes out, nothing is executed, and a document's value is JSON with a place for every part."""
    try:
        document = parse_document(data, "a.yaml")
    except DocumentError as error:
        said = error
    else:
        assert json.loads(json.dumps(document.value)) == document.value
        said = DocumentError("none", location=document.mark(()))
    assert said.location is not None
    assert said.location.path == "a.yaml"
    str(said).encode()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "a.yaml: the file is empty (begin with apiVersion and kind)"),
        ("# only a comment\n", "a.yaml: the file is empty (begin with apiVersion and kind)"),
        ("---\n...\n", "a.yaml: the file is empty (begin with apiVersion and kind)"),
        ("null", "a.yaml: the file is empty (begin with apiVersion and kind)"),
        ("é: 1\né: 2\n", "a.yaml:2:1: duplicate key 'é' (keep one of them)"),
        ('{"a": 1, a: 2}', "a.yaml:1:10: duplicate key 'a' (keep one of them)"),
        ("a: &x 1", "a.yaml:1:4: anchors and aliases are not allowed (put text that begins with & or * in quotes)"),
        ("a: 1_000", f"a.yaml:1:4: `1_000` looks like a number in another notation ({NUMBER})"),
        ("- é\n- [a, .7]", f"a.yaml:2:7: `.7` looks like a number in another notation ({NUMBER})"),
        (
            "a: False",
            "a.yaml:1:4: `False` looks like a boolean in another spelling "
            "(write true or false; in quotes if it is text)",
        ),
        ("a: NULL", "a.yaml:1:4: `NULL` looks like null in another spelling (write null; in quotes if it is text)"),
        ("a: 2026-11-23", "a.yaml:1:4: `2026-11-23` looks like a date (put it in quotes)"),
        ("# x\n" + "%TAG ! y\n" * 17 + "---\na: 1", f"a.yaml:18:1: more than 16 directives ({DIRECTIVE})"),
        ("a: 1\n...\n" + "%A\n" * 17 + "---\n", f"a.yaml:19:1: more than 16 directives ({DIRECTIVE})"),
        ('a:\n  - id: b\n    expression: "x" in c', f"a.yaml:3:21: not valid YAML: did not find expected key ({CEL})"),
        ("a:\n  - expression: !has(x)", f"a.yaml:2:17: tags are not allowed ({CEL})"),
        ("a: {id: b, expression: !has }", f"a.yaml:1:24: tags are not allowed ({CEL})"),
        (
            "expression: a ? b : c",
            f"a.yaml:1:19: not valid YAML: mapping values are not allowed in this context ({CEL})",
        ),
        (
            "expression: [1].exists(x, y)",
            f"a.yaml:1:16: not valid YAML: did not find expected key ({CEL})",
        ),
        ("&x a: 1", "a.yaml:1:1: anchors and aliases are not allowed (put text that begins with & or * in quotes)"),
        (
            "a: &x [1]",
            "a.yaml:1:4: anchors and aliases are not allowed (put text that begins with & or * in quotes)",
        ),
        ("- *x", "a.yaml:1:3: anchors and aliases are not allowed (put text that begins with & or * in quotes)"),
        ("a: !!str 1", "a.yaml:1:4: tags are not allowed (put text that begins with ! in quotes)"),
        ("a: ! 1", "a.yaml:1:4: tags are not allowed (put text that begins with ! in quotes)"),
        (
            "a: !!python/name:os.system {}",
            "a.yaml:1:4: tags are not allowed (put text that begins with ! in quotes)",
        ),
        ("<<: {a: 1}", "a.yaml:1:1: merge keys are not allowed (write the fields out)"),
        ("{? : 1}", "a.yaml:1:4: a key is missing (write the name in front of the colon)"),
        ("[a]: 1", "a.yaml:1:1: a key must be text (put text that begins with { or [ in quotes)"),
        ("{{a: 1}: 1}", "a.yaml:1:2: a key must be text (put text that begins with { or [ in quotes)"),
        ("a: 1\n--- \nb: 1", "a.yaml:2:1: more than one document in the file (write one document per file)"),
        ("a:\n\t- b", "a.yaml:2:1: not valid YAML: found character that cannot start any token (indent with spaces)"),
        (
            "a: b\n\tc",
            "a.yaml:2:1: not valid YAML: found a tab character that violates indentation (indent with spaces)",
        ),
        (
            "é: b: c",
            "a.yaml:1:5: not valid YAML: mapping values are not allowed in this context "
            "(text that holds `: ` stands in quotes)",
        ),
        (
            "a: @b",
            "a.yaml:1:4: not valid YAML: found character that cannot start any token "
            "(text that begins with a sign stands in quotes)",
        ),
        ("a: 'b", "a.yaml:1:6: not valid YAML: found unexpected end of stream"),
        ('"\\ud800"', "a.yaml:1:4: not valid YAML: found invalid Unicode character escape code"),
        (f"a: {2**1023}", "a.yaml:1:4: a number out of range (put it in quotes)"),
        (f"a: -{2**1023}", "a.yaml:1:4: a number out of range (put it in quotes)"),
        ("a: " + "9" * 5000, "a.yaml:1:4: a number out of range (put it in quotes)"),
        ("a: 1e999", "a.yaml:1:4: a number out of range (put it in quotes)"),
        (
            "a: \x00",
            'a.yaml:1:4: the character U+0000 may not stand in YAML (in double quotes it is written "\\u0000")',
        ),
        ("é\x7f", 'a.yaml:1:2: the character U+007F may not stand in YAML (in double quotes it is written "\\u007f")'),
        (
            "a: x\u2028b: y",
            'a.yaml:1:5: the character U+2028 may not stand in YAML (in double quotes it is written "\\u2028")',
        ),
        (
            "a: x\x85b: y",
            'a.yaml:1:5: the character U+0085 may not stand in YAML (in double quotes it is written "\\u0085")',
        ),
        (
            "\ufeffa: 1",
            "a.yaml:1:1: the character U+FEFF may not stand in YAML (save the file as UTF-8 without a byte order mark)",
        ),
        ("a: 1\rb: 2", "a.yaml:1:5: the character U+000D may not stand in YAML (end lines with LF or CRLF)"),
        ("a: \ud800", "a.yaml:1:4: the character U+D800 may not stand in YAML (write it whole)"),
        (b"a: 1\n\xc3\xa9\xff", "a.yaml:2:2: not UTF-8 (save the file as UTF-8)"),
        (b" " * ((1 << 20) + 1), "a.yaml: larger than 1,048,576 bytes (split the file)"),
        ("é" * ((1 << 19) + 1), "a.yaml: larger than 1,048,576 bytes (split the file)"),
        ("[" * 200_000, "a.yaml:1:65: nested deeper than 64 levels (flatten it)"),
        ("- " * 65, "a.yaml:1:129: nested deeper than 64 levels (flatten it)"),
        pytest.param(
            "[" + "1," * 200_000 + "]",
            "a.yaml:1:399998: more than 200,000 parts (split the file)",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "[" + "[]," * 100_000 + "]",
            "a.yaml:1:300000: more than 200,000 parts (split the file)",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_what_is_refused_is_said_in_one_line(text: str | bytes, expected: str) -> None:
    """Place, reason and hint; columns count characters."""
    assert expected == refused(text)


def test_the_limits_themselves_are_allowed() -> None:
    """64 levels, a mebibyte, and integers of 1,023 bits."""
    value: Any = parse_document("[" * 64 + "]" * 64, "a.yaml").value
    for _ in range(63):
        (value,) = value
    assert value == []
    assert parse_document("a: " + "x" * ((1 << 20) - 3), "a.yaml").value == {"a": "x" * ((1 << 20) - 3)}
    assert parse_document(f"[{2**1023 - 1}, -{2**1023 - 1}]", "a.yaml").value == [2**1023 - 1, 1 - 2**1023]


def test_a_document_keeps_its_bytes() -> None:
    """Digests are of the bytes as they lie, whether bytes or text were given."""
    assert (
        parse_document("é: 1\r\n", "a.yaml").data
        == parse_document("é: 1\r\n".encode(), "a.yaml").data
        == b"\xc3\xa9: 1\r\n"
    )
