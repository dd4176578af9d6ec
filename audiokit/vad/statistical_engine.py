"""The statistical detector: bands that rise over their own noise floor, for recordings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audiokit.stage import Block, StreamFormat
from audiokit.vad.bands import N_TELEPHONE_BANDS, BandLevels
from audiokit.vad.probability import LOOK_AHEAD_FRAMES, SpeechProbability
from audiokit.vad.scorer import FRAMES_PER_SECOND, SpeechScorer

__all__ = ["StatisticalScorer"]


class StatisticalScorer(SpeechScorer):
    """Call speech what rises over the floors of sixteen bands, weighted toward voices.

    Limits: it hears level, not words. Music and babble pass for speech, and so may a noise
    that comes and goes like speech. It looks almost two seconds ahead, so it is for files.

    Args:
        fmt: Format of the stream; 8000 Hz or more.

    Raises:
        SettingError: The sample rate is below 8000 Hz.
    """

    look_ahead_s = (LOOK_AHEAD_FRAMES + 3) / FRAMES_PER_SECOND

    def __init__(self, fmt: StreamFormat) -> None:
        self.fmt = fmt
        self._bands = BandLevels(fmt)
        self._probability = SpeechProbability()

    def reset(self) -> None:
        self._bands.reset()
        self._probability.reset()

    def process(self, block: Block) -> NDArray[np.float32]:
        return self._judge(self._bands.process(block))

    def flush(self) -> NDArray[np.float32]:
        head = self._judge(self._bands.flush())
        return np.concatenate([head, self._probability.flush()])

    def _judge(self, described: NDArray[np.float32]) -> NDArray[np.float32]:
        levels_db = np.ascontiguousarray(described[:, :N_TELEPHONE_BANDS])
        return self._probability.process(levels_db)
