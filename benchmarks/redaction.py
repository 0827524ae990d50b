"""Redaction and secrets: megabytes a second, formats found, false alarms.

In: the airline runs of the shared data, and formats that the rules do not list. Out: figures of CPU time.

    python -m benchmarks redaction secrets
"""

from __future__ import annotations

import json
import random
import string
import time
from pathlib import Path
from typing import Any

from benchmarks.promises import AIRLINE, Figure, need_airline
from runback_gate.redact import Redactor

_KEY = b"benchmark benchmark"
_VENDORS = ("acmecloud", "borealis", "cumulo", "datanest", "everpay", "fluxmail", "gridbase", "hyperlane")
_LAYOUTS = (
    "{V}_API_KEY={hex40}",
    'export {V}_TOKEN="{alnum32}"',
    '{{"{v}": {{"apiKey": "{alnum24}"}}}}',
    "{v}_client_secret: {url43}",
    "const {v}Token = '{v}_live_{alnum32}';",
    "Authorization: Bearer {alnum40}",
    "sk_live_{alnum32} is the key of {v}",
    "postgres://{v}:{alnum16}@db.internal/{v}",
    "--{v}-api-token {hex64}",
    'headers = {{"X-{v}-Key": "{alnum48}"}}',
)
"""How keys of vendors that no rule names are written in code, settings and chats."""
_ALPHABETS = {
    "hex": "0123456789abcdef",
    "alnum": string.ascii_letters + string.digits,
    "url": string.ascii_letters + "-_",
}


def redaction(_folder: Path) -> list[Figure]:
    """CPU seconds for 100 MB: text that was not seen before, and a conversation that grows."""
    need_airline()
    lines = [json.loads(line) for line in (AIRLINE / "runs.jsonl").read_text(encoding="utf-8").splitlines()]
    messages = max((line["messages"] for line in lines), key=len)
    growing = [{"model": "m", "messages": messages[:end]} for end in range(1, len(messages) + 1)] * 4
    half = len(lines) // 2
    cold, warm = Redactor("standard", key=_KEY), Redactor("standard", key=_KEY)
    _seconds(cold, lines[:half])
    warm.redact(growing[-1])
    return [
        Figure("redaction, standard, unseen text", "CPU s/100 MB", _seconds(cold, lines[half:]), 10),
        Figure("redaction, standard, growing conversation", "CPU s/100 MB", _seconds(warm, growing), 1),
    ]


def secrets(_folder: Path) -> list[Figure]:
    """Percent of keys of unlisted vendors that are missed, and false alarms a megabyte of agent text."""
    need_airline()
    chance, redactor = random.Random(1), Redactor("standard", key=_KEY)  # noqa: S311  examples, not keys
    examples = [_example(chance, layout, vendor) for layout in _LAYOUTS for vendor in _VENDORS]
    missed = sum(not redactor.text(text)[1] for text in examples)
    text = (AIRLINE / "runs.jsonl").read_text(encoding="utf-8")
    alarms = sum(redactor.redact(json.loads(line))[1].get("secret", 0) for line in text.splitlines())
    return [
        Figure("secrets of unlisted vendors, missed", "%", 100 * missed / len(examples), 10),
        Figure("secrets, false alarms in agent text", "/MB", alarms / (len(text) / 1e6), 1),
    ]


def _seconds(redactor: Redactor, values: list[Any]) -> float:
    size = sum(len(json.dumps(value, ensure_ascii=False).encode()) for value in values)
    start = time.process_time()
    for value in values:
        redactor.redact(value)
    return (time.process_time() - start) * 100e6 / size


def _example(chance: random.Random, layout: str, vendor: str) -> str:
    fields = {"v": vendor, "V": vendor.upper()}
    for name, letters in _ALPHABETS.items():
        for size in (16, 24, 32, 40, 43, 48, 64):
            fields[f"{name}{size}"] = "".join(chance.choice(letters) for _ in range(size))
    return layout.format(**fields)
