"""The pages over a folder: its runs, reports, datasets and policies; a step asked again, and kept as a case.

In: requests of a browser that has the token of this start. Out: pages.

    mount(app, Desk(Workspace(Path(), Path("runs")), token, world, cache=None))

No action goes by GET: a link does nothing. An action brings, beside the cookie, a word that only our own pages hold.
Nothing here approves anything. What is written is a case and its recording, each whole or not at all.
"""

from __future__ import annotations

import asyncio
import secrets
import shlex
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote

from aiohttp import web

from runback_gate.app.cases import AddedCase, NewCase, add_case, find_case, propose, why_not_judged, write_case
from runback_gate.app.live import LiveOptions, open_live
from runback_gate.app.paths import slug
from runback_gate.app.recorded import recorded_step
from runback_gate.app.replay import StepReplay, keep_trial, replay_step
from runback_gate.app.workspace import VERDICTS, RunFilter, RunRow
from runback_gate.errors import InputError, RunbackError
from runback_gate.report.html import render
from runback_gate.report.model import Report
from runback_gate.report.spent import amounts
from runback_gate.step import Run, Step
from runback_gate.view.plain import answer_text, message_text, speaker
from runback_gate.view.run_page import Around, run_page
from runback_gate.web.desk import Desk
from runback_gate.web.forms import (
    MAX_FORM,
    Form,
    case_from,
    confirmed_from,
    edit_from,
    fields_of,
    read_form,
    trials_from,
)
from runback_gate.web.guard import cookie_name, read_body
from runback_gate.web.jobs import Job
from runback_gate.web.planned import Planned, plan_replay
from runback_gate.web.render import HEADERS, rendered, whole_page
from runback_gate.web.render import field as form_field
from runback_gate.web.then_now import shown_edits, shown_trials

DESK: Final = web.AppKey("desk", Desk)
T = TypeVar("T")
Page = Callable[[Desk, web.Request], Awaitable[web.StreamResponse]]


def mount(app: web.Application, desk: Desk) -> None:
    """Add the pages to an application."""
    app[DESK] = desk

    async def close(_app: web.Application) -> None:
        await desk.jobs.close()

    app.on_shutdown.append(close)
    for path, page in PAGES.items():
        app.router.add_get(path, _shown(page))
    for path, action in ACTIONS.items():
        app.router.add_post(path, _done(action))


def _shown(page: Page) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """A page for a browser that has the token; the token in the address becomes a cookie."""

    async def handler(request: web.Request) -> web.StreamResponse:
        desk = request.app[DESK]
        if (given := request.query.get("token")) is not None and secrets.compare_digest(
            given.encode(), desk.token.encode()
        ):
            response = web.HTTPSeeOther(request.path, headers=HEADERS)
            response.set_cookie(cookie_name(request), desk.token, httponly=True, samesite="Strict", path="/")
            raise response
        return await _answered(desk, request, page)

    return handler


def _done(action: Page) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handler(request: web.Request) -> web.StreamResponse:
        return await _answered(request.app[DESK], request, action)

    return handler


async def _answered(desk: Desk, request: web.Request, page: Page) -> web.StreamResponse:
    cookie = request.cookies.get(cookie_name(request), "")
    if not secrets.compare_digest(cookie.encode(), desk.token.encode()):
        return _fault(
            403, "This page wants the token of its server.", "Open the address that `runback-gate serve` printed."
        )
    try:
        return await page(desk, request)
    except RunbackError as error:
        return _fault(400, error.message, error.hint or "")


def _fault(status: int, message: str, hint: str) -> web.Response:
    return rendered("fault.html.j2", status=status, title="Not done", here="", message=message, hint=hint)


async def _form(desk: Desk, request: web.Request) -> Form:
    """The fields of an action of one of our own pages.

    Raises:
        InputError: it comes from elsewhere, or cannot be read.
    """
    if request.content_type != "application/x-www-form-urlencoded":
        raise InputError("a form was expected")
    form = read_form(await read_body(request, MAX_FORM))
    if not secrets.compare_digest(form.get("word", "").encode(), desk.word.encode()):
        raise InputError("the form is from before the server was restarted", hint="open the page again")
    return form


async def _work(desk: Desk, function: Callable[..., T], *arguments: Any) -> T:
    async with desk.one:
        return await asyncio.to_thread(function, *arguments)


async def _runs(desk: Desk, request: web.Request) -> web.StreamResponse:
    wanted = RunFilter(**{name: request.query.get(name, "").strip()[:500] for name in RunFilter.__slots__})
    every = await _work(desk, desk.workspace.runs)
    rows = [row for row in every if wanted.takes(row)]
    agents = sorted({row.summary.agent for row in every if row.summary})
    tools = sorted({tool for row in every for tool in row.tools})
    return rendered(
        "runs.html.j2", title="Runs", here="runs", rows=rows, total=len(every), wanted=wanted, agents=agents,
        tools=tools, verdicts=VERDICTS, folder=desk.workspace.folder.name, fault=desk.workspace.fault,
        unread=desk.workspace.unread,
    )  # fmt: skip


