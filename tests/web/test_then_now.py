"""A replay from its page: the estimate, the answers then and now, the case that is kept, two tabs, a cancel."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from runback_gate.cli import main
from runback_gate.step import ToolCall
from runback_gate.testing.server import Act, ModelServer, completion
from tests.cli.conftest import tree
from tests.web.demo import CAREFUL, KEEP, STEP, write_demo
from tests.web.desk import Browser, pages


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
