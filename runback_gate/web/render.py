"""The pages of the local server as HTML, each made of one template.

In: the name of a template and its values. Out: a response, with a policy that allows its own style and script alone.

    rendered("runs.html.j2", title="Runs", rows=rows)

Every text is escaped. What is read, and not edited, is inert as well: nothing in it is invisible or turns a line round.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from typing import Any

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from runback_gate.report.text import visible
from runback_gate.view.difference import Segment
from runback_gate.view.page import source, theme

HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_LINES = {
    "removed": Markup("<del>− {}</del>"),
    "added": Markup("<ins>+ {}</ins>"),
    "same": Markup("<span>  {}</span>"),
}
_LONGEST = 200_000
"""Characters of a text that is shown."""


def rendered(template: str, *, status: int = 200, **values: Any) -> web.Response:
    """A page."""
    env, style, script = _environment()
    text = env.get_template(template).render(style=Markup(style), script=Markup(script), **values)  # noqa: S704  files of this package
    policy = (
        f"default-src 'none'; style-src {source(style)}; script-src {source(script)}; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    headers = {**HEADERS, "Content-Security-Policy": policy}
    return web.Response(text=text, status=status, content_type="text/html", headers=headers)


def whole_page(text: str) -> web.Response:
    """A page that stands alone and brings its own policy, such as that of a run or a report."""
    return web.Response(text=text, content_type="text/html", headers=HEADERS)


@cache
def _environment() -> tuple[Environment, str, str]:
    loader = PackageLoader("runback_gate.web", "templates")
    env = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_inert
    )
    env.filters.update(marked=_marked, changes=_changes, json=lambda value: json.dumps(value, ensure_ascii=False))
    style, script = (loader.get_source(env, name)[0] for name in ("web.css", "job.js"))
    return env, theme() + style, script


def _inert(value: object) -> object:
    """Every text that a template writes, save what a field of a form holds (`Markup`)."""
    return visible(value[:_LONGEST]) if type(value) is str else value


def field(text: str) -> Markup:
    """The text of a field of a form: escaped, and else as it is, since it comes back."""
    # A text area drops the first line end that it holds.
    return escape(f"\n{text}" if text.startswith("\n") else text)


def _changes(found: Sequence[Segment | int]) -> Markup:
    """Lines of a difference; a number stands for so many lines that are the same."""
    parts = []
    for item in found:
        if isinstance(item, int):
            parts.append(Markup("<span>  … {} lines …</span>").format(item))
            continue
        pattern = _LINES[item.kind]
        parts += [pattern.format(visible(text)) for text in item.text.splitlines()]
    return Markup().join(parts)


def _marked(segments: Sequence[Segment], kind: str) -> Markup:
    """One side of a difference, `removed` or `added` words marked."""
    parts = [
        Markup("<mark>{}</mark>").format(visible(item.text)) if item.kind == kind else escape(visible(item.text))
        for item in segments
        if item.kind in ("same", kind)
    ]
    return Markup().join(parts)
