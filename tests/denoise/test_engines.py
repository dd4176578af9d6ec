"""Engines from elsewhere: they really run, at any rate, aligned and at their exact length."""

from __future__ import annotations

import pickle
from importlib.util import find_spec

import numpy as np
import pytest

from audiokit.denoise.rnnoise_engine import RnnoiseEngine, RnnoiseSettings
from audiokit.denoise.spectral_engine import SpectralEngine, SpectralSettings
from audiokit.denoise.speex_engine import SpeexEngine, SpeexSettings
from audiokit.denoise.webrtc_engine import WebrtcEngine, WebrtcSettings
from audiokit.errors import SettingError
from audiokit.stage import StreamFormat
from audiokit.testing import render, speechlike

ADAPTERS = {
    "rnnoise": ("pyrnnoise", RnnoiseEngine, RnnoiseSettings, 48000),
    "webrtc": ("webrtc_noise_gain", WebrtcEngine, WebrtcSettings, 16000),
    "speex": ("speexdsp_ns", SpeexEngine, SpeexSettings, None),
}
RATES_HZ = (8000, 11025, 16000, 44100, 48000, 96000)


@pytest.fixture(params=ADAPTERS)
def adapter(request):
    package, *rest = ADAPTERS[request.param]
    if find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    return rest


def noise(fmt, seconds, seed=3):
    shape = (round(seconds * fmt.sample_rate), fmt.channels)
    return (np.random.default_rng(seed).standard_normal(shape) * 0.02).astype(np.float32)


def level_db(samples):
    return 10.0 * np.log10(np.mean(np.square(samples, dtype=float)) + 1e-20)


def lag_samples(block, out):
    """By how many samples the output is late, where both agree best."""
    n_fft = 2 * len(block)
    cross = np.fft.rfft(block[:, 0], n_fft).conj() * np.fft.rfft(out[:, 0], n_fft)
    lag = int(np.argmax(np.fft.irfft(cross, n_fft)))
    return lag - n_fft if lag > len(block) else lag


def test_steady_noise_falls(adapter):
    engine, _, _ = adapter
    fmt = StreamFormat(16000)
    block = noise(fmt, 3.0)
    out = render(engine(fmt), [block])
    assert level_db(out[-16000:]) < level_db(block[-16000:]) - 6.0


@pytest.mark.parametrize("sample_rate", RATES_HZ)
def test_output_is_as_long_as_the_input_and_at_its_time(adapter, sample_rate):
    engine, _, _ = adapter
    fmt = StreamFormat(sample_rate)
    # Bursts: some of a steady tone's phase is lost in their filters.
    pauses = np.sin(2 * np.pi * 3.0 * np.arange(sample_rate) / sample_rate) > 0.3
    bursts = noise(fmt, 1.0) * pauses[:, np.newaxis].astype(np.float32)
    for n_less in (0, 1, 77):
        block = bursts[: sample_rate - n_less]
        out = render(engine(fmt), [block])
        assert len(out) == len(block)
    assert abs(lag_samples(block, out)) <= sample_rate / 16000


@pytest.mark.parametrize("sample_rate", RATES_HZ)
def test_a_change_of_rate_on_the_way_is_said(adapter, sample_rate):
    engine, _, native_hz = adapter
    stage = engine(StreamFormat(sample_rate))
    expected_hz = native_hz or min(sample_rate, 48000)
    told = expected_hz if expected_hz != sample_rate else None
    assert stage.facts()["resampled_hz"] == told


