"""What the verification of a record says, and what it cannot say.

In: a `RecordVerification`, and whether a checkpoint from elsewhere was given. Out: sentences.

    for text in covers(found):
        print(text)
"""

from __future__ import annotations

from runback_gate.audit.verify import RecordVerification
from runback_gate.plural import many


def covers(found: RecordVerification) -> tuple[str, ...]:
    """What the statement stands for."""
    if found.status == "invalid":
        return ()
    counts = found.counts
    lines = " and ".join(
        noun for noun, many in (("event line", counts.events), ("report line", counts.reports)) if many
    )
    texts = [f"every {lines}, byte for byte, in this order"]
    if counts.values:
        texts.append("which values there are, by their ids")
    if counts.held:
        texts.append("the values that can be read: each is the one of its id")
    if found.signed_erasures:
        texts.append(f"time and reason of {many(found.signed_erasures, 'erasure')}")
    return tuple(texts)


def open_points(found: RecordVerification) -> tuple[str, ...]:
    """What stands in the record and is not under the signature."""
    later = found.counts.erased - found.signed_erasures
    return (f"time and reason of {many(later, 'erasure')}: made after signing",) if later else ()


def excludes_not(found: RecordVerification, *, earlier: bool) -> tuple[str, ...]:
    """What cannot be excluded."""
    texts = []
    if found.unended:
        texts.append(f"that {many(found.unended, 'run')} went on: no run.end, so it was cut or still running")
    if found.status == "unverified":
        texts.append("that somebody changed the record and wrote its own lines anew: nobody vouches for it")
    if not earlier:
        texts.append(
            "that lines were left out or written anew before signing, by whoever had the key: no outside checkpoint"
        )
    texts.append("that something was never recorded, or recorded as it was not")
    return tuple(texts)
