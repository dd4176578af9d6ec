"""pyAudioAnalysis' mid-term statistics: mean and deviation over longer windows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from audiokit.errors import SettingError
from audiokit.features.grid import FrameGrid

__all__ = ["mid_term_columns", "mid_term_statistics"]


def mid_term_columns(columns: Sequence[str]) -> tuple[str, ...]:
    """Return the names of what `mid_term_statistics` makes of columns of these names."""
    return tuple(f"{column}_{word}" for word in ("mean", "std") for column in columns)


def mid_term_statistics(
    rows: NDArray[np.float32], grid: FrameGrid, *, window_s: float = 1.0, step_s: float = 1.0
) -> NDArray[np.float32]:
    """Return mean and standard deviation of rows over mid-term windows.

    Windows begin every `step_s`, rounded to whole hops, as long as there are rows; the last
    ones are cut short by the end. A window holds the frames that lie in it whole, rounded.
    The deviation is that of the rows at hand (divided by their number, not one less).

    Args:
        rows: ``(frames, columns)``, of a whole recording.
        grid: Their frame rule: `FeatureExtractor.grid`.
        window_s: Length of a mid-term window.
        step_s: From one to the next.

    Returns:
        ``(windows, 2 * columns)``: all means, then all deviations; see `mid_term_columns`.

    Raises:
        SettingError: The window holds no frame, or the step is less than half a hop.

    References:
        pyAudioAnalysis, ``MidTermFeatures.mid_feature_extraction``.
    """
    overlap_samples = grid.window_samples - grid.hop_samples
    window_samples = round(window_s * grid.sample_rate)
    n_each = round((window_samples - overlap_samples) / grid.hop_samples)
    n_step = round(round(step_s * grid.sample_rate) / grid.hop_samples)
    if n_each < 1:
        raise SettingError("window_s", window_s, "long enough for a frame")
    if n_step < 1:
        raise SettingError("step_s", step_s, "half a hop or more")
    # In double precision: thousands of rows are added up.
    values = rows.astype(np.float64)
    pieces = [values[start : start + n_each] for start in range(0, len(rows), n_step)]
    statistics = [np.concatenate([piece.mean(axis=0), piece.std(axis=0)]) for piece in pieces]
    table = np.empty((len(pieces), 2 * rows.shape[1]), np.float32)
    for row, found in zip(table, statistics, strict=True):
        row[:] = found
    return table