async def _reading(desk: Desk, _request: web.Request) -> web.StreamResponse:
    """How many runs are read; each request reads some more."""
    rows = await _work(desk, desk.workspace.runs)
    return web.json_response({"read": len(rows), "left": desk.workspace.unread}, headers=HEADERS)


async def _run(desk: Desk, request: web.Request) -> web.StreamResponse:
    return whole_page(await _work(desk, _run_page, desk, request.match_info["run"], None))


async def _compare(desk: Desk, request: web.Request) -> web.StreamResponse:
    names = [request.query.get(name, "").strip()[:500] for name in ("run", "beside")]
    return whole_page(await _work(desk, _run_page, desk, *names))


def _run_page(desk: Desk, name: str, beside: str | None) -> str:
    """The page of a run, with another one beside it where one is named."""
    run, row = desk.workspace.run(name)
    other, there = (None, None) if beside is None else desk.workspace.run(beside)
    found_other = {} if there is None else there.findings
    own, theirs = (shlex.quote((desk.workspace.folder / f"{item}.jsonl").as_posix()) for item in (name, beside or ""))
    around = Around(step=f"/runs/{quote(name, safe='')}/steps/", names=(own, theirs))
    judged = desk.workspace.judges
    return run_page(run, row.findings, judged=judged, other=other, found_other=found_other, around=around)


async def _step(desk: Desk, request: web.Request) -> web.StreamResponse:
    return await _step_page(desk, request, {}, None)


async def _step_page(desk: Desk, request: web.Request, form: Form, planned: Planned | None) -> web.StreamResponse:
    """The page of a step; after its form was sent, with what was edited and what it would cost."""
    run, row, index = await _place(desk, request)
    step = recorded_step(run, index)
    refused = any(item.outcome == "fail" for item in row.findings.get(index, ()))
    return rendered(
        "step.html.j2", title=f"Step {index} of {run.id}", here="runs", run=run, index=index, step=step,
        asked=_customer(step), refused=refused,
        name=request.match_info["run"], answer=answer_text(step.response), findings=row.findings.get(index, ()),
        word=desk.word, fields=fields_of(step.request, form), field=form_field, planned=planned,
        gate=await _work(desk, desk.workspace.gate), cached=desk.cache is not None,
        kept=_kept(run, [] if refused else propose(step)),
    )  # fmt: skip


def _kept(run: Run, checks: list[dict[str, Any]]) -> dict[str, Any]:
    """What the form that keeps a case proposes."""
    return {"dataset": f"datasets/{slug(run.agent)}.yaml", "checks": checks}


async def _place(desk: Desk, request: web.Request) -> tuple[Run, RunRow, int]:
    run, row = await _work(desk, desk.workspace.run, request.match_info["run"])
    return run, row, int(request.match_info["step"])


async def _replay(desk: Desk, request: web.Request) -> web.StreamResponse:
    form = await _form(desk, request)
    run, _, index = await _place(desk, request)
    edit = edit_from(form, recorded_step(run, index).request, desk.redact_key)
    trials = trials_from(form)
    gate = await _work(desk, desk.workspace.gate)
    planned = await _work(desk, plan_replay, desk, run, index, edit, gate, trials)
    if planned.calls > confirmed_from(form):
        return await _step_page(desk, request, form, planned)

    def work(job: Job) -> StepReplay:
        options = LiveOptions(live=True)
        live = open_live(gate, options, cache=desk.cache, world=desk.world, progress=job, stop=job.stop)
        return replay_step(run, index, edit, live, trials=trials, gate=gate, progress=job)

    given = (request.match_info["run"], index, run, edit)
    job = desk.jobs.start(f"Step {index} of {run.id}", trials, given, work)
    raise web.HTTPSeeOther(f"/replays/{job.id}", headers=HEADERS)


async def _job(desk: Desk, request: web.Request) -> web.StreamResponse:
    job = desk.jobs.get(request.match_info["job"])
    name, index, run, edit = job.given
    step, found = run.steps[index], job.result
    trials = await _work(desk, shown_trials, desk.workspace, found) if found else ()
    best = next((item for item in trials if item.trial.answer.response and not item.refused), None)
    checks = propose(replace(step, response=best.trial.answer.response)) if best else []
    return rendered(
        "replay.html.j2", title=job.title, here="runs", job=job, name=name, index=index, run=run, word=desk.word,
        edits=shown_edits(edit, step.request), asked=_customer(step), then=answer_text(step.response), trials=trials,
        kept=_kept(run, checks), keep_trial=trials.index(best) + 1 if best else 0, spent=_spent(job),
    )  # fmt: skip


