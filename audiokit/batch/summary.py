"""Counts of a run while it goes on, and what failed in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Tally"]


@dataclass(slots=True)
class Tally:
    """What came out of a run so far.

    A resumed item counts under its status and under `resumed`: its row was already there.
    """

    seconds_field: str = "duration_s"
    """The field of a row that holds seconds of audio."""
    ok: int = 0
    failed: int = 0
    skipped: int = 0
    resumed: int = 0
    audio_s: float = 0.0
    """Seconds of audio in the rows that are ok, resumed ones included."""
    resumed_audio_s: float = 0.0
    """Seconds of audio in resumed rows alone: no part of this run's throughput."""
    failures: list[str] = field(default_factory=list)
    """One sentence for each item that failed."""

    @property
    def done(self) -> int:
        """Rows counted so far."""
        return self.ok + self.failed + self.skipped

    def add(self, row: Mapping[str, Any], *, resumed: bool = False) -> None:
        """Count a row."""
        self.resumed += resumed
        if row["status"] == "failed":
            self.failed += 1
            self.failures.append(row["error"])
        elif row["status"] == "skipped":
            self.skipped += 1
        else:
            self.ok += 1
            seconds = float(row.get(self.seconds_field) or 0.0)
            self.audio_s += seconds
            self.resumed_audio_s += seconds * resumed

    def to_row(self) -> dict[str, Any]:
        """Return the counts under their names."""
        names = ("ok", "failed", "skipped", "resumed")
        # Rows hold microseconds; their sum is no surer.
        return {name: getattr(self, name) for name in names} | {"audio_s": round(self.audio_s, 6)}

    def sentence(self) -> str:
        """Return the counts as a sentence; what is zero is left out, but for `ok`."""
        counts = {"failed": self.failed, "skipped": self.skipped, "as before": self.resumed}
        parts = [f"{self.ok} ok", *(f"{n} {name}" for name, n in counts.items() if n)]
        return f"{', '.join(parts)}; {self.audio_s / 60.0:.1f} minutes of audio."
