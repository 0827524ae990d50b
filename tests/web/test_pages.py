"""The pages: what they show of a folder, what they write into it, and whom they refuse."""

from __future__ import annotations

import html
import json
import os
import threading
import time
from itertools import product
from pathlib import Path

import pytest

from runback_gate.app import workspace
from runback_gate.capture.runs import write_run
from runback_gate.cli import main
from runback_gate.step import Message, Request, Response, Run, Source, Step, ToolCall
from runback_gate.testing.server import Act, ModelServer, completion
from runback_gate.web import pages as pages_module
from tests.cli.conftest import tree
from tests.web.desk import STEP, TOKEN, Browser, pages, write_demo

CAREFUL = "Be careful."
KEEP = {"why": "a disputed charge was paid", "checks": "toolCalled: escalate"}
SHOWN = (
    "/",
    "/runs/refund",
    "/compare?run=refund&beside=refund-before",
    STEP,
    "/reports",
    "/datasets",
    "/datasets/support/refund-0",
    "/policies",
    "/policies/refunds",
)
ACTIONS = (f"{STEP}/replay", f"{STEP}/keep", "/replays/1/cancel", "/replays/1/keep")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The demo."""
    write_demo(tmp_path)
    return tmp_path


def test_every_page(folder: Path) -> None:
    """Each page is there, forbids scripts of others and frames, and is kept in no cache."""
    with pages(folder) as browser:
        for path in SHOWN:
            status, headers, data = browser.get(path)
            assert status == 200, path
            assert headers["cache-control"] == "no-store"
            assert headers["x-frame-options"] == "DENY"
            policy = headers.get("content-security-policy") or html.unescape(data.decode())
            assert "default-src 'none'" in policy


def test_a_rule_that_a_judge_model_decides(folder: Path) -> None:
    """Its policy is listed with what the judge is asked, and nothing says that no step breaks it."""
    rule = "validations: [{id: tone.calm, judge: {model: j/judge, rubric: Is <b>calm</b>.}}]"
    text = f"apiVersion: runback.dev/v1\nkind: Policy\nmetadata: {{name: tone}}\nspec:\n  {rule}\n"
    (folder / "policies/tone.yaml").write_text(text)
    with pages(folder) as browser:
        assert "<td>not judged here</td>" in browser.text("/policies").replace(' class="count"', "")
        page = browser.text("/policies/tone")
        assert "Is &lt;b&gt;calm&lt;/b&gt;." in page
        assert "not judged here: a judge model decides it" in page
        assert "None." not in page
        (folder / "policies/refunds.yaml").unlink()
        assert "not judged" in browser.text("/")


def test_nobody_without_the_token(folder: Path) -> None:
    """No page and no action is there for whoever lacks the token; the token in the address becomes a cookie."""
    before = tree(folder)
    with pages(folder) as browser:
        for path in SHOWN:
            for cookie in ("", browser.cookie[:-1] + "x", f"runback_1={TOKEN}"):
                assert browser.at.ask("GET", path, None, {"Cookie": cookie})[0] == 403
            assert browser.at.ask("GET", f"{path}{'&' if '?' in path else '?'}token=wrong")[0] == 403
        for path in ACTIONS:
            assert browser.at.ask("POST", path)[0] == 403
        status, headers, _ = browser.at.ask("GET", f"/policies?token={TOKEN}")
        assert (status, headers["location"]) == (303, "/policies")
        assert "HttpOnly" in headers["set-cookie"]
        assert "SameSite=Strict" in headers["set-cookie"]
    assert tree(folder) == before


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example:80"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
    ],
)
def test_other_sites_are_refused(folder: Path, headers: dict[str, str]) -> None:
    """A name that was bound anew, and a page of another origin, get nothing, even with cookie and word."""
    before = tree(folder)
    with pages(folder) as browser:
        word = browser.word()
        assert browser.get("/", **headers)[0] == 403
        assert browser.post(f"{STEP}/keep", KEEP, word, **headers)[0] == 403
    assert tree(folder) == before


def test_a_form_of_another_page_does_nothing(folder: Path) -> None:
    """The cookie alone is not enough: the word of our own forms is wanted, in a form's own encoding."""
    before = tree(folder)
    with pages(folder) as browser:
        for word in ("", "guessed"):
            assert browser.post(f"{STEP}/keep", KEEP, word)[0] == 400
        good = browser.word()
        assert browser.post(f"{STEP}/keep", KEEP, good, **{"Content-Type": "text/plain"})[0] == 400
        body = f"word={good}&word={good}&why=x".encode()
        twice = {"Cookie": browser.cookie, "Content-Type": "application/x-www-form-urlencoded"}
        assert browser.at.ask("POST", f"{STEP}/keep", body, twice)[0] == 400
    assert tree(folder) == before


