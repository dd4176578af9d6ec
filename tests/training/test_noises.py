"""Noise that comes and goes, as mixtures are trained with."""

from __future__ import annotations

import numpy as np

from audiokit.training.noises import coming_and_going

RATE = 16000


def test_noise_comes_and_goes_by_many_db():
    ranges_db, steepest_db = [], []
    for seed in range(60):
        gains = coming_and_going(np.random.default_rng(seed), 6 * RATE)
        assert gains.shape == (6 * RATE,)
        assert gains.max() <= 1.0 + 1e-5
        level_db = 20.0 * np.log10(gains)
        ranges_db.append(np.ptp(level_db))
        steepest_db.append(np.abs(np.diff(level_db[:: RATE // 50])).max())
    assert np.median(ranges_db) > 15.0
    # Some pass by, some are switched: more than 10 dB in 20 ms, or never more than 3.
    assert min(steepest_db) < 3.0
    assert max(steepest_db) > 10.0


def test_a_seed_decides_how_it_comes_and_goes():
    one, same, other = (coming_and_going(np.random.default_rng(s), RATE) for s in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 0.01
