"""pyAudioAnalysis' short-term features as the package itself computes them."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audiokit.errors import MissingExtraError
from audiokit.features.engines import Device
from audiokit.features.whole_file import WholeFileEngine

__all__ = ["PyAudioAnalysisEngine", "short_term_features"]

_FULL_SCALE = 32768.0


class PyAudioAnalysisEngine(WholeFileEngine):
    """Let the package compute its 34 features: for comparison.

    It takes the mean off the recording and divides by its highest magnitude by itself, so
    nothing need be done before. ``ShortTermFeatures`` alone is imported, which needs SciPy,
    matplotlib and tqdm; other modules of the package load eyed3 (GPL) and more that it does
    not declare. It keeps the whole recording, in double precision while it works.
    """

    @classmethod
    def check_installed(cls, device: Device) -> None:
        del device  # it knows one
        short_term_features()

    def rows(self, mono: NDArray[np.float32]) -> NDArray[np.float32]:
        grid = self.plan.grid
        features, _ = short_term_features().feature_extraction(
            # It counts in 16 bits.
            mono.astype(np.float64) * _FULL_SCALE,
            grid.sample_rate,
            grid.window_samples,
            grid.hop_samples,
            deltas=bool(self.plan.preset.deltas),
        )
        return np.ascontiguousarray(features.T, np.float32)


def short_term_features() -> Any:
    """Return the package's module of short-term features, the one door to the package.

    Its other modules import packages that it does not declare, one of them under the GPL.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        with warnings.catch_warnings():
            # It imports from a part of SciPy that is to go.
            warnings.simplefilter("ignore", DeprecationWarning)
            from pyAudioAnalysis import ShortTermFeatures
    except ImportError as error:
        raise MissingExtraError("the engine pyaudioanalysis", "engines") from error
    return ShortTermFeatures
