"""Recorded steps and runs on disk: one file each, named by its digest.

In: a root folder, a dataset's path and a digest. Out: the `Step` or the `Run`, or an error when one byte differs from
what the digest names. A step is canonical JSON, a run is its run file.

    digest, path, data = recording(step, "datasets/refunds.yaml")
    step = load_recording(root, "datasets/refunds.yaml", digest)
    run = load_recorded_run(root, "datasets/refunds.yaml", digest)
"""

from __future__ import annotations

from pathlib import Path

from runback_gate.canonical import DIGEST, canonical_bytes, digest_bytes, parse_canonical
from runback_gate.capture.runs import read_run
from runback_gate.documents import safe_read
from runback_gate.errors import InputError, IntegrityError, Location, RunbackError
from runback_gate.step import Run, Step, step_from_json, to_json

MAX_RECORDING_BYTES = 8 << 20


def recording_path(dataset: str, digest: str, ending: str = "json") -> str:
    """Where the recording of a dataset lies, relative to the root: `<dataset folder>/recordings/<aa>/<hex>.json`.

    That of a whole run has the `ending` jsonl.
    """
    if not DIGEST.fullmatch(digest):
        raise InputError(f"not a digest: {digest!r}", hint="sha256: and 64 hexadecimal digits")
    name = digest.removeprefix("sha256:")
    return f"{dataset[: dataset.rfind('/') + 1]}recordings/{name[:2]}/{name}.{ending}"


def recording(step: Step, dataset: str) -> tuple[str, str, bytes]:
    """The digest, path and bytes under which a step is stored beside a dataset.

    Raises:
        InputError: the step is larger than a recording may be.
    """
    data = canonical_bytes(to_json(step))
    if len(data) > MAX_RECORDING_BYTES:
        raise InputError(f"the step has {len(data):,} bytes, a recording at most {MAX_RECORDING_BYTES:,}")
    digest = digest_bytes(data)
    return digest, recording_path(dataset, digest), data


def load_recording(root: Path, dataset: str, digest: str) -> Step:
    """Read one recorded step and hold it against its digest.

    Raises:
        IntegrityError: the bytes are not the ones that the digest names.
        InputError: missing, too large, or not a step.
    """
    path = recording_path(dataset, digest)
    data = _verified(root, path, digest)
    try:
        return step_from_json(parse_canonical(data))
    except RunbackError as error:
        raise InputError(
            error.message, hint="another version of Runback gate may have written it", location=Location(path)
        ) from error


def recorded_run(data: bytes, dataset: str) -> tuple[str, str]:
    """The digest and path under which the file of a run is stored beside a dataset.

    Raises:
        InputError: it is larger than a recording may be.
    """
    if len(data) > MAX_RECORDING_BYTES:
        raise InputError(f"the run has {len(data):,} bytes, a recording at most {MAX_RECORDING_BYTES:,}")
    digest = digest_bytes(data)
    return digest, recording_path(dataset, digest, "jsonl")


def load_recorded_run(root: Path, dataset: str, digest: str) -> Run:
    """Read a run that a case names, and hold it against its digest.

    Raises:
        IntegrityError: the bytes are not the ones that the digest names, or the run was truncated.
        InputError: missing, too large, not a run, or one without a step.
    """
    path = recording_path(dataset, digest, "jsonl")
    run = read_run(_verified(root, path, digest), path)
    if not run.steps:
        raise InputError("the run has no step", location=Location(path))
    return run


def _verified(root: Path, path: str, digest: str) -> bytes:
    data = safe_read(root, path, MAX_RECORDING_BYTES)
    if (found := digest_bytes(data)) != digest:
        raise IntegrityError(
            f"the recording was changed: its bytes give {found}",
            hint="restore the file, or record it again with `runback-gate dataset add`",
            location=Location(path),
        )
    return data
