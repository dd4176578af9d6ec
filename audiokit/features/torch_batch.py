"""Features of many clips at once, as torch ops, on a processor or a GPU."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from audiokit.errors import MissingDeviceError
from audiokit.features.engines import Device
from audiokit.features.extractor import FeatureExtractor
from audiokit.features.grid import FrameGrid
from audiokit.features.plan import Plan, make_plan
from audiokit.features.settings import FeatureSettings
from audiokit.features.torch_families import FAMILIES, TensorGroup, TorchTables
from audiokit.features.torch_slopes import add_slopes
from audiokit.stage import StreamFormat, admit

__all__ = ["TorchFeatures", "check_device"]

# So many transformed values lie in cache on a processor, and fill a GPU.
_GROUP_VALUES = {"cpu": 1 << 18, "cuda": 1 << 26}
# Samples on the device at once: half a gigabyte of them, and some five of what is made of them.
_MOST_SAMPLES = 1 << 27


def check_device(device: Device) -> None:
    """Raise MissingDeviceError where there is no such device."""
    if device == "cuda" and not torch.cuda.is_available():
        problem = "device is 'cuda', but torch finds no CUDA device. Choose --device cpu."
        raise MissingDeviceError(problem)


@dataclass(frozen=True, slots=True)
class _Layout:
    """Clips end to end, each filled up to whole hops, so that frames lie a hop apart.

    Args:
        samples: All of them, with what the frame rule has beyond the ends of each.
        first_slots: In which hop the first frame of each clip begins.
        n_frames: How many each clip has.
        begins: Where the clip's own first sample lies, after what was put before it.
        n_samples: How many are its own.
    """

    samples: NDArray[np.float32]
    first_slots: NDArray[np.int64]
    n_frames: NDArray[np.int64]
    begins: NDArray[np.int64]
    n_samples: NDArray[np.int64]


class TorchFeatures:
    """Extract features of a batch of clips, of any lengths, with `FeatureExtractor`'s numbers.

    The transform and the moments are computed in double precision, the rest in single.
    Numbers are those of the engine ``fast`` within 1e-4, or 1e-3 dB; where a running sum all
    but meets its threshold, the roll-off may be a bin off. The same clip gives the same rows
    in any batch only within rounding: a product's kernel depends on its size.

    Args:
        sample_rate: Of all clips, in Hz.
        settings: Which families, of those that the engine ``torch`` knows, and on which
            frames. Its engine is ``torch`` whatever it says; its device counts.

    Attributes:
        columns: Name of each column.
        families: Where each family lies in a row.

    Raises:
        SettingError: A family is not known, or the sample rate cannot give what is asked for.
        MissingDeviceError: There is no such device.
    """

    def __init__(self, sample_rate: int, settings: FeatureSettings | None = None) -> None:
        chosen = settings or FeatureSettings()
        engine_settings = chosen.with_engine("torch")
        check_device(engine_settings.device)
        # It names the columns, and says what lies where.
        self._fmt = StreamFormat(sample_rate)
        named = FeatureExtractor(self._fmt, chosen.with_engine("fast"))
        self.columns, self.families = named.columns, named.families
        self._work = TorchWork(
            make_plan(engine_settings.rule, sample_rate),
            engine_settings.names,
            device=engine_settings.device,
        )

    def __call__(self, clips: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        """Return the rows ``(frames, columns)`` of each clip.

        Args:
            clips: ``(samples,)`` each, float32; none of them need be as long as another.

        Raises:
            BlockError: A clip has another type or shape, or holds NaN or infinity.
        """
        return self._work.rows([admit(self._fmt, clip[:, None])[:, 0] for clip in clips])


class TorchWork:
    """What is computed on a device for one frame rule.

    Args:
        plan: The frame rule, and every setting.
        names: Families, in the order of their columns.
        device: Where.
    """

    def __init__(self, plan: Plan, names: tuple[str, ...], *, device: Device) -> None:
        self.plan, self.names = plan, names
        self._grid = plan.grid
        self._device = torch.device(device)
        self._tables = TorchTables(plan, self._device)
        self._group_slots = max(64, _GROUP_VALUES[device] // plan.grid.n_fft)

    def rows(self, clips: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        """Return the rows of each clip, the columns of all families."""
        found: list[NDArray[np.float32]] = []
        with torch.inference_mode():
            for batch in _batches(clips):
                found.extend(self._batch_rows(batch))
        return found

    def _batch_rows(self, clips: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        layout = _lay_out(clips, self._grid)
        samples = torch.from_numpy(layout.samples).to(self._device)
        tables = self._tables_of(samples, layout)
        table = torch.cat([tables[name] for name in self.names], dim=1).cpu().numpy()
        stops = layout.first_slots + layout.n_frames
        return [
            table[first:stop].copy() for first, stop in zip(layout.first_slots, stops, strict=True)
        ]

    def _tables_of(self, samples: torch.Tensor, layout: _Layout) -> dict[str, torch.Tensor]:
        """Return the table of each family; rows that belong to no clip hold anything."""
        grid = self._grid
        frames = samples.unfold(0, grid.window_samples, grid.hop_samples)
        crossings = self._crossings(samples, layout) if "crossings" in self.names else None
        pieces: dict[str, list[torch.Tensor]] = {name: [] for name in self.names}
        for start in range(0, len(frames), self._group_slots):
            group = TensorGroup(self._tables, frames[start : start + self._group_slots])
            for name in self.names:
                if name != "crossings":
                    pieces[name].append(FAMILIES[name](group))
        tables = {name: torch.cat(found) for name, found in pieces.items() if found}
        if crossings is not None:
            tables["crossings"] = crossings
        if "mfcc" in tables:
            ends = self._clip_ends(layout, len(frames))
            tables["mfcc"] = add_slopes(tables["mfcc"], self.plan.preset, *ends)
        return tables

    def _clip_ends(self, layout: _Layout, n_slots: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the first and the last frame of the clip that each slot belongs to."""
        # Slots after the last frame of a clip count as its own; nobody reads them.
        owner = np.searchsorted(layout.first_slots, np.arange(n_slots), side="right") - 1
        first = layout.first_slots[owner]
        last = first + layout.n_frames[owner] - 1
        return torch.from_numpy(first).to(self._device), torch.from_numpy(last).to(self._device)

    def _crossings(self, samples: torch.Tensor, layout: _Layout) -> torch.Tensor:
        """Return how often the sign changes in each frame, per sample, ``(slots, 1)``."""
        grid = self._grid
        is_below = samples < -self._tables.crossing_threshold
        changes = (is_below[1:] != is_below[:-1]).to(torch.int32)
        counted = torch.nn.functional.pad(changes.cumsum(0, dtype=torch.int32), (1, 0))
        n_slots = 1 + (len(samples) - grid.window_samples) // grid.hop_samples
        begins = torch.arange(n_slots, device=self._device) * grid.hop_samples
        found = counted[begins + grid.window_samples - 1] - counted[begins]
        if grid.edges == "zeros":
            found -= torch.from_numpy(_steps_into_zeros(layout, grid, n_slots)).to(self._device)
        return (found.to(torch.float32) / grid.window_samples)[:, None]


