"""The diarization error rate, against cases computed by hand."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

_PATH = Path(__file__).parent.parent / "benchmarks" / "diarization_error.py"
_SPEC = importlib.util.spec_from_file_location("diarization_error", _PATH)
scorer = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(scorer)

REFERENCE = [(0.0, 10.0, "A"), (10.0, 20.0, "B"), (18.0, 22.0, "A")]


def test_the_reference_is_without_error_under_other_names():
    renamed = [(start, end, {"A": "x", "B": "y"}[name]) for start, end, name in REFERENCE]
    assert scorer.error_rate(REFERENCE, renamed) == 0.0


def test_missed_false_and_confused_speech_are_told_apart():
    # 24 s of reference. x is A, y is B. 8 to 10 s: confused (2). 18 to 20 s: one of two is
    # missed (2), and 20 to 22 s as well (2). 25 to 26 s: false alarm (1).
    guess = [(0.0, 8.0, "x"), (8.0, 20.0, "y"), (25.0, 26.0, "y")]
    assert scorer.error_parts(REFERENCE, guess) == pytest.approx((4.0, 1.0, 2.0, 24.0))
    assert scorer.error_rate(REFERENCE, guess) == pytest.approx(7.0 / 24.0)


def test_labels_are_matched_for_most_shared_time_overall():
    # x for A, which it shares most with, leaves y for B: 6 s right. x for B and y for A: 10 of 16.
    reference = [(0.0, 6.0, "A"), (6.0, 11.0, "B"), (11.0, 16.0, "A")]
    guess = [(0.0, 6.0, "x"), (6.0, 11.0, "x"), (11.0, 16.0, "y")]
    assert scorer.error_parts(reference, guess)[2] == pytest.approx(6.0)


def test_a_collar_leaves_out_both_sides_of_reference_boundaries():
    reference = [(0.0, 10.0, "A"), (10.0, 20.0, "B")]
    guess = [(0.0, 10.3, "x"), (10.3, 20.0, "y")]
    assert scorer.error_rate(reference, guess) == pytest.approx(0.3 / 20.0)
    # Left: 0.25 to 9.75 and 10.25 to 19.75 s, of which 0.05 s are wrong.
    assert scorer.error_rate(reference, guess, collar_s=0.25) == pytest.approx(0.05 / 19.0)


def test_one_speaker_covers_the_speech_of_all():
    assert scorer.one_speaker([*REFERENCE, (30.0, 31.0, "B")]) == [
        (0.0, 22.0, "one"),
        (30.0, 31.0, "one"),
    ]
