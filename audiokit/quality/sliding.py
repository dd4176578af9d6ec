"""Scores of a live stream: of the last seconds, again and again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from audiokit.errors import SettingError
from audiokit.quality.meter import QualityMeter, QualitySettings
from audiokit.quality.report import QualityReport
from audiokit.quality.scale import DEFAULT_PROFILE
from audiokit.ranges import check_range
from audiokit.stage import Analyzer, Block, StreamFormat

__all__ = ["SlidingQuality", "SlidingQualitySettings", "WindowScores"]


@dataclass(frozen=True, slots=True)
class SlidingQualitySettings:
    """How long a window is, and how often there is one.

    Raises:
        SettingError: A value is outside its range, or windows would leave gaps.
    """

    window_s: float = 6.0
    """Length of a window in s, 0.5 to 60."""
    hop_s: float = 2.0
    """From one window to the next in s, 0.1 to `window_s`."""
    profile: str = DEFAULT_PROFILE
    """See `QualitySettings`."""

    def __post_init__(self) -> None:
        check_range("window_s", self.window_s, 0.5, 60.0, unit="s")
        check_range("hop_s", self.hop_s, 0.1, 60.0, unit="s")
        if self.hop_s > self.window_s:
            raise SettingError("hop_s", self.hop_s, f"at most window_s, {self.window_s:g}")
        QualitySettings(self.profile)


@dataclass(frozen=True, slots=True)
class WindowScores:
    """The scores of one window."""

    start_s: float
    """Where it begins, from the start of the stream."""
    end_s: float
    """Where it ends."""
    report: QualityReport
    """What `QualityMeter` says of these samples alone."""

    def to_row(self) -> dict[str, float | str | None]:
        """Return the window, and all scores by name."""
        return {"start_s": self.start_s, "end_s": self.end_s, **self.report.to_row()}


class SlidingQuality(Analyzer[list[WindowScores]]):
    """Score the last seconds of a stream, every so often.

    Each window is heard afresh, so its numbers are those of `QualityMeter` over the same
    samples. The first window is full; what follows the last comes with `flush`, as does a
    stream that is shorter than a window.

    Args:
        fmt: Format of the stream; 4000 Hz or more.
        settings: How long a window is, and how often there is one.

    Raises:
        SettingError: The sample rate is below 4000 Hz.
    """

    _held: Block
    _n_heard: int
    _n_missing: int

    def __init__(self, fmt: StreamFormat, settings: SlidingQualitySettings | None = None) -> None:
        self.fmt = fmt
        self.settings = settings or SlidingQualitySettings()
        self._meter = QualityMeter(fmt, QualitySettings(self.settings.profile))
        self._window = round(self.settings.window_s * fmt.sample_rate)
        self._hop = max(1, round(self.settings.hop_s * fmt.sample_rate))
        self.reset()

    def process(self, block: Block) -> list[WindowScores]:
        rows = []
        while len(block):
            ready, block = block[: self._n_missing], block[self._n_missing :]
            self._held = np.concatenate([self._held, ready])[-self._window :]
            self._n_heard += len(ready)
            self._n_missing -= len(ready)
            if not self._n_missing:
                rows.append(self._scores())
                self._n_missing = self._hop
        return rows

    def flush(self) -> list[WindowScores]:
        is_told = self._n_missing == self._hop and self._n_heard >= self._window
        return [] if is_told or not self._n_heard else [self._scores()]

    def reset(self) -> None:
        self._held = self.fmt.silence(0)
        self._n_heard = 0
        self._n_missing = self._window

    def _scores(self) -> WindowScores:
        self._meter.reset()
        self._meter.update(np.ascontiguousarray(self._held))
        first = self._n_heard - len(self._held)
        return WindowScores(
            self.fmt.seconds(first), self.fmt.seconds(self._n_heard), self._meter.result()
        )
