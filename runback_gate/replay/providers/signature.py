"""Requests to AWS, signed by botocore: the extra `bedrock`.

In: AWS credentials of the environment. Out: the headers that sign one request (Signature Version 4).

    signer = signer_for("bedrock", "https://bedrock-runtime.eu-central-1.amazonaws.com", os.environ)
    signer.headers(url, body)

Credentials are read from the environment alone, as the AWS tools name them: no file, no metadata service.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from runback_gate.documents import quoted
from runback_gate.errors import UnaskableError

_REGION = re.compile(r"https://bedrock-runtime(?:-fips)?\.([a-z0-9-]+)\.")


class Signer:
    """Credentials, and the region that they are used in."""

    def __init__(self, credentials: Any, region: str, secrets: tuple[str, ...]) -> None:
        self._credentials = credentials
        self._region = region
        self.secrets = secrets
        """What must not be stored or shown."""

    def headers(self, url: str, body: bytes) -> dict[str, str]:
        """The headers of a POST of these bytes."""
        from botocore.auth import SigV4Auth  # noqa: PLC0415  heavy, and an extra
        from botocore.awsrequest import AWSRequest  # noqa: PLC0415

        request = AWSRequest("POST", url, {"Content-Type": "application/json"}, body)
        SigV4Auth(self._credentials, "bedrock", self._region).add_auth(request)
        return dict(request.headers.items())


def signer_for(provider: str, base_url: str, environ: Mapping[str, str]) -> Signer:
    """The signer of a provider.

    Raises:
        UnaskableError: botocore is not installed, or the environment has no credentials or no region.
    """
    try:
        from botocore.credentials import Credentials  # noqa: PLC0415  an extra
    except ImportError as error:
        hint = 'pip install "runback-gate[bedrock]", or name the variable of a Bedrock API key as apiKeyEnv'
        raise UnaskableError(
            f"provider {quoted(provider)} needs botocore, which is not installed", hint=hint
        ) from error
    key, secret = environ.get("AWS_ACCESS_KEY_ID"), environ.get("AWS_SECRET_ACCESS_KEY")
    if not key or not secret:
        hint = "set them, or name the variable of a Bedrock API key as apiKeyEnv"
        raise UnaskableError("no key: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set", hint=hint)
    found = _REGION.match(base_url)
    region = found[1] if found else environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
    if not region:
        raise UnaskableError(f"provider {quoted(provider)}: no region", hint="set AWS_REGION")
    token = environ.get("AWS_SESSION_TOKEN") or None
    return Signer(Credentials(key, secret, token), region, tuple(item for item in (secret, token) if item))
