"""Derivatives over time of the rows of many clips at once."""

from __future__ import annotations

import numpy as np
import torch

from audiokit.features.deltas import slope_streams, slope_weights
from audiokit.features.presets import Preset

__all__ = ["add_slopes"]

_LIBROSA_FRAMES = 9
_REGRESSION_FRAMES = 5


def add_slopes(
    rows: torch.Tensor, preset: Preset, first: torch.Tensor, last: torch.Tensor
) -> torch.Tensor:
    """Return rows with their derivatives behind them, as `slope_streams` makes them.

    Args:
        rows: Those of all clips, ``(slots, columns)``.
        preset: How slopes are fitted, and how many.
        first: The first row of the clip that each row belongs to, ``(slots,)``.
        last: Its last row.
    """
    if preset.deltas == 0:
        return rows
    if preset.slopes == "librosa":
        return _fitted(rows, preset, first, last)
    once = slope_weights(1, _REGRESSION_FRAMES)
    slopes = _repeated(rows, once, first, last)
    if preset.deltas == 1:
        return torch.cat([rows, slopes], dim=1)
    if preset.slopes == "htk":
        curves = _repeated(slopes, once, first, last)
    else:
        curves = _repeated(rows, tuple(np.convolve(once, once).tolist()), first, last)
    return torch.cat([rows, slopes, curves], dim=1)


def _repeated(
    rows: torch.Tensor, weights: tuple[float, ...], first: torch.Tensor, last: torch.Tensor
) -> torch.Tensor:
    """Return slopes where the outermost row of a clip is repeated beyond its ends."""
    slots = torch.arange(len(rows), device=rows.device)
    total = torch.zeros_like(rows)
    for shift, weight in enumerate(weights, start=-(len(weights) // 2)):
        if weight:
            total += weight * rows[(slots + shift).clamp(first, last)]
    return total


def _fitted(
    rows: torch.Tensor, preset: Preset, first: torch.Tensor, last: torch.Tensor
) -> torch.Tensor:
    """Return slopes where the outermost values of a clip are those of its outermost nine."""
    reach = _LIBROSA_FRAMES // 2
    slots = torch.arange(len(rows), device=rows.device)
    # Of a clip with fewer than nine rows anything comes here.
    centre = slots.clamp(first + reach, last - reach).clamp(0, len(rows) - 1)
    padded = torch.nn.functional.pad(rows, (0, 0, reach, reach))
    tables = [rows]
    for order in range(1, preset.deltas + 1):
        total = torch.zeros_like(rows)
        for shift, weight in enumerate(slope_weights(order, _LIBROSA_FRAMES)):
            if weight:
                total += weight * padded[shift : shift + len(rows)]
        tables.append(total[centre])
    table = torch.cat(tables, dim=1)
    is_short = (last - first + 1 < _LIBROSA_FRAMES) & (slots == first)
    for start in torch.nonzero(is_short)[:, 0].tolist():
        _fit_short(table, preset, start, int(last[start]) + 1)
    return table


def _fit_short(table: torch.Tensor, preset: Preset, start: int, stop: int) -> None:
    """Fill in the derivatives of a clip of fewer rows than they are fitted to."""
    (stream,) = slope_streams(preset.slopes, n_columns=preset.n_mfcc, n_orders=preset.deltas)
    stream.push(table[start:stop, : preset.n_mfcc].cpu().numpy())
    rows = stream.finish()
    if rows is not None:
        table[start:stop] = torch.from_numpy(rows).to(table.device)
