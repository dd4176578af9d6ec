"""Features of a stream: one transform per frame, one row per frame."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from audiokit.features.engines import engine_type
from audiokit.features.families import FAMILIES, OWN_FRAMES
from audiokit.features.family import Family
from audiokit.features.grid import FrameCutter
from audiokit.features.lineup import RowLineup
from audiokit.features.plan import make_plan
from audiokit.features.settings import FeatureSettings
from audiokit.features.transform import FrameTransform
from audiokit.features.whole_file import WholeFileEngine
from audiokit.stage import Analyzer, Block, StreamFormat, admit

__all__ = ["FeatureExtractor"]

_BUILDERS = {**FAMILIES, **OWN_FRAMES}


class FeatureExtractor(Analyzer[NDArray[np.float32]]):
    """Extract feature rows from a stream, with the numbers of the program a preset names.

    By default those are librosa's: frames are centred and zero-padded, with a periodic
    Hann window and Slaney mel bands, so that ``librosa.feature`` gives the same table
    for the same `n_fft`, window and hop. Channels are averaged first. Rows are float32,
    ``(frames, len(columns))``, always finite, with the same bits for any cutting.

    A row is final when the last of its families is: half a window after its centre, and
    `late_frames` frames later where a family looks ahead. Fitted derivatives hold back
    the first rows until nine frames have come. An engine other than ``fast`` keeps all
    samples, and gives all rows at `flush`.

    Args:
        fmt: Format of the stream.
        settings: What to extract, and on which frames.

    Attributes:
        grid: The frame rule in samples. Its `n_fft` is the next power of two above the
            window, with librosa's preset doubled until no mel band is empty.
        columns: Name of each column, with its unit.
        families: Where each family lies in a row; the derivatives belong to ``mfcc``.
        late_frames: How many frames after its own a row is final, at most; infinite with a
            pitch engine that answers at the end of the stream.

    Raises:
        SettingError: The sample rate cannot give what the settings ask for.
        MissingExtraError: What the engine needs is not installed.
        MissingDeviceError: The engine's device is not there.
        BlockError: `process` met NaN, infinity or another shape.
    """

    def __init__(self, fmt: StreamFormat, settings: FeatureSettings | None = None) -> None:
        self.fmt = fmt
        self.settings = settings or FeatureSettings()
        self._plan = make_plan(self.settings.rule, fmt.sample_rate)
        self.grid = self._plan.grid
        self._transform = FrameTransform(self.grid, self._plan.preset)
        self._engine = self._build_engine()
        self.reset()
        self.columns = tuple(column for family in self._families for column in family.columns)
        self.families = self._places()
        self.late_frames = max(family.late_frames for family in self._families)

    @property
    def hop_s(self) -> float:
        """Seconds from one row to the next."""
        return self.grid.hop_samples / self.fmt.sample_rate

    @property
    def latency_s(self) -> float:
        """Seconds from the centre of a frame to its row, but for the first few rows."""
        if self._engine is not None:
            return math.inf
        behind = self.grid.lead_samples + self.grid.first_centre_samples
        window_s = (self.grid.window_samples - behind) / self.fmt.sample_rate
        return window_s + self.late_frames * self.hop_s

    def frame_time_s(self, frame: int) -> float:
        """Return the time in seconds of the centre of a row's frame."""
        return self.grid.time_s(frame)

    def process(self, block: Block) -> NDArray[np.float32]:
        # No chain stands before an analyzer, so it is a door of its own.
        mono = _mono(admit(self.fmt, block))
        if self._engine is not None:
            # The block is the caller's; what is kept must not change with it.
            self._kept.append(mono.copy())
            return self._lineup.take()
        for family in self._families:
            family.hear(mono)
        self._push(self._frames.push(mono))
        return self._lineup.take()

    def flush(self) -> NDArray[np.float32]:
        if self._engine is not None:
            mono = np.concatenate([np.zeros(0, np.float32), *self._kept])
            if self.grid.n_frames(len(mono)) == 0:
                return self._lineup.take()
            return self._engine.rows(mono)
        self._push(self._frames.finish())
        for index, family in enumerate(self._families):
            self._lineup.push(index, family.finish())
        return self._lineup.take()

    def reset(self) -> None:
        self._frames = FrameCutter(self.grid)
        # Families remember, alone and together.
        plan = self._plan.for_stream(self.settings.pitch)
        self._families: list[Family] = [_BUILDERS[name](plan) for name in self.settings.names]
        self._lineup = RowLineup([len(family.columns) for family in self._families])
        self._kept: list[NDArray[np.float32]] = []

    def _build_engine(self) -> WholeFileEngine | None:
        kind = self.settings.engine_kind
        if kind is None:
            return None
        return engine_type(kind)(self._plan, self.settings.names, device=self.settings.device)

    def _places(self) -> dict[str, slice]:
        places: dict[str, slice] = {}
        start = 0
        for name, family in zip(self.settings.names, self._families, strict=True):
            places[name] = slice(start, start + len(family.columns))
            start = places[name].stop
        return places

    def _push(self, stretches: Iterable[tuple[int, NDArray[np.float32]]]) -> None:
        for first, stretch in stretches:
            group = self._transform.group(first, stretch)
            for index, family in enumerate(self._families):
                self._lineup.push(index, family.push(group))


def _mono(block: Block) -> NDArray[np.float32]:
    """Return the mean of the channels, ``(samples,)``."""
    # Channel by channel: a sum over a short axis costs far more.
    if block.shape[1] == 1:
        return block[:, 0]
    mono: NDArray[np.float32] = block[:, 0].copy()
    for channel in range(1, block.shape[1]):
        mono += block[:, channel]
    mono /= np.float32(block.shape[1])
    return mono
