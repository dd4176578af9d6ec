"""Features of a stream: one transform per frame, one row per frame."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from audiokit.errors import SettingError
from audiokit.features.crossings import CrossingsFamily
from audiokit.features.deltas import LOOKAHEAD_FRAMES, DeltaStream
from audiokit.features.energy import EnergyFamily
from audiokit.features.grid import FrameCutter, FrameGrid
from audiokit.features.mel import MelFamily
from audiokit.features.mel_bank import MelBank
from audiokit.features.mfcc import MfccFamily
from audiokit.features.settings import FeatureSettings
from audiokit.features.spectral import SpectralFamily
from audiokit.features.spectrum import Family, Spectrum
from audiokit.stage import Analyzer, Block, StreamFormat

__all__ = ["FeatureExtractor"]

_LONGEST_FFT = 1 << 17


class FeatureExtractor(Analyzer[NDArray[np.float32]]):
    """Extract feature rows, with librosa's numbers, from a stream.

    Frames are centred and zero-padded as by librosa's defaults, with a periodic Hann
    window and Slaney mel bands, so that ``librosa.feature`` gives the same table for
    the same `n_fft`, window and hop. Channels are averaged first. Rows are float32,
    ``(frames, len(columns))``, always finite, with the same bits for any cutting.

    A row is final half a window after its centre; with deltas, four frames later still,
    and the first four rows when nine frames have come.

    Args:
        fmt: Format of the stream.
        settings: What to extract, and on which frames.

    Attributes:
        grid: The frame rule in samples. Its `n_fft` is the next power of two above the
            window, doubled until no mel band is empty, as half of 80 bands would be in
            part at 8 kHz.
        columns: Name of each column, with its unit.
        families: Where each family lies in a row; the derivatives belong to ``mfcc``.

    Raises:
        SettingError: The sample rate cannot give what the settings ask for.
    """

    def __init__(self, fmt: StreamFormat, settings: FeatureSettings | None = None) -> None:
        self.fmt = fmt
        self.settings = settings or FeatureSettings()
        self.grid, self._bank = _grid_and_bank(fmt.sample_rate, self.settings)
        self._spectrum = Spectrum(self.grid, self._bank)
        self._families = {name: self._family(name) for name in self.settings.families}
        self.columns, self.families = self._layout()
        self.reset()

    @property
    def hop_s(self) -> float:
        """Seconds from one row to the next."""
        return self.grid.hop_samples / self.fmt.sample_rate

    @property
    def latency_s(self) -> float:
        """Seconds from the centre of a frame to its row, but for the first four rows."""
        window_s = (self.grid.window_samples - self.grid.lead_samples) / self.fmt.sample_rate
        return window_s + (LOOKAHEAD_FRAMES * self.hop_s if self._n_orders else 0.0)

    def frame_time_s(self, frame: int) -> float:
        """Return the time in seconds of the centre of a row's frame."""
        return self.grid.time_s(frame)

    def process(self, block: Block) -> NDArray[np.float32]:
        return self._rows(self._frames.push(_mono(block)))

    def flush(self) -> NDArray[np.float32]:
        rows = self._rows(self._frames.finish())
        held = self._deltas.finish() if self._deltas else None
        return rows if held is None else np.concatenate([rows, held])

    def reset(self) -> None:
        self._frames = FrameCutter(self.grid)
        self._deltas: DeltaStream | None = None
        if self._n_orders:
            before = self.families["mfcc"].start
            source = slice(before, before + self.settings.n_mfcc)
            self._deltas = DeltaStream(source, orders=self._n_orders)

    @property
    def _n_orders(self) -> int:
        return self.settings.deltas if "mfcc" in self._families else 0

    def _family(self, name: str) -> Family:
        settings = self.settings
        match name:
            case "mel":
                return MelFamily(self._bank)
            case "mfcc":
                return MfccFamily(n_mels=settings.n_mels, n_mfcc=settings.n_mfcc)
            case "energy":
                return EnergyFamily()
            case "crossings":
                return CrossingsFamily()
            case _:
                return SpectralFamily(self.grid)

    def _layout(self) -> tuple[tuple[str, ...], dict[str, slice]]:
        columns: list[str] = []
        families: dict[str, slice] = {}
        for name, family in self._families.items():
            start = len(columns)
            columns.extend(family.columns)
            if name == "mfcc":
                suffixes = ("_delta", "_delta2")[: self._n_orders]
                columns.extend(f"{of}{suffix}" for suffix in suffixes for of in family.columns)
            families[name] = slice(start, len(columns))
        return tuple(columns), families

    def _rows(self, frames: Iterable[tuple[int, NDArray[np.float32]]]) -> NDArray[np.float32]:
        n_columns = sum(len(family.columns) for family in self._families.values())
        tables = [np.zeros((0, n_columns), np.float32)]
        for first, samples in frames:
            group = self._spectrum.group(first, samples)
            table = [family.rows(group) for family in self._families.values()]
            tables.append(np.concatenate(table, axis=1))
        rows = np.concatenate(tables)
        return self._deltas.push(rows) if self._deltas else rows


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


def _grid_and_bank(sample_rate: int, settings: FeatureSettings) -> tuple[FrameGrid, MelBank]:
    grid = settings.grid(sample_rate)
    top_hz = settings.top_hz(sample_rate)
    while True:
        bank = MelBank(grid, n_mels=settings.n_mels, fmin_hz=settings.fmin_hz, fmax_hz=top_hz)
        if not bank.n_empty:
            return grid, bank
        if grid.n_fft >= _LONGEST_FFT:
            rule = f"fewer mel bands at {sample_rate} Hz: {bank.n_empty} of them would be empty"
            raise SettingError("n_mels", settings.n_mels, rule)
        grid = replace(grid, n_fft=2 * grid.n_fft)
