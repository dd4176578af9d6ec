"""The contract: a stage sees a stream one block at a time.

A block is ``float32``, C-contiguous, ``(samples, channels)``, any length, zero
included; full scale is ±1.0. However a stream is cut into blocks, a stage says the
same about it. Files, folders, simulations and live streams run these same objects.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from audiokit.errors import BlockError, SettingError

__all__ = [
    "Analyzer",
    "Block",
    "Chain",
    "Fact",
    "Meter",
    "Processor",
    "StreamFormat",
    "TwoPass",
    "admit",
    "run_blocks",
]

Block: TypeAlias = NDArray[np.float32]
Fact: TypeAlias = float | int | str | bool | None
Rows = TypeVar("Rows")
Report = TypeVar("Report")

MAX_SAMPLE_RATE = 768_000
MAX_CHANNELS = 64
# float32 squares of anything larger no longer sum without overflow.
MAX_MAGNITUDE = 1e6


@dataclass(frozen=True, slots=True)
class StreamFormat:
    """What every block of a stream has in common.

    Args:
        sample_rate: In Hz, 1 to 768000.
        channels: 1 to 64.
    """

    sample_rate: int
    channels: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.sample_rate <= MAX_SAMPLE_RATE:
            raise SettingError("sample_rate", self.sample_rate, f"1 to {MAX_SAMPLE_RATE} Hz")
        if not 1 <= self.channels <= MAX_CHANNELS:
            raise SettingError("channels", self.channels, f"1 to {MAX_CHANNELS}")

    def silence(self, n_samples: int) -> Block:
        """Return a block of zeros, ``(n_samples, channels)``."""
        return np.zeros((n_samples, self.channels), np.float32)

    def seconds(self, n_samples: int) -> float:
        """Return how long so many samples last."""
        return n_samples / self.sample_rate


def admit(fmt: StreamFormat, block: NDArray[Any]) -> Block:
    """Check a block at the door of a chain, so that no stage has to.

    Args:
        fmt: The format of the stream that the block joins.
        block: What arrived.

    Returns:
        The same block.

    Raises:
        BlockError: Wrong type or shape, NaN, infinity, or values beyond ±1e6.
    """
    if block.dtype != np.float32:
        raise BlockError(f"has type {block.dtype}", "float32")
    if block.ndim != 2 or block.shape[1] != fmt.channels:
        raise BlockError(f"has shape {block.shape}", f"(samples, {fmt.channels})")
    if not block.flags.c_contiguous:
        raise BlockError("is not C-contiguous", "np.ascontiguousarray(block)")
    # One pass: NaN and infinity fail the comparison too.
    if block.size and not float(np.abs(block).max()) <= MAX_MAGNITUDE:
        position, channel = np.argwhere(~(np.abs(block) <= MAX_MAGNITUDE))[0]
        raise BlockError(
            f"holds {block[position, channel]} at sample {position}, channel {channel}",
            "finite samples with full scale at 1.0",
        )
    return block


class Processor(ABC):
    """Audio to audio.

    Subclasses set `fmt` (and `out_fmt` where it differs) and `latency_samples` when
    they are built, validate their settings there, and trust their blocks. Output is
    aligned with the input in time and only *late*: never more than
    `latency_samples` are held back, and `flush` returns what is.

    Attributes:
        fmt: Format of the blocks that come in.
        out_fmt: Format of the blocks that go out.
        latency_samples: Most input samples ever held back.
        tolerance: Largest difference that another cutting of the stream may make, as a
            fraction of full scale; 0 means the same bits.
    """

    fmt: StreamFormat
    latency_samples: int = 0
    tolerance: ClassVar[float] = 0.0

    @property
    def out_fmt(self) -> StreamFormat:
        """Format of the blocks that go out; the input's, unless a stage says otherwise."""
        return self.fmt

    @abstractmethod
    def process(self, block: Block) -> Block:
        """Take the next block; return what is ready, ``(samples, channels)``."""

    @abstractmethod
    def flush(self) -> Block:
        """End the stream and return what was held back. Call `reset` before reuse."""

    @abstractmethod
    def reset(self) -> None:
        """Forget the stream, as if newly built."""

    def facts(self) -> Mapping[str, Fact]:
        """Return what the stage did to the stream so far, for the row of a report."""
        return {}


class Analyzer(ABC, Generic[Rows]):
    """Audio to timed rows: a list of segments, or an array ``(frames, columns)``.

    Attributes:
        fmt: Format of the blocks that come in.
    """

    fmt: StreamFormat

    @abstractmethod
    def process(self, block: Block) -> Rows:
        """Take the next block; return the rows that are now final."""

    @abstractmethod
    def flush(self) -> Rows:
        """End the stream and return the remaining rows. Call `reset` before reuse."""

    @abstractmethod
    def reset(self) -> None:
        """Forget the stream, as if newly built."""


class Meter(ABC, Generic[Report]):
    """Audio to one frozen report, in bounded memory.

    Attributes:
        fmt: Format of the blocks that come in.
    """

    fmt: StreamFormat

    @abstractmethod
    def update(self, block: Block) -> None:
        """Take the next block."""

    @abstractmethod
    def result(self) -> Report:
        """Return the report on everything so far; the stream may go on."""

    @abstractmethod
    def reset(self) -> None:
        """Forget the stream, as if newly built."""


