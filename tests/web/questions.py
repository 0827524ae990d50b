"""A question to a model, as a client sends it."""

from __future__ import annotations

BODY = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "user": "u"}

PATH = "/v1/proxy/local/chat/completions"
