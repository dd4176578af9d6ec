"""The simplest canceller: one adaptive filter over the last samples, for comparison."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audiokit.echo.two_input import TwoInputProcessor
from audiokit.errors import SettingError
from audiokit.ranges import check_range, check_sample_rate
from audiokit.stage import Block, Fact, StreamFormat
from audiokit.units import power_to_db

__all__ = ["NlmsCanceller", "NlmsSettings"]

_BLOCK_SAMPLES = 32
# Keeps the step finite in silence: the power of full scale by 1e-8, a tap.
_REGULAR = 1e-8


@dataclass(frozen=True, slots=True)
class NlmsSettings:
    """How long the filter is and how fast it learns.

    Raises:
        SettingError: A value is outside its range.
    """

    taps: int = 1024
    """Length of the filter in samples, 32 to 16384; the echo must lie within it."""

    step: float = 0.5
    """How far each sample corrects the filter, above 0 and below 2."""

    def __post_init__(self) -> None:
        check_range("taps", self.taps, 32, 16384)
        if not 0.0 < self.step < 2.0:
            raise SettingError("step", self.step, "above 0 and below 2")


class NlmsCanceller(TwoInputProcessor):
    """Cancel echo by the normalised least-mean-squares recursion.

    Sample by sample the textbook's, though computed 32 samples at a time: the errors of a
    block depend on each other through the products of their inputs alone, which makes them
    the solution of a triangular system. It searches no delay, knows no double talk and
    leaves what it leaves: a measure for others.

    Args:
        fmt: Format of the microphone, 8 to 96 kHz; channels are filtered each by itself.
        settings: Length and step.

    Raises:
        SettingError: The sample rate is outside 8 to 96 kHz.

    References:
        S. Haykin, "Adaptive Filter Theory", 3rd edition, 1996, section 9.11.
    """

    def __init__(self, fmt: StreamFormat, settings: NlmsSettings | None = None) -> None:
        check_sample_rate(fmt.sample_rate, to="cancel echo")
        super().__init__(fmt)
        self.settings = settings or NlmsSettings()
        self.latency_samples = _BLOCK_SAMPLES - 1
        self._forget()

    def facts(self) -> Mapping[str, Fact]:
        """Return how much of the far end's echo went.

        `erle_db` is the power of the microphone over that of the output while the far end
        was heard, near-end speech included; `delay_ms` is where the filter is strongest.
        """
        if not self._sum_out:
            return {"state": "idle", "delay_ms": None, "erle_db": None}
        strongest = int(np.argmax(np.abs(self._weights).max(axis=0)[::-1]))
        return {
            "state": "running",
            "delay_ms": round(1000.0 * strongest / self.fmt.sample_rate, 2),
            "erle_db": round(power_to_db(self._sum_near) - power_to_db(self._sum_out), 2),
        }

    def _forget(self) -> None:
        # Oldest first, as the samples are.
        self._weights = np.zeros((self.fmt.channels, self.settings.taps))
        self._past = np.zeros(self.settings.taps - 1)
        self._begun = np.zeros((0, self.fmt.channels + 1), np.float32)
        self._sum_near = self._sum_out = 0.0

    def _advance(self, near: Block, far: Block) -> Block:
        both = np.concatenate([self._begun, np.concatenate([near, far], axis=1)])
        n_ready = len(both) // _BLOCK_SAMPLES * _BLOCK_SAMPLES
        self._begun = both[n_ready:].copy()
        out = np.empty((n_ready, self.fmt.channels), np.float32)
        for start in range(0, n_ready, _BLOCK_SAMPLES):
            stop = start + _BLOCK_SAMPLES
            out[start:stop] = self._filter(both[start:stop].astype(np.float64))
        return out

    def _finish(self) -> Block:
        n_left = len(self._begun)
        rest = np.zeros(((-n_left) % _BLOCK_SAMPLES, self.fmt.channels + 1), np.float32)
        ready: Block = self._advance(rest[:, :-1], rest[:, -1:])[:n_left]
        return ready

    def _filter(self, both: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the errors of a block, ``(_BLOCK_SAMPLES, channels)``."""
        near, far = both[:, :-1], np.concatenate([self._past, both[:, -1]])
        self._past = far[_BLOCK_SAMPLES:].copy()
        rows = np.lib.stride_tricks.sliding_window_view(far, self.settings.taps)
        inputs = np.ascontiguousarray(rows)
        products = inputs @ inputs.T
        step = self.settings.step / (products.diagonal() + _REGULAR * self.settings.taps)
        # e[n] + sum over m < n of step[m] (x[n] . x[m]) e[m] = d[n] - x[n] . w
        system = np.tril(products, -1) * step
        system[np.diag_indices(_BLOCK_SAMPLES)] = 1.0
        errors = np.linalg.solve(system, near - inputs @ self._weights.T)
        self._weights += (errors * step[:, np.newaxis]).T @ inputs
        self._note(near, errors, float(products[-1, -1]))
        return errors

    def _note(self, near: NDArray[np.float64], errors: NDArray[np.float64], power: float) -> None:
        if math.sqrt(power / self.settings.taps) > 1e-4:
            self._sum_near += float(np.square(near).sum())
            self._sum_out += float(np.square(errors).sum())
