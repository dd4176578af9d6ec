"""Lost packets and drop-outs: what they leave, and what only looks like it."""

from __future__ import annotations

import numpy as np
import pytest
from hearing import heard

from audiokit.files.read import open_audio
from audiokit.stage import StreamFormat
from audiokit.testing import speechlike

RATE = 16000


PACKET = 320
FMT = StreamFormat(RATE)


def _speech(seconds=12.0):
    rounded = np.round(speechlike(FMT, seconds)[:, 0] * 32768.0) / 32768.0
    return rounded.astype(np.float32)


def _lost(n_packets, share, seed=3):
    lost = np.random.default_rng(seed).random(n_packets) < share
    lost[:2] = lost[-8:] = False
    return lost


def _marks(spans, n_packets, rate=RATE, packet=PACKET):
    is_marked = np.zeros(n_packets * packet, bool)
    for start_s, end_s in spans:
        is_marked[round(start_s * rate) : round(end_s * rate)] = True
    return is_marked.reshape(n_packets, packet).mean(axis=1) > 0.5


@pytest.mark.parametrize("kind", ["zeros", "repeats"])
@pytest.mark.parametrize("share", [0.02, 0.1, 0.3])
def test_lost_packets_are_marked_with_their_times(kind, share):
    samples = _speech()
    packets = samples[: len(samples) // PACKET * PACKET].reshape(-1, PACKET)
    lost = _lost(len(packets), share)
    for index in np.flatnonzero(lost):
        packets[index] = 0.0 if kind == "zeros" else packets[index - 1]
    found = _marks(heard(packets.ravel()).gaps.lost_packets, len(packets))
    assert np.count_nonzero(found & lost) >= 0.9 * np.count_nonzero(lost)
    assert np.count_nonzero(found & lost) >= 0.9 * np.count_nonzero(found)


def test_lost_packets_are_marked_after_a_resampler_too():
    soxr = pytest.importorskip("soxr")
    packets = _speech()[: 12 * RATE].reshape(-1, PACKET)
    lost = _lost(len(packets), 0.1)
    packets[lost] = 0.0
    wide = soxr.resample(packets.ravel(), RATE, 48000)
    gaps = heard(np.round(wide * 32768.0) / 32768.0, 48000).gaps
    found = _marks(gaps.lost_packets, len(packets), 48000, 3 * PACKET)
    assert np.count_nonzero(found & lost) >= 0.5 * np.count_nonzero(lost)
    assert np.count_nonzero(found & lost) >= 0.9 * np.count_nonzero(found)


def test_marks_are_right_on_the_traces_of_real_losses(recordings):
    soundfile = pytest.importorskip("soundfile")
    for path in sorted((recordings / "trace").glob("plc_*_lossy.flac")):
        samples, rate = soundfile.read(path, dtype="float32")
        name = path.name.replace("_lossy.flac", ".loss.txt")
        lost = np.loadtxt(path.with_name(name)).astype(bool)
        found = _marks(heard(samples, rate).gaps.lost_packets, len(lost), rate, rate // 50)
        n_right = np.count_nonzero(found & lost)
        assert n_right >= 0.9 * max(np.count_nonzero(found), np.count_nonzero(lost)), path.name


def test_the_same_recordings_without_loss_have_no_marks(recordings):
    soundfile = pytest.importorskip("soundfile")
    for path in sorted((recordings / "trace").glob("plc_*_clean.flac")):
        gaps = heard(*soundfile.read(path, dtype="float32")).gaps
        assert gaps.n_lost == gaps.n_dropouts == 0, path.name


def test_clean_synthetic_speech_has_neither_losses_nor_dropouts(samples):
    for path in sorted(samples.iterdir()):
        if path.suffix in {".py", ".csv"}:
            continue
        with open_audio(path) as audio:
            gaps = heard(np.concatenate(list(audio.blocks(65536))), audio.fmt.sample_rate).gaps
        assert gaps.n_lost == gaps.n_dropouts == 0, path.name


@pytest.mark.parametrize("kind", ["zeros", "held"])
def test_a_span_of_odd_length_amid_speech_is_a_dropout(kind):
    samples = _speech(3.0)
    start, end = 26_000, 26_000 + 2_317  # 145 ms, in the middle of a syllable
    samples[start:end] = 0.0 if kind == "zeros" else samples[start - 1]
    gaps = heard(samples).gaps
    assert (gaps.n_lost, gaps.n_dropouts) == (0, 1)
    assert gaps.dropouts[0] == pytest.approx((start / RATE, end / RATE), abs=2 / RATE)
    assert gaps.dropout_s == pytest.approx(2_317 / RATE, abs=3 / RATE)


def test_a_pause_that_a_gate_made_is_neither():
    samples = _speech()
    size = np.convolve(np.abs(samples), np.full(320, 1 / 320), "same")
    opened = np.convolve(size > 0.02, np.full(400, 1 / 400), "same")
    gated = np.where(opened < 0.01, 0.0, samples * opened)
    gaps = heard(np.round(gated * 32768.0) / 32768.0).gaps
    assert gaps.n_lost == gaps.n_dropouts == 0


def test_a_hum_that_repeats_itself_is_no_lost_packet():
    time_s = np.arange(5 * RATE) / RATE
    hum = np.round(3000 * np.sin(2 * np.pi * 50 * time_s)) / 32768.0
    gaps = heard(hum + np.where(_speech(5.0) ** 2 > 1e-4, _speech(5.0), 0.0)).gaps
    assert gaps.n_lost == 0


def test_a_loss_in_one_of_two_channels_is_found():
    samples = np.stack([_speech(3.0), _speech(3.0)[::-1]], axis=1)
    samples[16_000:16_320, 1] = 0.0
    gaps = heard(samples).gaps
    assert gaps.lost_packets == ((1.0, 1.02),)
    assert gaps.lost_ratio == pytest.approx(320 / len(samples))
