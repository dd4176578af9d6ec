"""The extractor gives librosa's numbers, named and timed."""

from __future__ import annotations

import math

import numpy as np
import pytest

from audiokit.errors import SettingError
from audiokit.features import FAMILY_NAMES, FeatureExtractor, FeatureSettings
from audiokit.stage import StreamFormat
from audiokit.testing import analyze, speechlike, split_at

FMT = StreamFormat(16000)
EVERYTHING = FeatureSettings(families=FAMILY_NAMES)
# One quiet and one loud talker, a talker at 44.1 kHz in stereo, and one at 8 kHz.
TAKES = (
    "speech/aishell-BAC009S0724W0121.flac",
    "speech/libri_1998-15444-0000.flac",
    "speech/jfk.flac",
    "speech/german_speech_8000.wav",
)


def _take(path, seconds=4.0):
    import soundfile

    block, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return np.ascontiguousarray(block[: round(seconds * rate)]), rate


def _cases(request):
    recordings = request.getfixturevalue("recordings")
    return {name: _take(recordings / name) for name in TAKES}


@pytest.fixture(scope="module")
def pairs(request):
    """Our table and librosa's, by family, for each take and for noise."""
    rng = np.random.default_rng(11)
    noise = (rng.standard_normal((32123, 1)) * 0.1).astype(np.float32)
    cases = {"noise": (noise, 16000), **_cases(request)}
    return {name: (_ours(*case), _librosas(*case)) for name, case in cases.items()}


def _ours(block, rate):
    extractor = FeatureExtractor(StreamFormat(rate, block.shape[1]), EVERYTHING)
    table = analyze(extractor, [block])
    return {name: table[:, columns] for name, columns in extractor.families.items()}


def _librosas(block, rate):
    import librosa

    grid = FeatureExtractor(StreamFormat(rate, block.shape[1]), EVERYTHING).grid
    mono = block.mean(axis=1)
    frames = {"frame_length": grid.window_samples, "hop_length": grid.hop_samples}
    spectrum = np.abs(
        librosa.stft(
            mono, n_fft=grid.n_fft, hop_length=grid.hop_samples, win_length=grid.window_samples
        )
    )
    mel = librosa.feature.melspectrogram(S=spectrum**2, sr=rate, n_fft=grid.n_fft, n_mels=80)
    mel_db = librosa.power_to_db(mel, top_db=None)
    mfcc = librosa.feature.mfcc(S=mel_db, n_mfcc=20)
    slopes = [librosa.feature.delta(mfcc, order=order) for order in (1, 2)]
    shape = [
        librosa.feature.spectral_centroid(S=spectrum, sr=rate),
        librosa.feature.spectral_bandwidth(S=spectrum, sr=rate),
        librosa.feature.spectral_rolloff(S=spectrum, sr=rate),
        librosa.feature.spectral_flatness(S=spectrum),
    ]
    rms = librosa.feature.rms(y=mono, **frames)
    return {
        "mel": mel_db.T,
        "mfcc": np.concatenate([mfcc, *slopes]).T,
        "energy": 20.0 * np.log10(np.maximum(rms, 1e-5)).T,
        "crossings": librosa.feature.zero_crossing_rate(mono, **frames).T,
        "spectral": np.concatenate(shape).T,
    }


def test_mel_levels_are_librosas_to_a_thousandth_of_a_db(pairs):
    for name, (ours, theirs) in pairs.items():
        np.testing.assert_allclose(ours["mel"], theirs["mel"], rtol=0, atol=1e-3, err_msg=name)


def test_mfcc_and_derivatives_are_librosas_at_the_edges_too(pairs):
    for name, (ours, theirs) in pairs.items():
        np.testing.assert_allclose(ours["mfcc"], theirs["mfcc"], rtol=0, atol=1e-3, err_msg=name)


def test_energy_is_librosas_rms(pairs):
    for name, (ours, theirs) in pairs.items():
        n_frames = len(ours["energy"])
        # An odd window lets librosa's own framing of samples end a frame earlier.
        peer = theirs["energy"][:n_frames]
        np.testing.assert_allclose(
            ours["energy"][: len(peer)], peer, rtol=0, atol=1e-3, err_msg=name
        )


def test_centroid_bandwidth_and_flatness_are_librosas(pairs):
    for name, (ours, theirs) in pairs.items():
        for column in (0, 1, 3):
            np.testing.assert_allclose(
                ours["spectral"][:, column],
                theirs["spectral"][:, column],
                rtol=1e-4,
                atol=1e-3,
                err_msg=name,
            )


