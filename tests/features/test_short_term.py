"""Our own short-term features are pyAudioAnalysis', its quirks included."""

from __future__ import annotations

import ast
import importlib.util
import warnings
from pathlib import Path

import numpy as np
import pytest

from audiokit.dsp.unit_peak import UnitPeak
from audiokit.errors import SettingError
from audiokit.features import FeatureExtractor, FeatureSettings
from audiokit.features.mid_term import mid_term_columns, mid_term_statistics
from audiokit.features.short_term import SHORT_TERM_NAMES
from audiokit.stage import StreamFormat
from audiokit.testing import analyze, measure, render, speechlike

TAKES = ("speech/aishell-BAC009S0724W0121.flac", "speech/german_speech_8000.wav")


@pytest.fixture(scope="module")
def package():
    """The package's own module; no other of them can be imported without undeclared ones."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("pyAudioAnalysis.ShortTermFeatures")


def unit_peak(block, fmt):
    stage = UnitPeak(fmt)
    return render(stage.build(measure(stage.new_meter(fmt), [block])), [block])


def ours(block, rate, **settings):
    fmt = StreamFormat(rate)
    chosen = FeatureSettings(preset="pyaudioanalysis", **settings)
    extractor = FeatureExtractor(fmt, chosen)
    return analyze(extractor, [unit_peak(block, fmt)]), extractor


def theirs(package, block, grid, *, deltas):
    samples = block[:, 0].astype(np.float64) * 32768.0
    rows, names = package.feature_extraction(
        samples, grid.sample_rate, grid.window_samples, grid.hop_samples, deltas=deltas
    )
    return rows.T, names


def odd_sounds(rate):
    """Sounds that meet the quirks: steps through zero, a tone between bins, silence."""
    n_samples = rate // 2
    time_s = np.arange(n_samples) / rate
    rng = np.random.default_rng(7)
    # Their mean is zero, exactly, so that what is zero stays it.
    quarter = rng.integers(-1, 2, n_samples // 4) / 4.0
    steps = np.concatenate([quarter, -quarter, np.zeros(n_samples - 2 * len(quarter))])
    tone = 0.3 * np.sin(2 * np.pi * 440.7 * time_s)
    gap = np.where(np.abs(time_s - 0.25) < 0.1, 0.0, tone)
    return {
        "steps": steps,
        "tone": tone,
        "tone with a gap": gap,
        "off zero": 0.2 * tone + 0.4,
        "quiet noise": 1e-4 * rng.standard_normal(n_samples),
        "one click": np.eye(1, n_samples, n_samples // 3)[0],
        "syllables": speechlike(StreamFormat(rate), 0.5)[:, 0],
    }


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 44100])
@pytest.mark.parametrize("frames_ms", [(50.0, 25.0), (25.0, 10.0), (30.1, 30.1), (100.0, 7.0)])
@pytest.mark.parametrize("name", list(odd_sounds(8000)))
def test_a_row_is_the_packages_whatever_the_sound(package, rate, frames_ms, name):
    window_ms, hop_ms = frames_ms
    block = odd_sounds(rate)[name].astype(np.float32)[:, None]
    rows, extractor = ours(block, rate, window_ms=window_ms, hop_ms=hop_ms, deltas=1)
    expected, _ = theirs(package, block, extractor.grid, deltas=True)
    assert rows.shape == expected.shape
    np.testing.assert_allclose(rows, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("take", TAKES)
def test_a_row_of_a_recording_is_the_packages_within_a_ten_thousandth(package, recordings, take):
    import soundfile

    block, rate = soundfile.read(recordings / take, dtype="float32", always_2d=True)
    block = np.ascontiguousarray(block[:, :1])
    rows, extractor = ours(block, rate)
    expected, _ = theirs(package, block, extractor.grid, deltas=False)
    difference = np.abs(rows - expected)
    assert difference.max() < 1e-4
    # Small features too: each by its own size.
    assert (difference.max(axis=0) / np.abs(expected).max(axis=0)).max() < 1e-5


def test_the_first_column_names_are_the_packages_own(package):
    block = speechlike(StreamFormat(16000), 0.5)
    _, extractor = ours(block, 16000, deltas=1)
    _, names = theirs(package, block, extractor.grid, deltas=True)
    assert list(SHORT_TERM_NAMES) == names[:34]
    assert len(extractor.columns) == len(names) == 68
    assert extractor.columns[0] == "short_term_zcr"
    assert extractor.columns[34] == "short_term_zcr_delta"


def test_a_stream_whose_level_is_not_known_is_taken_as_it_is():
    block = speechlike(StreamFormat(16000), 0.5)
    chosen = FeatureSettings(preset="pyaudioanalysis")
    rows = analyze(FeatureExtractor(StreamFormat(16000), chosen), [block])
    frames = np.lib.stride_tricks.sliding_window_view(block[:, 0], 800)[::400]
    np.testing.assert_allclose(rows[:, 1], np.mean(np.square(frames), axis=1), rtol=1e-5)


@pytest.mark.parametrize(
    ("rate", "settings", "message"),
    [
        (6000, {}, "sample_rate is 6000, expected above 68"),
        (16000, {"window_ms": 12.0, "hop_ms": 5.0}, "window_ms is 12.0, expected 12.375 ms"),
        (16000, {"deltas": 2}, "deltas is 2, expected 0 or 1"),
        (16000, {"n_mels": 40}, "n_mels is 40, expected none with preset"),
        (16000, {"families": ("mel",)}, "families is 'mel', expected some of short_term"),
    ],
)
def test_what_the_package_would_fail_at_is_refused(rate, settings, message):
    with pytest.raises(SettingError, match=message):
        FeatureExtractor(StreamFormat(rate), FeatureSettings(preset="pyaudioanalysis", **settings))


@pytest.mark.parametrize("least", [(16000, 12.375), (8000, 21.75)])
def test_the_shortest_window_that_is_taken_is_the_shortest_of_the_package(package, least):
    rate, window_ms = least
    block = speechlike(StreamFormat(rate), 0.3)
    rows, extractor = ours(block, rate, window_ms=window_ms, hop_ms=10.0)
    expected, _ = theirs(package, block, extractor.grid, deltas=False)
    np.testing.assert_allclose(rows, expected, rtol=1e-4, atol=1e-4)
    shorter = extractor.grid.window_samples - 2
    with pytest.raises((IndexError, ValueError)):
        package.feature_extraction(block[:, 0] * 32768.0, rate, shorter, 160)


def test_short_term_belongs_to_its_preset():
    with pytest.raises(SettingError, match="Add --preset pyaudioanalysis"):
        FeatureSettings(families=("mel", "short_term"))
    with pytest.raises(SettingError, match="expected some of mel, mfcc"):
        FeatureSettings(families=("short_term",), preset="htk")
    with pytest.raises(SettingError, match="Did you mean 'short_term'"):
        FeatureSettings(families=("short_trm",))


@pytest.fixture(scope="module")
def mid_feature_extraction(package):
    """The package's function, taken out of its module, whose imports are not declared."""
    folder = Path(importlib.util.find_spec("pyAudioAnalysis").origin).parent
    tree = ast.parse((folder / "MidTermFeatures.py").read_text(encoding="utf-8"))
    (function,) = [
        node for node in tree.body if getattr(node, "name", "") == "mid_feature_extraction"
    ]
    names = {"np": np, "ShortTermFeatures": package}
    code = compile(ast.Module([function], []), "MidTermFeatures.py", "exec")
    exec(code, names)  # noqa: S102  the package's own lines
    return names["mid_feature_extraction"]


