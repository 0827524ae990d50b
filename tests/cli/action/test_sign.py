"""`action` as the job that signs: the report of an earlier job, a bundle, and a store for it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from runback_gate.attest.bundle import read_bundle
from runback_gate.attest.statement import read_statement
from runback_gate.dsse import envelope_of
from tests.cli.action.conftest import Job
from tests.cli.conftest import Command, Result
from tests.github.fake import FakeGitHub, Fault
from tests.github.repository import Repository

pytestmark = pytest.mark.integration


def test_sign(
    job: Job,
    gate: Path,
    hub: FakeGitHub,
    command: Command,
    outputs: Callable[[], dict[str, str]],
    repository: Repository,
) -> None:
    """A job of its own signs the report of an earlier one, judges nothing, and names the bundle."""
    assert command("keys", "generate", str(gate.parent / f"{gate.name}-key"), "--no-password").code == 0
    secret = (gate.parent / f"{gate.name}-key.key").read_text()
    head = repository.commit("head")
    assert job(head=head, GITHUB_EVENT_NAME="push").code == 0
    report = (gate / ".runback/report.json").read_bytes()
    asked = len(hub.log)
    result = job(head=head, GITHUB_EVENT_NAME="push", sign=".runback/report.json", key="env:GATE_KEY", GATE_KEY=secret)
    assert (result.code, result.out.split()[:2]) == (0, ["signed", "PASSED"]), result
    assert outputs() == {"bundle": ".runback/attestation.json"}
    path = ".runback/attestation.json"
    statement = read_statement(envelope_of(read_bundle((gate / path).read_bytes(), path), path).payload, path)
    assert statement.facts.commit == head
    assert (gate / ".runback/report.json").read_bytes() == report
    assert len(hub.log) == asked


@pytest.fixture
def signed(job: Job, gate: Path, command: Command, repository: Repository) -> Callable[..., Result]:
    """Signs the report of an earlier job of a push with a key."""
    assert command("keys", "generate", str(gate.parent / f"{gate.name}-key"), "--no-password").code == 0
    secret = (gate.parent / f"{gate.name}-key.key").read_text()
    head = repository.commit("head")
    assert job(head=head, GITHUB_EVENT_NAME="push").code == 0
    common = {"GITHUB_EVENT_NAME": "push", "GITHUB_ACTIONS": "true", "sign": ".runback/report.json"}

    def run(**settings: str) -> Result:
        return job(**{"head": head, **common, "key": "env:GATE_KEY", "GATE_KEY": secret, **settings})

    return run


def test_the_store_is_sent_what_was_signed(signed: Callable[..., Result], gate: Path, hub: FakeGitHub) -> None:
    """The bundle as it lies in the file, once, and only where the workflow asks for it."""
    assert signed().code == 0
    assert hub.attestations == {}
    result = signed(store="true")
    ((key, bundle),) = hub.attestations.items()
    assert (result.code, f"stored     attestation {key}" in result.out) == (0, True)
    assert bundle == json.loads((gate / ".runback/attestation.json").read_bytes())


@pytest.mark.parametrize("fault", [403, 404, 422, 502, 0])
def test_the_store_may_fail(
    signed: Callable[..., Result], hub: FakeGitHub, outputs: Callable[[], dict[str, str]], fault: int
) -> None:
    """Whatever it answers, or if nothing comes back: the bundle is signed and named, and a warning says why."""
    hub.faults.append(Fault("POST", "attestations", fault, message="no::such\nright"))
    result = signed(store="true")
    assert result.code == 0
    (warning,) = (line for line in result.out.splitlines() if line.startswith("::warning"))
    assert "Not in the attestation store: " in warning
    assert outputs() == {"bundle": ".runback/attestation.json"}
    assert (hub.attestations, hub.count("POST", "attestations")) == ({}, 1)


def test_nothing_is_stored_of_a_repository_that_may_be_private(signed: Callable[..., Result], hub: FakeGitHub) -> None:
    """Or where nobody says who may store it."""
    for settings in ({"GITHUB_ACTIONS": "false"}, {"token": ""}):
        result = signed(store="true", **settings)
        assert (result.code, "Not in the attestation store" in result.out) == (0, True)
    assert hub.attestations == {}


def test_sign_without_an_identity(job: Job, gate: Path, outputs: Callable[[], dict[str, str]]) -> None:
    """Without a key and without the identity of a job nothing is signed: exit 2, and no bundle is named."""
    assert job(GITHUB_EVENT_NAME="push").code == 0
    for settings in ({"sign": ".runback/report.json"}, {"sign": "none.json", "key": "env:NONE"}):
        result = job(GITHUB_EVENT_NAME="push", **settings)
        assert result.code == 2
        assert result.error
        assert outputs() == {}
        assert not (gate / ".runback/attestation.json").exists()
