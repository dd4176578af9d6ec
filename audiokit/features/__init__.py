"""Features of speech: one family per file, one shared transform."""

from audiokit.features.extractor import FeatureExtractor
from audiokit.features.pitch import PitchSettings, PitchTracker
from audiokit.features.pitch_statistics import PitchStatistics, pitch_statistics
from audiokit.features.settings import FAMILY_NAMES, PRESET_NAMES, FeatureSettings
from audiokit.features.whisper import whisper_input

__all__ = [
    "FAMILY_NAMES",
    "PRESET_NAMES",
    "FeatureExtractor",
    "FeatureSettings",
    "PitchSettings",
    "PitchStatistics",
    "PitchTracker",
    "pitch_statistics",
    "whisper_input",
]
