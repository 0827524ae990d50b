"""The printed commands, run to the letter: they take what was taken here, refuse what is refused here, and write
nothing that was there before.

cosign is built by `.ci/run`, which names it in RUNBACK_COSIGN; without that the tests that run it are skipped.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runback_gate.attest.bundle import bundle_bytes
from runback_gate.attest.commands import GITHUB_ISSUER, VerifyOptions, commands
from runback_gate.attest.keys import new_key, public_pem, sign_payload
from runback_gate.attest.proof import Proof
from runback_gate.attest.sigstore import sign_keyless
from runback_gate.attest.statement import Statement, statement_bytes
from runback_gate.attest.verify import Expectations, Verification, judge
from runback_gate.canonical import digest_bytes
from runback_gate.dsse import IN_TOTO
from runback_gate.report.model import write_report
from tests.attest.conftest import never, trust_in
from tests.attest.samples import green, proof, red, statement
from tests.sigstack.stack import IDENTITY, ISSUER, Stack

COSIGN = os.environ.get("RUNBACK_COSIGN", "")
REPORT = write_report(green())
AGENT = b"kind: Agent\n"
ODD = ("plain.json", "-n.json", "a b.json", "it's.json", "$(id).json", "sub/x.json", "k8s:x.json", "*.json", "é.json")

with_cosign = pytest.mark.skipif(not COSIGN, reason="RUNBACK_COSIGN names no cosign")


def believed(item: Statement, **changes: Any) -> Verification:
    """A statement that a workflow signed, as it is judged."""
    return judge(proof(item, **changes), item, Expectations(IDENTITY, ISSUER))


def of_key(item: Statement) -> Verification:
    """A statement that a key signed, as it is judged."""
    return judge(Proof(statement_bytes(item), key=digest_bytes(b"")), item, Expectations())


KEYLESS = VerifyOptions("bundle.json", "report.json", identity=IDENTITY, issuer=ISSUER, trust="root.json")
KEYED = VerifyOptions("bundle.json", "report.json", key="gate.pub")


def test_what_is_not_believed_has_no_command() -> None:
    """A command for what was refused or not verified would be a way around it; standard input has none either."""
    good = believed(statement())
    assert len(commands(KEYLESS, good)) == 2
    assert commands(KEYLESS, dataclasses.replace(good, faults=(object(),))) == ()  # type: ignore[arg-type]
    for name in ("bundle", "report", "trust", "key"):
        changes: dict[str, Any] = {name: "-"}
        assert commands(dataclasses.replace(KEYLESS, **changes), good) == ()
    assert commands(dataclasses.replace(KEYLESS, agents=("-",)), good) == ()


def test_all_that_was_compared_is_said() -> None:
    """Signer, issuer, repository, ref, commit and trigger stand in the commands to the letter."""
    found = proof(statement())
    assert found.identity is not None
    for command in commands(KEYLESS, believed(statement())):
        words = shlex.split(command)
        for value in (IDENTITY, ISSUER, found.identity.ref, found.identity.commit):
            assert value in words
        assert f'"{found.identity.trigger}"' in command or found.identity.trigger in words


def test_a_tool_that_cannot_say_it_gets_no_command() -> None:
    """Facts of a certificate that cosign and gh look for at GitHub alone are not left out: the command is."""
    other = dataclasses.replace(KEYLESS, issuer="https://gitlab.example")
    assert commands(other, believed(statement())) == ()
    mail = Proof(
        statement_bytes(statement()),
        identity=dataclasses.replace(
            proof(statement()).identity,
            repository=None,
            ref=None,
            commit=None,
            trigger=None,
            run=None,  # type: ignore[type-var]
        ),
    )
    assert len(commands(other, Verification(mail, statement()))) == 1
    assert GITHUB_ISSUER == ISSUER


@pytest.mark.parametrize("config", [False, True])
@pytest.mark.parametrize("name", ODD)
def test_nothing_is_written_over(name: str, config: bool) -> None:
    """The one file that a command writes is a temporary one; each name stays one word, and is no option."""
    options = VerifyOptions(name, name, (name,), IDENTITY, ISSUER, trust=name, trust_is_config=config)
    found = commands(options, believed(statement()))
    assert len(found) == 4
    for command in found:
        assert set(re.findall(r"> (\S+)", command)) <= {'"$root"', "/dev/null"}
        words = shlex.split(command)
        assert not any(word.startswith("-n") for word in words)
        assert words.count(name) + words.count(f"./{name}") >= 3


@dataclasses.dataclass(frozen=True)
class Folder:
    """A folder with a report, a bundle and whatever verifies it, and its commands."""

    path: Path
    options: VerifyOptions
    found: Verification
    said: list[str] = dataclasses.field(default_factory=list)
    """What cosign said."""

    def run(self) -> list[int]:
        """The exit codes of all commands of cosign, run by a shell to the letter."""
        environment = {**os.environ, "PATH": f"{Path(COSIGN).parent}:{os.environ['PATH']}", "HOME": str(self.path)}
        lines = [line for line in commands(self.options, self.found) if "cosign " in line]
        assert lines
        before = {path: path.read_bytes() for path in self.path.rglob("*.json")}
        words = {"cwd": self.path, "env": environment, "capture_output": True, "text": True, "check": False}
        done = [subprocess.run(["sh", "-c", line], **words) for line in lines]  # type: ignore[call-overload]
        self.said.extend(item.stderr for item in done)
        assert before == {path: path.read_bytes() for path in before}
        return [item.returncode for item in done]


def signed_in(folder: Path, stack: Stack, rekor: int, item: Statement | None = None, **claims: Any) -> Folder:
    """What a workflow signed, and a client trust config or a root."""
    item = item or statement()
    [bundle] = sign_keyless([statement_bytes(item)], stack.token(**claims), trust_in(stack, rekor), pause=never)
    (folder / "bundle.json").write_bytes(bundle_bytes(bundle))
    (folder / "report.json").write_bytes(REPORT)
    (folder / "root.json").write_text(json.dumps(stack.trust_config(rekor) if rekor == 1 else stack.trusted_root()))
    options = dataclasses.replace(KEYLESS, trust_is_config=rekor == 1)
    return Folder(folder, options, believed(statement()))


@pytest.mark.contract
@with_cosign
@pytest.mark.parametrize("rekor", [1, 2])
def test_cosign_takes_what_a_workflow_signed(stack: Stack, tmp_path: Path, rekor: int) -> None:
    """With the report, and by its digest where no report was given."""
    folder = signed_in(tmp_path, stack, rekor)
    assert folder.run() == [0], folder.said
    assert dataclasses.replace(folder, options=dataclasses.replace(folder.options, report=None)).run() == [0]


CHANGES: dict[str, Callable[[Path, Stack], object]] = {
    "a failed result": lambda path, stack: signed_in(path, stack, 2, statement(red())),
    "another commit": lambda path, stack: signed_in(path, stack, 2, sha="b" * 40),
    "another trigger": lambda path, stack: signed_in(path, stack, 2, event_name="pull_request"),
    "another ref": lambda path, stack: signed_in(path, stack, 2, ref="refs/pull/1/merge"),
    "another repository": lambda path, stack: signed_in(path, stack, 2, repository="evil/agent"),
    "another identity": lambda path, stack: signed_in(
        path, stack, 2, job_workflow_ref="acme/agent/.github/workflows/other.yml@refs/heads/main"
    ),
    "another report": lambda path, _: (path / "report.json").write_bytes(write_report(red())),
    "another root": lambda path, _: [
        (path / "root.json").write_text(json.dumps(other.trusted_root())) for other in [Stack()]
    ],
    "another payload": lambda path, _: (path / "bundle.json").write_bytes(
        (path / "bundle.json").read_bytes().replace(b'"payload":"ey', b'"payload":"eyI')
    ),
}


@pytest.mark.contract
@with_cosign
@pytest.mark.parametrize("change", CHANGES)
def test_cosign_refuses_what_is_refused_here(stack: Stack, tmp_path: Path, change: str) -> None:
    """Of what was put in the place of the files none passes the commands."""
    folder = signed_in(tmp_path, stack, 2)
    CHANGES[change](tmp_path, stack)
    assert 0 not in folder.run()


@pytest.mark.contract
@with_cosign
@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("variable", [False, True])
def test_cosign_takes_what_a_key_signed(tmp_path: Path, name: str, variable: bool, monkeypatch: Any) -> None:
    """Whatever the files are called, and where the key lies in a variable; another key or report is refused."""
    key, pub = new_key("p256"), f"{name}.pub"
    folder = Folder(
        tmp_path, VerifyOptions(name, f"r{name}", key="env:GATE_PUB" if variable else pub), of_key(statement())
    )
    for path, data in (
        (name, bundle_bytes(sign_payload(key, IN_TOTO, statement_bytes(statement())))),
        (f"r{name}", REPORT),
        (pub, public_pem(key.public_key())),
    ):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(data)
    monkeypatch.setenv("GATE_PUB", public_pem(key.public_key()).decode())
    assert folder.run() == [0], folder.said
    (tmp_path / name).write_bytes(bundle_bytes(sign_payload(key, IN_TOTO, statement_bytes(statement(red())))))
    assert 0 not in folder.run()
    (tmp_path / name).write_bytes(bundle_bytes(sign_payload(new_key("p256"), IN_TOTO, statement_bytes(statement()))))
    assert 0 not in folder.run()
