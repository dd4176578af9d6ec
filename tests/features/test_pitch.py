"""The tracker hears the pitch of a voice, says where there is one, and nothing else."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiokit.errors import SettingError
from audiokit.features.grid import FrameGrid
from audiokit.features.pitch import PITCH_COLUMNS, PitchSettings, PitchTracker
from audiokit.features.pitch_settings import HARMONICITY_FLOOR_DB
from audiokit.stage import StreamFormat
from audiokit.testing import analyze, split_at

FMT = StreamFormat(16000)
F0, VOICING, HARMONICITY = range(3)
# Away from the ends, where a window sees nothing but the sound.
INNER = slice(8, -8)


def _times_s(seconds, rate=16000):
    return np.arange(round(seconds * rate)) / rate


def _block(samples):
    return np.ascontiguousarray(samples[:, np.newaxis], np.float32)


def _sine(f0_hz, seconds=0.8, rate=16000):
    return 0.3 * np.sin(2 * np.pi * f0_hz * _times_s(seconds, rate))


def _pulses(f0_hz, seconds=0.8, rate=16000, levels=None):
    """Return harmonics of a pitch, constant or ``(samples,)``, up to 3.6 kHz."""
    turns = np.cumsum(np.broadcast_to(f0_hz, round(seconds * rate))) / rate
    n_harmonics = int(3600 / np.max(f0_hz))
    levels = levels or [1.0] * n_harmonics
    waves = [
        level * np.cos(2 * np.pi * number * turns) for number, level in enumerate(levels, start=1)
    ]
    return 0.3 * np.sum(waves, axis=0) / len(waves)


def _voice(seconds, seed=7):
    """Return pulses of a moving pitch, and noise, in turns of 0.3 s, with 0.1 s of silence."""
    rng = np.random.default_rng(seed)
    time_s = _times_s(seconds)
    voiced = _pulses(150 + 50 * np.sin(2 * np.pi * 0.7 * time_s), seconds)
    turn = (time_s % 0.7) / 0.7
    noise = 0.05 * rng.standard_normal(len(time_s))
    return _block(np.where(turn < 3 / 7, voiced, np.where(turn < 6 / 7, noise, 0.0)))


def _track(samples, rate=16000, **options):
    return analyze(PitchTracker(StreamFormat(rate), PitchSettings(**options)), [_block(samples)])


VOICE = _voice(2.5)
VOICE_ROWS = analyze(PitchTracker(FMT), [VOICE])


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 44100, 48000])
@pytest.mark.parametrize("f0_hz", [72.0, 101.3, 150.0, 233.0, 310.7, 465.0])
def test_a_steady_pitch_is_found_within_half_a_percent_at_any_rate(f0_hz, rate):
    rows = _track(_pulses(f0_hz, rate=rate), rate)[INNER]
    np.testing.assert_allclose(rows[:, F0], f0_hz, rtol=5e-3)
    assert rows[:, VOICING].min() > 0.5


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
@pytest.mark.parametrize("f0_hz", [100.0, 160.0, 233.0, 310.7, 465.0])
def test_a_sine_is_found_within_a_tenth_of_a_percent(f0_hz, rate):
    rows = _track(_sine(f0_hz, rate=rate), rate)[INNER]
    np.testing.assert_allclose(rows[:, F0], f0_hz, rtol=1e-3)


@pytest.mark.parametrize("octaves_per_s", [-1.0, 0.5, 1.0])
def test_a_glide_is_followed_within_one_percent(octaves_per_s):
    time_s = _times_s(1.0)
    f0_hz = 180.0 * 2.0 ** (octaves_per_s * (time_s - 0.5))
    rows = _track(_pulses(f0_hz, 1.0))
    truth_hz = f0_hz[::160]
    np.testing.assert_allclose(rows[: len(truth_hz)][INNER, F0], truth_hz[INNER], rtol=1e-2)


@pytest.mark.parametrize("f0_hz", [110.0, 140.0, 220.0])
@pytest.mark.parametrize(
    "levels",
    [
        [1.0, 4.0, 1.0, 0.5, 0.5],
        [0.0, 1.0, 1.0, 1.0, 1.0, 1.0],
        [0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0],
        [4.0, 2.0, 1.0, 0.5],
    ],
    ids=["strong second", "no first", "neither first nor second", "weak upper"],
)
def test_no_octave_is_lost_or_won(f0_hz, levels):
    rows = _track(_pulses(f0_hz, levels=levels))[INNER]
    np.testing.assert_allclose(rows[:, F0], f0_hz, rtol=1e-2)


@pytest.mark.parametrize("seed", range(3))
def test_white_noise_has_no_pitch(seed):
    noise = 0.1 * np.random.default_rng(seed).standard_normal(48000)
    rows = _track(noise)
    assert np.count_nonzero(rows[:, F0]) <= 0.01 * len(rows)
    # Under steady noise there may always be a voice that is not heard.
    assert rows[:, VOICING].max() < 0.5
    assert (rows[rows[:, F0] == 0.0, HARMONICITY] == HARMONICITY_FLOOR_DB).all()


@pytest.mark.parametrize("constant", [0.0, 0.5, 1.0, -1.0])
def test_silence_and_a_constant_have_no_pitch(constant):
    rows = _track(np.full(16000, constant))
    assert rows.shape == (101, 3)
    assert (rows[INNER, F0] == 0.0).all()
    assert rows[INNER, VOICING].max() < 0.05
    assert np.isfinite(rows).all()


def test_a_constant_under_a_voice_changes_little():
    rows = _track(_pulses(130.0) + 0.5)[INNER]
    np.testing.assert_allclose(rows[:, F0], 130.0, rtol=5e-3)


@pytest.mark.parametrize("gain_db", [-60.0, 0.0, 40.0])
def test_the_level_does_not_matter(gain_db):
    rows = _track(_pulses(150.0) * 10.0 ** (gain_db / 20.0))[INNER]
    np.testing.assert_allclose(rows[:, F0], 150.0, rtol=5e-3)


def test_full_scale_square_waves_and_impulses_are_finite():
    square = np.sign(np.sin(2 * np.pi * 137.0 * _times_s(0.5)))
    impulse = np.zeros(8000)
    impulse[4000] = 1.0
    for sound in (square, impulse, np.full(8000, 1e6) * square):
        assert np.isfinite(_track(sound)).all()


def test_harmonicity_is_the_ratio_of_tone_to_noise():
    rng = np.random.default_rng(1)
    # White noise of which a tenth part of the band is heard: 3/16 of 8 kHz lie below 1.5 kHz.
    tone = _pulses(120.0, 3.0, levels=[1.0] * 10)
    noise = rng.standard_normal(len(tone)) * tone.std() * math.sqrt(16 / 3) * 10.0 ** (-10 / 20)
    assert np.median(_track(tone + noise)[INNER, HARMONICITY]) == pytest.approx(10.0, abs=2.0)


def test_voiced_stretches_begin_and_end_where_they_do():
    time_s = np.arange(len(VOICE_ROWS)) * 0.01
    turn_s = time_s % 0.7
    # 30 ms from an edge, a window of 48 ms is filled by one or the other for the most part.
    inside = (turn_s > 0.03) & (turn_s < 0.27)
    outside = (turn_s > 0.33) & (turn_s < 0.67)
    assert (VOICE_ROWS[inside, F0] > 0).mean() > 0.98
    assert (VOICE_ROWS[outside, F0] > 0).mean() < 0.02


def test_voicing_is_high_where_there_is_a_pitch_and_low_elsewhere():
    is_voiced = VOICE_ROWS[:, F0] > 0
    assert VOICE_ROWS[is_voiced, VOICING].mean() > 0.9
    assert VOICE_ROWS[~is_voiced, VOICING].mean() < 0.3
    assert VOICE_ROWS[:, VOICING].min() >= 0.0
    assert VOICE_ROWS[:, VOICING].max() <= 1.0


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(0, len(VOICE)), max_size=12).map(sorted))
def test_rows_have_the_same_bits_for_any_cutting(cuts):
    rows = analyze(PitchTracker(FMT), split_at(VOICE, cuts))
    np.testing.assert_array_equal(rows, VOICE_ROWS)


@pytest.mark.parametrize("cut_samples", [97, 160, 1600, 16077])
def test_live_blocks_give_the_same_bits(cut_samples):
    pieces = split_at(VOICE, range(0, len(VOICE), cut_samples))
    np.testing.assert_array_equal(analyze(PitchTracker(FMT), pieces), VOICE_ROWS)


def test_after_a_reset_the_stream_begins_anew():
    tracker = PitchTracker(FMT)
    tracker.process(VOICE[:9000])
    tracker.reset()
    np.testing.assert_array_equal(analyze(tracker, [VOICE]), VOICE_ROWS)


def test_frames_lie_where_all_features_have_theirs():
    tracker = PitchTracker(StreamFormat(44100), PitchSettings(hop_ms=5.0))
    grid = FrameGrid(44100, 1024, tracker.hop_samples, 1024)
    rows = analyze(tracker, [_block(_sine(200.0, 1.0, 44100))])
    assert len(rows) == grid.n_frames(44100)
    assert tracker.frame_time_s(100) == grid.time_s(100)
    assert tracker.hop_s == grid.time_s(1)


def test_no_more_than_the_stated_latency_is_held_back():
    tracker = PitchTracker(FMT)
    assert tracker.latency_s < 0.26
    n_rows = 0
    for start in range(0, len(VOICE), 160):
        n_rows += len(tracker.process(VOICE[start : start + 160]))
        received_s = (start + 160) / 16000
        assert n_rows >= math.floor((received_s - tracker.latency_s) / tracker.hop_s + 1e-9) + 1


def test_a_longer_look_ahead_is_stated():
    longer = PitchTracker(FMT, PitchSettings(lookahead_ms=500.0))
    assert longer.latency_s - PitchTracker(FMT).latency_s == pytest.approx(0.3)


def test_memory_does_not_grow_with_the_stream():
    tracker = PitchTracker(FMT)
    for _ in range(3):
        tracker.process(VOICE)
    tracemalloc.start()
    for _ in range(5):
        tracker.process(VOICE)
    before, _ = tracemalloc.get_traced_memory()
    for _ in range(20):
        tracker.process(VOICE)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 20_000


@pytest.mark.parametrize("n_samples", [1, 2, 159, 160, 161, 400])
def test_a_stream_shorter_than_a_window_has_rows(n_samples):
    rows = _track(np.ones(n_samples) * 0.1)
    assert rows.shape == (1 + n_samples // 160, 3)
    assert rows.dtype == np.float32
    assert np.isfinite(rows).all()


@pytest.mark.parametrize("engine", ["ours", "pyin", "yin"])
def test_an_empty_stream_has_no_rows(engine):
    tracker = PitchTracker(FMT, PitchSettings(engine=engine))
    assert analyze(tracker, [FMT.silence(0)]).shape == (0, 3)
    assert tracker.columns == PITCH_COLUMNS


def test_channels_are_averaged():
    left = VOICE[:8000]
    stereo = np.concatenate([left, 0.5 * left], axis=1)
    actual = analyze(PitchTracker(StreamFormat(16000, 2)), [stereo])
    expected = analyze(PitchTracker(FMT), [np.float32(0.75) * left])
    np.testing.assert_allclose(actual[:, F0], expected[:, F0], rtol=1e-3)


def test_the_range_is_kept():
    rows = _track(_pulses(300.0), fmin_hz=65.0, fmax_hz=200.0)
    assert rows[:, F0].max() <= 200.0
    rows = _track(_pulses(900.0), fmin_hz=400.0, fmax_hz=1000.0)[INNER]
    np.testing.assert_allclose(rows[:, F0], 900.0, rtol=5e-3)


@pytest.mark.parametrize("engine", ["pyin", "yin"])
def test_an_engine_of_librosa_gives_librosas_pitch_at_the_end_of_the_stream(engine):
    import librosa

    block = VOICE[:16000]
    tracker = PitchTracker(FMT, PitchSettings(engine=engine))
    held = tracker.process(block[:7000]), tracker.process(block[7000:])
    assert all(len(rows) == 0 for rows in held)
    assert tracker.latency_s == math.inf
    rows = tracker.flush()
    options = {"fmin": 65, "fmax": 500, "sr": 16000, "hop_length": 160, "frame_length": 2048}
    if engine == "yin":
        expected = librosa.yin(block[:, 0], **options)
    else:
        f0_hz, is_voiced, probability = librosa.pyin(block[:, 0], fill_na=None, **options)
        expected = np.where(is_voiced, f0_hz, 0.0)
        np.testing.assert_allclose(rows[:, VOICING], probability, atol=1e-6)
    assert len(rows) == 101
    np.testing.assert_allclose(rows[:, F0], expected[:101], rtol=1e-6)


def test_a_recording_has_pyins_pitch_where_both_hear_one(recordings):
    import soundfile

    path = recordings / "speech" / "libri_1998-15444-0001.flac"
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    block = np.ascontiguousarray(samples[: 4 * rate])
    ours = analyze(PitchTracker(StreamFormat(rate)), [block])
    theirs = analyze(PitchTracker(StreamFormat(rate), PitchSettings(engine="pyin")), [block])
    both = (ours[:, F0] > 0) & (theirs[:, F0] > 0)
    assert both.mean() > 0.3
    # Its windows are nearly three times as long, and smooth what moves.
    assert (np.abs(ours[both, F0] / theirs[both, F0] - 1.0) < 0.1).mean() > 0.95


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"engine": "crepe"}, "ours, pyin, yin"),
        ({"fmin_hz": 20.0}, "fmin_hz is 20.0"),
        ({"fmax_hz": 80.0}, "fmax_hz is 80.0"),
        ({"fmax_hz": 2000.0}, "to 1000 Hz"),
        ({"hop_ms": 0.0}, "0.9 to 20 ms"),
        ({"lookahead_ms": 5.0}, "20 to 2000 ms"),
        ({"fmin_hz": math.nan}, "fmin_hz is nan"),
    ],
)
def test_a_setting_out_of_range_is_refused_by_name(options, message):
    with pytest.raises(SettingError, match=message):
        PitchSettings(**options)


@pytest.mark.parametrize("rate", [4000, 384000])
def test_a_rate_out_of_range_is_refused(rate):
    with pytest.raises(SettingError, match="8000 to 192000 Hz to track pitch"):
        PitchTracker(StreamFormat(rate))
