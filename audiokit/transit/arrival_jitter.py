"""How unevenly packets arrive, in the one number that RTCP reports."""

from __future__ import annotations

__all__ = ["ArrivalJitter"]


class ArrivalJitter:
    """Smooth how much transit times of neighbours differ.

    Attributes:
        jitter_s: The estimate, in s.

    References:
        RFC 3550, section 6.4.1 and appendix A.8.
    """

    def __init__(self) -> None:
        self.jitter_s = 0.0
        self._last_s: float | None = None

    def note(self, transit_s: float) -> None:
        """Take note of a packet's arrival time less its time in the stream."""
        if self._last_s is not None:
            self.jitter_s += (abs(transit_s - self._last_s) - self.jitter_s) / 16.0
        self._last_s = transit_s
