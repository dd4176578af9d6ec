"""What arrived of a call, written as captures are: pcap, rtpdump, or Ogg Opus with its gaps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import audiokit
from audiokit.codec.ogg_reader import OggGap, OggPacket
from audiokit.codec.ogg_writer import OggOpusWriter, OpusHead, opus_tags
from audiokit.errors import EmptyError, SettingError
from audiokit.files.atomic import output_to
from audiokit.files.output import Output
from audiokit.jobs.call import CallWatcher
from audiokit.jobs.captured_opus import PRE_SKIP_48K, in_order, opus_items
from audiokit.stage import StreamFormat
from audiokit.transit.datagram import Datagram
from audiokit.transit.packet import Packet, build_rtp
from audiokit.transit.pcap import write_pcap
from audiokit.transit.rtpdump import write_rtpdump

__all__ = ["CaptureFile", "check_capture", "open_capture"]

_ENDINGS = ("pcap", "rtpdump", "opus")


class CaptureFile(CallWatcher, ABC):
    """Takes packets as they arrive, and writes them.

    Args:
        output: Where the bytes go.
    """

    def __init__(self, output: Output) -> None:
        self.output = output

    @abstractmethod
    def finish(self) -> None:
        """Complete the file."""


class _PcapFile(CaptureFile):
    """Datagrams of RTP, at their times after 1970 began."""

    def __init__(self, output: Output) -> None:
        super().__init__(output)
        self._head = write_pcap([])
        output.write(self._head)

    def arrived(self, packet: Packet, arrival_s: float) -> None:
        datagram = Datagram(max(0.0, arrival_s), build_rtp(packet))
        self.output.write(write_pcap([datagram])[len(self._head) :])

    def finish(self) -> None:
        pass


class _RtpdumpFile(CaptureFile):
    """The same as an rtpdump, whose times are whole milliseconds."""

    def __init__(self, output: Output) -> None:
        super().__init__(output)
        self._datagrams: list[Datagram] = []

    def arrived(self, packet: Packet, arrival_s: float) -> None:
        self._datagrams.append(Datagram(max(0.0, arrival_s), build_rtp(packet)))

    def finish(self) -> None:
        self.output.write(write_rtpdump(self._datagrams))


class _OggFile(CaptureFile):
    """Ogg Opus: packets in order, and the places of those that never came.

    Args:
        output: Where the bytes go.
        fmt: Of the sound.
        pre_skip_48k: What of its beginning is to be skipped, at 48 kHz.
    """

    def __init__(self, output: Output, fmt: StreamFormat, pre_skip_48k: int) -> None:
        super().__init__(output)
        self._fmt, self._pre_skip = fmt, pre_skip_48k
        self._packets: list[Packet] = []

    def arrived(self, packet: Packet, arrival_s: float) -> None:  # noqa: ARG002  Ogg has none
        self._packets.append(packet)

    def finish(self) -> None:
        if not self._packets:
            raise EmptyError(self.output.path, "would hold no packet", "Lower the loss")
        head = OpusHead(self._fmt.channels, self._pre_skip, self._fmt.sample_rate)
        tags = opus_tags(f"audiokit {audiokit.__version__}", {})
        ogg = OggOpusWriter(head, tags)
        self.output.write(ogg.begin())
        payload_type = self._packets[0].payload_type
        for item in opus_items(in_order(self._packets, payload_type)):
            if isinstance(item, OggGap):
                self.output.write(ogg.lose(item.n_48k))
            elif isinstance(item, OggPacket):
                is_broken = item.is_broken
                self.output.write(ogg.lose(item.n_48k) if is_broken else ogg.push(item.payload))
        self.output.write(ogg.finish())


def check_capture(target: Path, codec: str | None) -> None:
    """Refuse a name that is no capture's, and Ogg for what is not Opus.

    Args:
        target: Where to.
        codec: Of the packets; None where that is not known yet.

    Raises:
        SettingError: It is so.
    """
    ending = target.suffix.lower().removeprefix(".")
    if ending not in _ENDINGS:
        names = ", ".join(f".{known}" for known in _ENDINGS)
        raise SettingError("pcap", str(target), f"a name ending in {names}")
    if ending == "opus" and codec not in (None, "opus"):
        raise SettingError("pcap", str(target), f"a name ending in .pcap for {codec}")


@contextmanager
def open_capture(
    target: Path, codec: str, fmt: StreamFormat, *, pre_skip_48k: int = PRE_SKIP_48K
) -> Iterator[CaptureFile]:
    """Give what writes a capture, which appears under its name if the body succeeds.

    Args:
        target: Where to; its ending says which kind.
        codec: Of the packets.
        fmt: What they decode to.
        pre_skip_48k: What of Opus is to be skipped at its beginning, at 48 kHz.

    Raises:
        SettingError: As `check_capture`.
        ResourceError: The disk is full, or the place may not be written.
        EmptyError: Nothing arrived that Ogg could hold.
    """
    check_capture(target, codec)
    with output_to(target) as output:
        ending = target.suffix.lower()
        if ending == ".pcap":
            file: CaptureFile = _PcapFile(output)
        elif ending == ".rtpdump":
            file = _RtpdumpFile(output)
        else:
            file = _OggFile(output, fmt, pre_skip_48k)
        yield file
        file.finish()
        output.finish()
