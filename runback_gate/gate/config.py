"""The gate config: what is gated, and how strictly.

In: `runback.yaml` at the root. Out: `Gate`.

    gate = load_gate(root)
    gate.policies           # ('policies/*.yaml',)
"""

from __future__ import annotations

from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from runback_gate.canonical import digest_bytes
from runback_gate.dataset.document import Incomplete
from runback_gate.dataset.trials import AnyTrials, Trials
from runback_gate.documents import Document, check_kind, expand, read_document
from runback_gate.errors import DocumentError, InputError
from runback_gate.frozen import dataclass
from runback_gate.gate.names import GATE_FILE as GATE_FILE
from runback_gate.redact_spec import RedactSpec
from runback_gate.replay.prices import Price
from runback_gate.replay.providers import Provider, ProviderApi
from runback_gate.schema import Model, Resource, validate

if TYPE_CHECKING:
    from runback_gate.redact import ProjectRules

_DOLLARS = r"^(0|[1-9][0-9]{0,8})(\.[0-9]{1,9})?$"

Pattern = Annotated[str, Field(min_length=1, max_length=512)]


class Budget(Model):
    """What asking models may cost in one run."""

    usd: str | None = Field(None, pattern=_DOLLARS, description="US dollars, a decimal in quotes.")
    seconds: int | None = Field(None, ge=1, description="Seconds from the first call to the last answer.")
    calls: int | None = Field(None, ge=0, description="Calls to models.")


class ModelPrice(Model):
    """What a model costs, in US dollars for a million tokens."""

    input: str = Field(pattern=_DOLLARS, description="A million tokens asked, a decimal in quotes.")
    output: str = Field(pattern=_DOLLARS, description="A million tokens answered, a decimal in quotes.")


class ProviderSpec(Model):
    """An endpoint that may be asked. Endpoints and the names of secrets stand here and nowhere else."""

    api: ProviderApi = Field(
        "openai",
        description=(
            "How it is asked: openai is any endpoint with OpenAI's chat completions, litellm all providers that have "
            "none of these APIs."
        ),
    )
    baseUrl: str | None = Field(  # noqa: N815
        None, pattern=r"^https?://[^\s?#]+$", description="Root of the API. litellm knows those of its providers."
    )
    apiKeyEnv: str | None = Field(  # noqa: N815
        None,
        pattern=r"^[A-Z_][A-Z0-9_]*$",
        description="NAME of the environment variable that holds the key, never the key.",
    )
    models: list[str] = Field(
        min_length=1, description="Models that may be asked; * stands for any characters, ? for one."
    )
    timeoutSeconds: int = Field(  # noqa: N815
        120, ge=1, le=3600, description="Seconds that one call may take, to the last byte of the answer."
    )
    maxInFlight: int | None = Field(None, ge=1, le=1000, description="Calls at a time.")  # noqa: N815
    prices: dict[str, ModelPrice] = Field(
        default_factory=dict,
        description="By model, * stands for any characters, ? for one. Without a price the cost is unknown, never 0.",
    )

    @model_validator(mode="after")
    def _has_address(self) -> ProviderSpec:
        if self.api != "litellm" and self.baseUrl is None:
            raise ValueError("baseUrl is missing")
        return self

    def endpoint(self) -> Provider:
        """What is needed to ask it."""
        return Provider(
            base_url=self.baseUrl,
            models=tuple(self.models),
            api_key_env=self.apiKeyEnv,
            api=self.api,
            timeout=float(self.timeoutSeconds),
            max_in_flight=self.maxInFlight,
            prices={pattern: Price(price.input, price.output) for pattern, price in self.prices.items()},
        )


class GateSpec(Model):
    """Which files are the gate."""

    agents: list[Pattern] = Field(min_length=1, description="Agent configs, as paths or globs.")
    datasets: list[Pattern] = Field(min_length=1, description="Datasets, as paths or globs.")
    policies: list[Pattern] = Field(default_factory=list, description="Policies and their tests, as paths or globs.")
    waivers: list[Pattern] = Field(default_factory=list, description="Waivers, as paths or globs.")
    trials: AnyTrials = Field(
        default_factory=Trials,
        description="How often a case is asked where neither dataset nor case says it: k of n, or a sequential test.",
    )
    block: Literal["regressions", "all"] = Field(
        "regressions",
        description="Whether a row that is red on the base already blocks. Without a base every red row blocks.",
    )
    allow: list[Incomplete] = Field(
        default_factory=list,
        description="Incomplete answers that are judged all the same: length (cut off), empty (nothing said).",
    )
    scan: Literal["off", "standard", "strict"] = Field(
        "off",
        description="Whether secrets and personal data in committed agents, datasets and recordings are a red row.",
    )
    redact: RedactSpec | None = Field(
        None,
        description="What becomes pseudonyms before anything is stored; its rules and kept values count in `scan`.",
    )
    budget: Budget = Field(default_factory=Budget)
    providers: dict[str, ProviderSpec] = Field(default_factory=dict)


class GateDocument(Resource):
    """What is gated, and how strictly."""

    kind: Literal["Gate"]
    spec: GateSpec


@dataclass(frozen=True, slots=True)
class Gate:
    """The gate of a repository."""

    name: str
    path: str
    digest: str
    agents: tuple[str, ...]
    datasets: tuple[str, ...]
    policies: tuple[str, ...]
    waivers: tuple[str, ...]
    trials: AnyTrials
    block: Literal["regressions", "all"]
    allow: tuple[Incomplete, ...]
    scan: Literal["off", "standard", "strict"]
    redact: RedactSpec | None
    budget: Budget
    providers: dict[str, ProviderSpec]
    document: Document = field(repr=False, compare=False)
    """The file as it was read; it knows where each field stands."""

    def project(self) -> ProjectRules:
        """What it says of redaction.

        Raises:
            DocumentError: a rule is none, or does not do what its examples say.
        """
        # Imported here: a gate that says nothing of redaction does not pay for its rules.
        from runback_gate.redact import NO_PROJECT, project_rules  # noqa: PLC0415

        return NO_PROJECT if self.redact is None else project_rules(self.document, self.redact)


def load_gate(root: Path, name: str = GATE_FILE) -> Gate:
    """Read the gate config.

    Raises:
        InputError: missing, malformed, or a pattern of agents, datasets or policies names no file.
    """
    if not (root / name).exists():
        raise InputError(
            f"{name}: no gate here", hint="write one with `runback-gate init`, or name its folder with --root"
        )
    document = read_document(root, name)
    check_kind(document, ("Gate",))
    model = validate(document, GateDocument)
    spec = model.spec
    for group, patterns in (("agents", spec.agents), ("datasets", spec.datasets), ("policies", spec.policies)):
        for index, pattern in enumerate(patterns):
            # A misspelled pattern would leave rules out without a word, and less would be judged.
            if not expand(root, [pattern]):
                place = document.mark(("spec", group, index))
                hint = "write the file, or remove the pattern"
                raise DocumentError(f"spec.{group}: {pattern!r} names no file", hint=hint, location=place)
    gate = Gate(
        name=model.metadata.name,
        path=name,
        digest=digest_bytes(document.data),
        agents=tuple(spec.agents),
        datasets=tuple(spec.datasets),
        policies=tuple(spec.policies),
        waivers=tuple(spec.waivers),
        trials=spec.trials,
        block=spec.block,
        allow=tuple(spec.allow),
        scan=spec.scan,
        redact=spec.redact,
        budget=spec.budget,
        providers=spec.providers,
        document=document,
    )
    if gate.redact is not None:
        gate.project()
    return gate
