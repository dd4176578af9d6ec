"""The compressor: the curve, the times, the look-ahead, one gain for all channels."""

from __future__ import annotations

import numpy as np
import pytest

from audiokit.errors import SettingError
from audiokit.loudness.compressor import Compressor, CompressorSettings
from audiokit.stage import StreamFormat
from audiokit.testing import render, speechlike, split_at

FMT = StreamFormat(48000)


def tone(level_dbfs, seconds=0.5, fmt=FMT, freq_hz=1000.0):
    """Return a sine whose peaks are at a level; a millisecond holds a whole period."""
    time_s = np.arange(round(seconds * fmt.sample_rate)) / fmt.sample_rate
    mono = 10 ** (level_dbfs / 20) * np.sin(2 * np.pi * freq_hz * time_s)
    return np.ascontiguousarray(np.repeat(mono[:, None], fmt.channels, axis=1), np.float32)


def gain_db(out, block):
    """Return the gain millisecond by millisecond, by energy."""
    energies = [(x.astype(float).reshape(-1, 48) ** 2).sum(axis=1) for x in (out, block)]
    return 10 * np.log10(energies[0] / energies[1])


def settled_gain_db(settings, level_dbfs, fmt=FMT):
    block = tone(level_dbfs, fmt=fmt)
    out = render(Compressor(fmt, settings), [block])
    rest = len(block) // 2
    energies = [(x[rest:].astype(float) ** 2).sum() for x in (out, block)]
    return 10 * np.log10(energies[0] / energies[1])


@pytest.mark.parametrize("level_dbfs", [-14.0, -6.0, 0.0])
@pytest.mark.parametrize("ratio", [1.5, 4.0, 100.0])
@pytest.mark.parametrize("makeup_db", [0.0, 7.0])
def test_a_steady_tone_above_the_knee_follows_the_closed_form(level_dbfs, ratio, makeup_db):
    settings = CompressorSettings(
        threshold_dbfs=-20.0, ratio=ratio, knee_db=10.0, makeup_db=makeup_db
    )
    out_dbfs = -20.0 + (level_dbfs - -20.0) / ratio + makeup_db
    assert settled_gain_db(settings, level_dbfs) == pytest.approx(out_dbfs - level_dbfs, abs=0.05)


@pytest.mark.parametrize("fmt", [StreamFormat(8000), StreamFormat(16000), StreamFormat(44100, 2)])
def test_the_curve_is_the_same_at_every_rate(fmt):
    settings = CompressorSettings(threshold_dbfs=-20.0, ratio=4.0, knee_db=0.0)
    # At 44.1 kHz no sample need fall on a peak: up to 0.02 dB.
    assert settled_gain_db(settings, -8.0, fmt) == pytest.approx(-9.0, abs=0.05)


@pytest.mark.parametrize("over_db", [-5.0, -2.0, 0.0, 3.0, 5.0])
def test_the_knee_is_the_published_parabola(over_db):
    settings = CompressorSettings(threshold_dbfs=-20.0, ratio=4.0, knee_db=10.0)
    # Giannoulis, Massberg, Reiss 2012, equation 4.
    expected_db = (1 / 4.0 - 1) * (over_db + 5.0) ** 2 / 20.0
    assert settled_gain_db(settings, -20.0 + over_db) == pytest.approx(expected_db, abs=0.05)


def test_what_stays_below_the_knee_keeps_its_bits():
    block = tone(-23.2)
    compressor = Compressor(FMT, CompressorSettings(threshold_dbfs=-20.0, knee_db=6.0))
    np.testing.assert_array_equal(render(compressor, [block]), block)
    assert compressor.facts() == {
        "max_reduction_db": 0.0,
        "mean_reduction_db": 0.0,
        "reduced_ratio": 0.0,
    }


def test_the_rms_detector_reads_a_sine_3_db_below_its_peak():
    settings = CompressorSettings(
        threshold_dbfs=-20.0, ratio=4.0, knee_db=0.0, detector="rms", rms_window_ms=10.0
    )
    assert settled_gain_db(settings, -8.0) == pytest.approx(-9.0 + 3.01 * 0.75, abs=0.05)


def step(soft_dbfs=-40.0, loud_dbfs=-8.0):
    """Return 100 ms soft, 300 ms loud, 600 ms soft."""
    return np.concatenate([tone(soft_dbfs, 0.1), tone(loud_dbfs, 0.3), tone(soft_dbfs, 0.6)])


