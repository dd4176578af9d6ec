"""Resampling, by sines whose answer is known, and by soxr called on the whole signal."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from audiokit.errors import SettingError
from audiokit.files.resample import QUALITIES, Resampler, ResampleSettings
from audiokit.stage import StreamFormat
from audiokit.testing import render, speechlike, split_at

PAIRS = [(44100, 16000), (8000, 16000), (48000, 16000), (22050, 16000), (16000, 44100)]


def sine(frequency_hz, sample_rate, seconds=1.0):
    time_s = np.arange(round(seconds * sample_rate)) / sample_rate
    return (0.5 * np.sin(2 * np.pi * frequency_hz * time_s)).astype(np.float32)[:, None]


def resampled(block, rate_in, rate_out, quality="high"):
    fmt = StreamFormat(rate_in, block.shape[1])
    return render(Resampler(fmt, ResampleSettings(rate_out, quality)), [block])


def level_db(block):
    """Return the level against the sine that went in, of the middle, clear of the ends."""
    middle = block[len(block) // 4 : -len(block) // 4].astype(np.float64)
    return 10 * np.log10(np.mean(middle**2) / 0.125 + 1e-30)


@pytest.mark.parametrize(("rate_in", "rate_out"), PAIRS)
@pytest.mark.parametrize("share", [0.01, 0.3, 0.8])
def test_what_both_rates_can_hold_keeps_its_level(rate_in, rate_out, share):
    frequency_hz = round(share * min(rate_in, rate_out) / 2 / 50) * 50
    out = resampled(sine(frequency_hz, rate_in), rate_in, rate_out)
    assert abs(level_db(out)) < 0.05


@pytest.mark.parametrize("frequency_hz", [9000, 12000, 15000, 21000])
def test_what_the_new_rate_cannot_hold_is_gone(frequency_hz):
    assert level_db(resampled(sine(frequency_hz, 44100), 44100, 16000)) < -100


def test_nothing_new_appears_above_the_old_band():
    out = resampled(sine(3000, 8000), 8000, 16000)[:, 0]
    spectrum = np.abs(np.fft.rfft(out * np.blackman(len(out))))
    assert 20 * np.log10(spectrum[4500:].max() / spectrum.max()) < -100


@pytest.mark.parametrize(("rate_in", "rate_out"), PAIRS)
def test_the_wave_stays_where_it_was(rate_in, rate_out):
    out = resampled(sine(440, rate_in), rate_in, rate_out)
    expected = sine(440, rate_out)
    inner = slice(len(out) // 4, -len(out) // 4)
    np.testing.assert_allclose(out[inner], expected[inner], atol=5e-4)


@pytest.mark.parametrize("quality", QUALITIES)
def test_the_whole_signal_through_soxr_gives_the_same(quality):
    soxr = pytest.importorskip("soxr")
    block = speechlike(StreamFormat(44100, 2), 0.7)
    peer = soxr.resample(block, 44100, 16000, quality=QUALITIES[quality])
    np.testing.assert_allclose(resampled(block, 44100, 16000, quality), peer, atol=1e-6)


@pytest.mark.parametrize("n_samples", [0, 1, 2, 3, 100, 1378, 44101])
@pytest.mark.parametrize(("rate_in", "rate_out"), [*PAIRS, (44100, 44101), (192000, 8000)])
def test_length_is_rounded_half_up(n_samples, rate_in, rate_out):
    block = np.full((n_samples, 1), 0.25, np.float32)
    expected = int(np.floor(n_samples * rate_out / rate_in + 0.5))
    assert len(resampled(block, rate_in, rate_out)) == expected


def test_its_own_rate_passes_through_at_once():
    fmt = StreamFormat(16000, 2)
    stage = Resampler(fmt)
    block = speechlike(fmt, 0.1)
    np.testing.assert_array_equal(stage.process(block), block)
    assert stage.latency_samples == 0
    assert len(stage.flush()) == 0


@pytest.mark.parametrize(
    "block_samples", [441, 23000, 40000], ids=["live", "above the memory", "half"]
)
def test_a_copy_of_a_long_stream_goes_on_within_rounding(block_samples):
    fmt = StreamFormat(44100, 2)
    block = speechlike(fmt, 2.5)
    whole = render(Resampler(fmt), [block])
    pieces = split_at(block, range(0, len(block), block_samples))
    stage, out = Resampler(fmt), []
    for number, piece in enumerate(pieces):
        if number % 60 in (2, 3):
            stage = pickle.loads(pickle.dumps(stage))
        out.append(stage.process(piece))
    out.append(stage.flush())
    np.testing.assert_allclose(np.concatenate(out), whole, rtol=0, atol=1e-6)


def test_the_pickle_of_a_long_stream_stays_small():
    stage = Resampler(StreamFormat(44100))
    for _ in range(200):
        stage.process(np.zeros((882, 1), np.float32))
    assert len(pickle.dumps(stage)) < 200_000


def test_the_callers_block_may_be_written_to_again():
    fmt = StreamFormat(44100)
    block = speechlike(fmt, 1.0)
    stage, buffer, out = Resampler(fmt), np.empty((441, 1), np.float32), []
    for piece in split_at(block, range(441, len(block), 441)):
        buffer[:] = piece
        out.append(stage.process(buffer))
        buffer[:] = 9.0
    copy = pickle.loads(pickle.dumps(stage))
    np.testing.assert_allclose(copy.flush(), stage.flush(), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "value"), [("sample_rate", 0), ("sample_rate", 10**6), ("quality", "best")]
)
def test_settings_that_soxr_cannot_honour_are_refused(name, value):
    with pytest.raises(SettingError, match=name):
        ResampleSettings(**{name: value})