def _batches(clips: Sequence[NDArray[np.float32]]) -> Iterator[list[NDArray[np.float32]]]:
    """Yield the clips in batches that fit on the device, one clip at least."""
    batch: list[NDArray[np.float32]] = []
    n_samples = 0
    for clip in clips:
        if batch and n_samples + len(clip) > _MOST_SAMPLES:
            yield batch
            batch, n_samples = [], 0
        batch.append(clip)
        n_samples += len(clip)
    if batch:
        yield batch


def _lay_out(clips: Sequence[NDArray[np.float32]], grid: FrameGrid) -> _Layout:
    n_samples = np.array([len(clip) for clip in clips], np.int64)
    n_frames = np.array([grid.n_frames(len(clip)) for clip in clips], np.int64)
    needed = np.where(n_frames > 0, (n_frames - 1) * grid.hop_samples + grid.window_samples, 0)
    n_slots = -(-needed // grid.hop_samples)
    first_slots = np.cumsum(n_slots) - n_slots
    # A frame at least, so that a batch without any needs no case of its own.
    total = int(n_slots.sum()) * grid.hop_samples + grid.window_samples
    begins = first_slots * grid.hop_samples + grid.lead_samples
    # A copy of a stretch of many megabytes is dear: each sample is written once.
    samples = np.empty(total, np.float32)
    samples[total - grid.window_samples :] = 0.0
    for index, clip in enumerate(clips):
        start = int(first_slots[index]) * grid.hop_samples
        region = samples[start : start + int(n_slots[index]) * grid.hop_samples]
        if len(region):
            _fill(region, clip, grid, int(needed[index]))
    return _Layout(samples, first_slots, n_frames, begins, n_samples)


def _fill(
    region: NDArray[np.float32], clip: NDArray[np.float32], grid: FrameGrid, needed: int
) -> None:
    """Write a clip, and what the frame rule has beyond its ends."""
    lead = grid.lead_samples
    after = needed - lead - len(clip)
    if grid.edges == "reflect":
        clip = np.pad(clip, (lead, max(0, after)), mode="reflect")
        lead = 0
    kept = clip[: len(region) - lead]
    region[:lead] = 0.0
    region[lead : lead + len(kept)] = kept
    region[lead + len(kept) :] = 0.0


def _steps_into_zeros(layout: _Layout, grid: FrameGrid, n_slots: int) -> NDArray[np.int32]:
    """Return how many changes of each frame lie at the ends of its clip."""
    steps = np.zeros(n_slots, np.int32)
    threshold = TorchTables.crossing_threshold
    clips = zip(layout.begins, layout.n_samples, layout.first_slots, layout.n_frames, strict=True)
    for begin, length, first, count in clips:
        if not count:
            continue
        starts = (first + np.arange(count)) * grid.hop_samples
        stop = begin + length
        if layout.samples[begin] < -threshold:
            steps[first : first + count] += starts < begin
        if layout.samples[stop - 1] < -threshold:
            steps[first : first + count] += starts + grid.window_samples > stop
    return steps
