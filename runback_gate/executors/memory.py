"""The memory of this process.

resident()      # 58720256
"""

from __future__ import annotations

import resource
import sys
from pathlib import Path
from typing import Final

_STATE: Final = Path("/proc/self/statm")


def resident() -> int:
    """Bytes that are resident now; where the system does not say, the most that ever were."""
    try:
        return int(_STATE.read_text("ascii").split()[1]) * resource.getpagesize()
    except OSError:
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
