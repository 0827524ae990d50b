"""The least that judging stored steps can cost: read every file of a folder, hash it and parse it, and do nothing else.

In: a folder. Out: nothing; it is measured from outside, as the peer of `runback-gate run` and `backtest`.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import orjson

for path in sorted(Path(sys.argv[1]).rglob("*.json*")):
    data = path.read_bytes()
    hashlib.sha256(data).digest()
    for line in data.splitlines():
        orjson.loads(line)
