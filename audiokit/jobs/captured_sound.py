"""Captured packets of samples as sound of exactly the sender's length, losses concealed."""

from __future__ import annotations

from collections.abc import Iterator

from audiokit.errors import MalformedPacketError
from audiokit.jobs.captured import CapturedStream
from audiokit.jobs.captured_opus import in_order
from audiokit.jobs.simulate_codec import CodecSettings, open_decoder
from audiokit.stage import Block
from audiokit.transit.packet import timestamp_distance

__all__ = ["CapturedSound"]

_LONGEST_GAP_S = 60.0


class CapturedSound:
    """Packets in the order of their numbers, and sound for those that are missing.

    A jump of more than 60 s is no gap: the sender began anew.

    Args:
        stream: Of G.711, or of samples.

    Attributes:
        n_packets: Packets decoded so far.
        n_bytes: What they took.
        n_lost_samples: Samples that were made up so far.
        n_broken: Packets that did not decode, and were concealed.
    """

    def __init__(self, stream: CapturedStream) -> None:
        self._fmt = stream.fmt
        self._decoder = open_decoder(stream.fmt, CodecSettings(codec=stream.codec))
        packets = (packet for _, packet in stream.packets)
        self._packets = in_order(packets, stream.payload_type, stream.clock_hz)
        self.n_packets = self.n_bytes = self.n_lost_samples = self.n_broken = 0

    def blocks(self) -> Iterator[Block]:
        """Yield the sound, packet by packet."""
        end: int | None = None
        most = round(_LONGEST_GAP_S * self._fmt.sample_rate)
        for packet in self._packets:
            if end is not None:
                missing = timestamp_distance(packet.timestamp, end)
                if 0 < missing <= most:
                    self.n_lost_samples += missing
                    yield self._decoder.conceal(missing)
            try:
                block = self._decoder.decode(packet.payload)
            except MalformedPacketError:
                # What its time stands for is concealed before the next one.
                self.n_broken += 1
                continue
            self.n_packets += 1
            self.n_bytes += len(packet.payload)
            yield block
            end = (packet.timestamp + len(block)) & 0xFFFFFFFF
