"""The speech detector on signals whose speech is known."""

from __future__ import annotations

import pickle
from importlib import util
from pathlib import Path

import numpy as np
import pytest

from audiokit.errors import SettingError
from audiokit.stage import StreamFormat
from audiokit.testing import analyze, split_at
from audiokit.vad.detector import DetectorSettings, SpeechDetector
from audiokit.vad.segments import total_s


def load(name, path):
    spec = util.spec_from_file_location(name, path)
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


voices = load("voices", Path(__file__).parents[1] / "speakers" / "voices.py")
MONO = StreamFormat(16000)
BURSTS_S = [(0.0, 0.8), (1.5, 2.3), (3.2, 3.9), (5.0, 5.6), (6.5, 8.0)]


def voice(fmt, *, gain=1.0, noise=0.003, kind=voices.MIDDLE):
    """A voice by formula in `BURSTS_S` of 8 s, over noise."""
    time_s = np.arange(8 * fmt.sample_rate) / fmt.sample_rate
    is_on = np.any([(time_s >= a) & (time_s < b) for a, b in BURSTS_S], axis=0)
    spoken = voices.voice(kind, 8.0, rate=fmt.sample_rate) * is_on
    hiss = np.random.default_rng(3).standard_normal((len(time_s), fmt.channels))
    return np.ascontiguousarray(gain * (spoken[:, np.newaxis] + noise * hiss), dtype=np.float32)


def times(segments):
    return [(segment.start_s, segment.end_s) for segment in segments]


def found(block, fmt=MONO, **settings):
    return analyze(SpeechDetector(fmt, DetectorSettings(**settings)), [block])


@pytest.mark.parametrize("kind", [voices.LOW, voices.MIDDLE, voices.HIGH])
@pytest.mark.parametrize("sample_rate", [8000, 11025, 16000, 44100, 48000])
def test_a_voice_is_found_from_the_first_sample_on(sample_rate, kind):
    fmt = StreamFormat(sample_rate)
    segments = found(voice(fmt, kind=kind), fmt, pad_ms=0.0)
    errors_s = np.abs(np.subtract(times(segments), BURSTS_S))
    assert np.median(errors_s) <= 0.03
    assert errors_s.max() <= 0.08


@pytest.mark.parametrize("gain", [0.001, 8.0])
def test_level_does_not_matter(gain):
    block = voice(MONO)
    assert times(found(block * np.float32(gain))) == times(found(block))


def test_channels_of_opposite_polarity_do_not_cancel():
    mono = voice(MONO)
    stereo = np.concatenate([mono, -mono], axis=1)
    assert times(found(stereo, StreamFormat(16000, 2))) == times(found(mono))


def test_times_lie_on_the_frame_grid_and_within_the_recording():
    block = voice(MONO)[: 16000 * 7 + 77]
    segments = found(block, pad_ms=500.0)
    assert segments[0].start_s == 0.0
    assert segments[-1].end_s == pytest.approx(len(block) / 16000, abs=1e-6)
    assert segments[-1].end_s <= len(block) / 16000
    for segment in segments[:-1]:
        assert segment.end_s == round(segment.end_s, 2)


@pytest.mark.parametrize("engine", ["network", "energy"])
@pytest.mark.parametrize("amplitude", [0.0, 1e-4, 0.05, 0.3])
def test_silence_and_steady_noise_hold_no_speech(amplitude, engine):
    noise = np.random.default_rng(1).standard_normal((16000 * 20, 1)) * amplitude
    assert found(noise.astype(np.float32), engine=engine) == []


def test_digital_silence_around_speech_is_no_speech():
    gap = MONO.silence(16000 * 2)
    segments = found(np.concatenate([gap, voice(MONO), gap]), pad_ms=0.0)
    assert segments[0].start_s == pytest.approx(2.0, abs=0.03)
    assert segments[-1].end_s == pytest.approx(10.0, abs=0.03)


def test_short_pauses_are_bridged_and_long_ones_are_not():
    # The pauses last 0.7, 0.9, 1.1 and 0.9 s.
    assert len(found(voice(MONO), min_pause_ms=800.0)) == 4
    assert len(found(voice(MONO), min_pause_ms=1000.0)) == 2
    assert len(found(voice(MONO), min_pause_ms=2000.0)) == 1


