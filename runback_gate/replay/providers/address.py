"""Where and how each API is asked.

In: the API that the gate config names, the address of the provider, a model, a key. Out: a URL and headers.

    address = ADDRESSES["anthropic"]
    address.url("https://api.anthropic.com/v1", "claude-sonnet-4-5")
    address.headers(key)

Bedrock takes a key of its own (`apiKeyEnv`), or requests that are signed with AWS credentials (`signature`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from urllib.parse import quote

from runback_gate.frozen import dataclass
from runback_gate.step import Api


@dataclass(frozen=True, slots=True)
class Address:
    """One API."""

    api: Api
    """Its wire format."""
    path: str
    """Behind the root of the API; `{model}` stands for the model."""
    header: str = "Authorization"
    """What carries the key."""
    scheme: str = "Bearer "
    """What stands before it."""
    fixed: Mapping[str, str] = field(default_factory=dict)
    """Headers of every request."""

    def url(self, base: str, model: str) -> str:
        """The URL, with the model percent-encoded."""
        return base.rstrip("/") + self.path.replace("{model}", quote(model, safe=""))

    def headers(self, key: str | None) -> dict[str, str]:
        """The headers that say who asks, in which version."""
        return {**self.fixed, **({self.header: self.scheme + key} if key else {})}


ADDRESSES: Mapping[str, Address] = {
    "openai": Address("openai.chat", "/chat/completions"),
    "openai-responses": Address("openai.responses", "/responses"),
    "anthropic": Address("anthropic.messages", "/messages", "x-api-key", "", {"anthropic-version": "2023-06-01"}),
    "google": Address("google.generate", "/models/{model}:generateContent", "x-goog-api-key", ""),
    "bedrock": Address("bedrock.converse", "/model/{model}/converse"),
}
"""By `spec.providers.NAME.api`."""
