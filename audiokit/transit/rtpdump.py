"""Captures of RTP alone, as rtpdump and Wireshark's export write them.

References:
    H. Schulzrinne, rtptools: rtpdump's binary format, ``rtpplay1.0``.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterable

from audiokit.errors import FormatError
from audiokit.transit.capture import Capture
from audiokit.transit.datagram import Datagram

__all__ = ["is_rtpdump", "read_rtpdump", "write_rtpdump"]

_MAGIC = b"#!rtpplay1.0 "
_LONGEST_LINE = 100
_FILE_HEADER = struct.Struct("!IIIHH")
_PACKET_HEADER = struct.Struct("!HHI")


def is_rtpdump(data: bytes) -> bool:
    """Return whether a file begins like an rtpdump."""
    return data.startswith(_MAGIC)


def read_rtpdump(data: bytes, *, name: str = "rtpdump") -> Capture:
    """Read the RTP packets of an rtpdump; their times are whole milliseconds.

    Args:
        data: The whole file.
        name: What to call it in errors.

    Raises:
        FormatError: It is no rtpdump.
    """
    end = data.find(b"\n", 0, _LONGEST_LINE)
    if not is_rtpdump(data) or end < 0 or len(data) < end + 1 + _FILE_HEADER.size:
        raise FormatError(name, f"begins with {data[:16]!r}, expected {_MAGIC.decode()!r}")
    address, _, port = data[len(_MAGIC) : end].decode("ascii", "replace").partition("/")
    port_number = int(port) if port.isdigit() and int(port) < 65536 else 0
    second, microsecond, source, source_port, _ = _FILE_HEADER.unpack_from(data, end + 1)
    start_s = second + microsecond / 1e6
    datagrams, n_others, is_cut_off = [], 0, False
    at = end + 1 + _FILE_HEADER.size
    while at < len(data):
        if at + _PACKET_HEADER.size > len(data):
            is_cut_off = True
            break
        length, n_bytes, offset_ms = _PACKET_HEADER.unpack_from(data, at)
        payload = data[at + _PACKET_HEADER.size : at + length]
        if length < _PACKET_HEADER.size or at + length > len(data):
            is_cut_off = True
            break
        at += length
        # RTCP has no length of its own; of a packet dumped in part, the rest is not known.
        if n_bytes == 0 or n_bytes != len(payload):
            n_others += 1
            continue
        time_s = start_s + offset_ms / 1000.0
        peer = str(ipaddress.IPv4Address(source))
        datagrams.append(Datagram(time_s, payload, peer, source_port, address, port_number))
    return Capture(tuple(datagrams), n_others, is_cut_off)


def write_rtpdump(datagrams: Iterable[Datagram]) -> bytes:
    """Return datagrams as an rtpdump; its format rounds their times to milliseconds.

    Raises:
        ValueError: The first source is no address of IPv4's.
    """
    waiting = list(datagrams)
    first = waiting[0] if waiting else Datagram(0.0, b"")
    second, microsecond = divmod(round(first.time_s * 1e6), 1_000_000)
    source = int(ipaddress.IPv4Address(first.source))
    parts = [
        _MAGIC,
        f"{first.destination}/{first.destination_port}\n".encode("ascii"),
        _FILE_HEADER.pack(second, microsecond, source, first.source_port, 0),
    ]
    start_s = second + microsecond / 1e6
    for datagram in waiting:
        n_bytes = len(datagram.payload)
        offset_ms = max(0, round((datagram.time_s - start_s) * 1000.0))
        parts.append(_PACKET_HEADER.pack(n_bytes + _PACKET_HEADER.size, n_bytes, offset_ms))
        parts.append(datagram.payload)
    return b"".join(parts)