def test_padding_widens_and_never_overlaps():
    segments = found(voice(MONO), pad_ms=300.0)
    assert total_s(segments) == pytest.approx(sum(segment.duration_s for segment in segments))
    assert total_s(segments) > total_s(found(voice(MONO), pad_ms=0.0)) + 1.0


def test_a_threshold_below_the_release_finds_more_and_still_ends():
    segments = found(voice(MONO), threshold=0.02)
    assert total_s(segments) >= total_s(found(voice(MONO)))
    assert total_s(segments) < 8.0


def test_short_speech_is_dropped():
    assert [round(s.duration_s, 1) for s in found(voice(MONO), min_speech_ms=1000.0)] == [1.6]


@pytest.mark.parametrize("engine", ["energy", "network"])
def test_rows_are_the_same_for_every_cutting(engine):
    block = voice(MONO, noise=0.05)
    settings = DetectorSettings(engine=engine)
    whole = analyze(SpeechDetector(MONO, settings), [block])
    assert whole
    for cuts in ([1], range(0, len(block), 320), range(77, len(block), 4999), [50_000, 50_000]):
        assert analyze(SpeechDetector(MONO, settings), split_at(block, cuts)) == whole


@pytest.mark.parametrize("engine", ["energy", "network"])
def test_probabilities_are_the_same_bits_for_every_cutting(engine):
    block = voice(MONO, noise=0.05)

    def probabilities(blocks):
        detector = SpeechDetector(MONO, DetectorSettings(engine=engine))
        parts = [detector.process_frames(piece) for piece in blocks]
        return np.concatenate([*parts, detector.flush_frames()])

    whole = probabilities([block])
    assert len(whole) == 800
    assert whole.min() >= 0.0
    assert whole.max() <= 1.0
    for step in (160, 333, 16000):
        np.testing.assert_array_equal(
            probabilities(split_at(block, range(0, len(block), step))), whole
        )


def test_a_segment_comes_out_as_soon_as_it_is_final():
    detector = SpeechDetector(MONO)
    wait_s = detector.look_ahead_s + detector.settings.min_pause_ms / 1000.0
    n_heard = round(16000 * (0.9 + wait_s))
    assert len(detector.process(voice(MONO)[:n_heard])) == 1


@pytest.mark.parametrize("engine", ["network", "energy"])
def test_memory_does_not_grow_with_the_stream(engine):
    detector = SpeechDetector(MONO, DetectorSettings(engine=engine, max_speech_s=5.0))
    sizes = []
    for _ in range(3):
        detector.process(voice(MONO))
        sizes.append(len(pickle.dumps(detector)))
    assert max(sizes) < 1.1 * sizes[0]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("threshold", 0.0),
        ("threshold", 1.0),
        ("release", 1.5),
        ("release", -0.1),
        ("min_pause_ms", -1.0),
        ("pad_ms", float("nan")),
    ],
)
def test_settings_out_of_range_are_named(name, value):
    with pytest.raises(SettingError, match=name):
        DetectorSettings(**{name: value})


def test_rates_below_telephone_are_refused():
    with pytest.raises(SettingError, match="sample_rate is 6000"):
        SpeechDetector(StreamFormat(6000))


def test_six_digits_in_noise_are_six_segments(recordings):
    import soundfile

    path = recordings / "vad" / "auditok_1to6arabic_noise.flac"
    block, sample_rate = soundfile.read(path, dtype="float32", always_2d=True)
    fmt = StreamFormat(sample_rate)
    segments = found(block, fmt, min_pause_ms=340.0, min_speech_ms=250.0)
    # Where each digit is loudest, read off the 100 ms levels.
    for segment, loudest_s in zip(segments, [0.8, 4.0, 9.1, 11.8, 15.3, 16.3], strict=True):
        assert segment.start_s < loudest_s < segment.end_s


def test_read_speech_is_mostly_speech(recordings):
    import soundfile

    for path in sorted((recordings / "speech").glob("libri_*.flac")):
        block, sample_rate = soundfile.read(path, dtype="float32", always_2d=True)
        segments = found(block, StreamFormat(sample_rate))
        ratio = total_s(segments) / (len(block) / sample_rate)
        assert 0.5 < ratio < 0.98, path.name
