"""Whom a keyless signature trusts: logs, authorities and their times; what names nobody is refused."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.x509 import load_der_x509_certificate
from rfc3161_client import decode_timestamp_response
from sigstore.models import ClientTrustConfig

from runback_gate.attest.certificate import issue_times
from runback_gate.attest.sigstore import Trust, public_trust, read_trust, sign_keyless, verify_keyless
from runback_gate.dsse import Json, decoded
from runback_gate.errors import InputError, IntegrityError, SigningError
from tests.attest.bundles import PAYLOAD, entry, material, stamps
from tests.attest.conftest import never, trust_in
from tests.sigstack.certificates import new_key as new_ec_key
from tests.sigstack.stack import Stack

pytestmark = pytest.mark.usefixtures("no_job")


def test_a_log_that_nobody_trusts(stack: Stack, trust: Trust, waits: list[float]) -> None:
    """A log that signs with another key than the trusted one is found out before anything is given out."""
    stack.log.signing_key = new_ec_key()
    with pytest.raises(SigningError, match=r"nothing was signed: .*invalid"):
        sign_keyless([PAYLOAD], stack.token(), trust, pause=waits.append)


def test_time_stamps_that_nobody_trusts(stack: Stack, trust: Trust, waits: list[float]) -> None:
    """So is an authority that stamps with another key."""
    stack.stamps.key = new_ec_key()
    with pytest.raises(SigningError, match=r"nothing was signed: .*(timestamp|verified time)"):
        sign_keyless([PAYLOAD], stack.token(), trust, pause=waits.append)


@pytest.mark.parametrize("hours", [-1, 1])
def test_an_expired_certificate(stack: Stack, trust: Trust, waits: list[float], hours: int) -> None:
    """A certificate that was not valid at the time of the stamp does not count."""
    stack.stamps.ahead = datetime.timedelta(hours=hours)
    with pytest.raises(SigningError, match=r"nothing was signed: .*(not valid at|expired|timestamp|verified time)"):
        sign_keyless([PAYLOAD], stack.token(), trust, pause=waits.append)


def test_trust_without_time_stamps(stack: Stack) -> None:
    """Without an authority for timestamps nothing is signed, and nobody is asked."""
    trust = read_trust(json.dumps(stack.trust_config(tsa=False)).encode(), "t")
    with pytest.raises(InputError, match="names no timestamp authority"):
        sign_keyless([PAYLOAD], stack.token(), trust, pause=never)
    assert stack.asked == []


def test_trust_without_services(stack: Stack) -> None:
    """A configuration that names no service of today still verifies, and says why it cannot sign."""
    config = stack.trust_config()
    config["signingConfig"]["caUrls"] = []
    trust = read_trust(json.dumps(config).encode(), "t")
    with pytest.raises(InputError, match="the trust configuration cannot sign: No valid Fulcio CA found"):
        sign_keyless([PAYLOAD], stack.token(), trust, pause=never)


def test_a_root_only_verifies(stack: Stack) -> None:
    """A trusted root names nobody who could sign."""
    trust = read_trust(json.dumps(stack.trusted_root()).encode(), "t")
    with pytest.raises(InputError, match="a trusted root can verify, but not sign"):
        sign_keyless([PAYLOAD], stack.token(), trust, pause=never)


def test_what_is_no_trust(stack: Stack) -> None:
    """Other files, and damaged ones, are refused with their reason."""
    config = stack.trust_config()
    for value, message in (
        (b"[]", "t: not a trust configuration"),
        (b'{"mediaType":"x"}', "t: not a trust configuration"),
        (json.dumps({**config, "trustedRoot": 1}).encode(), "t: "),
        (json.dumps({**stack.trusted_root(), "tlogs": 1}).encode(), "t: "),
    ):
        with pytest.raises(InputError) as refused:
            read_trust(value, "t")
        assert str(refused.value).startswith(message)


def test_public_services_are_known(stack: Stack) -> None:
    """Signing is public when the log or the authority is that of the public Sigstore, by its host's name."""
    config = stack.trust_config()
    assert not trust_in(stack).public
    for url, public in (
        ("https://rekor.sigstore.dev", True),
        ("https://log2025-1.rekor.sigstage.dev", True),
        ("https://sigstore.dev.example", False),
        ("https://evilsigstore.dev", False),
        ("rekor", False),
    ):
        config["signingConfig"]["rekorTlogUrls"][0]["url"] = url
        assert read_trust(json.dumps(config).encode(), "t").public is public


