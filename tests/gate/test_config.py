"""The gate config: what is gated, and nothing that is passed over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runback_gate.canonical import digest_bytes
from runback_gate.dataset.trials import Trials
from runback_gate.errors import DocumentError, InputError
from runback_gate.gate.config import Budget, Gate, ProviderSpec, load_gate
from runback_gate.replay.prices import Price
from runback_gate.replay.providers import Provider
from runback_gate.testing import sample_case, sample_step, write_document, write_gate

FILES = {"agents": ["agents/*.yaml"], "datasets": ["datasets/*.yaml"]}
PROVIDER = {"baseUrl": "https://api.example.com/v1", "apiKeyEnv": "EXAMPLE_KEY", "models": ["gpt-*"]}


def load(root: Path, **spec: Any) -> Gate:
    """The gate of a folder that works, with this `spec`."""
    write_gate(root, [sample_case("c", sample_step(text="Hi"))])
    write_document(root, "runback.yaml", "Gate", "shop", {**FILES, **spec})
    return load_gate(root)


def refused(root: Path, **spec: Any) -> str:
    """The error for such a gate, on one line."""
    with pytest.raises(InputError) as error:
        load(root, **spec)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_the_least_that_is_written(tmp_path: Path) -> None:
    """Agents and datasets; one trial, which must pass; no policies, no waivers."""
    gate = load(tmp_path)
    assert (gate.name, gate.path) == ("shop", "runback.yaml")
    assert gate.digest == digest_bytes((tmp_path / "runback.yaml").read_bytes())
    assert (gate.agents, gate.datasets) == (("agents/*.yaml",), ("datasets/*.yaml",))
    assert (gate.policies, gate.waivers) == ((), ())
    assert isinstance(gate.trials, Trials)
    assert (gate.trials.n, gate.trials.needed) == (1, 1)
    assert (gate.block, gate.budget, gate.providers) == ("regressions", Budget(), {})


def test_all_that_can_be_written(tmp_path: Path) -> None:
    """Budget and providers as well."""
    gate = load(
        tmp_path,
        policies=["policies/*.yaml"],
        waivers=["waivers/*.yaml"],
        trials={"n": 3, "pass": 2},
        block="all",
        budget={"usd": "2.00", "seconds": 900, "calls": 500},
        providers={
            "openai": PROVIDER,
            "claude": {
                "api": "litellm",
                "models": ["*"],
                "timeoutSeconds": 30,
                "maxInFlight": 4,
                "prices": {"sonnet*": {"input": "3", "output": "15.00"}},
            },
        },
    )
    assert {name: provider.endpoint() for name, provider in gate.providers.items()} == {
        "openai": Provider("https://api.example.com/v1", ("gpt-*",), "EXAMPLE_KEY"),
        "claude": Provider(None, ("*",), None, "litellm", 30.0, 4, {"sonnet*": Price("3", "15.00")}),
    }
    assert (gate.policies, gate.waivers) == (("policies/*.yaml",), ("waivers/*.yaml",))
    assert isinstance(gate.trials, Trials)
    assert (gate.trials.n, gate.trials.needed) == (3, 2)
    assert (gate.block, gate.budget) == ("all", Budget(usd="2.00", seconds=900, calls=500))
    assert gate.providers["openai"] == ProviderSpec.model_validate(PROVIDER)
    assert gate.document.mark(("spec", "block")).path == "runback.yaml"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"agents": []}, "runback.yaml:8:13: spec.agents must not be empty"),
        ({"datasets": []}, "spec.datasets must not be empty"),
        ({"agents": "agents/*.yaml"}, "spec.agents: expected a list, found text 'agents/*.yaml'"),
        ({"polices": []}, "runback.yaml:14:3: unknown field 'polices' (did you mean 'policies'?)"),
        ({"trials": {"n": 2, "pass": 3}}, "spec.trials: pass is 3, more than the 2 trials that are asked"),
        ({"trials": {"n": 0}}, "spec.trials.n must be at least 1"),
        ({"trials": {"pass": 0}}, "spec.trials.pass must be at least 1"),
        ({"block": "none"}, "spec.block: expected 'regressions' or 'all', found text 'none'"),
        ({"budget": {"usd": 2.0}}, "spec.budget.usd: expected text, found 2.0 (put it in quotes)"),
        ({"budget": {"usd": "-1"}}, "spec.budget.usd does not have the form"),
        ({"budget": {"seconds": 0}}, "spec.budget.seconds must be at least 1"),
        (
            {"providers": {"a": {**PROVIDER, "baseUrl": "file:///etc"}}},
            "spec.providers.a.baseUrl does not have the form",
        ),
        (
            {"providers": {"a": {**PROVIDER, "apiKeyEnv": "sk-123"}}},
            "spec.providers.a.apiKeyEnv does not have the form",
        ),
        ({"providers": {"a": {**PROVIDER, "apiKey": "sk-123"}}}, "unknown field 'apiKey' (did you mean 'apiKeyEnv'?)"),
        ({"providers": {"a": {**PROVIDER, "models": []}}}, "spec.providers.a.models must not be empty"),
        ({"providers": {"a": {"models": ["*"]}}}, "spec.providers.a: baseUrl is missing"),
        (
            {"providers": {"a": {**PROVIDER, "api": "grpc"}}},
            "spec.providers.a.api: expected 'openai', 'openai-responses', 'anthropic'",
        ),
        ({"providers": {"a": {**PROVIDER, "baseUrl": "https://a.com/v1?key=1"}}}, "baseUrl does not have the form"),
        (
            {"providers": {"a": {**PROVIDER, "prices": {"*": {"input": "1"}}}}},
            "spec.providers.a.prices.'*'.output is missing",
        ),
        ({"providers": {"a": {**PROVIDER, "timeoutSeconds": 0}}}, "spec.providers.a.timeoutSeconds must be at least 1"),
    ],
    ids=str,
)
def test_bad_gates(tmp_path: Path, spec: dict[str, Any], message: str) -> None:
    """One line that says where and what; a secret is never where its name should be."""
    assert message in refused(tmp_path, **spec)


@pytest.mark.parametrize(
    ("field", "pattern"), [("agents", "agent/*.yaml"), ("datasets", "*.yml"), ("policies", "policys/**")]
)
def test_a_pattern_that_names_no_file(tmp_path: Path, field: str, pattern: str) -> None:
    """A misspelled one would judge less without a word, so it is an error at its place."""
    message = refused(tmp_path, **{field: [*FILES.get(field, []), pattern]})
    assert message.endswith(f"spec.{field}: {pattern!r} names no file (write the file, or remove the pattern)")
    assert message.startswith("runback.yaml:")


def test_a_pattern_of_waivers_may_name_none(tmp_path: Path) -> None:
    """To have no waiver is the best of cases."""
    assert load(tmp_path, waivers=["waivers/*.yaml"]).waivers == ("waivers/*.yaml",)


@pytest.mark.parametrize("pattern", ["../*.yaml", "/etc/*.yaml", "agents/../../x.yaml"])
def test_no_pattern_leads_out_of_the_root(tmp_path: Path, pattern: str) -> None:
    """Upwards and absolute patterns are refused."""
    assert "leads out of the root" in refused(tmp_path, agents=[pattern])


def test_no_gate(tmp_path: Path) -> None:
    """An empty folder, and another kind of file under the gate's name."""
    with pytest.raises(InputError, match=r"runback\.yaml: no gate here \(write one with `runback-gate init`"):
        load_gate(tmp_path)
    write_document(tmp_path, "runback.yaml", "Agent", "a", {})
    with pytest.raises(DocumentError, match=r"unknown kind 'Agent' \(known: Gate\)"):
        load_gate(tmp_path)