def _customer(step: Step) -> str:
    """What the customer said last."""
    return next((message_text(item) for item in reversed(step.request.messages) if item.role == "user"), "")


async def _state(desk: Desk, request: web.Request) -> web.StreamResponse:
    job = desk.jobs.get(request.match_info["job"])
    value = {"state": job.state, "done": job.done, "total": job.total, "spent": _spent(job)}
    return web.json_response(value, headers=HEADERS)


def _spent(job: Job) -> str:
    """Calls and money so far."""
    return " · ".join(amounts(job.spend())) if job.spend else ""


async def _cancel(desk: Desk, request: web.Request) -> web.StreamResponse:
    await _form(desk, request)
    job = desk.jobs.get(request.match_info["job"])
    job.stop.set("cancelled")
    raise web.HTTPSeeOther(f"/replays/{job.id}", headers=HEADERS)


async def _keep_step(desk: Desk, request: web.Request) -> web.StreamResponse:
    form = await _form(desk, request)
    run, _, index = await _place(desk, request)
    new = case_from(form, run.agent)
    return await _work(desk, _kept_case, desk, new, lambda root: add_case(root, run, index, new))


async def _keep_trial(desk: Desk, request: web.Request) -> web.StreamResponse:
    form = await _form(desk, request)
    job = desk.jobs.get(request.match_info["job"])
    run, found, trial = job.given[2], job.result, form.get("trial", "1")
    if found is None or not trial.isascii() or not trial.isdigit() or not 1 <= int(trial[:5]) <= len(found.trials):
        raise InputError("no such trial was made")
    new = case_from(form, run.agent)
    return await _work(desk, _kept_case, desk, new, lambda root: keep_trial(root, found, int(trial) - 1, new))


def _kept_case(desk: Desk, new: NewCase, make: Callable[[Path], AddedCase]) -> web.Response:
    root = desk.workspace.root
    added = write_case(root, make(root))
    note = why_not_judged(root, new.dataset) or ""
    return rendered("kept.html.j2", title="Kept", here="datasets", added=added, dataset=new.dataset, note=note)


async def _reports(desk: Desk, _request: web.Request) -> web.StreamResponse:
    def read() -> list[tuple[str, Report | None, str]]:
        rows: list[tuple[str, Report | None, str]] = []
        for name in desk.workspace.reports()[:200]:
            try:
                rows.append((name, desk.workspace.report(name), ""))
            except RunbackError as error:
                rows.append((name, None, str(error)))
        return rows

    return rendered("reports.html.j2", title="Reports", here="reports", rows=await _work(desk, read))


async def _report(desk: Desk, request: web.Request) -> web.StreamResponse:
    return whole_page(await _work(desk, lambda: render(desk.workspace.report(request.match_info["report"]))))


async def _datasets(desk: Desk, _request: web.Request) -> web.StreamResponse:
    cases = await _work(desk, desk.workspace.cases)
    return rendered("datasets.html.j2", title="Datasets", here="datasets", cases=cases)


async def _case(desk: Desk, request: web.Request) -> web.StreamResponse:
    found = await _work(desk, find_case, desk.workspace.root, request.match_info["case"])
    talk = [(speaker(item), message_text(item)) for item in found.step.request.messages]
    answer = answer_text(found.step.response)
    return rendered("case.html.j2", title=found.title, here="datasets", found=found, talk=talk, answer=answer)


async def _policies(desk: Desk, _request: web.Request) -> web.StreamResponse:
    records = await _work(desk, desk.workspace.records)
    return rendered(
        "policies.html.j2", title="Policies", here="policies", records=records, fault=desk.workspace.fault,
        unread=desk.workspace.unread,
    )  # fmt: skip


async def _policy(desk: Desk, request: web.Request) -> web.StreamResponse:
    record = await _work(desk, desk.workspace.policy, request.match_info["policy"])
    unread = desk.workspace.unread
    return rendered("policy.html.j2", title=record.policy.name, here="policies", record=record, unread=unread)


_STEP: Final = "/runs/{run}/steps/{step:[0-9]{1,9}}"
PAGES: Final[dict[str, Page]] = {
    "/": _runs,
    "/runs/{run}": _run,
    "/reading": _reading,
    "/compare": _compare,
    _STEP: _step,
    "/replays/{job}": _job,
    "/replays/{job}/state": _state,
    "/reports": _reports,
    "/reports/{report:.+}": _report,
    "/datasets": _datasets,
    "/datasets/{case:.+}": _case,
    "/policies": _policies,
    "/policies/{policy}": _policy,
}
"""What can be looked at."""
ACTIONS: Final[dict[str, Page]] = {
    f"{_STEP}/replay": _replay,
    f"{_STEP}/keep": _keep_step,
    "/replays/{job}/cancel": _cancel,
    "/replays/{job}/keep": _keep_trial,
}
"""What can be done; each writes a case or begins and ends a replay, and nothing else."""
