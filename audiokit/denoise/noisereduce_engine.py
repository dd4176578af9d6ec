"""The noisereduce package as a stage, with its traps taken out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from audiokit.errors import SettingError
from audiokit.stage import Block, Fact, Processor, StreamFormat

__all__ = ["NoisereduceEngine", "NoisereduceSettings"]

_SEGMENT_S = 30
# Its transform has 1024 points and its smoothing looks at several frames.
_SHORTEST_SAMPLES = 8192
# -140 dBFS: below what 24 bits can hold, enough to divide by.
_DITHER_AMPLITUDE = 1e-7


@dataclass(frozen=True, slots=True)
class NoisereduceSettings:
    """What noisereduce is told.

    Raises:
        SettingError: A value is outside its range.
    """

    strength: float = 1.0
    """Share of the noise it takes away (its `prop_decrease`), 0 to 1."""

    stationary: bool = False
    """Whether it takes the noise as the same throughout a segment."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.strength <= 1.0:
            raise SettingError("strength", self.strength, "0 to 1")


class NoisereduceEngine(Processor):
    """Let the noisereduce package take noise away.

    The package needs a whole signal, so it gets segments of 30 s, each by itself: that
    is the latency, and its idea of the noise begins anew with each. It is not for live.
    For comparison, or for those who are used to it; `Denoiser` is the default.

    Three things are put right. It takes channels first, and a block's samples for
    channels otherwise. It divides by zero on digital silence and returns NaN: silent
    segments pass as they are, and a segment with silence in it gets noise of -140 dBFS,
    the same on every run. What still comes back as NaN is replaced by the input.

    Args:
        fmt: Format of the stream.
        settings: What it is told.

    References:
        T. Sainburg, A. Zorea, "Noisereduce: domain general noise reduction for time
        series signals", 2024.
    """

    def __init__(self, fmt: StreamFormat, settings: NoisereduceSettings | None = None) -> None:
        self.fmt = fmt
        self.settings = settings or NoisereduceSettings()
        self.latency_samples = _SEGMENT_S * fmt.sample_rate
        self.reset()

    def reset(self) -> None:
        self._held: list[Block] = []
        self._n_held = 0
        self._n_repaired = 0

    def process(self, block: Block) -> Block:
        done = [self.fmt.silence(0)]
        start = 0
        while self._n_held + len(block) - start >= self.latency_samples:
            end = start + self.latency_samples - self._n_held
            self._hold(block[start:end])
            done.append(self._release())
            start = end
        self._hold(block[start:])
        return np.concatenate(done)

    def flush(self) -> Block:
        return self._release()

    def facts(self) -> Mapping[str, Fact]:
        """Return `n_repaired`: segments that the package alone would have spoilt."""
        return {"n_repaired": self._n_repaired}

    def _hold(self, block: Block) -> None:
        self._held.append(block.copy())
        self._n_held += len(block)

    def _release(self) -> Block:
        segment = np.concatenate([*self._held, self.fmt.silence(0)])
        self._held, self._n_held = [], 0
        if self.settings.strength == 0.0 or not segment.any():
            return segment
        return self._reduce(segment)

    def _reduce(self, segment: Block) -> Block:
        padded = self.fmt.silence(max(len(segment), _SHORTEST_SAMPLES))
        padded[: len(segment)] = segment
        is_repaired = bool((padded[:-1] == padded[1:]).all(axis=1).any())
        if is_repaired:
            # Where the signal stands still its spectrum is zero.
            noise = np.random.default_rng(0).standard_normal(padded.shape, np.float32)
            padded += noise * np.float32(_DITHER_AMPLITUDE)
        reduced = self._call_package(padded)[: len(segment)]
        finite = np.isfinite(reduced)
        self._n_repaired += is_repaired or not finite.all()
        return np.where(finite, reduced, segment)

    def _call_package(self, samples: Block) -> Block:
        from noisereduce import reduce_noise

        with np.errstate(all="ignore"):
            reduced = reduce_noise(
                y=samples.T,
                sr=self.fmt.sample_rate,
                prop_decrease=self.settings.strength,
                stationary=self.settings.stationary,
            )
        return np.ascontiguousarray(np.asarray(reduced, np.float32).reshape(samples.T.shape).T)
