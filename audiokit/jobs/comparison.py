"""A recording before and after, and what lies between, heard in step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from audiokit.jobs.excerpt import Excerpt, Recorder
from audiokit.jobs.overview import Overview
from audiokit.loudness.level import LevelMeter, LevelReport
from audiokit.stage import Block, Processor, StreamFormat

__all__ = ["Comparison", "ComparisonReport", "Side"]

# An excerpt of stereo at 48 kHz may last as long as was asked for; more rates or channels
# make it shorter.
_FULL_LENGTH_VALUES_PER_S = 2 * 48_000


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One side of a comparison, heard to its end.

    Args:
        levels: Of all of it.
        spectrogram_db: Level of each row over time in dB, ``(N_ROWS, columns)``, low first.
        level_dbfs: Level over time, ``(columns,)``.
        excerpt: What can be listened to.
    """

    levels: LevelReport
    spectrogram_db: NDArray[np.float32]
    level_dbfs: NDArray[np.float32]
    excerpt: Excerpt


@dataclass(frozen=True, slots=True, eq=False)
class ComparisonReport:
    """What was heard of a source and its result.

    Args:
        fmt: Format of both.
        n_samples: How long both are.
        sides: ``before``, ``after``, ``removed``.
    """

    fmt: StreamFormat
    n_samples: int
    sides: Mapping[str, Side]


class Comparison(Processor):
    """Hear a source and its result side by side, though the result comes late.

    The source passes untouched; `compare` takes the result. No more of the source is held
    than the stages between hold back.

    Args:
        fmt: Format of both.
        listen_s: How much of each side can be listened to, in s.
        gives_removed: Whether the result is what was taken away, not what was left.
    """

    def __init__(self, fmt: StreamFormat, *, listen_s: float, gives_removed: bool) -> None:
        self.fmt = fmt
        self._listen_s, self._gives_removed = listen_s, gives_removed
        self.reset()

    def reset(self) -> None:
        names = ("before", "after", "removed")
        self._listeners = {name: _Listener(self.fmt, self._listen_s) for name in names}
        self._waiting = self.fmt.silence(0)
        self._n_samples = 0
        self._report: ComparisonReport | None = None

    def process(self, block: Block) -> Block:
        self._waiting = np.concatenate([self._waiting, block])
        return block

    def flush(self) -> Block:
        return self.fmt.silence(0)

    def compare(self, block: Block) -> None:
        """Take the next block of the result: as many samples of the source meet it."""
        source, self._waiting = self._waiting[: len(block)], self._waiting[len(block) :]
        other = source - block
        after, removed = (other, block) if self._gives_removed else (block, other)
        self._n_samples += len(block)
        for name, heard in (("before", source), ("after", after), ("removed", removed)):
            self._listeners[name].update(heard)

    def finish(self) -> ComparisonReport:
        """End both streams and return what was heard; until `reset`, the same each time."""
        if self._report is None:
            sides = {name: listener.finish() for name, listener in self._listeners.items()}
            self._report = ComparisonReport(self.fmt, self._n_samples, MappingProxyType(sides))
        return self._report


class _Listener:
    """Hears one side as it comes."""

    def __init__(self, fmt: StreamFormat, listen_s: float) -> None:
        self._overview = Overview(fmt)
        values_per_s = fmt.sample_rate * fmt.channels
        share = min(1.0, _FULL_LENGTH_VALUES_PER_S / values_per_s)
        most_samples = int(listen_s * share * fmt.sample_rate)
        self._recorder = Recorder(fmt, most_samples=most_samples)
        self._meter = LevelMeter(fmt)

    def update(self, block: Block) -> None:
        self._overview.update(block)
        self._recorder.update(block)
        self._meter.update(block)

    def finish(self) -> Side:
        self._overview.finish()
        return Side(
            self._meter.result(),
            self._overview.spectrogram_db(),
            self._overview.level_dbfs(),
            self._recorder.finish(),
        )
