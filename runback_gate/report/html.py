"""The report as one HTML file that needs nothing else: no script, no font, no image, no network.

In: a `Report` and a limit in bytes. Out: a page that folds, prints, and follows the light or dark of the reader. Every
text is escaped, a Content Security Policy forbids all but the page's own style, and rows beyond the limit are counted.

    path.write_text(render(report), encoding="utf-8")
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from runback_gate.gate.verdict import Verdict
from runback_gate.report import effects, model, wording
from runback_gate.report.guarantee import guarantee_text
from runback_gate.report.model import Report
from runback_gate.report.spent import interval, spending
from runback_gate.report.story import Stories, Story, loosened
from runback_gate.report.text import cut, visible
from runback_gate.view.page import source, theme

MAX_BYTES: Final = 8_000_000
"""More than this opens slowly in a browser."""

_FIELD: Final = 1_200
_WHOLE: Final = 24_000
"""Bytes of a text that is shown whole: an answer, a message, a prompt."""
_LIMITS: Final = {
    "agents": 100,
    "notices": 200,
    "selection": 50,
    "inputs": 6_000,
    "rules": 1_000,
    "findings": 20,
    "values": 20,
    "trials": 50,
    "ids": 100,
    "waivers": 20,
    "entries": 60,
    "fields": 40,
}
_WORDINGS: Final = (
    "against",
    "answers",
    "deciding",
    "evidence",
    "explanation",
    "purpose",
    "finding_text",
    "scope",
    "sources",
    "standing",
    "tally",
    "trials",
    "whose",
    "acceptance",
)
_SIGNS: Final = {
    Verdict.PASS: ("✓", "pass"),
    Verdict.FAIL: ("✗", "fail"),
    Verdict.WARN: ("!", "warn"),
    Verdict.WAIVED: ("~", "waived"),
    Verdict.UNDECIDED: ("?", "undecided"),
}
_WORDS: Final = {verdict: word for verdict, (_, word) in _SIGNS.items()}
_WIDTH: Final = 120
_FLIPS: Final = 20


def render(report: Report, *, max_bytes: int = MAX_BYTES) -> str:
    """The report as a page of at most `max_bytes`, given that this is enough for the page without its rows."""
    env, style = _environment()
    template = env.get_template("row.html.j2").module
    facts: dict[str, Any] = {
        "report": report,
        "style": style,
        "policy": f"default-src 'none'; style-src {source(style)}; base-uri 'none'; form-action 'none'",
        "digest": model.report_digest(report),
        "effects": "\n".join(effects.report_texts(report, width=_WIDTH, show=_FLIPS)),
    }
    page = env.get_template("report.html.j2")
    # With both tables, each of one empty row: what frames the rows counts as well.
    frame = page.render(facts, red=(Markup(),), green=(Markup(),), missing=report.totals.rows)
    left = max_bytes - len(frame.encode("utf-8"))
    stories = Stories(report)
    rules = {(rule.id, rule.side): rule for rule in reversed(report.rules)}
    shown: dict[bool, list[Markup]] = {True: [], False: []}
    for number, (name, row) in enumerate(zip(wording.labels(report.rows), report.rows, strict=True), 1):
        told = None if row.verdict is Verdict.PASS else stories.tell(row)
        text: Markup = template.row(number, name, row, rules, report, told)  # type: ignore[attr-defined]
        left -= len(text.encode("utf-8"))
        if left < 0:
            break
        shown[row.verdict is Verdict.PASS].append(text)
    missing = report.totals.rows - len(shown[True]) - len(shown[False])
    return page.render(facts, red=shown[False], green=shown[True], missing=missing)


@cache
def _environment() -> tuple[Environment, Markup]:
    loader = PackageLoader("runback_gate.report", "templates")
    env = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_inert,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    env.globals.update({name: getattr(wording, name) for name in _WORDINGS}, signs=_SIGNS, words=_WORDS, limits=_LIMITS)
    env.globals.update(interval=interval, spending=spending, guarantee_text=guarantee_text, loosened=loosened)
    env.filters.update(whole=_whole, marked=_marked)
    style = theme() + loader.get_source(env, "style.css")[0]
    return env, Markup(style)  # noqa: S704  a file of this package, in which `>` must stay


def _inert(value: object) -> object:
    """Every text that a template writes passes here: cut, and nothing in it invisible. Escaping comes after."""
    return cut(visible(value[: 4 * _FIELD]), _FIELD) if type(value) is str else value


def _whole(text: str) -> Markup:
    """A text that is shown whole, inert; what is longer than a page can hold says how much is left out."""
    shown = visible(text[:_WHOLE])
    left = len(text) - len(text[:_WHOLE])
    return escape(shown) + (escape(f"\n… {left:,} more characters") if left else "")


def _marked(story: Story, kind: str) -> Markup:
    """One side of the difference of two answers, `removed` or `added` words marked."""
    left, parts = _WHOLE, []
    for segment in story.difference:
        if segment.kind not in ("same", kind) or left <= 0:
            continue
        text = escape(visible(segment.text[:left]))
        parts.append(text if segment.kind == "same" else Markup("<mark>{}</mark>").format(text))
        left -= len(segment.text)
    return Markup().join(parts)
