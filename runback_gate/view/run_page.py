"""A run as one HTML file that loads nothing: its data as JSON, one script and one style, allowed by their hashes.

In: a `Run`, what rules say of its steps, perhaps a second run. Out: the page.

    path.write_text(run_page(run, {}, judged=False), encoding="utf-8")

The script writes text nodes alone, so what a model wrote stays text even where the policy header is not obeyed.
"""

from __future__ import annotations

import json
import pkgutil
from base64 import b64encode
from functools import cache
from html import escape

from runback_gate.canonical import digest_bytes
from runback_gate.step import Run
from runback_gate.view.run_data import Findings, divergence, run_data


def run_page(run: Run, found: Findings, *, judged: bool, other: Run | None = None) -> str:
    """The page of a run; with another beside it, it opens where their answers first differ."""
    data = {
        "run": run_data(run, found, judged=judged),
        "other": None if other is None else run_data(other, {}, judged=False),
        "diverges": None if other is None else divergence(run, other),
    }
    style, script = _file("run.css"), _file("run.js")
    allowed = f"script-src '{_hash(script)}'; style-src '{_hash(style)}'"
    policy = f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'"
    # In a script element only `<` could end the text; as an escape of JSON it is the same value.
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c")
    slots = {"policy": escape(policy), "title": escape(f"{run.id} · Runback gate"), "style": style}
    page = _file("run.html")
    for name, value in (slots | {"script": script, "data": text}).items():
        before, mark, after = page.partition(f"{{{{ {name} }}}}")
        page = before + value + after if mark else page
    return page


@cache
def _file(name: str) -> str:
    return (pkgutil.get_data("runback_gate.view", f"templates/{name}") or b"").decode("utf-8")


def _hash(text: str) -> str:
    """The text as a source of the Content Security Policy (CSP3, section 8.2)."""
    digest = bytes.fromhex(digest_bytes(text.encode("utf-8")).removeprefix("sha256:"))
    return f"sha256-{b64encode(digest).decode('ascii')}"