class TwoPass(ABC, Generic[Report]):
    """Work that must hear the whole stream before it can begin: a meter, then a processor.

    What follows (a limiter of its own, a lossy encoder) may move the result, so the stage is
    told what came out, and may ask for another try.

    Live cannot see the future: a recipe with such a stage does not run live.

    Attributes:
        fmt: Format of the blocks that come in.
        corrects: Whether it is told what came out. False for a stage that only learns from
            the first pass: what it builds takes its place in the stream for good.
    """

    fmt: StreamFormat
    corrects: ClassVar[bool] = True

    @abstractmethod
    def new_meter(self, fmt: StreamFormat) -> Meter[Report]:
        """Return what hears the first pass, or what came out of the last."""

    @abstractmethod
    def build(self, report: Report) -> Processor:
        """Return the processor of the second pass, made from the first's report."""

    def foresee(self) -> Report | None:
        """Return the report on what the processor will give, where that needs no hearing."""
        return None

    def correct(self, outcome: Report) -> Processor | None:  # noqa: ARG002  most need none
        """Return a better processor after a report on the result; None if it will do."""
        return None


def _no_clock() -> float:
    return 0.0


class Chain(Processor):
    """Processors in a row, as one.

    The chain is the door: it refuses what is no valid block, so its stages need not
    look. Latency is the sum of its parts, counted at the input's rate.

    Args:
        fmt: Format of the blocks that come in.
        stages: In order; each takes what the one before gives.
        clock: Where the caller wants each stage timed: returns seconds of processor
            time, as `time.thread_time` does.

    Raises:
        SettingError: Two neighbours disagree about the format.
    """

    def __init__(
        self,
        fmt: StreamFormat,
        stages: Sequence[Processor],
        *,
        clock: Callable[[], float] = _no_clock,
    ) -> None:
        expected = fmt
        latency_s = 0.0
        for stage in stages:
            if stage.fmt != expected:
                raise SettingError(type(stage).__name__, stage.fmt, f"{expected} at its place")
            latency_s += stage.latency_samples / stage.fmt.sample_rate
            expected = stage.out_fmt
        self.fmt = fmt
        self._out_fmt = expected
        self.stages = tuple(stages)
        self.latency_samples = math.ceil(latency_s * fmt.sample_rate - 1e-9)
        self._bypassed = [False] * len(self.stages)
        self._clock = clock
        self._busy_s = [0.0] * len(self.stages)

    @property
    def out_fmt(self) -> StreamFormat:
        return self._out_fmt

    @property
    def tolerance_in_sum(self) -> float:
        """The tolerances of all stages together."""
        return sum(stage.tolerance for stage in self.stages)

    def busy_s(self) -> dict[str, float]:
        """Return the seconds of `clock` each stage has taken so far, by class name."""
        busy: dict[str, float] = {}
        for stage, seconds in zip(self.stages, self._busy_s, strict=True):
            name = type(stage).__name__
            busy[name] = busy.get(name, 0.0) + seconds
        return busy

    def process(self, block: Block) -> Block:
        return self._pass_from(0, admit(self.fmt, block))

    def flush(self) -> Block:
        tails = [self._drain(index) for index in range(len(self.stages))]
        return np.concatenate([*tails, self._out_fmt.silence(0)])

    def reset(self) -> None:
        for stage in self.stages:
            stage.reset()

    def bypass(self, index: int, *, bypassed: bool = True) -> Block:
        """Take one stage out of the stream, or put it back, between two blocks.

        No sample is lost or repeated: what the stage holds comes out first.

        Args:
            index: Position of the stage.
            bypassed: True to take it out, False to put it back.

        Returns:
            The samples that the stage held back, through the rest of the chain.

        Raises:
            SettingError: The stage changes the format, so the rest needs it.
        """
        stage = self.stages[index]
        if stage.fmt != stage.out_fmt:
            raise SettingError("bypass", type(stage).__name__, "a stage that keeps the format")
        if self._bypassed[index] == bypassed:
            return self._out_fmt.silence(0)
        held = self._drain(index) if bypassed else self._out_fmt.silence(0)
        stage.reset()
        self._bypassed[index] = bypassed
        return held

    def _drain(self, index: int) -> Block:
        if self._bypassed[index]:
            return self._out_fmt.silence(0)
        return self._pass_from(index + 1, self._timed(index, self.stages[index].flush))

    def _pass_from(self, first: int, block: Block) -> Block:
        for index in range(first, len(self.stages)):
            if not self._bypassed[index]:
                block = self._timed(index, self.stages[index].process, block)
        return block

    def _timed(self, index: int, step: Callable[..., Block], *arguments: Block) -> Block:
        started_s = self._clock()
        block = step(*arguments)
        self._busy_s[index] += self._clock() - started_s
        return block


def run_blocks(processor: Processor, blocks: Iterable[Block]) -> Iterator[Block]:
    """Yield a whole stream through a processor, its tail included."""
    for block in blocks:
        yield processor.process(block)
    yield processor.flush()
