"""Long recordings in excerpts, for measures that were made for short ones."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

__all__ = ["spoken_excerpts"]

# ITU-T P.862 was made for 8 to 20 s, and its program counts no more than 50 utterances; the
# memory that STOI's takes grows with the length.
_EXCERPT_S = 20.0
# Less in an excerpt, on average, would be measured on noise.
_QUIETEST = 1e-3


def spoken_excerpts(
    reference: NDArray[np.float32], recording: NDArray[np.float32], sample_rate: int
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Yield both recordings in excerpts of about 20 s, but for those that say next to nothing.

    Args:
        reference: ``(samples,)``.
        recording: As long.
        sample_rate: Of both, in Hz.
    """
    n_excerpts = max(1, round(len(reference) / (_EXCERPT_S * sample_rate)))
    edges = np.linspace(0, len(reference), n_excerpts + 1).astype(int)
    least = _QUIETEST * float(np.square(reference).mean(dtype=np.float64))
    for first, last in itertools.pairwise(edges):
        clean, other = reference[first:last], recording[first:last]
        is_spoken = float(np.square(clean).mean(dtype=np.float64)) >= least
        if is_spoken and clean.any() and other.any():
            yield clean, other
