"""Facts about the action's own files: what action.yml promises is what the command reads and writes."""

from __future__ import annotations

import re
import tomllib
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
    assert text.count('\nENTRYPOINT ["/opt/venv/bin/python", "-I", "-m", "runback_gate"]\n') == 1
    assert text.count("ENTRYPOINT") == 1
    assert (
        text.count("--require-hashes --no-deps --only-binary :all:")
        == text.count("requirement requirements/archive") + 1
    )
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert {f"!{name}" for name in re.findall(r"requirements/\w+\.lock", text)} <= set(ignored)
    assert text.splitlines()[-2:] == ["FROM image AS default", "COPY --from=build /opt/venv /opt/venv"]
    assert ACTION["runs"]["args"] == ["action", "--user", "65532"]


def test_the_full_image_has_every_extra() -> None:
    """Its locks are those of all extras, and name each package in one version."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    locks = re.findall(r"--requirement requirements/(\w+)\.lock", (ROOT / "Dockerfile").read_text(encoding="utf-8"))
    assert {*locks, "proof"} == set(project["optional-dependencies"])
    versions: dict[str, set[str]] = {}
    for name in (*locks, "run", "proof"):
        text = (ROOT / f"requirements/{name}.lock").read_text(encoding="utf-8")
        for package, version in re.findall(r"^([\w.-]+)==(\S+)", text, re.MULTILINE):
            versions.setdefault(package, set()).add(version)
    assert {package: found for package, found in versions.items() if len(found) > 1} == {}


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
