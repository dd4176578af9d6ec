"""Where one recording lies against another."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import soundfile

from audiokit.quality.reference.lag import find_alignment
from audiokit.quality.reference.warp import read_at

RATE = 16000


@pytest.fixture(scope="module")
def voices(samples):
    """Four people, 16 kHz."""
    names = ("clean_en.wav", "pauses_nl.wav", "quiet_sv.wav", "babble_es.wav")
    return [soundfile.read(samples / name, dtype="float32")[0] for name in names]


@pytest.mark.parametrize("delay", [0, 1, 777, -2400, 30000])
def test_whole_delay_is_found_in_noise_as_loud_as_the_voice(voices, delay):
    clean = voices[0]
    noise = np.random.default_rng(delay & 7).standard_normal(len(clean)).astype(np.float32)
    late = read_at(clean, -delay, n_samples=len(clean)) + noise * clean.std()
    found = find_alignment(clean, late, RATE)
    assert found is not None
    assert found.delay_samples == pytest.approx(delay, abs=0.3)
    assert found.drift == 0.0
    assert not found.is_inverted


def test_fraction_and_polarity_are_found(voices):
    late = -read_at(voices[0], -12.37, n_samples=len(voices[0]))
    found = find_alignment(voices[0], late, RATE)
    assert found.delay_samples == pytest.approx(12.37, abs=0.01)
    assert found.is_inverted


@pytest.mark.parametrize("ppm", [-150, -20, 50, 200])
def test_drift_is_found_to_a_part_in_a_million(voices, ppm):
    clean = np.concatenate([*voices, *voices[::-1]])
    assert len(clean) > 20 * RATE
    step = 1.0 / (1.0 + ppm * 1e-6)
    slow = read_at(clean, -40.0 * step, n_samples=len(clean), step=step)
    found = find_alignment(clean, slow, RATE)
    assert found.drift == pytest.approx(ppm * 1e-6, abs=1e-6)
    assert found.delay_samples == pytest.approx(40.0, abs=0.1)


def test_people_are_not_taken_for_one_another(voices):
    for one, other in itertools.permutations(voices, 2):
        assert find_alignment(one, other, RATE) is None


def test_missing_part_is_a_jump_of_its_length(voices):
    clean = np.concatenate([*voices, *voices[::-1][1:]])
    cut = np.delete(clean, slice(len(clean) // 2, len(clean) // 2 + RATE))
    found = find_alignment(clean, cut, RATE)
    assert abs(found.jump_samples) == pytest.approx(RATE, abs=8)


@pytest.mark.parametrize("missing_s", [0.1, 0.5])
def test_missing_part_of_a_short_recording_is_a_jump_too(voices, missing_s):
    reference = voices[0][: 5 * RATE]
    n_missing = round(missing_s * RATE)
    cut = np.concatenate([reference[: 2 * RATE], reference[2 * RATE + n_missing :]])
    found = find_alignment(reference, cut, RATE)
    assert abs(found.jump_samples) == pytest.approx(n_missing, abs=8)
    assert find_alignment(reference, reference, RATE).jump_samples == 0.0


def test_recording_that_repeats_itself_matches_itself(voices):
    twice = np.tile(np.concatenate(voices[:2]), 3)
    found = find_alignment(twice, twice, RATE)
    assert found.jump_samples == 0.0
    assert found.delay_samples == pytest.approx(0.0, abs=0.01)
