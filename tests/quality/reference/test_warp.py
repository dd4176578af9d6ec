"""A recording read at other instants."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiokit.quality.reference.warp import read_at

TIME = np.arange(4000)


def wave(at):
    return (0.5 * np.sin(0.31 * at) + 0.3 * np.sin(1.7 * at + 1.0)).astype(np.float32)


@given(shift=st.floats(-3.0, 3.0), step=st.floats(0.999, 1.001))
def test_sines_are_read_where_they_would_have_been_sampled(shift, step):
    start = 100.0 + shift
    read = read_at(wave(TIME), start, n_samples=3000, step=step)
    np.testing.assert_allclose(read, wave(start + step * np.arange(3000)), atol=2e-5)


@given(start=st.integers(-50, 4050), n_samples=st.integers(0, 100))
def test_whole_positions_give_the_samples_themselves_and_silence_beyond(start, n_samples):
    padded = np.pad(wave(TIME), (50, 150))
    expected = padded[start + 50 : start + 50 + n_samples]
    np.testing.assert_array_equal(read_at(wave(TIME), start, n_samples=n_samples), expected)


@pytest.mark.parametrize("step", [1.0, 1.0002])
def test_constant_stays_constant(step):
    read = read_at(np.full(500, 0.25, np.float32), 100.4, n_samples=200, step=step)
    np.testing.assert_allclose(read, 0.25, atol=1e-6)
