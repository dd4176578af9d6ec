"""Quality of recorded speech in numbers, and what they rest on."""

from audiokit.quality.meter import QualityMeter, QualitySettings
from audiokit.quality.report import QualityReport

__all__ = ["QualityMeter", "QualityReport", "QualitySettings"]
