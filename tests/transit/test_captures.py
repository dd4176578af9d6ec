"""Captures: pcap, pcapng, rtpdump, and the streams in them."""

from __future__ import annotations

import contextlib
import shutil
import struct
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiokit.errors import AudiokitError, FormatError
from audiokit.transit.datagram import Datagram, build_frame, parse_frame
from audiokit.transit.packet import Packet, build_rtp
from audiokit.transit.pcap import is_pcap, read_pcap, write_pcap
from audiokit.transit.rtp_streams import find_streams
from audiokit.transit.rtpdump import is_rtpdump, read_rtpdump, write_rtpdump

DATAGRAMS = st.lists(
    st.builds(
        Datagram,
        time_s=st.integers(0, 2**31).map(lambda ms: ms / 1000.0),
        payload=st.binary(min_size=1, max_size=50),
        source=st.just("10.0.0.1"),
        source_port=st.integers(0, 65535),
    ),
    max_size=8,
)
PAYLOAD = b"\x80\x00\x00\x01payload"
IPV4 = build_frame(Datagram(0.0, PAYLOAD, "10.1.2.3", 4000, "10.4.5.6", 5000))[14:]
UDP = IPV4[20:]


def call(n_packets=50, *, lost=(), payload_type=0, size=160, step=160, first=65520):
    """Return ``(time_s, packet)`` of a call whose numbers wrap around."""
    return [
        (
            1000.0 + index * 0.02,
            Packet(
                (first + index) & 0xFFFF,
                (0xFFFFF000 + index * step) & 0xFFFFFFFF,
                bytes([index % 251]) * size,
                payload_type,
                ssrc=77,
            ),
        )
        for index in range(n_packets)
        if index not in lost
    ]


def as_datagrams(packets, **fields):
    return [Datagram(at_s, build_rtp(packet), **fields) for at_s, packet in packets]


def ipv6_frame():
    header = struct.pack("!IHBB", 6 << 28, len(UDP) + 8, 0, 64) + bytes(15) + b"\x01" + bytes(16)
    hop_by_hop = bytes([17, 0, 1, 4, 0, 0, 0, 0])
    return header + hop_by_hop + UDP


LINKS = {
    "ethernet": (1, bytes(12) + b"\x08\x00" + IPV4),
    "ethernet with a VLAN": (1, bytes(12) + b"\x81\x00\x00\x05\x08\x00" + IPV4),
    "ethernet, IPv6": (1, bytes(12) + b"\x86\xdd" + ipv6_frame()),
    "raw IP": (101, IPV4),
    "Linux cooked": (113, bytes(14) + b"\x08\x00" + IPV4),
    "Linux cooked 2": (276, b"\x08\x00" + bytes(18) + IPV4),
    "BSD loopback": (0, b"\x02\x00\x00\x00" + IPV4),
}


@pytest.mark.parametrize("link", LINKS)
def test_a_datagram_is_found_on_each_kind_of_link(link):
    link_type, frame = LINKS[link]
    found = parse_frame(frame + b"trailer", link_type, time_s=2.5)
    assert found is not None
    assert (found.payload, found.source_port, found.destination_port) == (PAYLOAD, 4000, 5000)


@pytest.mark.parametrize(
    "frame",
    [
        IPV4[:9] + b"\x06" + IPV4[10:],  # TCP
        IPV4[:6] + b"\x20\x10" + IPV4[8:],  # a fragment
        IPV4[:-4],  # captured in part
        IPV4[:10],
        b"",
        b"\x50" + IPV4[1:],
    ],
)
def test_what_is_no_whole_datagram_is_passed_over(frame):
    assert parse_frame(frame, 101, time_s=0.0) is None


@given(datagrams=DATAGRAMS)
def test_datagrams_come_back_from_pcap_to_the_nanosecond(datagrams):
    capture = read_pcap(write_pcap(datagrams))
    assert [found.payload for found in capture.datagrams] == [sent.payload for sent in datagrams]
    assert list(capture.datagrams) == datagrams
    assert not capture.is_cut_off


@given(datagrams=DATAGRAMS)
def test_datagrams_come_back_from_rtpdump_to_the_millisecond(datagrams):
    datagrams = sorted(datagrams, key=lambda datagram: datagram.time_s)[:4]
    datagrams = [one for one in datagrams if one.time_s < datagrams[0].time_s + 4e6]
    capture = read_rtpdump(write_rtpdump(datagrams))
    for found, sent in zip(capture.datagrams, datagrams, strict=True):
        assert found.payload == sent.payload
        assert found.time_s == pytest.approx(sent.time_s, abs=0.0011)


