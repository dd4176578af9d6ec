"""Calls on a virtual clock: true to the sample where nothing happens, the same every time."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from audiokit.errors import (
    CorruptError,
    EmptyError,
    FormatError,
    MissingExtraError,
    SettingError,
    TooLongError,
)
from audiokit.jobs.call import Call
from audiokit.jobs.decode import DecodeSettings, decode_file
from audiokit.jobs.encode import EncodeSettings, encode_file
from audiokit.jobs.simulate import simulate_file
from audiokit.jobs.simulate_codec import CodecSettings, PacketSender, open_decoder
from audiokit.jobs.simulate_link import NetworkSettings, read_recorded
from audiokit.jobs.simulate_quality import has_measures
from audiokit.jobs.simulate_settings import SimulateSettings
from audiokit.jobs.simulate_sweep import points_of
from audiokit.jobs.simulate_trail import Trail
from audiokit.jobs.task import Limits, ProcessTask
from audiokit.stage import StreamFormat
from audiokit.testing import speechlike
from audiokit.transit.datagram import Datagram
from audiokit.transit.jitter_settings import JitterSettings
from audiokit.transit.loss import LossList
from audiokit.transit.packet import build_rtp
from audiokit.transit.pcap import read_pcap, write_pcap
from audiokit.transit.rtp_streams import find_streams
from audiokit.transit.trace import Opportunities, Trace, parse_trace

FMT = StreamFormat(16_000, 1)
N_SAMPLES = 50_011
BURSTY = NetworkSettings(loss_percent=10, burst=3, jitter_ms=40, seed=7)
PCM = CodecSettings("pcm", plc="repeat")


def speech(fmt=FMT, n_samples=N_SAMPLES):
    return speechlike(fmt, n_samples / fmt.sample_rate)[:n_samples] * np.float32(0.5)


@pytest.fixture(scope="module")
def take(tmp_path_factory):
    path = tmp_path_factory.mktemp("takes") / "take.wav"
    soundfile.write(path, speech(), FMT.sample_rate, "PCM_16")
    return path


def simulated(source, folder, wanted, *kinds, limits=None):
    """Simulate; return the row and what was written, by kind."""
    ends = {"audio": "heard.wav", "pcap": "came.pcap", "trace": "when.csv", "ogg": "came.opus"}
    places = {kind: folder / ends[kind] for kind in ("audio", *kinds)}
    outputs = {("pcap" if kind == "ogg" else kind): path for kind, path in places.items()}
    folder.mkdir(exist_ok=True)
    task = ProcessTask(str(source), outputs, name=str(source), scratch=folder)
    return simulate_file(task, wanted, limits), places


def samples_of(path):
    return soundfile.read(path, dtype="int16", always_2d=True)[0]


def decoded(source, folder, rate=None):
    path = folder / f"{source.name}.decoded.wav"
    task = ProcessTask(str(source), {"audio": path}, name=str(source), scratch=folder)
    decode_file(task, DecodeSettings(rate))
    return samples_of(path)


@pytest.mark.parametrize("frame_ms", [2.5, 10.0, 20.0, 60.0])
def test_a_clean_network_gives_every_sample_back_in_its_place(take, tmp_path, frame_ms):
    codec = replace(PCM, opus=replace(PCM.opus, frame_ms=frame_ms))
    row, places = simulated(take, tmp_path, SimulateSettings(codec))
    np.testing.assert_array_equal(samples_of(places["audio"]), samples_of(take))
    assert (row["packets_lost"], row["stretched_percent"]) == (0, 0)
    # Of the last block there may be a rest, which nobody hears.
    assert row["concealed_percent"] < 0.3
    # On the way, in the packet, in the buffer: a block of 10 ms more at most.
    assert 0 <= row["delay_ms"] - (50 + frame_ms + 40) <= 15


def test_opus_over_a_clean_network_is_what_the_file_of_its_packets_decodes_to(take, tmp_path):
    _, places = simulated(take, tmp_path, SimulateSettings())
    task = ProcessTask(str(take), {"audio": tmp_path / "t.opus"}, name="take", scratch=tmp_path)
    encode_file(task, EncodeSettings())
    np.testing.assert_array_equal(
        samples_of(places["audio"]), decoded(tmp_path / "t.opus", tmp_path)
    )


def test_from_wav_over_pcap_and_ogg_to_wav_no_sample_moves(take, tmp_path):
    _, first = simulated(take, tmp_path / "a", SimulateSettings(), "pcap")
    _, second = simulated(first["pcap"], tmp_path / "b", SimulateSettings(), "ogg")
    heard = samples_of(first["audio"])
    for path in (second["audio"],):
        np.testing.assert_array_equal(samples_of(path)[:N_SAMPLES], heard)
    for path in (first["pcap"], second["ogg"]):
        sound = decoded(path, tmp_path)
        np.testing.assert_array_equal(sound[:N_SAMPLES], heard)
        # What the last packet was filled up with is all that there is more.
        assert 0 <= len(sound) - N_SAMPLES < 320


@pytest.mark.parametrize("codec", ["opus", "ulaw", "alaw", "pcm"])
def test_the_same_seed_gives_the_same_bytes_and_another_one_others(take, tmp_path, codec):
    wanted = SimulateSettings(CodecSettings(codec), network=BURSTY)
    runs = [simulated(take, tmp_path / name, wanted, "pcap", "trace")[1] for name in "ab"]
    other = replace(wanted, network=replace(BURSTY, seed=8))
    runs.append(simulated(take, tmp_path / "c", other, "pcap", "trace")[1])
    for kind in ("audio", "pcap", "trace"):
        first, again, another = (places[kind].read_bytes() for places in runs)
        assert first == again, kind
        assert first != another, kind


def test_a_trace_that_was_written_does_the_same_again(take, tmp_path):
    wanted = SimulateSettings(PCM, network=BURSTY)
    row, places = simulated(take, tmp_path / "a", wanted, "trace")
    recorded = read_recorded(places["trace"])
    assert isinstance(recorded, Trace)
    again = SimulateSettings(PCM, network=NetworkSettings(), recorded=recorded)
    same, _ = simulated(take, tmp_path / "b", again, "trace")
    assert same["packets_lost"] == row["packets_lost"] > 0
    assert same["delay_ms"] == pytest.approx(row["delay_ms"], abs=1.0)


def test_what_is_lost_is_counted_alike_by_link_buffer_capture_and_tshark(take, tmp_path):
    network = NetworkSettings(loss_percent=12, burst=2, jitter_ms=10, is_in_order=True, seed=3)
    row, places = simulated(take, tmp_path, SimulateSettings(PCM, network=network), "pcap")
    (stream,) = find_streams(read_pcap(places["pcap"].read_bytes()).datagrams)
    assert stream.n_lost == row["packets_lost"] > 3
    # Beyond the first and the last to arrive nobody can know.
    assert row["link_lost"] >= row["packets_lost"]
    if shutil.which("tshark") is None:
        pytest.skip("tshark is not installed: its count is not compared")
    command = ["tshark", "-r", places["pcap"], "-d", "udp.port==5004,rtp", "-q"]
    done = subprocess.run(
        [*command, "-z", "rtp,streams"], check=True, capture_output=True, text=True
    )
    line = next(line for line in done.stdout.splitlines() if "0x61756469" in line)
    assert f" {row['packets_lost']} (" in line


def test_all_lost_is_silence_as_long_as_what_was_said(take, tmp_path):
    network = NetworkSettings(loss_percent=100)
    row, places = simulated(take, tmp_path, SimulateSettings(PCM, network=network))
    heard = samples_of(places["audio"])
    assert heard.shape == (N_SAMPLES, 1)
    assert not heard.any()
    assert row["mos"] is None
    assert row["warnings"] == ["no packet arrived: all is silence"]


@pytest.mark.parametrize("codec", ["opus", "pcm"])
@pytest.mark.parametrize("place", ["first", "last"])
def test_a_lost_edge_moves_nothing(take, tmp_path, codec, place):
    n_packets = -(-(N_SAMPLES + 104) // 320) if codec == "opus" else -(-N_SAMPLES // 320)
    losses = [False] * n_packets
    losses[0 if place == "first" else -1] = True
    wanted = SimulateSettings(CodecSettings(codec), recorded=LossList(tuple(losses)))
    row, places = simulated(take, tmp_path, wanted)
    heard, said = samples_of(places["audio"]), samples_of(take)
    assert row["link_lost"] == 1
    n_missing = 320 if place == "first" else 0
    assert len(heard) == N_SAMPLES - n_missing
    if codec == "pcm":
        expected = said[n_missing:]
        kept = slice(0, N_SAMPLES // 320 * 320 if place == "last" else None)
        np.testing.assert_array_equal(heard[kept], expected[kept])


def test_fec_and_expected_loss_are_heard(take, tmp_path):
    network = NetworkSettings(loss_percent=10, seed=1)
    repaired = {}
    for has_fec in (True, False):
        codec = CodecSettings()
        codec = replace(codec, opus=replace(codec.opus, fec=has_fec))
        row, _ = simulated(take, tmp_path, SimulateSettings(codec, network=network))
        repaired[has_fec] = row["packets_repaired"]
    assert repaired[False] == 0
    assert repaired[True] > 3


@pytest.mark.parametrize(
    ("codec", "rate", "channels", "heard"),
    [
        ("opus", None, "mono", (16_000, 1)),
        ("opus", 48_000, "stereo", (48_000, 2)),
        ("ulaw", None, "mono", (8_000, 1)),
        ("alaw", 16_000, "keep", (16_000, 2)),
        ("pcm", 44_100, "keep", (44_100, 2)),
    ],
)
def test_any_recording_is_brought_to_what_the_codec_takes(tmp_path, codec, rate, channels, heard):
    source = tmp_path / "stereo.wav"
    soundfile.write(source, speech(StreamFormat(44_100, 2), 44_100), 44_100)
    wanted = SimulateSettings(CodecSettings(codec, resample=rate, channels=channels))
    row, places = simulated(source, tmp_path / "out", wanted)
    info = soundfile.info(places["audio"])
    assert (info.samplerate, info.channels) == heard
    assert info.duration == pytest.approx(1.0, abs=1e-3)
    assert (row["source_sample_rate"], row["source_channels"]) == (44_100, 2)


def test_a_captured_call_is_played_as_it_arrived(recordings, tmp_path):
    source = recordings / "trace" / "pcmu_8k_no_jitter.pcap"
    row, places = simulated(source, tmp_path, SimulateSettings())
    assert (row["codec"], row["container"], row["n_packets"]) == ("ulaw", "pcap", 2524)
    assert row["packets_lost"] == 0
    assert row["concealed_percent"] < 0.5
    heard, plain = samples_of(places["audio"]), decoded(source, tmp_path)
    assert len(plain) == 2524 * 160
    assert len(heard) / 8000 == pytest.approx(50.5, abs=0.2)


def test_the_dump_of_a_call_is_played_too(take, tmp_path):
    wanted = SimulateSettings(CodecSettings("alaw"))
    outputs = {"audio": tmp_path / "a.wav", "pcap": tmp_path / "a.rtpdump"}
    simulate_file(ProcessTask(str(take), outputs, name="t", scratch=tmp_path), wanted)
    row, places = simulated(tmp_path / "a.rtpdump", tmp_path / "b", SimulateSettings())
    assert (row["codec"], row["container"]) == ("alaw", "rtpdump")
    first = samples_of(tmp_path / "a.wav")
    np.testing.assert_array_equal(samples_of(places["audio"])[: len(first)], first)
    np.testing.assert_array_equal(decoded(tmp_path / "a.rtpdump", tmp_path)[: len(first)], first)


def test_what_a_capture_lost_is_concealed_at_its_length(take, tmp_path):
    network = NetworkSettings(loss_percent=10, burst=2, seed=5)
    for codec in ("ulaw", "opus"):
        wanted = SimulateSettings(CodecSettings(codec), network=network)
        row, places = simulated(take, tmp_path, wanted, "pcap")
        task = ProcessTask(
            str(places["pcap"]), {"audio": tmp_path / "d.wav"}, name="d", scratch=tmp_path
        )
        told = decode_file(task, DecodeSettings())
        assert told["lost_s"] == pytest.approx(0.02 * row["packets_lost"])
        assert told["duration_s"] == pytest.approx(N_SAMPLES / 16_000, abs=0.1)


def test_drift_is_followed_without_a_growing_delay(tmp_path):
    source = tmp_path / "long.wav"
    soundfile.write(source, np.tile(speech(), (6, 1)), FMT.sample_rate)
    for drift_ppm in (-3000.0, 3000.0):
        network = NetworkSettings(drift_ppm=drift_ppm)
        row, places = simulated(source, tmp_path / "o", SimulateSettings(PCM, network=network))
        assert row["delay_p95_ms"] - row["delay_ms"] < 25.0
        length = soundfile.info(places["audio"]).frames
        assert length / (6 * N_SAMPLES) == pytest.approx(1.0 - drift_ppm * 1e-6, abs=0.0015)


def test_a_pause_in_a_capture_of_a_day_is_left_out(tmp_path):
    sender = PacketSender(FMT, CodecSettings("ulaw", resample=8000))
    packets = sender.push(speech(n_samples=32_000))
    later = [(packet, at_s + 86_400.0 * (at_s > 1.0)) for packet, at_s in packets]
    source = tmp_path / "day.pcap"
    source.write_bytes(write_pcap(Datagram(at_s, build_rtp(packet)) for packet, at_s in later))
    wanted = SimulateSettings(captured_codec="ulaw")
    limits = Limits(max_duration_s=100_000.0)
    row, places = simulated(source, tmp_path / "o", wanted, limits=limits)
    assert soundfile.info(places["audio"]).duration < 60.0
    assert any("left out" in warning for warning in row["warnings"])
    assert row["delay_ms"] < 400.0
    with pytest.raises(TooLongError, match="max-duration"):
        simulated(source, tmp_path / "p", wanted, limits=Limits(max_duration_s=3600.0))


@pytest.mark.parametrize(
    ("data", "error", "said"),
    [
        (b"\xd4\xc3\xb2\xa1" + bytes(20), EmptyError, "no stream of RTP in 0 UDP packets"),
        (b"\x0a\x0d\x0d\x0a" + bytes(range(100)), EmptyError, "no stream of RTP"),
        (b"#!rtpplay1.0 x", FormatError, "begins with"),
    ],
)
def test_a_capture_of_nothing_is_said_to_be_one(tmp_path, data, error, said):
    source = tmp_path / "x.pcap"
    source.write_bytes(data)
    with pytest.raises(error, match=said):
        simulated(source, tmp_path / "o", SimulateSettings())
    assert not list((tmp_path / "o").iterdir())


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_a_capture_with_flipped_bits_is_played_or_refused(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("flip")
    source = folder / "t.wav"
    soundfile.write(source, speech(n_samples=8_000), FMT.sample_rate)
    codec = data.draw(st.sampled_from(["opus", "ulaw"]))
    _, places = simulated(source, folder, SimulateSettings(CodecSettings(codec)), "pcap")
    capture = bytearray(places["pcap"].read_bytes())
    for place in data.draw(st.lists(st.integers(24, len(capture) - 1), min_size=1, max_size=40)):
        capture[place] ^= 1 << data.draw(st.integers(0, 7))
    broken = folder / "broken.pcap"
    broken.write_bytes(capture)
    for run in (
        lambda: simulated(broken, folder / "o", SimulateSettings(), limits=Limits(0, 1e6)),
        lambda: decoded(broken, folder),
    ):
        with contextlib.suppress(FormatError, EmptyError, CorruptError, TooLongError):
            run()


def test_a_call_is_the_same_however_its_recording_is_cut():
    block = speech(n_samples=20_000)
    heard = []
    for step in (20_000, 1_777, 320):
        sender = PacketSender(FMT, PCM)
        call = Call(
            open_decoder(FMT, PCM),
            clock_hz=sender.clock_hz,
            link=BURSTY.link(None),
            jitter=JitterSettings(),
            rng=np.random.default_rng(3),
        )
        blocks = []
        for start in range(0, len(block), step):
            for packet, sent_s in sender.push(block[start : start + step]):
                blocks += call.send(packet, sent_s)
        for packet, sent_s in sender.flush():
            blocks += call.send(packet, sent_s)
        heard.append(np.concatenate([*blocks, *call.finish(sender.end_ticks)]))
    np.testing.assert_array_equal(heard[0], heard[1])
    np.testing.assert_array_equal(heard[0], heard[2])


def test_what_was_stretched_is_laid_back_to_where_it_lay():
    # A network that grows slower makes the buffer stretch; nothing is lost.
    sent_s = tuple(index * 0.02 for index in range(200))
    delays = tuple(0.03 + 0.1 * (index > 60) for index in range(200))
    sender = PacketSender(FMT, PCM)
    call = Call(
        open_decoder(FMT, PCM),
        clock_hz=16_000,
        link=NetworkSettings().link(Trace(sent_s, delays)),
        jitter=JitterSettings(),
        rng=np.random.default_rng(0),
    )
    trail = Trail()
    call.watchers.append(trail)
    said = speech()
    blocks = []
    for packet, at_s in [*sender.push(said), *sender.flush()]:
        blocks += call.send(packet, at_s)
    heard = np.concatenate([*blocks, *call.finish(sender.end_ticks)])
    assert call.stats().inserted_samples_for_deceleration + call.stats().concealed_samples > 0
    placed = trail.in_place(heard, 16_000, n_pull=160)
    last = slice(30_000, 45_000)
    as_heard = np.corrcoef(said[last, 0], heard[last, 0])[0, 1]
    laid_back = np.corrcoef(said[last, 0], placed[last, 0])[0, 1]
    assert as_heard < 0.9
    assert laid_back > 0.999


@pytest.mark.skipif(not has_measures(), reason="the extra quality is not installed")
def test_measures_fall_with_loss_and_are_perfect_without(take, tmp_path):
    found = []
    for loss in (0.0, 5.0, 20.0):
        network = NetworkSettings(loss_percent=loss, seed=2)
        wanted = SimulateSettings(PCM, network=network, has_quality=True)
        found.append(simulated(take, tmp_path, wanted)[0])
    pesq, stoi = ([row[name] for row in found] for name in ("pesq", "stoi"))
    assert pesq[0] > 4.5
    assert stoi[0] > 0.999
    assert pesq[0] > pesq[1] > pesq[2]
    assert stoi[0] > stoi[1] > stoi[2]
    assert found[0]["pesq_mode"] == "wb"


def test_what_real_networks_did_is_read_by_what_is_in_the_file(recordings, tmp_path):
    folder = recordings / "trace"
    assert isinstance(read_recorded(folder / "roc_bad_wifi.csv"), Trace)
    assert isinstance(read_recorded(folder / "mahimahi_Verizon-LTE-short.up.txt"), Opportunities)
    losses = read_recorded(folder / "plc_ms54.loss.txt")
    assert isinstance(losses, LossList)
    assert set(losses.losses) == {True, False}
    empty = tmp_path / "empty"
    empty.write_bytes(b" \n")
    with pytest.raises(EmptyError):
        read_recorded(empty)
    other = tmp_path / "other"
    other.write_bytes(b"\xff\xfe\x00junk")
    with pytest.raises(FormatError):
        read_recorded(other)


def test_networks_are_every_combination_in_order():
    points = points_of(NetworkSettings(), {"loss": "0,5", "jitter_ms": "10", "seed": "1,2"})
    assert [point.name for point in points] == [
        "loss-0.seed-1", "loss-0.seed-2", "loss-5.seed-1", "loss-5.seed-2",
    ]  # fmt: skip
    assert points[3].network == NetworkSettings(loss_percent=5, jitter_ms=10, seed=2)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"loss": "ten"}, "loss is 'ten', expected a number"),
        ({"loss": "101"}, "0 to 100 %"),
        ({"loss": "nan"}, "expected numbers"),
        ({"loss": "5,5"}, "5 once"),
        ({"seed": "1.5"}, "a whole number"),
        ({"seed": "-1"}, "0 or more"),
        ({"loss": "60", "burst": "1"}, "burst is 1"),
        ({"burst": "0"}, "1 to 1e"),
    ],
)
def test_networks_that_cannot_be_are_refused(given, said):
    with pytest.raises(SettingError, match=said):
        points_of(NetworkSettings(), given)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"codec": "opus", "plc": "pitch"}, "plc is 'pitch', expected nothing with opus"),
        ({"codec": "pcm", "plc": "magic"}, "plc is 'magic', expected one of"),
        ({"codec": "opus", "resample": 44_100}, "--resample 48000"),
        ({"codec": "mp3"}, "opus, ulaw, alaw or pcm"),
        ({"codec": "pcm", "resample": 4_000}, "8000 to 48000 Hz"),
    ],
)
def test_codecs_that_cannot_be_are_refused(values, said):
    with pytest.raises(SettingError, match=said):
        CodecSettings(**values)


def test_measures_that_are_not_installed_are_asked_for(monkeypatch):
    import importlib.util

    from audiokit.jobs.simulate_quality import check_measures

    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"audiokit\[quality\]"):
        check_measures()


def test_a_written_trace_reads_as_what_was_sent(take, tmp_path):
    _, places = simulated(take, tmp_path, SimulateSettings(PCM, network=BURSTY), "trace")
    trace = parse_trace(places["trace"].read_text())
    assert len(trace.sent_s) == -(-N_SAMPLES // 320)
    np.testing.assert_allclose(np.diff(trace.sent_s), 0.02, atol=1e-6)
