"""A look-ahead limiter for the true peak."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audiokit.errors import SettingError
from audiokit.loudness.true_peak import Interpolator, oversampling_for
from audiokit.stage import Block, Fact, Processor, StreamFormat
from audiokit.units import db_to_amplitude, samples_from_ms

__all__ = ["LimiterSettings", "TruePeakLimiter"]

Curve = NDArray[np.float64]
Samples = NDArray[np.float32]

# A release this close to no reduction at all has ended: 0.0001 dB.
_RELEASED = 1e-5
# What a finer grid than ours, and a gain that moves within the interpolator's reach, may add.
_HEADROOM_DB = 0.1
_MAX_PART_SAMPLES = 1 << 16


@dataclass(frozen=True, slots=True)
class LimiterSettings:
    """How `TruePeakLimiter` holds the ceiling.

    Args:
        ceiling_dbtp: Highest true peak of the output, in dBTP; -60 to 0.
        lookahead_ms: How early the gain begins to fall, in ms; 0.5 to 50. The shorter,
            the harder the sound. Most of the latency.
        release_ms: Time constant of the way back, in ms; 1 to 5000.
    """

    ceiling_dbtp: float = -1.0
    lookahead_ms: float = 5.0
    release_ms: float = 50.0

    def __post_init__(self) -> None:
        if not -60.0 <= self.ceiling_dbtp <= 0.0:
            raise SettingError("ceiling_dbtp", self.ceiling_dbtp, "-60 to 0 dBTP")
        if not 0.5 <= self.lookahead_ms <= 50.0:
            raise SettingError("lookahead_ms", self.lookahead_ms, "0.5 to 50 ms")
        if not 1.0 <= self.release_ms <= 5000.0:
            raise SettingError("release_ms", self.release_ms, "1 to 5000 ms")


class TruePeakLimiter(Processor):
    """Turn peaks down to a ceiling, between the samples too.

    The reduction each sample needs is held over the look-ahead, let go exponentially,
    and averaged over the look-ahead: it moves in ramps and is always there in time.
    Channels share one gain, so the image does not move. Where nothing exceeds the
    ceiling the stream passes with the same bits.

    Aims 0.1 dB under the ceiling, so that meters with a finer grid agree. What lies above
    0.46 of the sample rate can still read higher where it is strong, as in white noise.

    Args:
        fmt: Format of the stream.
        settings: Ceiling and times.
    """

    def __init__(self, fmt: StreamFormat, settings: LimiterSettings | None = None) -> None:
        self.fmt = fmt
        self.settings = settings or LimiterSettings()
        # Twice as fine as a meter: a 4-point grid overlooks 0.17 dB at a quarter of the rate.
        self._interpolator = Interpolator(2 * oversampling_for(fmt.sample_rate))
        self._lookahead = max(1, samples_from_ms(self.settings.lookahead_ms, fmt.sample_rate))
        self.latency_samples = self._lookahead + Interpolator.AFTER
        self._history = max(self._lookahead, Interpolator.BEFORE)
        # Rows start at absolute positions, and a window of the average spans two at most.
        n_blocks = -(-(self._lookahead + 1) // Interpolator.BLOCK_SAMPLES)
        self._row_samples = n_blocks * Interpolator.BLOCK_SAMPLES
        self._ceiling = db_to_amplitude(self.settings.ceiling_dbtp - _HEADROOM_DB)
        release_samples = self.settings.release_ms / 1000.0 * fmt.sample_rate
        decay = math.exp(-1.0 / max(release_samples, self._row_samples / 600.0))
        self._decays = decay ** np.arange(self._row_samples + 1)
        self.reset()

    def reset(self) -> None:
        # All of these end, or begin, at the start of the row that is not yet complete.
        self._samples = np.zeros((self.fmt.channels, self._history), np.float32)
        self._needed = np.zeros(self._lookahead)
        self._released = np.zeros(self._row_samples)
        # How much of that row is out already; how much of what comes out precedes time 0.
        self._done = 0
        self._lead = self._lookahead
        self._max_reduction = 0.0
        self._limited_samples = 0

    def process(self, block: Block) -> Block:
        out = [self.fmt.silence(0)]
        for start in range(0, len(block), _MAX_PART_SAMPLES):
            part = block[start : start + _MAX_PART_SAMPLES]
            self._samples = np.concatenate([self._samples, part.T], axis=1)
            out.append(self._advance())
        return out[1] if len(out) == 2 else np.concatenate(out)

    def flush(self) -> Block:
        return self.process(self.fmt.silence(self.latency_samples))

    def facts(self) -> Mapping[str, Fact]:
        return {
            "max_reduction_db": round(0.0 - 20.0 * math.log10(1.0 - self._max_reduction), 2),
            "limited_samples": self._limited_samples,
        }

    def _advance(self) -> Block:
        """Return what has become ready, and move on by the rows that are complete."""
        n_ready = self._samples.shape[1] - self._history - Interpolator.AFTER
        if n_ready <= self._done:
            return self.fmt.silence(0)
        out = self._samples[:, self._history - self._lookahead :][:, self._done : n_ready]
        n_dropped = min(self._lead, out.shape[1])
        n_past = n_ready // self._row_samples * self._row_samples
        needed = self._needed_reduction(n_ready)
        if needed is not None or self._needed.any() or self._released.any():
            if needed is None:
                needed = np.zeros(-(-n_ready // self._row_samples) * self._row_samples)
            reduction = self._reduction(needed, n_past=n_past)[self._done : n_ready]
            out = (out * (1.0 - reduction)).astype(np.float32)
            self._count(reduction[n_dropped:])
        self._samples = self._samples[:, n_past:]
        self._done = n_ready - n_past
        self._lead -= n_dropped
        return np.ascontiguousarray(out[:, n_dropped:].T)

    def _needed_reduction(self, n_ready: int) -> Curve | None:
        """Return by what fraction each sample of the rows must fall, channels together.

        None where none must.
        """
        n_padded = -(-n_ready // self._row_samples) * self._row_samples
        reach = self._samples[:, self._history - Interpolator.BEFORE :]
        samples = np.zeros((self.fmt.channels, n_padded + Interpolator.REACH), np.float32)
        n_taken = min(reach.shape[1], samples.shape[1])
        samples[:, :n_taken] = reach[:, :n_taken]
        is_loud = self._interpolator.may_exceed(samples, self._ceiling)
        if not is_loud.any():
            return None
        peaks = self._interpolator.peaks(samples, is_loud)
        own = samples[:, Interpolator.BEFORE : Interpolator.BEFORE + n_padded]
        own = own.reshape(*is_loud.shape, -1)[is_loud]
        np.maximum(peaks, np.abs(own, out=own), out=peaks)
        if peaks.max() <= self._ceiling:
            return None
        loudest = np.full((is_loud.shape[1], Interpolator.BLOCK_SAMPLES), self._ceiling)
        for (_, position), peak in zip(np.argwhere(is_loud), peaks, strict=True):
            np.maximum(loudest[position], peak, out=loudest[position])
        # Behind n_ready the reach is not complete: those samples come again.
        needed: Curve = 1.0 - self._ceiling / loudest.reshape(-1)[:n_ready]
        return np.pad(needed, (0, n_padded - n_ready))

    def _reduction(self, needed: Curve, *, n_past: int) -> Curve:
        """Return the reduction of the rows, late by the look-ahead, and keep the state."""
        needed = np.concatenate([self._needed, needed])
        held = _sliding_max(needed, self._lookahead + 1).reshape(-1, self._row_samples)
        released = self._release(held)
        smooth = self._average(released).reshape(-1)
        if n_past:
            self._needed = needed[n_past : n_past + self._lookahead].copy()
            self._released = released[n_past // self._row_samples - 1].copy()
        return smooth

    def _release(self, held: Curve) -> Curve:
        """Let the reduction go no faster than the decay.

        The recursion d[n] = max(held[n], a·d[n-1]) is a running maximum of held[n] / aⁿ;
        it starts anew in every row, before aⁿ leaves the range of floats.
        """
        decays = self._decays[:-1]
        climbing = np.maximum.accumulate(held / decays, axis=1)
        inherited = np.empty((len(held), 1))
        end = float(self._released[-1])
        for row, climbed in enumerate(climbing[:, -1].tolist()):
            inherited[row] = start = end * self._decays[1]
            end = max(climbed, start) * decays[-1]
            end = end if end >= _RELEASED else 0.0
        released = np.maximum(climbing, inherited) * decays
        released[released < _RELEASED] = 0.0
        return np.asarray(released)

    def _average(self, released: Curve) -> Curve:
        """Return the mean over the look-ahead: what is held so long is reached in a ramp."""
        width = self._lookahead + 1
        earlier = np.concatenate([self._released[np.newaxis], released[:-1]])
        within = np.cumsum(released, axis=1)
        # Sums from the end of the row before, so that no sum runs over the whole stream.
        before = np.cumsum(earlier[:, :-width:-1], axis=1)[:, ::-1]
        total = within.copy()
        total[:, width:] -= within[:, :-width]
        total[:, : width - 1] += before
        return np.asarray(total / width)

    def _count(self, reduction: Curve) -> None:
        self._max_reduction = max(self._max_reduction, float(reduction.max(initial=0.0)))
        self._limited_samples += int(np.count_nonzero(reduction))


def _sliding_max(values: Curve, width: int) -> Curve:
    """Return the largest value of every window, by doubling."""
    size = 1
    while 2 * size <= width:
        values = np.maximum(values[:-size], values[size:])
        size *= 2
    rest = width - size
    return np.maximum(values[: len(values) - rest], values[rest:])