def test_a_pcapng_is_read_with_the_clock_of_its_interface():
    def block(kind, body):
        body += bytes(-len(body) % 4)
        length = struct.pack(">I", len(body) + 12)
        return struct.pack(">I", kind) + length + body + length

    section = block(0x0A0D0D0A, struct.pack(">IHHq", 0x1A2B3C4D, 1, 0, -1))
    # if_tsresol 9: nanoseconds; if_tsoffset 100 s.
    options = struct.pack(">HHB3xHHqHH", 9, 1, 9, 14, 8, 100, 0, 0)
    interface = block(1, struct.pack(">HHI", 101, 0, 0) + options)
    time_ns = 1_500_000_000
    head = struct.pack(">IIIII", 0, time_ns >> 32, time_ns & 0xFFFFFFFF, len(IPV4), len(IPV4))
    unknown = block(0x0BAD, b"whatever")
    data = section + unknown + interface + block(6, head + IPV4) + block(6, head + IPV4)[:-9]
    capture = read_pcap(data)
    assert [(one.time_s, one.payload) for one in capture.datagrams] == [(101.5, PAYLOAD)]
    assert capture.is_cut_off


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(("magic", "per_s"), [(0xA1B2C3D4, 10**6), (0xA1B23C4D, 10**9)])
def test_a_pcap_is_read_in_either_byte_order_and_resolution(order, magic, per_s):
    head = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, 101)
    record = struct.pack(order + "IIII", 7, per_s // 4, len(IPV4), len(IPV4)) + IPV4
    assert read_pcap(head + record).datagrams[0].time_s == 7.25


def test_a_capture_that_was_cut_off_is_read_up_to_there():
    data = write_pcap(as_datagrams(call(10)))
    capture = read_pcap(data[:-1])
    assert (len(capture.datagrams), capture.is_cut_off) == (9, True)
    data = write_rtpdump(as_datagrams(call(10)))
    capture = read_rtpdump(data[:-1])
    assert (len(capture.datagrams), capture.is_cut_off) == (9, True)


def test_another_file_is_refused_by_name():
    with pytest.raises(FormatError, match=r"song\.wav: begins with"):
        read_pcap(b"RIFF....WAVE" * 4, name="song.wav")
    with pytest.raises(FormatError, match=r"song\.wav: begins with"):
        read_rtpdump(b"RIFF....WAVE" * 4, name="song.wav")
    assert is_pcap(write_pcap([]))
    assert is_rtpdump(write_rtpdump([]))
    assert not is_pcap(write_rtpdump([]))


@given(
    flips=st.lists(st.tuples(st.integers(0, 1500), st.integers(0, 255)), max_size=8),
    end=st.integers(0, 1500),
    writer=st.sampled_from([write_pcap, write_rtpdump]),
)
def test_a_damaged_capture_gives_packets_or_an_error(flips, end, writer):
    data = bytearray(writer(as_datagrams(call(6, size=160)))[:end])
    for place, value in flips:
        if place < len(data):
            data[place] = value
    for reader in (read_pcap, read_rtpdump):
        try:
            capture = reader(bytes(data))
        except AudiokitError:
            continue
        find_streams(capture.datagrams)
        assert sum(len(one.payload) for one in capture.datagrams) <= len(data)


@given(data=st.binary(max_size=200), start=st.sampled_from([b"\x0a\x0d\x0d\x0a", b""]))
def test_any_bytes_are_a_pcapng_or_an_error(data, start):
    with contextlib.suppress(FormatError):
        assert len(read_pcap(start + data).datagrams) <= len(data)


def test_the_streams_of_a_capture_are_found_across_the_wrap_with_their_losses():
    other = as_datagrams(call(20), source_port=6000)
    datagrams = [*as_datagrams(call(50, lost={3, 10, 11, 30})), *other, Datagram(0.0, b"dns?")]
    first, second = find_streams(datagrams)
    assert (first.n_lost, len(first.packets), first.source) == (4, 46, ("192.0.2.1", 5004))
    assert (second.n_lost, len(second.packets)) == (0, 20)


def test_packets_out_of_order_and_twice_are_not_lost():
    packets = call(30)
    packets[5], packets[9] = packets[9], packets[5]
    packets.insert(12, packets[11])
    assert find_streams(as_datagrams(packets))[0].n_lost == 0


def test_a_call_is_found_behind_a_thousand_streams_of_junk():
    junk = [
        Datagram(0.0, build_rtp(Packet(index * 7919, 0, b"junk", ssrc=index % 1024 + 1000)))
        for index in range(4096)
    ]
    streams = find_streams([*junk, *as_datagrams(call(50))])
    assert [stream.ssrc for stream in streams] == [77]


def test_the_shared_capture_holds_its_call(recordings):
    capture = read_pcap((recordings / "trace" / "pcmu_8k_no_jitter.pcap").read_bytes())
    (stream,) = find_streams(capture.datagrams)
    assert stream.packets[0][1].payload_type == 0
    assert stream.destination[1] == 8070
    assert len(stream.packets) > 2000


@pytest.mark.parametrize(("payload_type", "step"), [(0, 160), (96, 960)])
def test_tshark_counts_the_losses_of_what_we_write_as_we_do(tmp_path, payload_type, step):
    tshark = shutil.which("tshark")
    if tshark is None:
        pytest.skip("no tshark; install Debian's package of that name")
    lost = {7, 20, 21, 22, 40}
    packets = call(60, lost=lost, payload_type=payload_type, step=step)
    datagrams = as_datagrams(packets)
    path = tmp_path / "call.pcap"
    path.write_bytes(write_pcap(datagrams))
    command = [tshark, "-r", path, "-d", "udp.port==5004,rtp", "-q", "-z", "rtp,streams"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    (line,) = [line for line in shown.splitlines() if "192.0.2.1" in line]
    assert "0x0000004D" in line.upper().replace("0X", "0x")
    (stream,) = find_streams(datagrams)
    assert stream.n_lost == len(lost)
    assert f" {len(packets)} " in line
    assert f" {stream.n_lost} (" in line
