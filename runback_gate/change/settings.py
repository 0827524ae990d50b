"""Settings of the gate config that were loosened: trials, blocking, scan, redaction, budget, providers.

In: the gate of the base and that of the head. Out: their weakenings. Which files the patterns leave out is found where
those files are compared.

    tuple(weaker_settings(base.gate, head.gate))
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from decimal import Decimal
from typing import Any

from runback_gate.change.model import UNSET, Change, Files, Kind, changed, differences, holds, listed, removed
from runback_gate.change.sides import ConfigSide, ProviderSide
from runback_gate.dataset.trials import AnyTrials, SequentialTrials, Trials
from runback_gate.documents import Pointer
from runback_gate.name_pattern import covers
from runback_gate.redact_spec import RedactSpec

_COMPARED = frozenset("agents datasets policies waivers trials block allow scan redact budget providers".split())

_SCANS = ("off", "standard", "strict")
"""Levels of redaction from the weakest; its package would be loaded by every run."""


def weaker_settings(base: ConfigSide, head: ConfigSide) -> Iterator[Change]:
    """Where the head's config asks less, lets more be spent, or trusts more."""
    if base.digest == head.digest:
        return
    files, name = Files(base.document, head.document), head.path
    yield from weaker_trials(files, name, (base.trials, head.trials), ("spec", "trials"))
    if (base.block, head.block) == ("all", "regressions"):
        message = changed("block", base.block, head.block, "a row that fails on the base as well no longer blocks")
        yield files.loosened("block-lowered", name, message, ("spec", "block"))
    yield from wider_allow(files, name, (base.allow, head.allow), ("spec", "allow"))
    if _SCANS.index(head.scan) < _SCANS.index(base.scan):
        message = changed("scan", base.scan, head.scan, "committed files are searched for less")
        yield files.loosened("scan-lowered", name, message, ("spec", "scan"))
    yield from _weaker_redaction(files, name, base.redact or RedactSpec(), head.redact or RedactSpec())
    limits = head.budget.model_dump()
    for field, old in base.budget.model_dump().items():
        new = limits[field]
        if old is not None and (new is None or Decimal(new) > Decimal(old)):
            message = changed(f"budget.{field}", old, UNSET if new is None else new, "a run may spend more")
            yield files.loosened("budget-raised", name, message, ("spec", "budget", field))
    for provider in sorted(head.providers):
        yield from _weaker_provider(files, provider, base.providers.get(provider), head.providers[provider])
    yield from _other_changes(files, name)


def weaker_trials(
    files: Files, subject: str, trials: tuple[AnyTrials, AnyTrials], pointer: Pointer, was: Pointer | None = None
) -> Iterator[Change]:
    """Where trials ask for less, or for something else; `trials` are those of base and head."""
    old, new = trials
    if isinstance(old, Trials) and isinstance(new, Trials):
        # Fewer trials, fewer that must pass, or a smaller part of them.
        if new.n < old.n or new.needed < old.needed or new.needed * old.n < old.needed * new.n:
            counts = f"{old.needed} of {old.n}", f"{new.needed} of {new.n}"
            message = changed("trials", *counts, "fewer trials must pass")
            yield files.loosened("trials-lowered", subject, message, pointer, was)
    elif isinstance(old, SequentialTrials) and isinstance(new, SequentialTrials):
        for name, kind, effect in _weaker_test(old, new):
            before, after = (UNSET if value is None else value for value in (getattr(old, name), getattr(new, name)))
            message = changed(f"trials.{name}", before, after, effect)
            yield files.loosened(kind, subject, message, *_inner(files, name, pointer, was))
    else:
        message = changed("trials", old.words, new.words, "other cases are red")
        yield files.loosened("trials-changed", subject, message, pointer, was)


def _weaker_test(old: SequentialTrials, new: SequentialTrials) -> Iterator[tuple[str, Kind, str]]:
    """The fields in which a sequential test is weaker or may be: which, how, and what that does.

    A test is stricter when each series of answers that it lets pass, the other lets pass as well. Other rates, and
    another power where the trials are counted by it, let some more pass and some fewer: that is no direction.
    """
    for name in ("holds", "regress"):
        if getattr(old, name) != getattr(new, name):
            yield name, "trials-changed", "another pass rate is red"
    if new.alpha < old.alpha:
        yield "alpha", "trials-lowered", "it takes more failures to be red"
    if new.asked_power != old.asked_power and None in (old.maxTrials, new.maxTrials):
        yield "power", "trials-changed", "a case is green after another number of trials"
    elif new.asked_power < old.asked_power:
        yield "power", "trials-lowered", "a case that regressed is green more often"
    if None in (old.maxTrials, new.maxTrials):
        if old.maxTrials != new.maxTrials:
            yield "maxTrials", "trials-changed", "an open case is undecided after another number of trials"
    elif (new.maxTrials or 0) > (old.maxTrials or 0):
        yield "maxTrials", "trials-lowered", "an open case has more trials to become green"


