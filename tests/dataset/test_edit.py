"""Adding a case: not a byte before or after it changes, and the file then says what was meant."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runback_gate.dataset.document import dataset_from
from runback_gate.dataset.edit import append_cases, new_dataset
from runback_gate.documents import parse_document
from runback_gate.errors import InputError

STEP = "sha256:" + "0" * 64
HEAD = "apiVersion: runback.dev/v1\nkind: Dataset\nmetadata: {name: d, agent: a}\n"
CASE: dict[str, Any] = {"id": "new", "step": STEP, "checks": [{"toolCalled": "escalate"}]}
WORDS = "# null Yes 0x1 12 1e3 ~ << &a *a !t % @ ` ' \" \\ {a} [a] ? | > --- ... 2026-01-01 true é a: :a -".split()
LINES = ["", " ", "- a", "a: b", "a #b", "a, b", "? a", "\n", "a\r\nb", "\t", "\0", "\a", "\x7f", "\x85", "=" * 200]
NASTY = st.sampled_from([*WORDS, *LINES, "\u2028", "\ufeff", "\uffff", "\U0001f600"])
TEXT = NASTY | st.text(max_size=12)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(-1e9, 1e9).map(lambda x: x + 0.5)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
CHECKS = st.lists(st.dictionaries(st.sampled_from(["contains", "toolCalled", "cel"]), VALUES, max_size=2), max_size=3)
CASES = st.builds(
    lambda head, checks, extra: {"id": head, "step": STEP, **extra, "checks": checks},
    TEXT,
    CHECKS,
    st.dictionaries(st.sampled_from(["why", "tags"]), TEXT | st.lists(TEXT, max_size=3)),
)


@st.composite
def datasets(draw: st.DrawFn) -> str:
    """The text of a dataset file as people write them: comments, orders, indents, line ends, ends of files."""
    outer = draw(st.sampled_from([1, 2, 4]))
    inner = outer + draw(st.sampled_from([0, 2, 3]))
    gap = draw(st.sampled_from([1, 2, 3]))
    pad, dash, deep = " " * outer, " " * inner + "-" + " " * gap, " " * (inner + 1 + gap)
    scalar = draw(
        st.sampled_from(
            ["say why", "'a # b'", '"a\\n"', "|\n@ text\n@ more", "|-\n@ a\n\n@ b", "|+\n@ a\n\n", ">-\n@ a\n\n"]
        )
    )
    last = f"why: {scalar}".replace("@", deep + " ")
    comment = draw(
        st.sampled_from(["", f"{deep}# deeper\n", f"{dash[:inner]}# as deep\n", "# not deep\n", "\n", "\n\n# far\n"])
    )
    fields = draw(
        st.permutations([f"id: c1 # one\n{deep}step: {STEP}", "tags: [a, b]", "checks:\n" + deep + "- contains: x"])
    )
    items = f"{dash}{('' + chr(10) + deep).join(fields)}\n{dash}id: c2\n{deep}step: {STEP}\n{deep}{last}\n{comment}"
    trials = f"{pad}trials: {{n: 1}}\n"
    spec = ["spec: # all of it\n" + pad + "cases:  # the cases\n" + items]
    spec[0] += draw(st.sampled_from(["", trials, trials + pad + "# end\n"]))
    top = ["# a file\n", "apiVersion: runback.dev/v1\n", "kind:   Dataset\n", "metadata: {name: d, agent: a} # who\n"]
    order = draw(st.permutations([*top, spec[0]]))
    text = "".join(order) + draw(st.sampled_from(["", "...\n", "# the end\n"]))
    text = text.replace("\n", draw(st.sampled_from(["\n", "\r\n"])))
    return text.rstrip("\r\n") if draw(st.booleans()) and not cut_off(text) else text


def cut_off(text: str) -> bool:
    """Whether the file means something else without its last line end, as a block of text at its end does."""
    return parse_document(text.rstrip("\r\n"), "d.yaml").value != parse_document(text, "d.yaml").value


def holds(old: str, new: str) -> bool:
    """Whether `new` is `old` with one piece put in."""
    shorter = min(len(old), len(new))
    head = next((place for place in range(shorter) if old[place] != new[place]), shorter)
    return new.endswith(old[head:]) and len(new) > len(old)


@given(datasets(), CASES)
def test_an_added_case_changes_nothing_else(text: str, case: dict[str, Any]) -> None:
    """Whatever the file looks like and whatever the case says: nothing before or after it changes by a byte, and the
    file then holds the case as its last.
    """
    before: Any = parse_document(text, "d.yaml").value
    new = append_cases(parse_document(text, "d.yaml"), [case])
    assert holds(text, new)
    before["spec"]["cases"].append(case)
    assert parse_document(new, "d.yaml").value == before


@given(st.lists(CASES, min_size=1, max_size=3), datasets())
def test_cases_can_be_added_to_added_cases(cases: list[dict[str, Any]], text: str) -> None:
    """Each edit leaves a file that the next one can work on, in the order of the edits."""
    for case in cases:
        text = append_cases(parse_document(text, "d.yaml"), [case])
    value: Any = parse_document(text, "d.yaml").value
    assert value["spec"]["cases"][2:] == cases


@given(TEXT.filter(bool), TEXT.filter(bool), CASES)
def test_a_new_dataset_says_what_was_meant(name: str, agent: str, case: dict[str, Any]) -> None:
    """The file of a first case holds it and nothing else, whatever its names are."""
    document = parse_document(new_dataset(name, agent, [case], "https://example.com/dataset.json"), "d.yaml")
    assert document.value == {
        "apiVersion": "runback.dev/v1",
        "kind": "Dataset",
        "metadata": {"name": name, "agent": agent},
        "spec": {"cases": [case]},
    }


def test_by_hand() -> None:
    """The text reads as a person would write it."""
    text = HEAD + "spec:\n  cases:\n    - id: old   # keep me\n      step: " + STEP + "\n  trials: {n: 3}  # three\n"
    case: dict[str, Any] = {
        "id": "late-refund",
        "step": STEP,
        "why": 'Incident 7: a "late" refund',
        "tags": ["refund", "no"],
        "checks": [
            {"toolCalled": {"name": "escalate", "arguments": {"reason": "dispute", "n": 1}}},
            {"contains": "sorry"},
        ],
    }
    assert append_cases(parse_document(text, "d.yaml"), [case]) == text.replace(
        "  trials",
        f"""    - id: late-refund
      step: {STEP}
      why: "Incident 7: a \\"late\\" refund"
      tags: [refund, "no"]
      checks:
        - toolCalled: {{name: escalate, arguments: {{reason: dispute, n: 1}}}}
        - contains: sorry
  trials""",
    )


def test_line_ends_are_those_of_the_file() -> None:
    """A file with CRLF gets no lone LF."""
    text = (HEAD + f"spec:\n  cases:\n  - id: a\n    step: {STEP}").replace("\n", "\r\n")
    new = append_cases(parse_document(text, "d.yaml"), [CASE])
    assert "\n" not in new.replace("\r\n", "")
    assert new.startswith(text + "\r\n  - id: new\r\n")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (f"spec: {{cases: [{{id: a, step: '{STEP}'}}]}}\n", "d.yaml:4:15: not a list that a line can be added to"),
        (f"spec:\n  cases: [{{id: a, step: '{STEP}'}}]\n", "d.yaml:5:10: not a list that a line can be added to"),
        ("spec: {}\n", "d.yaml:4:7: not a list that a line can be added to"),
        ("spec:\n  cases: text\n", "d.yaml:5:10: not a list that a line can be added to"),
        ("", "d.yaml:1:1: not a list that a line can be added to"),
    ],
)
def test_files_that_cannot_be_added_to(spec: str, message: str) -> None:
    """A list on one line, no list, nothing at all: refused with what to write."""
    with pytest.raises(InputError) as error:
        append_cases(parse_document(HEAD + spec, "d.yaml"), [CASE])
    assert str(error.value).startswith(message)
    assert "write it as a block" in str(error.value)


@pytest.mark.parametrize(
    "check",
    [
        {"contains": "\ud800"},
        {"cel": float("nan")},
        {"cel": 2**1024},
        {"k" * 2000: 1},
        {"toolCalled": json.loads("[" * 80 + "]" * 80)},
    ],
    ids=["surrogate", "nan", "integer", "key", "depth"],
)
def test_cases_that_no_file_can_hold(check: dict[str, Any]) -> None:
    """What a dataset could not read back is refused, and nothing is written."""
    text = HEAD + f"spec:\n  cases:\n  - id: a\n    step: {STEP}\n"
    with pytest.raises(InputError):
        append_cases(parse_document(text, "d.yaml"), [{"id": "b", "checks": [check]}])


def test_an_edited_file_is_a_dataset() -> None:
    """What was added is read as a case with its checks."""
    document = parse_document(new_dataset("d", "a", [CASE], "schema"), "d.yaml")
    dataset = dataset_from(parse_document(append_cases(document, [{**CASE, "id": "second"}]), "d.yaml"))
    assert [case.id for case in dataset.cases] == ["new", "second"]
    assert dataset.cases[1].checks[0].title == "toolCalled escalate"


def test_a_text_that_the_end_of_the_file_cuts_off() -> None:
    """Any line after it would give the text a line end that it does not have, so nothing is added."""
    text = f"{HEAD}spec:\n  cases:\n  - id: c\n    step: {STEP}\n"
    case: dict[str, Any] = {"id": "d", "step": STEP, "checks": []}
    whole = f"{text}    why: |\n      more\n"
    assert append_cases(parse_document(whole, "d.yaml"), [case]).startswith(whole)
    with pytest.raises(InputError, match="no case can be added") as caught:
        append_cases(parse_document(whole.rstrip(), "d.yaml"), [case])
    assert caught.value.hint == "end the file with a newline"
