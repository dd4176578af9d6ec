"""The denoiser that hears the recording first."""

from __future__ import annotations

import numpy as np
import pytest

from audiokit.denoise.denoiser import Denoiser, DenoiseSettings
from audiokit.denoise.learnt import LearntDenoiser, LearntSettings
from audiokit.denoise.profile import CENTRES_HZ
from audiokit.errors import SettingError
from audiokit.stage import StreamFormat
from audiokit.testing import measure, render, speechlike

FMT = StreamFormat(16000, 1)
SETTINGS = LearntSettings(engine="classic", noise="stationary")


def noisy(seconds=6.0):
    noise = np.random.default_rng(9).standard_normal((round(seconds * 16000), 1)) * 0.01
    return speechlike(FMT, seconds) + noise.astype(np.float32)


def test_it_is_the_denoiser_told_what_the_quiet_stretches_hold():
    stage = LearntDenoiser(FMT, SETTINGS)
    report = measure(stage.new_meter(FMT), [noisy()])
    known = np.array(report.levels_db)[np.array(CENTRES_HZ) < 8000]
    # The voice's own noise, 0.05 * 0.002, is far below.
    assert np.mean(known) == pytest.approx(10 * np.log10(1e-4 / 8000), abs=1.5)
    told = Denoiser(
        FMT,
        DenoiseSettings(engine="classic", noise="stationary", profile_db=report.levels_db),
    )
    np.testing.assert_array_equal(render(stage.build(report), [noisy()]), render(told, [noisy()]))


@pytest.mark.parametrize("engine", ["network", "classic"])
def test_silence_teaches_nothing_and_stops_nothing(engine):
    stage = LearntDenoiser(FMT, LearntSettings(engine=engine, noise="stationary"))
    built = stage.build(measure(stage.new_meter(FMT), [FMT.silence(16000)]))
    assert built.settings.profile_db == ()
    np.testing.assert_array_equal(render(built, [FMT.silence(16000)]), FMT.silence(16000))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"strength": 2.0}, "0 to 1"), ({"window_ms": 40.0}, "32 or 48 ms for the network")],
)
def test_what_the_denoiser_refuses_is_refused_here(wrong, message):
    with pytest.raises(SettingError, match=message):
        LearntSettings(**wrong)


def test_a_rate_that_the_denoiser_refuses_is_refused_before_the_first_pass():
    with pytest.raises(SettingError, match="8000 to 96000 Hz"):
        LearntDenoiser(StreamFormat(4000))
