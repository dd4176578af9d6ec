"""PESQ and STOI of a pair, beside the packages themselves."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import soundfile

from audiokit.errors import SettingError
from audiokit.files.resample import Resampler, ResampleSettings
from audiokit.quality.reference.pair import PairSettings, compare_pair
from audiokit.quality.reference.pesq_engine import measure_pesq
from audiokit.stage import StreamFormat, run_blocks

pesq = pytest.importorskip("pesq", reason="no pesq: pip install 'audiokit[quality]'")
pystoi = pytest.importorskip("pystoi", reason="no pystoi: pip install 'audiokit[quality]'")

RATE = 16000


def resampler_from(rate):
    def resample(samples, to):
        stage = Resampler(StreamFormat(rate), ResampleSettings(to))
        return np.concatenate(list(run_blocks(stage, [samples[:, np.newaxis]])))[:, 0]

    return resample


def compare(reference, recording, rate=RATE, settings=None):
    pair = [each[:, np.newaxis] for each in (reference, recording)]
    return compare_pair(*pair, rate, resample=resampler_from(rate), settings=settings)


@pytest.fixture(scope="module")
def clean(samples):
    return soundfile.read(samples / "clean_en.wav", dtype="float32")[0]


@pytest.fixture(scope="module")
def noisy(clean):
    noise = np.random.default_rng(3).standard_normal(len(clean)).astype(np.float32)
    return clean + 0.3 * clean.std() * noise


def test_pesq_and_stoi_are_those_of_the_packages(clean, noisy):
    report = compare(clean, noisy)
    assert report.pesq == pytest.approx(pesq.pesq(RATE, clean, noisy, "wb"), abs=0.01)
    assert report.stoi == pytest.approx(pystoi.stoi(clean, noisy, RATE), abs=1e-3)
    extended = pystoi.stoi(clean, noisy, RATE, extended=True)
    assert report.estoi == pytest.approx(extended, abs=1e-3)
    assert report.pesq_mode == "wb"


def test_telephone_rate_is_measured_in_narrow_band(clean, noisy):
    low = [resampler_from(RATE)(each, 8000) for each in (clean, noisy)]
    report = compare(*low, rate=8000, settings=PairSettings(has_stoi=False))
    assert report.pesq_mode == "nb"
    assert report.pesq == pytest.approx(pesq.pesq(8000, *low, "nb"), abs=0.01)


def test_long_recordings_are_measured_in_excerpts(clean, noisy):
    short = compare(clean, noisy)
    times = 1 + 45 * RATE // len(clean)
    long = [np.tile(each, times) for each in (clean, noisy)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = compare(*long)
    assert report.pesq == pytest.approx(short.pesq, abs=0.2)
    assert report.stoi == pytest.approx(short.stoi, abs=0.03)


def test_example_of_the_package_gets_the_value_that_it_documents(recordings):
    names = ("pesq_bab0dB_clean.flac", "pesq_bab0dB_noisy.flac")
    pair = [soundfile.read(recordings / "noisy_pair" / n, dtype="float32")[0] for n in names]
    # The package's README: 1.0832337141036987 in wide band.
    report = compare(*pair, settings=PairSettings(has_stoi=False))
    assert report.pesq == pytest.approx(1.0832, abs=2e-3)


def test_recording_in_which_nobody_speaks_has_no_opinion():
    click = np.zeros(RATE, np.float32)
    click[8000:8040] = 0.5
    report = compare(click, click)
    assert report.reason is None
    assert report.stoi is None
    assert "STOI is left out: too little is said" in report.remarks


def test_unknown_mode_is_refused(clean):
    with pytest.raises(SettingError, match="expected wb or nb"):
        measure_pesq(clean, clean, mode="swb")
