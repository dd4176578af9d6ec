"""Jitter, shimmer and noise of voices that were made with a known amount of each."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from known_voice import voice

from audiokit.features import FeatureExtractor, FeatureSettings
from audiokit.features.pitch_settings import HARMONICITY_FLOOR_DB
from audiokit.stage import StreamFormat
from audiokit.testing import analyze, split_at

JITTER, SHIMMER, HNR = range(3)
# What Praat 6.1.38 says of `voice(f0_hz, 0.01, 0.3)`: jitter (local), percent, shimmer (local)
# in dB, as tests/benchmarks/bench_voice.py asks it.
PRAAT = {85.0: (1.031, 0.376), 130.0: (1.046, 0.375), 220.0: (0.901, 0.453), 380.0: (0.650, 0.268)}


def rows_of(block, *, rate=16000, **options):
    extractor = FeatureExtractor(
        StreamFormat(rate), FeatureSettings(families=("voice",), **options)
    )
    return analyze(extractor, [block])


def mean_of(block, **options):
    """Return the mean of the voiced frames away from the ends."""
    rows = rows_of(block, **options)
    n_edge = len(rows) // 10
    inner = rows[n_edge:-n_edge]
    return inner[inner[:, HNR] > HARMONICITY_FLOOR_DB].mean(axis=0)


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
@pytest.mark.parametrize("f0_hz", [85.0, 130.0])
@pytest.mark.parametrize(("jitter", "shimmer_db"), [(0.005, 0.0), (0.01, 0.3), (0.02, 0.3)])
def test_jitter_and_shimmer_are_those_a_low_voice_was_made_with(rate, f0_hz, jitter, shimmer_db):
    block, made_jitter, made_shimmer_db = voice(f0_hz, jitter, shimmer_db, rate=rate)
    said = mean_of(block, rate=rate)
    assert said[JITTER] == pytest.approx(made_jitter, rel=0.15)
    # A resonance still rings when the next pulse comes.
    assert said[SHIMMER] == pytest.approx(made_shimmer_db, rel=0.15, abs=0.13)


@pytest.mark.parametrize("f0_hz", [85.0, 130.0, 220.0, 380.0])
def test_a_steady_voice_has_none(f0_hz):
    jitter_percent, shimmer_db, hnr_db = mean_of(voice(f0_hz, 0.0, 0.0)[0])
    assert jitter_percent < 0.01
    assert shimmer_db < 0.01
    assert hnr_db > 38.0


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
@pytest.mark.parametrize("f0_hz", [85.0, 220.0])
@pytest.mark.parametrize("hnr_db", [10.0, 20.0])
def test_the_ratio_of_harmonics_to_noise_is_that_of_the_sum(rate, f0_hz, hnr_db):
    said = mean_of(voice(f0_hz, 0.0, 0.0, hnr_db, rate=rate)[0], rate=rate)
    assert said[HNR] == pytest.approx(hnr_db, abs=1.2)


@pytest.mark.parametrize("f0_hz", PRAAT)
def test_jitter_and_shimmer_are_near_praats(f0_hz):
    praat_jitter, praat_shimmer_db = PRAAT[f0_hz]
    said = mean_of(voice(f0_hz, 0.01, 0.3)[0])
    assert said[JITTER] == pytest.approx(praat_jitter, rel=0.06)
    assert said[SHIMMER] == pytest.approx(praat_shimmer_db, abs=0.08)


@pytest.mark.parametrize("hop_ms", [4.0, 10.0, 25.0])
def test_the_hop_changes_little(hop_ms):
    block, made_jitter, made_shimmer_db = voice(110.0, 0.01, 0.4)
    said = mean_of(block, hop_ms=hop_ms)
    assert said[JITTER] == pytest.approx(made_jitter, rel=0.2)
    assert said[SHIMMER] == pytest.approx(made_shimmer_db, rel=0.3)


def test_a_constant_under_a_voice_changes_nothing():
    block, _, _ = voice(130.0, 0.01, 0.3, 20.0)
    np.testing.assert_allclose(mean_of(block + np.float32(0.4)), mean_of(block), rtol=0.05)


@pytest.mark.parametrize("kind", ["silence", "noise", "constant"])
def test_what_has_no_voice_has_the_stated_values(kind):
    rng = np.random.default_rng(5)
    samples = {
        "silence": np.zeros(16000),
        "noise": 0.1 * rng.standard_normal(16000),
        "constant": np.full(16000, 0.5),
    }[kind]
    rows = rows_of(samples.astype(np.float32)[:, None])[10:-10]
    is_bare = (rows == np.float32([0.0, 0.0, HARMONICITY_FLOOR_DB])).all(axis=1)
    assert is_bare.mean() > 0.98
    assert np.isfinite(rows).all()


def test_a_voice_that_begins_and_ends_has_values_where_it_is():
    block, _, _ = voice(120.0, 0.01, 0.3)
    pause = np.zeros((8000, 1), np.float32)
    rows = rows_of(np.concatenate([pause, block, pause]))
    is_voiced = rows[:, HNR] > HARMONICITY_FLOOR_DB
    assert is_voiced[55:190].all()
    assert not is_voiced[:45].any()
    assert (rows[is_voiced, JITTER] < 5.0).all()


UNSTEADY = np.concatenate([voice(140.0, 0.02, 0.5, 25.0, seconds=0.7)[0], np.zeros((4000, 1))])
UNSTEADY = np.ascontiguousarray(UNSTEADY, np.float32)
WHOLE = rows_of(UNSTEADY)


@settings(max_examples=20, deadline=None)
@given(cuts=st.lists(st.integers(0, len(UNSTEADY)), max_size=12))
def test_no_cutting_changes_a_bit(cuts):
    extractor = FeatureExtractor(StreamFormat(16000), FeatureSettings(families=("voice",)))
    np.testing.assert_array_equal(analyze(extractor, split_at(UNSTEADY, cuts)), WHOLE)


def test_live_blocks_give_the_same_bits():
    extractor = FeatureExtractor(StreamFormat(16000), FeatureSettings(families=("voice",)))
    pieces = split_at(UNSTEADY, range(0, len(UNSTEADY), 160))
    np.testing.assert_array_equal(analyze(extractor, pieces), WHOLE)
    assert extractor.latency_s == pytest.approx(0.3, abs=0.02)
