"""The filter over pieces, against SciPy's in float64."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import butter, sosfilt

from audiokit.dsp.iir import PieceFilter
from audiokit.errors import SettingError

PIECE_SAMPLES = 17 * 512


def in_pieces(sections, samples):
    piece_filter = PieceFilter(sections, len(samples))
    pieces = np.split(samples, samples.shape[1] // PIECE_SAMPLES, axis=1)
    return np.concatenate([piece_filter.process(piece).copy() for piece in pieces], axis=1)


@pytest.mark.parametrize("sample_rate", [8000, 44100, 192000, 768000])
def test_what_lies_120_db_below_an_offset_is_still_heard(sample_rate):
    sections = butter(4, 38.0, "highpass", fs=sample_rate, output="sos")
    noise = np.random.default_rng(0).standard_normal((2, 6 * PIECE_SAMPLES)) * 1e-3
    offsets = np.array([[1.0], [0.0]])
    samples = (noise + offsets).astype(np.float32)
    expected = sosfilt(sections, samples.astype(float), axis=1)
    error = in_pieces(sections, samples) - expected
    assert np.sqrt((error**2).mean(axis=1)).max() < 1e-6


def test_a_new_stream_owes_the_old_one_nothing():
    sections = butter(2, 100.0, "highpass", fs=16000, output="sos")
    piece = np.random.default_rng(1).standard_normal((1, PIECE_SAMPLES)).astype(np.float32)
    piece_filter = PieceFilter(sections, 1)
    first = piece_filter.process(piece).copy()
    assert (piece_filter.process(piece) != first).any()
    piece_filter.reset()
    np.testing.assert_array_equal(piece_filter.process(piece), first)


def test_a_filter_that_would_run_away_is_refused():
    with pytest.raises(SettingError, match="poles inside the unit circle"):
        PieceFilter([[1.0, 0.0, 0.0, 1.0, -2.1, 1.1]], 1)
