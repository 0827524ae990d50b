"""What the gate config asks less of: trials, blocking, budget, providers.

In: the gate of the base and that of the head. Out: their weakenings. Which files the patterns leave out is found where
those files are compared.

    tuple(weaker_settings(base.gate, head.gate))
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from decimal import Decimal
from typing import Any

from runback_gate.change.model import UNSET, Change, Files, change, differences, listed
from runback_gate.change.sides import ConfigSide, ProviderSide
from runback_gate.dataset.document import Trials
from runback_gate.documents import Pointer
from runback_gate.name_pattern import covers

_COMPARED = {"agents", "datasets", "policies", "waivers", "trials", "block", "allow", "scan", "budget", "providers"}

_SCANS = ("off", "standard", "strict")
"""Levels of redaction from the weakest; its package would be loaded by every run."""


def weaker_settings(base: ConfigSide, head: ConfigSide) -> Iterator[Change]:
    """Where the head's config asks less, lets more be spent, or trusts more."""
    if base.digest == head.digest:
        return
    files, name = Files(base.document, head.document), head.path
    yield from weaker_trials(files, name, (base.trials, head.trials), ("spec", "trials"))
    if (base.block, head.block) == ("all", "regressions"):
        message = f"a row that is red on the base already no longer blocks: block {change(base.block, head.block)}"
        yield files.loosened("block-lowered", name, message, ("spec", "block"))
    yield from wider_allow(files, name, (base.allow, head.allow), ("spec", "allow"))
    if _SCANS.index(head.scan) < _SCANS.index(base.scan):
        message = f"less is looked for in committed files: scan {change(base.scan, head.scan)}"
        yield files.loosened("scan-lowered", name, message, ("spec", "scan"))
    limits = head.budget.model_dump()
    for field, old in base.budget.model_dump().items():
        new = limits[field]
        if old is not None and (new is None or Decimal(new) > Decimal(old)):
            message = f"a run may spend more: budget.{field} {change(old, UNSET if new is None else new)}"
            yield files.loosened("budget-raised", name, message, ("spec", "budget", field))
    for provider in sorted(head.providers):
        yield from _weaker_provider(files, provider, base.providers.get(provider), head.providers[provider])
    yield from _other_changes(files, name)


def weaker_trials(
    files: Files, subject: str, trials: tuple[Trials, Trials], pointer: Pointer, was: Pointer | None = None
) -> Iterator[Change]:
    """Fewer trials, fewer that must pass, or a smaller part of them; `trials` are those of base and head."""
    old, new = trials
    if new.n < old.n or new.needed < old.needed or new.needed * old.n < old.needed * new.n:
        message = f"fewer trials must pass: {old.needed} of {old.n} → {new.needed} of {new.n}"
        yield files.loosened("trials-lowered", subject, message, pointer, was)


def wider_allow(
    files: Files, subject: str, allow: tuple[Collection[str], Collection[str]], pointer: Pointer
) -> Iterator[Change]:
    """More incomplete answers that may be green; `allow` are those of base and head."""
    old, new = (sorted(items) for items in allow)
    if not set(new) <= set(old):
        message = f"an answer that is not whole may pass: allow {change(listed(old), listed(new))}"
        yield files.loosened("allow-widened", subject, message, pointer)


def _weaker_provider(files: Files, name: str, old: ProviderSide | None, new: ProviderSide) -> Iterator[Change]:
    pointer, subject = ("spec", "providers", name), f"providers.{name}"
    if old is None:
        yield files.loosened(
            "provider-added", subject, f"one more endpoint is trusted: {new.baseUrl or new.api}", pointer
        )
        return
    wider = [model for model in new.models if not any(covers(known, model) for known in old.models)]
    if wider:
        message = f"more models may be asked: models {change(', '.join(old.models), ', '.join(new.models))}"
        yield files.loosened("provider-models-widened", subject, message, (*pointer, "models"))
    fields = [item.model_dump(mode="json", exclude={"models"}, exclude_none=True) for item in (old, new)]
    for path, before, after in differences(*fields):
        message = f"what may be asked, or with which key, is another: {'.'.join(path)} {change(before, after)}"
        yield files.loosened("provider-changed", subject, message, (*pointer, *path))


def _other_changes(files: Files, name: str) -> Iterator[Change]:
    """A field that this module does not know: what it changes is not known either, so it is no harmless one."""
    specs: list[dict[str, Any]] = []
    for document in (files.base, files.head):
        value: Any = document.value
        specs.append({key: item for key, item in value["spec"].items() if key not in _COMPARED})
    for path, before, after in differences(*specs):
        message = f"the gate is another: {'.'.join(path)} {change(before, after)}"
        yield files.loosened("gate-changed", name, message, ("spec", *path))
