"""Whole answers and requests in a report: once, by digest, within bounds, and the same from parts."""

from __future__ import annotations

import tracemalloc
from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from runback_gate.canonical import JsonValue, canonical_bytes, digest
from runback_gate.gate.bodies import Bodies, body
from runback_gate.gate.verdict import Verdict
from runback_gate.report.bodies import MAX_BODIES, MAX_BODY, merged_bodies, report_bodies
from runback_gate.step import Request, Response, to_json


def add(kept: Bodies, value: object) -> str:
    """Keep one value; its digest."""
    name, data = body(value)
    kept.keep({name: data})
    return name


def test_a_body_is_kept_once(make: SimpleNamespace) -> None:
    """Ten rows about one answer hold it once; its digest is that of its canonical JSON."""
    kept = Bodies()
    name = add(kept, to_json(Response("Hello.", latency_ms=3)))
    question = Request("m", "Be kind.", parameters={"temperature": 0.5, "seed": 2**60})
    asked = add(kept, to_json(question))
    trial = make.trial(Verdict.FAIL, answer_digest=name, request=asked)
    rows = [make.row(f"c{number}", Verdict.FAIL, trials=(trial,), recorded_answer=name) for number in range(10)]
    answers, requests = report_bodies(rows, kept.get)
    assert [(item.digest, item.value) for item in answers] == [(name, {"text": "Hello.", "latency_ms": 3})]
    (request,) = requests
    assert request.digest == digest(to_json(question))


def test_what_is_too_large_is_its_digest(make: SimpleNamespace) -> None:
    """One answer beyond its bound, and all answers beyond theirs: digest and size stay."""
    kept = Bodies()
    large = add(kept, {"text": "x" * MAX_BODY})
    many = [add(kept, {"text": f"{number:08}" * (MAX_BODY // 16)}) for number in range(2 * MAX_BODIES // MAX_BODY + 2)]
    rows = [
        make.row("c", Verdict.FAIL, trials=(make.trial(Verdict.FAIL, answer_digest=name),)) for name in [large, *many]
    ]
    answers, _ = report_bodies(rows, kept.get)
    whole = {item.digest for item in answers if item.value is not None}
    assert len(answers) == len(rows)
    assert large not in whole
    assert many[0] in whole
    assert many[-1] not in whole
    assert sum(item.bytes for item in answers if item.value is not None) <= MAX_BODIES


@given(st.lists(st.integers(0, 12), min_size=1, max_size=20), st.integers(1, 4), st.integers(1, 400))
def test_parts_make_the_whole(make: SimpleNamespace, wanted: list[int], of: int, bound: int) -> None:
    """However the rows are dealt out, the bodies of the parts are those of one run, byte for byte."""
    kept = Bodies()
    names = [add(kept, {"text": "x" * (10 * number)}) for number in range(13)]
    rows = [
        make.row("c", Verdict.FAIL, trials=(make.trial(Verdict.FAIL, answer_digest=names[item]),)) for item in wanted
    ]
    parts = [report_bodies(rows[number::of], kept.get, bound)[0] for number in range(of)]
    found = {item.digest: item for answers in parts for item in answers}
    found |= {item.digest: item for answers in parts for item in answers if item.value is not None}
    assert merged_bodies(rows, found, bound) == report_bodies(rows, kept.get, bound)


def test_what_is_beyond_the_bound_is_not_read(make: SimpleNamespace) -> None:
    """It would take time and memory for nothing: what follows it is there by digest and size."""
    data = {"a": b'{"text":"x"}', "b": b"no JSON", "c": b"nor is this"}
    rows = [make.row("c", Verdict.FAIL, trials=(make.trial(Verdict.FAIL, answer_digest=name),)) for name in data]
    answers, _ = report_bodies(rows, data.get, len(data["a"]))
    assert [(item.digest, item.value) for item in answers] == [("a", {"text": "x"}), ("b", None), ("c", None)]


def test_digests_are_those_of_the_gate() -> None:
    """A body has the digest that the rest of the package gives to its value."""
    value = to_json(Response("Hi", cost_usd="0.1"))
    assert body(value)[0] == digest(value)


def test_bodies_take_little_memory() -> None:
    """A short answer takes some hundred bytes, not the buffer that it was written into; a long question what is new in
    it; each is given back as it was."""
    kept = Bodies()
    values: list[JsonValue] = [{"text": f"answer {number}"} for number in range(200)]
    values += [{"text": f"{number} " + " ".join(map(str, range(2_000)))} for number in range(200)]
    tracemalloc.start()
    names = [add(kept, value) for value in values]
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size < 1_000 * len(values)
    assert [kept.get(name) for name in names] == [canonical_bytes(value) for value in values]


@given(st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=5), min_size=1, max_size=6))
def test_each_is_given_back_as_it_was(rows: list[list[int]]) -> None:
    """Whatever is said in a row, in others as well, or asked for first: texts with line ends too."""
    said = [[body({"text": f"{number}\n\u2028" * (number * 40)}) for number in row] for row in rows]
    kept = Bodies()
    for row in said:
        kept.keep(dict(row))
    for name, data in (item for row in reversed(said) for item in row):
        assert kept.get(name) == data
    assert kept.get("sha256:nobody") is None