def test_the_actions_are_those() -> None:
    """The actions that are tried here are all that there are."""
    assert len(pages_module.ACTIONS) == len(ACTIONS)


def test_no_action_by_get(folder: Path) -> None:
    """A link does nothing: every action is refused as GET and HEAD."""
    before = tree(folder)
    with pages(folder) as browser:
        for path in ACTIONS:
            assert browser.get(f"{path}?word={browser.word()}&why=x")[0] in (404, 405)
    assert tree(folder) == before


OUTSIDE = """\
..%2fsecret
%2e%2e%2fsecret
..%5csecret
%2fetc%2fpasswd
..%252fsecret
refund%00
secret.jsonl
../secret
....//secret
.runback/../secret""".splitlines()


def test_names_lead_nowhere_else(tmp_path: Path) -> None:
    """Names of runs, reports, cases and policies are looked up in what is listed; no path leads out."""
    folder = tmp_path / "gate"
    write_demo(folder)
    (tmp_path / "secret").write_text("topsecret", "utf-8")
    (tmp_path / "secret.jsonl").write_text("topsecret", "utf-8")
    with pages(folder) as browser:
        for path, name in product(("/runs/", "/reports/", "/datasets/", "/policies/", "/replays/"), OUTSIDE):
            status, _, data = browser.get(path + name)
            assert status in (400, 404), path + name
            assert b"topsecret" not in data


def test_a_dataset_lies_inside(folder: Path) -> None:
    """A case is written below the folder of the gate, or nowhere."""
    before = tree(folder)
    with pages(folder) as browser:
        for name in ("../out.yaml", "/tmp/out.yaml", "datasets/../../out.yaml"):
            assert browser.post(f"{STEP}/keep", {**KEEP, "dataset": name})[0] == 400
        assert browser.post(f"{STEP}/keep", {**KEEP, "why": " "})[0] == 400
        assert browser.post(f"{STEP}/keep", {**KEEP, "checks": "toolCaled: x"})[0] == 400
    assert tree(folder) == before


def replayed(browser: Browser, fields: dict[str, str]) -> str:
    """The page of a replay once it is over."""
    status, headers, data = browser.post(f"{STEP}/replay", {"confirmed": "9", **fields})
    assert status == 303, data
    for _ in range(600):
        if '"running"' not in browser.text(headers["location"] + "/state"):
            return browser.text(headers["location"])
        time.sleep(0.05)
    raise AssertionError("the replay does not end")


