"""Packets of samples, as a jitter buffer takes them."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from audiokit.errors import MalformedPacketError
from audiokit.stage import StreamFormat
from audiokit.transit.concealer import new_concealer
from audiokit.transit.decoder import PacketDecoder
from audiokit.transit.jitter_buffer import JitterBuffer
from audiokit.transit.packet import Packet
from audiokit.transit.pcm_decoder import PcmDecoder, expand_pcm16

TABLE = (np.arange(256, dtype=np.float32) - 128.0) / 128.0


def expand_bytes(payload):
    return TABLE[np.frombuffer(payload, np.uint8)]


def decoder(plc="pitch", *, rate=16000, channels=1, sample_bytes=2):
    fmt = StreamFormat(rate, channels)
    expand = expand_pcm16 if sample_bytes == 2 else expand_bytes
    concealer = new_concealer(plc, fmt)
    return PcmDecoder(fmt, expand, sample_bytes=sample_bytes, concealer=concealer)


def tone(n_samples):
    sound = 8000 * np.sin(2 * np.pi * 200 * np.arange(n_samples) / 16000)
    return np.round(sound).astype(">i2")


def test_it_has_every_method_of_a_packet_decoder_under_the_same_names():
    for name, member in inspect.getmembers(PacketDecoder, inspect.isfunction):
        if not name.startswith("_"):
            mine = inspect.signature(getattr(PcmDecoder, name))
            assert mine.parameters.keys() == inspect.signature(member).parameters.keys()


def test_samples_of_16_bits_come_in_network_byte_order():
    made = decoder().decode(bytes([0x40, 0x00, 0x80, 0x00, 0x00, 0x01]))
    np.testing.assert_array_equal(made[:, 0], [0.5, -1.0, 1.0 / 32768.0])


def test_bytes_are_expanded_by_the_table_that_was_given_channels_in_turn():
    made = decoder(rate=8000, channels=2, sample_bytes=1).decode(bytes([0, 128, 192, 64]))
    np.testing.assert_array_equal(made, [[-1.0, 0.0], [0.5, -0.5]])


@pytest.mark.parametrize("payload", [b"", b"abc"])
def test_a_part_of_a_sample_is_no_packet(payload):
    for ask in (decoder().n_samples, decoder().decode):
        with pytest.raises(MalformedPacketError, match=f"length is {len(payload)} bytes"):
            ask(payload)


def test_a_gap_is_filled_and_gone_over_into_what_follows():
    sound = tone(4800)
    one = decoder()
    for begin in range(0, 3200, 320):
        one.decode(sound[begin : begin + 320].tobytes())
    made = one.conceal(320)
    true = sound[3200:3520].astype(np.float32) / 32768.0
    assert made.shape == (320, 1)
    assert np.abs(made[:, 0] - true).max() < 0.1
    after = one.decode(sound[3520:3840].tobytes())
    np.testing.assert_array_equal(after[128:, 0], sound[3648:3840].astype(np.float32) / 32768.0)


def test_only_a_concealer_that_looks_ahead_recovers_from_the_next_packet():
    sound = tone(4800)
    for plc, recovers in (("pitch", False), ("repeat", False), ("bridge", True)):
        one = decoder(plc)
        one.decode(sound[:3200].tobytes())
        made = one.recover(sound[3520:3840].tobytes(), 320)
        assert (made is not None) == recovers
        if made is not None:
            assert made.shape == (320, 1)
    assert one.recover(b"", 320) is None
    assert one.recover(b"abc", 320) is None


def test_a_reset_forgets_the_stream():
    one = decoder()
    one.decode(tone(3200).tobytes())
    one.reset()
    assert not one.conceal(320).any()


def through_buffer(plc, sound, lost):
    """Return what a jitter buffer plays of packets of 20 ms that all come in time but `lost`."""
    buffer = JitterBuffer(decoder(plc), clock_hz=16000)
    played = []
    for at in range(len(sound) // 320 + 20):
        now_s = 0.02 * at
        if at < len(sound) // 320 and at not in lost:
            payload = sound[320 * at : 320 * (at + 1)].tobytes()
            buffer.push(Packet(sequence=at, timestamp=320 * at, payload=payload), now_s)
        played += [buffer.pull(now_s), buffer.pull(now_s + 0.01)]
    return np.concatenate(played)[:, 0], buffer.stats()


@pytest.mark.parametrize("plc", ["pitch", "bridge"])
def test_behind_a_jitter_buffer_a_loss_leaves_no_hole_and_no_click(plc):
    sound = tone(32000)
    played, stats = through_buffer(plc, sound, {40, 60, 61})
    assert stats.packets_repaired == 0, "samples have no copies"
    missing = stats.concealed_samples - 320 * stats.packets_lost
    assert 0 <= missing <= 320 * 20, "what was lost counts, and the end that was waited at"
    heard = np.flatnonzero(played)
    within = played[heard[0] + 1600 : heard[-1] - 3200]
    usual = np.abs(np.diff(sound.astype(np.float64))).max() / 32768.0
    assert np.abs(np.diff(within)).max() < 1.3 * usual
    level = np.sqrt(np.square(within[: len(within) // 80 * 80].reshape(-1, 80)).mean(axis=1))
    assert level.min() > 0.5 * level.max()
