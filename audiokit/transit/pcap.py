"""Network captures as tcpdump and Wireshark write them: pcap and pcapng.

References:
    IETF drafts draft-ietf-opsawg-pcap and draft-ietf-opsawg-pcapng.
"""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from audiokit.errors import FormatError
from audiokit.transit.capture import Capture
from audiokit.transit.datagram import ETHERNET, Datagram, build_frame, parse_frame

__all__ = ["is_pcap", "read_pcap", "write_pcap"]

_PCAP_US, _PCAP_NS = 0xA1B2C3D4, 0xA1B23C4D
_PCAPNG = b"\x0a\x0d\x0d\x0a"
_SECTION, _INTERFACE, _OLD_PACKET, _SIMPLE, _ENHANCED = 0x0A0D0D0A, 1, 2, 3, 6
_BYTE_ORDER = 0x1A2B3C4D
_TIME_RESOLUTION, _TIME_OFFSET = 9, 14
_LONGEST_FRAME = 1 << 18  # libpcap's own limit
_Frame = tuple[float, int, bytes]


def is_pcap(data: bytes) -> bool:
    """Return whether a file begins like a pcap or pcapng."""
    return _pcap_order(data) is not None or data[:4] == _PCAPNG


def read_pcap(data: bytes, *, name: str = "capture") -> Capture:
    """Read the UDP datagrams of a pcap or pcapng file.

    Args:
        data: The whole file.
        name: What to call it in errors.

    Raises:
        FormatError: It is neither.
    """
    if data[:4] == _PCAPNG:
        source: _Records = _PcapngRecords(data)
    elif _pcap_order(data) is not None and len(data) >= 24:
        source = _PcapRecords(data)
    else:
        start = data[:4].hex(" ")
        raise FormatError(name, f"begins with bytes {start!r}, expected those of pcap or pcapng")
    datagrams, n_others = [], 0
    for time_s, link_type, frame in source.frames():
        datagram = parse_frame(frame, link_type, time_s=time_s)
        if datagram is None:
            n_others += 1
        else:
            datagrams.append(datagram)
    return Capture(tuple(datagrams), n_others, source.is_cut_off)


def write_pcap(datagrams: Iterable[Datagram]) -> bytes:
    """Return datagrams as a pcap of Ethernet frames, with times in nanoseconds.

    Raises:
        ValueError: An address is not one of IPv4's.
    """
    parts = [struct.pack("<IHHiIII", _PCAP_NS, 2, 4, 0, 0, _LONGEST_FRAME, ETHERNET)]
    for datagram in datagrams:
        frame = build_frame(datagram)
        second, nanosecond = divmod(round(datagram.time_s * 1e9), 1_000_000_000)
        parts.append(struct.pack("<IIII", second, nanosecond, len(frame), len(frame)))
        parts.append(frame)
    return b"".join(parts)


def _pcap_order(data: bytes) -> str | None:
    for order in "<>":
        if data[:4] in {struct.pack(order + "I", magic) for magic in (_PCAP_US, _PCAP_NS)}:
            return order
    return None


class _Records(ABC):
    """The frames of one file."""

    is_cut_off = False

    @abstractmethod
    def frames(self) -> Iterator[_Frame]:
        """Yield them as they stand in the file."""


class _PcapRecords(_Records):
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._order = _pcap_order(data) or "<"

    def frames(self) -> Iterator[_Frame]:
        data, order = self._data, self._order
        magic, *_, link_type = struct.unpack_from(order + "IHHiIII", data)
        per_s = 10**9 if magic == _PCAP_NS else 10**6
        record = struct.Struct(order + "IIII")
        at = 24
        while at < len(data):
            if at + record.size > len(data):
                self.is_cut_off = True
                return
            second, fraction, n_bytes, _ = record.unpack_from(data, at)
            at += record.size
            if n_bytes > _LONGEST_FRAME or at + n_bytes > len(data):
                self.is_cut_off = True
                return
            yield (second * per_s + fraction) / per_s, link_type & 0xFFFF, data[at : at + n_bytes]
            at += n_bytes


@dataclass(slots=True)
class _Interface:
    link_type: int
    per_s: int
    offset_s: int


@dataclass(slots=True)
class _Section:
    order: str = "<"
    interfaces: list[_Interface] = field(default_factory=list)


class _PcapngRecords(_Records):
    def __init__(self, data: bytes) -> None:
        self._data = data

    def frames(self) -> Iterator[_Frame]:
        data, section, at = self._data, _Section(), 0
        while at < len(data):
            if at + 12 > len(data):
                self.is_cut_off = True
                return
            if data[at : at + 4] == _PCAPNG:
                is_little = data[at + 8 : at + 12] == struct.pack("<I", _BYTE_ORDER)
                section = _Section("<" if is_little else ">")
            kind, length = struct.unpack_from(section.order + "II", data, at)
            if length < 12 or length % 4 or at + length > len(data):
                self.is_cut_off = True
                return
            frame = _from_block(kind, data[at + 8 : at + length - 4], section)
            if frame is not None:
                yield frame
            at += length


def _from_block(kind: int, body: bytes, section: _Section) -> _Frame | None:
    """Return the frame of a block that holds one; remember the interface of one that names it."""
    order = section.order
    if kind == _INTERFACE and len(body) >= 8:
        (link_type,) = struct.unpack_from(order + "H", body)
        section.interfaces.append(_interface(link_type, body[8:], order))
    if kind in {_ENHANCED, _OLD_PACKET} and len(body) >= 20:
        # The old block has counts of drops where the new one has the interface's upper half.
        layout = "IIIII" if kind == _ENHANCED else "HxxIIII"
        index, high, low, n_bytes, _ = struct.unpack_from(order + layout, body)
        if index < len(section.interfaces) and 20 + n_bytes <= len(body):
            interface = section.interfaces[index]
            ticks = interface.offset_s * interface.per_s + (high << 32 | low)
            time_s = ticks / interface.per_s
            return time_s, interface.link_type, body[20 : 20 + n_bytes]
    if kind == _SIMPLE and len(body) >= 4 and section.interfaces:
        # Without a time; its frame is padded to whole words.
        (n_bytes,) = struct.unpack_from(order + "I", body)
        return 0.0, section.interfaces[0].link_type, body[4 : 4 + n_bytes]
    return None


def _interface(link_type: int, options: bytes, order: str) -> _Interface:
    interface = _Interface(link_type, 10**6, 0)
    at = 0
    while at + 4 <= len(options):
        code, length = struct.unpack_from(order + "HH", options, at)
        value = options[at + 4 : at + 4 + length]
        if code == 0:
            break
        if code == _TIME_RESOLUTION and len(value) == 1:
            # The upper bit tells powers of two from powers of ten.
            power = value[0] & 0x7F
            interface.per_s = 2**power if value[0] & 0x80 else 10**power
        if code == _TIME_OFFSET and len(value) == 8:
            (interface.offset_s,) = struct.unpack(order + "q", value)
        at += 4 + (length + 3) // 4 * 4
    return interface