def test_rolloff_is_librosas_but_for_ties_between_two_bins(pairs):
    n_frames = n_apart = 0
    for ours, theirs in pairs.values():
        difference = np.abs(ours["spectral"][:, 2] - theirs["spectral"][:, 2])
        n_frames += len(difference)
        n_apart += np.count_nonzero(difference > 0.1)
        # librosa sums in single precision; a sum that meets the share exactly may tip.
        assert difference.max() < 32.0
    assert n_apart <= 0.002 * n_frames


def test_zero_crossings_are_librosas_away_from_the_ends(pairs):
    for name, (ours, theirs) in pairs.items():
        inner = slice(3, len(theirs["crossings"]) - 3)
        np.testing.assert_allclose(
            ours["crossings"][inner], theirs["crossings"][inner], rtol=1e-6, err_msg=name
        )


def test_there_is_a_column_for_each_number_and_a_unit_where_there_is_one():
    extractor = FeatureExtractor(FMT)
    table = analyze(extractor, [speechlike(FMT, 1.0)])
    assert table.dtype == np.float32
    assert table.shape == (101, len(extractor.columns))
    assert extractor.columns[0] == "mel_00_db"
    assert extractor.columns[80] == "mfcc_00"
    assert extractor.columns[100] == "mfcc_00_delta"
    assert extractor.columns[139] == "mfcc_19_delta2"
    assert extractor.columns[140:] == (
        "energy_dbfs",
        "spectral_centroid_hz",
        "spectral_bandwidth_hz",
        "spectral_rolloff_hz",
        "spectral_flatness",
    )
    assert extractor.families["mfcc"] == slice(80, 140)


def test_families_come_in_the_order_asked_for():
    both = FeatureExtractor(FMT, FeatureSettings(families=("energy", "mfcc"), deltas=1))
    alone = FeatureExtractor(FMT, FeatureSettings(families=("mfcc",), deltas=1))
    speech = speechlike(FMT, 0.5)
    assert both.columns[:2] == ("energy_dbfs", "mfcc_00")
    rows = analyze(both, [speech])
    np.testing.assert_array_equal(rows[:, both.families["mfcc"]], analyze(alone, [speech]))


def test_a_click_is_strongest_in_the_row_whose_time_it_has():
    extractor = FeatureExtractor(FMT)
    click = FMT.silence(16000)
    click[8000] = 1.0
    energy = analyze(extractor, [click])[:, extractor.families["mel"]].sum(axis=1)
    assert extractor.frame_time_s(int(np.argmax(energy))) == pytest.approx(0.5)
    assert extractor.hop_s == 0.01


def test_silence_has_the_stated_floors():
    extractor = FeatureExtractor(FMT, EVERYTHING)
    table = analyze(extractor, [FMT.silence(8000)])
    assert (table[:, extractor.families["mel"]] == -100.0).all()
    assert (table[:, extractor.families["energy"]] == -100.0).all()
    np.testing.assert_allclose(table[:, extractor.families["spectral"]], [[0, 0, 0, 1]] * 51)
    slopes = table[:, extractor.families["mfcc"]][:, 20:]
    # Weights of a slope cancel but for the rounding of the first coefficient, -894.
    rounding = 894.0 * np.finfo(np.float32).eps
    np.testing.assert_allclose(slopes, 0.0, atol=4.0 * rounding)


def test_a_full_scale_sine_lies_three_db_below_full_scale_at_its_own_frequency():
    extractor = FeatureExtractor(FMT, FeatureSettings(families=("energy", "spectral")))
    # Whole periods in a window, so that the mean square is exactly one half.
    sine = np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000)[:, None].astype(np.float32)
    middle = analyze(extractor, [sine])[50]
    assert middle[0] == pytest.approx(-3.0103, abs=1e-3)
    assert middle[1] == pytest.approx(1000.0, abs=1.0)
    assert middle[3] == pytest.approx(1000.0, abs=32.0)


def test_flatness_of_white_noise_is_that_of_exponential_powers():
    rng = np.random.default_rng(3)
    noise = (rng.standard_normal((160000, 1)) * 0.1).astype(np.float32)
    extractor = FeatureExtractor(FMT, FeatureSettings(families=("spectral",)))
    # exp(-0.5772): geometric over arithmetic mean of exponentially distributed powers.
    assert analyze(extractor, [noise])[5:-5, 3].mean() == pytest.approx(0.5615, abs=0.01)


