"""Features of speech: one family per file, one shared transform."""

from audiokit.features.extractor import FeatureExtractor
from audiokit.features.settings import FAMILY_NAMES, FeatureSettings

__all__ = ["FAMILY_NAMES", "FeatureExtractor", "FeatureSettings"]
