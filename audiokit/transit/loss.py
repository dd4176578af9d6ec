"""Which packets never arrive.

A model is a frozen description; `start` gives the machine that follows it: called with the
time at which each packet is sent, in order, it says whether that packet is lost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from audiokit.errors import SettingError
from audiokit.ranges import check_range
from audiokit.transit.draws import Rng, uniforms

__all__ = [
    "Bernoulli",
    "FourState",
    "GilbertElliott",
    "LossList",
    "LossModel",
    "NoLoss",
    "bursty_loss",
]

Losses = Callable[[float], bool]


class LossModel(Protocol):
    """A description of losses."""

    def start(self, rng: Rng) -> Losses:
        """Return what says of each packet, by its send time in s, whether it is lost."""
        ...


@dataclass(frozen=True, slots=True)
class NoLoss(LossModel):
    """Every packet arrives."""

    def start(self, rng: Rng) -> Losses:  # noqa: ARG002  nothing is random here
        return lambda _: False


@dataclass(frozen=True, slots=True)
class Bernoulli(LossModel):
    """Losses that know nothing of each other.

    Args:
        loss_percent: Share of packets lost, 0 to 100.

    Raises:
        SettingError: The share is out of range.
    """

    loss_percent: float

    def __post_init__(self) -> None:
        check_range("loss_percent", self.loss_percent, 0.0, 100.0, unit="%")

    def start(self, rng: Rng) -> Losses:
        draw, share = uniforms(rng), self.loss_percent / 100.0
        return lambda _: draw() < share


@dataclass(frozen=True, slots=True)
class GilbertElliott(LossModel):
    """Two states, good and bad, each with losses of its own.

    With the last two as they are by default this is Gilbert's channel: all is lost in the bad
    state and nothing in the good one.

    Args:
        to_bad: Probability per packet of leaving the good state, 0 to 1.
        to_good: Probability per packet of leaving the bad state, 0 to 1.
        loss_in_bad: Probability of loss in the bad state, 0 to 1.
        loss_in_good: Probability of loss in the good state, 0 to 1.

    Raises:
        SettingError: A probability is out of range.

    References:
        E. N. Gilbert, "Capacity of a burst-noise channel", Bell System Technical Journal 39,
        1960; E. O. Elliott, "Estimates of error rates for codes on burst-noise channels",
        Bell System Technical Journal 42, 1963. netem's ``loss gemodel`` has the same four.
    """

    to_bad: float
    to_good: float
    loss_in_bad: float = 1.0
    loss_in_good: float = 0.0

    def __post_init__(self) -> None:
        for name in ("to_bad", "to_good", "loss_in_bad", "loss_in_good"):
            check_range(name, getattr(self, name), 0.0, 1.0)

    def start(self, rng: Rng) -> Losses:
        draw = uniforms(rng)
        leaves = (self.to_bad, self.to_good)
        loses = (self.loss_in_good, self.loss_in_bad)
        total = self.to_bad + self.to_good
        # Begun in its steady state, so that the first packets fare like all others.
        state = int(draw() * total < self.to_bad)

        def is_lost(_: float) -> bool:
            nonlocal state
            lost = draw() < loses[state]
            if draw() < leaves[state]:
                state = 1 - state
            return lost

        return is_lost


def bursty_loss(loss_percent: float, *, burst: float) -> GilbertElliott:
    """Return Gilbert's channel with this share of loss in bursts of this mean length.

    Args:
        loss_percent: Share of packets lost, 0 to 100.
        burst: Mean number of packets lost in a row, 1 or more. Random loss has
            ``1 / (1 - share)``.

    Raises:
        SettingError: Out of range, or so much loss that bursts this short cannot hold it.
    """
    check_range("loss_percent", loss_percent, 0.0, 100.0, unit="%")
    check_range("burst", burst, 1.0, 1e6, unit="packets")
    share = loss_percent / 100.0
    if share == 1.0:
        return GilbertElliott(1.0, 0.0)
    to_bad = share / (1.0 - share) / burst
    if to_bad > 1.0:
        least = share / (1.0 - share)
        raise SettingError(
            "burst", burst, f"{least:.3g} packets or more at {loss_percent:g} % loss"
        )
    return GilbertElliott(to_bad, 1.0 / burst)


@dataclass(frozen=True, slots=True)
class FourState(LossModel):
    """netem's ``loss state``: stretches of good reception with single losses, and bursts
    with packets received within.

    Args:
        p13: From good reception to a burst, 0 to 1.
        p31: From a loss in a burst back to good reception, 0 to 1.
        p32: From a loss in a burst to reception within the burst, 0 to 1.
        p23: From reception within a burst to a loss, 0 to 1.
        p14: From good reception to a single loss, 0 to 1.

    Raises:
        SettingError: A probability is out of range, or two from one state exceed 1 together.

    References:
        S. Salsano, F. Ludovici, A. Ordine, D. Giannuzzi, "Definition of a general and intuitive
        loss model for packet networks and its implementation in the Netem module in the Linux
        kernel", University of Rome Tor Vergata, 2012; tc-netem(8).
    """  # noqa: D205  the sentence needs two lines

    p13: float
    p31: float = 1.0
    p32: float = 0.0
    p23: float = 1.0
    p14: float = 0.0

    def __post_init__(self) -> None:
        for name in ("p13", "p31", "p32", "p23", "p14"):
            check_range(name, getattr(self, name), 0.0, 1.0)
        check_range("p13 + p14", self.p13 + self.p14, 0.0, 1.0)
        check_range("p31 + p32", self.p31 + self.p32, 0.0, 1.0)

    def loss_percent(self) -> float:
        """Return the share of packets lost in the long run."""
        # Steady state, the weight of good reception being 1: flows into each state equal
        # flows out of it.
        if self.p31 == 0.0:
            burst = 0.0 if self.p13 == 0.0 else float("inf")
        else:
            burst = self.p13 / self.p31
        within = burst * self.p32 / self.p23 if self.p32 else 0.0
        if burst == float("inf"):
            return 100.0 * self.p23 / (self.p23 + self.p32)
        return 100.0 * (burst + self.p14) / (1.0 + burst + within + self.p14)

    def start(self, rng: Rng) -> Losses:
        draw = uniforms(rng)
        # For each state: (probability up to here, next state) in order; 3 and 4 are losses.
        ways = {
            1: ((self.p14, 4), (self.p14 + self.p13, 3), (1.0, 1)),
            2: ((self.p23, 3), (1.0, 2)),
            3: ((self.p32, 2), (self.p32 + self.p31, 1), (1.0, 3)),
            4: ((1.0, 1),),
        }
        state = 1

        def is_lost(_: float) -> bool:
            nonlocal state
            value = draw()
            state = next(after for bound, after in ways[state] if value < bound)
            return state >= 3

        return is_lost


@dataclass(frozen=True, slots=True)
class LossList(LossModel):
    """Losses as recorded, packet by packet; from the start again when they end.

    Args:
        losses: True where a packet is lost; at least one entry.

    Raises:
        SettingError: The list is empty.
    """

    losses: tuple[bool, ...]

    def __post_init__(self) -> None:
        if not self.losses:
            raise SettingError("losses", "()", "a list of one packet or more")

    def start(self, rng: Rng) -> Losses:  # noqa: ARG002  nothing is random here
        at, losses = -1, self.losses

        def is_lost(_: float) -> bool:
            nonlocal at
            at = (at + 1) % len(losses)
            return losses[at]

        return is_lost
