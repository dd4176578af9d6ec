"""What every engine of the detector gives: how likely speech is, a hundred times a second."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audiokit.stage import Analyzer

__all__ = ["FRAMES_PER_SECOND", "MIN_SAMPLE_RATE", "SpeechScorer"]

FRAMES_PER_SECOND = 100
MIN_SAMPLE_RATE = 8000


class SpeechScorer(Analyzer[NDArray[np.float32]]):
    """Audio to the probability of speech in each frame, ``(frames,)``, 0 to 1.

    Frame ``k`` is the time from ``k / 100`` to ``(k + 1) / 100`` s. `process` gives the frames
    that are final, `flush` the rest: in all as many as the stream began.

    Attributes:
        look_ahead_s: Seconds, at most, between the start of a frame and the last sample that
            its probability needs; infinite where all of a recording must be there.
    """

    look_ahead_s: float