def _inner(files: Files, name: str, pointer: Pointer, was: Pointer | None) -> tuple[Pointer, Pointer | None]:
    """The place of a field of trials, where both files have it; else that of the trials."""
    before, after = (*(pointer if was is None else was), name), (*pointer, name)
    if holds(files.base, before) and holds(files.head, after):
        return after, before
    return pointer, was


def wider_allow(
    files: Files, subject: str, allow: tuple[Collection[str], Collection[str]], pointer: Pointer
) -> Iterator[Change]:
    """More incomplete answers that may be green; `allow` are those of base and head."""
    old, new = (sorted(items) for items in allow)
    if not set(new) <= set(old):
        message = changed("allow", listed(old), listed(new), "an answer that is not whole may pass")
        yield files.loosened("allow-widened", subject, message, pointer)


def _weaker_redaction(files: Files, name: str, old: RedactSpec, new: RedactSpec) -> Iterator[Change]:
    """A lower level, a rule less, a rule that finds something else, more values that stay."""
    pointer = ("spec", "redact")
    levels = [spec.level or "standard" for spec in (old, new)]
    if _SCANS.index(levels[1]) < _SCANS.index(levels[0]):
        message = changed("redact.level", levels[0], levels[1], "less becomes a pseudonym before it is stored")
        yield files.loosened("redact-lowered", name, message, (*pointer, "level"))
    then, now = ({rule.id: (number, rule) for number, rule in enumerate(spec.rules)} for spec in (old, new))
    for rule_id, (number, rule) in then.items():
        was, subject = (*pointer, "rules", number), f"redact.{rule_id}"
        if rule_id not in now:
            message = f"redact rule {rule_id} was removed, so what it finds is stored as it is"
            yield removed("redact-rule-removed", subject, message, files.base, was)
            continue
        place, other = now[rule_id]
        fields = [
            each.model_dump(mode="json", exclude={"example", "counterExample"}, exclude_none=True)
            for each in (rule, other)
        ]
        for path, before, after in differences(*fields):
            message = changed(f"redact rule {rule_id}: {'.'.join(path)}", before, after)
            yield files.loosened("redact-rule-changed", subject, message, (*pointer, "rules", place, *path), was)
    wider = [kept for kept in new.keep if not any(covers(known, kept) for known in old.keep)]
    if wider:
        message = changed("redact.keep", listed(old.keep), listed(new.keep), "more values stay as they are")
        yield files.loosened("redact-keep-widened", name, message, (*pointer, "keep"))


def _weaker_provider(files: Files, name: str, old: ProviderSide | None, new: ProviderSide) -> Iterator[Change]:
    pointer, subject = ("spec", "providers", name), f"providers.{name}"
    if old is None:
        yield files.loosened(
            "provider-added", subject, f"one more endpoint is trusted: {new.baseUrl or new.api}", pointer
        )
        return
    wider = [model for model in new.models if not any(covers(known, model) for known in old.models)]
    if wider:
        message = changed("models", ", ".join(old.models), ", ".join(new.models), "more models may be asked")
        yield files.loosened("provider-models-widened", subject, message, (*pointer, "models"))
    fields = [item.model_dump(mode="json", exclude={"models"}, exclude_none=True) for item in (old, new)]
    for path, before, after in differences(*fields):
        message = changed(".".join(path), before, after)
        yield files.loosened("provider-changed", subject, message, (*pointer, *path))


def _other_changes(files: Files, name: str) -> Iterator[Change]:
    """A field that this module does not know: what it changes is not known either, so it is no harmless one."""
    specs: list[dict[str, Any]] = []
    for document in (files.base, files.head):
        value: Any = document.value
        specs.append({key: item for key, item in value["spec"].items() if key not in _COMPARED})
    for path, before, after in differences(*specs):
        message = changed(".".join(path), before, after)
        yield files.loosened("gate-changed", name, message, ("spec", *path))
