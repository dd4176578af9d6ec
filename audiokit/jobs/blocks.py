"""How much of a file is worked on at a time."""

from __future__ import annotations

__all__ = ["BLOCK_SAMPLES"]

BLOCK_SAMPLES = 65_536
"""Long enough to hide per-call costs, short enough for the cache; what decoders of plain
samples give at a time is as long, or twice, so nothing is copied to make it."""
