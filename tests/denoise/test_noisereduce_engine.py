"""The adapter to noisereduce."""

from __future__ import annotations

import numpy as np
import pytest

from audiokit.denoise.noisereduce_engine import NoisereduceEngine, NoisereduceSettings
from audiokit.errors import SettingError
from audiokit.stage import StreamFormat
from audiokit.testing import render

STEREO = StreamFormat(8000, 2)


def noise(seconds, seed=1):
    shape = (round(seconds * 8000), 2)
    return (np.random.default_rng(seed).standard_normal(shape) * 0.05).astype(np.float32)


def test_the_package_gets_channels_as_channels():
    from noisereduce import reduce_noise

    block = noise(2.0)
    out = render(NoisereduceEngine(STEREO, NoisereduceSettings(stationary=True)), [block])
    alone = reduce_noise(y=block.T, sr=8000, stationary=True).T
    np.testing.assert_array_equal(out, alone.astype(np.float32))


@pytest.mark.parametrize("stationary", [False, True])
def test_digital_silence_inside_gives_numbers_and_is_said(stationary):
    block = noise(2.0)
    block[4000:12000] = 0.0
    engine = NoisereduceEngine(STEREO, NoisereduceSettings(stationary=stationary))
    out = render(engine, [block])
    assert np.isfinite(out).all()
    assert np.abs(out[6000:10000]).max() < 1e-4
    assert engine.facts() == {"n_repaired": 1}


def test_segments_of_30_s_come_out_as_they_fill():
    engine = NoisereduceEngine(STEREO)
    block = noise(31.0)
    assert len(engine.process(block)) == 30 * 8000
    assert len(engine.flush()) == 8000


def test_a_strength_beyond_all_is_refused():
    with pytest.raises(SettingError, match=r"strength is 2\.0, expected 0 to 1"):
        NoisereduceSettings(strength=2.0)
