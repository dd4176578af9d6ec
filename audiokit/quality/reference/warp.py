"""A recording read at other instants than those it was sampled at."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["read_at"]

_HALF_TAPS = 32
# Between these steps the kernel is taken as straight: its error lies below -100 dB.
_STEPS = 1024
_KAISER = 9.0
_CHUNK_SAMPLES = 16_384


def read_at(
    samples: NDArray[np.float32], start: float, *, n_samples: int, step: float = 1.0
) -> NDArray[np.float32]:
    """Return ``n_samples`` values at ``start``, ``start + step``, …, in samples.

    By a windowed sinc of 64 taps; what lies beyond the ends is silence. Whole positions
    give the samples themselves.

    Args:
        samples: One channel.
        start: Where the first value is read.
        n_samples: How many values.
        step: From value to value, near 1: nothing keeps aliases out.
    """
    if step == 1.0 and float(start).is_integer():
        return _cut(samples, int(start), n_samples)
    kernel = _kernel()
    taps = np.arange(1 - _HALF_TAPS, _HALF_TAPS + 1)
    given = np.empty(n_samples, np.float32)
    for first in range(0, n_samples, _CHUNK_SAMPLES):
        last = min(n_samples, first + _CHUNK_SAMPLES)
        places = start + step * np.arange(first, last)
        whole = np.floor(places).astype(np.int64)
        low = int(whole[0]) + 1 - _HALF_TAPS
        near = _cut(samples, low, int(whole[-1]) - int(whole[0]) + 2 * _HALF_TAPS)
        rows = near[(whole - low)[:, np.newaxis] + taps]
        position = (places - whole) * _STEPS
        index = position.astype(np.int64)
        part = (position - index)[:, np.newaxis]
        weights = (1.0 - part) * kernel[index] + part * kernel[index + 1]
        given[first:last] = np.einsum("ij,ij->i", rows, weights)
    return given


def _cut(samples: NDArray[np.float32], start: int, n_samples: int) -> NDArray[np.float32]:
    """Return a stretch; what lies beyond the ends is zero."""
    cut = np.zeros(n_samples, np.float32)
    low, high = max(0, start), min(len(samples), start + n_samples)
    if high > low:
        cut[low - start : high - start] = samples[low:high]
    return cut


@lru_cache(maxsize=1)
def _kernel() -> NDArray[np.float64]:
    """Return the taps for each step between two samples, ``(_STEPS + 1, 2 * _HALF_TAPS)``."""
    taps = np.arange(1 - _HALF_TAPS, _HALF_TAPS + 1, dtype=np.float64)
    away = taps - np.arange(_STEPS + 1)[:, np.newaxis] / _STEPS
    inside = np.maximum(0.0, 1.0 - np.square(away / _HALF_TAPS))
    kernel = np.sinc(away) * np.i0(_KAISER * np.sqrt(inside)) / np.i0(_KAISER)
    # The sums are 1, so that a constant stays what it is.
    kernel /= kernel.sum(axis=1, keepdims=True)
    kernel.flags.writeable = False
    return np.asarray(kernel, np.float64)
