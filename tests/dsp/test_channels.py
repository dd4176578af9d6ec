"""Mixing and picking channels, by closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from audiokit.dsp.channels import ChannelMixer, ChannelSettings
from audiokit.errors import SettingError
from audiokit.stage import StreamFormat

RATE = 16000


def mixed(block, mode, channel=None):
    mixer = ChannelMixer(
        StreamFormat(RATE, block.shape[1]), ChannelSettings(mode=mode, channel=channel)
    )
    out = mixer.process(block)
    assert out.dtype == np.float32
    assert out.flags.c_contiguous
    assert out.shape == (len(block), mixer.out_fmt.channels)
    return out


def numbered(n_channels):
    """Return a block whose channel `c` holds 1 + c / 8 throughout."""
    return np.tile(1 + np.arange(n_channels, dtype=np.float32) / 8, (5, 1))


@pytest.mark.parametrize("n_channels", [1, 2, 3, 6, 8])
def test_mono_is_the_mean_of_all_channels(n_channels):
    mean = 1 + (n_channels - 1) / 16
    np.testing.assert_allclose(mixed(numbered(n_channels), "mono"), np.full((5, 1), mean), 1e-6)


def test_equal_channels_come_out_as_they_were():
    left = np.random.default_rng(0).standard_normal((100, 1)).astype(np.float32)
    np.testing.assert_array_equal(mixed(np.repeat(left, 2, axis=1), "mono"), left)


@pytest.mark.parametrize("n_channels", [2, 3, 6])
def test_energy_keeps_the_power_of_unrelated_channels(n_channels):
    # Sines of unlike frequencies, whole periods: exactly orthogonal, each of power 1/2.
    phase = 2 * np.pi * np.arange(RATE)[:, np.newaxis] / RATE
    block = np.sin(phase * (100 + 50 * np.arange(n_channels))).astype(np.float32)
    power = np.mean(mixed(block, "energy").astype(np.float64) ** 2)
    assert power == pytest.approx(0.5, rel=1e-5)


def test_energy_raises_what_channels_share_by_ten_log_of_their_number():
    left = np.random.default_rng(0).standard_normal((100, 1)).astype(np.float32)
    np.testing.assert_allclose(mixed(np.repeat(left, 4, axis=1), "energy"), 2 * left, rtol=1e-6)


def test_energy_leaves_a_single_channel_alone():
    np.testing.assert_array_equal(mixed(numbered(1), "energy"), numbered(1))


@pytest.mark.parametrize(
    ("n_channels", "mode", "channel", "expected"),
    [
        (1, "keep", None, [0]),
        (6, "keep", None, [0, 1, 2, 3, 4, 5]),
        (1, "stereo", None, [0, 0]),
        (2, "stereo", None, [0, 1]),
        (6, "stereo", None, [0, 1]),
        (2, "left", None, [0]),
        (2, "right", None, [1]),
        (1, "right", None, [0]),
        (3, "pick", 2, [2]),
    ],
)
def test_channels_are_picked_by_name_or_number(n_channels, mode, channel, expected):
    block = numbered(n_channels)
    np.testing.assert_array_equal(mixed(block, mode, channel), block[:, expected])


def test_the_input_is_left_as_it_was():
    block = numbered(4)
    mixed(block, "mono")
    np.testing.assert_array_equal(block, numbered(4))


@pytest.mark.parametrize("mode", ["mono", "energy"])
@pytest.mark.parametrize(("factor", "expected_db"), [(1.0, 0.0), (0.0, -3.0), (-1.0, -200.0)])
def test_what_a_mix_cancels_is_told(factor, expected_db, mode):
    # Of a pair (a, k a) the mean has the power (1+k)^2/4, the channels (1+k^2)/2 of a.
    left = np.random.default_rng(1).standard_normal((RATE, 1)).astype(np.float32)
    mixer = ChannelMixer(StreamFormat(RATE, 2), ChannelSettings(mode))
    mixer.process(np.hstack([left, factor * left]).astype(np.float32))
    assert mixer.facts() == {"cancellation_db": expected_db}
    mixer.reset()
    assert mixer.facts() == {}


def test_silence_and_picked_channels_have_nothing_to_tell():
    silent = ChannelMixer(StreamFormat(RATE, 2))
    silent.process(np.zeros((100, 2), np.float32))
    assert silent.facts() == {}
    left = ChannelMixer(StreamFormat(RATE, 2), ChannelSettings("left"))
    left.process(numbered(2))
    assert left.facts() == {}


@pytest.mark.parametrize(("mode", "channel"), [("sum", None), ("pick", None), ("pick", -1)])
def test_settings_that_mean_nothing_are_refused(mode, channel):
    with pytest.raises(SettingError):
        ChannelSettings(mode, channel)


def test_a_channel_that_is_not_there_is_refused():
    with pytest.raises(SettingError, match="channel is 2, expected 0 to 1"):
        ChannelMixer(StreamFormat(RATE, 2), ChannelSettings("pick", 2))