@pytest.mark.parametrize("sample_rate", [16000, 44100])
def test_strength_mixes_with_the_input_at_its_time(adapter, sample_rate):
    engine, settings, _ = adapter
    fmt = StreamFormat(sample_rate, 2)
    block = speechlike(fmt, 0.7)
    whole = render(engine(fmt), [block])
    half = render(engine(fmt, settings(strength=0.5)), [block])
    np.testing.assert_allclose(half, (block + whole) / 2, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(render(engine(fmt, settings(strength=0.0)), [block]), block)


def test_channels_know_nothing_of_each_other(adapter):
    engine, _, _ = adapter
    stereo, mono = StreamFormat(16000, 2), StreamFormat(16000)
    block = speechlike(stereo, 0.6)
    block[:, 1] = -block[:, 0] + noise(mono, 0.6)[:, 0]
    out = render(engine(stereo), [block])
    for channel in (0, 1):
        alone = render(engine(mono), [np.ascontiguousarray(block[:, [channel]])])
        np.testing.assert_array_equal(out[:, [channel]], alone)


def test_a_silent_stretch_and_beyond_full_scale_give_numbers(adapter):
    engine, _, _ = adapter
    fmt = StreamFormat(16000)
    block = speechlike(fmt, 2.0) * 4
    block[8000:24000] = 0.0
    stage = engine(fmt)
    out = render(stage, [block])
    assert np.isfinite(out).all()
    assert np.abs(out[16000:23000]).max() < 1e-3
    assert stage.facts()["n_beyond_full_scale"] == np.count_nonzero(np.abs(block) > 1.0)


def test_a_copy_of_a_long_stream_goes_on_from_its_last_seconds():
    pytest.importorskip("speexdsp_ns")
    engine, fmt = SpeexEngine, StreamFormat(16000)
    block = noise(fmt, 13.0) + speechlike(fmt, 13.0) * np.float32(0.1)
    stage = engine(fmt)
    stage.process(block[: 12 * 16000])
    twin = pickle.loads(pickle.dumps(stage))
    rest, copied = (render(one, [block[12 * 16000 :]]) for one in (stage, twin))
    assert len(copied) == len(rest)
    assert level_db(copied - rest) < level_db(rest) - 10.0


def test_rnnoise_loads_its_library_alone():
    import subprocess
    import sys

    if find_spec("pyrnnoise") is None:
        pytest.skip("pyrnnoise is not installed")
    program = (
        "import sys\n"
        "from audiokit.denoise.rnnoise_engine import RnnoiseEngine\n"
        "from audiokit.stage import StreamFormat\n"
        "fmt = StreamFormat(48000)\n"
        "RnnoiseEngine(fmt).process(fmt.silence(4800))\n"
        "print(*{'av', 'matplotlib', 'pyrnnoise', 'soxr'} & set(sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []


def test_subtraction_follows_its_formula():
    # A tone of 1, then of 3 times that: magnitudes lose what they were at first.
    fmt = StreamFormat(16000)
    time_s = np.arange(32000)[:, np.newaxis] / 16000
    tone = (0.1 * np.sin(2 * np.pi * 1000.0 * time_s)).astype(np.float32)
    tone[16000:] *= 3.0
    out = render(SpectralEngine(fmt, SpectralSettings(floor_db=-30.0)), [tone])
    assert level_db(out[9600:15600]) - level_db(tone[9600:15600]) == pytest.approx(-30.0, abs=0.1)
    np.testing.assert_allclose(out[17000:31000], tone[17000:31000] * 2 / 3, atol=2e-3)


def test_over_subtraction_and_strength_change_the_gain_as_they_say():
    fmt = StreamFormat(16000)
    time_s = np.arange(32000)[:, np.newaxis] / 16000
    tone = (0.1 * np.sin(2 * np.pi * 1000.0 * time_s)).astype(np.float32)
    tone[16000:] *= 4.0
    settings = SpectralSettings(over_subtraction=2.0, strength=0.5)
    stage = SpectralEngine(fmt, settings)
    out = render(stage, [tone])
    # 1 - 2/4 is the gain at full strength, and half of the loss is left out.
    np.testing.assert_allclose(out[17000:31000], tone[17000:31000] * 0.75, atol=3e-3)
    assert stage.facts() == {"noise_learnt_s": pytest.approx(0.5, abs=0.016)}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (lambda: SpectralSettings(noise_s=0.0), r"noise_s is 0\.0, expected 0\.05 to 10 s"),
        (lambda: SpectralSettings(floor_db=3.0), r"floor_db is 3\.0, expected -80 to 0 dB"),
        (lambda: SpectralSettings(over_subtraction=-1.0), "over_subtraction is"),
        (lambda: SpectralSettings(strength=1.5), r"strength is 1\.5, expected 0 to 1"),
        (lambda: RnnoiseSettings(strength=-0.1), r"strength is -0\.1, expected 0 to 1"),
        (lambda: WebrtcSettings(strength=7.0), r"strength is 7\.0, expected 0 to 1"),
        (lambda: WebrtcSettings(level=5), "level is 5, expected 1, 2, 3 or 4"),
        (lambda: SpeexSettings(strength=2.0), r"strength is 2\.0, expected 0 to 1"),
    ],
)
def test_a_setting_outside_its_range_is_refused(settings, message):
    with pytest.raises(SettingError, match=message):
        settings()
