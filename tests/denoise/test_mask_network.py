"""The mask network: what it hears, and that NumPy computes what torch trained."""

from __future__ import annotations

from importlib import resources

import numpy as np
import pytest

from audiokit.denoise.bands import (
    N_GROUPS,
    N_POINTS,
    bins_to_points,
    neighbourhoods,
    points_to_bins,
)
from audiokit.denoise.mask_network import MaskNetwork
from audiokit.denoise.noise_floor import KnownNoise
from audiokit.denoise.point_levels import N_FEATURES, PointLevels

BIN_HZ = 31.25


def powers(n_frames, channels=1, n_bins=257, seed=1):
    rng = np.random.default_rng(seed)
    colour = 10.0 ** rng.uniform(-3.0, -1.0, n_bins)
    return (rng.exponential(1.0, (n_frames, channels, n_bins)) * colour).astype(np.float32)


def heard(power):
    return np.full(power.shape[:2], fill_value=True)


@pytest.mark.parametrize(
    ("n_bins", "bin_hz"), [(257, 31.25), (385, 62.5 / 3), (705, 44100 / 1408)]
)
def test_an_even_spectrum_is_even_in_points(n_bins, bin_hz):
    points = np.ones(n_bins, np.float32) @ bins_to_points(n_bins, bin_hz)
    np.testing.assert_allclose(points[1:-1], 1.0, atol=1e-5)


def test_points_above_half_the_sample_rate_get_nothing():
    points = np.ones(129, np.float32) @ bins_to_points(129, BIN_HZ)
    assert points.reshape(N_POINTS)[100:].max() == 0.0


def test_gains_of_points_reach_the_bins_between_them():
    gains = np.ones(N_POINTS, np.float32) @ points_to_bins(257, BIN_HZ)
    np.testing.assert_allclose(gains, 1.0, atol=1e-6)
    alone = np.eye(N_POINTS, dtype=np.float32)[10] @ points_to_bins(257, BIN_HZ)
    assert np.flatnonzero(alone).tolist() == [10]


def test_what_is_heard_does_not_depend_on_level():
    power = powers(300)
    loud, soft = (
        PointLevels(1, 257, bin_hz=BIN_HZ).hear(scale * power, heard(power))
        for scale in (np.float32(1.0), np.float32(0.1))
    )
    np.testing.assert_allclose(loud, soft, atol=0.02)


def test_silence_tells_nothing():
    power = powers(60)
    levels = PointLevels(1, 257, bin_hz=BIN_HZ)
    before = levels.hear(power[:40], heard(power[:40]))
    silence = np.zeros((500, 1, 257), np.float32)
    levels.hear(silence, np.full((500, 1), fill_value=False))
    after = levels.hear(power[40:], heard(power[40:]))
    whole = PointLevels(1, 257, bin_hz=BIN_HZ).hear(power, heard(power))
    np.testing.assert_array_equal(np.concatenate([before, after]), whole)


@pytest.mark.parametrize(("channels", "n_bins"), [(1, 257), (3, 257), (2, 705)])
def test_frames_one_by_one_give_the_same_bits(channels, n_bins):
    power = powers(50, channels, n_bins)
    whole = MaskNetwork(channels, n_bins, bin_hz=BIN_HZ)
    single = MaskNetwork(channels, n_bins, bin_hz=BIN_HZ)
    frames = [single.gains(frame, heard(frame)) for frame in np.split(power, 50)]
    np.testing.assert_array_equal(np.concatenate(frames), whole.gains(power, heard(power)))


def test_gains_lie_between_nothing_and_everything_at_any_rate():
    for n_bins in (129, 257, 705, 1537):
        power = powers(30, n_bins=n_bins)
        gains = MaskNetwork(1, n_bins, bin_hz=BIN_HZ).gains(power, heard(power))
        assert gains.shape == power.shape
        assert gains.min() >= 0.0
        assert gains.max() <= 1.0


def test_reset_forgets_everything():
    power = powers(40)
    network = MaskNetwork(1, 257, bin_hz=BIN_HZ)
    first = network.gains(power, heard(power))
    network.reset()
    np.testing.assert_array_equal(network.gains(power, heard(power)), first)


def test_the_weights_that_ship_take_at_most_100_kb():
    with resources.as_file(resources.files("audiokit.denoise") / "mask_network.npz") as path:
        assert path.stat().st_size <= 100_000


