"""Packets of Opus as they arrived, in the order and with the gaps of the stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from audiokit.codec.ogg_reader import OggGap, OggItem, OggPacket
from audiokit.codec.opus_packet import duration_48k
from audiokit.errors import MalformedPacketError
from audiokit.transit.packet import OPUS_CLOCK_HZ, Packet, timestamp_distance
from audiokit.transit.sequencer import Sequencer

__all__ = ["PRE_SKIP_48K", "in_order", "opus_items"]

PRE_SKIP_48K = 312
"""What libopus looks ahead, but in its mode of least delay; no capture says it."""

_LONGEST_GAP_48K = 60 * 48_000
_UNIT_48K = 120


def in_order(
    packets: Iterable[Packet], payload_type: int, clock_hz: int = OPUS_CLOCK_HZ
) -> list[Packet]:
    """Return the packets of a type in the order of their numbers, each once.

    Where the sender began anew, what it sent then follows.

    Args:
        packets: As they arrived.
        payload_type: Of those that are kept.
        clock_hz: Of their timestamps.
    """
    sequencer = Sequencer(clock_hz)
    found = [placed for packet in packets for placed in sequencer.place(packet, 0.0)]
    found.sort(key=lambda placed: placed.sequence)
    return [placed.packet for placed in found if placed.packet.payload_type == payload_type]


def opus_items(packets: Sequence[Packet]) -> Iterator[OggItem]:
    """Yield packets in order, and gaps as long as the times between them say.

    A jump of more than 60 s is no gap: the sender began anew.

    Args:
        packets: In order, each once; clock of 48 kHz.
    """
    end: int | None = None
    last_48k = 960
    for packet in packets:
        if end is not None:
            missing = timestamp_distance(packet.timestamp, end)
            if _UNIT_48K <= missing <= _LONGEST_GAP_48K:
                yield OggGap(missing // _UNIT_48K * _UNIT_48K)
        try:
            last_48k = duration_48k(packet.payload)
            yield OggPacket(packet.payload, last_48k, last_48k)
        except MalformedPacketError:
            yield OggPacket(packet.payload, last_48k, last_48k, is_broken=True)
        end = (packet.timestamp + last_48k) & 0xFFFFFFFF
