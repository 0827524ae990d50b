"""Content encodings of answers (RFC 9110, 8.4), as far as the environment knows them.

In: the header `content-encoding`. Out: a function that decodes all bytes, or None where there is nothing to decode.

    decode = decoder("gzip")
    decode(data)

Brotli and Zstandard are decoded by the modules that a client which asks for them has: brotli, brotlicffi, zstandard.
"""

from __future__ import annotations

import importlib
import zlib
from collections.abc import Callable
from typing import Any, cast

from runback_gate.errors import InputError


def decoder(encoding: str) -> Callable[[bytes], bytes] | None:
    """What undoes an encoding, or several in a row."""
    names = [name for word in encoding.lower().split(",") if (name := word.strip()) and name != "identity"]
    if not names:
        return None

    def decode(data: bytes) -> bytes:
        for name in reversed(names):
            data = _decoded(name, data)
        return data

    return decode


def _decoded(name: str, data: bytes) -> bytes:
    try:
        if name in ("gzip", "x-gzip"):
            return zlib.decompressobj(31).decompress(data)
        if name == "deflate":
            raw = data[:1] and data[0] & 15 != 8
            return zlib.decompressobj(-15 if raw else 15).decompress(data)
        if name == "br":
            return cast("bytes", _module("brotli", "brotlicffi").decompress(data))
        if name == "zstd":
            return cast("bytes", _module("zstandard").ZstdDecompressor().decompressobj().decompress(data))
    except Exception as error:
        raise InputError(f"the answer is no {name}") from error
    raise InputError(f"the encoding {name[:40]!r} is not known")


def _module(*names: str) -> Any:
    for name in names:
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError:
            continue
    raise InputError(f"{names[0]} is not installed")
