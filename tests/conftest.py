"""How property tests run: as long as they need. How fast something is, benchmarks say."""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import settings

from tests.browser import browser as browser

SHARED_DATA = Path(os.environ.get("RUNBACK_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
"""Files of other people's tools, beside the checkout; tests that read them are skipped where they are not."""

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
