"""From float to integers of a bit depth, with dither."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from audiokit.stage import Block

__all__ = ["Quantiser"]


class Quantiser:
    """Round samples to integers.

    The dither is triangular, two steps wide: it makes the rounding error noise that
    does not follow the signal. A sample that already lies on a step is kept, because
    nothing is lost there: digital silence stays silent, and audio that came from a file
    of the same depth comes out unchanged. Above 24 bits float32 holds no more, so there
    is nothing to dither.

    References:
        Lipshitz, Wannamaker, Vanderkooy: Quantization and Dither, JAES 40(5), 1992.

    Args:
        bit_depth: 16, 24 or 32.
        dither: Whether to add it.
        seed: The dither's; the same seed gives the same samples, however the stream is
            cut.

    Attributes:
        n_clipped: Samples beyond full scale so far, counted over channels.
    """

    def __init__(self, bit_depth: int, *, dither: bool, seed: int) -> None:
        self.n_clipped = 0
        self._full_scale = 2.0 ** (bit_depth - 1)
        self._has_dither = dither and bit_depth < 32
        self._random = np.random.default_rng(seed)
        # A step of 16 bits leaves float32 eight bits for the dither; one of 24, none.
        self._dtype = np.float32 if bit_depth == 16 else np.float64

    def quantise(self, block: Block) -> NDArray[np.int32]:
        """Return ``(samples, channels)`` integers within the bit depth's range."""
        scaled: NDArray[Any] = block.astype(self._dtype) * self._dtype(self._full_scale)
        self.n_clipped += int(np.count_nonzero(np.abs(scaled) > self._full_scale))
        rounded = np.rint(scaled)
        if self._has_dither:
            # One pair of draws per sample, in order: the cutting does not matter.
            draws = self._random.random((*block.shape, 2), dtype=np.float32)
            dithered = np.rint(scaled + (draws[..., 0] - draws[..., 1]))
            rounded = np.where(rounded == scaled, rounded, dithered)
        lowest, highest = -self._full_scale, self._full_scale - 1
        within = np.clip(rounded.astype(np.float64), lowest, highest)
        integers: NDArray[np.int32] = within.astype(np.int32)
        return integers
