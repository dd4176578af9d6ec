"""Every stage, analyzer and meter joins the contract here by one line."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiokit.denoise.clicks import ClickRepairer
from audiokit.denoise.clipping import ClippingRepairer
from audiokit.denoise.denoiser import Denoiser, DenoiseSettings
from audiokit.denoise.hum import HumRemover, HumSettings
from audiokit.denoise.noisereduce_engine import NoisereduceEngine
from audiokit.denoise.profile import NoiseProfileMeter
from audiokit.denoise.rnnoise_engine import RnnoiseEngine, RnnoiseSettings
from audiokit.denoise.room import RoomReducer
from audiokit.denoise.spectral_engine import SpectralEngine
from audiokit.denoise.speex_engine import SpeexEngine
from audiokit.denoise.webrtc_engine import WebrtcEngine, WebrtcSettings
from audiokit.denoise.wind import WindReducer
from audiokit.dsp.channels import ChannelMixer, ChannelSettings
from audiokit.dsp.filters import Highpass, HighpassSettings, Lowpass, LowpassSettings
from audiokit.dsp.residual import Residual
from audiokit.dsp.unit_peak import Extent, ExtentMeter, UnitPeak
from audiokit.features import FAMILY_NAMES, FeatureExtractor, FeatureSettings
from audiokit.features.pitch import PitchTracker
from audiokit.files.resample import Resampler, ResampleSettings
from audiokit.loudness.active_level import ActiveLevelMeter
from audiokit.loudness.agc import Agc, AgcSettings
from audiokit.loudness.compressor import Compressor, CompressorSettings
from audiokit.loudness.expander import Expander, ExpanderSettings
from audiokit.loudness.gain import Gain, GainSettings
from audiokit.loudness.level import LevelMeter
from audiokit.loudness.limiter import LimiterSettings, TruePeakLimiter
from audiokit.loudness.meter import LoudnessMeter
from audiokit.loudness.normalize import LoudnessNormalizer, LoudnessSettings
from audiokit.loudness.true_peak import TruePeakMeter
from audiokit.quality import QualityMeter, SlidingQuality, SlidingQualitySettings
from audiokit.registry import STAGES
from audiokit.stage import Chain, Processor, StreamFormat
from audiokit.testing import (
    ANALYZER_CHECKS,
    METER_CHECKS,
    PROCESSOR_CHECKS,
    contract_params,
    measure,
    render,
    speechlike,
    split_at,
)
from audiokit.vad.detector import DetectorSettings, SpeechDetector
from audiokit.vad.endpoint import EndpointSettings
from audiokit.vad.energy_engine import EnergyScorer
from audiokit.vad.gate import SpeechGate
from audiokit.vad.network import NetworkScorer
from audiokit.vad.prosody import ProsodyTrack


def of_package(package, build):
    """Return a builder that skips the test where an optional package is absent."""

    def build_or_skip(fmt):
        if find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
        return build(fmt)

    return build_or_skip


PROCESSORS = {
    "empty chain": lambda fmt: Chain(fmt, []),
    "denoise": Denoiser,
    "denoise, 48 ms": lambda fmt: Denoiser(fmt, DenoiseSettings(window_ms=48.0)),
    "denoise, classic": lambda fmt: Denoiser(fmt, DenoiseSettings(engine="classic")),
    "denoise, classic, stationary": lambda fmt: Denoiser(
        fmt, DenoiseSettings(engine="classic", noise="stationary", window_ms=8.0)
    ),
    "denoise, profile": lambda fmt: Denoiser(fmt, DenoiseSettings(profile_db=(-70.0,) * 100)),
    "denoise, profile, stationary": lambda fmt: Denoiser(
        fmt, DenoiseSettings(profile_db=(-70.0,) * 100, noise="stationary")
    ),
    "hum": HumRemover,
    "hum with look-ahead": lambda fmt: HumRemover(fmt, HumSettings(lookahead_ms=120.0)),
    "wind": WindReducer,
    "noisereduce": NoisereduceEngine,
    "spectral subtraction": SpectralEngine,
    # What is speech-like here is noise to the first, and the second turns the phase of its
    # lowest tone; tests/denoise/test_engines.py hears both alone.
    "half of rnnoise": of_package(
        "pyrnnoise", lambda fmt: RnnoiseEngine(fmt, RnnoiseSettings(strength=0.5))
    ),
    "half of webrtc": of_package(
        "webrtc_noise_gain", lambda fmt: WebrtcEngine(fmt, WebrtcSettings(strength=0.5))
    ),
    "speex": of_package("speexdsp_ns", SpeexEngine),
    "clicks": ClickRepairer,
    "clipping": ClippingRepairer,
    "room": RoomReducer,
    "channels to mono": ChannelMixer,
    "channels by energy": lambda fmt: ChannelMixer(fmt, ChannelSettings("energy")),
    "channels to stereo": lambda fmt: ChannelMixer(fmt, ChannelSettings("stereo")),
    "high-pass": Highpass,
    "high-pass of order 5": lambda fmt: Highpass(fmt, HighpassSettings(40.0, order=5)),
    "low-pass": lambda fmt: Lowpass(fmt, LowpassSettings(cutoff_hz=3900.0)),
    "low-pass that stands aside": lambda fmt: Lowpass(fmt, LowpassSettings(cutoff_hz=30000.0)),
    "residual": lambda fmt: Residual(Chain(fmt, [Highpass(fmt), TruePeakLimiter(fmt)])),
    "gain": lambda fmt: Gain(fmt, GainSettings(6.0)),
    # Where there is a mean to take off, silence does not stay silent.
    "peak at 1": lambda fmt: UnitPeak(fmt).build(Extent((0.0,) * fmt.channels, 0.6)),
    "limiter": lambda fmt: TruePeakLimiter(fmt, LimiterSettings(ceiling_dbtp=-12.0)),
    "compressor": Compressor,
    "compressor by power": lambda fmt: Compressor(
        fmt, CompressorSettings(detector="rms", makeup_db=6.0, lookahead_ms=0.0)
    ),
    "expander": lambda fmt: Expander(fmt, ExpanderSettings(threshold_dbfs=-30.0, hold_ms=5.0)),
    "speech gate": SpeechGate,
    "speech gate by level": lambda fmt: SpeechGate(
        fmt, EndpointSettings(min_speech_ms=20.0, preroll_ms=10.0), scorer=EnergyScorer(fmt)
    ),
    "automatic gain": lambda fmt: Agc(fmt, AgcSettings(target_active_dbov=-9.0)),
    "normalizer that limits": lambda fmt: LoudnessNormalizer(
        fmt, LoudnessSettings(target_lufs=-14.0, ceiling_dbtp=-9.0)
    ).build(measure(LoudnessMeter(fmt), [speechlike(fmt, 1.0)])),
    "resample": Resampler,
    "resample upward": lambda fmt: Resampler(fmt, ResampleSettings(48000, "very-high")),
    "resample quickly": lambda fmt: Resampler(fmt, ResampleSettings(11025, "quick")),
}
ANALYZERS = {
    "speech": SpeechDetector,
    "speech by level": lambda fmt: SpeechDetector(fmt, DetectorSettings(engine="energy")),
    "speech of a few seconds": lambda fmt: SpeechDetector(
        fmt, DetectorSettings(engine="energy", max_speech_s=1.0)
    ),
    "how likely speech is": NetworkScorer,
    "melody": ProsodyTrack,
    "features": FeatureExtractor,
    "features of Kaldi's": lambda fmt: FeatureExtractor(
        fmt, FeatureSettings(families=("mfcc", "mel"), preset="kaldi", deltas=2)
    ),
    "features of HTK's": lambda fmt: FeatureExtractor(fmt, FeatureSettings(preset="htk")),
    "features of pyAudioAnalysis'": lambda fmt: FeatureExtractor(
        fmt, FeatureSettings(preset="pyaudioanalysis", deltas=1)
    ),
    "features by librosa": lambda fmt: FeatureExtractor(
        fmt, FeatureSettings(families=("mfcc", "spectral"), engine="librosa")
    ),
    "features by torch": of_package(
        "torch", lambda fmt: FeatureExtractor(fmt, FeatureSettings(engine="torch"))
    ),
    "pitch": PitchTracker,
    "pitch and voice of Kaldi's frames": lambda fmt: FeatureExtractor(
        fmt, FeatureSettings(families=("voice", "pitch"), preset="kaldi", hop_ms=12.5)
    ),
    "sliding quality": lambda fmt: SlidingQuality(
        fmt, SlidingQualitySettings(window_s=0.5, hop_s=0.15)
    ),
    "every feature": lambda fmt: FeatureExtractor(fmt, FeatureSettings(families=FAMILY_NAMES)),
}
METERS = {
    "extent": ExtentMeter,
    "loudness": LoudnessMeter,
    "active speech level": ActiveLevelMeter,
    "level": LevelMeter,
    "true peak": TruePeakMeter,
    "quality": QualityMeter,
    "noise profile": NoiseProfileMeter,
    "noise profile of the quietest": lambda fmt: NoiseProfileMeter(fmt, quietest=0.1),
}


@pytest.mark.parametrize(("check", "build"), contract_params(PROCESSOR_CHECKS, PROCESSORS))
def test_processor(check, build):
    check(build)


@pytest.mark.parametrize(("check", "build"), contract_params(ANALYZER_CHECKS, ANALYZERS))
def test_analyzer(check, build):
    check(build)


@pytest.mark.parametrize(("check", "build"), contract_params(METER_CHECKS, METERS))
def test_meter(check, build):
    check(build)


def test_no_processor_of_a_recipe_is_missing_here():
    # What is imported here is used here: the linter sees to that.
    processors = (kind for kind in STAGES.values() if issubclass(kind.factory(), Processor))
    assert [kind.name for kind in processors if kind.name not in globals()] == []


FMT = StreamFormat(16000, 1)
SPEECH = speechlike(FMT, 0.6)


@pytest.mark.parametrize("name", PROCESSORS)
@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(0, len(SPEECH)), max_size=12))
def test_result_does_not_depend_on_how_the_stream_is_cut(name, cuts):
    whole = render(PROCESSORS[name](FMT), [SPEECH])
    pieces = render(PROCESSORS[name](FMT), split_at(SPEECH, cuts))
    np.testing.assert_allclose(pieces, whole, rtol=0, atol=PROCESSORS[name](FMT).tolerance)