def test_replay_keep_and_judge(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another prompt, then and now, kept as a case, and `run` judges the case."""
    with pages(folder) as browser:
        text = replayed(browser, {"system": (folder / "prompts/careful.md").read_text("utf-8").replace("\n", "\r\n")})
        assert "tool changed" in text
        assert "no rule refuses it" in text
        assert "<del>− Keep customers happy: give the money back when a customer asks for it.</del>" in text
        assert "I never bought this!" in text
        status, _, data = browser.post("/replays/1/keep", KEEP)
        assert (status, b"refund-2-replayed-0" in data) == (200, True)
    monkeypatch.chdir(folder)
    (folder / "agents/support.md").write_bytes((folder / "prompts/careful.md").read_bytes())
    with pytest.raises(SystemExit) as ended:
        main(["run", "--cache", "answers"])
    assert ended.value.code == 0


def test_what_the_rules_say_of_an_answer(tmp_path: Path) -> None:
    """Each answer of today is judged: a refused one is proposed to nobody, the first that holds is."""
    refund, escalate = ToolCall("c", "issue_refund", '{"amount": 250}'), ToolCall("c", "escalate", "{}")

    def answer(_body: object, number: int) -> Act:
        return Act(completion("", [refund if number < 2 else escalate]))

    with ModelServer(answer) as server:
        write_demo(tmp_path, server.url)
        with pages(tmp_path, cache=None) as browser:
            again = replayed(browser, {"trials": "2", "confirmed": "2"})
            other = replayed(browser, {"trials": "1", "system": "Ask.", "confirmed": "1"})
            text = browser.text(STEP)
    assert again.count("refunds.limit: refund above the limit") == 2
    assert "a rule refuses each" in again
    assert 'action="/replays/1/keep"' not in again
    assert "no rule refuses it" in other
    assert "toolCalled" in other
    assert "so no check is proposed" in text
    assert "I never bought this!" in text


def test_every_field_is_asked(tmp_path: Path) -> None:
    """Model, prompt, message, tools and parameters go out as they were edited, once for each trial."""
    asked = {
        "model": "openai/other",
        "system": CAREFUL,
        "message-5": "Only 3 dollars.",
        "parameters": '{"temperature": 1}',
        "tools": '[{"name": "escalate"}]',
        "trials": "3",
    }
    with ModelServer(lambda _body, _number: Act(completion("Hello"))) as server:
        write_demo(tmp_path, server.url)
        with pages(tmp_path, cache=None) as browser:
            text = replayed(browser, asked)
        bodies = [item.body for item in server.asked]
    assert text.count("tool changed") == 3
    assert len(bodies) == 3
    assert bodies[0]["model"] == "other"
    assert bodies[0]["messages"][0]["content"] == CAREFUL
    assert bodies[0]["messages"][-1]["content"] == "Only 3 dollars."
    assert bodies[0]["temperature"] == 1
    assert [tool["function"]["name"] for tool in bodies[0]["tools"]] == ["escalate"]


def test_the_estimate_comes_first(tmp_path: Path) -> None:
    """Nothing is asked before whoever asks has seen how often; what was edited stays, and more trials are told anew."""
    edited = {"system": "Be <careful>.", "message-5": "\nOnly 3 dollars.", "trials": "3"}
    with ModelServer(lambda _body, _number: Act(completion("Hello"))) as server:
        write_demo(tmp_path, server.url)
        with pages(tmp_path, cache=None) as browser:
            for confirmed in ({}, {"confirmed": "2"}, {"confirmed": "-9"}, {"confirmed": "9" * 40}):
                status, _, data = browser.post(f"{STEP}/replay", edited | confirmed)
                text = data.decode()
                assert (status, "This asks 3 times: cost unknown." in text) == (200, True)
                assert "openai/gpt-4o-2024-08-06" in text
                assert "Be &lt;careful&gt;.</textarea>" in text
                assert "\n\nOnly 3 dollars.</textarea>" in text
            assert not server.asked
            assert "tool changed" in replayed(browser, edited | {"confirmed": "3"})
    assert len(server.asked) == 3


def test_a_replay_is_cancelled(tmp_path: Path) -> None:
    """A replay that takes long says how far it is, and ends when it is told to."""
    with ModelServer(lambda _body, _number: Act(completion("Hello"), delay=20)) as server:
        write_demo(tmp_path, server.url)
        with pages(tmp_path, cache=None) as browser:
            status, headers, _ = browser.post(f"{STEP}/replay", {"trials": "2", "confirmed": "2"})
            place = headers["location"]
            assert (status, "0 of 2 answers" in browser.text(place)) == (303, True)
            assert browser.post(f"{place}/cancel", {})[0] == 303
            for _ in range(200):
                if '"cancelled"' in browser.text(f"{place}/state"):
                    break
                time.sleep(0.05)
            assert "Cancelled" in browser.text(place)


def test_a_server_that_ends_in_the_middle(tmp_path: Path) -> None:
    """What ran ends with the server, nothing is half written, and the next start knows nothing of it."""
    with ModelServer(lambda _body, _number: Act(completion("Hello"), delay=60)) as server:
        write_demo(tmp_path, server.url)
        before = tree(tmp_path)
        with pages(tmp_path, cache=None) as browser:
            assert browser.post(f"{STEP}/replay", {"confirmed": "1"})[0] == 303
            old = browser.word()
        assert tree(tmp_path) == before
        with pages(tmp_path, cache=None) as browser:
            assert browser.get("/replays/1")[0] == 400
            assert browser.post(f"{STEP}/keep", KEEP, old)[0] == 400


def test_two_tabs(folder: Path) -> None:
    """Two tabs that keep at once lose nothing; the second of the same name is refused."""
    with pages(folder) as browser:
        word = browser.word()
        found: list[int] = []

        def keep(name: str) -> None:
            found.append(browser.post(f"{STEP}/keep", {**KEEP, "case": name}, word)[0])

        tabs = [threading.Thread(target=keep, args=(name,)) for name in ("one", "two", "three", "one")]
        for tab in tabs:
            tab.start()
        for tab in tabs:
            tab.join()
        assert sorted(found) == [200, 200, 200, 400]
        text = browser.text("/datasets")
    assert all(f"support/{name}<" in text for name in ("one", "two", "three"))


def test_two_tabs_replay(folder: Path) -> None:
    """Two tabs that ask the same step otherwise each get their own answer."""
    with pages(folder) as browser:
        word, careful = browser.word(), (folder / "prompts/careful.md").read_text("utf-8")
        places: dict[str, str] = {}

        def ask(system: str) -> None:
            fields = {"system": system, "confirmed": "1"}
            places[system] = browser.post(f"{STEP}/replay", fields, word)[1]["location"]

        tabs = [threading.Thread(target=ask, args=(system,)) for system in (careful, CAREFUL)]
        for tab in tabs:
            tab.start()
        for tab in tabs:
            tab.join()
        for place in places.values():
            for _ in range(200):
                if '"running"' not in browser.text(f"{place}/state"):
                    break
                time.sleep(0.05)
        assert "tool changed" in browser.text(places[careful])
        assert "no answer" in browser.text(places[CAREFUL])


def test_two_runs_are_compared(folder: Path) -> None:
    """Two runs of the list stand side by side; a name that is not listed is refused."""
    with pages(folder) as browser:
        assert 'list="names"' in browser.text("/")
        text = browser.text("/compare?run=refund&beside=refund-before")
        assert '"id":"refund-before"' in text
        for query in ("", "?run=refund", "?run=refund&beside=..%2fsecret", "?run=none&beside=refund"):
            assert browser.get(f"/compare{query}")[0] == 400


def test_runs_are_filtered(folder: Path) -> None:
    """By agent, verdict, tool, text and time; a run that was changed is listed as what it is."""
    request = Request("m", "Be kind.", (Message("user", "Where is my Parcel?"),))
    call = ToolCall("c", "look_up", "{}")
    step = Step("other", request, Response("", (call,)), Source("r9", 0, "semantic", at="2026-01-02T00:00:00Z"))
    (folder / "runs/r9.jsonl").write_bytes(write_run(Run("r9", "other", (step,)), os.urandom))
    changed = (folder / "runs/refund.jsonl").read_bytes().replace(b"Hello", b"Hullo", 1)
    (folder / "runs/changed.jsonl").write_bytes(changed)
    with pages(folder) as browser:
        rows = {
            query: [name for name in ("refund", "refund-before", "r9", "changed") if f">{name}<" in browser.text(query)]
            for query in (
                "/?agent=other",
                "/?verdict=refused",
                "/?verdict=unreadable",
                "/?tool=escalate",
                "/?text=PARCEL",
                "/?since=2026-02",
                "/?until=2026-02",
                "/?agent=nobody",
            )
        }
    assert rows == {
        "/?agent=other": ["r9"],
        "/?verdict=refused": ["refund"],
        "/?verdict=unreadable": ["changed"],
        "/?tool=escalate": ["refund-before"],
        "/?text=PARCEL": ["r9"],
        "/?since=2026-02": ["refund", "refund-before"],
        "/?until=2026-02": ["r9"],
        "/?agent=nobody": [],
    }


def test_a_folder_that_takes_long_to_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest runs are there at once, the page says how many are left, and each is read and judged once."""
    for number in range(4):
        data = (folder / "runs/refund.jsonl").read_bytes()
        (folder / f"runs/again-{number}.jsonl").write_bytes(data)
    monkeypatch.setattr(workspace, "READ_AT_ONCE", 1)
    read: list[str] = []
    whole = workspace.Workspace._read

    def counted(self: workspace.Workspace, path: Path) -> workspace.RunRow:
        read.append(path.stem)
        return whole(self, path)

    monkeypatch.setattr(workspace.Workspace, "_read", counted)
    with pages(folder) as browser:
        assert "5 older runs are still being read" in browser.text("/")
        assert "4 older runs are still being read" in browser.text("/policies/refunds")
        left = [json.loads(browser.text("/reading"))["left"] for _ in range(5)]
        text = browser.text("/")
    assert left == [3, 2, 1, 0, 0]
    assert "6 of 6 runs" in text
    assert "still being read" not in text
    assert len(read) == len(set(read)) == 6


def test_hostile_text_is_text(folder: Path) -> None:
    """What a model or a file says is escaped on every page."""
    hostile = '<script>alert(1)</script>"><img src=x onerror=alert(1)>'
    request = Request("m", hostile, (Message("user", hostile),))
    step = Step(hostile, request, Response(hostile), Source("h", 0, "semantic"))
    (folder / "runs/h.jsonl").write_bytes(write_run(Run("h", hostile, (step,), error=hostile), os.urandom))
    with pages(folder) as browser:
        asked = {"system": f"{hostile} other", "message-0": "<b>\u202e", "confirmed": "1"}
        assert browser.post("/runs/h/steps/0/replay", asked)[1]["location"] == "/replays/1"
        compared = "/compare?run=h&beside=refund"
        for path in ("/", f"/?text={'%3Cscript%3E'}", "/runs/h", "/runs/h/steps/0", "/replays/1", compared):
            text = browser.text(path)
            assert "\u202e" not in text
            assert "<script>alert" not in text
            assert "<img" not in text
