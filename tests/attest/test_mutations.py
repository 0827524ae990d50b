"""Whatever is changed in a bundle or in its report, the result is not accepted any more.

A part of all changes is tried here, evenly spread; RUNBACK_MUTATIONS says how many for each file. `.ci/run` tries more
than 20,000.
"""

from __future__ import annotations

import copy
import itertools
import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from runback_gate.attest.bundle import bundle_bytes, read_bundle
from runback_gate.attest.keys import key_digest, new_key, sign_payload, verify_payload
from runback_gate.attest.proof import Proof
from runback_gate.attest.sigstore import sign_keyless, verify_keyless
from runback_gate.attest.statement import read_statement, statement_bytes
from runback_gate.attest.verify import Expectations, judge
from runback_gate.dsse import IN_TOTO, Json
from runback_gate.errors import InputError
from runback_gate.report.model import write_report
from tests.attest.conftest import never, trust_in
from tests.attest.samples import green, statement
from tests.sigstack.stack import COMMIT, IDENTITY, ISSUER, Stack

COUNT = int(os.environ.get("RUNBACK_MUTATIONS", "800"))
REPORT = write_report(green())
PAYLOAD = statement_bytes(statement(green()))
KEY = new_key("p256")

Reader = Callable[[Json], Proof]


@dataclass(frozen=True)
class Signed:
    """A bundle, and a reader who accepts it."""

    bundle: Json
    prove: Reader

    @property
    def data(self) -> bytes:
        """The file."""
        return bundle_bytes(self.bundle)

    def accepts(self, bundle: bytes, report: bytes = REPORT) -> bool:
        """Whether the reader accepts a bundle and a report, green or red."""
        wanted = Expectations(identity=IDENTITY, issuer=ISSUER, commit=COMMIT, report=report)
        try:
            proof = self.prove(read_bundle(bundle, "b"))
            return judge(proof, read_statement(proof.payload, "b"), wanted).exit_code in (0, 3)
        except InputError:
            return False


def by_key(bundle: Json) -> Proof:
    """What a reader with the public key finds."""
    return Proof(verify_payload(KEY.public_key(), bundle, IN_TOTO), key=key_digest(KEY.public_key()))


@pytest.fixture(scope="module")
def made(services: Stack) -> dict[str, Signed]:
    """One bundle of each kind."""
    found = {"key": Signed(sign_payload(KEY, IN_TOTO, PAYLOAD), by_key)}
    for rekor in (1, 2):
        trust = trust_in(services, rekor)
        [bundle] = sign_keyless([PAYLOAD], services.token(), trust, pause=never)
        found[f"rekor-{rekor}"] = Signed(bundle, partial(verify_keyless, trust=trust, path="b"))
    return found


@pytest.fixture(params=["key", "rekor-1", "rekor-2"])
def signed(request: pytest.FixtureRequest, made: dict[str, Signed]) -> Signed:
    """Each of them."""
    return made[request.param]


def single(data: bytes) -> Iterator[bytes]:
    """Every change of one byte: each bit, taken away, doubled, swapped, and a blank or a digit put in."""
    for place in range(len(data)):
        before, byte, after = data[:place], data[place : place + 1], data[place + 1 :]
        for bit in range(8):
            yield before + bytes([byte[0] ^ 1 << bit]) + after
        yield before + after
        yield before + byte + byte + after
        yield before + after[:1] + byte + after[1:]
        yield before + b" " + byte + after
        yield before + b"0" + byte + after


CHANGES = 13
"""How many of them there are for each byte."""


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The path to every part of a JSON value."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*path, key))


VALUES: tuple[Any, ...] = ("drop", "wrap", "double", "more", None, "", 0, [], {})


def structural(bundle: Any) -> Iterator[Any]:
    """Every part of a bundle taken away, emptied, put in a list, doubled, or given another value."""
    for path in places(bundle):
        if not path:
            continue
        for change in VALUES:
            copied = copy.deepcopy(bundle)
            part = copied
            for step in path[:-1]:
                part = part[step]
            item = part[path[-1]]
            match change:
                case "drop":
                    del part[path[-1]]
                case "wrap":
                    part[path[-1]] = [item]
                case "double":
                    part[path[-1]] = item * 2 if isinstance(item, (list, str)) and item else [item, item]
                case "more":
                    part[path[-1]] = {**item, "more": item} if isinstance(item, dict) else {"more": item}
                case _:
                    part[path[-1]] = change
            yield copied


def some(data: bytes, count: int) -> Iterator[bytes]:
    """About `count` of the changes of one byte, spread over all places and all kinds."""
    step = max(1, len(data) * CHANGES // count)
    while math.gcd(step, CHANGES) > 1:
        step += 1
    return (changed for changed in itertools.islice(single(data), 0, None, step) if changed != data)


def test_what_was_signed_is_accepted(signed: Signed) -> None:
    """Without a change it is: the tests below would not be satisfied by a reader who refuses everything."""
    assert signed.accepts(signed.data)


def test_no_changed_byte_of_a_bundle_is_accepted(signed: Signed) -> None:
    """Not one of them. A certificate takes six times as long to verify as a key, so fewer are tried."""
    count = COUNT if signed.prove is by_key else COUNT // 4
    tried = list(some(signed.data, count))
    assert len(tried) > count // 2
    assert [changed for changed in tried if signed.accepts(changed)] == []


def test_no_other_structure_of_a_bundle_is_accepted(signed: Signed) -> None:
    """Not one part can be taken away, emptied, doubled or given another value."""
    tried = [changed for changed in structural(signed.bundle) if changed != signed.bundle]
    assert len(tried) > 80
    assert [changed for changed in tried if signed.accepts(bundle_bytes(changed))] == []


def test_no_changed_byte_of_a_report_is_accepted(made: dict[str, Signed]) -> None:
    """The report is another one by any byte of it."""
    signed = made["key"]
    tried = list(some(REPORT, COUNT))
    assert len(tried) > COUNT // 2
    assert [changed for changed in tried if signed.accepts(signed.data, changed)] == []
