"""Each engine gives the columns of ``fast``, and refuses by name what it does not know."""

from __future__ import annotations

import math
import subprocess
import sys
import warnings

import numpy as np
import pytest
from librosa_peer import librosa_rows

from audiokit.errors import MissingExtraError, SettingError
from audiokit.features import FeatureExtractor, FeatureSettings
from audiokit.features.engines import ENGINES
from audiokit.stage import StreamFormat
from audiokit.testing import analyze, speechlike, split_at

FMT = StreamFormat(16000)
SPEECH = speechlike(FMT, 2.0)
LIBROSA = ENGINES["librosa"].families
# By how much `fast` may be off, absolute and relative.
TOLERANCES = {
    "spectrum": (1e-3, 0.0),
    "mel": (1e-3, 0.0),
    "mfcc": (1e-3, 0.0),
    "energy": (1e-3, 0.0),
    "contrast": (1e-3, 0.0),
    "flux": (1e-3, 0.0),
}


def rows_by(engine, block, fmt=FMT, **settings):
    extractor = FeatureExtractor(fmt, FeatureSettings(engine=engine, **settings))
    return analyze(extractor, [block]), extractor


@pytest.mark.parametrize("family", LIBROSA)
@pytest.mark.parametrize("rate", [8000, 16000, 44100])
def test_librosas_numbers_are_those_of_fast(family, rate):
    fmt = StreamFormat(rate)
    block = speechlike(fmt, 1.5)
    expected, by_librosa = rows_by("librosa", block, fmt, families=(family,))
    found, fast = rows_by("fast", block, fmt, families=(family,))
    assert by_librosa.columns == fast.columns
    atol, rtol = TOLERANCES.get(family, (1e-5, 1e-4))
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=atol)


