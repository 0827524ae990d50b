"""What a manifest of an archive says, and its bytes.

In: the bytes of a manifest. Out: a `Manifest`, checked; and back.

    manifest = read_manifest("manifest/00000001-….json", data)
    name, data = manifest_file(manifest)

A manifest adds parts and removes parts; an archive is the sum of all its manifests, whatever their order. So two that
append at once write two manifests, and neither has to wait for or repeat what the other did. Each names the newest
manifests that its writer saw: one that is gone is missed. Its name holds its digest.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from runback_gate.canonical import parse_canonical, sha256
from runback_gate.errors import InputError, IntegrityError, Location
from runback_gate.frozen import dataclass
from runback_gate.merkle import Tree, leaf_hash
from runback_gate.values import from_json, to_canonical

FORMAT: Final = "runback.archive/v1"
MANIFESTS: Final = "manifest"
PARTS: Final = "parts"
MAX_MANIFEST_BYTES: Final = 64 << 20
MAX_MANIFESTS: Final = 100_000
MAX_PART_BYTES: Final = 1 << 30
"""Bytes of a part's file, and of the run files in it."""
_NAME: Final = re.compile(r"manifest/([0-9]{8})-([0-9a-f]{64})\.json")
_FOLDER: Final = r"(?:part_)?(?:day|agent)=[A-Za-z0-9_%~-][A-Za-z0-9_.%~-]{0,200}"
_PATH: Final = re.compile(rf"parts/(?:{_FOLDER}/){{0,2}}[0-9a-f]{{64}}\.parquet")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Part:
    """A file of Parquet, as a manifest names it."""

    path: str
    """Below the archive; its name is its digest."""
    size: int
    """Bytes of the file."""
    runs: int
    steps: int
    bytes: int
    """Bytes of the run files in it."""
    root: str
    """Root of the tree (RFC 6962) over the digests of its runs in their order, as 64 hex digits."""

    @property
    def digest(self) -> str:
        """SHA-256 of the file, as 64 hex digits."""
        return self.path[-72:-8]


@dataclass(frozen=True, slots=True)
class Erased:
    """That values were erased: what stays of them."""

    reason: str
    runs: tuple[str, ...]
    """Ids of the runs that lost values."""
    values: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What one command added to an archive, and removed from it."""

    format: str
    number: int
    """Larger than that of each parent."""
    at: str
    """RFC 3339 time."""
    parents: tuple[str, ...]
    """Digests of the newest manifests that were there."""
    adds: tuple[Part, ...]
    size: int
    """Parts of the archive with this manifest, as its writer saw it."""
    head: str
    """Head of the tree over those parts: see `head`."""
    removes: tuple[str, ...] = ()
    """Paths of parts."""
    erased: Erased | None = None


def head(parts: Iterable[Part]) -> str:
    """Root of the tree (RFC 6962) over the canonical JSON of parts by path, as 64 hex digits."""
    return root_of(to_canonical(part) for part in sorted(parts, key=lambda part: part.path))


def root_of(entries: Iterable[bytes]) -> str:
    """Root of the tree over entries, as 64 hex digits."""
    tree = Tree()
    for entry in entries:
        tree.append(leaf_hash(entry))
    return tree.root.hex()


def manifest_file(manifest: Manifest) -> tuple[str, bytes]:
    """Path and bytes of a manifest."""
    data = to_canonical(manifest)
    return f"{MANIFESTS}/{manifest.number:08}-{sha256(data).hexdigest()}.json", data


def is_manifest(path: str) -> bool:
    """Whether a path is that of a manifest; others may be temporary files of a writer."""
    return _NAME.fullmatch(path) is not None


def is_part(path: str) -> bool:
    """Whether a path is that of a part."""
    return _PATH.fullmatch(path) is not None


def is_half(path: str) -> bool:
    """Whether a path is that of a file that is being written, or was when its writer died."""
    return path.startswith(f"{PARTS}/") and path.endswith(".tmp")


def digest_of(path: str) -> str:
    """The digest in the path of a manifest."""
    return path[-69:-5]


def read_manifest(path: str, data: bytes) -> Manifest:
    """A manifest that `is_manifest` names.

    Raises:
        IntegrityError: its bytes are not those that its name says.
        InputError: it is none, or names what no manifest may.
    """
    place = Location(path)
    if sha256(data).hexdigest() != digest_of(path):
        raise IntegrityError("was changed: its bytes do not match the digest in its name", location=place)
    manifest = from_json(Manifest, parse_canonical(data, path=path), path)
    if manifest.format != FORMAT:
        hint = "a newer version wrote it"
        raise InputError(f"not a {FORMAT} manifest", hint=hint, location=place)
    wrong = next(_wrong(manifest), None)
    if wrong is not None:
        raise InputError(wrong, location=place)
    return manifest


def _wrong(manifest: Manifest) -> Iterator[str]:
    if not 1 <= manifest.number <= 99_999_999 or not all(map(_DIGEST.fullmatch, manifest.parents)):
        yield "its number or its parents are none"
    for path in (*(part.path for part in manifest.adds), *manifest.removes):
        if not _PATH.fullmatch(path):
            yield f"names a part {path[:80]!r}, which is no path of one"
    for part in manifest.adds:
        if not (0 < part.size <= MAX_PART_BYTES and 0 < part.bytes <= MAX_PART_BYTES and 0 < part.runs <= part.bytes):
            yield f"says an absurd size of {part.path}"
        if part.steps < 0 or not _DIGEST.fullmatch(part.root):
            yield f"says an absurd content of {part.path}"
