"""Every level of a stream at once: programme, speech, peaks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from audiokit.loudness.active_level import ActiveLevelMeter, ActiveLevelReport
from audiokit.loudness.meter import LoudnessMeter, LoudnessReport
from audiokit.loudness.trace import LoudnessTrace
from audiokit.stage import Block, Meter, StreamFormat

__all__ = ["LevelsMeter", "LevelsReport"]


@dataclass(frozen=True, slots=True)
class LevelsReport:
    """How loud a stream is, and how loud the speech in it.

    Args:
        loudness: By BS.1770 and EBU R 128, with peaks and plain levels.
        speech: By P.56.
    """

    loudness: LoudnessReport
    speech: ActiveLevelReport

    def merged_with(self, other: LevelsReport) -> LevelsReport:
        """Return one report for two streams of an album."""
        return LevelsReport(
            self.loudness.merged_with(other.loudness), self.speech.merged_with(other.speech)
        )

    def to_row(self) -> dict[str, Any]:
        """Return all levels under their Python names, to a hundredth of a unit.

        The offset is a fraction of full scale, and keeps six decimals.
        """
        row = self.loudness.to_row() | self.speech.to_row()
        return {name: _rounded(name, value) for name, value in row.items()}


class LevelsMeter(Meter[LevelsReport]):
    """Measure programme loudness and active speech level in one pass.

    Args:
        fmt: Format of the stream; 4000 Hz or more.

    Raises:
        SettingError: The sample rate is below 4000 Hz.
    """

    def __init__(self, fmt: StreamFormat) -> None:
        self.fmt = fmt
        self._loudness = LoudnessMeter(fmt)
        self._speech = ActiveLevelMeter(fmt)

    def update(self, block: Block) -> None:
        self._loudness.update(block)
        self._speech.update(block)

    def result(self) -> LevelsReport:
        return LevelsReport(self._loudness.result(), self._speech.result())

    def reset(self) -> None:
        self._loudness.reset()
        self._speech.reset()

    def trace(self) -> LoudnessTrace:
        """Return the loudness over time so far."""
        return self._loudness.trace()


def _rounded(name: str, value: Any) -> Any:
    if not isinstance(value, float):
        return value
    return round(value, 6 if name in ("dc", "duration_s") else 2)
