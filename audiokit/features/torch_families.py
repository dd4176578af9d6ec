"""Families of features as torch ops on a group of frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from audiokit.features.chroma import chroma_weights
from audiokit.features.energy import LEVEL_FLOOR_DBFS
from audiokit.features.mfcc import cosines_of
from audiokit.features.plan import Plan
from audiokit.features.presets import Levels
from audiokit.features.spectral import ROLLOFF_SHARE
from audiokit.features.transform import window_of

__all__ = ["FAMILIES", "TensorGroup", "TorchTables"]

_TINY = float(np.finfo(np.float32).tiny)
_FLOOR = 1e-10


class TorchTables:
    """What frames and spectra are multiplied by, on a device.

    Args:
        plan: The frame rule, and every setting.
        device: Where.
    """

    crossing_threshold: ClassVar[float] = 1e-10
    """What counts as zero, and zero as positive."""

    def __init__(self, plan: Plan, device: torch.device) -> None:
        def on_device(table: NDArray[Any]) -> torch.Tensor:
            # A table may be shared and read-only, which torch warns of.
            return torch.from_numpy(table.copy()).to(device)

        self.plan = plan
        grid = plan.grid
        self.window = on_device(window_of(plan.preset.window, grid.window_samples))
        self.bank = on_device(plan.bank.weights)
        self.cosines = on_device(cosines_of(plan.preset))
        self.semitones = on_device(chroma_weights(grid))
        self.moments = on_device(grid.bins_hz[:, None] ** np.arange(3))
        self.bins_hz = on_device(grid.bins_hz.astype(np.float32))


class TensorGroup:
    """A run of frames on a device, and what several families need of them.

    Args:
        tables: What they are multiplied by.
        frames: ``(frames, window_samples)``, float32.
    """

    def __init__(self, tables: TorchTables, frames: torch.Tensor) -> None:
        self.tables, self.frames = tables, frames
        self.plan, self.preset = tables.plan, tables.plan.preset

    @cached_property
    def power(self) -> torch.Tensor:
        """Squared magnitude per bin, ``(frames, bins)``, from a transform in double precision."""
        spectra = torch.fft.rfft(self._prepared(), n=self.plan.grid.n_fft)
        # Real and imaginary parts side by side, squared in place.
        parts = torch.view_as_real(spectra)
        parts.mul_(parts)
        return (parts[..., 0] + parts[..., 1]).to(torch.float32)

    def _prepared(self) -> torch.Tensor:
        preset = self.preset
        if preset.full_scale == 1.0:
            return self.frames * self.tables.window
        frames = self.frames.to(torch.float64) * preset.full_scale
        if preset.is_offset_removed:
            frames = frames - frames.mean(dim=1, keepdim=True)
        before = torch.cat([frames[:, :1], frames[:, :-1]], dim=1)
        return (frames - preset.preemphasis * before) * self.tables.window

    @cached_property
    def magnitude(self) -> torch.Tensor:
        """Magnitude per bin, ``(frames, bins)``."""
        return self.power.sqrt()

    @cached_property
    def mel(self) -> torch.Tensor:
        """Power of each mel band, or its magnitude, ``(frames, n_mels)``."""
        bins = self.magnitude if self.plan.bank.is_of_magnitude else self.power
        return bins @ self.tables.bank

    @cached_property
    def mean_square(self) -> torch.Tensor:
        """Mean of the squared samples of each frame, ``(frames, 1)``."""
        return self.frames.square().mean(dim=1, keepdim=True)


def _levels(power: torch.Tensor, unit: Levels, *, floor: float) -> torch.Tensor:
    """Return powers in another unit; see `levels_of`."""
    if unit == "power":
        return power
    floored = power.clamp_min(floor)
    if unit == "ln":
        return floored.log().clamp_min(float(np.log(floor)))
    factor = 10.0 if unit == "db" else 1.0
    return (floored.log10() * factor).clamp_min(factor * float(np.log10(floor)))


def _spectrum(group: TensorGroup) -> torch.Tensor:
    return _levels(group.power, group.preset.levels, floor=group.preset.floor)


def _mel(group: TensorGroup) -> torch.Tensor:
    return _levels(group.mel, group.preset.levels, floor=group.preset.floor)


def _mfcc(group: TensorGroup) -> torch.Tensor:
    levels = _levels(group.mel, group.preset.log, floor=group.preset.floor)
    return levels @ group.tables.cosines


def _chroma(group: TensorGroup) -> torch.Tensor:
    chroma = group.power @ group.tables.semitones
    strongest = chroma.amax(dim=1, keepdim=True)
    return chroma / torch.where(strongest < _TINY, 1.0, strongest)


def _energy(group: TensorGroup) -> torch.Tensor:
    return _levels(group.mean_square, "db", floor=10.0 ** (LEVEL_FLOOR_DBFS / 10.0))


def _rms(group: TensorGroup) -> torch.Tensor:
    energy = group.mean_square * group.frames.shape[1]
    return torch.cat([group.mean_square.sqrt(), energy, _levels(energy, "ln", floor=_FLOOR)], 1)


def _spectral(group: TensorGroup) -> torch.Tensor:
    tables, magnitude = group.tables, group.magnitude
    # In double precision: for a pure tone the moments about zero all but cancel.
    exact = magnitude.to(torch.float64)
    moments = exact @ tables.moments
    total = moments[:, 0].clamp_min(_TINY)
    centroid_hz = moments[:, 1] / total
    bandwidth_hz = (moments[:, 2] / total - centroid_hz.square()).clamp_min(0.0).sqrt()
    running = exact.cumsum(dim=1)
    below = running < ROLLOFF_SHARE * running[:, -1:]
    # The last bin is never below its own sum's share.
    rolloff_hz = tables.bins_hz[below.sum(dim=1)]
    levels = group.power.clamp_min(_FLOOR)
    flatness = (levels.log().mean(dim=1).exp() / levels.mean(dim=1)).clamp_max(1.0)
    return torch.stack([centroid_hz.float(), bandwidth_hz.float(), rolloff_hz, flatness], dim=1)


FAMILIES: Mapping[str, Callable[[TensorGroup], torch.Tensor]] = {
    "spectrum": _spectrum,
    "mel": _mel,
    "mfcc": _mfcc,
    "chroma": _chroma,
    "energy": _energy,
    "rms": _rms,
    "spectral": _spectral,
}
"""What computes the rows of a group, by family; of ``mfcc`` without its derivatives."""
