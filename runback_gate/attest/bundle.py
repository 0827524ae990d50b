"""Sigstore bundles v0.3, as files that are read strictly.

In: the bytes of a bundle file. Out: its value. Nothing here says whether a signature is right.

    bundle = read_bundle(data, "bundle.json")
    bundle_bytes(bundle) == data

A bundle holds much that no signature covers, so whatever could be changed without a trace is pinned: the file is the
canonical JSON of its value and a line end. Source: the protobuf definitions of Sigstore bundles.
"""

from __future__ import annotations

from typing import Final

from runback_gate.canonical import canonical_bytes, parse_json
from runback_gate.dsse import Json, mapping
from runback_gate.errors import DocumentError, Location

MEDIA_TYPE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"
MAX_BUNDLE_BYTES: Final = 16 << 20


def bundle_bytes(bundle: Json) -> bytes:
    """The file of a bundle: canonical JSON and a line end.

    Raises:
        DocumentError: it has no canonical form.
    """
    return canonical_bytes(bundle) + b"\n"


def read_bundle(data: bytes, path: str) -> Json:
    """The value of a bundle file. `path` names it in errors.

    Raises:
        DocumentError: larger than 16 MiB, no JSON object, a key twice, of another media type, or other bytes than
            `bundle_bytes` gives.
    """
    value = parse_json(data, path=path, max_bytes=MAX_BUNDLE_BYTES)
    bundle = mapping(value, "the bundle", path)
    if bundle.get("mediaType") != MEDIA_TYPE:
        hint = f"a Sigstore bundle says mediaType {MEDIA_TYPE}"
        raise DocumentError("not a Sigstore bundle v0.3", hint=hint, location=Location(path))
    if bundle_bytes(bundle) != data:
        hint = "it was reformatted; `jq -cS . FILE` gives its form back"
        raise DocumentError("the bundle is not in canonical form", hint=hint, location=Location(path))
    return bundle
