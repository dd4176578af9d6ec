"""The adapter to noisereduce: what the package does wrong, and that it is put right."""

from __future__ import annotations

import numpy as np
import pytest

from audiokit.denoise.noisereduce_engine import NoisereduceEngine, NoisereduceSettings
from audiokit.errors import SettingError
from audiokit.stage import StreamFormat
from audiokit.testing import render

STEREO = StreamFormat(8000, 2)
STATIONARY = NoisereduceSettings(stationary=True)


def noise(seconds, seed=1, fmt=STEREO):
    shape = (round(seconds * fmt.sample_rate), fmt.channels)
    return (np.random.default_rng(seed).standard_normal(shape) * 0.05).astype(np.float32)


def power(samples):
    return float(np.mean(np.square(samples)))


@pytest.mark.parametrize("stationary", [False, True])
def test_each_channel_of_a_block_gets_what_the_package_gives_it_alone(stationary):
    from noisereduce import reduce_noise

    block = noise(2.0)
    out = render(NoisereduceEngine(STEREO, NoisereduceSettings(stationary=stationary)), [block])
    for channel in (0, 1):
        alone = reduce_noise(y=block[:, channel], sr=8000, stationary=stationary)
        np.testing.assert_allclose(out[:, channel], alone, rtol=0, atol=1e-7)


def test_channels_that_cancel_lose_their_noise_too():
    from noisereduce import reduce_noise

    block = noise(2.0) * [1, 0]
    block[:, 1] = -block[:, 0]
    # The package alone leaves it all: it measures the mean of both.
    alone = reduce_noise(y=block.T, sr=8000, stationary=True)
    assert power(alone) > 0.9 * power(block)
    out = render(NoisereduceEngine(STEREO, STATIONARY), [block.astype(np.float32)])
    assert power(out) < 0.01 * power(block)


def test_a_silent_channel_stays_silent_beside_another():
    block = noise(2.0)
    block[:, 1] = 0.0
    engine = NoisereduceEngine(STEREO)
    out = render(engine, [block])
    assert out[:, 0].any()
    assert not out[:, 1].any()
    assert engine.facts() == {"n_repaired": 0}


def test_a_recording_that_is_nearly_all_silence_gives_numbers_and_is_said():
    from noisereduce import reduce_noise

    fmt = StreamFormat(48000)
    # The package works in pieces of 600000 samples; the second is silent.
    block = fmt.silence(13 * 48000)
    block[:48000] = noise(1.0, fmt=fmt)
    with np.errstate(all="ignore"):
        assert np.isnan(reduce_noise(y=block[:, 0], sr=48000)).any()
    engine = NoisereduceEngine(fmt)
    out = render(engine, [block])
    assert np.isfinite(out).all()
    assert np.abs(out[3 * 48000 :]).max() < 1e-6
    assert engine.facts() == {"n_repaired": 1}


def test_a_little_strength_takes_a_little():
    from noisereduce import reduce_noise

    block = noise(2.0)[:, :1].copy()
    mono = StreamFormat(8000)
    # The package alone takes the lowest 500 Hz away at no strength at all.
    alone = reduce_noise(y=block[:, 0], sr=8000, stationary=True, prop_decrease=0.0)
    assert power(alone - block[:, 0]) > 0.003 * power(block)
    whole = render(NoisereduceEngine(mono, STATIONARY), [block])
    for strength in (0.0, 0.25):
        settings = NoisereduceSettings(strength=strength, stationary=True)
        out = render(NoisereduceEngine(mono, settings), [block])
        np.testing.assert_allclose(out, block + strength * (whole - block), rtol=0, atol=1e-7)


def test_segments_of_30_s_come_out_as_they_fill():
    engine = NoisereduceEngine(STEREO)
    block = noise(31.0)
    assert len(engine.process(block)) == 30 * 8000
    assert len(engine.flush()) == 8000


def test_a_strength_beyond_all_is_refused():
    with pytest.raises(SettingError, match=r"strength is 2\.0, expected 0 to 1"):
        NoisereduceSettings(strength=2.0)


def test_a_rate_at_which_the_package_fails_is_refused():
    with pytest.raises(SettingError, match="8000 to 192000 Hz to run noisereduce"):
        NoisereduceEngine(StreamFormat(4000))
