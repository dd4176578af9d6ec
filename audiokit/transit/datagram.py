"""UDP datagrams, as captures hold them in the frames of many kinds of link.

References:
    RFC 791 (IPv4), RFC 8200 (IPv6), RFC 768 (UDP); https://www.tcpdump.org/linktypes.html.
"""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass

__all__ = ["ETHERNET", "LINK_TYPES", "Datagram", "build_frame", "parse_frame"]

ETHERNET = 1
_NULL, _RAW, _LOOP, _LINUX_COOKED, _IPV4, _IPV6, _LINUX_COOKED_2 = 0, 101, 108, 113, 228, 229, 276
# Raw IP was 12 or 14 where the number depended on the system.
_RAW_OF_OLD = (12, 14)
LINK_TYPES = frozenset(
    {ETHERNET, _NULL, _RAW, *_RAW_OF_OLD, _LOOP, _LINUX_COOKED, _IPV4, _IPV6, _LINUX_COOKED_2}
)
"""Those that `parse_frame` reads."""
_ETHERTYPE_IPV4, _ETHERTYPE_IPV6 = 0x0800, 0x86DD
_VLAN_TAGS = frozenset({0x8100, 0x88A8, 0x9100})
_UDP = 17
_IPV6_OPTIONS = frozenset({0, 43, 60})  # hop-by-hop, routing, destination
_UDP_HEADER = struct.Struct("!HHHH")
_IPV4_HEADER = struct.Struct("!BBHHHBBH4s4s")


@dataclass(frozen=True, slots=True)
class Datagram:
    """What one UDP packet carried, and when and between whom.

    Args:
        time_s: When it was captured, in s since 1970.
        payload: Its bytes.
        source: Address of the sender.
        source_port: Its port.
        destination: Address of the receiver.
        destination_port: Its port.
    """

    time_s: float
    payload: bytes
    source: str = "192.0.2.1"
    source_port: int = 5004
    destination: str = "192.0.2.2"
    destination_port: int = 5004


def parse_frame(frame: bytes, link_type: int, *, time_s: float) -> Datagram | None:
    """Return the UDP datagram of a captured frame; None if it holds none, or part of one.

    Args:
        frame: As captured.
        link_type: One of `LINK_TYPES`; of any other, nothing is found.
        time_s: When it was captured.
    """
    packet = _network_packet(frame, link_type)
    if not packet:
        return None
    version = packet[0] >> 4
    if version == 4:
        return _from_ipv4(packet, time_s)
    if version == 6:
        return _from_ipv6(packet, time_s)
    return None


def build_frame(datagram: Datagram) -> bytes:
    """Return an Ethernet frame with the datagram in IPv4; its MAC addresses are made up.

    Raises:
        ValueError: An address is not one of IPv4's.
    """
    length = _UDP_HEADER.size + len(datagram.payload)
    # A checksum of 0 says that there is none.
    udp = _UDP_HEADER.pack(datagram.source_port, datagram.destination_port, length, 0)
    fields = [
        *(0x45, 0, _IPV4_HEADER.size + length, 0, 0x4000, 64, _UDP, 0),
        ipaddress.IPv4Address(datagram.source).packed,
        ipaddress.IPv4Address(datagram.destination).packed,
    ]
    fields[7] = _checksum(_IPV4_HEADER.pack(*fields))
    ethernet = bytes.fromhex("020000000002 020000000001 0800")
    return ethernet + _IPV4_HEADER.pack(*fields) + udp + datagram.payload


def _checksum(header: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(header) // 2}H", header))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return 0xFFFF - total


def _network_packet(frame: bytes, link_type: int) -> bytes:
    """Return what follows the link's own header; nothing if that is not IP."""
    if link_type in {_RAW, _IPV4, _IPV6, *_RAW_OF_OLD}:
        return frame
    if link_type in {_NULL, _LOOP}:
        # The address family's number depends on the system; the version in IP does not.
        return frame[4:]
    if link_type == ETHERNET:
        at = 12
    elif link_type == _LINUX_COOKED:
        at = 14
    elif link_type == _LINUX_COOKED_2:
        return frame[20:] if _ethertype(frame, 0) in {_ETHERTYPE_IPV4, _ETHERTYPE_IPV6} else b""
    else:
        return b""
    kind = _ethertype(frame, at)
    while kind in _VLAN_TAGS:
        at += 4
        kind = _ethertype(frame, at)
    return frame[at + 2 :] if kind in {_ETHERTYPE_IPV4, _ETHERTYPE_IPV6} else b""


def _ethertype(frame: bytes, at: int) -> int:
    return int.from_bytes(frame[at : at + 2], "big")


def _from_ipv4(packet: bytes, time_s: float) -> Datagram | None:
    if len(packet) < _IPV4_HEADER.size:
        return None
    fields = _IPV4_HEADER.unpack_from(packet)
    header_bytes, total_bytes, fragment, protocol = (fields[0] & 15) * 4, *fields[2:7:2]
    # What comes in pieces is larger than any packet of a call.
    if protocol != _UDP or fragment & 0x3FFF or header_bytes < _IPV4_HEADER.size:
        return None
    # 0 is written by network cards that cut what they send themselves.
    end = total_bytes or len(packet)
    source, destination = ipaddress.IPv4Address(fields[8]), ipaddress.IPv4Address(fields[9])
    return _from_udp(packet[header_bytes:end], str(source), str(destination), time_s)


def _from_ipv6(packet: bytes, time_s: float) -> Datagram | None:
    if len(packet) < 40:
        return None
    kind, at = packet[6], 40
    end = 40 + int.from_bytes(packet[4:6], "big")
    while kind in _IPV6_OPTIONS and at + 8 <= len(packet):
        kind, at = packet[at], at + 8 * (packet[at + 1] + 1)
    if kind != _UDP:
        return None
    source, destination = ipaddress.IPv6Address(packet[8:24]), ipaddress.IPv6Address(packet[24:40])
    return _from_udp(packet[at:end], str(source), str(destination), time_s)


def _from_udp(segment: bytes, source: str, destination: str, time_s: float) -> Datagram | None:
    if len(segment) < _UDP_HEADER.size:
        return None
    source_port, destination_port, length, _ = _UDP_HEADER.unpack_from(segment)
    # Of a frame that was captured in part, the rest is not known.
    if not _UDP_HEADER.size <= length <= len(segment):
        return None
    payload = bytes(segment[_UDP_HEADER.size : length])
    return Datagram(time_s, payload, source, source_port, destination, destination_port)
