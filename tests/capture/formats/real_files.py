"""What real transcripts hold."""

from __future__ import annotations

import json

from tests.conftest import SHARED_DATA

FOLDER = SHARED_DATA / "transcripts"

EXPECTED = json.loads((FOLDER / "expected.json").read_text()) if FOLDER.is_dir() else {}
