"""A look-ahead limiter for the true peak."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audiokit.errors import SettingError
from audiokit.loudness.true_peak import (
    ROW_SAMPLES,
    CrestFinder,
    oversampling_for,
)
from audiokit.stage import Block, Fact, Processor, StreamFormat
from audiokit.units import db_to_amplitude, samples_from_ms

__all__ = ["LimiterSettings", "TruePeakLimiter"]

Curve = NDArray[np.float64]
Samples = NDArray[np.float32]

# A release this close to no reduction at all has ended: 0.0001 dB.
_RELEASED = 1e-5
# What a finer grid than ours, and a gain that moves within the interpolator's reach, may add.
_HEADROOM_DB = 0.2
# A logarithm that is taken for that of zero.
_NOTHING = 1e-30
_MAX_STEP_SAMPLES = ROW_SAMPLES
_MAX_PART_VALUES = 1 << 16


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

    @property
    def aim_dbtp(self) -> float:
        """What the limiter aims at: a little below the ceiling, for finer meters than ours."""
        return self.ceiling_dbtp - _HEADROOM_DB


class TruePeakLimiter(Processor):
    """Turn peaks down to a ceiling, between the samples too.

    The reduction that every few samples need (a step: a quarter of the look-ahead, 32 at
    most) is held over the look-ahead, let go exponentially, and averaged over the
    look-ahead: it moves in ramps and is always there in time. Channels share one gain, so
    the image does not move. Where nothing comes within 0.2 dB of the ceiling the stream
    passes with the same bits.

    Aims 0.2 dB under the ceiling, so that meters with a finer grid agree. What lies above
    0.46 of the sample rate can still read higher where it is strong, as in white noise.

    Args:
        fmt: Format of the stream.
        settings: Ceiling and times.
    """

    def __init__(self, fmt: StreamFormat, settings: LimiterSettings | None = None) -> None:
        self.fmt = fmt
        self.settings = settings or LimiterSettings()
        self._finder = CrestFinder(max(2, oversampling_for(fmt.sample_rate)))
        lookahead = max(1, samples_from_ms(self.settings.lookahead_ms, fmt.sample_rate))
        self._step = min(_MAX_STEP_SAMPLES, 1 << max(0, (lookahead // 4).bit_length() - 1))
        self._n_ahead = -(-lookahead // self._step)
        self.latency_samples = (self._n_ahead + 1) * self._step - 1 + CrestFinder.AFTER
        self._history = max(self._n_ahead * self._step, CrestFinder.BEFORE)
        self._ceiling = db_to_amplitude(self.settings.aim_dbtp)
        release_steps = self.settings.release_ms / 1000.0 * fmt.sample_rate / self._step
        self._decay_per_step = 1.0 / release_steps
        self.reset()

    def reset(self) -> None:
        # From `_history` samples before the first row of 32 whose steps are not all known.
        self._samples = np.zeros((self.fmt.channels, self._history), np.float32)
        # How many steps of that row are known; how many have been in the whole stream.
        self._n_known = 0
        self._n_steps = 0
        # What the last steps needed, and what they had in the end.
        self._needed = np.zeros(self._n_ahead)
        self._released = np.zeros(self._n_ahead)
        self._climbed = -math.inf
        self._n_in = self._n_out = 0
        self._max_reduction = 0.0
        self._limited_samples = 0

    def process(self, block: Block) -> Block:
        size = max(CrestFinder.BLOCK_SAMPLES, _MAX_PART_VALUES // self.fmt.channels)
        parts = [block[start : start + size] for start in range(0, len(block), size)]
        self._n_in += len(block)
        out = [self._advance(part) for part in parts]
        return out[0] if len(out) == 1 else np.concatenate([self.fmt.silence(0), *out])

    def flush(self) -> Block:
        n_missing = self._n_in - self._n_out
        return self.process(self.fmt.silence(self.latency_samples))[:n_missing]

    def facts(self) -> Mapping[str, Fact]:
        return {
            "max_reduction_db": round(0.0 - 20.0 * math.log10(1.0 - self._max_reduction), 2),
            "limited_samples": self._limited_samples,
        }

    def _advance(self, part: Block) -> Block:
        """Return what has become ready, and move on by the rows that are complete."""
        n_held = self._samples.shape[1]
        n_reachable = n_held - self._history + len(part)
        n_known = max(self._n_known, (n_reachable - CrestFinder.AFTER) // self._step)
        # Room for blocks that are not complete: zeros change no step that is.
        n_blocks = -(-n_known * self._step // CrestFinder.BLOCK_SAMPLES)
        n_room = max(n_reachable, n_blocks * CrestFinder.BLOCK_SAMPLES + CrestFinder.AFTER)
        samples = np.zeros((self.fmt.channels, self._history + n_room), np.float32)
        samples[:, :n_held] = self._samples
        samples[:, n_held : n_held + len(part)] = part.T
        out = self._limited(samples, n_known, n_blocks)
        n_past = n_known * self._step // ROW_SAMPLES * ROW_SAMPLES
        self._n_known = n_known - n_past // self._step
        self._samples = samples[:, n_past : n_held + len(part)].copy()
        return out

    def _limited(self, samples: Samples, n_known: int, n_blocks: int) -> Block:
        """Return the samples whose gain is decided by the steps that are now known."""
        n_new = n_known - self._n_known
        # The stream begins when the look-ahead is over.
        n_early = min(n_new, max(0, self._n_ahead - self._n_steps))
        first = self._history + (self._n_known - self._n_ahead) * self._step
        out = samples[:, first : first + n_new * self._step][:, n_early * self._step :]
        needed = self._needed_reduction(samples, n_blocks)[self._n_known : n_known]
        block = np.empty((out.shape[1], self.fmt.channels), np.float32)
        # Channel by channel: five times as fast as the transposed array at once.
        if n_new and (needed.any() or self._needed.any() or self._released.any()):
            gain = self._gain(needed)[n_early * self._step :]
            for channel, line in enumerate(out):
                np.multiply(line, gain, out=block[:, channel])
            self._count(gain)
        else:
            for channel, line in enumerate(out):
                block[:, channel] = line
        self._n_steps += n_new
        self._n_out += len(block)
        return block

    def _needed_reduction(self, samples: Samples, n_blocks: int) -> Curve:
        """Return by what fraction every step of the blocks must fall, channels together."""
        first = self._history - CrestFinder.BEFORE
        n_samples = n_blocks * CrestFinder.BLOCK_SAMPLES + CrestFinder.REACH
        reach = np.ascontiguousarray(samples[:, first : first + n_samples])
        n_steps = CrestFinder.BLOCK_SAMPLES // self._step
        is_loud = self._finder.may_exceed(reach, self._ceiling)
        if not is_loud.any():
            return np.zeros(n_blocks * n_steps)
        crests = np.zeros((*is_loud.shape, n_steps), np.float32)
        crests[is_loud] = self._finder.crests(reach, is_loud, n_samples=self._step)
        loudest = crests.max(axis=0).reshape(-1).astype(np.float64)
        return np.asarray(1.0 - self._ceiling / np.maximum(loudest, self._ceiling))

    def _gain(self, needed: Curve) -> Samples:
        """Return the gain of the samples, late by the look-ahead, and keep the state."""
        needed = np.concatenate([self._needed, needed])
        n_new = len(needed) - self._n_ahead
        held = needed[:n_new]
        for later in range(1, self._n_ahead + 1):
            held = np.maximum(held, needed[later : later + n_new])
        released = np.concatenate([self._released, self._release(held)])
        total = np.zeros(n_new + 1)
        for later in range(self._n_ahead):
            total += released[later : later + n_new + 1]
        self._needed, self._released = needed[n_new:], released[n_new:]
        gain = (1.0 - total / self._n_ahead).astype(np.float32)
        # A step slides over an average of steps in a straight line.
        ramp = np.arange(self._step, dtype=np.float32) / np.float32(self._step)
        out: Samples = ramp * np.diff(gain)[:, np.newaxis]
        out += gain[:-1, np.newaxis]
        return out.reshape(-1)

    def _release(self, held: Curve) -> Curve:
        """Let the reduction go no faster than the decay.

        The recursion d[n] = max(held[n], a·d[n-1]) is a running maximum of held[n] / aⁿ,
        here as logarithms: n is counted from the start of the stream, and large.
        """
        steps = np.arange(self._n_steps, self._n_steps + len(held))
        fallen = steps * self._decay_per_step
        climbing = np.log(np.maximum(held, _NOTHING)) + fallen
        climbing = np.maximum(np.maximum.accumulate(climbing), self._climbed)
        self._climbed = float(climbing[-1])
        # What is held comes back as it was: exp(log) is not exact, and must not be less.
        released = np.maximum(held, np.exp(climbing - fallen))
        released[released < _RELEASED] = 0.0
        return np.asarray(released)

    def _count(self, gain: Samples) -> None:
        self._max_reduction = max(self._max_reduction, 1.0 - float(gain.min(initial=1.0)))
        self._limited_samples += int(np.count_nonzero(gain < 1.0))