def test_attack_and_release_are_time_constants():
    settings = CompressorSettings(
        threshold_dbfs=-20.0,
        ratio=4.0,
        knee_db=0.0,
        attack_ms=20.0,
        release_ms=100.0,
        lookahead_ms=0.0,
    )
    block = step()
    gains_db = gain_db(render(Compressor(FMT, settings), [block]), block)
    after = np.arange(len(gains_db)) + 0.5
    attack = -9.0 * (1 - np.exp(-(after[100:400] - 100) / 20.0))
    release = attack[-1] * np.exp(-(after[400:] - 400) / 100.0)
    np.testing.assert_allclose(gains_db[:100], 0.0, atol=1e-6)
    np.testing.assert_allclose(gains_db[100:400], attack, atol=0.05)
    np.testing.assert_allclose(gains_db[400:], release, atol=0.05)


def test_with_look_ahead_and_no_attack_nothing_overshoots():
    settings = CompressorSettings(
        threshold_dbfs=-20.0, ratio=100.0, knee_db=0.0, attack_ms=0.0, lookahead_ms=3.0
    )
    block = step()
    out = render(Compressor(FMT, settings), [block])
    highest_dbfs = 20 * np.log10(np.abs(out).max())
    assert highest_dbfs == pytest.approx(-20.0 + 12.0 / 100.0, abs=0.05)


def test_an_attack_of_a_third_of_the_look_ahead_leaves_a_twentieth():
    settings = CompressorSettings(
        threshold_dbfs=-20.0, ratio=100.0, knee_db=0.0, attack_ms=5.0, lookahead_ms=15.0
    )
    block = step()
    out = render(Compressor(FMT, settings), [block])
    overshoot_db = 20 * np.log10(np.abs(out).max()) - (-20.0 + 12.0 / 100.0)
    assert overshoot_db == pytest.approx(12.0 * np.exp(-3.0), abs=0.2)


def test_the_louder_channel_decides_for_both():
    fmt = StreamFormat(48000, 2)
    block = np.concatenate([tone(-8.0), tone(-30.0)], axis=1)
    settings = CompressorSettings(threshold_dbfs=-20.0, ratio=4.0, knee_db=0.0)
    for detector in ("peak", "rms"):
        chosen = CompressorSettings(threshold_dbfs=-20.0, ratio=4.0, detector=detector)
        out = render(Compressor(fmt, chosen), [np.ascontiguousarray(block)])
        loud, soft = (gain_db(out[:, [c]], block[:, [c]])[20:] for c in (0, 1))
        np.testing.assert_allclose(soft, loud, atol=1e-4)
    out = render(Compressor(fmt, settings), [np.ascontiguousarray(block)])
    assert gain_db(out[:, [1]], block[:, [1]])[-1] == pytest.approx(-9.0, abs=0.05)


def test_a_stream_that_begins_loud_begins_reduced():
    block = tone(-8.0)
    settings = CompressorSettings(threshold_dbfs=-20.0, ratio=4.0, knee_db=0.0, attack_ms=100.0)
    assert gain_db(render(Compressor(FMT, settings), [block]), block)[0] == pytest.approx(
        -9, abs=0.1
    )


def test_the_facts_say_how_much_was_taken():
    compressor = Compressor(FMT, CompressorSettings(threshold_dbfs=-20.0, ratio=4.0, knee_db=0.0))
    render(compressor, [tone(-8.0)])
    facts = compressor.facts()
    assert facts["max_reduction_db"] == pytest.approx(9.0, abs=0.02)
    assert facts["mean_reduction_db"] == pytest.approx(9.0, abs=0.1)
    assert facts["reduced_ratio"] == 1.0


@pytest.mark.parametrize("lookahead_ms", [0.0, 2.0, 50.0])
@pytest.mark.parametrize("detector", ["peak", "rms"])
def test_live_blocks_give_the_same_bits_and_facts(lookahead_ms, detector):
    fmt = StreamFormat(44100, 2)
    block = speechlike(fmt, 1.0) * 2
    settings = CompressorSettings(lookahead_ms=lookahead_ms, detector=detector)
    whole, live = Compressor(fmt, settings), Compressor(fmt, settings)
    expected = render(whole, [block])
    pieces = split_at(block, [1, 2, 3, 50, *range(51, len(block), 882)])
    np.testing.assert_array_equal(render(live, pieces), expected)
    assert live.facts() == whole.facts()


@pytest.mark.parametrize(
    "wrong",
    [
        {"threshold_dbfs": 1.0},
        {"ratio": 0.5},
        {"knee_db": -1.0},
        {"attack_ms": float("nan")},
        {"release_ms": 0.0},
        {"makeup_db": 41.0},
        {"lookahead_ms": 51.0},
        {"detector": "mean"},
        {"rms_window_ms": 0.0},
    ],
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(SettingError, match=next(iter(wrong))):
        CompressorSettings(**wrong)
