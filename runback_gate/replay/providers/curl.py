"""HTTP over libcurl, on the event loop.

In: an address, bytes to post, headers, seconds. Out: the answer, given to a `Reply` as it comes, or why there is none.

    client = Client("runback-gate/1.0", {"Content-Type": "application/json"}, proxy=None)
    await client.post("http://127.0.0.1:8000/v1/chat/completions", b"{}", {}, 120.0, reply)
    client.close()

Connections are kept and used again. There are no redirects, no cookies, no netrc, no proxies of the environment and no
protocol but HTTP/1.1. Certificates are held against what `ssl` trusts here, by `SSL_CERT_FILE` and `SSL_CERT_DIR` too.
"""

from __future__ import annotations

import asyncio
import math
import re
import ssl
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import pycurl

from runback_gate.errors import ErrorKind

CONNECT_SECONDS = 15
_LONGEST_MS = 2**31 - 1
_AGAIN_MS = 100
_TLS_FAILURES = frozenset((35, 53, 54, 58, 59, 60, 64, 66, 77, 80, 82, 83, 90, 91, 98))
"""Codes whose words tell what is wrong with a certificate, and quote nothing else."""
_REASONS = {
    pycurl.E_COULDNT_RESOLVE_PROXY: "the name of the proxy is not known",
    pycurl.E_COULDNT_RESOLVE_HOST: "the name of the server is not known",
    pycurl.E_COULDNT_CONNECT: "the address cannot be reached",
    pycurl.E_GOT_NOTHING: "the server closed it",
}
_NO_HTTP = frozenset((pycurl.E_UNSUPPORTED_PROTOCOL, pycurl.E_FTP_WEIRD_SERVER_REPLY, 100))
"""Codes for what is no answer of HTTP; 100 is a head that is too large."""

_STATUS = re.compile(rb"HTTP/1\.[01] ([2-5][0-9]{2})[ \r\n]")


