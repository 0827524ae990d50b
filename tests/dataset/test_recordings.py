"""Recordings: a step under the digest of its bytes, and nothing believed that differs from it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runback_gate.canonical import canonical_bytes, digest_bytes
from runback_gate.dataset.recordings import MAX_RECORDING_BYTES, load_recording, recording, recording_path
from runback_gate.documents import write_atomic
from runback_gate.errors import DocumentError, InputError, IntegrityError, PathError
from runback_gate.step import Request, Response, Source, Step
from runback_gate.testing import sample_call, sample_step
from tests.examples import examples

STEP = sample_step(sample_call("issue_refund", amount=40.5), text="One moment.")
DATASET = "datasets/refunds.yaml"


def stored(root: Path, data: bytes) -> str:
    """Write bytes where the recording of their digest lies, and give the digest."""
    name = digest_bytes(data)
    write_atomic(root / recording_path(DATASET, name), data)
    return name


def test_what_is_stored_is_loaded(tmp_path: Path) -> None:
    """A step comes back whole from where its digest says."""
    name, path, data = recording(STEP, DATASET)
    assert name == digest_bytes(data)
    assert path == f"datasets/recordings/{name[7:9]}/{name[7:]}.json"
    assert stored(tmp_path, data) == name
    assert load_recording(tmp_path, DATASET, name) == STEP


def test_the_least_that_can_be_recorded(tmp_path: Path) -> None:
    """A turn without a conversation, of an unknown model, can be judged as any other."""
    step = Step("a", Request(), Response("Hello!"), Source("r", 0, "semantic", ("model", "parameters")))
    assert load_recording(tmp_path, "d.yaml", _store(tmp_path, step, "d.yaml")) == step
    assert (tmp_path / "recordings").is_dir()


def _store(root: Path, step: Step, dataset: str) -> str:
    name, path, data = recording(step, dataset)
    write_atomic(root / path, data)
    return name


@settings(max_examples=examples(200))
@given(st.data())
def test_one_changed_byte_is_found(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Whatever byte is changed, cut or added: an integrity error that names the file and what to do."""
    root = tmp_path_factory.getbasetemp()
    name, path, whole = recording(STEP, DATASET)
    place = data.draw(st.integers(0, len(whole) - 1))
    piece = data.draw(st.binary(max_size=2).filter(lambda piece: piece != whole[place : place + 1]))
    write_atomic(root / path, whole[:place] + piece + whole[place + 1 :])
    with pytest.raises(IntegrityError) as error:
        load_recording(root, DATASET, name)
    assert str(error.value).startswith(f"{path}: the recording was changed: its bytes give sha256:")
    assert "runback-gate dataset add" in str(error.value)


def test_an_empty_file_is_changed(tmp_path: Path) -> None:
    """A file that was cut to nothing is no recording."""
    name, path, _ = recording(STEP, DATASET)
    write_atomic(tmp_path / path, b"")
    with pytest.raises(IntegrityError):
        load_recording(tmp_path, DATASET, name)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not valid JSON"),
        (b'{"agent": "a"}', "not canonical JSON"),
        (b"[]", "step: (top): "),
        (canonical_bytes({"agent": "a", "request": {}}), "step: response: Field required"),
        (
            canonical_bytes({"agent": "a", "request": {}, "response": {"cost_usd": "x"}, "source": {}}),
            "step: response: ",
        ),
    ],
)
def test_bytes_that_are_no_step(tmp_path: Path, data: bytes, message: str) -> None:
    """A digest that is right makes no step of what is none; the error names the file."""
    name = stored(tmp_path, data)
    with pytest.raises(InputError) as error:
        load_recording(tmp_path, DATASET, name)
    assert str(error.value).startswith(f"{recording_path(DATASET, name)}: {message}")
    assert str(error.value).endswith("(another version of Runback gate may have written it)")


def test_a_missing_recording(tmp_path: Path) -> None:
    """It is named, and is no verdict."""
    name, path, _ = recording(STEP, DATASET)
    with pytest.raises(InputError, match="no such file") as error:
        load_recording(tmp_path, DATASET, name)
    assert str(error.value).startswith(path)


@pytest.mark.parametrize("digest", ["", "sha256:", "sha256:" + "g" * 64, "sha256:../../" + "0" * 58, "md5:" + "0" * 64])
def test_what_is_no_digest_names_no_file(digest: str) -> None:
    """Nothing but a digest becomes part of a path."""
    with pytest.raises(InputError, match="not a digest"):
        recording_path(DATASET, digest)


def test_a_recording_outside_the_root_is_refused(tmp_path: Path) -> None:
    """A link to a folder outside does not lead there."""
    root, outside = tmp_path / "root", tmp_path / "outside"
    name, path, data = recording(STEP, DATASET)
    write_atomic(outside / path, data)
    (root / "datasets").mkdir(parents=True)
    (root / "datasets/recordings").symlink_to(outside / "datasets/recordings")
    with pytest.raises(PathError):
        load_recording(root, DATASET, name)


def test_recordings_have_a_limit(tmp_path: Path) -> None:
    """What could not be read is not written, and a larger file is not read."""
    with pytest.raises(InputError, match="a recording at most 8,388,608"):
        recording(sample_step(text="x" * MAX_RECORDING_BYTES), DATASET)
    name = stored(tmp_path, b" " * (MAX_RECORDING_BYTES + 1))
    with pytest.raises(DocumentError, match="larger than 8,388,608 bytes"):
        load_recording(tmp_path, DATASET, name)
