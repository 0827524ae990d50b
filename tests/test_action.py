"""Facts about the action's own files: what action.yml promises is what the command reads and writes."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from runback_gate.github.runner import Inputs, read_inputs

ROOT = Path(__file__).parent.parent
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
EXAMPLES = {"OWNER/runback-gate", *(f"actions/{name}" for name in ("checkout", "download-artifact", "upload-artifact"))}
WORKFLOWS = [*sorted((ROOT / ".github/workflows").glob("*.yml")), *sorted((ROOT / "examples/workflows").glob("*.yml"))]


def test_inputs() -> None:
    """Every input is read, every field that is read is an input, and the defaults are the same."""
    assert set(ACTION["inputs"]) == {field.name.replace("_", "-") for field in fields(Inputs)}
    declared = {f"INPUT_{name.upper()}": str(item.get("default", "")) for name, item in ACTION["inputs"].items()}
    declared["INPUT_TOKEN"] = ""
    assert read_inputs(declared) == read_inputs({})


def test_outputs() -> None:
    """The outputs of action.yml are those that the command sets."""
    sources = [(ROOT / "runback_gate/app" / name).read_text(encoding="utf-8") for name in ("job.py", "sign_job.py")]
    assert set(ACTION["outputs"]) == set(re.findall(r'\.output\(\s*"([a-z-]+)"', "".join(sources)))


def test_the_image_starts_without_the_checkout() -> None:
    """The container's Python imports nothing of the folder that it starts in, and no shell reads its inputs."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert text.splitlines()[-1] == 'ENTRYPOINT ["/opt/venv/bin/python", "-I", "-m", "runback_gate"]'
    assert "--require-hashes --no-deps --only-binary :all:" in text
    assert {f"requirements/{name}.lock" for name in ("run", "proof")} == set(
        re.findall(r"requirements/\w+\.lock", text)
    )
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert {"!requirements/run.lock", "!requirements/proof.lock"} <= set(ignored)
    assert ACTION["runs"]["args"] == ["action", "--user", "65532"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_grant_nothing_by_default(path: Path) -> None:
    """Each workflow starts without a right, and each job names what it needs."""
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert workflow["permissions"] == {}
    assert all("permissions" in job for job in workflow["jobs"].values())


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_no_sha_is_invented(path: Path) -> None:
    """This repository's workflows use nothing of others; the examples name releases, for their readers to pin."""
    used = re.findall(r"^ *-? *uses: *(\S+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    if "examples" in path.parts:
        assert {name.partition("@")[0] for name in used} <= EXAMPLES
    else:
        assert set(used) <= {"./"}