def test_the_engine_librosa_says_what_librosa_says():
    names = ("mel", "mfcc", "chroma", "energy", "crossings", "spectral", "flux")
    rows, extractor = rows_by("librosa", SPEECH, families=names)
    expected = librosa_rows(SPEECH[:, 0].astype(np.float64), extractor.grid, names)
    for name in names:
        place = extractor.families[name]
        np.testing.assert_allclose(rows[:, place], expected[name], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("levels", ["ln", "log10", "power"])
def test_the_engine_librosa_follows_the_settings(levels):
    chosen = {
        "families": ("mel", "mfcc"),
        "levels": levels,
        "n_mels": 24,
        "n_mfcc": 9,
        "deltas": 1,
        "fmin_hz": 120.0,
        "fmax_hz": 6100.0,
        "window_ms": 32.0,
        "hop_ms": 8.0,
    }
    expected, by_librosa = rows_by("librosa", SPEECH, **chosen)
    found, fast = rows_by("fast", SPEECH, **chosen)
    assert by_librosa.columns == fast.columns
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("n_samples", [0, 1, 200, 401, 800, 1281])
def test_librosa_is_given_recordings_that_it_would_refuse(n_samples):
    rows, _ = rows_by("librosa", SPEECH[5000 : 5000 + n_samples], families=LIBROSA)
    found, _ = rows_by("fast", SPEECH[5000 : 5000 + n_samples], families=LIBROSA)
    assert rows.shape == found.shape
    assert np.isfinite(rows).all()


@pytest.mark.parametrize("deltas", [0, 1])
def test_the_engine_pyaudioanalysis_says_what_the_package_says(deltas):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        package = pytest.importorskip("pyAudioAnalysis.ShortTermFeatures")
    rows, extractor = rows_by("pyaudioanalysis", SPEECH, preset="pyaudioanalysis", deltas=deltas)
    expected, _ = package.feature_extraction(SPEECH[:, 0] * 32768.0, 16000, 800, 400, bool(deltas))
    assert rows.shape[1] == len(extractor.columns)
    np.testing.assert_allclose(rows, expected.T, rtol=1e-6, atol=1e-6)


def test_no_undeclared_package_comes_with_the_engine_pyaudioanalysis():
    pytest.importorskip("tqdm")
    lines = (
        "import sys, numpy\n"
        "from audiokit.features import FeatureExtractor, FeatureSettings\n"
        "from audiokit.stage import StreamFormat\n"
        "chosen = FeatureSettings(preset='pyaudioanalysis', engine='pyaudioanalysis')\n"
        "extractor = FeatureExtractor(StreamFormat(16000), chosen)\n"
        "extractor.process(numpy.ones((2000, 1), numpy.float32)); extractor.flush()\n"
        "print({'eyed3', 'hmmlearn', 'imblearn', 'plotly'} & set(sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", lines], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("engine", ["fast", "librosa"])
def test_no_heavy_package_is_loaded_before_it_is_asked_for(engine):
    lines = (
        "import sys\n"
        "from audiokit.features import FeatureExtractor, FeatureSettings\n"
        "from audiokit.stage import StreamFormat\n"
        f"FeatureExtractor(StreamFormat(16000), FeatureSettings(engine={engine!r}))\n"
        "print({'librosa', 'torch', 'scipy', 'pyAudioAnalysis'} & set(sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", lines], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("engine", ["librosa", "torch"])
def test_a_whole_file_engine_answers_at_the_end_and_can_begin_anew(engine):
    if engine == "torch":
        pytest.importorskip("torch")
    extractor = FeatureExtractor(FMT, FeatureSettings(engine=engine))
    assert extractor.latency_s == math.inf
    pieces = split_at(SPEECH, [3, 700, 20000])
    assert [len(extractor.process(piece)) for piece in pieces] == [0] * 4
    rows = extractor.flush()
    assert rows.shape == (201, len(extractor.columns))
    extractor.reset()
    extractor.process(SPEECH[:1600])
    assert len(extractor.flush()) == 11


def test_what_a_whole_file_engine_holds_does_not_change_with_the_callers_block():
    extractor = FeatureExtractor(FMT, FeatureSettings(families=("energy",), engine="librosa"))
    block = SPEECH.copy()
    extractor.process(block)
    block[:] = 0.0
    assert extractor.flush().max() > -40.0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"engine": "numpy"}, "engine is 'numpy', expected fast, librosa, pyaudioanalysis, torch"),
        (
            {"engine": "librosa", "families": ("mel", "temporal")},
            "families is 'temporal', expected some of .* with engine 'librosa'",
        ),
        ({"engine": "torch", "families": ("formants",)}, "families is 'formants'"),
        ({"engine": "librosa", "preset": "kaldi"}, "preset is 'kaldi', expected librosa with"),
        ({"engine": "pyaudioanalysis"}, "preset is 'librosa', expected pyaudioanalysis with"),
        ({"device": "cuda"}, "device is 'cuda', expected cpu with engine 'fast'"),
        ({"engine": "torch", "device": "tpu"}, "device is 'tpu', expected cpu or cuda"),
    ],
)
def test_what_an_engine_does_not_know_is_refused_by_name(settings, message):
    with pytest.raises(SettingError, match=message):
        FeatureSettings(**settings)


@pytest.mark.parametrize(
    ("package", "settings", "extra"),
    [
        ("torch", {"engine": "torch"}, "gpu"),
        (
            "pyAudioAnalysis",
            {"engine": "pyaudioanalysis", "preset": "pyaudioanalysis"},
            "engines",
        ),
    ],
)
def test_an_engine_that_is_not_installed_names_its_extra(package, settings, extra, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("audiokit.features.torch_")]:
        monkeypatch.delitem(sys.modules, name)
        module, _, attribute = name.rpartition(".")
        monkeypatch.delattr(sys.modules[module], attribute, raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    chosen = FeatureSettings(**settings)
    with pytest.raises(MissingExtraError, match=rf"audiokit\[{extra}\]"):
        chosen.check_installed()
    with pytest.raises(MissingExtraError, match=rf"audiokit\[{extra}\]"):
        FeatureExtractor(FMT, chosen)
