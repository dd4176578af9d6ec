"""librosa's pyin as an engine."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audiokit.features.pitch_engine import WholeStreamPitch

__all__ = ["PyinEngine"]


class PyinEngine(WholeStreamPitch):
    """Let librosa's `pyin` track pitch: for comparison, or for those who are used to it.

    It keeps the whole stream and answers at `flush`: 6.5 s of processor time per minute of
    sound. Its path is Viterbi's through the whole stream. Voicing is its own probability,
    which is low: half of the voiced frames of clean speech may lie below 0.1.

    References:
        M. Mauch, S. Dixon, "pYIN: a fundamental frequency estimator using probabilistic
        threshold distributions", ICASSP 2014.
    """

    def track(
        self, samples: NDArray[np.float32]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        import librosa

        f0_hz, is_voiced, probability = librosa.pyin(samples, fill_na=None, **self.librosa_words)
        return np.where(is_voiced, f0_hz, 0.0), probability
