"""Loudness over time, for a picture, in constant memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audiokit.loudness.gating import loudness_lufs

__all__ = ["LoudnessTrace", "TraceRecorder"]

Levels = NDArray[np.float64]

_MAX_STEPS = 4096
_FIRST_STEP_HOPS = 10
# As for `loudness_lufs`: what is quieter is silence.
_SILENCE_POWER = 1e-20


@dataclass(frozen=True, slots=True, eq=False)
class LoudnessTrace:
    """The loudest moment of every step of a stream.

    A window counts where it ends, as on a meter that is watched: step n is
    ``(n * step_s, (n + 1) * step_s]``.

    Args:
        step_s: Length of a step: 0.1 s, doubled as often as it takes for at most 4096.
        momentary_lufs: ``(steps,)``: loudest 400 ms that end in each, in LUFS; NaN in
            silence and before the first is complete.
        short_term_lufs: Likewise the loudest 3 s.
    """

    step_s: float
    momentary_lufs: Levels
    short_term_lufs: Levels


class TraceRecorder:
    """Keeps the loudest window of every step; merges neighbours when there are too many.

    Args:
        hops_per_s: How many windows end in a second.
    """

    def __init__(self, hops_per_s: int) -> None:
        self._hops_per_s = hops_per_s
        self._step_hops = _FIRST_STEP_HOPS
        self._n_hops = 0
        # First row: momentary; second row: short-term.
        self._loudest = np.zeros((2, _MAX_STEPS))

    def add(self, n_hops: int, momentary: Levels, short_term: Levels) -> None:
        """Take the next powers of both windows.

        Args:
            n_hops: How many hops the stream has now; the last window of each kind ends
                with the last of them.
            momentary: Mean squares, ``(windows,)``.
            short_term: Likewise.
        """
        self._n_hops = n_hops
        while n_hops > _MAX_STEPS * self._step_hops:
            merged = self._loudest.reshape(2, -1, 2).max(axis=2)
            self._loudest[:, : _MAX_STEPS // 2] = merged
            self._loudest[:, _MAX_STEPS // 2 :] = 0.0
            self._step_hops *= 2
        for loudest, powers in zip(self._loudest, (momentary, short_term), strict=True):
            steps = np.arange(n_hops - len(powers), n_hops) // self._step_hops
            np.maximum.at(loudest, steps, powers)

    def trace(self) -> LoudnessTrace:
        """Return the picture so far."""
        n_steps = -(-self._n_hops // self._step_hops)
        loudest = self._loudest[:, :n_steps]
        lufs = np.full(loudest.shape, np.nan)
        is_heard = loudest > _SILENCE_POWER
        lufs[is_heard] = [loudness_lufs(power) for power in loudest[is_heard].tolist()]
        return LoudnessTrace(self._step_hops / self._hops_per_s, lufs[0], lufs[1])
