"""Whom the pages refuse: without the token, from other sites and forms, by names that lead elsewhere."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from runback_gate.web import pages as pages_module
from tests.cli.conftest import tree
from tests.web.demo import ACTIONS, KEEP, SHOWN, STEP, write_demo
from tests.web.desk import TOKEN, pages


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
