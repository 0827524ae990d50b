"""Timestamps: the latest of those that verify, and no stamp that does not."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable

import pytest
from asn1crypto import cms, tsp
from hypothesis import given
from hypothesis import strategies as st
from rfc3161_client import TimestampRequestBuilder
from rfc3161_client.base import HashAlgorithm

from runback_gate.attest.timestamp import MAX_STAMPS, Authority, stamped_times, within
from runback_gate.errors import IntegrityError
from tests.sigstack.certificates import now
from tests.sigstack.timestamps import TimestampAuthority

SIGNATURE = b"a signature"
SERVICE = TimestampAuthority("test")
SINCE = now() - datetime.timedelta(days=1)
TRUSTED = Authority((SERVICE.certificate, SERVICE.root), SINCE, None)


def stamp(ahead: datetime.timedelta = datetime.timedelta(), data: bytes = SIGNATURE) -> bytes:
    """A stamp over the signature, by a clock that may be ahead."""
    request = TimestampRequestBuilder().hash_algorithm(HashAlgorithm.SHA256).data(data).nonce(nonce=True).build()
    SERVICE.ahead = ahead
    return SERVICE.stamp(request.as_bytes())


def test_each_stamp_has_its_time() -> None:
    """All stamps must verify, and each gives its time, in their order."""
    stamps = [stamp(datetime.timedelta(seconds=number)) for number in (0, 60, 30)]
    times = stamped_times(stamps, SIGNATURE, [TRUSTED], "b")
    assert [(time - times[0]).total_seconds() // 10 for time in times] == [0, 6, 3]


@given(st.datetimes(), st.datetimes(), st.lists(st.datetimes(), min_size=1, max_size=3))
def test_a_validity_is_a_closed_range(
    start: datetime.datetime, end: datetime.datetime, times: list[datetime.datetime]
) -> None:
    """Both ends count (sigstore_common.proto, TimeRange); every time must lie inside; without an end none is late."""
    assert within(start, end, times) == (start <= min(times) and max(times) <= end)
    assert within(start, None, times) == (start <= min(times))
    assert within(start, start, [start])


def test_any_authority_may_have_stamped() -> None:
    """Others that are trusted beside it do no harm, nor does a chain that is too short."""
    other = TimestampAuthority("other")
    beside = [
        Authority((other.certificate, other.root), SINCE, None),
        dataclasses.replace(TRUSTED, chain=TRUSTED.chain[:1]),
    ]
    stamped_times([stamp()], SIGNATURE, [*beside, TRUSTED], "b")
    with pytest.raises(IntegrityError, match="a timestamp does not verify"):
        stamped_times([stamp()], SIGNATURE, beside, "b")


def test_an_intermediate_authority_is_part_of_the_chain() -> None:
    """Certificates between the one that signs and the root are taken along."""
    chain = (SERVICE.certificate, SERVICE.root, SERVICE.root)
    stamped_times([stamp()], SIGNATURE, [dataclasses.replace(TRUSTED, chain=chain)], "b")


@pytest.mark.parametrize(
    ("start", "end", "good"),
    [
        (SINCE, now() + datetime.timedelta(hours=1), True),
        (now() + datetime.timedelta(hours=1), None, False),
        (SINCE, now() - datetime.timedelta(hours=1), False),
    ],
)
def test_an_authority_is_trusted_for_a_time(
    start: datetime.datetime, end: datetime.datetime | None, good: bool
) -> None:
    """A stamp from before or after that time does not count."""
    authority = Authority(TRUSTED.chain, start, end)
    if good:
        stamped_times([stamp()], SIGNATURE, [authority], "b")
    else:
        with pytest.raises(IntegrityError, match="a timestamp does not verify"):
            stamped_times([stamp()], SIGNATURE, [authority], "b")


def test_one_bad_stamp_spoils_all() -> None:
    """A stamp over something else among good ones is refused."""
    with pytest.raises(IntegrityError, match="a timestamp does not verify"):
        stamped_times([stamp(), stamp(data=b"else")], SIGNATURE, [TRUSTED], "b")


@pytest.mark.parametrize(
    ("stamps", "message"),
    [
        ([], "the signature has no timestamp"),
        ([stamp()] * (MAX_STAMPS + 1), "more than 32 timestamps"),
        ([b""], "a timestamp cannot be read"),
        ([stamp() + b"\0"], "a timestamp cannot be read"),
    ],
)
def test_no_stamps(stamps: list[bytes], message: str) -> None:
    """None, too many, or something that is none."""
    with pytest.raises(IntegrityError, match=message):
        stamped_times(stamps, SIGNATURE, [TRUSTED], "b")


def rewritten(edit: Callable[[cms.SignedData], object]) -> bytes:
    """A stamp, of which something was changed that its signature does not cover."""
    response = tsp.TimeStampResp.load(stamp())
    edit(response["time_stamp_token"]["content"])
    data: bytes = response.dump(force=True)
    return data


def items(content: cms.SignedData) -> cms.SignerInfo:
    """The one signer."""
    return content["signer_infos"][0]


def attribute() -> cms.CMSAttributes:
    """An attribute that nobody signed."""
    return cms.CMSAttributes([cms.CMSAttribute({"type": "content_type", "values": ["data"]})])


EDITS: dict[str, Callable[[cms.SignedData], object]] = {
    "version": lambda c: c.__setitem__("version", "v1"),
    "version of the signer": lambda c: items(c).__setitem__("version", "v3"),
    "algorithm": lambda c: items(c).__setitem__("signature_algorithm", {"algorithm": "sha384_ecdsa"}),
    "algorithm of another key": lambda c: items(c).__setitem__("signature_algorithm", {"algorithm": "ed25519"}),
    "unsigned attribute": lambda c: items(c).__setitem__("unsigned_attrs", attribute()),
}


@pytest.mark.slow
@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_what_no_signature_covers_is_pinned(edit: Callable[[cms.SignedData], object]) -> None:
    """Versions, the name of the algorithm and attributes outside of the signature cannot be changed either."""
    stamped_times([rewritten(lambda _: None)], SIGNATURE, [TRUSTED], "b")
    with pytest.raises(IntegrityError, match=r"a timestamp (is not in the form|does not verify|cannot be read)"):
        stamped_times([rewritten(edit)], SIGNATURE, [TRUSTED], "b")
