"""Quality of recorded speech in numbers, and what they rest on."""

from audiokit.quality.meter import QualityMeter, QualitySettings
from audiokit.quality.report import QualityReport
from audiokit.quality.sliding import SlidingQuality, SlidingQualitySettings, WindowScores

__all__ = [
    "QualityMeter",
    "QualityReport",
    "QualitySettings",
    "SlidingQuality",
    "SlidingQualitySettings",
    "WindowScores",
]
