"""Round trip and clock offset from four time stamps."""

from __future__ import annotations

from collections import deque

from audiokit.live.messages import ClockReply

__all__ = ["ClockMeter"]

_KEPT = 8
_MAX_ROUND_TRIP_S = 60.0


class ClockMeter:
    """The other end's clock, seen through the network.

    Of the last exchanges the quickest counts: what held the others up did so one way.

    References:
        RFC 5905, 8 and 10: offset, delay and the clock filter.
    """

    def __init__(self) -> None:
        self._kept: deque[tuple[float, float]] = deque(maxlen=_KEPT)

    def take(self, reply: ClockReply, t4_s: float) -> None:
        """Take a reply that arrived at `t4_s`; one that makes no sense is passed over.

        Args:
            reply: `t1_s` by our clock, `t2_s` and `t3_s` by theirs.
            t4_s: By our clock.
        """
        round_trip_s = (t4_s - reply.t1_s) - (reply.t3_s - reply.t2_s)
        if 0.0 <= round_trip_s <= _MAX_ROUND_TRIP_S:
            offset_s = ((reply.t2_s - reply.t1_s) + (reply.t3_s - t4_s)) / 2.0
            self._kept.append((round_trip_s, offset_s))

    @property
    def round_trip_s(self) -> float | None:
        """The shortest of the last round trips; None before the first."""
        return min(self._kept)[0] if self._kept else None

    @property
    def offset_s(self) -> float | None:
        """How far their clock is ahead of ours; None before the first exchange."""
        return min(self._kept)[1] if self._kept else None
