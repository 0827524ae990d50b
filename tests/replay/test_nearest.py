"""Why the response cache has no answer: the nearest request that is known, and where it differs."""

from __future__ import annotations

import pytest

from runback_gate.replay import nearest
from runback_gate.replay.cache import KEY_VARIABLE, ResponseCache, request_name
from runback_gate.step import Message, Request
from tests.replay.cached import ANSWER, ASKED, KEY, changed, name_of


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (changed(parameters={"seed": 8}), "differs at parameters.seed"),
        (changed(system="Be rude."), "differs at system"),
        (changed(messages=ASKED.messages[:1]), "differs at messages[1]"),
        (changed(model="p/n"), "differs at model"),
        (ASKED, "only other trials of it are cached"),
        (changed(messages=(Message("user", "what?"),)), "no cached request has this conversation"),
    ],
)
def test_a_miss_says_why(cache: ResponseCache, asked: Request, why: str) -> None:
    """The nearest request that is known, and the first place where it differs."""
    assert cache.why_missed(asked) == "the cache knows no request"
    for known in (ASKED, changed(messages=(Message("user", "else"),)), changed(model="q/q", system="x", parameters={})):
        cache.put(name_of(known), 0, ANSWER, known)
    assert cache.why_missed(asked).endswith(why)
    # The same, learnt from the disk.
    assert ResponseCache(cache.folder).why_missed(asked) == cache.why_missed(asked)


def test_a_miss_for_want_of_a_seal(cache: ResponseCache) -> None:
    """The reason is named, not another request."""
    cache.put(name_of(ASKED), 0, ANSWER, ASKED)
    sealed = ResponseCache(cache.folder, KEY)
    assert sealed.get(name_of(ASKED), 0) is None
    assert sealed.why_missed(ASKED) == f"its cached answer lacks the seal of {KEY_VARIABLE}"


def test_to_explain_is_bounded(cache: ResponseCache, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many requests are known, only so many are looked at; one that was damaged or went away is passed over."""
    monkeypatch.setattr(nearest, "MAX_KNOWN", 2)
    asked = [changed(parameters={"seed": seed}) for seed in range(5)]
    for request in asked:
        cache.write(name_of(request), 0, ANSWER, request)
    (cache.folder / request_name(min(map(name_of, asked)))).write_bytes(b"{}")
    store = ResponseCache(cache.folder)
    assert "parameters" in store.why_missed(changed(parameters={}))
    for request in asked:
        (cache.folder / request_name(name_of(request))).unlink()
    assert store.why_missed(changed(parameters={})) == "no cached request has this conversation"
