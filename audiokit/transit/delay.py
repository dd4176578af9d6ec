"""How long packets take.

A model is a frozen description; `start` gives the machine that follows it: called with the
time at which each packet is sent, in order, it returns how long that packet is under way.
Models are added with `SummedDelay`: a constant, jitter, now and then a spike.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from audiokit.errors import SettingError
from audiokit.ranges import check_range
from audiokit.transit.draws import Rng, normals, uniforms

__all__ = ["ConstantDelay", "DelayModel", "RandomDelay", "SpikeDelay", "SummedDelay"]

Delays = Callable[[float], float]
_LONGEST_MS = 60_000.0
# Of the heavy tail: netem's table has the same.
_PARETO_SHAPE = 3.0
_PARETO_MEAN = _PARETO_SHAPE / (_PARETO_SHAPE - 1.0)
_PARETO_SD = math.sqrt(_PARETO_SHAPE / (_PARETO_SHAPE - 2.0)) / (_PARETO_SHAPE - 1.0)


class DelayModel(Protocol):
    """A description of delays."""

    def start(self, rng: Rng) -> Delays:
        """Return what tells each packet's delay in s, by its send time in s."""
        ...


@dataclass(frozen=True, slots=True)
class ConstantDelay(DelayModel):
    """The same for all.

    Args:
        delay_ms: 0 to 60000.

    Raises:
        SettingError: The delay is out of range.
    """

    delay_ms: float = 0.0

    def __post_init__(self) -> None:
        check_range("delay_ms", self.delay_ms, 0.0, _LONGEST_MS, unit="ms")

    def start(self, rng: Rng) -> Delays:  # noqa: ARG002  nothing is random here
        delay_s = self.delay_ms / 1000.0
        return lambda _: delay_s


@dataclass(frozen=True, slots=True)
class RandomDelay(DelayModel):
    """Delays around a mean, each a little like the last; none is negative.

    Args:
        delay_ms: Mean, 0 to 60000, before what would be negative becomes 0.
        jitter_ms: Standard deviation, 0 to 60000.
        correlation: Of neighbours, 0 to below 1: of the normal variable behind them.
        distribution: ``normal``, or ``pareto``: few delays are long, and some very much so.

    Raises:
        SettingError: A value is out of range.

    References:
        tc-netem(8), whose ``distribution pareto`` has the shape 3 that this has. Its
        correlation is of uniform numbers, which changes the distribution; ours does not.
    """

    delay_ms: float
    jitter_ms: float
    correlation: float = 0.0
    distribution: Literal["normal", "pareto"] = "normal"

    def __post_init__(self) -> None:
        check_range("delay_ms", self.delay_ms, 0.0, _LONGEST_MS, unit="ms")
        check_range("jitter_ms", self.jitter_ms, 0.0, _LONGEST_MS, unit="ms")
        check_range("correlation", self.correlation, 0.0, 0.999999)
        if self.distribution not in {"normal", "pareto"}:
            raise SettingError("distribution", self.distribution, "normal or pareto")

    def start(self, rng: Rng) -> Delays:
        draw = normals(rng)
        mean_s, jitter_s = self.delay_ms / 1000.0, self.jitter_ms / 1000.0
        keep = self.correlation
        add = math.sqrt(1.0 - keep * keep)
        is_pareto = self.distribution == "pareto"
        state = draw()

        def delay_s(_: float) -> float:
            nonlocal state
            value = _pareto(state) if is_pareto else state
            state = keep * state + add * draw()
            return max(0.0, mean_s + jitter_s * value)

        return delay_s


def _pareto(normal: float) -> float:
    """Return the number of mean 0 and deviation 1 that is as rare as a normal one."""
    above = max(0.5 * math.erfc(normal / math.sqrt(2.0)), 1e-12)
    return float((above ** (-1.0 / _PARETO_SHAPE) - _PARETO_MEAN) / _PARETO_SD)


@dataclass(frozen=True, slots=True)
class SpikeDelay(DelayModel):
    """Nothing gets through for a while, then all that waited arrives at once.

    So Wi-Fi scans and cellular handovers behave. Spikes come at random, independent of each
    other, and those that overlap end with the later one.

    Args:
        spikes_per_minute: 0 to 6000.
        height_ms: Mean duration, exponentially distributed, 0 to 60000.

    Raises:
        SettingError: A value is out of range.
    """

    spikes_per_minute: float
    height_ms: float

    def __post_init__(self) -> None:
        check_range("spikes_per_minute", self.spikes_per_minute, 0.0, 6000.0)
        check_range("height_ms", self.height_ms, 0.0, _LONGEST_MS, unit="ms")

    def start(self, rng: Rng) -> Delays:
        if self.spikes_per_minute == 0.0:
            return lambda _: 0.0
        draw = uniforms(rng)
        pause_s, height_s = 60.0 / self.spikes_per_minute, self.height_ms / 1000.0

        def exponential(mean_s: float) -> float:
            return -mean_s * math.log(1.0 - draw())

        begin_s = exponential(pause_s)
        until_s = 0.0

        def delay_s(sent_s: float) -> float:
            nonlocal begin_s, until_s
            while begin_s <= sent_s:
                until_s = max(until_s, begin_s + exponential(height_s))
                begin_s += exponential(pause_s)
            return max(0.0, until_s - sent_s)

        return delay_s


@dataclass(frozen=True, slots=True)
class SummedDelay(DelayModel):
    """Several delays, one after the other.

    Args:
        parts: Each draws from a generator of its own.
    """

    parts: tuple[DelayModel, ...]

    def start(self, rng: Rng) -> Delays:
        machines = [
            part.start(own)
            for part, own in zip(self.parts, rng.spawn(len(self.parts)), strict=True)
        ]

        def delay_s(sent_s: float) -> float:
            total_s = 0.0
            for machine in machines:
                total_s += machine(sent_s)
            return total_s

        return delay_s
