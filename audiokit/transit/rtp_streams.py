"""The RTP streams of a capture, among whatever else it holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from audiokit.errors import MalformedPacketError
from audiokit.transit.datagram import Datagram
from audiokit.transit.packet import Packet, parse_rtp, sequence_distance

__all__ = ["RtpStream", "find_streams"]

_MOST_STREAMS = 64
_LEAST_PACKETS = 3
# Of other protocols some bytes look like RTP; that they count up is another matter.
_LEAST_SHARE_IN_STEP = 0.5
_LONGEST_STEP = 100
_Key = tuple[int, str, int, str, int]


@dataclass(frozen=True, slots=True)
class RtpStream:
    """The packets of one sender.

    Args:
        ssrc: Which it called itself.
        source: Address and port that it sent from.
        destination: Address and port that it sent to.
        packets: ``(arrival_s, packet)`` in the order of the capture.
    """

    ssrc: int
    source: tuple[str, int]
    destination: tuple[str, int]
    packets: tuple[tuple[float, Packet], ...]

    @property
    def n_lost(self) -> int:
        """Packets that never came between the first and the last, by their numbers."""
        newest = seen = 0
        numbers = set()
        first = self.packets[0][1].sequence
        previous = first
        for _, packet in self.packets:
            newest += sequence_distance(packet.sequence, previous)
            previous = packet.sequence
            numbers.add(newest)
            seen = max(seen, newest)
        return seen - min(numbers) + 1 - len(numbers)


def find_streams(datagrams: Sequence[Datagram]) -> list[RtpStream]:
    """Return the streams of RTP, that with the most packets first; at most 64.

    Everything is counted first and only then kept, so that junk, however much, neither takes
    memory nor pushes a call out.

    Args:
        datagrams: What a capture holds.
    """
    counts: Counter[_Key] = Counter()
    for datagram in datagrams:
        found = _packet_of(datagram)
        if found is not None:
            counts[_key(datagram, found)] += 1
    kept: dict[_Key, list[tuple[float, Packet]]] = {
        key: [] for key, count in counts.most_common(_MOST_STREAMS) if count >= _LEAST_PACKETS
    }
    for datagram in datagrams:
        found = _packet_of(datagram)
        if found is not None:
            packets = kept.get(_key(datagram, found))
            if packets is not None:
                packets.append((datagram.time_s, found))
    return [
        RtpStream(key[0], key[1:3], key[3:5], tuple(packets))
        for key, packets in kept.items()
        if _counts_up([packet for _, packet in packets])
    ]


def _packet_of(datagram: Datagram) -> Packet | None:
    try:
        return parse_rtp(datagram.payload)
    except MalformedPacketError:
        # Most of what a capture holds is no RTP.
        return None


def _key(datagram: Datagram, packet: Packet) -> _Key:
    return (
        packet.ssrc,
        datagram.source,
        datagram.source_port,
        datagram.destination,
        datagram.destination_port,
    )


def _counts_up(packets: Sequence[Packet]) -> bool:
    steps = [
        abs(sequence_distance(later.sequence, earlier.sequence))
        for earlier, later in pairwise(packets)
    ]
    n_in_step = sum(step <= _LONGEST_STEP for step in steps)
    return n_in_step >= _LEAST_SHARE_IN_STEP * len(steps)
