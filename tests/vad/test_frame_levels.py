"""Levels of frames, and cuts of runs that are too long."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiokit.stage import StreamFormat
from audiokit.testing import split_at
from audiokit.vad.frame_levels import FrameLevels
from audiokit.vad.long_runs import split_long_run


@pytest.mark.parametrize("sample_rate", [8000, 11025, 44100])
def test_a_frame_tells_its_mean_power(sample_rate):
    fmt = StreamFormat(sample_rate, 2)
    steps = 10.0 ** (-np.arange(20) / 20.0)
    frames = np.arange(sample_rate // 5) * 100 // sample_rate
    block = np.repeat(steps[frames, np.newaxis], 2, axis=1).astype(np.float32)
    levels = FrameLevels(fmt)
    levels.process(block)
    np.testing.assert_allclose(levels.take(0, 20), -np.arange(20.0), atol=0.05)


@given(st.lists(st.integers(0, 4000), max_size=6))
def test_levels_are_the_same_for_every_cutting(cuts):
    fmt = StreamFormat(11025)
    block = np.random.default_rng(1).standard_normal((4000, 1)).astype(np.float32)
    whole, pieces = FrameLevels(fmt), FrameLevels(fmt)
    whole.process(block)
    for piece in split_at(block, sorted(cuts)):
        pieces.process(piece)
    np.testing.assert_array_equal(pieces.take(0, 36), whole.take(0, 36))


def test_what_is_forgotten_or_never_came_is_silence():
    levels = FrameLevels(StreamFormat(8000))
    levels.process(np.full((8000, 1), 0.1, np.float32))
    levels.process(np.full((800, 1), 1.0, np.float32))
    np.testing.assert_allclose(levels.take(98, 102), [-20.0, -20.0, 0.0, 0.0], atol=1e-3)
    levels.forget(99)
    np.testing.assert_allclose(levels.take(98, 102), [-20.0, -20.0, 0.0, 0.0], atol=1e-3)
    levels.forget(100)
    np.testing.assert_allclose(levels.take(98, 102), [-140.0, -140.0, 0.0, 0.0], atol=1e-3)
    np.testing.assert_allclose(levels.take(109, 112), [0.0, -140.0, -140.0], atol=1e-3)


def test_a_run_is_cut_where_it_is_quietest():
    levels_db = np.full(250, -20.0, np.float32)
    levels_db[70:80] = -60.0
    levels_db[60:64] = -90.0  # too short to be a pause
    levels_db[150:160] = -50.0
    first, second = split_long_run(levels_db, 100)
    assert 70 <= first < 80
    assert 150 <= second < 160


@given(st.integers(1, 3000), st.integers(2, 400), st.integers(0, 9))
def test_no_part_is_too_long_or_empty(n_frames, max_frames, seed):
    levels_db = np.random.default_rng(seed).uniform(-60.0, 0.0, n_frames).astype(np.float32)
    edges = [0, *split_long_run(levels_db, max_frames), n_frames]
    lengths = np.diff(edges)
    assert lengths.max() <= max_frames
    assert lengths.min() >= min(n_frames, max_frames // 3)
