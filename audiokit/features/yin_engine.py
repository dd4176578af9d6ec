"""librosa's yin as an engine."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audiokit.features.pitch_engine import WholeStreamPitch

__all__ = ["YinEngine"]


class YinEngine(WholeStreamPitch):
    """Let librosa's `yin` measure pitch: for comparison, or for those who are used to it.

    It keeps the whole stream and answers at `flush`. It gives every frame a pitch, voiced or
    not, and tells nothing of voicing, which is 1 throughout.

    References:
        A. de Cheveigné, H. Kawahara, "YIN, a fundamental frequency estimator for speech and
        music", JASA 111(4), 2002.
    """

    def track(
        self, samples: NDArray[np.float32]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        import librosa

        f0_hz = librosa.yin(samples, **self.librosa_words)
        return f0_hz, np.ones(len(f0_hz))
