"""A preset gives the numbers of the program it is named after."""

from __future__ import annotations

import importlib.util

import numpy as np
import published
import pytest

from audiokit.errors import SettingError
from audiokit.features import PRESET_NAMES, FeatureExtractor, FeatureSettings, whisper_input
from audiokit.stage import StreamFormat
from audiokit.testing import analyze, speechlike

TAKES = ("speech/aishell-BAC009S0724W0121.flac", "speech/german_speech_8000.wav")


@pytest.fixture(scope="module", params=["noise", *TAKES])
def take(request):
    """Two seconds in ±1, and their rate."""
    if request.param == "noise":
        rng = np.random.default_rng(4)
        return (rng.standard_normal(20011) * 0.1).astype(np.float32), 16000
    import soundfile

    path = request.getfixturevalue("recordings") / request.param
    samples, rate = soundfile.read(path, dtype="float32", stop=20011)
    return samples, rate


def rows_of(samples, rate=16000, **settings):
    extractor = FeatureExtractor(StreamFormat(rate), FeatureSettings(**settings))
    return analyze(extractor, [np.ascontiguousarray(samples[:, None], dtype=np.float32)])


def test_kaldis_filter_bank_is_that_of_its_definition(take):
    expected = published.kaldi_fbank(*take)
    np.testing.assert_allclose(rows_of(*take, preset="kaldi"), expected, rtol=0, atol=1e-3)


def test_kaldis_cepstrum_and_deltas_are_those_of_their_definition(take):
    expected = published.kaldi_deltas(published.kaldi_mfcc(*take, n_bands=23))
    rows = rows_of(*take, preset="kaldi", families=("mfcc",), n_mels=23, deltas=2)
    np.testing.assert_allclose(rows, expected, rtol=0, atol=1e-3)


def test_one_delta_of_kaldis_is_the_first_of_two(take):
    both = rows_of(*take, preset="kaldi", families=("mfcc",), deltas=2)
    one = rows_of(*take, preset="kaldi", families=("mfcc",), deltas=1)
    np.testing.assert_allclose(one, both[:, :26], rtol=0, atol=1e-5)


@pytest.mark.skipif(
    importlib.util.find_spec("kaldi_native_fbank") is None,
    reason="kaldi-native-fbank is not installed",
)
@pytest.mark.parametrize("kind", ["mel", "mfcc"])
def test_kaldis_features_are_those_of_kaldi_native_fbank(take, kind):
    import kaldi_native_fbank

    samples, rate = take
    options = getattr(kaldi_native_fbank, "FbankOptions" if kind == "mel" else "MfccOptions")()
    options.frame_opts.dither = 0.0
    options.frame_opts.samp_freq = rate
    options.mel_opts.num_bins = 80
    if kind == "mfcc":
        options.use_energy = False
    online = getattr(kaldi_native_fbank, "OnlineFbank" if kind == "mel" else "OnlineMfcc")
    computer = online(options)
    computer.accept_waveform(rate, (samples * np.float32(32768.0)).tolist())
    computer.input_finished()
    expected = [computer.get_frame(index) for index in range(computer.num_frames_ready)]
    rows = rows_of(samples, rate, preset="kaldi", families=(kind,))
    np.testing.assert_allclose(rows, np.array(expected), rtol=0, atol=1e-3)


def test_htks_filter_bank_is_that_of_its_definition(take):
    rows = rows_of(*take, preset="htk", families=("mel",))
    np.testing.assert_allclose(rows, published.htk_fbank(*take), rtol=0, atol=1e-3)


def test_htks_cepstrum_and_regressions_are_those_of_their_definition(take):
    rows = rows_of(*take, preset="htk")
    np.testing.assert_allclose(rows, published.htk_mfcc(*take), rtol=0, atol=1e-3)


