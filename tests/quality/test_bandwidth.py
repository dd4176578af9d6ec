"""Bandwidth and codecs: what the spectrum and the steps of the samples show."""

from __future__ import annotations

import numpy as np
import pytest
from hearing import heard

RATE = 16000


def _speech(rate=48000, seconds=8.0):
    """Return noise under a speech-like slope of -9 dB per octave, in syllables."""
    n_samples = round(rate * seconds)
    spectrum = np.fft.rfft(np.random.default_rng(4).standard_normal(n_samples))
    bins_hz = np.arange(len(spectrum)) / seconds
    spectrum *= (1.0 + bins_hz / 500.0) ** -1.5
    envelope = np.clip(np.sin(2 * np.pi * 3.0 * np.arange(n_samples) / rate), 0.01, None)
    sound = np.fft.irfft(spectrum, n_samples) * envelope
    return 0.5 * sound / np.abs(sound).max()


def _cut(samples, rate, low_hz, high_hz):
    spectrum = np.fft.rfft(samples)
    bins_hz = np.arange(len(spectrum)) * rate / len(samples)
    spectrum[(bins_hz < low_hz) | (bins_hz > high_hz)] = 0.0
    return np.round(np.fft.irfft(spectrum, len(samples)) * 32768.0) / 32768.0


@pytest.mark.parametrize("rate", [16000, 44100, 48000])
@pytest.mark.parametrize("edge_hz", [2000, 3400, 4000, 5500, 7000, 8000, 12000, 16000, 20000])
def test_the_edge_of_a_filter_is_found_within_ten_percent(rate, edge_hz):
    if edge_hz > 0.45 * rate:
        pytest.skip("above half the sample rate")
    report = heard(_cut(_speech(rate), rate, 0, edge_hz), rate).bandwidth
    assert report.bandwidth_hz == pytest.approx(edge_hz, rel=0.1)
    assert report.low_hz <= edge_hz <= report.high_hz


@pytest.mark.parametrize("rate", [8000, 16000, 48000])
def test_without_an_edge_the_whole_band_is_there(rate):
    report = heard(_speech(rate), rate).bandwidth
    assert report.bandwidth_hz == pytest.approx(rate / 2, rel=0.01)
    assert report.drop_db is None


def test_what_was_resampled_from_8_khz_says_so(recordings):
    soundfile, soxr = pytest.importorskip("soundfile"), pytest.importorskip("soxr")
    for name in ("leopard_test_es.flac", "libri_2033-164914-0000.flac", "ru.flac"):
        samples, rate = soundfile.read(recordings / "speech" / name, dtype="float32")
        wide = soxr.resample(soxr.resample(samples, rate, 8000), 8000, 48000)
        assert heard(wide, 48000).bandwidth.bandwidth_hz == pytest.approx(4000, rel=0.1)
        assert heard(samples, rate).bandwidth.bandwidth_hz > 7000, name


def test_silence_has_no_bandwidth_and_says_why():
    assert heard(np.zeros(RATE)).bandwidth.reason == "silence"
    assert heard(np.zeros(600)).bandwidth.reason.startswith("fewer than 8 frames")


def test_the_band_of_a_telephone_in_a_wider_file_is_named():
    sound = _speech(16000)
    assert heard(_cut(sound, 16000, 300, 3400)).codec.codec == "telephone"
    assert heard(_cut(sound, 16000, 0, 6000)).codec.codec is None
    assert heard(sound).codec.codec is None


def test_a_cut_off_of_lossy_codecs_is_named_and_that_of_a_resampler_is_not():
    sound = _speech(44100)
    assert heard(_cut(sound, 44100, 0, 17000), 44100).codec.codec == "mp3-like"
    assert heard(_cut(sound, 44100, 0, 15700), 44100).codec.codec is None
    assert heard(_cut(sound, 44100, 0, 11000), 44100).codec.codec is None


def test_the_steps_of_g711_are_told_apart():
    encoded = np.random.default_rng(1).integers(0, 256, 3 * RATE)
    for law, decoded in (("mu-law", _mu_law(encoded)), ("a-law", _a_law(encoded))):
        assert heard(decoded / 32768.0).codec.codec == law
        assert heard(decoded * 0.7 / 32768.0).codec.codec is None


def test_sixteen_and_eight_bits_are_no_companding():
    for n_steps in (128.0, 32768.0):
        assert heard(np.round(_speech(16000) * n_steps) / n_steps).codec.codec is None


def _mu_law(encoded):
    """Decode as ITU-T G.191's `ulaw_expand` does: the golden values of the test."""
    flipped = ~encoded & 0xFF
    size = ((((flipped & 15) << 3) + 0x84) << ((flipped >> 4) & 7)) - 0x84
    return np.where(flipped & 0x80, -size, size)


def _a_law(encoded):
    """Decode as ITU-T G.191's `alaw_expand` does."""
    flipped = encoded ^ 0x55
    segment, size = (flipped >> 4) & 7, ((flipped & 15) << 4) + 8
    size = np.where(segment > 0, (size + 0x100) << np.maximum(segment - 1, 0), size)
    return np.where(flipped & 0x80, size, -size)