@pytest.mark.parametrize("spans", [(1.0, 1.0), (1.0, 0.5), (0.3, 0.26), (2.0, 3.0), (60.0, 1.0)])
def test_mid_term_statistics_are_the_packages(mid_feature_extraction, spans):
    rate = 16000
    window_s, step_s = spans
    block = speechlike(StreamFormat(rate), 7.3)
    rows, extractor = ours(block, rate, deltas=1)
    found = mid_term_statistics(rows, extractor.grid, window_s=window_s, step_s=step_s)
    expected, _, names = mid_feature_extraction(
        block[:, 0] * 32768.0, rate, round(window_s * rate), round(step_s * rate), 800, 400
    )
    assert found.shape == expected.T.shape
    np.testing.assert_allclose(found, expected.T, rtol=1e-4, atol=1e-4)
    columns = mid_term_columns(extractor.columns)
    assert len(columns) == len(names)
    assert (columns[1], columns[69]) == ("short_term_energy_mean", "short_term_energy_std")
    assert (names[1], names[69]) == ("energy_mean", "energy_std")


def test_mid_term_windows_without_a_frame_or_a_step_are_refused():
    rows, extractor = ours(speechlike(StreamFormat(16000), 0.5), 16000)
    with pytest.raises(SettingError, match=r"window_s is 0\.02"):
        mid_term_statistics(rows, extractor.grid, window_s=0.02)
    with pytest.raises(SettingError, match=r"step_s is 0\.01"):
        mid_term_statistics(rows, extractor.grid, step_s=0.01)
    assert mid_term_statistics(rows[:0], extractor.grid).shape == (0, 68)
