"""Pitch beside other features: on their frames, at any hop, and tracked once for all."""

from __future__ import annotations

import math

import numpy as np
import pytest

from audiokit.errors import SettingError
from audiokit.features import PRESET_NAMES, FeatureExtractor, FeatureSettings
from audiokit.features.pitch import PitchSettings, PitchTracker
from audiokit.stage import StreamFormat
from audiokit.testing import analyze, speechlike, split_at

FMT = StreamFormat(16000)
SPEECH = speechlike(FMT, 1.0)


def glide(seconds=1.5, rate=16000, octaves_per_s=0.5):
    """Return a voice that rises from 120 Hz, and its pitch at a time in seconds."""
    times_s = np.arange(round(seconds * rate)) / rate
    turns = 120.0 * (2.0 ** (octaves_per_s * times_s) - 1.0) / (octaves_per_s * math.log(2.0))
    waves = [np.cos(2.0 * np.pi * number * turns) for number in range(1, 12)]
    block = (0.02 * np.sum(waves, axis=0)).astype(np.float32)[:, None]
    return block, lambda at_s: 120.0 * 2.0 ** (octaves_per_s * at_s)


def extractor_of(*families, rate=16000, **settings):
    return FeatureExtractor(StreamFormat(rate), FeatureSettings(families=families, **settings))


def test_on_librosas_frames_it_is_what_the_tracker_says():
    np.testing.assert_array_equal(
        analyze(extractor_of("pitch"), [SPEECH]), analyze(PitchTracker(FMT), [SPEECH])
    )


@pytest.mark.parametrize("preset", PRESET_NAMES)
@pytest.mark.parametrize("rate", [16000, 44100])
def test_each_preset_has_the_pitch_of_its_own_frames(preset, rate):
    if preset == "whisper" and rate != 16000:
        pytest.skip("whisper knows 16 kHz alone")
    block, pitch_hz = glide(rate=rate)
    extractor = extractor_of("rms", "pitch", preset=preset, rate=rate)
    rows = analyze(extractor, [block])
    times_s = np.array([extractor.frame_time_s(frame) for frame in range(len(rows))])
    assert len(rows) == extractor.grid.n_frames(len(block))
    said_hz = rows[8:-8, extractor.families["pitch"]][:, 0]
    # Half of a hop of 10 ms would be off by 0.17 %.
    np.testing.assert_allclose(said_hz, pitch_hz(times_s[8:-8]), rtol=1.5e-3)


@pytest.mark.parametrize("hop_ms", [1.0, 4.0, 5.0, 10.0, 12.5, 15.0, 20.0, 25.0, 50.0])
def test_at_any_hop_the_pitch_is_that_of_the_frame(hop_ms):
    block, pitch_hz = glide()
    extractor = extractor_of("pitch", hop_ms=hop_ms, window_ms=max(25.0, hop_ms))
    f0_hz = analyze(extractor, [block])[:, 0]
    assert len(f0_hz) == extractor.grid.n_frames(len(block))
    times_s = np.array([extractor.frame_time_s(frame) for frame in range(len(f0_hz))])
    inner = (times_s > 0.1) & (times_s < 1.4)
    np.testing.assert_allclose(f0_hz[inner], pitch_hz(times_s[inner]), rtol=2e-3)


def test_a_hop_that_has_no_equal_parts_takes_the_nearest():
    # 23 ms at 44.1 kHz are 1014 samples: two parts. 25 ms at 22.05 kHz are 551: 19 times 29.
    block, pitch_hz = glide(rate=22050)
    extractor = extractor_of("pitch", hop_ms=25.0, rate=22050)
    assert extractor.grid.hop_samples == 551
    f0_hz = analyze(extractor, [block])[:, 0]
    assert len(f0_hz) == extractor.grid.n_frames(len(block))
    times_s = np.array([extractor.frame_time_s(frame) for frame in range(len(f0_hz))])
    inner = slice(5, -5)
    # At most 6.3 ms off: 0.22 % of this glide.
    np.testing.assert_allclose(f0_hz[inner], pitch_hz(times_s[inner]), rtol=3.5e-3)


