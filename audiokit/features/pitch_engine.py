"""What every pitch engine is, and what the whole-file ones share."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audiokit.features.pitch_settings import HARMONICITY_FLOOR_DB, PITCH_COLUMNS, PitchSettings
from audiokit.stage import Analyzer, Block, StreamFormat

__all__ = ["PitchEngine", "WholeStreamPitch", "mono"]


class PitchEngine(Analyzer[NDArray[np.float32]]):
    """Audio to rows of `PITCH_COLUMNS`, frame ``i`` centred on sample ``i * hop_samples``.

    A stream has ``1 + n_samples // hop_samples`` frames; an empty one has none.

    Attributes:
        hop_samples: From one frame to the next.
        latency_s: Longest time from the centre of a frame to its row, but at the end of the
            stream; infinite for an engine that answers only there.
    """

    hop_samples: int
    latency_s: float


class WholeStreamPitch(PitchEngine):
    """An engine that must hear the stream to its end.

    It keeps every sample, 4 bytes each, and answers at `flush`: not for live, nor for hours.

    Args:
        fmt: Format of the stream.
        settings: How pitch is looked for.
    """

    latency_s = math.inf

    def __init__(self, fmt: StreamFormat, settings: PitchSettings) -> None:
        self.fmt = fmt
        self.settings = settings
        self.hop_samples = settings.hop_samples(fmt.sample_rate)
        self.reset()

    @property
    def frame_samples(self) -> int:
        """Length of a frame: six periods of the lowest pitch, to the next power of two.

        librosa's default of 2048 is meant for 65 Hz at 22050 Hz; this gives the same there.
        """
        six_periods = 6.0 * self.fmt.sample_rate / self.settings.fmin_hz
        return 1 << math.ceil(math.log2(six_periods))

    @property
    def librosa_words(self) -> dict[str, Any]:
        """What frames and range are called by librosa's trackers, and what they are."""
        return {
            "fmin": self.settings.fmin_hz,
            "fmax": self.settings.fmax_hz,
            "sr": self.fmt.sample_rate,
            "frame_length": self.frame_samples,
            "hop_length": self.hop_samples,
        }

    def reset(self) -> None:
        self._kept: list[NDArray[np.float32]] = []

    def process(self, block: Block) -> NDArray[np.float32]:
        # The block is the caller's; what is kept must not change with it.
        self._kept.append(mono(block).copy())
        return np.zeros((0, len(PITCH_COLUMNS)), np.float32)

    def flush(self) -> NDArray[np.float32]:
        samples = np.concatenate([np.zeros(0, np.float32), *self._kept])
        if not len(samples):
            return np.zeros((0, len(PITCH_COLUMNS)), np.float32)
        rows = np.full((1 + len(samples) // self.hop_samples, 3), HARMONICITY_FLOOR_DB, np.float32)
        # librosa takes no frame of a stream shorter than it.
        padded = np.pad(samples, (0, max(0, self.frame_samples - len(samples))))
        f0_hz, voicing = self.track(padded)
        rows[:, 0], rows[:, 1] = f0_hz[: len(rows)], voicing[: len(rows)]
        return rows

    @abstractmethod
    def track(
        self, samples: NDArray[np.float32]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return pitch in Hz, 0 where unvoiced, and voicing, of each frame of a stream.

        Args:
            samples: ``(samples,)``, a frame or more.
        """


def mono(block: Block) -> NDArray[np.float32]:
    """Return the mean of the channels of a block, ``(samples,)``."""
    # Channel by channel: a sum over a short axis costs far more.
    total: NDArray[np.float32] = block[:, 0].copy()
    for channel in range(1, block.shape[1]):
        total += block[:, channel]
    total /= np.float32(block.shape[1])
    return total
