"""The echo canceller: delay found, path learnt, what is left turned down."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from audiokit.dsp.framing import Framer
from audiokit.dsp.stft import Spectra, StftStream, fast_window_samples
from audiokit.echo.delay import GROUP_FRAMES, DelaySearch
from audiokit.echo.kalman import PathFilter
from audiokit.echo.suppressor import Powers, ResidualSuppressor
from audiokit.echo.two_input import TwoInputProcessor
from audiokit.ranges import check_range, check_sample_rate
from audiokit.stage import Block, Fact, StreamFormat
from audiokit.units import power_to_db

__all__ = ["EchoCanceller", "EchoSettings"]

_WINDOW_MS = 32.0
# The part of the tail that is learnt jointly, which costs the square of its length.
_EARLY_MS = 80.0
_SPEECH_FROM_HZ = 250.0
# White noise at this level in the far end is silence.
_SILENCE_DBFS = -75.0
# The path begins two hops before the strongest echo, as the first sound may be weaker than
# what walls add to it; it stays where it is while the echo lies within so many.
_LEAD_HOPS = 2
_LEADS_HOPS = range(1, 5)
# A longer way than this is another path.
_SHIFT_HOPS = 2
# A tap may be so many times as strong as all of the echo seems to be: doubt makes it quick.
_POSSIBLE = 16.0
# Frames that a filter hears again when it is told where to listen.
_REPLAY_FRAMES = 24
# So much far-end sound without an echo is enough.
_PATIENCE_S = 4.0
# ERLE of the last second or so from which the filter counts as converged, in dB.
_CONVERGED_DB = 10.0
_RECENT_KEPT = 0.97


@dataclass(frozen=True, slots=True)
class EchoSettings:
    """Where to look for the echo, and what to do about what the filter leaves.

    Raises:
        SettingError: A value is outside its range.
    """

    max_delay_ms: float = 500.0
    """Longest delay that is searched, in ms, 20 to 1000."""

    tail_ms: float = 352.0
    """How long the echo lasts after its beginning, in ms, 64 to 1000, in the filter; what
    comes later is suppressed, not cancelled."""

    suppress: bool = True
    """Whether to turn down what the filter leaves; without, it is only subtracted."""

    def __post_init__(self) -> None:
        check_range("max_delay_ms", self.max_delay_ms, 20.0, 1000.0, unit="ms")
        check_range("tail_ms", self.tail_ms, 64.0, 1000.0, unit="ms")


class EchoCanceller(TwoInputProcessor):
    """Take the far end's echo out of a microphone.

    Works at the stream's own rate. Until an echo is found, and when there is none, the
    microphone passes as it is. Each channel of the microphone has its own filter.

    Args:
        fmt: Format of the microphone, 8 to 96 kHz.
        settings: Where to look, what to do.

    Raises:
        SettingError: The sample rate is outside 8 to 96 kHz.
    """

    def __init__(self, fmt: StreamFormat, settings: EchoSettings | None = None) -> None:
        check_sample_rate(fmt.sample_rate, to="cancel echo")
        super().__init__(fmt)
        self.settings = settings or EchoSettings()
        window = fast_window_samples(_WINDOW_MS, fmt.sample_rate)
        hop = window // 2
        self._stft = StftStream(fmt, window_samples=window, hop_samples=hop)
        self.latency_samples = self._stft.latency_samples
        self._far_framer = Framer(window, hop, 1, lead_samples=window - hop)
        # As the microphone's own, see `StftStream`.
        self._window = np.sin(np.arange(window) * (np.pi / window)).astype(np.float32)
        self._hop_ms = 1000.0 * hop / fmt.sample_rate
        n_bins, bin_hz = self._stft.n_bins, fmt.sample_rate / window
        self._n_taps = round(self.settings.tail_ms / self._hop_ms)
        n_early = min(self._n_taps, round(_EARLY_MS / self._hop_ms))
        n_lags = math.ceil(self.settings.max_delay_ms / self._hop_ms) + 2
        self._n_lags = n_lags
        # Every frame that the oldest replayed one may need.
        self._n_kept = n_lags + self._n_taps + _REPLAY_FRAMES
        self._search = DelaySearch(
            fmt.channels,
            n_lags=n_lags,
            bin_hz=bin_hz,
            n_bins=n_bins,
            silence=0.5 * 10.0 ** (_SILENCE_DBFS / 10.0),
        )
        self._path = PathFilter(
            fmt.channels,
            n_early=n_early,
            n_late=self._n_taps - n_early,
            n_bins=n_bins,
            hop_samples=hop,
        )
        self._suppressor = ResidualSuppressor(
            fmt.channels, n_bins, first_bin=math.ceil(_SPEECH_FROM_HZ / bin_hz)
        )
        self._forget()

    def facts(self) -> Mapping[str, Fact]:
        """Return how the echo was found and how much of it went.

        `state` is ``idle`` (the far end was silent), ``searching``, ``no_echo_found`` (4 s of
        far end without an echo), ``converging`` or ``converged``. `delay_ms` is that of the
        strongest echo, to the sample, `erle_db` the power of the microphone over that of the
        output in all frames that held more echo than anything else, and `drift_ppm` how much
        faster the microphone's clock runs than the far end's.
        """
        erle_db = None
        if self._sum_out > 0.0:
            erle_db = round(power_to_db(self._sum_near) - power_to_db(self._sum_out), 2)
        return {
            "state": self._state(),
            "delay_ms": self._delay_ms(),
            "erle_db": erle_db,
            "drift_ppm": None if self._start is None else round(1e6 * self._path.drift, 1),
        }

    def _state(self) -> str:
        group_s = GROUP_FRAMES * self._hop_ms / 1000.0
        if self._start is not None:
            near_db, out_db = (power_to_db(power) for power in self._recent)
            return "converged" if near_db - out_db >= _CONVERGED_DB else "converging"
        if self._search.n_heard == 0:
            return "idle"
        return "no_echo_found" if self._search.n_heard * group_s >= _PATIENCE_S else "searching"

    def _delay_ms(self) -> float | None:
        """Return where the path is strongest, or where the search heard it."""
        if self._start is None:
            return None
        window, hop = self._stft.window_samples, self._stft.hop_samples
        response = np.abs(np.fft.irfft(self._path.path, window, axis=-1)).max(axis=0)
        tap, sample = np.unravel_index(int(np.argmax(response)), response.shape)
        sample = int(sample) - window * (sample >= hop)
        hops = self._start + self._n_taps - 1 - int(tap)
        n_samples = max(0, hops * hop + sample)
        return round(1000.0 * float(n_samples) / self.fmt.sample_rate, 2)

    def _forget(self) -> None:
        self._stft.reset()
        self._far_framer.reset()
        self._search.reset()
        self._path.reset()
        self._suppressor.reset()
        n_bins = self._stft.n_bins
        self._far: Spectra = np.zeros((self._n_kept, n_bins), np.complex64)
        self._near: Spectra = np.zeros((_REPLAY_FRAMES, self.fmt.channels, n_bins), np.complex64)
        self._new_far: Spectra = np.zeros((0, n_bins), np.complex64)
        self._n_frames = 0
        # Lag of the first tap in hops, once an echo is found.
        self._start: int | None = None
        self._sum_near = self._sum_out = 0.0
        self._recent = (0.0, 0.0)

    def _advance(self, near: Block, far: Block) -> Block:
        self._hear_far(self._far_framer.push(np.ascontiguousarray(far)))
        return self._stft.process(np.ascontiguousarray(near), self._cancel)

    def _finish(self) -> Block:
        self._hear_far(self._far_framer.flush(self._stft.window_samples))
        return self._stft.flush(self._cancel)

    def _hear_far(self, frames: Block) -> None:
        spectra = np.fft.rfft(frames[:, 0] * self._window, axis=-1, norm="ortho")
        spectra = spectra.astype(np.complex64, copy=False)
        self._new_far = np.concatenate([self._new_far, spectra])

    def _cancel(self, spectra: Spectra) -> Spectra:
        """Take the next frames of the microphone; return them without echo, in place."""
        n_new = len(spectra)
        far = np.concatenate([self._far, self._new_far[:n_new]])
        self._new_far = self._new_far[n_new:]
        near = np.concatenate([self._near, spectra])
        start = 0
        while start < n_new:
            to_group = GROUP_FRAMES - self._n_frames % GROUP_FRAMES
            stop = min(n_new, start + to_group)
            if self._start is not None:
                self._pass_frames(
                    spectra[start:stop], far[start : stop + self._n_kept], lag=self._start
                )
            self._n_frames += stop - start
            if self._n_frames % GROUP_FRAMES == 0:
                end = stop + self._n_kept
                self._look(near[stop : stop + _REPLAY_FRAMES], far[end - self._n_kept : end])
            start = stop
        self._far = far[n_new:].copy()
        self._near = near[n_new:].copy()
        return spectra

    def _pass_frames(self, spectra: Spectra, far: Spectra, *, lag: int) -> None:
        """Cancel in frames, in place.

        Args:
            spectra: ``(frames, channels, bins)``.
            far: The far end until the last of them, `_n_kept` frames before the first.
            lag: Of the path's first tap, in hops.
        """
        first = len(far) - len(spectra) - lag - self._n_taps + 1
        far = far[first : len(far) - lag]
        conjugate = far.conj()
        power = _power(spectra)
        for index, near in enumerate(spectra):
            taps = slice(index, index + self._n_taps)
            self._path.hear(near, power[index], far[taps], conjugate[taps])
            out = self._path.error
            if self.settings.suppress:
                out = out * self._suppressor.gain(self._path, power[index])
            spectra[index] = out
            self._note(out)

    def _note(self, out: Spectra) -> None:
        """Add a frame to the measures where it holds more echo than anything else."""
        near, error, echo = self._path.totals
        if echo <= error:
            return
        left = float(np.vdot(out, out).real)
        self._sum_near += near
        self._sum_out += left
        kept = _RECENT_KEPT
        self._recent = (kept * self._recent[0] + near, kept * self._recent[1] + left)

    def _look(self, near: Spectra, far: Spectra) -> None:
        """Let the search hear a group of frames, and follow what it finds.

        Args:
            near: The last `_REPLAY_FRAMES` of the microphone.
            far: The last `_n_kept` of the far end.
        """
        if self._start is not None:
            self._path.follow_drift()
        n_searched = self._n_lags - 1 + GROUP_FRAMES
        lag = self._search.hear(near[-GROUP_FRAMES:], far[-n_searched:])
        if lag is None:
            return
        if self._start is not None and lag - self._start in _LEADS_HOPS:
            return
        start = max(0, lag - _LEAD_HOPS)
        if self._start is not None and abs(start - self._start) <= _SHIFT_HOPS:
            self._path.shift(start - self._start)
            self._start = start
            return
        self._start = start
        self._path.restart(_POSSIBLE * self._search.gain())
        self._suppressor.reset()
        measures = (self._sum_near, self._sum_out)
        self._pass_frames(near.copy(), far, lag=start)
        # What was heard again went out as it was: no merit.
        self._sum_near, self._sum_out = measures
        self._recent = (0.0, 0.0)


def _power(spectra: Spectra) -> Powers:
    power = np.square(spectra.real)
    power += np.square(spectra.imag)
    return power
