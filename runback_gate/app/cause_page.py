"""A cause as a page: the run, opened at the step, with the parts that matter marked and the rest grey.

In: a `FoundCause`, and the policies that judge the run. Out: the text of the page.

    cause_page(find(subject, breaks, live), roots)
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from runback_gate.app.investigate import FoundCause
from runback_gate.app.investigate_lines import cause_facts
from runback_gate.app.policies import PolicyRoot, load_policy_files
from runback_gate.app.view import Around, view_run
from runback_gate.view.cause_data import cause_data


def cause_page(found: FoundCause, roots: Sequence[PolicyRoot]) -> str:
    """The page of the run in which the cause was looked for; its step has the request that was asked.

    Raises:
        InputError: a policy cannot be read, or does not compile.
    """
    subject = found.subject
    steps = list(subject.run.steps)
    steps[subject.index] = dataclasses.replace(steps[subject.index], request=subject.step.request)
    cause = cause_data(subject.index, subject.step.request, found.cause, cause_facts(found))
    policies = load_policy_files(roots, with_tests=False).policies
    return view_run(dataclasses.replace(subject.run, steps=steps), policies, around=Around(cause=cause))
