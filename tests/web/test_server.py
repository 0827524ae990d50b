"""The server starts where it may, bounds what it takes, and writes what is there at its end."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from runback_gate.cli import main
from runback_gate.errors import InputError
from runback_gate.testing.server import Act, ModelServer, completion
from runback_gate.web import guard, server
from runback_gate.web.guard import Guard
from tests.web.conftest import Local, Serve
from tests.web.questions import BODY, PATH

PROVIDER = "/v1/proxy/PROVIDER"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_beyond_loopback_needs_a_token(host: str, tmp_path: Path) -> None:
    """An address that others reach is refused without a token, or with one that can be guessed."""
    for token in (None, "short"):
        with pytest.raises(InputError):
            server.ServeOptions(tmp_path, host, token=token).check()
    server.ServeOptions(tmp_path, host, token="0123456789abcdef").check()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.0.0.2"])
def test_loopback_needs_none(host: str, tmp_path: Path) -> None:
    """What only this machine reaches needs no token."""
    server.ServeOptions(tmp_path, host).check()


@pytest.mark.parametrize("host", ["127.0.0.1:4318", "localhost", "[::1]:4318", "LOCALHOST:1"])
def test_names_of_this_machine(host: str) -> None:
    """The server is asked by any name of this machine, and by no other."""
    rules = Guard("127.0.0.1")
    assert rules.refusal(host, None, None) is None
    assert rules.refusal(host, f"http://{host.lower()}", None) is None
    for other in (f"{host}.evil.example", "127.0.0.1.evil.example", "[", None):
        assert rules.refusal(other, None, None) is not None


def test_too_large_and_too_much(served: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """A body beyond the limit, and bodies that are too much together, are refused before they are whole."""
    monkeypatch.setattr(guard, "MAX_HELD", 1000)
    with ModelServer(lambda _body, _number: Act(completion("x"))) as provider:
        with served(providers={"local": provider.url}) as proxy:
            status, headers, _ = proxy.post(PATH, BODY | {"user": "u" * 2000})
            assert (status, headers["retry-after"]) == (503, "1")
            assert proxy.post(PATH, BODY)[0] == 200  # what was held is given back
        assert provider.count == 1


def test_port_that_is_taken(tmp_path: Path) -> None:
    """A port that somebody has is an error that names it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        options = server.ServeOptions(tmp_path, port=taken.getsockname()[1])
        with pytest.raises(InputError, match="cannot be listened on"):
            asyncio.run(server.serve(options, lambda _address: None, asyncio.Event().wait))


def command(*arguments: str) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "runback_gate", "serve", "--listen", "127.0.0.1:0", *arguments]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.integration
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_ends_cleanly(number: signal.Signals, tmp_path: Path) -> None:
    """An interrupted server writes what is there, and exits 0."""
    with ModelServer(lambda _body, _number: Act(completion("x"))) as provider:
        process = command("--provider", f"local={provider.url}", "--out", str(tmp_path), "--redact", "off")
        assert process.stdout is not None
        port = int(process.stdout.readline().split()[1].removesuffix(PROVIDER).rpartition(":")[2])
        proxy = Local(port, tmp_path)
        assert proxy.post(PATH, BODY)[0] == 200
        process.send_signal(number)
        _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, "")
    assert [len(run.steps) for run in proxy.runs()] == [1]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--listen", "0.0.0.0:0"),
        ("--listen", "nowhere"),
        ("--listen", "127.0.0.1:99999"),
        ("--provider", "local"),
        ("--provider", "agent=http://127.0.0.1"),
        ("--provider", "local=http://user:password@127.0.0.1"),
        ("--provider", "local=file:///etc"),
        ("--agent", " "),
        ("--idle", "0"),
        ("--replay", "no-such-run"),
    ],
)
def test_what_is_refused(arguments: tuple[str, ...]) -> None:
    """Options that cannot be meant end the command with 2."""
    with pytest.raises(SystemExit) as ended:
        main(["serve", "--listen", "127.0.0.1:0", *arguments])
    assert ended.value.code == 2
