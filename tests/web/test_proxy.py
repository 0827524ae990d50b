"""The recording proxy passes on what it gets and records it."""

from __future__ import annotations

import gzip
import http.client
import json
from typing import Any

import pytest

from runback_gate.step import Run
from runback_gate.testing.server import Act, ModelServer, completion, events
from tests.web.conftest import Serve
from tests.web.questions import BODY, PATH


def local(server: ModelServer) -> dict[str, Any]:
    """Options of a proxy before a server."""
    return {"providers": {"local": server.url}}


def test_plain_call_is_recorded_exactly(served: Serve) -> None:
    """The provider sees the body and headers of the client, the client the provider's answer, the run both."""
    with ModelServer(lambda _body, _number: Act(completion("Hello"), headers={"X-Mine": "1"})) as server:
        with served(agent="support", **local(server)) as proxy:
            status, headers, data = proxy.post(PATH, BODY, Authorization="Bearer sk-1", Cookie="a=b")
        assert (status, headers["x-mine"], json.loads(data)) == (200, "1", completion("Hello"))
        assert server.asked[0].body == BODY
        assert (server.asked[0].headers["authorization"], server.asked[0].headers["cookie"]) == ("Bearer sk-1", "a=b")
    (run,) = proxy.runs()
    (step,) = run.steps
    assert (run.agent, step.source.grade, step.source.api) == ("support", "exact", "openai.chat")
    assert (step.request.messages[0].content, step.response.text) == ("Hi", "Hello")
    written = b"".join(path.read_bytes() for path in proxy.folder.iterdir())
    assert b"sk-1" not in written


def test_a_proxy_leads_to_the_provider(served: Serve) -> None:
    """What the environment names as a proxy is asked, and NO_PROXY leaves it out."""
    options = {"providers": {"local": "http://models.invalid/v1"}}
    with ModelServer(lambda _body, _number: Act(completion("Hello"))) as server:
        environ = {"HTTP_PROXY": server.url.removesuffix("/v1").removeprefix("http://")}
        with served(environ=environ, **options) as proxy:
            assert proxy.post(PATH, BODY)[0] == 200
        with served(environ={**environ, "NO_PROXY": ".invalid"}, **options) as proxy:
            assert proxy.post(PATH, BODY)[0] == 502
        assert [item.headers["host"] for item in server.asked] == ["models.invalid"]


