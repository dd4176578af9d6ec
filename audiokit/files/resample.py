"""Another sample rate, by streaming soxr."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from audiokit.errors import SettingError
from audiokit.stage import MAX_SAMPLE_RATE, Block, Processor, StreamFormat

__all__ = ["QUALITIES", "ResampleSettings", "Resampler"]

QUALITIES = {"quick": "QQ", "low": "LQ", "medium": "MQ", "high": "HQ", "very-high": "VHQ"}
"""Our words for soxr's recipes."""

_PROBE_SAMPLES = 64
# What a pickled stream is rebuilt from; many times the reach of soxr's longest filter.
_HISTORY_SAMPLES = 16384


@dataclass(frozen=True, slots=True)
class ResampleSettings:
    """What comes out of a `Resampler`.

    Args:
        sample_rate: In Hz, 1 to 768000; the input's own rate passes through untouched.
        quality: ``quick`` (interpolates, lets aliases through), ``low`` (16 bit, wide
            transition), ``medium`` (16 bit), ``high`` (20 bit) or ``very-high`` (28 bit).
    """

    sample_rate: int = 16000
    quality: str = "high"

    def __post_init__(self) -> None:
        if not 1 <= self.sample_rate <= MAX_SAMPLE_RATE:
            raise SettingError("sample_rate", self.sample_rate, f"1 to {MAX_SAMPLE_RATE} Hz")
        if self.quality not in QUALITIES:
            raise SettingError("quality", self.quality, "one of " + ", ".join(QUALITIES))


class Resampler(Processor):
    """Change the sample rate: linear phase, aligned in time, bit-identical for any cutting.

    ``n`` samples become ``n * out / in``, rounded half up. Mix channels down *before*
    this stage: each costs as much as the first.

    soxr's own state cannot be pickled, so the last 16384 samples or a little more are
    kept, and a copy of this stage replays them. It goes on with the same bits when the
    stream was no longer than that, and within 1e-6 of full scale (soxr's rounding) when
    it was. The block that is passed in is never kept.

    Args:
        fmt: Format of the stream.
        settings: The rate and quality that come out.

    References:
        The SoX Resampler library, https://sourceforge.net/p/soxr/wiki/Home/
    """

    def __init__(self, fmt: StreamFormat, settings: ResampleSettings | None = None) -> None:
        self.fmt = fmt
        self.settings = settings or ResampleSettings()
        self._out_fmt = StreamFormat(self.settings.sample_rate, fmt.channels)
        divisor = math.gcd(fmt.sample_rate, self._out_fmt.sample_rate)
        # So many samples in last exactly as long as so many out.
        self._period_in = fmt.sample_rate // divisor
        self._period_out = self._out_fmt.sample_rate // divisor
        self.latency_samples = 0
        if not self._passes_through:
            self.latency_samples = _most_held_samples(
                fmt.sample_rate, self._out_fmt.sample_rate, self.settings.quality
            )
        self.reset()

    @property
    def out_fmt(self) -> StreamFormat:
        return self._out_fmt

    @property
    def _passes_through(self) -> bool:
        return self.fmt == self._out_fmt

    def reset(self) -> None:
        self._n_in = 0
        self._n_out = 0
        self._history: list[Block] = []
        self._n_history = 0
        self._n_skip = 0
        self._ahead = self._out_fmt.silence(0)
        self._stream = None if self._passes_through else self._new_stream()

    def process(self, block: Block) -> Block:
        if self._stream is None:
            return block
        self._remember(block)
        return self._give(self._stream.resample_chunk(block))

    def flush(self) -> Block:
        if self._stream is None or self._n_in == 0:
            return self._out_fmt.silence(0)
        tail = self._give(self._stream.resample_chunk(self.fmt.silence(0), last=True))
        n_missing = self._out_samples(self._n_in) - self._n_out
        self._n_out += n_missing
        if n_missing > 0:
            return np.concatenate([tail, self._out_fmt.silence(n_missing)])
        return tail[: len(tail) + n_missing]

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_stream"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._stream = None
        if not self._passes_through:
            self._replay()

    def _new_stream(self) -> Any:
        return _open_stream(self.fmt, self._out_fmt.sample_rate, self.settings.quality)

    def _out_samples(self, n_in: int) -> int:
        return (2 * n_in * self._period_out + self._period_in) // (2 * self._period_in)

    def _give(self, block: Block) -> Block:
        """Count what goes out; only a stream just unpickled has to skip or add."""
        if self._n_skip:
            n_skip = min(self._n_skip, len(block))
            self._n_skip -= n_skip
            block = block[n_skip:]
        if len(self._ahead):
            block = np.concatenate([self._ahead, block])
            self._ahead = self._out_fmt.silence(0)
        self._n_out += len(block)
        return block

    def _remember(self, block: Block) -> None:
        """Keep the end of the stream, from a moment that both rates share."""
        self._n_in += len(block)
        n_kept = max(_HISTORY_SAMPLES, 4 * self.latency_samples)
        start = max(0, self._n_in - n_kept) // self._period_in * self._period_in
        n_wanted = self._n_in - start
        if len(block) >= n_wanted:
            self._history = [block[len(block) - n_wanted :].copy()]
            self._n_history = n_wanted
            return
        self._history.append(block.copy())
        self._n_history += len(block)
        # Trimming waits until it is worth a copy, so that 20 ms blocks cost little.
        if self._n_history > 2 * n_wanted:
            kept = np.concatenate(self._history)[-n_wanted:].copy()
            self._history, self._n_history = [kept], n_wanted

    def _replay(self) -> None:
        """Bring a new soxr stream to where the pickled one was."""
        history = np.concatenate([*self._history, self.fmt.silence(0)])
        # What is kept begins where a sample of one rate meets a sample of the other.
        start_out = (self._n_in - len(history)) // self._period_in * self._period_out
        self._stream = self._new_stream()
        replayed = self._stream.resample_chunk(history)
        n_given = self._n_out - start_out
        # The new stream may be ahead of the old one, or behind it.
        self._ahead = replayed[n_given:]
        self._n_skip = max(0, n_given - len(replayed))


def _open_stream(fmt: StreamFormat, sample_rate: int, quality: str) -> Any:
    import soxr

    return soxr.ResampleStream(
        fmt.sample_rate, sample_rate, fmt.channels, dtype="float32", quality=QUALITIES[quality]
    )


@lru_cache(maxsize=64)
def _most_held_samples(sample_rate_in: int, sample_rate_out: int, quality: str) -> int:
    """Measure the most samples that soxr ever holds back.

    It works in blocks, whose length depends on rates, quality and version and is told
    nowhere, so a stream of silence is followed over several of them.
    """
    fmt = StreamFormat(sample_rate_in)
    stream = _open_stream(fmt, sample_rate_out, quality)
    silence = fmt.silence(_PROBE_SAMPLES)
    n_in = n_out = 0
    most = float(_PROBE_SAMPLES)
    while n_in <= 4 * most:
        n_in += _PROBE_SAMPLES
        n_out += len(stream.resample_chunk(silence))
        most = max(most, n_in - n_out * sample_rate_in / sample_rate_out)
    # A finer cutting may catch it up to one piece later.
    return math.ceil(most) + _PROBE_SAMPLES
