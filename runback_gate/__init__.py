"""Runback gate: makes the decisions of AI agents reviewable like code."""

from __future__ import annotations

__version__ = "0.1.0"
