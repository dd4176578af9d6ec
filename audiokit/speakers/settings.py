"""What is known of the speakers before anybody listens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from audiokit.errors import SettingError
from audiokit.ranges import check_range

__all__ = ["MOST_SPEAKERS", "OVERLAPS", "OverlapChoice", "SpeakerSettings"]

OverlapChoice = Literal["mark", "drop", "keep"]
OVERLAPS = ("mark", "drop", "keep")
MOST_SPEAKERS = 20


@dataclass(frozen=True, slots=True)
class SpeakerSettings:
    """How many may speak, how briefly, and what becomes of two at once.

    Raises:
        SettingError: A value is out of range.
    """

    speakers: int = 0
    """How many speak, 1 to 20; 0 where nobody knows."""
    max_speakers: int = 8
    """Most that are looked for where nobody knows how many there are, 1 to 20."""
    min_turn_ms: float = 500.0
    """Shorter turns go to who speaks around them; 0 to 10000 ms."""
    overlap: OverlapChoice = "mark"
    """Where two speak at once: ``mark`` says who, as segments of both, or ``overlap`` where
    that is not known; ``drop`` takes it out of the turns; ``keep`` leaves it with one."""

    def __post_init__(self) -> None:
        check_range("speakers", self.speakers, 0, MOST_SPEAKERS)
        check_range("max_speakers", self.max_speakers, 1, MOST_SPEAKERS)
        check_range("min_turn_ms", self.min_turn_ms, 0.0, 10_000.0, unit="ms")
        if self.overlap not in OVERLAPS:
            raise SettingError("overlap", self.overlap, ", ".join(OVERLAPS))
