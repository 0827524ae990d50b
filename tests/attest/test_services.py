"""Services of a Sigstore that are down, slow, wordless or say no: asked again, or not, and nothing half signed."""

from __future__ import annotations

import threading

import pytest

from runback_gate.attest.sigstore import Trust, sign_keyless, verify_keyless
from runback_gate.errors import SigningError
from tests.attest.bundles import PAYLOAD
from tests.attest.conftest import never, trust_in
from tests.sigstack.stack import CERTIFICATES, LOG_1, LOG_2, STAMPS, Stack

pytestmark = pytest.mark.usefixtures("no_job")


@pytest.mark.parametrize("path", [CERTIFICATES, STAMPS, LOG_2])
def test_a_service_that_is_down(stack: Stack, waits: list[float], path: str) -> None:
    """Everything is tried three times, with growing pauses; then nothing is signed."""
    stack.down[path] = -1
    with pytest.raises(SigningError, match="nothing was signed: "):
        sign_keyless([PAYLOAD], stack.token(), trust_in(stack), pause=waits.append)
    assert waits == [1.0, 2.0]
    assert stack.asked.count(path) == 3


def test_the_old_log_that_is_down(stack: Stack, waits: list[float]) -> None:
    """The same for a log of version 1."""
    stack.down[LOG_1] = -1
    with pytest.raises(SigningError, match="HTTP 503"):
        sign_keyless([PAYLOAD], stack.token(), trust_in(stack, 1), pause=waits.append)
    assert waits == [1.0, 2.0]


@pytest.mark.parametrize("path", [CERTIFICATES, STAMPS])
def test_a_service_that_comes_back(stack: Stack, trust: Trust, waits: list[float], path: str) -> None:
    """What is signed in the end is whole: with a timestamp, also where the log alone would do."""
    stack.down[path] = 1
    [bundle] = sign_keyless([PAYLOAD], stack.token(), trust, pause=waits.append)
    assert waits == [1.0]
    assert verify_keyless(bundle, trust, "b").time is not None


def test_a_service_that_does_not_answer(waits: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not waited for without end."""
    waiting = threading.Event()

    def late(*_: object) -> bytes:
        waiting.wait(10)
        raise ValueError("too late")

    monkeypatch.setattr("runback_gate.attest.sigstore.TIMEOUT", 0.05)
    # Services of their own: what still waits when the test ends must not ask those of others.
    with Stack() as stack:
        monkeypatch.setattr(stack, "answer", late)
        with pytest.raises(SigningError, match=r"nothing was signed: no answer within 0\.05 s"):
            sign_keyless([PAYLOAD], stack.token(), trust_in(stack), pause=waits.append)
        waiting.set()
    assert waits == [1.0, 2.0]


@pytest.mark.parametrize("status", [400, 403])
def test_a_service_that_says_no(stack: Stack, status: int) -> None:
    """A refusal is not asked again, and its reason is told."""
    stack.down[CERTIFICATES], stack.status = -1, status
    with pytest.raises(SigningError, match=f"HTTP {status} "):
        sign_keyless([PAYLOAD], stack.token(), trust_in(stack), pause=never)


def test_a_service_without_words(stack: Stack, waits: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that cannot be reached is named by the kind of error; a hostile answer does not tell the token."""
    token = stack.token()

    def echo(*_: object) -> bytes:
        raise ValueError(token)

    monkeypatch.setattr(stack, "answer", echo)
    with pytest.raises(SigningError) as refused:
        sign_keyless([PAYLOAD], token, trust_in(stack), pause=never)
    assert token[:40] not in str(refused.value)
    assert "HTTP 400" in str(refused.value)
    assert waits == []
