"""From float to integers of a bit depth, with dither."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from audiokit.files.encoder import RUN_SAMPLES
from audiokit.stage import Block

__all__ = ["Quantiser"]

Steps: TypeAlias = NDArray[np.floating]

# Values of dither drawn at a time, however many are wanted: what an encoder gets at a time.
_RUN_VALUES = RUN_SAMPLES


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
        self._random = np.random.SFC64(seed)
        # A step of 16 bits leaves float32 eight bits for the dither; one of 24, none.
        self._real = np.dtype(np.float32 if bit_depth == 16 else np.float64)
        self._integer = np.dtype(np.int16 if bit_depth == 16 else np.int32)
        self._drawn: Steps = np.zeros(0, self._real)

    def quantise(self, block: Block) -> NDArray[np.signedinteger]:
        """Return ``(samples, channels)`` integers of the bit depth; 24 bits in an int32."""
        steps = np.multiply(block, self._full_scale, dtype=self._real)
        self._count_clipped(steps)
        rounded = np.rint(steps)
        if self._has_dither:
            dither = self._dither(block.size).reshape(block.shape)
            dither *= rounded != steps
            steps += dither
            np.rint(steps, out=rounded)
        np.clip(rounded, -self._full_scale, self._full_scale - 1.0, out=rounded)
        return rounded.astype(self._integer)

    def _count_clipped(self, steps: Steps) -> None:
        if max(steps.max(initial=0.0), -steps.min(initial=0.0)) > self._full_scale:
            self.n_clipped += int(np.count_nonzero(np.abs(steps) > self._full_scale))

    def _dither(self, n_values: int) -> Steps:
        """Return the next values, in steps: each the difference of two draws of 16 bits."""
        runs = [self._drawn]
        n_drawn = len(self._drawn)
        while n_drawn < n_values:
            # Every draw of the generator has 64 bits: four of ours.
            draws = self._random.random_raw(_RUN_VALUES // 2).view(np.int16).reshape(2, -1)
            run = np.subtract(draws[0], draws[1], dtype=self._real)
            run *= 2.0**-16
            runs.append(run)
            n_drawn += _RUN_VALUES
        drawn = np.concatenate(runs)
        self._drawn = drawn[n_values:]
        return drawn[:n_values]
