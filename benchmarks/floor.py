"""The least that judging recordings can cost: read every recording, hash it and parse it, and do nothing else.

In: the folder of a workload. Out: nothing; it is measured from outside, as the peer of `runback-gate run`.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import orjson

for path in sorted(Path(sys.argv[1]).rglob("recordings/*/*.json")):
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != path.stem:
        raise SystemExit(f"{path} was changed")
    orjson.loads(data)
