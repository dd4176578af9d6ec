"""librosa's own numbers, on the same frames and under the same columns."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audiokit.features.engines import Device
from audiokit.features.plan import Plan
from audiokit.features.whole_file import WholeFileEngine

__all__ = ["LibrosaEngine"]

_LEVEL_FLOOR = 1e-10
_MOST_SLOPE_FRAMES, _FEWEST_SLOPE_FRAMES = 9, 3


class LibrosaEngine(WholeFileEngine):
    """Let librosa compute its families: to check parity on recordings of one's own.

    It keeps the whole recording, and computes in double precision, so that what differs is
    not librosa's own rounding. What librosa works out from the whole file is turned off
    (``top_db``) or fixed (``tuning=0``), as `FeatureExtractor` has it; one limit cannot be:
    ``spectral_contrast`` counts nothing more than 80 dB below the loudest peak. With fewer
    than nine frames librosa has no derivatives: they are fitted over as many as there are,
    an odd number, and are 0 with fewer than three.
    """

    @classmethod
    def check_installed(cls, device: Device) -> None:
        del device  # it knows one, and librosa belongs to the core

    def rows(self, mono: NDArray[np.float32]) -> NDArray[np.float32]:
        whole = _Whole(mono.astype(np.float64), self.plan)
        n_frames = self.plan.grid.n_frames(len(mono))
        tables = []
        for name in self.names:
            rows = np.atleast_2d(_TABLES[name](whole)).T[:n_frames]
            # An odd window lets librosa's framing of samples end a frame earlier.
            missing = n_frames - len(rows)
            tables.append(np.pad(rows, ((0, missing), (0, 0)), mode="edge"))
        return np.concatenate(tables, axis=1).astype(np.float32)


class _Whole:
    """A recording, and what several families need of it."""

    def __init__(self, mono: NDArray[np.float64], plan: Plan) -> None:
        import librosa

        self.librosa: Any = librosa
        self.feature: Any = librosa.feature
        self.mono, self.plan = mono, plan
        self.rate, self.preset = plan.grid.sample_rate, plan.preset
        self.hop = {"hop_length": plan.grid.hop_samples}
        self.framing = {"frame_length": plan.grid.window_samples, **self.hop}
        # Zeros beyond the end are there anyway; a recording shorter than a frame is not.
        missing = max(0, plan.grid.n_fft - len(mono))
        self.padded = np.pad(mono, (0, missing))

    @cached_property
    def magnitude(self) -> Any:
        grid = self.plan.grid
        spectra = self.librosa.stft(
            self.padded, n_fft=grid.n_fft, win_length=grid.window_samples, **self.hop
        )
        return np.abs(spectra[:, : grid.n_frames(len(self.mono))])

    @cached_property
    def power(self) -> Any:
        return self.magnitude**2

    @cached_property
    def mel(self) -> Any:
        return self.feature.melspectrogram(
            S=self.power,
            sr=self.rate,
            n_fft=self.plan.grid.n_fft,
            n_mels=self.preset.n_mels,
            fmin=self.preset.fmin_hz,
            fmax=self.preset.fmax_hz,
        )

    @cached_property
    def mel_db(self) -> Any:
        return self.librosa.power_to_db(self.mel, top_db=None)

    @cached_property
    def chroma(self) -> Any:
        return self.feature.chroma_stft(
            S=self.power, sr=self.rate, n_fft=self.plan.grid.n_fft, tuning=0.0
        )

    @cached_property
    def rms(self) -> Any:
        return self.feature.rms(y=self.padded, **self.framing)

    @cached_property
    def onsets(self) -> Any:
        return self.librosa.onset.onset_strength(S=self.mel_db, sr=self.rate, center=False)

    def levels(self, power: Any) -> Any:
        """Return powers in the unit that the settings ask for."""
        unit = self.preset.levels
        if unit == "power":
            return power
        logarithms = self.librosa.power_to_db(power, amin=_LEVEL_FLOOR, top_db=None)
        return logarithms * {"db": 1.0, "log10": 0.1, "ln": 0.1 * np.log(10.0)}[unit]


def _mfcc(whole: _Whole) -> Any:
    mfcc = whole.feature.mfcc(S=whole.mel_db, n_mfcc=whole.preset.n_mfcc)
    n_frames = mfcc.shape[1]
    width = min(_MOST_SLOPE_FRAMES, n_frames - (n_frames + 1) % 2)
    tables = [mfcc]
    for order in range(1, whole.preset.deltas + 1):
        is_enough = width >= _FEWEST_SLOPE_FRAMES
        slopes = whole.feature.delta(mfcc, order=order, width=width) if is_enough else 0.0 * mfcc
        tables.append(slopes)
    return np.concatenate(tables)


def _rms(whole: _Whole) -> Any:
    energy = whole.rms**2 * whole.plan.grid.window_samples
    return np.concatenate([whole.rms, energy, np.log(np.maximum(energy, _LEVEL_FLOOR))])


def _energy(whole: _Whole) -> Any:
    return whole.librosa.power_to_db(whole.rms**2, amin=_LEVEL_FLOOR, top_db=None)


def _spectral(whole: _Whole) -> Any:
    given = {"S": whole.magnitude, "sr": whole.rate}
    centroid = whole.feature.spectral_centroid(**given)
    bandwidth = whole.feature.spectral_bandwidth(**given, centroid=centroid)
    rolloff = whole.feature.spectral_rolloff(**given)
    flatness = whole.feature.spectral_flatness(S=whole.magnitude)
    return np.concatenate([centroid, bandwidth, rolloff, flatness])


def _contrast(whole: _Whole) -> Any:
    n_octaves = int(np.count_nonzero(200.0 * 2.0 ** np.arange(6) < whole.rate / 2.0))
    return whole.feature.spectral_contrast(S=whole.magnitude, sr=whole.rate, n_bands=n_octaves)


def _rhythm(whole: _Whole) -> Any:
    given = {"onset_envelope": whole.onsets, "sr": whole.rate, **whole.hop}
    tempo_bpm = whole.feature.tempo(**given, aggregate=None)
    hop_samples = whole.plan.grid.hop_samples
    width = max(4, 8 * whole.rate // hop_samples)
    tempogram = whole.feature.tempogram(**given, win_length=width)
    frames_per_minute = 60.0 * whole.rate / hop_samples
    lags = np.clip(np.round(frames_per_minute / tempo_bpm).astype(int), 0, width - 1)
    strength = np.maximum(tempogram[lags, np.arange(len(lags))], 0.0)
    # Where nothing begins, librosa gives the tempo that is likely.
    has_onsets = tempogram[0] > 0.0
    return np.stack([tempo_bpm, strength]) * has_onsets


_TABLES: dict[str, Callable[[_Whole], Any]] = {
    "spectrum": lambda whole: whole.levels(whole.power),
    "mel": lambda whole: whole.levels(whole.mel),
    "pcen": lambda whole: whole.librosa.pcen(whole.mel * 2.0**31, sr=whole.rate, **whole.hop),
    "mfcc": _mfcc,
    "chroma": lambda whole: whole.chroma,
    "tonal": lambda whole: whole.feature.tonnetz(chroma=whole.chroma, sr=whole.rate),
    "energy": _energy,
    "rms": _rms,
    "crossings": lambda whole: whole.feature.zero_crossing_rate(whole.mono, **whole.framing),
    "spectral": _spectral,
    "contrast": _contrast,
    "flux": lambda whole: whole.onsets,
    "rhythm": _rhythm,
}