@pytest.mark.parametrize("n_rows", range(1, 9))
def test_a_stream_too_short_for_a_slope_of_nine_rows_has_the_one_fitted_to_all(n_rows):
    extractor = FeatureExtractor(FMT, FeatureSettings(families=("mfcc",), n_mfcc=3))
    table = analyze(extractor, [speechlike(FMT, 0.5)[: n_rows * 160 - 80]])
    assert table.shape == (n_rows, 9)
    times = np.arange(n_rows)
    for order in (1, 2):
        slopes = table[:, 3 * order : 3 * order + 3]
        expected = np.zeros(3)
        if n_rows > order:
            expected = np.polyfit(times, table[:, :3], order)[0] * order
        np.testing.assert_allclose(slopes, np.tile(expected, (n_rows, 1)), atol=2e-3)


def test_an_empty_stream_has_no_rows():
    assert analyze(FeatureExtractor(FMT), []).shape == (0, 145)


def test_no_more_than_the_stated_latency_is_held_back():
    extractor = FeatureExtractor(FMT)
    speech = speechlike(FMT, 1.0)
    n_rows = 0
    for start in range(0, len(speech), 160):
        n_rows += len(extractor.process(speech[start : start + 160]))
        received_s = (start + 160) / 16000
        due = math.floor((received_s - extractor.latency_s) / extractor.hop_s + 1e-9) + 1
        if due > 4:
            assert n_rows >= due


@pytest.mark.parametrize("sample_rate", [8000, 11025, 22050, 48000])
def test_no_mel_band_is_dead_at_any_rate(sample_rate):
    rng = np.random.default_rng(5)
    noise = (rng.standard_normal((sample_rate, 1)) * 0.1).astype(np.float32)
    extractor = FeatureExtractor(StreamFormat(sample_rate), FeatureSettings(families=("mel",)))
    assert analyze(extractor, [noise])[5:-5].min() > -60.0


@pytest.mark.parametrize("cut_samples", [160, 16077, 64000])
def test_a_stream_of_several_groups_has_the_same_bits_at_any_cutting(cut_samples):
    speech = speechlike(FMT, 6.0)
    whole = analyze(FeatureExtractor(FMT, EVERYTHING), [speech])
    pieces = split_at(speech, range(0, len(speech), cut_samples))
    np.testing.assert_array_equal(analyze(FeatureExtractor(FMT, EVERYTHING), pieces), whole)


def test_channels_are_averaged():
    speech = speechlike(FMT, 0.5)
    stereo = np.concatenate([speech, speech * np.float32(0.5)], axis=1)
    expected = analyze(FeatureExtractor(FMT), [speech * np.float32(0.75)])
    actual = analyze(FeatureExtractor(StreamFormat(16000, 2)), [stereo])
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"families": ("mfc",)}, "Did you mean 'mfcc'"),
        ({"families": ()}, "at least one"),
        ({"families": ("mel", "mel")}, "once"),
        ({"hop_ms": 0.0}, "hop_ms is 0.0"),
        ({"hop_ms": 30.0}, "at most window_ms"),
        ({"window_ms": 0.1}, "1 to 1000 ms"),
        ({"n_mfcc": 81}, "1 to n_mels, 80"),
        ({"n_mels": 8, "families": ("mel", "mfcc")}, "n_mfcc is 20, expected 1 to n_mels, 8"),
        ({"n_mfcc": 0, "families": ("mel",)}, "1 to n_mels, 80"),
        ({"n_mels": 0, "n_mfcc": 0}, "1 to 512"),
        ({"deltas": 3}, "0, 1 or 2"),
        ({"fmin_hz": -1.0}, "0 Hz or more"),
    ],
)
def test_a_setting_out_of_range_is_refused_by_name(options, message):
    with pytest.raises(SettingError, match=message):
        FeatureSettings(**options)


@pytest.mark.parametrize("family", ["mel", "pcen", "flux"])
def test_few_bands_are_no_matter_where_no_cepstrum_is_asked_for(family):
    extractor = FeatureExtractor(FMT, FeatureSettings(families=(family,), n_mels=8))
    assert len(analyze(extractor, [speechlike(FMT, 0.1)])) == 11


@pytest.mark.parametrize(
    ("sample_rate", "options", "message"),
    [
        (8000, {"fmax_hz": 7600.0}, "at most 4000 Hz"),
        (16000, {"fmin_hz": 9000.0}, "above fmin_hz, 9000 Hz"),
        (1000, {"window_ms": 2.0, "hop_ms": 1.0}, "4 samples or more"),
        (1000, {"hop_ms": 0.1}, "one sample or more"),
    ],
)
def test_a_rate_that_cannot_give_what_is_asked_is_refused(sample_rate, options, message):
    with pytest.raises(SettingError, match=message):
        FeatureExtractor(StreamFormat(sample_rate), FeatureSettings(**options))
