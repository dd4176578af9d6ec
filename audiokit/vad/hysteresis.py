"""Speech or not, frame by frame, into segments: two thresholds, bridged pauses, padding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["FrameRun", "Hysteresis", "decide", "lower_threshold"]


@dataclass(frozen=True, slots=True)
class FrameRun:
    """Frames ``[start, end)`` of one stretch of speech, and how sure they are, 0 to 1."""

    start: int
    end: int
    confidence: float


def lower_threshold(upper: float, release: float) -> float:
    """Return the probability below which speech ends.

    Args:
        upper: Probability at which it begins.
        release: How far below that it must fall, but by no more than half of it.
    """
    return max(upper - release, 0.5 * upper)


class Hysteresis:
    """Turn probabilities into runs of speech that are final.

    Speech begins where the probability reaches the upper threshold and ends where it
    falls below the lower one, so that a wavering value does not chatter. Shorter pauses
    are bridged first, then shorter runs dropped: a word in two halves is kept. A run is
    final one pause after its end; only the latest one is held.

    Args:
        upper: Probability at which speech begins, 0 to 1.
        lower: Probability below which it ends, at most `upper`.
        min_run: Fewest frames of a run; shorter ones are dropped.
        min_pause: Fewest frames between two runs; shorter pauses are bridged.
    """

    def __init__(self, *, upper: float, lower: float, min_run: int, min_pause: int) -> None:
        self._upper, self._lower = upper, lower
        self._min_run, self._min_pause = min_run, min_pause
        self.reset()

    def reset(self) -> None:
        """Forget the stream, as if newly built."""
        self._n_frames = 0
        self._is_speech = False
        self._start = -1  # of the run that is open or held, -1 for none
        self._end = -1  # of its last speech
        # In thousandths, summed as integers: the same in every order, so at any cutting.
        self._sum = 0
        self._count = 0

    @property
    def undecided_from(self) -> int:
        """The first frame that a later run may hold."""
        return self._start if self._start >= 0 else self._n_frames

    def process(self, probabilities: NDArray[np.float32]) -> list[FrameRun]:
        """Take the next frames, ``(frames,)``; return the runs that are now final."""
        is_speech = self._decide(probabilities)
        thousandths = np.rint(probabilities * np.float32(1000.0)).astype(np.int64)
        edges = np.flatnonzero(np.diff(is_speech)) + 1
        runs: list[FrameRun] = []
        for first, last in zip([0, *edges], [*edges, len(is_speech)], strict=True):
            if last > first and is_speech[first]:
                runs += self._release(self._n_frames + int(first))
                self._extend(int(first), thousandths[first:last])
        self._n_frames += len(probabilities)
        if not self._is_speech:
            runs += self._release(self._n_frames)
        return runs

    def flush(self) -> list[FrameRun]:
        """End the stream and return the run that was held, if it is long enough."""
        return self._release(self._end + self._min_pause)

    def _decide(self, probabilities: NDArray[np.float32]) -> NDArray[np.bool_]:
        decided = decide(probabilities, self._is_speech, upper=self._upper, lower=self._lower)
        self._is_speech = bool(decided[-1]) if len(decided) else self._is_speech
        return decided

    def _extend(self, first: int, thousandths: NDArray[np.int64]) -> None:
        if self._start < 0:
            self._start = self._n_frames + first
        self._end = self._n_frames + first + len(thousandths)
        self._sum += int(thousandths.sum())
        self._count += len(thousandths)

    def _release(self, now: int) -> list[FrameRun]:
        """Let go of the held run if a whole pause lies between its end and `now`."""
        if self._start < 0 or now - self._end < self._min_pause:
            return []
        run = FrameRun(self._start, self._end, round(self._sum / self._count / 1000.0, 3))
        self._start, self._end, self._sum, self._count = -1, -1, 0, 0
        return [run] if run.end - run.start >= self._min_run else []


def decide(
    probabilities: NDArray[np.float32], was_speech: Any, *, upper: float, lower: float
) -> NDArray[np.bool_]:
    """Return which frames are speech: between the thresholds, as the frame before.

    Args:
        probabilities: ``(frames,)``, 0 to 1.
        was_speech: What the frame before the first was.
        upper: Speech from here on.
        lower: None below.
    """
    begins, ends = probabilities >= upper, probabilities < lower
    # Frames between the thresholds repeat the last clear one: look up its position.
    position = np.where(begins | ends, np.arange(1, len(begins) + 1), 0)
    clear = np.concatenate([[was_speech], begins])
    decided: NDArray[np.bool_] = clear[np.maximum.accumulate(position)]
    return decided
