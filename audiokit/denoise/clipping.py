"""Clipping: flat tops found, and what stood above them guessed from a sparse spectrum."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audiokit.dsp.framing import Framer, Frames
from audiokit.dsp.stft import fast_window_samples
from audiokit.ranges import check_range, check_sample_rate
from audiokit.stage import Block, Fact, Processor, StreamFormat
from audiokit.units import amplitude_to_db

__all__ = ["ClippingRepairer", "ClippingSettings"]

Rows = NDArray[np.float32]

_WINDOW_MS = 64.0
# A quarter of a window from one to the next: a half costs half as much, and 0.2 of PESQ.
_OVERLAP = 4
_GROUP_SAMPLES = 1 << 17
# What counts as the same level: a share of it, and one step of 16 bits.
_SAME, _STEP = 5e-4, 1.0 / 32768.0
# Quieter extremes come in so few steps that they look flat anyway.
_LOWEST_DBFS = -34.0
# Of a flat top: samples at the level, neighbours among them, and how many times as many as
# just below it. A sine's crest has a third.
_MIN_TOPS, _MIN_PAIRS, _MIN_RATIO = 5, 3, 2.0
_BELOW = 0.9
# The same where a coarse code (G.711) rounds crests off: so few values share all samples.
_COARSE_RATIO, _COARSE_REPEATS = 6.0, 3
# The search for a sparse spectrum ends when what is sparse and what was heard differ by
# this share; each step allows so many lines more.
_ENOUGH, _STEP_LINES = 0.05, 2
# A window of which less is known (DC, a square wave) stays as it is: no more of them, for one
# that stays beside one that was restored is too quiet. Nothing is put further out than so many
# times the level of clipping.
_LEAST_KNOWN, _FURTHEST = 0.03, np.float32(8.0)


@dataclass(frozen=True, slots=True)
class ClippingSettings:
    """How to look for clipping and how long to work on it.

    Raises:
        SettingError: A value is outside its range.
    """

    max_iterations: int = 120
    """Most steps of the search in one window, 1 to 1000; heavy clipping needs more."""

    gain_db: float = 0.0
    """Gain of the whole output in dB, -40 to 0. What is restored stands above the level of
    clipping, often above full scale: integer files clip it again unless there is room."""

    def __post_init__(self) -> None:
        check_range("max_iterations", self.max_iterations, 1, 1000)
        check_range("gain_db", self.gain_db, -40.0, 0.0, unit="dB")


class ClippingRepairer(Processor):
    """Restore what was cut off where the level met its limit.

    A level that the loudest samples reach again and again and never pass is where the
    sound was clipped, whether at full scale or turned down later, and each polarity has
    its own. What lay beyond is taken from the sparsest spectrum that agrees with every
    sample that was not clipped, and stays beyond the level where one was, by 18 dB at most.
    Where all but three samples in a hundred are clipped nothing is changed. All other samples
    pass unchanged, bit for bit (unless `gain_db` is set).

    The output may exceed full scale: put a limiter or a peak normalizer behind, or set
    `gain_db`, before it goes to integers. Works at the stream's own rate, each channel by
    itself; holds back 64 ms. Clipping that was smoothed later, by a codec or a resampler,
    leaves no flat tops and is not found.

    Args:
        fmt: Format of the stream, 8 to 96 kHz.
        settings: How long to work, and the gain.

    Raises:
        SettingError: The sample rate is outside 8 to 96 kHz.

    References:
        S. Kitić, N. Bertin, R. Gribonval, "Sparsity and cosparsity for audio declipping: a
        flexible non-convex approach", LVA/ICA 2015 (A-SPADE).
        P. Záviška et al., "A survey and an extensive evaluation of popular audio
        declipping methods", IEEE Journal of Selected Topics in Signal Processing 15(1),
        2021.
    """

    def __init__(self, fmt: StreamFormat, settings: ClippingSettings | None = None) -> None:
        check_sample_rate(fmt.sample_rate, to="repair")
        self.fmt = fmt
        self.settings = settings or ClippingSettings()
        self._window = fast_window_samples(_WINDOW_MS, fmt.sample_rate)
        self._hop = self._window // _OVERLAP
        self._lead = self._window - self._hop
        self.latency_samples = self._window - 1
        self._gain = np.float32(10.0 ** (self.settings.gain_db / 20.0))
        phase = np.arange(self._window) * (np.pi / self._window)
        self._taper = np.sin(phase).astype(np.float32)
        self._synthesis = (np.sin(phase) * (2.0 / _OVERLAP)).astype(np.float32)
        self._group_frames = max(1, _GROUP_SAMPLES // (self._window * fmt.channels))
        self._framer = Framer(self._window, self._hop, fmt.channels, lead_samples=self._lead)
        self.reset()

    def reset(self) -> None:
        self._framer.reset()
        self._tops = _FlatTops(self.fmt.channels)
        # What is to be added to the samples that later frames will touch too.
        self._added = np.zeros((self.fmt.channels, self._lead), np.float32)
        self._to_skip = self._lead
        self._n_in = self._n_out = 0
        self._n_clipped = 0
        self._peak = self._level = 0.0

    def process(self, block: Block) -> Block:
        self._n_in += len(block)
        return self._emit(self._framer.push(block))

    def flush(self) -> Block:
        due = self._n_in - self._n_out
        ready = self._emit(self._framer.flush(self._window))[:due]
        self._n_out = self._n_in
        return ready

    def facts(self) -> Mapping[str, Fact]:
        """Return how much was clipped, at what level, and how high the output now goes.

        `clipped_share` is the share of all samples of all channels that were restored,
        `clip_level_dbfs` the highest level of clipping found, None if there was none, and
        `restored_peak_dbfs` the highest sample restored: above 0, integers would clip it.
        """
        n_heard = self._n_in * self.fmt.channels
        found = self._n_clipped > 0
        return {
            "n_clipped": self._n_clipped,
            "clipped_share": round(self._n_clipped / n_heard, 6) if n_heard else 0.0,
            "clip_level_dbfs": round(amplitude_to_db(self._level), 2) if found else None,
            "restored_peak_dbfs": round(amplitude_to_db(self._peak), 2) if found else None,
        }

    def _emit(self, frames: Frames) -> Block:
        size = self._group_frames
        pieces = [self._repair(frames[at : at + size]) for at in range(0, len(frames), size)]
        ready: Block = np.concatenate([self.fmt.silence(0), *pieces])
        skipped = min(self._to_skip, len(ready))
        self._to_skip -= skipped
        self._n_out += len(ready) - skipped
        return ready[skipped:]

    def _repair(self, frames: Frames) -> Block:
        n_frames, channels = frames.shape[:2]
        # The oldest hop of each frame is final when that frame is done.
        heard = frames[:, :, : self._hop].swapaxes(1, 2).reshape(-1, channels)
        levels = self._tops.levels(frames)
        added = np.zeros((channels, n_frames * self._hop + self._lead), np.float32)
        added[:, : self._lead] = self._added
        which = np.flatnonzero(np.isfinite(levels).any(axis=-1).ravel())
        if len(which):
            self._add_restored(frames, levels, which, added)
        self._added = added[:, n_frames * self._hop :].copy()
        more = added[:, : n_frames * self._hop].T
        self._note(heard, more)
        ready: Block = np.add(heard, more, order="C")
        if self._gain != 1.0:
            ready *= self._gain
        return ready

    def _add_restored(
        self, frames: Frames, levels: Rows, which: NDArray[np.intp], added: Rows
    ) -> None:
        rows = frames.reshape(-1, self._window)[which]
        limits = levels.reshape(-1, 2)[which][:, :, np.newaxis]
        is_high, is_low = rows >= limits[:, 0], rows <= -limits[:, 1]
        n_known = self._window - np.count_nonzero(is_high | is_low, axis=-1)
        has_known = n_known >= _LEAST_KNOWN * self._window
        rows, is_high, is_low = rows[has_known], is_high[has_known], is_low[has_known]
        tapered = rows * self._taper
        low = np.where(is_low, _FURTHEST * tapered, tapered)
        high = np.where(is_high, _FURTHEST * tapered, tapered)
        more = _sparsest(tapered, low, high, self.settings.max_iterations) - tapered
        more *= self._synthesis
        # In order of time, so that no cutting changes a sum.
        for place, row in zip(which[has_known].tolist(), more, strict=True):
            frame, channel = divmod(place, frames.shape[1])
            start = frame * self._hop
            added[channel, start : start + self._window] += row

    def _note(self, heard: Block, added: Block) -> None:
        is_restored = added != 0.0
        n_restored = int(np.count_nonzero(is_restored))
        if n_restored:
            self._n_clipped += n_restored
            levels, peaks = np.abs(heard[is_restored]), np.abs((heard + added)[is_restored])
            self._level = max(self._level, float(levels.max()))
            self._peak = max(self._peak, float(peaks.max()) * float(self._gain))


class _FlatTops:
    """Finds the level at which frames are clipped, and remembers it."""

    def __init__(self, channels: int) -> None:
        # Per channel: above zero and below.
        self._known = [[math.inf, math.inf] for _ in range(channels)]

    def levels(self, frames: Frames) -> Rows:
        """Return the magnitudes from where on samples are clipped; infinite for none.

        Args:
            frames: ``(frames, channels, samples)``.

        Returns:
            ``(frames, channels, 2)``, above zero and below.
        """
        found = np.full((*frames.shape[:2], 2), np.inf, np.float32)
        lowest = 10.0 ** (_LOWEST_DBFS / 20.0)
        for side, sign in enumerate((1.0, -1.0)):
            peaks = frames.max(axis=-1) if sign > 0 else -frames.min(axis=-1)
            floors = np.minimum(peaks * np.float32(1.0 - _SAME), peaks - np.float32(_STEP))
            tops = frames * np.float32(sign) >= floors[..., np.newaxis]
            pairs = np.count_nonzero(tops[..., 1:] & tops[..., :-1], axis=-1)
            may_clip = (pairs > 0) & (peaks >= lowest)
            for frame, channel in np.ndindex(peaks.shape):
                peak = float(peaks[frame, channel])
                distance = peak - self._known[channel][side]
                is_known = abs(distance) <= _SAME * peak + _STEP
                if distance > 0.0 and not is_known:
                    # What has been passed was no limit, or is no more.
                    self._known[channel][side] = math.inf
                if may_clip[frame, channel] and (
                    is_known
                    or (
                        pairs[frame, channel] >= _MIN_PAIRS
                        and _is_spike(frames[frame, channel] * np.float32(sign), peak)
                    )
                ):
                    self._known[channel][side] = peak
                    found[frame, channel, side] = floors[frame, channel]
        return found


def _is_spike(samples: Rows, peak: float) -> bool:
    """Tell whether far more samples lie at the peak than just below."""
    floor = min(peak * (1.0 - _SAME), peak - _STEP)
    n_tops = np.count_nonzero(samples >= floor)
    below = samples[(samples < floor) & (samples >= _BELOW * peak)]
    n_values = len(np.unique(below))
    is_coarse = n_values * _COARSE_REPEATS <= len(below)
    ratio = _COARSE_RATIO if is_coarse else _MIN_RATIO
    return bool(n_tops >= _MIN_TOPS and n_tops >= ratio * len(below))


def _sparsest(rows: Rows, low: Rows, high: Rows, max_iterations: int) -> Rows:
    """Return rows within bounds whose spectra have few strong lines.

    Alternates, as ADMM does, between the strongest lines, a few more with each step, and
    the nearest row within the bounds.
    """
    out: Rows = rows.copy()
    n_samples = rows.shape[1]
    n_bins = n_samples // 2 + 1
    spectra = _analyze(rows)
    dual = np.zeros_like(spectra)
    live = np.arange(len(rows))
    for step in range(1, max_iterations + 1):
        n_weak = max(0, n_bins - _STEP_LINES * step)
        lines = spectra + dual
        power = np.square(lines.real) + np.square(lines.imag)
        weakest = np.partition(power, n_weak, axis=-1)[:, n_weak, np.newaxis]
        lines[power < weakest] = 0.0
        rows = np.fft.irfft(lines - dual, n_samples, axis=-1, norm="ortho").astype(
            np.float32, copy=False
        )
        np.clip(rows, low, high, out=rows)
        out[live] = rows
        spectra = _analyze(rows)
        rest = spectra - lines
        dual += rest
        goes_on = _power(rest) > _ENOUGH**2 * _power(lines)
        if not goes_on.all():
            if not goes_on.any():
                break
            live, low, high = live[goes_on], low[goes_on], high[goes_on]
            spectra, dual = spectra[goes_on], dual[goes_on]
    return out


def _analyze(rows: Rows) -> NDArray[np.complex64]:
    # A spectrum of twice the resolution costs twice as much and is no better for speech.
    spectra = np.fft.rfft(rows, axis=-1, norm="ortho")
    return spectra.astype(np.complex64, copy=False)


def _power(spectra: NDArray[np.complex64]) -> Rows:
    power: Rows = np.add.reduce(np.square(spectra.real) + np.square(spectra.imag), axis=-1)
    return power