def test_every_point_is_in_one_group_and_both_sides_of_it_are_heard():
    index = neighbourhoods()
    assert index.shape == (N_GROUPS, 32)
    loudness, contrast = index[:, :16], index[:, 16:]
    np.testing.assert_array_equal(loudness[:, 4:12].ravel(), np.arange(N_POINTS))
    np.testing.assert_array_equal(loudness[1:, :4], loudness[:-1, 8:12])
    np.testing.assert_array_equal(loudness[:-1, 12:], loudness[1:, 4:8])
    is_beyond = loudness == N_FEATURES
    assert np.argwhere(is_beyond).tolist() == [
        *([0, place] for place in range(4)),
        *([N_GROUPS - 1, place] for place in range(12, 16)),
    ]
    np.testing.assert_array_equal(contrast, np.where(is_beyond, N_FEATURES, loudness + N_POINTS))


@pytest.mark.parametrize("channels", [1, 2])
def test_numpy_computes_what_torch_trained(channels):
    torch = pytest.importorskip("torch", reason="needs the extra training")
    from audiokit.training.mask_model import MaskModel

    beside = resources.files("audiokit.denoise") / "mask_network.npz"
    with resources.as_file(beside) as path, np.load(path) as file:
        shipped = dict(file)
    model = MaskModel(len(shipped["from_state"]), len(shipped["from_near_state"]))
    model.begin_with(shipped)
    power = powers(80, channels)
    features = PointLevels(channels, 257, bin_hz=BIN_HZ).hear(power, heard(power))
    assert not features[..., N_FEATURES:].any()
    with torch.no_grad():
        logits = model(torch.from_numpy(features[..., :N_FEATURES].copy())).numpy()
    expected = (1.0 / (1.0 + np.exp(-logits))) @ points_to_bins(257, BIN_HZ)
    gains = MaskNetwork(channels, 257, bin_hz=BIN_HZ).gains(power, heard(power))
    np.testing.assert_allclose(gains, expected, atol=2e-5)


@pytest.mark.parametrize("is_steady", [True, False])
def test_a_noise_that_was_told_is_where_floors_begin_and_stay_if_it_is_steady(is_steady):
    told = np.full(257, 1e-4, np.float32)
    levels = PointLevels(1, 257, bin_hz=BIN_HZ, known=KnownNoise(told, is_steady))
    # 20 dB below what was told.
    power = np.full((400, 1, 257), 1e-6, np.float32)
    contrast = levels.hear(power, heard(power))[:, 0, N_POINTS:N_FEATURES]
    in_db = contrast * 5.0 * 10.0 / np.log(10.0)
    for points, excess_db in ((slice(1, 63), 9.6), (slice(65, 95), 6.05), (slice(97, 127), 3.81)):
        below_db = -20.0 + excess_db
        first_db, last_db = (below_db, below_db) if is_steady else (below_db * 11.0 / 12.0, 0.0)
        np.testing.assert_allclose(in_db[0, points], first_db, atol=0.02)
        np.testing.assert_allclose(in_db[-1, points], last_db, atol=0.02)
    levels.reset()
    again = levels.hear(power, heard(power))[:, 0, N_POINTS:N_FEATURES]
    np.testing.assert_array_equal(again, contrast)


def test_floors_of_steady_noise_settle_where_a_told_noise_begins():
    power = np.random.default_rng(3).exponential(1.0, (1500, 1, 257)).astype(np.float32)
    known = KnownNoise(np.ones(257, np.float32), is_steady=True)
    told, heard_alone = (
        PointLevels(1, 257, bin_hz=BIN_HZ, known=noise).hear(power, heard(power))[700:]
        for noise in (known, None)
    )
    difference = np.median(told - heard_alone, axis=0)[0, N_POINTS:N_FEATURES]
    by_width = [
        difference[points].mean() for points in (slice(1, 64), slice(64, 96), slice(96, 127))
    ]
    # In dB; frames of a stream overlap, these do not.
    np.testing.assert_allclose(np.array(by_width) * 50.0 / np.log(10.0), 0.0, atol=1.5)


def test_where_a_profile_knows_nothing_floors_are_found_as_ever():
    power = powers(200)
    told = np.where(np.arange(257) < 128, np.float32(1e-3), np.float32(0.0))
    levels, untold = (
        PointLevels(1, 257, bin_hz=BIN_HZ, known=known).hear(power, heard(power))[:, 0]
        for known in (KnownNoise(told, is_steady=True), None)
    )
    beyond = slice(N_POINTS + 97, N_FEATURES)
    np.testing.assert_array_equal(levels[:, beyond], untold[:, beyond])
    assert (
        np.abs(levels[:, N_POINTS : N_POINTS + 60] - untold[:, N_POINTS : N_POINTS + 60]).max()
        > 0.1
    )
