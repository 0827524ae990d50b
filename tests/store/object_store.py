"""S3 on this machine: moto's server answers as S3 does, and now and then as it does on a bad day.

The fixtures of whoever imports them: `server` for a module, `bucket` for a test.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from runback_gate.store.archive.arrow import Storage, open_storage
from tests.extras import needs

needs("pyarrow")
moto_server = needs("moto.server")
serving = needs("werkzeug.serving")


class Faulty:
    """moto, with what goes wrong."""

    def __init__(self) -> None:
        self.app = moto_server.DomainDispatcherApplication(moto_server.create_backend_app)
        self.fault: Callable[[Any], str | None] = lambda _: None

    def __call__(self, environ: Any, start: Any) -> Iterable[bytes]:
        kind = self.fault(environ)
        if kind == "503":
            start("503 Slow Down", [("Content-Length", "0")])
            return [b""]
        if kind == "403":
            start("403 Forbidden", [("Content-Length", "0")])
            return [b""]
        if kind == "slow":
            time.sleep(1)
        answer = list(self.app(environ, start))
        return [b"".join(answer)[:-20] + b"\0" * 20] if kind == "truncated" else answer


def quiet_handler() -> type:
    """One that logs nothing."""
    return type("Quiet", (serving.WSGIRequestHandler,), {"log": lambda *_: None})


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[Faulty, int]]:
    app = Faulty()
    made = serving.make_server("127.0.0.1", 0, app, threaded=True, request_handler=quiet_handler())
    thread = threading.Thread(target=made.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield app, made.server_port
    made.shutdown()
    thread.join()
    made.server_close()


@pytest.fixture
def bucket(server: tuple[Faulty, int], monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Storage:
    """An archive in a bucket of this test."""
    for name, value in (("ACCESS_KEY_ID", "k"), ("SECRET_ACCESS_KEY", "s"), ("EC2_METADATA_DISABLED", "true")):
        monkeypatch.setenv(f"AWS_{name}", value)
    server[0].fault = lambda _: None
    name = f"t{abs(hash(request.node.name)):x}"
    storage = open_storage(uri(name, server[1]))
    storage.system.create_dir(name)
    return storage


def uri(name: str, port: int) -> str:
    """Where the archive of a bucket lies."""
    options = f"scheme=http&endpoint_override=127.0.0.1:{port}&region=us-east-1&allow_bucket_creation=true"
    return f"s3://{name}/team/runs?{options}"
