"""A Sigstore of this machine for the tests that sign and verify without keys."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator

import pytest

from runback_gate.attest.sigstore import Trust, read_trust, sign_keyless
from runback_gate.attest.statement import statement_bytes
from runback_gate.dsse import Json
from tests.attest.samples import statement
from tests.sigstack.stack import Stack


@pytest.fixture(scope="session")
def services() -> Iterator[Stack]:
    """The services, up for the whole session."""
    with Stack() as stack:
        yield stack


@pytest.fixture
def stack(services: Stack) -> Iterator[Stack]:
    """The services, all well; what a test breaks is put right after it."""
    keys = services.log.signing_key, services.stamps.key
    services.asked.clear()
    yield services
    services.down.clear()
    services.claims.clear()
    services.status = 503
    services.stamps.ahead = datetime.timedelta()
    services.log.signing_key, services.stamps.key = keys


@pytest.fixture(params=[1, 2], ids=["rekor-v1", "rekor-v2"])
def trust(request: pytest.FixtureRequest, services: Stack) -> Trust:
    """Trust in the services, for each version of the log."""
    return trust_in(services, request.param)


def trust_in(stack: Stack, rekor: int = 2) -> Trust:
    """Trust in a stack, by the file that names it."""
    return read_trust(json.dumps(stack.trust_config(rekor)).encode(), "trust.json")


@pytest.fixture(scope="session")
def signed(services: Stack) -> dict[int, Json]:
    """A bundle of the sample statement for each version of the log. The second one is not alone in its tree."""
    found = {}
    for rekor in (1, 2):
        trust = trust_in(services, rekor)
        found[rekor] = sign_keyless([statement_bytes(statement())], services.token(), trust, pause=never)[0]
    return found


def never(seconds: float) -> None:
    """A pause that must not be."""
    raise AssertionError(f"waited for {seconds} s")


@pytest.fixture
def waits() -> list[float]:
    """The pauses that were made."""
    return []


@pytest.fixture
def no_job(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of whoever runs the tests has no say."""
    for name in ("GITHUB_ACTIONS", "ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"):
        monkeypatch.delenv(name, raising=False)
