"""Clicks and pops: found by what linear prediction cannot explain, and bridged by it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audiokit.dsp.framing import Framer, Frames
from audiokit.dsp.prediction import interpolate, levinson
from audiokit.ranges import check_range, check_sample_rate
from audiokit.stage import Block, Fact, Processor, StreamFormat

__all__ = ["ClickRepairer", "ClickSettings"]

Samples = NDArray[np.float64]
Repair = tuple[NDArray[np.intp], NDArray[np.float32]]

# A window, in ms: what was, the hop that is decided, and what comes. A click that peaks in
# the hop may reach over its ends by the margin, so that much more is held back.
_PAST_MS, _HOP_MS, _FUTURE_MS, _MARGIN_MS = 52, 16, 12, 4
_WINDOW_MS = _PAST_MS + _HOP_MS + _FUTURE_MS
# So many milliseconds of the window may be as loud as a click before it is one of many: a
# low voice has five glottal pulses in the window, each in one or two of them.
_RANK = 8
# The loudest of the rest near by, of so many milliseconds on either side.
_NEAR_MS, _NEAR_RANK = 8, 2
# What is so many times as loud behind as before begins with the click: a plosive does, and
# so a click there must stand out by as many times more.
_ONSET = 2.0
_MAX_ORDER = 48
# As a share of the power: 60 dB below the signal nothing is modelled.
_WHITENING = 1e-6
# Power of a window that 16 bits cannot tell from silence, and its amplitude.
_SILENCE_POWER = 1e-7
_SILENCE = 1e-4
_MAX_PER_WINDOW = 8
_MAX_SHARE = 0.25
# Above this share of its first size, the prediction error did not come from a click.
_MAX_LEFT = 0.3
# What stands out by this share of the threshold is looked at.
_DOUBT = 0.6
_MENDINGS = 2
# A burst of a millisecond may be a plosive, so it must stand out twice as far as a sample.
_GROWTH_PER_MS = 1.0
_GROUP_FRAMES = 128


@dataclass(frozen=True, slots=True)
class ClickSettings:
    """What counts as a click.

    Raises:
        SettingError: A value is outside its range.
    """

    threshold: float = 4.0
    """How far a click stands out of the largest prediction errors around it, as a ratio
    of amplitudes, 2 to 100; lower finds weaker clicks and takes more speech for one."""

    max_length_ms: float = 3.0
    """Longest stretch that is replaced, in ms, 0.1 to 4; what lasts longer is no click."""

    def __post_init__(self) -> None:
        check_range("threshold", self.threshold, 2.0, 100.0)
        check_range("max_length_ms", self.max_length_ms, 0.1, 4.0, unit="ms")


class ClickRepairer(Processor):
    """Replace clicks, pops and short dropouts by what the sound around them foretells.

    A click is added to the sound after it was made, so it does not ring as the voice does:
    the error of predicting each sample from both sides stands out there and nowhere else
    near by. Glottal pulses do so again and again, and plosives go on, so both are left
    alone, as are the first 16 ms and the last 4 ms of a stream. What is no click passes
    unchanged, bit for bit. Works at the stream's own rate, each channel by itself; holds
    back 32 ms.

    Args:
        fmt: Format of the stream, 8 to 96 kHz.
        settings: What counts as a click.

    Raises:
        SettingError: The sample rate is outside 8 to 96 kHz.

    References:
        S. Godsill, P. Rayner, "Digital Audio Restoration", 1998, sections 5.2 (detection,
        its matched filter) and 5.3 (least-squares interpolation).
    """

    def __init__(self, fmt: StreamFormat, settings: ClickSettings | None = None) -> None:
        check_sample_rate(fmt.sample_rate, to="repair")
        self.fmt = fmt
        self.settings = settings or ClickSettings()
        # A millisecond, in whole samples.
        self._tick = fmt.sample_rate // 1000
        self._past, self._hop = _PAST_MS * self._tick, _HOP_MS * self._tick
        self._margin = _MARGIN_MS * self._tick
        self._window = _WINDOW_MS * self._tick
        self.latency_samples = (_HOP_MS + _FUTURE_MS + _MARGIN_MS) * self._tick - 1
        self._finder = _Finder(self._tick, fmt.sample_rate, self.settings)
        self._framer = Framer(self._window, self._hop, fmt.channels, lead_samples=self._past)
        self.reset()

    def reset(self) -> None:
        self._framer.reset()
        self._line = np.zeros((self.fmt.channels, self._window - self._hop), np.float32)
        self._line_is_new = True
        self._to_skip = self._margin
        self._n_in = self._n_out = self._n_frames = 0
        self._n_clicks = self._n_repaired = 0

    def process(self, block: Block) -> Block:
        self._n_in += len(block)
        return self._emit(self._framer.push(block))

    def flush(self) -> Block:
        due = self._n_in - self._n_out
        pad = self.latency_samples + 1
        ready = self._emit(self._framer.flush(pad))[:due]
        self._n_out = self._n_in
        return ready

    def facts(self) -> Mapping[str, Fact]:
        """Return how many clicks were replaced, per channel and second, and what share.

        `repaired_share` is the share of all samples of all channels that were replaced.
        """
        n_heard = self._n_in * self.fmt.channels
        seconds = self.fmt.seconds(n_heard)
        return {
            "n_clicks": self._n_clicks,
            "clicks_per_s": round(self._n_clicks / seconds, 3) if n_heard else 0.0,
            "repaired_share": round(self._n_repaired / n_heard, 6) if n_heard else 0.0,
        }

    def _emit(self, frames: Frames) -> Block:
        groups = range(0, len(frames), _GROUP_FRAMES)
        pieces = [self._repair(frames[start : start + _GROUP_FRAMES]) for start in groups]
        ready = np.concatenate([self.fmt.silence(0), *pieces])
        skipped = min(self._to_skip, len(ready))
        self._to_skip -= skipped
        self._n_out += len(ready) - skipped
        return ready[skipped:]

    def _repair(self, frames: Frames) -> Block:
        line = self._continued(frames)
        n_frames = len(frames)
        first = self._n_frames * self._hop - self._past
        for frame, channel in np.argwhere(self._finder.suspects(frames)).tolist():
            start = frame * self._hop
            window = line[channel, start : start + self._window]
            # Next to the ends of the stream there is too little to compare with.
            begin = self._hop - first - start
            end = self._n_in - self._margin - first - start
            repairs = self._finder.repairs(window.astype(np.float64), begin, end)
            for places, values in repairs:
                window[places] = values
                self._n_clicks += 1
                self._n_repaired += len(places)
        self._n_frames += n_frames
        begin = self._past - self._margin
        self._line = line[:, n_frames * self._hop :].copy()
        return np.ascontiguousarray(line[:, begin : begin + n_frames * self._hop].T)

    def _continued(self, frames: Frames) -> NDArray[np.float32]:
        """Return the repaired past of the first frame, and all frames after it as they came."""
        if self._line_is_new:
            self._line_is_new = False
            self._line = frames[0, :, : self._window - self._hop]
        new = frames[:, :, self._window - self._hop :].swapaxes(0, 1)
        return np.concatenate([self._line, new.reshape(self.fmt.channels, -1)], axis=1)


class _Finder:
    """Finds clicks in windows of one length, and what should be in their place."""

    def __init__(self, tick: int, sample_rate: int, settings: ClickSettings) -> None:
        self._tick = tick
        self._window = _WINDOW_MS * tick
        self._hop = slice(_PAST_MS * tick, (_PAST_MS + _HOP_MS) * tick)
        self._order = min(_MAX_ORDER, 16 + sample_rate // 1000)
        self._threshold = settings.threshold
        self._max_length = max(1, round(settings.max_length_ms * sample_rate / 1000.0))
        # Holes in a click that are bridged.
        self._max_hole = max(2, tick // 2)
        phase = np.arange(self._window) * (2.0 * np.pi / self._window)
        self._taper = 0.5 - 0.5 * np.cos(phase)

    def suspects(self, frames: Frames) -> NDArray[np.bool_]:
        """Return which frames, ``(frames, channels)``, may hold a click in their hop."""
        shape = frames.shape[:2]
        rows = frames.reshape(-1, self._window).astype(np.float64)
        error = self._two_sided(rows, self._filters(rows))
        peak = np.maximum.reduce(error[:, self._hop], axis=-1)
        stands_out: NDArray[np.bool_] = peak > _DOUBT * self._threshold * self._usual(error)
        return stands_out.reshape(shape)

    def repairs(self, window: Samples, begin: int, end: int) -> list[Repair]:
        """Return the places of each click that peaks in the hop, and their new values.

        Args:
            window: What to look at, ``(samples,)``.
            begin: First place where a click may peak.
            end: The place behind the last.
        """
        found = []
        n_touched = 0
        closed = np.ones(self._window, np.bool_)
        closed[max(self._hop.start, begin) : max(0, min(self._hop.stop, end))] = False
        for _ in range(_MAX_PER_WINDOW):
            error, coefficients = self._error(window)
            # What is open to doubt; the click itself has spoilt this prediction.
            open_error = np.where(closed, 0.0, error)
            peak = int(open_error.argmax())
            if open_error[peak] <= _DOUBT * self._threshold * float(
                self._usual(error[np.newaxis])[0]
            ):
                break
            mended, places = self._mended(window, coefficients, peak)
            closed[places[0] : places[-1] + 1] = True
            if not self._is_click(window, mended, places):
                continue
            window = mended
            n_touched += len(places)
            if n_touched > _MAX_SHARE * _HOP_MS * self._tick:
                break
            found.append((places, mended[places].astype(np.float32)))
        return found

    def _mended(
        self, window: Samples, coefficients: Samples, peak: int
    ) -> tuple[Samples, NDArray[np.intp]]:
        """Return the window without the click, and the places of that."""
        mended = window
        for _ in range(_MENDINGS):
            places = self._extent(window, coefficients, peak)
            if len(places) > self._max_length:
                break
            mended = window.copy()
            mended[places] = interpolate(window, coefficients, places)
            coefficients = self._filters(mended[np.newaxis])[0]
        return mended, places

    def _is_click(self, window: Samples, mended: Samples, places: NDArray[np.intp]) -> bool:
        """Tell whether what was mended stood out, from all and from what is near by."""
        if len(places) > self._max_length or mended is window:
            return False
        filters = self._filters(mended[np.newaxis])
        error, left = self._two_sided(np.stack([window, mended]), filters)
        size = float(error[places].max())
        threshold = self._threshold * (1.0 + _GROWTH_PER_MS * len(places) / self._tick)
        if size < threshold * max(float(self._usual(left[np.newaxis])[0]), _SILENCE):
            return False
        guard, near = self._tick // 2, _NEAR_MS * self._tick
        sides = (
            left[places[0] - guard - near : places[0] - guard],
            left[places[-1] + guard :][:near],
        )
        before, after = (
            float(np.sort(side.reshape(_NEAR_MS, self._tick).max(axis=1))[-1 - _NEAR_RANK])
            for side in sides
        )
        if after > _ONSET * before:
            threshold *= _ONSET
        if size < threshold * max(before, after):
            return False
        piece = slice(places[0] - self._order, places[-1] + self._order + 1)
        error_in = np.convolve(window[piece], filters[0], "valid")
        error_out = np.convolve(mended[piece], filters[0], "valid")
        return float(error_out @ error_out) < _MAX_LEFT * float(error_in @ error_in)

    def _error(self, window: Samples) -> tuple[Samples, Samples]:
        filters = self._filters(window[np.newaxis])
        return self._two_sided(window[np.newaxis], filters)[0], filters[0]

    def _filters(self, rows: Samples) -> Samples:
        """Return the prediction-error filter of each row."""
        power = np.fft.rfft(rows * self._taper, axis=-1)
        correlation = np.fft.irfft(np.square(power.real) + np.square(power.imag), axis=-1)
        correlation = correlation[:, : self._order + 1]
        correlation[:, 0] = correlation[:, 0] * (1.0 + _WHITENING) + _SILENCE_POWER
        return levinson(correlation, self._order)

    def _two_sided(self, rows: Samples, filters: Samples) -> Samples:
        """Return by how much each sample differs from what both sides of it foretell."""
        response = np.fft.rfft(filters, self._window, axis=-1)
        response = np.square(response.real) + np.square(response.imag)
        error = np.abs(np.fft.irfft(np.fft.rfft(rows, axis=-1) * response, self._window, axis=-1))
        error /= np.add.reduce(np.square(filters), axis=-1)[:, np.newaxis]
        # The transform takes the window for one period: its ends foretell each other.
        error[:, : self._order] = 0.0
        error[:, -self._order :] = 0.0
        return error

    def _usual(self, error: Samples) -> Samples:
        """Return the error that is often reached in each row."""
        peaks = np.maximum.reduce(error.reshape(len(error), _WINDOW_MS, self._tick), axis=-1)
        peaks.partition(_WINDOW_MS - 1 - _RANK, axis=-1)
        usual: Samples = peaks[:, _WINDOW_MS - 1 - _RANK] + _SILENCE / 4.0
        return usual

    def _extent(self, window: Samples, coefficients: Samples, peak: int) -> NDArray[np.intp]:
        """Return the places of a click.

        Predicted forward nothing is amiss until it begins, and predicted backward nothing
        until it ends.
        """
        low = max(self._order, peak - self._max_length - 1)
        high = min(self._window - self._order, peak + self._max_length + 2)
        piece = window[low - self._order : high + self._order]
        forward = np.abs(np.convolve(piece, coefficients, "valid"))[: high - low]
        backward = np.abs(np.convolve(piece, coefficients[::-1], "valid"))[self._order :]
        around = np.abs(np.convolve(window, coefficients, "valid"))
        usual = 3.0 * float(np.partition(around, -len(around) // 8)[-len(around) // 8])
        middle = peak - low
        first = self._reach(forward[middle::-1], usual)
        last = self._reach(backward[middle:], usual)
        return np.arange(peak - first, peak + last + 1)

    def _reach(self, error: Samples, usual: float) -> int:
        """Return how far a click goes on, over holes."""
        above = np.flatnonzero(error > max(usual, 0.1 * float(error.max())))
        if not len(above) or above[0] > self._max_hole:
            return 0
        holes = np.flatnonzero(np.diff(above) > self._max_hole)
        return int(above[holes[0]] if len(holes) else above[-1])