def test_stream_comes_as_it_is_sent(served: Serve) -> None:
    """A byte reaches the client before the answer is over; the run has the whole answer."""
    with (
        ModelServer(lambda _body, _number: Act(events(completion("Hello")), fault="drip")) as server,
        served(**local(server)) as proxy,
    ):
        connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=60)
        connection.request("POST", PATH, json.dumps(BODY | {"stream": True}), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        assert answer.read(1) == b"d"
        assert len(server.answered) == 0
        connection.close()
    (run,) = proxy.runs()
    assert "before its end" in (run.steps[0].response.error or "")


def test_streamed_answer(served: Serve) -> None:
    """A streamed answer is passed on byte by byte and read."""
    with ModelServer(lambda _body, _number: Act(completion("Hello"))) as server, served(**local(server)) as proxy:
        _, headers, data = proxy.post(PATH, BODY | {"stream": True})
        assert (headers["content-type"], data) == ("text/event-stream", events(completion("Hello")))
    (run,) = proxy.runs()
    assert run.steps[0].response.text == "Hello"


def test_encoded_answer(served: Serve) -> None:
    """A content encoding reaches the client as it is, and the run without it."""
    data = gzip.compress(json.dumps(completion("Hello")).encode())
    with ModelServer(lambda _b, _n: Act(data, headers={"Content-Encoding": "gzip"})) as server:
        with served(**local(server)) as proxy:
            _, headers, answer = proxy.post(PATH, BODY, Accept_Encoding="gzip")
        assert (headers["content-encoding"], answer) == ("gzip", data)
    assert proxy.runs()[0].steps[0].response.text == "Hello"


@pytest.mark.parametrize(
    ("act", "status", "error"),
    [
        (Act({"error": {"message": "no"}}, status=429, headers={"Retry-After": "3"}), 429, "HTTP 429"),
        (Act(b"not JSON"), 200, "not understood"),
        (Act(completion("x"), fault="reset"), 502, "no answer of the provider"),
    ],
)
def test_failures(served: Serve, act: Act, status: int, error: str) -> None:
    """What the provider does wrong reaches the client, and the step says it in place of an answer."""
    with ModelServer(lambda _body, _number: act) as server, served(**local(server)) as proxy:
        assert proxy.post(PATH, BODY)[0] == status
    (run,) = proxy.runs()
    assert error in (run.steps[0].response.error or "")
    assert run.steps[0].response.finish_reason == "error"


def test_broken_answer(served: Serve) -> None:
    """An answer that breaks off breaks off for the client too, and is none in the run."""
    with (
        ModelServer(lambda _body, _number: Act(completion("Hello"), fault="half")) as server,
        served(**local(server)) as proxy,
        pytest.raises((http.client.IncompleteRead, ConnectionError)),
    ):
        proxy.post(PATH, BODY)
    assert "broke off" in (proxy.runs()[0].steps[0].response.error or "")


def test_other_paths_pass_unrecorded(served: Serve) -> None:
    """What is no call of a model is passed on and leaves no run."""
    with ModelServer(lambda _body, _number: Act({}), path="/v1/files") as server, served(**local(server)) as proxy:
        assert proxy.post("/v1/proxy/local/files", {})[0] == 200
    assert proxy.runs() == []


def conversation(proxy: Any, path: str, words: str, *, turns: int = 3, **headers: str) -> None:
    """One that sends back what was answered."""
    messages: list[dict[str, Any]] = [{"role": "user", "content": words}]
    for _ in range(turns):
        _, _, data = proxy.post(path, BODY | {"messages": messages}, **headers)
        messages += [json.loads(data)["choices"][0]["message"], {"role": "user", "content": "More"}]


def answering(body: dict[str, Any], _number: int) -> Act:
    """An answer that depends on the conversation."""
    return Act(completion(f"{body['messages'][0]['content']} {len(body['messages'])}"))


def described(runs: list[Run]) -> list[tuple[str, int, str | None]]:
    return sorted((run.agent, len(run.steps), run.labels.get("run")) for run in runs)


def test_conversations_are_runs(served: Serve) -> None:
    """Calls that say no run are told apart by what they repeat."""
    with ModelServer(answering) as server, served(**local(server)) as proxy:
        conversation(proxy, PATH, "One")
        conversation(proxy, PATH, "Two", turns=2)
    assert described(proxy.runs()) == [("agent", 2, None), ("agent", 3, None)]


def test_agent_and_run_of_headers_and_path(served: Serve) -> None:
    """A client says its agent and run in headers, or in its base URL where it can set none."""
    with ModelServer(answering) as server, served(**local(server)) as proxy:
        for words in ("One", "Two"):
            conversation(proxy, PATH, words, turns=1, X_Runback_Agent="a", X_Runback_Run="r")
            conversation(proxy, "/v1/proxy/agent/b%20c/run/r/local/chat/completions", words, turns=1)
        conversation(proxy, "/v1/proxy/agent/d/local/chat/completions", "Three")
        assert not any(name.startswith("x-runback") for asked in server.asked for name in asked.headers)
    assert described(proxy.runs()) == [("a", 2, "r"), ("b c", 2, "r"), ("d", 3, None)]


def test_idle_run_ends(served: Serve) -> None:
    """A run in which nothing happens ends; the same name begins another one."""
    with ModelServer(answering) as server, served(idle=0.1, **local(server)) as proxy:
        for _ in range(2):
            conversation(proxy, PATH, "One", turns=1, X_Runback_Run="r")
            while not any(b'"run.end"' in path.read_bytes() for path in [*proxy.folder.glob("*.jsonl")][-1:]):
                pass
    assert len(proxy.runs()) == 2


@pytest.mark.parametrize(
    "path",
    [
        "/v1/proxy/nobody/chat/completions",
        "/v1/proxy/local",
        "/v1/proxy/local/../admin",
        "/v1/proxy/local/%2e%2e/admin",
        "/v1/proxy/agent/%00/local/chat/completions",
    ],
)
def test_paths_that_lead_nowhere(served: Serve, path: str) -> None:
    """A path without a provider, or out of it, is refused and asks nobody."""
    with ModelServer(lambda _body, _number: Act({})) as server, served(**local(server)) as proxy:
        assert proxy.post(path, BODY)[0] == 404
        assert server.asked == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": ""},
        {"Host": "evil.example:4318"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
    ],
)
def test_pages_of_others_are_refused(served: Serve, headers: dict[str, str]) -> None:
    """Another host name or another origin is refused: a page in a browser could send it."""
    with ModelServer(lambda _body, _number: Act(completion("x"))) as server, served(**local(server)) as proxy:
        assert proxy.post(PATH, BODY, **headers)[0] == 403
        assert server.asked == []
    assert proxy.runs() == []


def test_token(served: Serve) -> None:
    """Where a token is set, each request brings it, and it goes no further."""
    token = "0123456789abcdef"
    with ModelServer(lambda _body, _number: Act(completion("x"))) as server:
        with served(token=token, **local(server)) as proxy:
            assert proxy.post(PATH, BODY)[0] == 403
            assert proxy.post(PATH, BODY, X_Runback_Token="0123456789abcdeF")[0] == 403
            assert proxy.post(PATH, BODY, X_Runback_Token=token)[0] == 200
        assert "x-runback-token" not in server.asked[0].headers


def test_cookies_stay_here(served: Serve) -> None:
    """The cookie of the pages goes to no provider, no provider sets one, a token in the address opens pages alone."""
    token = "0123456789abcdef"
    act = Act(completion("x"), headers={"Set-Cookie": "runback_1=theirs"})
    with ModelServer(lambda _body, _number: act) as server, served(token=token, **local(server)) as proxy:
        assert proxy.post(f"{PATH}?token={token}", BODY)[0] == 403
        status, headers, _ = proxy.post(PATH, BODY, X_Runback_Token=token, Cookie=f"runback_1={token}; theme=dark")
        assert (status, "set-cookie" in headers) == (200, False)
        assert server.asked[0].headers["cookie"] == "theme=dark"
