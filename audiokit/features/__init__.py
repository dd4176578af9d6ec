"""Features of speech: one family per file, one shared transform."""

from audiokit.features.extractor import FeatureExtractor
from audiokit.features.settings import FAMILY_NAMES, PRESET_NAMES, FeatureSettings
from audiokit.features.whisper import whisper_input

__all__ = [
    "FAMILY_NAMES",
    "PRESET_NAMES",
    "FeatureExtractor",
    "FeatureSettings",
    "whisper_input",
]
