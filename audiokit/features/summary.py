"""Rows in short: mean, deviation, extremes, quantiles and slope of each column."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from audiokit.errors import SettingError
from audiokit.features.column_statistics import StatisticsMeter
from audiokit.features.pitch_settings import HARMONICITY_FLOOR_DB

__all__ = [
    "ABSENT",
    "DEFAULT_SUMMARIES",
    "check_summaries",
    "summarize",
    "summarize_stretches",
    "summary_columns",
]

DEFAULT_SUMMARIES = ("mean", "std", "p10", "p50", "p90", "slope")
"""What a column is summed up as where nothing else is said."""

ABSENT: Mapping[str, float] = {
    "f0_hz": 0.0,
    "jitter_percent": 0.0,
    "shimmer_db": 0.0,
    "hnr_db": HARMONICITY_FLOOR_DB,
    "f1_hz": 0.0,
    "f1_bandwidth_hz": 0.0,
    "f2_hz": 0.0,
    "f2_bandwidth_hz": 0.0,
    "f3_hz": 0.0,
    "f3_bandwidth_hz": 0.0,
    "tempo_bpm": 0.0,
}
"""What a column says where there is nothing to measure; such rows do not count in its summary."""

_PLAIN = ("mean", "std", "min", "max", "slope")
_QUANTILE = re.compile(r"p(\d\d?)")


def check_summaries(summaries: Sequence[str]) -> None:
    """Refuse what columns cannot be summed up as.

    Raises:
        SettingError: A word is unknown, stands twice, or there is none.
    """
    for name in summaries:
        if name not in _PLAIN and not _QUANTILE.fullmatch(name):
            raise SettingError("summary", name, f"{', '.join(_PLAIN)}, or p00 to p99")
    if not summaries or len(set(summaries)) != len(summaries):
        raise SettingError("summary", tuple(summaries), "at least one, each of them once")


def summary_columns(columns: Sequence[str], summaries: Sequence[str]) -> tuple[str, ...]:
    """Return ``mel_00_db_mean, mel_00_db_std, …``; a slope is ``…_slope_per_s``."""
    endings = ["slope_per_s" if name == "slope" else name for name in summaries]
    return tuple(f"{column}_{ending}" for column in columns for ending in endings)


def summarize(
    pieces: Iterable[NDArray[np.float32]],
    column: Callable[[int], NDArray[np.float32]],
    *,
    columns: tuple[str, ...],
    summaries: Sequence[str],
    hop_s: float,
) -> NDArray[np.float32]:
    """Return rows in short.

    One pass in constant memory; a quantile, or a column that has gaps, needs all values at
    once, and is taken one column after the other. Rows in a gap, see `ABSENT`, do not count: the
    mean of ``f0_hz`` is that of the voiced frames, and what `ABSENT` says where none is.

    Args:
        pieces: The rows in order, ``(rows, columns)`` each; one at least.
        column: Returns all values of one column, ``(rows,)``.
        columns: Names of the columns.
        summaries: See `check_summaries`. ``std`` is that of the rows themselves, ``p50`` the
            median; between two values a quantile is interpolated. ``slope`` is that of the
            least-squares line, per second.
        hop_s: From one row to the next.

    Returns:
        ``(columns * summaries,)``, in the order of `summary_columns`.
    """
    meter = StatisticsMeter(columns)
    for piece in pieces:
        meter.push(piece)
    statistics = meter.result()
    table = np.empty((len(columns), len(summaries)))
    plain = {
        "mean": statistics.mean,
        "std": statistics.std,
        "min": statistics.lowest,
        "max": statistics.highest,
        "slope": meter.slope_per_row() / hop_s,
    }
    shares: dict[int, float] = {}
    for place, name in enumerate(summaries):
        if name in plain:
            table[:, place] = plain[name]
        else:
            shares[place] = int(name[1:]) / 100.0
    if shares:
        for number in range(len(columns)):
            table[number, list(shares)] = _quantiles(column(number), list(shares.values()))
    for number, name in enumerate(columns):
        if name in ABSENT:
            table[number] = _without_gaps(column(number), ABSENT[name], summaries, hop_s=hop_s)
    return table.ravel().astype(np.float32)


def summarize_stretches(
    stretches: NDArray[np.float32],
    *,
    columns: tuple[str, ...],
    summaries: Sequence[str],
    hop_s: float,
) -> NDArray[np.float32]:
    """Return each of many short stretches of rows in short, all at once.

    The bits are those of `summarize` on each, up to 256 rows.

    Args:
        stretches: ``(stretches, rows, columns)``, one row at least.
        columns: Names of the columns.
        summaries: See `check_summaries`.
        hop_s: From one row to the next.

    Returns:
        ``(stretches, columns * summaries)``, in the order of `summary_columns`.
    """
    n_stretches, n_rows, n_columns = stretches.shape
    exact = stretches.astype(np.float64)
    mean = exact.sum(axis=1) / n_rows
    table = np.empty((n_stretches, n_columns, len(summaries)))
    apart = exact - mean[:, np.newaxis]
    places = (np.arange(n_rows) - (n_rows - 1) / 2.0)[:, np.newaxis]
    ordered = np.sort(stretches, axis=1)
    for at, name in enumerate(summaries):
        if name == "mean":
            table[..., at] = mean
        elif name == "std":
            table[..., at] = np.sqrt((apart * apart).sum(axis=1) / n_rows)
        elif name == "slope":
            # The sum of squared distances of n numbers in a row from their mean.
            squares = max(n_rows * (n_rows * n_rows - 1.0) / 12.0, 0.5)
            table[..., at] = (apart * places).sum(axis=1) / squares / hop_s
        else:
            share = {"min": 0.0, "max": 1.0}.get(name)
            rank = (int(name[1:]) / 100.0 if share is None else share) * (n_rows - 1)
            low = int(rank)
            first = ordered[:, low].astype(np.float64)
            second = ordered[:, min(low + 1, n_rows - 1)].astype(np.float64)
            table[..., at] = first + (rank - low) * (second - first)
    for number, column in enumerate(columns):
        for stretch in range(n_stretches) if column in ABSENT else ():
            values = stretches[stretch, :, number]
            summed = _without_gaps(values, ABSENT[column], summaries, hop_s=hop_s)
            table[stretch, number] = summed
    return table.reshape(n_stretches, n_columns * len(summaries)).astype(np.float32)


def _without_gaps(
    values: NDArray[np.float32], absent: float, summaries: Sequence[str], *, hop_s: float
) -> list[float]:
    rows = np.flatnonzero(values != np.float32(absent))
    if not len(rows):
        return [absent] * len(summaries)
    present = values[rows].astype(np.float64)
    from_mean = rows - rows.mean()
    plain = {
        "mean": present.mean(),
        "std": present.std(),
        "min": present.min(),
        "max": present.max(),
        "slope": from_mean @ present / max(from_mean @ from_mean, 1.0) / hop_s,
    }
    shares = {name: int(name[1:]) / 100.0 for name in summaries if name not in plain}
    quantiles = zip(shares, _quantiles(values[rows], list(shares.values())), strict=True)
    told = plain | dict(quantiles)
    return [float(told[name]) for name in summaries]


def _quantiles(values: NDArray[np.float32], shares: Sequence[float]) -> list[float]:
    ranks = [share * (len(values) - 1) for share in shares]
    below = [int(rank) for rank in ranks]
    above = [min(rank + 1, len(values) - 1) for rank in below]
    ordered = np.partition(values, sorted({*below, *above}))
    quantiles = []
    for rank, low, high in zip(ranks, below, above, strict=True):
        first, second = float(ordered[low]), float(ordered[high])
        quantiles.append(first + (rank - low) * (second - first))
    return quantiles
