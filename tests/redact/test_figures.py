"""Figures on data that is not ours: what is found of each kind, and what is kept."""

from __future__ import annotations

import json
import uuid
from collections import Counter

import pytest

from runback_gate.redact import load_rules
from runback_gate.redact.find import Finder
from tests.conftest import SHARED_DATA
from tests.extras import needs_data

STRICT = Finder(load_rules("strict"))
RECALL = {
    "EMAIL_ADDRESS": 1.0,
    "US_SSN": 1.0,
    "IP_ADDRESS": 1.0,
    "IBAN_CODE": 0.98,
    "CREDIT_CARD": 0.98,
    "PHONE_NUMBER": 0.8,
}
PRESIDIO = SHARED_DATA / "redaction" / "presidio-synth.json"


@needs_data(PRESIDIO)
def test_recall_on_presidio() -> None:
    """Of Presidio's made-up people (MIT) each kind is found as the promises say."""
    found: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for entry in json.loads(PRESIDIO.read_text(encoding="utf-8")):
        spans = STRICT.spans(entry["full_text"])
        for label in entry["spans"]:
            start, end, kind = label["start_position"], label["end_position"], label["entity_type"]
            if kind in RECALL:
                total[kind] += 1
                covered = sum(max(0, min(end, span.end) - max(start, span.start)) for span in spans)
                found[kind] += covered >= end - start - 5
    assert total
    assert {kind: found[kind] / total[kind] for kind in total if found[kind] / total[kind] < RECALL[kind]} == {}


STATE = [3]


def drawn(first: int, end: int) -> int:
    """A number from `first` to before `end`, by Knuth's linear congruence: after a seed the same in every run."""
    STATE[0] = (STATE[0] * 6364136223846793005 + 1442695040888963407) % 2**64
    return first + (STATE[0] >> 16) % (end - first)


def digits(size: int) -> str:
    """A number of so many digits."""
    return str(drawn(10 ** (size - 1), 10**size))


def gs1(size: int) -> str:
    """A valid EAN or UPC."""
    body = [drawn(0, 10) for _ in range(size - 1)]
    total = sum(digit * (3 - 2 * (place % 2)) for place, digit in enumerate(reversed(body)))
    return "".join(map(str, [*body, -total % 10]))


NUMBERS = {
    "uuid": lambda: str(uuid.UUID(int=drawn(0, 2**46) << 82 | drawn(0, 2**46) << 40 | drawn(0, 2**40))),
    "epoch": lambda: str(drawn(1_500_000_000, 1_900_000_000)),
    "epoch in milliseconds": lambda: str(drawn(1_500_000_000_000, 1_900_000_000_000)),
    "epoch in microseconds": lambda: str(drawn(1_500_000_000_000_000, 1_900_000_000_000_000)),
    "EAN": lambda: gs1(13),
    "UPC": lambda: gs1(12),
    "order": lambda: f"{digits(3)}-{digits(7)}-{digits(7)}",
    "order of ten digits": lambda: digits(10),
    "date": lambda: f"{drawn(1990, 2030)}-{drawn(10, 13)}-{drawn(10, 29)}",
    "day first": lambda: f"{drawn(10, 29)}.{drawn(10, 13)}.{drawn(1990, 2030)}",
    "amount": lambda: f"${drawn(1, 999)},{digits(3)}.{digits(2)}",
}


@pytest.mark.parametrize("many", [200, pytest.param(2000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", sorted(NUMBERS))
@pytest.mark.parametrize("text", ["the value {} here", "{}", "order {} shipped", "id: {}"])
def test_numbers_that_are_nobodys_stay(kind: str, text: str, many: int) -> None:
    """At most 2 % of any kind are taken for something else."""
    STATE[0] = 3
    taken = sum(bool(STRICT.spans(text.format(NUMBERS[kind]()))) for _ in range(many))
    assert taken <= 0.02 * many
