"""From samples to packets and back: what was recorded comes out, no more and no less."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiokit.codec.opus import OpusDecoder, OpusEncoder, OpusSettings
from audiokit.codec.opus_pcm import OpusPcmEncoder
from audiokit.errors import SettingError
from audiokit.live.decoding import SessionDecoder
from audiokit.live.echo import PlayedEcho
from audiokit.live.encoding import PacketMaker, live_chain
from audiokit.live.packets import AudioPacket, decode_packet
from audiokit.live.pcm import PcmFormat, level_dbov, to_block, to_pcm
from audiokit.recipe import load_recipe, make_recipe
from audiokit.stage import StreamFormat, run_blocks
from audiokit.testing import speechlike, split_at

SPEECH = to_pcm(speechlike(StreamFormat(16000), 24_321 / 16000))


def packets_of(maker, pieces):
    out = [packet for piece in pieces for packet in maker.push(piece)]
    return [decode_packet(data) for data in out + maker.finish()]


def decoded(maker, packets):
    decoder = SessionDecoder(maker.format)
    return b"".join(map(decoder.push, packets))


def offline(pcm, channels=1):
    """Return what encoding and decoding a whole file gives, cut to its length."""
    fmt = StreamFormat(16000, channels)
    encoder, decoder = OpusEncoder(fmt), OpusDecoder(fmt)
    block = to_block(pcm, channels)
    frames = encoder.push(block) + encoder.flush()
    whole = np.concatenate([decoder.decode(frame) for frame in frames])
    return to_pcm(whole[encoder.lookahead_samples :][: len(block)])


@pytest.mark.parametrize("n_samples", [1, 216, 217, 320, 959, 960, 961, 5000, 24_321])
def test_what_arrives_is_what_a_file_would_give_and_as_long(n_samples):
    maker = PacketMaker(PcmFormat())
    pcm = SPEECH[: 2 * n_samples]
    packets = packets_of(maker, [pcm])
    assert decoded(maker, packets) == offline(pcm)
    assert [packet.sequence for packet in packets] == list(range(len(packets)))
    assert [packet.is_end for packet in packets] == [False] * (len(packets) - 1) + [True]
    assert all(len(packet.frames) == 3 for packet in packets[:-1])


def test_two_channels_stay_two():
    maker = PacketMaker(PcmFormat(channels=2))
    stereo = np.stack([to_block(SPEECH, 1)[:, 0], -0.5 * to_block(SPEECH, 1)[:, 0]], axis=1)
    pcm = to_pcm(stereo)
    assert decoded(maker, packets_of(maker, [pcm])) == offline(pcm, 2)


def test_a_source_of_nothing_gives_the_end_alone():
    maker = PacketMaker(PcmFormat())
    assert packets_of(maker, []) == [AudioPacket(0, is_end=True)]


@given(st.lists(st.integers(0, 24_321), max_size=8).map(sorted))
@settings(max_examples=20, deadline=None)
def test_packets_do_not_depend_on_how_the_samples_were_cut(cuts):
    edges = [0, *cuts, 24_321]
    pieces = [SPEECH[2 * a : 2 * b] for a, b in pairwise(edges)]
    recipe = load_recipe("voice-live")
    whole, cut = (
        packets_of(PacketMaker(PcmFormat(), chain=live_chain(recipe, PcmFormat())), parts)
        for parts in ([SPEECH], pieces)
    )
    assert cut == whole


def test_a_recipe_does_live_what_it_does_to_a_file():
    recipe = load_recipe("voice-live")
    maker = PacketMaker(PcmFormat(), chain=live_chain(recipe, PcmFormat()))
    packets = packets_of(maker, [SPEECH])
    chain = live_chain(recipe, PcmFormat())
    processed = np.concatenate(list(run_blocks(chain, split_at(to_block(SPEECH, 1), [700]))))
    assert decoded(maker, packets) == offline(to_pcm(processed))


def test_another_recipe_takes_over_without_losing_a_sample():
    maker = PacketMaker(PcmFormat())
    middle = 2 * 9_999
    packets = [*maker.push(SPEECH[:middle])]
    packets += maker.replace_chain(live_chain(load_recipe("voice-live"), PcmFormat()))
    packets += [*maker.push(SPEECH[middle:]), *maker.finish()]
    assert len(decoded(maker, map(decode_packet, packets))) == len(SPEECH)


def test_a_recipe_that_must_hear_all_first_does_not_run_live():
    recipe = make_recipe("mine", {"stage": [{"use": "loudness"}]})
    with pytest.raises(SettingError, match="loudness"):
        live_chain(recipe, PcmFormat())


def test_a_recipe_that_gives_another_format_is_not_taken_over():
    maker = PacketMaker(PcmFormat(channels=2))
    mono = make_recipe("mine", {"stage": [{"use": "channels", "mode": "mono"}]})
    with pytest.raises(SettingError, match="recipe"):
        maker.replace_chain(live_chain(mono, PcmFormat(channels=2)))


def test_level_and_speech_flag_tell_talk_from_silence():
    maker = PacketMaker(PcmFormat())
    packets = packets_of(maker, [SPEECH[:32_000], bytes(64_000)])
    assert packets[5].is_speech
    assert packets[5].level_dbov > -60
    assert not packets[-2].is_speech
    assert packets[-2].level_dbov == -127


@pytest.mark.parametrize(
    ("amplitude", "expected"), [(32767, 0), (3277, -20), (328, -40), (0, -127)]
)
def test_the_level_of_a_square_wave_is_its_amplitude(amplitude, expected):
    pcm = np.full(960, amplitude, "<i2")
    pcm[1::2] *= -1
    assert level_dbov(pcm.tobytes()) == expected


def test_what_the_speaker_plays_is_taken_out_of_the_microphone():
    """The microphone hears nothing but the speaker, 60 ms later and at half the level."""
    played = to_pcm(0.5 * speechlike(StreamFormat(16000), 8.0, 7))
    echo = bytes(2 * 960) + to_pcm(0.5 * to_block(played, 1))
    levels = {}
    for word, guard in (("with", PlayedEcho(PcmFormat())), ("without", None)):
        maker = PacketMaker(PcmFormat(), echo=guard)
        packets = []
        for at in range(0, len(played), 640):
            packets += maker.push(echo[at : at + 640])
            maker.heard(played[at : at + 640])
        packets += maker.finish()
        pcm = decoded(maker, map(decode_packet, packets))
        assert len(pcm) == len(played)
        levels[word] = np.sqrt(np.mean(to_block(pcm, 1)[-48_000:] ** 2))
    assert levels["with"] < 0.1 * levels["without"]


def test_missing_packets_leave_a_gap_of_their_length():
    maker = PacketMaker(PcmFormat())
    packets = packets_of(maker, [SPEECH])
    decoder = SessionDecoder(maker.format)
    pcm = decoder.push(packets[0])
    pcm += decoder.miss(3)
    pcm += b"".join(map(decoder.push, packets[4:]))
    assert len(pcm) == len(SPEECH)
    assert decoder.n_concealed_samples == 3 * 960


def test_an_hour_that_is_missing_is_silence_of_an_hour():
    decoder = SessionDecoder(PacketMaker(PcmFormat()).format)
    assert len(decoder.miss(60_000)) == 2 * (60_000 * 960 - decoder_preskip())


def decoder_preskip():
    return PacketMaker(PcmFormat()).format.preskip_samples


@given(st.lists(st.binary(max_size=60), min_size=3, max_size=3))
def test_frames_of_rubbish_are_concealed_and_shift_nothing(frames):
    decoder = SessionDecoder(PacketMaker(PcmFormat()).format)
    packet = AudioPacket(0, tuple(frames))
    assert len(decoder.push(packet)) == 2 * (960 - decoder_preskip())
    assert len(decoder.push(packet)) == 2 * 960


@pytest.mark.parametrize("frame_ms", [2.5, 20.0, 60.0])
@pytest.mark.parametrize("sample_rate", [8000, 16000, 48000])
def test_16_bit_samples_encode_to_the_bits_that_floats_give(frame_ms, sample_rate):
    wanted = OpusSettings(frame_ms=frame_ms)
    floats = OpusEncoder(StreamFormat(sample_rate), wanted)
    whole = OpusPcmEncoder(sample_rate, settings=wanted)
    assert (whole.lookahead_samples, whole.frame_samples) == (
        floats.lookahead_samples,
        floats.frame_samples,
    )
    expected = floats.push(to_block(SPEECH, 1)) + floats.flush()
    assert whole.push(SPEECH) + whole.flush() == expected


@pytest.mark.parametrize(("frames", "frame_ms"), [(0, 20.0), (6, 20.0), (41, 2.5), (2, 60.0)])
def test_packets_longer_than_100_ms_are_refused(frames, frame_ms):
    with pytest.raises(SettingError, match="frames_per_packet"):
        PacketMaker(PcmFormat(), OpusSettings(frame_ms=frame_ms), frames_per_packet=frames)


@pytest.mark.parametrize("fmt", [PcmFormat(44100), PcmFormat(16000, 3)])
def test_a_format_that_opus_has_not_is_refused(fmt):
    with pytest.raises(SettingError, match="Opus"):
        PacketMaker(fmt)


HEAVY = {"scipy", "librosa", "numba", "soxr", "pandas", "pydantic", "soundfile", "av", "rich"}


def modules_after(code):
    code += "\nimport sys\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_sending_side_loads_neither_numpy_nor_anything_heavy():
    code = """
import audiokit.live.client, audiokit.live.connect, audiokit.live.source, audiokit.live.speaker
from audiokit.live.encoding import PacketMaker
from audiokit.live.pcm import PcmFormat
maker = PacketMaker(PcmFormat())
maker.push(bytes(64000)), maker.finish()
"""
    assert not modules_after(code) & (HEAVY | {"numpy"})


def test_the_whole_live_path_with_a_recipe_loads_nothing_heavy():
    code = """
import importlib, pkgutil
import audiokit.live
for module in pkgutil.iter_modules(audiokit.live.__path__, "audiokit.live."):
    importlib.import_module(module.name)
from audiokit.live.encoding import PacketMaker, live_chain
from audiokit.live.pcm import PcmFormat
from audiokit.recipe import load_recipe
maker = PacketMaker(PcmFormat(), chain=live_chain(load_recipe("voice-live"), PcmFormat()))
maker.push(bytes(64000)), maker.finish()
"""
    assert not modules_after(code) & HEAVY
