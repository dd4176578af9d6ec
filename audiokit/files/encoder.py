"""What every encoder does."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Final

import numpy as np

from audiokit.stage import Block

__all__ = ["RUN_SAMPLES", "Encoder"]

RUN_SAMPLES: Final = 18432
"""How many samples an encoder gets at a time, so that its bytes do not depend on how the
stream was cut; a multiple of the frames of MP3 (576, 1152) and AAC (1024)."""


class Encoder(ABC):
    """Turns runs of samples into the bytes of one container."""

    n_clipped: int = 0
    """Samples beyond full scale, counted over channels, where the encoder sees them."""

    @abstractmethod
    def encode(self, run: Block) -> None:
        """Take the next `RUN_SAMPLES` samples; only the last run is shorter."""

    @abstractmethod
    def finish(self) -> None:
        """Write what is held back and complete the header."""

    def within_full_scale(self, run: Block) -> Block:
        """Return a run with what is beyond full scale clipped, and count that."""
        if max(run.max(initial=0.0), -run.min(initial=0.0)) <= 1.0:
            return run
        self.n_clipped += int(np.count_nonzero(np.abs(run) > 1.0))
        clipped: Block = np.clip(run, -1.0, 1.0)
        return clipped

    def abandon(self) -> None:  # noqa: B027  most encoders have nothing to release
        """Release everything; what was written is thrown away."""
