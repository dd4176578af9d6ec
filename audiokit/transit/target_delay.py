"""How late packets are, and how long to wait for them."""

from __future__ import annotations

import math

from audiokit.transit.fading_histogram import FadingHistogram

__all__ = ["OVERDUE_S", "TargetDelay"]

_BIN_S = 0.005
_N_BINS = 100
# How many packets the memory of lateness lasts, as a decay per packet.
_MEMORY_PACKETS = 300.0
# What one hundredth of the sound being made up is worth, in seconds of delay.
_S_PER_PERCENT = 0.018
# Half of the time over which the quickest packet is remembered.
_HALF_WINDOW_S = 2.0
_RECKON_EVERY = 5
# Few packets are later than what is usual.
_SHARE_UNUSUAL = 0.2
# How much of a packet's lateness is forgotten with each that follows: about as fast as the
# delay falls by stretching.
_RECENT_FALLS_S = 0.02
_FIRST_S = 0.04
OVERDUE_S = 0.005
"""What is later than usual by so much is overdue."""
_FIRST_LATE_SHARE, _SHARE_LEARNS = 0.25, 0.1


class TargetDelay:
    """Follow how late packets arrive, and choose how late to play them.

    Lateness is counted from the quickest packet of the last seconds, so that neither the
    clocks' difference nor their drift matters. What is late is waited for, so that only the rise
    above what came before it costs: of such rises a fading histogram is kept, and the delay
    chosen that costs least, where each millisecond has a price and each hundredth of sound
    made up another.

    Args:
        least_s: Shortest delay to choose.
        most_s: Longest.
        packet_s: How long packets are.

    Attributes:
        base_s: Arrival time less stream time of the quickest packet of late.
        target_s: How long after that a packet should be played.
        recent_s: How late the latest packet of the last moments was; falls by and by.
        late_share: Of packets that were overdue, how many were late, and not lost; 0 to 1.
        usual_s: How much later than the quickest nearly all packets arrive.
    """

    def __init__(self, *, least_s: float, most_s: float, packet_s: float = 0.02) -> None:
        self._least_s, self._most_s, self._packet_s = least_s, most_s, packet_s
        self.base_s = math.inf
        self.target_s = self.usual_s = min(max(_FIRST_S, least_s), most_s)
        self.recent_s = 0.0
        self.late_share = _FIRST_LATE_SHARE
        self._quickest_s = self._quickest_before_s = math.inf
        self._half_ends_s = -math.inf
        self._lateness = FadingHistogram(_N_BINS, memory=_MEMORY_PACKETS)
        self._rises = FadingHistogram(_N_BINS, memory=_MEMORY_PACKETS)
        # From where the histograms count.
        self._bins_base_s = math.inf
        self._until_reckoned = _RECKON_EVERY

    def note(self, arrival_s: float, transit_s: float, missing_s: float = 0.0) -> float:
        """Take note of a packet; return how late it is, in s.

        Args:
            arrival_s: When it arrived.
            transit_s: That, less its time in the stream.
            missing_s: How much of the stream before it has not arrived.
        """
        if arrival_s >= self._half_ends_s:
            self._quickest_before_s = self._quickest_s
            self._quickest_s = transit_s
            self._half_ends_s = arrival_s + _HALF_WINDOW_S
            self.base_s = min(transit_s, self._quickest_before_s)
        elif transit_s < self._quickest_s:
            self._quickest_s = transit_s
            self.base_s = min(transit_s, self._quickest_before_s)
        if abs(self.base_s - self._bins_base_s) >= _BIN_S:
            self._rebase()
        late_s = transit_s - self.base_s
        bound_s = self.usual_s + OVERDUE_S
        if late_s + missing_s > bound_s:
            # Something was overdue until now: either this packet, or one that is lost.
            self.late_share += ((late_s > bound_s) - self.late_share) * _SHARE_LEARNS
        self._lateness.fade()
        self._rises.fade()
        index = int(late_s / _BIN_S)
        self._lateness.add(index)
        if late_s > self.recent_s:
            self._rises.add_from(int(self.recent_s / _BIN_S), index)
            self.recent_s = late_s
        else:
            self.recent_s = max(late_s, self.recent_s - _RECENT_FALLS_S)
        self._until_reckoned -= 1
        if self._until_reckoned <= 0 or late_s > self.target_s:
            self._until_reckoned = _RECKON_EVERY
            self._reckon()
        return late_s

    def _rebase(self) -> None:
        """Count what is remembered from the new base too: a lasting rise is no lateness."""
        if self._bins_base_s == math.inf:
            self._bins_base_s = self.base_s
            return
        n_bins = int((self.base_s - self._bins_base_s) / _BIN_S)
        self.recent_s = max(0.0, self.recent_s - n_bins * _BIN_S)
        self._lateness.shift(n_bins)
        self._rises.shift(n_bins)
        self._bins_base_s += n_bins * _BIN_S
        self._until_reckoned = 0

    def _reckon(self) -> None:
        # A rise of one bin is so much sound made up.
        lateness = self._lateness.bins
        n_packets = sum(lateness) / self._lateness.weight
        price_s = 100.0 * _S_PER_PERCENT * _BIN_S
        price_s /= n_packets * self._packet_s * self._rises.weight
        above = sum(self._rises.bins)
        best_s, least_cost, delay_s = 0.0, price_s * above, 0.0
        for rises in self._rises.bins:
            above -= rises
            delay_s += _BIN_S
            cost = delay_s + price_s * above
            if cost < least_cost:
                best_s, least_cost = delay_s, cost
            if delay_s >= self._most_s:
                break
        self.target_s = min(max(best_s, self._least_s), self._most_s)
        unusual = _SHARE_UNUSUAL * n_packets * self._lateness.weight
        for index in range(_N_BINS - 1, -1, -1):
            unusual -= lateness[index]
            if unusual < 0.0:
                break
        self.usual_s = (index + 1) * _BIN_S
