"""The client below the direct path, against servers that speak bytes: heads, TLS, proxies, connections."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import gzip
import ipaddress
import math
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from runback_gate.canonical import plain_bytes
from runback_gate.errors import ProviderError
from runback_gate.replay.providers import Provider, real_world
from runback_gate.replay.providers.direct import Connection
from runback_gate.step import Message, Request
from runback_gate.testing.server import completion

KEY = "sk-very-secret"
BODY = plain_bytes(completion("Hello."))
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)


class Server:
    """A server in a thread that answers each request with the same bytes; empty ones close the connection."""

    def __init__(self, answer: bytes, context: ssl.SSLContext | None = None) -> None:
        self.heads: list[str] = []
        self.connections = 0
        self._answer = answer
        self._context = context
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.url = f"http{'s' if context else ''}://127.0.0.1:{self.port}/v1"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            stack.enter_context(connection)
            if self._context is not None:
                connection = stack.enter_context(self._context.wrap_socket(connection, server_side=True))
            reading = stack.enter_context(connection.makefile("rb"))
            while first := reading.readline():
                head = (first + b"".join(iter(reading.readline, b"\r\n"))).decode()
                self.heads.append(head)
                sizes = [line for line in head.lower().splitlines() if line.startswith("content-length:")]
                reading.read(int(sizes[0].split()[1]) if sizes else 0)
                connection.sendall(self._answer)
                if b"Content-Length" not in self._answer:
                    connection.shutdown(socket.SHUT_RDWR)
                    return


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Starts servers."""
    servers: list[Server] = []

    def start(answer: bytes, context: ssl.SSLContext | None = None) -> Server:
        servers.append(Server(answer, context))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def ask(url: str, times: int = 1, proxy: str | None = None) -> str:
    """What is said to the last of so many questions, one after the other."""

    async def run() -> str:
        connection = Connection(
            "local", Provider(url, ("*",), timeout=5.0), KEY, real_world(), deadline=math.inf, proxy=proxy
        )
        try:
            answers = [
                await connection.model("m").answer(Request("local/m", "", (Message("user", "hi"),)))
                for _ in range(times)
            ]
        finally:
            await connection.close()
        return answers[-1].text

    return asyncio.run(run())


def fails(url: str, proxy: str | None = None) -> ProviderError:
    """The error, which shows no key."""
    with pytest.raises(ProviderError) as error:
        ask(url, proxy=proxy)
    assert KEY not in str(error.value)
    return error.value


def framed(*headers: str, body: bytes = BODY) -> bytes:
    """An answer that ends with its connection."""
    return "\r\n".join(("HTTP/1.1 200 OK", *headers, "", "")).encode() + body


@pytest.mark.parametrize(
    "answer",
    [
        ANSWER,
        framed(),
        framed("Transfer-Encoding: chunked", body=b"%x\r\n%b\r\n0\r\nX-Late: 1\r\n\r\n" % (len(BODY), BODY)),
        framed("Content-Encoding: gzip", body=gzip.compress(BODY)),
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + ANSWER,
    ],
)
def test_ways_to_send_an_answer(serve: Callable[..., Server], answer: bytes) -> None:
    """By length, to the end of the connection, in chunks, packed, behind interim answers."""
    assert ask(serve(answer).url) == "Hello."


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (BODY, "garbage", "no HTTP"),
        (b"HTTP/1.1 abc OK\r\n\r\n", "garbage", "no HTTP"),
        (b"HTTP/1.1 200\xff OK\r\n\r\n" + BODY, "garbage", "no HTTP"),
        (b"HTTP/1.1 429x\r\nContent-Length: 0\r\n\r\n", "garbage", "no HTTP"),
        (b"HTTP/1.1 101 Other\r\nUpgrade: x\r\n\r\n", "connection", "no connection: the server closed it"),
        (framed("X: " + "a" * 400_000), "garbage", "no HTTP"),
        (b"", "connection", "no connection: the server closed it"),
        (b"HTTP/1.1 200 OK\r\nContent-Ty", "connection", "no connection: broken off"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", "connection", "no connection: the server closed it"),
        (framed("Transfer-Encoding: chunked", body=b"9\r\n{"), "connection", "the answer ended before its end"),
        (framed("Content-Encoding: gzip"), "connection", "the answer cannot be decoded"),
        (framed("Content-Encoding: gzip", body=gzip.compress(b" " * (9 << 20))), "garbage", "larger than 8,192 KiB"),
        (framed("Content-Type: text/event-stream", body=b""), "connection", "the answer ended before its end"),
    ],
)
def test_what_is_no_answer(serve: Callable[..., Server], answer: bytes, kind: str, words: str) -> None:
    """No HTTP is garbage, what breaks off is a connection; each says what it was."""
    error = fails(serve(answer).url)
    assert (error.kind, str(error)) == (kind, f"local: {words}")


