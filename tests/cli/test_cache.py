"""`cache list | stats | prune` on a folder of answers."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from runback_gate.canonical import digest
from runback_gate.replay.cache import ResponseCache
from runback_gate.step import Message, Request, Response, to_json
from tests.cli.conftest import Command

FOLDER = Path(".runback/responses")


@pytest.fixture
def filled(here: Path, monkeypatch: pytest.MonkeyPatch) -> ResponseCache:
    """Two requests, three answers; the first was used long ago."""
    monkeypatch.delenv("RUNBACK_CACHE_KEY", raising=False)
    cache = ResponseCache(here / FOLDER)
    for seed, trials in ((1, 2), (2, 1)):
        request = Request("local/m", messages=(Message("user", "hi"),), parameters={"seed": seed})
        for trial in range(trials):
            cache.write(digest(to_json(request)), trial, Response(f"\x1b[31mred {seed}.{trial}", model="m-1"), request)
    first = next(item for item in cache.stored() if item.trial == 0)
    os.utime(first.path, (86_400 * 365, 86_400 * 365))
    return cache


def test_list(command: Command, filled: ResponseCache) -> None:
    """Each answer with its last use, its question and what it said, which cannot steer the terminal."""
    result = command("cache", "list")
    assert result.code == 0
    assert "\x1b" not in result.out
    assert "1971-01-01  " in result.out
    assert '.1  local/m  "' in result.out
    assert result.out.endswith("3 answers\n")
    rows = json.loads(command("cache", "list", "--json").out)
    assert {(row["trial"], row["state"], row["model"]) for row in rows} == {(0, "ok", "local/m"), (1, "ok", "local/m")}
    assert sum(row["bytes"] for row in rows) < sum(item.size for item in filled.stored())


def test_list_of_bad_entries(command: Command, filled: ResponseCache, monkeypatch: pytest.MonkeyPatch) -> None:
    """What would not count is shown as such."""
    paths = [item.path for item in filled.stored()]
    next(path for path in paths if path.name.endswith(".1.json")).write_bytes(b"{}")
    for path in paths:
        if path.name.endswith(".request.json"):
            path.unlink()
    out = command("cache", "list").out
    assert "cut or changed" in out
    assert "m-1  " in out
    monkeypatch.setenv("RUNBACK_CACHE_KEY", "0123456789abcdef")
    assert command("cache", "list").out.count("not sealed with this key") == 3


def test_stats(command: Command, filled: ResponseCache) -> None:
    """Answers, requests, bytes, and when they were used."""
    result = command("cache", "stats")
    assert result.out.startswith("3 answers to 2 requests, ")
    assert "last used between 1971-01-01 and " in result.out
    found = json.loads(command("cache", "stats", "--json").out)
    assert (found["answers"], found["requests"], found["oldest"]) == (3, 2, "1971-01-01T00:00:00Z")
    filled.remove(filled.stored())
    assert command("cache", "stats").out == "0 answers to 0 requests, 0.0 kB\n"


def test_prune(command: Command, filled: ResponseCache) -> None:
    """By time, by size, everything; a dry run removes nothing."""
    assert "would remove 1 answer, " in command("cache", "prune", "--unused", "30", "--dry-run").out
    assert len(list(filled.stored())) == 5
    assert "removed 1 answer, " in command("cache", "prune", "--unused", "30").out
    assert "removed 0 answers, 0.0 kB\n" in command("cache", "prune").out
    assert "removed 0 answers" in command("cache", "prune", "--max-size", "1M").out
    assert "removed 2 answers" in command("cache", "prune", "--all").out
    assert list(filled.stored()) == []


def test_sizes_in_megabytes(command: Command, filled: ResponseCache) -> None:
    """Larger figures in larger units."""
    filled.put("sha256:" + "a" * 64, 0, Response("x" * 200_000))
    assert "0.2 MB" in command("cache", "stats").out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["list"], ".runback/responses: no such folder"),
        (
            ["stats", "--cache", "nowhere"],
            "nowhere: no such folder (`runback-gate run --live --cache FOLDER` makes one)",
        ),
        (["prune", "--all", "--unused", "3"], "--all leaves nothing for --unused and --max-size"),
    ],
)
def test_refused(refused: Command, arguments: list[str], message: str) -> None:
    """One line, nothing done."""
    assert message in str(refused("cache", *arguments))


@pytest.mark.parametrize("size", ["", "much", "-1", "1T", "1.5G"])
def test_bad_sizes(command: Command, filled: ResponseCache, size: str) -> None:
    """Nothing is removed on a guess."""
    result = command("cache", "prune", "--max-size", size)
    assert result.code == 2
    assert "is not a size (digits, then K, M or G: 200M)" in result.error
    assert len(list(filled.stored())) == 5
