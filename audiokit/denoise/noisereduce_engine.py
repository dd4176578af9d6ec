"""The noisereduce package as a stage, with its traps taken out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audiokit.ranges import check_range, check_sample_rate
from audiokit.stage import Block, Fact, Processor, StreamFormat

__all__ = ["NoisereduceEngine", "NoisereduceSettings"]

_SEGMENT_S = 30
# Above and below, its smoothing of 500 Hz by 50 ms is less than a bin or a frame: an error.
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
    """Share of its output, 0 (the input alone) to 1."""

    stationary: bool = False
    """Whether it takes the noise as the same throughout a segment."""

    def __post_init__(self) -> None:
        check_range("strength", self.strength, 0.0, 1.0)


class NoisereduceEngine(Processor):
    """Let the noisereduce package take noise away.

    The package needs a whole signal, so it gets segments of 30 s, each by itself: that
    is the latency, and its idea of the noise begins anew with each. It is not for live.
    For comparison, or for those who are used to it; `Denoiser` is the default.

    Four things are put right. It takes channels first, and a block's samples for channels
    otherwise. With stationary noise it measures the mean of all channels, which is nothing
    where they cancel: each channel is given by itself. It divides by zero on digital silence
    and returns NaN: silent channels pass as they are, and a segment that comes back as NaN is
    given again with noise of -140 dBFS, the same on every run. With stationary noise a
    `prop_decrease` of 0 still takes the ends of the spectrum away: its output is mixed with
    the input here.

    Args:
        fmt: Format of the stream, 8 to 192 kHz.
        settings: What it is told.

    Raises:
        SettingError: The sample rate is outside 8 to 192 kHz.

    References:
        T. Sainburg, A. Zorea, "Noisereduce: domain general noise reduction for time
        series signals", 2024.
    """

    def __init__(self, fmt: StreamFormat, settings: NoisereduceSettings | None = None) -> None:
        check_sample_rate(fmt.sample_rate, to="run noisereduce", highest=192000)
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
        """Return `n_repaired`: segments of a channel that the package alone gives as NaN."""
        return {"n_repaired": self._n_repaired}

    def _hold(self, block: Block) -> None:
        self._held.append(block.copy())
        self._n_held += len(block)

    def _release(self) -> Block:
        segment = np.concatenate([*self._held, self.fmt.silence(0)])
        self._held, self._n_held = [], 0
        strength = np.float32(self.settings.strength)
        for index in range(self.fmt.channels) if strength else ():
            channel = segment[:, index].copy()
            if channel.any():
                segment[:, index] += strength * (self._reduced(channel) - channel)
        return segment

    def _reduced(self, channel: NDArray[np.float32]) -> NDArray[np.float32]:
        padded = np.zeros(max(len(channel), _SHORTEST_SAMPLES), np.float32)
        padded[: len(channel)] = channel
        reduced = self._call_package(padded)
        if not np.isfinite(reduced).all():
            self._n_repaired += 1
            # Where the signal stands still its spectrum is zero.
            noise = np.random.default_rng(0).standard_normal(len(padded), np.float32)
            reduced = self._call_package(padded + noise * np.float32(_DITHER_AMPLITUDE))
        # What noise does not help passes as it is.
        return np.where(np.isfinite(reduced), reduced, padded)[: len(channel)]

    def _call_package(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        from noisereduce import reduce_noise

        with np.errstate(all="ignore"):
            reduced = reduce_noise(
                y=samples, sr=self.fmt.sample_rate, stationary=self.settings.stationary
            )
        return np.asarray(reduced, np.float32)