@pytest.mark.parametrize(
    ("url", "kind", "words"),
    [
        ("http://127.0.0.1:1/v1", "connection", "no connection: the address cannot be reached"),
        ("http://nobody.invalid/v1", "connection", "no connection: the name of the server is not known"),
        ("http:///v1", "refused", "baseUrl is no address"),
        ("http://127.0.0.1:99999/v1", "refused", "baseUrl is no address"),
        ("http://127.0.0.1:1/\0", "refused", "baseUrl is no address"),
        ("file:///etc/passwd", "refused", "baseUrl is no address"),
        ("ftp://127.0.0.1:1/v1", "garbage", "no HTTP"),
    ],
)
def test_addresses(url: str, kind: str, words: str) -> None:
    """What nobody serves may be served later; what is no address never."""
    error = fails(url)
    assert (error.kind, str(error)) == (kind, f"local: {words}")


def test_a_connection_is_used_again_and_keeps_no_cookie(serve: Callable[..., Server]) -> None:
    """Three questions, one connection, no cookie of the first answer in the others."""
    server = serve(ANSWER.replace(b"\r\n", b"\r\nSet-Cookie: a=b\r\n", 1))
    assert ask(server.url, times=3) == "Hello."
    assert (len(server.heads), server.connections) == (3, 1)
    assert "cookie" not in "".join(server.heads).lower()


def test_who_cancels_is_asked_no_more(serve: Callable[..., Server]) -> None:
    """The request is taken back, and the connection of the other questions goes on."""

    async def run(server: Server) -> str:
        connection = Connection("local", Provider(server.url, ("*",)), None, real_world(), deadline=math.inf)
        request = Request("local/m", "", (Message("user", "hi"),))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(connection.model("m").answer(request), 0.05)
        hanging = asyncio.create_task(connection.model("m").answer(request))
        await asyncio.sleep(0.05)
        await connection.close()
        with pytest.raises(asyncio.CancelledError):
            await hanging
        return "done"

    assert asyncio.run(run(serve(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"))) == "done"


def test_the_environment_names_no_proxy_here(serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
    """Who opens the connection says which proxy is meant, if any."""
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert ask(serve(ANSWER).url) == "Hello."


def test_a_proxy_for_http_and_its_password(serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked with the whole address, whatever NO_PROXY says, and with its own password."""
    monkeypatch.setenv("NO_PROXY", "*")
    proxy = serve(ANSWER)
    assert ask("http://nobody.invalid/v1", proxy=f"http://u:p@127.0.0.1:{proxy.port}") == "Hello."
    assert proxy.heads[0].startswith("POST http://nobody.invalid/v1/chat/completions HTTP/1.1\r\n")
    assert "Proxy-Authorization: Basic dTpw\r\n" in proxy.heads[0]


def test_a_proxy_for_https_never_sees_the_key(serve: Callable[..., Server]) -> None:
    """What asks it for a tunnel holds neither the key nor a header of the question; its refusal shows no password."""
    proxy = serve(b"HTTP/1.1 407 No\r\nContent-Length: 2\r\n\r\nno")
    error = fails("https://nobody.invalid/v1", proxy=f"http://user:p4ssw0rd@127.0.0.1:{proxy.port}")
    assert (error.kind, str(error)) == ("refused", "local: no connection: the proxy answers HTTP 407")
    assert proxy.heads[0].startswith("CONNECT nobody.invalid:443 HTTP/1.1\r\n")
    assert KEY not in "".join(proxy.heads)
    assert "application/json" not in "".join(proxy.heads)
    for broken in ("http://user:p4ssw0rd@nobody.invalid:1", "junk://user:p4ssw0rd@127.0.0.1:1"):
        assert "p4ssw0rd" not in str(fails("https://nobody.invalid/v1", proxy=broken))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of 127.0.0.1 that only its own file vouches for, with its key."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name.from_rfc4514_string("CN=here")
    begin = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, begin, begin.replace(year=2099))
    signed = made.add_extension(names, critical=False).sign(key, hashes.SHA256())
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    written = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(written + signed.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def secure(serve: Callable[..., Server], certificate: Path) -> Server:
    """A server with that certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return serve(ANSWER, context)


def test_a_certificate_that_nobody_vouches_for(secure: Server) -> None:
    """Nothing is sent, and the error says why."""
    error = fails(secure.url)
    assert error.kind == "connection"
    assert "self-signed certificate" in str(error)
    assert secure.heads == []


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_whom_the_machine_trusts(
    secure: Server, certificate: Path, tmp_path: Path, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files that `ssl` reads count here too; another name than that of the certificate does not pass."""
    # OpenSSL looks in a folder for the hash of a subject, here of `CN=here`.
    (tmp_path / "1903d68d.0").write_bytes(certificate.read_bytes())
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none"))
    monkeypatch.setenv(variable, str(certificate if variable == "SSL_CERT_FILE" else tmp_path))
    assert ask(secure.url) == "Hello."
    assert fails(secure.url.replace("127.0.0.1", "localhost")).kind == "connection"
