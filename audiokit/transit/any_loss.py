"""Losses from several causes."""

from __future__ import annotations

from dataclasses import dataclass

from audiokit.transit.draws import Rng
from audiokit.transit.loss import Losses, LossModel

__all__ = ["AnyLoss"]


@dataclass(frozen=True, slots=True)
class AnyLoss(LossModel):
    """A packet is lost where any of several models loses it.

    Args:
        parts: Each draws from a generator of its own, for every packet.
    """

    parts: tuple[LossModel, ...]

    def start(self, rng: Rng) -> Losses:
        machines = [
            part.start(own)
            for part, own in zip(self.parts, rng.spawn(len(self.parts)), strict=True)
        ]
        # All are asked: what one takes must not change what the next one draws.
        return lambda sent_s: max([machine(sent_s) for machine in machines])