@pytest.mark.parametrize("n_mels", [80, 128])
@pytest.mark.parametrize("n_samples", [16000, 16159, 4321, 201, 200, 163])
def test_whispers_mel_is_that_of_its_definition_to_the_edges(n_mels, n_samples):
    import librosa

    samples = speechlike(StreamFormat(16000), 1.1)[:n_samples, 0]
    bank = librosa.filters.mel(sr=16000, n_fft=400, n_mels=n_mels, dtype=np.float64)
    expected = published.whisper_log10_mel(samples, bank)
    rows = rows_of(samples, preset="whisper", n_mels=n_mels)
    assert rows.shape == (n_samples // 160, n_mels)
    np.testing.assert_allclose(rows, expected, rtol=0, atol=1e-3)


@pytest.mark.parametrize("cut_rows", [1, 7, 99])
def test_whispers_input_is_that_of_its_definition_whatever_part_is_asked_for(cut_rows):
    samples = speechlike(StreamFormat(16000), 1.0)[:, 0]
    samples[8000:] = 0.0
    rows = rows_of(samples, preset="whisper")
    expected = published.whisper_input(rows.astype(np.float64))
    assert expected.min() == pytest.approx(expected.max() - 2.0)
    loudest = float(rows.max())
    parts = np.split(rows, range(cut_rows, len(rows), cut_rows))
    ours = np.concatenate([whisper_input(part, loudest=loudest) for part in parts])
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("preset", "first_s", "n_rows"),
    [("librosa", 0.0, 101), ("whisper", 0.0, 100), ("kaldi", 0.0125, 98), ("htk", 0.0125, 98)],
)
def test_a_preset_says_where_frames_lie(preset, first_s, n_rows):
    extractor = FeatureExtractor(StreamFormat(16000), FeatureSettings(preset=preset))
    assert extractor.frame_time_s(0) == first_s
    assert len(analyze(extractor, [speechlike(StreamFormat(16000), 1.0)])) == n_rows


@pytest.mark.parametrize(("preset", "floor"), [("kaldi", -15.942385), ("htk", 0.0)])
def test_silence_has_the_floor_of_the_preset(preset, floor):
    rows = rows_of(np.zeros(8000), preset=preset, families=("mel",))
    np.testing.assert_allclose(rows, floor, rtol=0, atol=1e-5)


def test_whispers_floor_is_minus_ten():
    np.testing.assert_array_equal(rows_of(np.zeros(8000), preset="whisper"), -10.0)


@pytest.mark.parametrize("preset", ["kaldi", "htk"])
def test_a_stream_shorter_than_a_whole_frame_has_no_rows_where_the_program_has_none(preset):
    assert len(rows_of(np.ones(399), preset=preset)) == 0
    assert len(rows_of(np.ones(400), preset=preset)) == 1


@pytest.mark.parametrize("preset", PRESET_NAMES)
def test_families_of_samples_go_with_every_preset(preset):
    bands = "short_term" if preset == "pyaudioanalysis" else "mel"
    families = ("energy", bands, "temporal", "crossings", "rms")
    extractor = FeatureExtractor(
        StreamFormat(16000), FeatureSettings(preset=preset, families=families)
    )
    rows = analyze(extractor, [speechlike(StreamFormat(16000), 0.5)])
    assert rows.shape[1] == {"short_term": 34, "mel": 26 if preset == "htk" else 80}[bands] + 7
    assert np.isfinite(rows).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"preset": "wisper"}, "Did you mean 'whisper'"),
        ({"preset": "whisper", "window_ms": 30.0}, "window_ms is 30.0, expected 25.0 with"),
        ({"preset": "whisper", "n_mels": 64}, "expected 80 or 128 with preset 'whisper'"),
        ({"preset": "whisper", "levels": "db"}, "expected log10 with"),
        ({"preset": "whisper", "deltas": 1}, "deltas is 1, expected none with"),
        ({"preset": "whisper", "families": ("mfcc",)}, "some of mel, energy"),
        ({"preset": "kaldi", "families": ("chroma",)}, "families is 'chroma', expected some of"),
        ({"preset": "kaldi", "levels": "db"}, "expected ln or power with preset 'kaldi'"),
    ],
)
def test_what_a_preset_fixes_is_refused_by_name(options, message):
    with pytest.raises(SettingError, match=message):
        FeatureSettings(**options)


def test_what_a_preset_does_not_fix_may_be_set():
    rows = rows_of(np.ones(16000), preset="kaldi", n_mels=40, hop_ms=20.0)
    assert rows.shape == (49, 40)


def test_a_rate_that_a_preset_is_not_defined_for_is_refused_with_what_to_do():
    with pytest.raises(SettingError, match=r"expected 16000 Hz with .* --sample-rate 16000"):
        FeatureExtractor(StreamFormat(8000), FeatureSettings(preset="whisper"))


def test_more_bands_than_a_presets_bins_can_fill_are_refused():
    with pytest.raises(SettingError, match="n_mels is 300"):
        FeatureExtractor(StreamFormat(16000), FeatureSettings(preset="kaldi", n_mels=300))
