"""Captured calls as the sound that was sent."""

from __future__ import annotations

import numpy as np
import pytest

from audiokit.codec.g711 import encode_g711
from audiokit.codec.opus import PI_FORMAT, OpusEncoder, OpusSettings
from audiokit.files.read import open_audio
from audiokit.jobs.captured_opus import in_order
from audiokit.jobs.decode import DecodeSettings, decode_file
from audiokit.jobs.task import ProcessTask
from audiokit.stage import StreamFormat
from audiokit.testing import speechlike
from audiokit.transit.datagram import Datagram
from audiokit.transit.packet import Packet, build_rtp
from audiokit.transit.pcap import write_pcap

N_PACKETS = 100


def sent(payloads, *, step, first, start, payload_type):
    return [
        Packet(first + number, start + number * step, payload, payload_type)
        for number, payload in enumerate(payloads)
    ]


@pytest.mark.parametrize("codec", ["opus", "ulaw"])
def test_a_sender_that_begins_anew_is_decoded_to_its_end(tmp_path, codec):
    fmt = PI_FORMAT if codec == "opus" else StreamFormat(8000, 1)
    sound = speechlike(fmt, N_PACKETS * 0.02)
    if codec == "opus":
        payloads, step, kind = OpusEncoder(fmt, OpusSettings(dtx=False)).push(sound), 960, 96
    else:
        codes = encode_g711(sound, "ulaw")
        payloads, step, kind = [codes[at : at + 160] for at in range(0, len(codes), 160)], 160, 0
    # The second half lies far before the first one by its numbers.
    packets = sent(payloads, step=step, first=60_000, start=5, payload_type=kind)
    packets += sent(payloads, step=step, first=20_000, start=2**31, payload_type=kind)
    timed = [Datagram(0.02 * at, build_rtp(packet)) for at, packet in enumerate(packets)]
    path = tmp_path / "call.pcap"
    path.write_bytes(write_pcap(timed))
    task = ProcessTask(str(path), {"audio": tmp_path / "out.wav"}, name="call", scratch=tmp_path)
    row = decode_file(task, DecodeSettings())
    assert (row["n_packets"], row["lost_s"]) == (2 * N_PACKETS, 0.0)
    with open_audio(tmp_path / "out.wav") as reader:
        heard = np.concatenate(list(reader.blocks(4800)))
    if codec == "ulaw":
        np.testing.assert_array_equal(heard[: len(sound)], heard[len(sound) :])
    assert row["duration_s"] == pytest.approx(2 * N_PACKETS * 0.02, abs=0.01)


def test_a_flipped_bit_in_a_number_moves_no_packet():
    packets = sent([bytes([n]) for n in range(100)], step=960, first=0, start=0, payload_type=96)
    packets[50] = Packet(50 ^ 0x4000, 50 * 960, bytes([50]))
    heard = [packet.payload[0] for packet in in_order(packets, 96)]
    assert heard == [n for n in range(100) if n != 50]
