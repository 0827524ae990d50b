"""A whole Sigstore on this machine: certificate authority, transparency log, timestamps, and a CI job's identity.

It serves on 127.0.0.1 and needs no network. Its certificates, trees and signatures are real, so that what signs and
verifies in production signs and verifies here.

    with Stack() as stack:
        trust = read_trust(json.dumps(stack.trust_config(rekor=2)).encode(), "trust.json")
        sign_keyless([data], stack.token(), trust, pause=print)
"""

from __future__ import annotations

import base64
import datetime
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.sigstack.certificates import GITHUB, CertificateAuthority, Key, key_id, new_key, now, spki
from tests.sigstack.logs import Json, Log, b64
from tests.sigstack.timestamps import TimestampAuthority

HOST = "127.0.0.1"
ORGANISATION = "sigstore.local"
ISSUER = "https://token.actions.githubusercontent.com"
REPOSITORY = "acme/agent"
WORKFLOW = ".github/workflows/gate.yml"
COMMIT = "9ac3e11f" * 5
REF = "refs/heads/main"
IDENTITY = f"{GITHUB}{REPOSITORY}/{WORKFLOW}@{REF}"
SECRET = "request-secret"

CERTIFICATES, STAMPS, LOG_1, LOG_2, TOKENS = (
    "/api/v2/signingCert",
    "/api/v1/timestamp",
    "/api/v1/log/entries",
    "/api/v2/log/entries",
    "/token",
)

# Everything is trusted from one time before anything was signed: a root may be read long after a signature was made.
_VALID: Json = {"start": (now() - datetime.timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ")}


class Stack:
    """All services behind one server."""

    def __init__(self) -> None:
        self.issuer: Key = new_key()
        """Signs identity tokens."""
        self.authority = CertificateAuthority(ORGANISATION, self.issuer.public_key())
        self.log = Log(HOST)
        self.stamps = TimestampAuthority(ORGANISATION)
        self.down: dict[str, int] = {}
        """Services that are down, by path: how many more requests fail; below 0 for ever."""
        self.status = 503
        """What a service that is down answers."""
        self.asked: list[str] = []
        """The paths of all requests."""
        self.claims: Json = {}
        """Changes to the identity of the CI job that asks for a token."""
        self._server = ThreadingHTTPServer((HOST, 0), _handler(self))
        self.url = f"http://{HOST}:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def token(self, key: Key | None = None, **changes: Any) -> str:
        """An identity token like that of a GitHub Actions job, with some claims changed; None leaves a claim out."""
        seconds = int(now().timestamp())
        workflow = f"{REPOSITORY}/{WORKFLOW}@{REF}"
        claims: Json = {
            "iss": ISSUER,
            "aud": "sigstore",
            "sub": f"repo:{REPOSITORY}:ref:{REF}",
            "iat": seconds,
            "nbf": seconds - 5,
            "exp": seconds + 300,
            "repository": REPOSITORY,
            "repository_id": "1",
            "repository_owner": REPOSITORY.partition("/")[0],
            "repository_owner_id": "2",
            "repository_visibility": "public",
            "ref": REF,
            "sha": COMMIT,
            "workflow": "gate",
            "event_name": "push",
            "workflow_ref": workflow,
            "workflow_sha": COMMIT,
            "job_workflow_ref": workflow,
            "job_workflow_sha": COMMIT,
            "runner_environment": "github-hosted",
            "run_id": "7",
            "run_attempt": "1",
            **changes,
        }
        kept = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(kept, key or self.issuer, algorithm="ES256")

    def environment(self) -> dict[str, str]:
        """What the job of a GitHub Actions workflow finds around it to ask for a token."""
        return {
            "GITHUB_ACTIONS": "true",
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{self.url}{TOKENS}?api-version=2.0",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": SECRET,
        }

    def trusted_root(self) -> Json:
        """Whom to trust, as the file of a trusted root."""
        return {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [self._log(self.log.key)],
            "ctlogs": [self._log(self.authority.log_key)],
            "certificateAuthorities": [_chain("fulcio", self.authority.certificate, self.authority.root)],
            "timestampAuthorities": [_chain("tsa", self.stamps.certificate, self.stamps.root)],
        }

    def trust_config(self, rekor: int = 2, *, tsa: bool = True) -> Json:
        """Whom to trust and where to sign, as the file of a client trust configuration."""
        return {
            "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
            "trustedRoot": self.trusted_root(),
            "signingConfig": {
                "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
                "caUrls": [_service(self.url, 1)],
                "oidcUrls": [_service(self.url, 1)],
                "rekorTlogUrls": [_service(self.url, rekor)],
                "rekorTlogConfig": {"selector": "ANY"},
                "tsaUrls": [_service(self.url + STAMPS, 1)] if tsa else [],
                "tsaConfig": {"selector": "ANY"},
            },
        }

    def answer(self, path: str, query: str, headers: Any, body: bytes) -> bytes | Json:
        """What a service answers; any exception is a refusal."""
        match path:
            case "/api/v2/signingCert":
                token = headers["Authorization"].removeprefix("Bearer ")
                request = base64.b64decode(json.loads(body)["certificateSigningRequest"])
                chain = self.authority.issue(token, request)
                return {"signedCertificateEmbeddedSct": {"chain": {"certificates": chain}}}
            case "/api/v1/timestamp":
                return self.stamps.stamp(body)
            case "/api/v1/log/entries":
                return self.log.add_v1(body)
            case "/api/v2/log/entries":
                return self.log.add_v2(body)
            case "/token":
                if headers["Authorization"] != f"bearer {SECRET}":
                    raise PermissionError("who asks?")
                return {"value": self.token(**{"aud": parse_qs(query)["audience"][0], **self.claims})}
        raise LookupError(path)

    def _log(self, key: Key) -> Json:
        public = spki(key.public_key())
        return {
            "baseUrl": self.url,
            "hashAlgorithm": "SHA2_256",
            "publicKey": {
                "rawBytes": b64(public),
                "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                "validFor": dict(_VALID),
            },
            "logId": {"keyId": b64(key_id(key))},
            "operator": ORGANISATION,
        }


def _handler(stack: Stack) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002, ARG002  the interface is the library's
            return

        def do_GET(self) -> None:
            self.do_POST()

        def do_POST(self) -> None:
            url = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            stack.asked.append(url.path)
            if left := stack.down.get(url.path, 0):
                stack.down[url.path] = left - 1
                self._send(stack.status, "application/json", b'{"message":"down"}')
                return
            try:
                reply = stack.answer(url.path, url.query, self.headers, body)
            except Exception as error:  # noqa: BLE001  a refusal, with its reason
                self._send(400, "application/json", json.dumps({"code": 400, "message": repr(error)}).encode())
                return
            if isinstance(reply, bytes):
                self._send(201, "application/timestamp-reply", reply)
            else:
                self._send(200 if url.path == TOKENS else 201, "application/json", json.dumps(reply).encode())

        def _send(self, status: int, kind: str, data: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    return Handler


def _service(url: str, version: int) -> Json:
    return {"url": url, "majorApiVersion": version, "operator": ORGANISATION, "validFor": dict(_VALID)}


def _chain(common: str, *chain: x509.Certificate) -> Json:
    return {
        "subject": {"organization": ORGANISATION, "commonName": common},
        "uri": "https://sigstore.local",
        "certChain": {"certificates": [{"rawBytes": b64(item.public_bytes(Encoding.DER))} for item in chain]},
        "validFor": dict(_VALID),
        "operator": ORGANISATION,
    }