class TransferError(Exception):
    """An answer did not come, or not to its end."""

    def __init__(self, kind: ErrorKind, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


class Reply(Protocol):
    """Whoever takes an answer. What these raise ends the transfer, and is raised by `post`."""

    def begin(self, status: int, head: Sequence[bytes]) -> None:
        """The head of the answer, a line each; see `fields`."""

    def take(self, piece: bytes) -> bool:
        """A piece of the body; whether more is wanted."""


def fields(head: Sequence[bytes]) -> dict[str, str]:
    """The headers of a head, by their names in lower case."""
    pairs = (line.decode("latin-1").partition(":") for line in head[1:])
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


class Client:
    """Connections to one server.

    Args:
        agent: what it calls itself.
        headers: of every request.
        proxy: its URL; None for no proxy, whatever the environment says.
    """

    def __init__(self, agent: str, headers: Mapping[str, str], *, proxy: str | None) -> None:
        self._agent = agent
        self._headers = headers
        self._proxy = proxy
        self._trust = ssl.get_default_verify_paths()
        self._transfers = _Transfers(asyncio.get_running_loop())
        self._idle: list[Any] = []

    def close(self) -> None:
        """Close the connections; what is on its way is cancelled."""
        self._transfers.close()

    async def post(self, url: str, data: bytes, headers: Mapping[str, str], seconds: float, reply: Reply) -> None:
        """Send one request, and give what comes to `reply`.

        Raises:
            TransferError: the answer did not come, or not to its end. `reply` may have begun.
        """
        handle = self._idle.pop() if self._idle else self._handle()
        incoming = _Incoming(reply)
        handle.setopt(pycurl.URL, url.encode())
        if headers:
            handle.setopt(pycurl.HTTPHEADER, self._lines(headers))
        handle.setopt(pycurl.POSTFIELDS, data)
        handle.setopt(pycurl.TIMEOUT_MS, min(_LONGEST_MS, math.ceil(seconds * 1000)))
        handle.setopt(pycurl.HEADERFUNCTION, incoming.lines.append)
        handle.setopt(pycurl.WRITEFUNCTION, incoming.write)
        # A handle that is cancelled is not used again.
        code, words = await self._transfers.perform(handle)
        self._idle.append(handle)
        if not code or handle.getinfo(pycurl.RESPONSE_CODE) >= 200:
            incoming.end()
        if not incoming.stopped and (code or not incoming.begun):
            raise _failure(handle, code, words, begun=incoming.begun)
        if incoming.error is not None:
            raise incoming.error

    def _handle(self) -> Any:
        handle = pycurl.Curl()
        for option, value in (
            (pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS),
            (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1),
            (pycurl.SSLVERSION, pycurl.SSLVERSION_TLSv1_2),
            (pycurl.CONNECTTIMEOUT, CONNECT_SECONDS),
            (pycurl.HEADEROPT, pycurl.HEADER_SEPARATE),
            (pycurl.USERAGENT, self._agent),
            (pycurl.HTTPHEADER, self._lines({})),
            (pycurl.ACCEPT_ENCODING, "gzip, deflate"),
            (pycurl.PROXY, self._proxy or ""),
            (pycurl.NOPROXY, ""),
            (pycurl.PATH_AS_IS, 1),
            (pycurl.NOSIGNAL, 1),
            (pycurl.CAINFO, self._trust.cafile),
            (pycurl.CAPATH, self._trust.capath),
            (pycurl.PROXY_CAINFO, self._trust.cafile),
            (pycurl.PROXY_CAPATH, self._trust.capath),
        ):
            handle.setopt(option, value)
        return handle

    def _lines(self, more: Mapping[str, str]) -> list[str]:
        # Without the last one a large body would wait for a leave to be sent.
        return [*(f"{name}: {value}" for name, value in {**self._headers, **more}.items()), "Expect:"]


class _Incoming:
    """One answer on its way to who takes it."""

    def __init__(self, reply: Reply) -> None:
        self.lines: list[bytes] = []
        """Of the heads so far: those of proxies and of interim answers come before that of the answer."""
        self.begun = False
        self.stopped = False
        """Whether no more was wanted."""
        self.error: Exception | None = None
        """What ended it."""
        self._reply = reply

    def write(self, piece: bytes) -> int | None:
        """Called by libcurl, which takes 0 as a refusal, and prints what is raised here."""
        try:
            if not self.begun:
                self._begin()
            if self._reply.take(piece):
                return None
        except Exception as error:  # noqa: BLE001  raised again by `post`
            self.error = error
        self.stopped = True
        return 0

    def end(self) -> None:
        """No more comes: the body may be empty; a head that was cut is none."""
        if not self.begun and self.lines and not self.lines[-1].strip():
            self._begin()

    def _begin(self) -> None:
        self.begun = True
        start = max((place for place, line in enumerate(self.lines) if line.startswith(b"HTTP/")), default=0)
        head = self.lines[start:]
        # libcurl takes more for a status than HTTP does.
        if (found := _STATUS.match(head[0])) is None:
            raise TransferError("garbage", "no HTTP")
        self._reply.begin(int(found[1]), head)


class _Transfers:
    """libcurl's requests, moved on by the event loop: it says which sockets it waits for, and until when."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: dict[Any, asyncio.Future[tuple[int, str]]] = {}
        self._watched: dict[int, int] = {}
        """What each socket is waited for."""
        self._timer: asyncio.TimerHandle | None = None
        self._due = math.inf
        """When libcurl is to go on at the latest; the timer may be earlier."""
        self._soon = False
        """Whether it is to go on in the next round of the loop."""
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._wait)

    async def perform(self, handle: Any) -> tuple[int, str]:
        """The code of libcurl, 0 for success, and its words."""
        future: asyncio.Future[tuple[int, str]] = self._loop.create_future()
        self._waiting[handle] = future
        self._multi.add_handle(handle)
        try:
            return await future
        finally:
            if self._waiting.pop(handle, None) is not None:
                self._multi.remove_handle(handle)

    def close(self) -> None:
        for handle, future in list(self._waiting.items()):
            del self._waiting[handle]
            self._multi.remove_handle(handle)
            future.cancel()
        self._multi.close()
        self._due = math.inf
        if self._timer is not None:
            self._timer.cancel()
        for socket in list(self._watched):
            self._watch(pycurl.POLL_REMOVE, socket)

    def _watch(self, wanted: int, socket: int, *_: object) -> None:
        """Called by libcurl: what it waits for at a socket. The bits are the same for what happens there."""
        old, new = self._watched.pop(socket, 0), 0 if wanted == pycurl.POLL_REMOVE else wanted
        if new:
            self._watched[socket] = new
        if new & ~old & pycurl.POLL_IN:
            self._loop.add_reader(socket, self._act, socket, pycurl.POLL_IN)
        elif old & ~new & pycurl.POLL_IN:
            self._loop.remove_reader(socket)
        if new & ~old & pycurl.POLL_OUT:
            self._loop.add_writer(socket, self._act, socket, pycurl.POLL_OUT)
        elif old & ~new & pycurl.POLL_OUT:
            self._loop.remove_writer(socket)

    def _wait(self, milliseconds: int) -> None:
        """Called by libcurl: how long it waits for sockets at the most; below 0 without end.

        It says so twice for each request. A timer is moved only where it would be too late.
        """
        if milliseconds == 0:
            if not self._soon:
                self._soon = True
                self._loop.call_soon(self._go_on)
            return
        self._due = math.inf if milliseconds < 0 else self._loop.time() + milliseconds / 1000
        if self._timer is not None and self._due < self._timer.when():
            self._timer.cancel()
            self._timer = None
        if self._timer is None and self._due < math.inf:
            self._timer = self._loop.call_at(self._due, self._ring)

    def _go_on(self) -> None:
        self._soon = False
        if not self._multi.closed:
            self._act(pycurl.SOCKET_TIMEOUT, 0)

    def _ring(self) -> None:
        self._timer, due = None, self._due
        if due <= self._loop.time():
            self._act(pycurl.SOCKET_TIMEOUT, 0)
            if self._due == due:
                self._wait(_AGAIN_MS)  # It was early, and is not told the same time twice.
        elif due < math.inf:
            self._timer = self._loop.call_at(due, self._ring)

    def _act(self, socket: int, happened: int) -> None:
        """Let libcurl go on, and hand out what is done."""
        try:
            self._multi.socket_action(socket, happened)
        except pycurl.error as error:
            # It would never say that anything is done.
            for future in self._waiting.values():
                if not future.done():
                    future.set_result((pycurl.E_FAILED_INIT, str(error)))
        left = 1
        while left:
            left, done, failed = self._multi.info_read()
            for handle, code, words in (*((handle, 0, "") for handle in done), *failed):
                self._multi.remove_handle(handle)
                waiting = self._waiting.pop(handle)
                if not waiting.done():
                    waiting.set_result((code, words))


def _failure(handle: Any, code: int, words: str, *, begun: bool) -> TransferError:
    if code == pycurl.E_OPERATION_TIMEDOUT:
        return TransferError("time-out", "no answer" if handle.getinfo(pycurl.PRETRANSFER_TIME) else "no connection")
    if begun:
        cut = code != pycurl.E_BAD_CONTENT_ENCODING
        return TransferError("connection", f"the answer {'ended before its end' if cut else 'cannot be decoded'}")
    if code == pycurl.E_URL_MALFORMAT:
        return TransferError("refused", "baseUrl is no address")
    if code in _NO_HTTP:
        return TransferError("garbage", "no HTTP")
    if (status := handle.getinfo(pycurl.HTTP_CONNECTCODE)) >= 300:
        return TransferError("refused", f"no connection: the proxy answers HTTP {status}")
    reason = words if code in _TLS_FAILURES else _REASONS.get(code, "broken off")
    return TransferError("connection", f"no connection: {reason}")
