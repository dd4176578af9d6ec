"""Every family of features, by its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from audiokit.features.chroma import ChromaFamily
from audiokit.features.contrast import ContrastFamily
from audiokit.features.crossings import CrossingsFamily
from audiokit.features.energy import EnergyFamily
from audiokit.features.family import Family
from audiokit.features.flux import FluxFamily
from audiokit.features.formants import FormantsFamily
from audiokit.features.mel import MelFamily
from audiokit.features.mfcc import MfccFamily
from audiokit.features.pcen import PcenFamily
from audiokit.features.pitch_family import PitchFamily
from audiokit.features.plan import Plan
from audiokit.features.rhythm import RhythmFamily
from audiokit.features.rms import RmsFamily
from audiokit.features.short_term import ShortTermFamily
from audiokit.features.spectral import SpectralFamily
from audiokit.features.spectrum import SpectrumFamily
from audiokit.features.temporal import TemporalFamily
from audiokit.features.tonal import TonalFamily
from audiokit.features.voice import VoiceFamily

__all__ = ["FAMILIES", "OTHER_NAMES", "OWN_FRAMES"]

FAMILIES: Mapping[str, Callable[[Plan], Family]] = {
    "spectrum": SpectrumFamily,
    "mel": MelFamily,
    "pcen": PcenFamily,
    "mfcc": MfccFamily,
    "chroma": ChromaFamily,
    "tonal": TonalFamily,
    "energy": EnergyFamily,
    "rms": RmsFamily,
    "crossings": CrossingsFamily,
    "spectral": SpectralFamily,
    "contrast": ContrastFamily,
    "flux": FluxFamily,
    "temporal": TemporalFamily,
    "rhythm": RhythmFamily,
    "formants": FormantsFamily,
    "pitch": PitchFamily,
    "voice": VoiceFamily,
}
"""What builds each family for one stream. A new family is a file and a line here."""

OWN_FRAMES: Mapping[str, Callable[[Plan], Family]] = {"short_term": ShortTermFamily}
"""Families that are defined on the frames of one preset alone."""

OTHER_NAMES: Mapping[str, str] = {
    "attack": "temporal",
    "bandwidth": "spectral",
    "centroid": "spectral",
    "chroma_stft": "chroma",
    "envelope": "temporal",
    "f0": "pitch",
    "fbank": "mel",
    "flatness": "spectral",
    "hnr": "voice",
    "jitter": "voice",
    "log_mel": "mel",
    "melspectrogram": "mel",
    "onset_strength": "flux",
    "rolloff": "spectral",
    "shimmer": "voice",
    "spectrogram": "spectrum",
    "stft": "spectrum",
    "tempo": "rhythm",
    "tempogram": "rhythm",
    "tonnetz": "tonal",
    "voicing": "pitch",
    "zcr": "crossings",
    "zero_crossing_rate": "crossings",
}
"""What else a family is asked for by: its columns, and what librosa or Kaldi call it."""
