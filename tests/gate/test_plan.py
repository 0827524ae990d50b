"""What one run reads before it judges: filters, names, and everything under the root."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runback_gate.errors import InputError
from runback_gate.gate.plan import Plan, load_plan
from runback_gate.testing import AGENT, sample_case, sample_step, write_document, write_gate

DAY = "2026-06-01"
CASE = sample_case("c", sample_step(text="Hi"))
ONE_CASE = {"cases": [{"id": "x", "messages": [{"role": "user", "content": "Hi"}]}]}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A gate with two agents; `support` has two datasets, `billing` has one."""
    write_gate(tmp_path, [CASE])
    write_document(tmp_path, "agents/billing.yaml", "Agent", "billing", {})
    write_document(tmp_path, "datasets/more.yaml", "Dataset", "more", ONE_CASE, agent=AGENT)
    write_document(tmp_path, "datasets/bills.yaml", "Dataset", "bills", ONE_CASE, agent="billing")
    return tmp_path


def names(plan: Plan) -> tuple[list[str], list[str], tuple[str, ...]]:
    """Agents, datasets and selection of a plan."""
    return [item.name for item in plan.agents], [item.name for item in plan.datasets], plan.selection


def refused(root: Path, **options: Any) -> str:
    """The error of a plan, on one line."""
    with pytest.raises(InputError) as error:
        load_plan(root, day=DAY, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_the_whole_gate(root: Path) -> None:
    """Everything that the config names, by file name, and the day that was given."""
    plan = load_plan(root, day=DAY)
    assert names(plan) == (["billing", AGENT], ["bills", "cases", "more"], ())
    assert ([policy.name for policy in plan.policies], plan.waivers) == (["refunds"], ())
    assert (plan.root, plan.day, plan.gate.name) == (root, DAY, "sample")
    assert plan.agent("billing").path == "agents/billing.yaml"


@pytest.mark.parametrize(
    ("options", "agents", "datasets", "selection"),
    [
        ({"agent": AGENT}, [AGENT], ["cases", "more"], ("agent=support",)),
        ({"agent": "agents/billing.yaml"}, ["billing"], ["bills"], ("agent=agents/billing.yaml",)),
        ({"dataset": "more"}, ["billing", AGENT], ["more"], ("dataset=more",)),
        ({"dataset": "datasets/more.yaml"}, ["billing", AGENT], ["more"], ("dataset=datasets/more.yaml",)),
        ({"agent": AGENT, "dataset": "more"}, [AGENT], ["more"], ("agent=support", "dataset=more")),
    ],
    ids=str,
)
def test_filters(
    root: Path, options: dict[str, Any], agents: list[str], datasets: list[str], selection: tuple[str, ...]
) -> None:
    """An agent by name or file with its datasets, a dataset by name or file; the plan says that it is a part."""
    assert names(load_plan(root, day=DAY, **options)) == (agents, datasets, selection)


def test_an_agent_file_stands_in_for_the_agent_of_its_name(root: Path) -> None:
    """A changed config is judged by the cases of the agent that it would replace."""
    write_document(root, "proposals/support.yaml", "Agent", AGENT, {"model": "openai/gpt-5"})
    plan = load_plan(root, day=DAY, agent="proposals/support.yaml")
    assert [(item.path, item.model) for item in plan.agents] == [("proposals/support.yaml", "openai/gpt-5")]
    assert [item.name for item in plan.datasets] == ["cases", "more"]


def test_a_gate_of_one_agent_is_whole_with_it(tmp_path: Path) -> None:
    """A filter that leaves nothing out is none, also with a file that stands in."""
    write_gate(tmp_path, [CASE])
    write_document(tmp_path, "new.yaml", "Agent", AGENT, {"model": "openai/gpt-5"})
    assert load_plan(tmp_path, day=DAY, agent=AGENT, dataset="cases").selection == ()
    assert load_plan(tmp_path, day=DAY, agent="new.yaml").selection == ()


def test_an_agent_without_cases_is_a_part(root: Path) -> None:
    """Nothing is judged then, and the plan says why."""
    write_document(root, "new.yaml", "Agent", "newcomer", {})
    assert names(load_plan(root, day=DAY, agent="new.yaml")) == (["newcomer"], [], ("agent=new.yaml",))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"agent": "suport"}, "no agent is named 'suport' (did you mean 'support'?)"),
        ({"agent": "nobody"}, "no agent is named 'nobody' (known: billing, support)"),
        ({"agent": "agents/nobody.yaml"}, "agents/nobody.yaml: no such file"),
        ({"agent": "../support.yaml"}, "../support.yaml: leads out of the root"),
        ({"agent": "/etc/support.yaml"}, "/etc/support.yaml: leads out of the root"),
        ({"agent": "datasets/more.yaml"}, "datasets/more.yaml:3:10: unknown kind 'Dataset'"),
        ({"dataset": "mor"}, "no dataset is named 'mor' (did you mean 'more'?)"),
        ({"dataset": "bills", "agent": AGENT}, "no dataset is named 'bills' (known: cases, more)"),
        ({"config": "gate.yaml"}, "gate.yaml: no gate here"),
    ],
    ids=str,
)
def test_unknown_names(root: Path, options: dict[str, str], message: str) -> None:
    """The nearest known name is the hint."""
    assert refused(root, **options).startswith(message)


def test_twins_are_refused(root: Path) -> None:
    """Two agents, or two datasets, of one name: nobody knows which is meant."""
    write_document(root, "agents/copy.yaml", "Agent", AGENT, {})
    assert refused(root) == "agents/support.yaml: two agents are named 'support' (the other: agents/copy.yaml)"
    write_document(root, "agents/copy.yaml", "Agent", "copy", {})
    write_document(root, "datasets/copy.yaml", "Dataset", "more", ONE_CASE, agent=AGENT)
    assert refused(root) == "datasets/more.yaml: two datasets are named 'more' (the other: datasets/copy.yaml)"


def test_a_dataset_of_an_unknown_agent(root: Path) -> None:
    """It could not be judged, so it is an error with a hint."""
    write_document(root, "datasets/typo.yaml", "Dataset", "typo", ONE_CASE, agent="suport")
    assert refused(root) == "datasets/typo.yaml: no agent is named 'suport' (did you mean 'support'?)"


@pytest.mark.parametrize("path", ["agents/x.yaml", "datasets/x.yaml", "policies/x.yaml", "waivers/x.yaml"])
def test_one_malformed_file_stops_all(root: Path, path: str) -> None:
    """Nothing is judged by half a gate."""
    (root / path).parent.mkdir(exist_ok=True)
    (root / path).write_text("apiVersion: runback.dev/v1\nkind: [\n")
    assert refused(root).startswith(f"{path}:3:1: not valid YAML: ")


@pytest.mark.parametrize(("trials", "asks"), [({"n": 2}, "2 of 2"), ({"n": 3, "pass": 1}, "1 of 3")])
def test_a_case_may_not_ask_for_less(tmp_path: Path, trials: dict[str, int], asks: str) -> None:
    """Fewer trials than the gate's, or fewer of as many, would loosen it from below."""
    write_gate(tmp_path, [sample_case("c", sample_step(text="Hi"), trials=trials)], trials={"n": 3, "pass": 2})
    said = f"case 'c' asks for {asks} trials, the gate for 2 of 3 (ask for more, or change the gate)"
    assert refused(tmp_path).endswith(said)
    assert refused(tmp_path).startswith("datasets/")
