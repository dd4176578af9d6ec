"""What linear prediction finds in processes whose answer is known."""

from __future__ import annotations

import numpy as np

from audiokit.dsp.prediction import interpolate, levinson


def test_the_filter_solves_the_normal_equations():
    correlation = 0.9 ** np.arange(9) * np.cos(0.7 * np.arange(9))
    lags = np.abs(np.subtract.outer(np.arange(8), np.arange(8)))
    solved = np.linalg.solve(correlation[lags], -correlation[1:])
    found = levinson(correlation[np.newaxis], 8)[0]
    np.testing.assert_allclose(found, [1.0, *solved], atol=1e-12)


def test_a_process_of_order_one_is_found_exactly():
    found = levinson(0.8 ** np.arange(5)[np.newaxis], 4)[0]
    np.testing.assert_allclose(found, [1.0, -0.8, 0.0, 0.0, 0.0], atol=1e-12)


def test_rows_do_not_depend_on_their_company():
    rows = 0.9 ** np.arange(13) * np.cos(np.linspace(0.1, 3.0, 7)[:, np.newaxis] * np.arange(13))
    together = levinson(rows, 12)
    for row, found in zip(rows, together, strict=True):
        np.testing.assert_array_equal(levinson(row[np.newaxis], 12)[0], found)


def test_one_missing_sample_is_the_mean_of_its_neighbours_in_a_random_walk():
    # Least squares of (x - 2)^2 + (8 - x)^2.
    samples = np.array([0.0, 1.0, 2.0, 99.0, 8.0, 9.0])
    found = interpolate(samples, np.array([1.0, -1.0]), np.array([3]))
    np.testing.assert_allclose(found, [5.0])


def test_a_sine_is_restored_whole():
    turn = 0.3
    sine = np.sin(turn * np.arange(100) + 0.4)
    broken = sine.copy()
    places = np.arange(40, 60)
    broken[places] = 0.0
    found = interpolate(broken, np.array([1.0, -2 * np.cos(turn), 1.0]), places)
    np.testing.assert_allclose(found, sine[places], atol=1e-9)
