"""Safe YAML and safe files: limits, JSON types, and a source position for every value.

In: a file below a root folder, or its bytes. Out: a `Document`, whose value is plain JSON and which knows its source.

    document = read_document(root, "policies/refunds.yaml")
    check_kind(document, ("Policy",))
    document.value["spec"]["validations"][0]["id"]
    document.mark(("spec", "validations", 0, "id"))         # policies/refunds.yaml:9:11
"""

from __future__ import annotations

from runback_gate.documents.document import Document, Pointer, SequenceEnd
from runback_gate.documents.files import expand, read_document, safe_read, same_files, write_atomic, write_parts
from runback_gate.documents.names import API_VERSION, check_kind, cut, nearest, quoted, suggestion
from runback_gate.documents.parser import MAX_BYTES, parse_document
from runback_gate.documents.scalars import is_text

__all__ = [
    "API_VERSION",
    "MAX_BYTES",
    "Document",
    "Pointer",
    "SequenceEnd",
    "check_kind",
    "cut",
    "expand",
    "is_text",
    "nearest",
    "parse_document",
    "quoted",
    "read_document",
    "safe_read",
    "same_files",
    "suggestion",
    "write_atomic",
    "write_parts",
]
