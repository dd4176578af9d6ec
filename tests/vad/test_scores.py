"""The measures of the detectors' benchmark, on cases whose answer is known."""

from __future__ import annotations

import importlib
import math
import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).resolve().parent.parent / "benchmarks"


def load(name):
    # Benchmarks are scripts, and find each other beside themselves.
    sys.path.insert(0, str(FOLDER))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(FOLDER))


scores = load("vad_scores")


@pytest.fixture(scope="module")
def mixes():
    return load("vad_mixes")


def test_auc_of_two_normal_classes_is_that_of_the_closed_form():
    rng = np.random.default_rng(1)
    labels = np.repeat([True, False], 100_000)
    for shift in (0.0, 0.5, 1.0, 2.0):
        values = rng.standard_normal(200_000) + shift * labels
        # P(x > y) of two unit normals so far apart: Phi(shift / sqrt(2)).
        expected = 0.5 * (1.0 + math.erf(shift / 2.0))
        assert scores.roc_auc(labels, values) == pytest.approx(expected, abs=0.004)


def test_auc_counts_ties_half_and_equals_all_pairs():
    rng = np.random.default_rng(2)
    labels, values = rng.random(60) < 0.4, rng.integers(0, 5, 60)
    pairs = [(a > b) + 0.5 * (a == b) for a in values[labels] for b in values[~labels]]
    assert scores.roc_auc(labels, values) == pytest.approx(np.mean(pairs))
    assert scores.roc_auc(labels, np.ones(60)) == 0.5
    assert np.isnan(scores.roc_auc(np.ones(5, bool), np.ones(5)))


def test_f1_is_the_harmonic_mean():
    # Precision 1/2, recall 1/3.
    assert scores.f1([1, 1, 1, 0], [1, 0, 0, 1]) == pytest.approx(0.4)


def test_edges_are_compared_with_the_nearest_after_short_pauses_are_closed():
    words = [(1.0, 1.5), (1.6, 2.0), (3.0, 4.0)]
    errors = scores.boundary_errors_s(words, [(1.02, 1.4), (1.65, 2.05), (3.5, 4.0)])
    assert sorted(errors) == pytest.approx([0.0, 0.02, 0.05, 0.5])
    assert np.all(np.isinf(scores.boundary_errors_s(words, [])))


def test_a_word_is_cut_when_more_than_20_ms_lie_outside():
    words = [(1.0, 1.5), (2.0, 2.5), (3.0, 3.5)]
    segments = [(1.02, 2.2), (2.19, 2.4), (3.5, 4.0)]
    assert scores.n_cut(words, segments) == 2
    assert scores.n_trimmed(words, segments) == 0
    assert scores.n_trimmed(words, segments[1:]) == 2
    assert scores.n_trimmed(words, []) == 3


@pytest.mark.parametrize("name", ["cold_corpus", "bobby", "mary"])
def test_both_forms_of_text_grid_are_read(mixes, recordings, name):
    clip = mixes.aligned_clip(name, mixes.ALIGNED[name])
    first = {
        "cold_corpus": (1.24, 1.67),
        "bobby": (0.0646912, 0.4115646),
        "mary": (0.3154, 0.6755),
    }
    assert clip.words[0] == pytest.approx(first[name], abs=1e-3)
    assert clip.words[-1][1] <= len(clip.samples) / mixes.RATE
    assert recordings.is_dir()


def test_the_ratio_of_a_mix_is_that_above_100_hz(mixes, recordings):
    clip = mixes.aligned_clip("mary", "word")
    noise = np.random.default_rng(1).standard_normal(len(clip.samples))
    made = mixes.mix(clip, "white", noise, 5.0)
    alone = mixes.mix(clip, "white", noise, 300.0)
    active = np.repeat(clip.is_speech, 160)[: len(clip.samples)]
    # Both were scaled alike: neither reaches full scale.
    rest = made.noisy - alone.noisy
    ratio = np.mean(np.square(mixes.voiced(alone.noisy)[active]))
    ratio /= np.mean(np.square(mixes.voiced(rest)))
    assert 10.0 * np.log10(ratio) == pytest.approx(5.0, abs=0.01)
    assert recordings.is_dir()