@pytest.mark.parametrize("hop_ms", [5.0, 10.0, 20.0])
def test_how_much_of_a_take_is_voiced_hardly_depends_on_the_hop(hop_ms):
    rng = np.random.default_rng(3)
    block, _ = glide(3.0)
    times_s = np.arange(len(block)) / 16000
    noise = 0.02 * rng.standard_normal(block.shape)
    block = (block * (times_s % 0.5 < 0.3)[:, None] + noise).astype(np.float32)
    is_voiced = analyze(extractor_of("pitch", hop_ms=hop_ms), [block])[:, 0] > 0.0
    assert is_voiced.mean() == pytest.approx(0.6, abs=0.07)


@pytest.mark.parametrize("preset", PRESET_NAMES)
@pytest.mark.parametrize("hop_ms", [5.0, 10.0, 20.0])
def test_the_stated_lateness_holds_and_is_near_a_quarter_of_a_second(preset, hop_ms):
    if preset == "whisper" and hop_ms != 10.0:
        pytest.skip("whisper has one hop")
    extractor = extractor_of("pitch", preset=preset, hop_ms=hop_ms)
    assert 0.2 < extractor.latency_s < 0.28
    n_rows = 0
    for start in range(0, len(SPEECH), 160):
        n_rows += len(extractor.process(SPEECH[start : start + 160]))
        received_s = (start + 160) / 16000 - extractor.frame_time_s(0)
        assert n_rows >= int((received_s - extractor.latency_s) / extractor.hop_s + 1e-6) + 1


@pytest.mark.parametrize("engine", ["pyin", "yin"])
def test_librosas_engines_give_the_whole_table_at_the_end(engine):
    block = SPEECH[:8000]
    extractor = extractor_of("energy", "pitch", pitch_engine=engine)
    assert extractor.latency_s == math.inf
    assert len(extractor.process(block)) == 0
    rows = extractor.flush()
    tracker = PitchTracker(FMT, PitchSettings(engine=engine))
    np.testing.assert_array_equal(rows[:, 1:], analyze(tracker, [block]))


def test_the_range_is_that_of_the_settings():
    block, _ = glide()
    rows = analyze(extractor_of("pitch", pitch_fmin_hz=40.0, pitch_fmax_hz=100.0), [block])
    assert rows[:, 0].max() <= 100.0


def test_families_that_share_the_track_say_what_they_say_alone_in_any_order():
    blocks = split_at(SPEECH, range(0, len(SPEECH), 431))
    alone = {name: analyze(extractor_of(name), blocks) for name in ("pitch", "voice")}
    for names in (("pitch", "voice"), ("voice", "energy", "pitch")):
        extractor = extractor_of(*names)
        rows = analyze(extractor, blocks)
        for name, table in alone.items():
            np.testing.assert_array_equal(rows[:, extractor.families[name]], table)


def test_after_a_reset_the_track_begins_anew():
    extractor = extractor_of("pitch", "voice")
    whole = analyze(extractor, [SPEECH])
    extractor.reset()
    extractor.process(SPEECH[:9000])
    extractor.reset()
    np.testing.assert_array_equal(analyze(extractor, [SPEECH]), whole)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pitch_engine": "pyim"}, "Did you mean 'pyin'"),
        ({"pitch_fmin_hz": 20.0}, "pitch_fmin_hz is 20.0, expected 40 to"),
        ({"pitch_fmax_hz": 80.0}, "pitch_fmax_hz is 80.0, expected 97.5 to 1000 Hz"),
        ({"hop_ms": 0.5}, "hop_ms is 0.5, expected 1 ms or more with pitch and voice"),
    ],
)
def test_a_setting_out_of_range_is_refused_by_its_own_name(options, message):
    with pytest.raises(SettingError, match=message):
        FeatureSettings(families=("pitch", "voice"), **options)


def test_a_rate_below_a_telephones_has_no_pitch():
    with pytest.raises(SettingError, match="to track pitch"):
        extractor_of("pitch", rate=6000)
