"""How property tests run: as long as they need. How fast something is, benchmarks say."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
