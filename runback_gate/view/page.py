"""What every page shares: the theme, what its policy allows, and data that a script reads.

In: texts of a page. Out: the page.

    page("record.html", style="record.css", scripts=["record.js"], title="record.jsonl", data={"lines": 11})

A page loads nothing: its style and its script stand in it, and its Content Security Policy allows them by their hashes.
"""

from __future__ import annotations

import json
import pkgutil
from base64 import b64encode
from collections.abc import Sequence
from functools import cache
from html import escape
from typing import Any

from runback_gate.canonical import digest_bytes


def page(template: str, *, style: str, scripts: Sequence[str], title: str, data: dict[str, Any]) -> str:
    """A page of this package's templates, with data for its script."""
    css, code = theme() + _file(style), "\n".join(map(_file, scripts))
    policy = (
        f"default-src 'none'; script-src {source(code)}; style-src {source(css)}; base-uri 'none'; form-action 'none'"
    )
    slots = {"policy": escape(policy), "title": escape(title), "style": css, "script": code, "data": script_json(data)}
    text = _file("head.html") + _file(template)
    # In the order of the template: what a slot was filled with is not searched for the next one.
    done = ""
    for name in ("policy", "title", "style", "data", "script"):
        before, _, text = text.partition(f"{{{{ {name} }}}}")
        done += before + slots[name]
    return done + text


def script_json(value: Any) -> str:
    """JSON that can stand in a script element: only `<` could end its text, and as an escape it is the same value."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c")


def source(text: str) -> str:
    """A style or a script as a source of the Content Security Policy (CSP3, section 8.2)."""
    digest = bytes.fromhex(digest_bytes(text.encode("utf-8")).removeprefix("sha256:"))
    return f"'sha256-{b64encode(digest).decode('ascii')}'"


def theme() -> str:
    """The colours and faces of all pages, as CSS."""
    return _file("theme.css")


@cache
def _file(name: str) -> str:
    return (pkgutil.get_data("runback_gate.view", f"templates/{name}") or b"").decode("utf-8")
