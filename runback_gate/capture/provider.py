"""The provider of a model that a source names without one: `gpt-4o-mini` is `openai/gpt-4o-mini` in a gate.

In: a name, the API of the step that it was read from, and what a person says. Out: the name with its provider.

    full_name("claude-sonnet-4-5", "anthropic.messages")       # "anthropic/claude-sonnet-4-5"
    full_name("llama-3.3-70b", "openai.chat", "groq")          # "groq/llama-3.3-70b"

Many servers speak the API of one, and plain messages look alike in three: the name tells, where its owner alone gives
such names. Bedrock's Converse is spoken by Bedrock alone, whatever the name.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache
from typing import Final

from runback_gate.capture.runs.turns import Turns, turns_of
from runback_gate.step import Run

OWNERS: Final = {
    "openai": re.compile(r"(ft:)?(gpt-\d|chatgpt-|o[1-9](-|$)|codex-|computer-use-)[\w.:-]*"),
    "anthropic": re.compile(r"claude-[\w.-]+"),
    "google": re.compile(r"(gemini|learnlm)-[\w.-]+"),
}
"""Provider to the names of models that it gives and nobody else."""


@lru_cache(maxsize=1024)
def full_name(model: str, api: str | None, provider: str | None = None) -> str:
    """The name with its provider; as it is where it names one, or none is known."""
    if "/" in model:
        return model
    if provider is not None:
        return f"{provider}/{model}"
    if api == "bedrock.converse":
        return f"bedrock/{model}"
    owner = next((owner for owner, names in OWNERS.items() if names.fullmatch(model)), None)
    return model if owner is None else f"{owner}/{model}"


def with_providers(run: Run, provider: str | None = None) -> Run:
    """The run, with the provider of each model that its requests name."""
    turns = turns_of(run.steps)
    named = []
    for turn in turns:
        request = turn.step.request
        if request.model is not None:
            model = full_name(request.model, turn.step.source.api, provider)
            turn = replace(turn, step=replace(turn.step, request=replace(request, model=model)))
        named.append(turn)
    return replace(run, steps=Turns(named))
