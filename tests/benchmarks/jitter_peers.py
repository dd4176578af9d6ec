"""How others would have played the same packets: arrivals in, delays and gaps out.

Each takes the arrival times of packets of 20 ms, infinity where one is lost, and returns a
`Playout`. No sound is made: what they do to it is counted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

PACKET_S = 0.02
FIXED_S = 0.08
# Talk and pause by turns, for those who change their delay in pauses only.
TALK_PACKETS, PAUSE_PACKETS = 75, 25


@dataclass
class Playout:
    """What was heard, and when."""

    delay_s: list = field(default_factory=list)
    """From the first sample's capture to its being heard, of each piece that was played."""
    heard_s: float = 0.0
    """How much was heard as it was sent."""
    concealed_s: float = 0.0
    stretched_s: float = 0.0
    gaps_s: list = field(default_factory=list)
    """Length of each stretch of sound that was made up."""

    def hear(self, delay_s, seconds):
        """Count sound that was played, and how late."""
        self.delay_s.append(delay_s)
        self.heard_s += seconds

    def conceal(self, seconds, *, goes_on):
        """Count sound that was made up."""
        if seconds <= 0.0:
            return
        self.concealed_s += seconds
        if goes_on and self.gaps_s:
            self.gaps_s[-1] += seconds
        else:
            self.gaps_s.append(seconds)


def scheduled(arrival_s, playout_s):
    """Return what happens if packet k is played at a given time or never."""
    result = Playout()
    was_missing = False
    for index, (came_s, due_s) in enumerate(zip(arrival_s, playout_s, strict=True)):
        is_missing = came_s > due_s
        if is_missing:
            result.conceal(PACKET_S, goes_on=was_missing)
        else:
            result.hear(due_s - index * PACKET_S, PACKET_S)
        was_missing = is_missing
    return result


def quickest_transit_s(arrival_s):
    """Return arrival less place in the stream of the quickest packet: what a wire takes."""
    return float(np.min(arrival_s - np.arange(len(arrival_s)) * PACKET_S))


def fixed_discard(arrival_s, delay_s=FIXED_S):
    """Play everything one delay behind the quickest packet; what is late is lost."""
    start_s = quickest_transit_s(arrival_s) + delay_s
    return scheduled(arrival_s, start_s + np.arange(len(arrival_s)) * PACKET_S)


def hindsight(arrival_s, rate):
    """Return the fixed delay's playout that `rate` (of a playout) finds best."""
    tried = (fixed_discard(arrival_s, at / 200.0) for at in range(2, 81))
    return max(tried, key=rate)


def ramjee(arrival_s):
    """Play each stretch of talk at the mean delay plus four times its deviation.

    R. Ramjee, J. Kurose, D. Towsley, H. Schulzrinne, "Adaptive playout mechanisms for packetized
    audio applications in wide-area networks", IEEE INFOCOM 1994, algorithm 1.
    """
    keep = 0.998002
    transit_s = arrival_s - np.arange(len(arrival_s)) * PACKET_S
    first = int(np.argmin(arrival_s))
    mean_s = transit_s[first]
    deviation_s = 0.0
    period = TALK_PACKETS + PAUSE_PACKETS
    playout_s, offset_s, heard = [], None, 0
    # What has arrived by the time a packet is sent is known.
    order = np.argsort(arrival_s, kind="stable")
    for index in range(len(arrival_s)):
        while heard < len(order) and arrival_s[order[heard]] <= (index + 1) * PACKET_S:
            seen_s = transit_s[order[heard]]
            mean_s = keep * mean_s + (1.0 - keep) * seen_s
            deviation_s = keep * deviation_s + (1.0 - keep) * abs(mean_s - seen_s)
            heard += 1
        if offset_s is None or index % period == 0:
            offset_s = mean_s + 4.0 * deviation_s
        playout_s.append(index * PACKET_S + offset_s)
    return scheduled(arrival_s, np.array(playout_s))


def expanding(arrival_s, target, *, quickest_rate=0.15):
    """Play in order; wait for what is late while making up sound; hurry back to the target.

    Args:
        arrival_s: When packets came.
        target: Called with the time, returns the transit at which to play, in s.
        quickest_rate: Most of the sound that stretching adds or takes out.
    """
    result = Playout()
    now_s = target(0.0)
    was_missing = False
    newest_first = np.minimum.accumulate(arrival_s[::-1])[::-1]
    for index, came_s in enumerate(arrival_s):
        # Lost if something later is there when its time comes.
        later_s = newest_first[index + 1] if index + 1 < len(arrival_s) else math.inf
        ready_s = min(came_s, max(later_s, now_s))
        if math.isinf(ready_s):
            break
        if ready_s > now_s:
            result.conceal(ready_s - now_s, goes_on=was_missing)
            was_missing = True
            now_s = ready_s
        if came_s > now_s:
            # The waiting, if any, stood for it.
            waited_s = result.gaps_s[-1] if was_missing and ready_s == now_s else 0.0
            result.conceal(max(0.0, PACKET_S - waited_s), goes_on=was_missing)
            now_s += max(0.0, PACKET_S - waited_s)
            was_missing = True
            continue
        was_missing = False
        result.hear(now_s - index * PACKET_S, PACKET_S)
        excess_s = now_s - index * PACKET_S - target(now_s)
        change_s = np.clip(-excess_s, -quickest_rate * PACKET_S, quickest_rate * PACKET_S)
        result.stretched_s += abs(change_s)
        now_s += PACKET_S + change_s
    return result


def fixed_expand(arrival_s):
    """Play 80 ms behind the quickest packet, and wait for what is late."""
    start_s = quickest_transit_s(arrival_s) + FIXED_S
    return expanding(arrival_s, lambda _: start_s)


def neteq_like(arrival_s):
    """Aim at the 95th percentile of a forgetting histogram of relative delays, in 20 ms steps.

    So WebRTC's delay manager does: forgetting factor 0.983, quantile 0.95, delays relative
    to the quickest packet of the last 2 s.
    """
    forget, quantile, step_s, history_s = 0.9833, 0.95, 0.02, 2.0
    transit_s = arrival_s - np.arange(len(arrival_s)) * PACKET_S
    order = [k for k in np.argsort(arrival_s, kind="stable") if not math.isinf(arrival_s[k])]
    bins = np.zeros(100)
    bins[2] = 1.0
    recent, heard = [], 0
    base_s = arrival_s[order[0]] - order[0] * PACKET_S

    def target(now_s):
        nonlocal heard, base_s
        while heard < len(order) and arrival_s[order[heard]] <= now_s:
            at_s, seen_s = arrival_s[order[heard]], transit_s[order[heard]]
            recent.append((at_s, seen_s))
            while recent[0][0] < at_s - history_s:
                recent.pop(0)
            base_s = min(seen for _, seen in recent)
            bins[:] *= forget
            bins[min(99, int((seen_s - base_s) / step_s))] += 1.0 - forget
            heard += 1
        level = int(np.searchsorted(np.cumsum(bins), quantile * bins.sum())) + 1
        return base_s + level * step_s

    return expanding(arrival_s, target)