def test_the_public_trust(monkeypatch: pytest.MonkeyPatch, stack: Stack) -> None:
    """It is fetched, or what was fetched is taken; where that fails it says so and names the way out."""
    asked: list[bool] = []

    def production(*, offline: bool) -> object:
        asked.append(offline)
        if len(asked) > 2:
            raise OSError("no network")
        return trust_in(stack).config

    monkeypatch.setattr(ClientTrustConfig, "production", production)
    assert public_trust().public
    assert public_trust(offline=True).config is not None
    with pytest.raises(SigningError, match=r"could not be fetched: no network \(name a file with --trust-config"):
        public_trust()
    assert asked == [False, True, False]


def test_another_trust(signed: dict[int, Json]) -> None:
    """A bundle of one Sigstore does not verify by another, whatever version its log has."""
    with Stack() as other:
        for bundle in signed.values():
            with pytest.raises(IntegrityError):
                verify_keyless(bundle, trust_in(other), "b")


MEMBERS: dict[str, Callable[[Any], Any]] = {
    "certificate authority": lambda root: root["certificateAuthorities"][0],
    "certificate log": lambda root: root["ctlogs"][0]["publicKey"],
    "transparency log": lambda root: root["tlogs"][0]["publicKey"],
    "timestamp authority": lambda root: root["timestampAuthorities"][0],
}
SECOND = datetime.timedelta(seconds=1)
HOUR = datetime.timedelta(hours=1)


def seen(bundle: Any) -> list[datetime.datetime]:
    """Every time that the parts of a bundle name: of the certificate's log, of the stamp, of an old log."""
    der = decoded(material(bundle)["certificate"]["rawBytes"], "rawBytes", "b")
    response = decode_timestamp_response(decoded(stamps(bundle)[0]["signedTimestamp"], "signedTimestamp", "b"))
    times = [*issue_times(load_der_x509_certificate(der)), response.tst_info.gen_time]
    old = entry(bundle).get("integratedTime")
    return [*times, *([datetime.datetime.fromtimestamp(int(old), datetime.UTC)] if old else [])]


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize("rekor", [1, 2])
def test_trust_material_has_a_time(services: Stack, signed: dict[int, Json], rekor: int, member: str) -> None:
    """Whatever a root names counts within its stated validity at the signed time: not before, not after, beside any
    other that is valid and did not sign."""
    first, last = min(seen(signed[rekor])), max(seen(signed[rekor]))
    with Stack() as other:
        beside = other.trusted_root()
    for start, end, good in (
        (first - HOUR, None, True),
        (first - HOUR, last + SECOND, True),
        (first - HOUR, first - SECOND, False),
        (last + SECOND, None, False),
        (last + SECOND, last + HOUR, False),
    ):
        for more in ({}, beside):
            root = services.trusted_root()
            period = {"start": start.isoformat(), **({"end": end.isoformat()} if end else {})}
            MEMBERS[member](root)["validFor"] = period
            for name, value in more.items():
                root[name] = [*root[name], *value] if isinstance(value, list) else root[name]
            trust = read_trust(json.dumps(root).encode(), "root.json")
            if good:
                assert verify_keyless(signed[rekor], trust, "b").payload == PAYLOAD
                continue
            with pytest.raises(IntegrityError) as refused:
                verify_keyless(signed[rekor], trust, "b")
            if not more and member != "timestamp authority":
                assert f"no {member} of the trust root was valid at the signed time" in str(refused.value)
