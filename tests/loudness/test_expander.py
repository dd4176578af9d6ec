"""The expander: the curve and its range, opening, closing, hold and hysteresis."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from audiokit.errors import SettingError
from audiokit.loudness.expander import Expander, ExpanderSettings
from audiokit.stage import StreamFormat
from audiokit.testing import render, speechlike, split_at

FMT = StreamFormat(48000)
GATE = ExpanderSettings(
    threshold_dbfs=-30.0,
    ratio=100.0,
    range_db=60.0,
    hysteresis_db=0.0,
    attack_ms=0.0,
    hold_ms=0.0,
    release_ms=1.0,
    lookahead_ms=0.0,
)


def tones(*parts, fmt=FMT):
    """Return sines at 1 kHz of one peak level after another: pairs of dBFS and ms."""
    levels_dbfs = np.concatenate([np.full(ms * 48, float(level)) for level, ms in parts])
    phase = 2 * np.pi * np.arange(len(levels_dbfs)) / 48.0
    mono = 10 ** (levels_dbfs / 20) * np.sin(phase)
    return np.ascontiguousarray(np.repeat(mono[:, None], fmt.channels, axis=1), np.float32)


def varied(**changes):
    return replace(GATE, **changes)


def gains_db(settings, block):
    """Return the gain millisecond by millisecond, by energy."""
    out = render(Expander(FMT, settings), [block])
    energies = [(x.astype(float).reshape(-1, 48) ** 2).sum(axis=1) for x in (out, block)]
    return 10 * np.log10(energies[0] / energies[1])


@pytest.mark.parametrize(
    ("level_dbfs", "ratio", "expected_db"),
    [(-35.0, 2.0, -5.0), (-40.0, 3.0, -20.0), (-50.0, 3.0, -24.0), (-31.0, 100.0, -24.0)],
)
def test_a_steady_tone_below_the_threshold_follows_the_closed_form(level_dbfs, ratio, expected_db):
    settings = varied(ratio=ratio, range_db=24.0)
    gains = gains_db(settings, tones((level_dbfs, 200)))
    assert gains[-1] == pytest.approx(expected_db, abs=0.05)


def test_what_stays_above_the_threshold_keeps_its_bits():
    block = tones((-29.9, 100), (-3.0, 100))
    expander = Expander(FMT, varied(lookahead_ms=5.0))
    np.testing.assert_array_equal(render(expander, [block]), block)
    assert expander.facts()["reduced_ratio"] == 0.0


def test_a_gate_opens_at_once_and_closes_by_its_release():
    gains = gains_db(varied(release_ms=40.0), tones((-50, 100), (-20, 100), (-50, 400)))
    np.testing.assert_allclose(gains[:99], -60.0, atol=0.05)
    np.testing.assert_allclose(gains[101:200], 0.0, atol=1e-5)
    closing = -60.0 * (1 - np.exp(-(np.arange(400) + 0.5) / 40.0))
    np.testing.assert_allclose(gains[200:], closing, atol=0.15)


def test_opening_takes_the_attack():
    gains = gains_db(varied(attack_ms=20.0), tones((-50, 100), (-20, 200)))
    opening = -60.0 * np.exp(-(np.arange(200) + 0.5) / 20.0)
    np.testing.assert_allclose(gains[100:], opening, atol=0.2)


def test_with_look_ahead_the_onset_is_not_cut():
    gains = gains_db(varied(lookahead_ms=3.0), tones((-50, 100), (-20, 100)))
    np.testing.assert_allclose(gains[100:], 0.0, atol=1e-5)
    assert gains[95] < -59.0


def test_it_stays_open_for_the_hold():
    gains = gains_db(varied(hold_ms=50.0), tones((-20, 100), (-50, 200)))
    np.testing.assert_allclose(gains[:150], 0.0, atol=1e-5)
    assert gains[160] < -55.0


def test_hysteresis_keeps_open_what_would_not_open():
    rising = tones((-60, 50), (-33, 100))
    falling = tones((-20, 50), (-33, 100), (-37, 100))
    settings = varied(hysteresis_db=6.0)
    assert gains_db(settings, rising)[-1] == pytest.approx(-60.0, abs=0.05)
    gains = gains_db(settings, falling)
    np.testing.assert_allclose(gains[:150], 0.0, atol=1e-5)
    assert gains[-1] == pytest.approx(-60.0, abs=0.05)


def test_a_stream_that_begins_soft_begins_closed():
    assert gains_db(varied(release_ms=500.0), tones((-50, 20)))[0] == pytest.approx(
        -60.0, abs=0.05
    )


def test_the_louder_channel_opens_both():
    fmt = StreamFormat(48000, 2)
    block = np.concatenate([tones((-50, 100)), tones((-20, 100))], axis=1)
    out = render(Expander(fmt, GATE), [np.ascontiguousarray(block)])
    np.testing.assert_array_equal(out, block)


def test_the_facts_say_how_much_was_taken():
    expander = Expander(FMT, GATE)
    render(expander, [tones((-20, 300), (-60, 700))])
    facts = expander.facts()
    assert facts["max_reduction_db"] == pytest.approx(60.0, abs=0.01)
    assert facts["mean_reduction_db"] == pytest.approx(42.0, abs=0.2)
    assert facts["reduced_ratio"] == pytest.approx(0.7, abs=0.002)


@pytest.mark.parametrize("lookahead_ms", [0.0, 4.0])
def test_live_blocks_give_the_same_bits_and_facts(lookahead_ms):
    fmt = StreamFormat(44100, 2)
    block = speechlike(fmt, 1.0)
    settings = varied(lookahead_ms=lookahead_ms, hold_ms=10.0, hysteresis_db=3.0)
    whole, live = Expander(fmt, settings), Expander(fmt, settings)
    expected = render(whole, [block])
    pieces = split_at(block, [1, 2, 3, 50, *range(51, len(block), 882)])
    np.testing.assert_array_equal(render(live, pieces), expected)
    assert live.facts() == whole.facts()
    assert 0.1 < whole.facts()["reduced_ratio"] < 0.9


@pytest.mark.parametrize(
    "wrong",
    [
        {"threshold_dbfs": 1.0},
        {"ratio": 0.9},
        {"range_db": -1.0},
        {"hysteresis_db": 41.0},
        {"attack_ms": -1.0},
        {"hold_ms": float("nan")},
        {"release_ms": 0.0},
        {"lookahead_ms": 51.0},
    ],
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(SettingError, match=next(iter(wrong))):
        ExpanderSettings(**wrong)
