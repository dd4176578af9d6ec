"""How late packets are, and how long to wait for them."""

from __future__ import annotations

import math

__all__ = ["TargetDelay"]

_BIN_S = 0.005
_N_BINS = 100
# How many packets the memory of lateness lasts, as a decay per packet.
_MEMORY_PACKETS = 400.0
# What one hundredth of packets late is worth, in seconds of delay.
_S_PER_PERCENT_LATE = 0.012
# Half of the time over which the quickest packet is remembered.
_HALF_WINDOW_S = 2.0
_RECKON_EVERY = 5
# Few packets are later than what is usual.
_SHARE_UNUSUAL = 0.2
_LARGEST_WEIGHT = 1e9


class TargetDelay:
    """Follow how late packets arrive, and choose how late to play them.

    Lateness is counted from the quickest packet of the last seconds, so that neither the
    clocks' difference nor their drift matters. The delay chosen costs least, where each
    millisecond costs one and each hundredth of packets late some.

    Args:
        least_s: Shortest delay to choose.
        most_s: Longest.

    Attributes:
        base_s: Arrival time less stream time of the quickest packet of late.
        target_s: How long after that a packet should be played.
        usual_s: How much later than the quickest nearly all packets arrive.

    References:
        The optimum of delay and loss together: A. Florencio et al. and others; here with a
        histogram that forgets exponentially, as WebRTC's NetEQ keeps one.
    """

    def __init__(self, *, least_s: float, most_s: float) -> None:
        self._least_s, self._most_s = least_s, most_s
        self.base_s = math.inf
        self.target_s = min(max(0.06, least_s), most_s)
        self.usual_s = self.target_s
        self._quickest_s = self._quickest_before_s = math.inf
        self._half_ends_s = -math.inf
        self._bins = [0.0] * _N_BINS
        self._weight = 1.0
        self._growth = math.exp(1.0 / _MEMORY_PACKETS)
        self._total = 0.0
        self._until_reckoned = _RECKON_EVERY

    def note(self, arrival_s: float, transit_s: float) -> float:
        """Take note of a packet; return how late it is, in s.

        Args:
            arrival_s: When it arrived.
            transit_s: That, less its time in the stream.
        """
        if arrival_s >= self._half_ends_s:
            self._quickest_before_s = self._quickest_s
            self._quickest_s = transit_s
            self._half_ends_s = arrival_s + _HALF_WINDOW_S
            self.base_s = min(transit_s, self._quickest_before_s)
        elif transit_s < self._quickest_s:
            self._quickest_s = transit_s
            self.base_s = min(transit_s, self._quickest_before_s)
        late_s = transit_s - self.base_s
        index = int(late_s / _BIN_S)
        self._bins[index if index < _N_BINS else _N_BINS - 1] += self._weight
        self._total += self._weight
        self._weight *= self._growth
        self._until_reckoned -= 1
        if self._until_reckoned <= 0 or late_s > self.target_s:
            self._until_reckoned = _RECKON_EVERY
            self._reckon()
        return late_s

    def _reckon(self) -> None:
        per_late_s = 100.0 * _S_PER_PERCENT_LATE / self._total
        late = self._total
        best_s, least_cost = self._most_s, math.inf
        delay_s = usual_s = 0.0
        unusual = _SHARE_UNUSUAL * self._total
        for weight in self._bins:
            late -= weight
            delay_s += _BIN_S
            if late > unusual:
                usual_s = delay_s
            cost = delay_s + per_late_s * late
            if cost < least_cost:
                best_s, least_cost = delay_s, cost
        self.target_s = min(max(best_s, self._least_s), self._most_s)
        self.usual_s = usual_s + _BIN_S
        if self._weight > _LARGEST_WEIGHT:
            self._bins = [weight / self._weight for weight in self._bins]
            self._total /= self._weight
            self._weight = 1.0
