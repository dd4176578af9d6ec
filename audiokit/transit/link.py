"""A network between sender and receiver, on a virtual clock."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

from audiokit.ranges import check_range
from audiokit.transit.bandwidth import TokenBucket, TokenBucketSettings
from audiokit.transit.delay import ConstantDelay, DelayModel
from audiokit.transit.draws import Rng, uniforms
from audiokit.transit.loss import LossModel, NoLoss
from audiokit.transit.packet import Packet

__all__ = ["Link", "LinkCounts", "LinkSettings"]


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """What happens to packets on their way.

    Args:
        loss: Which are lost.
        delay: How long they take.
        bandwidth: How much gets through; None for no limit.
        duplicate_percent: Share that is sent twice, 0 to 100; each copy fares for itself.
        reorder_percent: Share that skips the delay, and so overtakes others, 0 to 100.
        is_in_order: Whether a packet waits for those sent before it.
        drift_ppm: How much faster the sender's clock runs, -10000 to 10000.
        limit_packets: Most that are under way at once; more are dropped. 1 to 1000000.

    Raises:
        SettingError: A value is out of range.

    References:
        tc-netem(8): duplicates, reordering and the limit are meant as there.
    """

    loss: LossModel = field(default_factory=NoLoss)
    delay: DelayModel = field(default_factory=ConstantDelay)
    bandwidth: TokenBucketSettings | None = None
    duplicate_percent: float = 0.0
    reorder_percent: float = 0.0
    is_in_order: bool = False
    drift_ppm: float = 0.0
    limit_packets: int = 1000

    def __post_init__(self) -> None:
        check_range("duplicate_percent", self.duplicate_percent, 0.0, 100.0, unit="%")
        check_range("reorder_percent", self.reorder_percent, 0.0, 100.0, unit="%")
        check_range("drift_ppm", self.drift_ppm, -10_000.0, 10_000.0, unit="ppm")
        check_range("limit_packets", self.limit_packets, 1, 1e6)


@dataclass(slots=True)
class LinkCounts:
    """What a link did so far.

    Args:
        sent: Packets that were pushed.
        lost: Copies that the loss model took.
        dropped: Copies for which bandwidth or limit left no room.
        duplicated: Packets that were sent twice.
        reordered: Copies that skipped the delay.
    """

    sent: int = 0
    lost: int = 0
    dropped: int = 0
    duplicated: int = 0
    reordered: int = 0


class Link:
    """Take packets in, give them out when they arrive; some never do.

    A machine: it never reads a clock. Each part draws from a random generator of its own, so
    that another delay leaves the losses as they were.

    Args:
        settings: What happens to packets.
        rng: Where chance comes from.
    """

    def __init__(self, settings: LinkSettings, rng: Rng) -> None:
        for_loss, for_delay, for_copies, for_order = rng.spawn(4)
        self.counts = LinkCounts()
        self._is_lost = settings.loss.start(for_loss)
        self._delay_s = settings.delay.start(for_delay)
        self._draw_copy, self._draw_order = uniforms(for_copies), uniforms(for_order)
        self._bucket = TokenBucket(settings.bandwidth) if settings.bandwidth else None
        self._duplicates = settings.duplicate_percent / 100.0
        self._reorders = settings.reorder_percent / 100.0
        self._is_in_order = settings.is_in_order
        self._per_sender_s = 1.0 / (1.0 + settings.drift_ppm * 1e-6)
        self._limit = settings.limit_packets
        self._last_s = 0.0
        self._n_copies = 0
        # Sorted by arrival, then by the order of sending.
        self._under_way: list[tuple[float, int, Packet]] = []

    def push(self, packet: Packet, now_s: float) -> None:
        """Send a packet.

        Args:
            packet: What is sent.
            now_s: When, by the sender's clock; not before the packet sent last.
        """
        self.counts.sent += 1
        sent_s = now_s * self._per_sender_s
        self._send(packet, sent_s)
        if self._duplicates and self._draw_copy() < self._duplicates:
            self.counts.duplicated += 1
            self._send(packet, sent_s)

    def pull(self, now_s: float) -> list[tuple[float, Packet]]:
        """Return what has arrived by now, ``(arrival_s, packet)`` in order of arrival.

        Args:
            now_s: By the receiver's clock.
        """
        arrived = []
        under_way = self._under_way
        while under_way and under_way[0][0] <= now_s:
            arrival_s, _, packet = heapq.heappop(under_way)
            arrived.append((arrival_s, packet))
        return arrived

    def next_arrival_s(self) -> float | None:
        """Return when the next packet arrives; None if none is under way."""
        return self._under_way[0][0] if self._under_way else None

    def _send(self, packet: Packet, sent_s: float) -> None:
        if self._is_lost(sent_s):
            self.counts.lost += 1
            return
        left_s: float | None = sent_s
        if self._bucket:
            left_s = self._bucket.leave_s(len(packet.payload), sent_s)
        if left_s is None or len(self._under_way) >= self._limit:
            self.counts.dropped += 1
            return
        # Drawn for those too that skip it: the others' delays stay what they were.
        arrival_s = left_s + self._delay_s(sent_s)
        if self._reorders and self._draw_order() < self._reorders:
            self.counts.reordered += 1
            arrival_s = left_s
        elif self._is_in_order:
            arrival_s = self._last_s = max(arrival_s, self._last_s)
        self._n_copies += 1
        heapq.heappush(self._under_way, (arrival_s, self._n_copies, packet))
