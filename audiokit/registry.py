"""What a recipe's words stand for: stages, things to write, kinds of file."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Mapping
from typing import Any

__all__ = [
    "COMPANIONS",
    "FORMATS",
    "FORMAT_CHECKS",
    "KEEPS",
    "SHOWN_SEGMENTS",
    "STAGES",
    "SUFFIXES",
    "WITH_FEATURES",
    "WRITES",
    "StageKind",
    "kinds_by_suffix",
]


@dataclasses.dataclass(frozen=True, slots=True)
class StageKind:
    """What a recipe's word stands for.

    Args:
        module: Where the stage lives; imported when a recipe uses it.
        name: Its class, built as ``name(fmt, settings)``.
        settings: Its settings class, in the same module.
        summary: One line for people.
        runs_live: False for what must hear the whole stream first, or needs what a live
            process does not load.
        needs_extra: True where a package beyond the core must be installed.
    """

    module: str
    name: str
    settings: str
    summary: str
    runs_live: bool = True
    needs_extra: bool = False

    def settings_type(self) -> type[Any]:
        """Return the settings dataclass."""
        kind: type[Any] = getattr(importlib.import_module(self.module), self.settings)
        return kind

    def factory(self) -> Any:
        """Return the stage's class."""
        return getattr(importlib.import_module(self.module), self.name)


STAGES: Mapping[str, StageKind] = {
    "channels": StageKind(
        "audiokit.dsp.channels", "ChannelMixer", "ChannelSettings", "Mix or pick channels."
    ),
    "resample": StageKind(
        "audiokit.files.resample",
        "Resampler",
        "ResampleSettings",
        "Change the sample rate.",
        runs_live=False,
    ),
    "highpass": StageKind(
        "audiokit.dsp.filters", "Highpass", "HighpassSettings", "Remove rumble below a frequency."
    ),
    "lowpass": StageKind(
        "audiokit.dsp.filters", "Lowpass", "LowpassSettings", "Remove what is above a frequency."
    ),
    "denoise": StageKind(
        "audiokit.denoise.denoiser", "Denoiser", "DenoiseSettings", "Take away background noise."
    ),
    "denoise_learnt": StageKind(
        "audiokit.denoise.learnt",
        "LearntDenoiser",
        "LearntSettings",
        "Take away background noise, learnt from the recording's own quiet stretches.",
        runs_live=False,
    ),
    "hum": StageKind("audiokit.denoise.hum", "HumRemover", "HumSettings", "Take away mains hum."),
    "wind": StageKind(
        "audiokit.denoise.wind", "WindReducer", "WindSettings", "Turn wind noise down."
    ),
    "room": StageKind(
        "audiokit.denoise.room", "RoomReducer", "RoomSettings", "Turn reverberation down."
    ),
    "noisereduce": StageKind(
        "audiokit.denoise.noisereduce_engine",
        "NoisereduceEngine",
        "NoisereduceSettings",
        "Take away background noise with the noisereduce package.",
        runs_live=False,
    ),
    "spectral": StageKind(
        "audiokit.denoise.spectral_engine",
        "SpectralEngine",
        "SpectralSettings",
        "Take away what the stream begins with, by plain spectral subtraction.",
    ),
    "rnnoise": StageKind(
        "audiokit.denoise.rnnoise_engine",
        "RnnoiseEngine",
        "RnnoiseSettings",
        "Take away background noise with RNNoise (extra: engines).",
        # Any rate but 48 kHz takes it soxr and 70 ms and more.
        runs_live=False,
        needs_extra=True,
    ),
    "webrtc": StageKind(
        "audiokit.denoise.webrtc_engine",
        "WebrtcEngine",
        "WebrtcSettings",
        "Take away background noise with WebRTC's suppressor (extra: engines).",
        # Any rate but 16 kHz takes it soxr and 90 ms and more.
        runs_live=False,
        needs_extra=True,
    ),
    "speex": StageKind(
        "audiokit.denoise.speex_engine",
        "SpeexEngine",
        "SpeexSettings",
        "Take away background noise with Speex's preprocessor (extra: engines).",
        needs_extra=True,
    ),
    "clicks": StageKind(
        "audiokit.denoise.clicks",
        "ClickRepairer",
        "ClickSettings",
        "Replace clicks, pops and short dropouts.",
    ),
    "clipping": StageKind(
        "audiokit.denoise.clipping",
        "ClippingRepairer",
        "ClippingSettings",
        "Restore what was cut off where the level met its limit.",
    ),
    "loudness": StageKind(
        "audiokit.loudness.normalize",
        "LoudnessNormalizer",
        "LoudnessSettings",
        "Bring the whole file to a loudness, below a true-peak ceiling.",
        runs_live=False,
    ),
    "active_level": StageKind(
        "audiokit.loudness.normalize",
        "ActiveLevelNormalizer",
        "ActiveLevelSettings",
        "Bring speech to an active level (P.56), below a true-peak ceiling.",
        runs_live=False,
    ),
    "album": StageKind(
        "audiokit.loudness.normalize",
        "AlbumNormalizer",
        "AlbumSettings",
        "Apply the gain that all recordings of an album share, below a true-peak ceiling.",
        runs_live=False,
    ),
    "peak": StageKind(
        "audiokit.loudness.normalize",
        "PeakNormalizer",
        "PeakSettings",
        "Bring the highest sample to a level.",
        runs_live=False,
    ),
    "rms": StageKind(
        "audiokit.loudness.normalize",
        "RmsNormalizer",
        "RmsSettings",
        "Bring the mean power to a level.",
        runs_live=False,
    ),
    "unit_peak": StageKind(
        "audiokit.dsp.unit_peak",
        "UnitPeak",
        "UnitPeakSettings",
        "Take the mean off and bring the highest sample to 1, as pyAudioAnalysis does.",
        runs_live=False,
    ),
    "gain": StageKind("audiokit.loudness.gain", "Gain", "GainSettings", "Turn up or down."),
    "limiter": StageKind(
        "audiokit.loudness.limiter",
        "TruePeakLimiter",
        "LimiterSettings",
        "Keep true peaks below a ceiling.",
    ),
    "compressor": StageKind(
        "audiokit.loudness.compressor",
        "Compressor",
        "CompressorSettings",
        "Turn down what is above a threshold.",
    ),
    "expander": StageKind(
        "audiokit.loudness.expander",
        "Expander",
        "ExpanderSettings",
        "Turn down what is below a threshold; with a high ratio, a gate.",
    ),
    "gate": StageKind(
        "audiokit.vad.gate", "SpeechGate", "EndpointSettings", "Silence all but speech."
    ),
    "agc": StageKind(
        "audiokit.loudness.agc",
        "Agc",
        "AgcSettings",
        "Bring speech to a level as it comes, below a true-peak ceiling.",
    ),
}
"""Every word that may follow ``use =``."""

WRITES: Mapping[str, tuple[str, str]] = {
    "audio": ("audiokit.files.write", "WriteSettings"),
    "segments": ("audiokit.jobs.segmentation", "SegmentSettings"),
    "features": ("audiokit.jobs.feature_write", "FeatureWriteSettings"),
    "statistics": ("audiokit.jobs.feature_statistics", "StatisticsSettings"),
    "spectrogram": ("audiokit.jobs.spectrogram_plot", "SpectrogramSettings"),
    "scores": ("audiokit.quality.meter", "QualitySettings"),
    "report": ("audiokit.jobs.compare_page", "PageSettings"),
    "cuts": ("audiokit.jobs.cuts", "CutSettings"),
    "trim": ("audiokit.jobs.trim", "TrimSettings"),
    "plot": ("audiokit.jobs.segment_plot", "PlotSettings"),
    "page": ("audiokit.jobs.segment_page", "SegmentPageSettings"),
}
"""Every table under ``[write]`` and the settings it takes."""

KEEPS = ("result", "removed")
"""What ``keep =`` under ``[write.audio]`` may name: what the stages gave, or took away."""

FORMATS: Mapping[str, tuple[str, ...]] = {
    "segments": ("json", "csv", "rttm", "textgrid", "txt", "srt", "vtt", "kaldi", "lhotse"),
    "features": ("npz", "npy", "parquet", "hdf5", "zarr", "ark", "jsonl"),
}
"""The kinds of file that ``format =`` may name; ``txt`` is Audacity's label track, ``ark``
Kaldi's archive."""

FORMAT_CHECKS: Mapping[str, tuple[str, str]] = {
    "hdf5": ("audiokit.files.hdf5", "check_hdf5"),
    "zarr": ("audiokit.files.zarr_folder", "check_zarr"),
}
"""What tells whether a kind of file can be written that needs an extra."""

COMPANIONS: Mapping[str, Mapping[str, str]] = {
    "npy": {"json": "npy.json"},
    "ark": {"scp": "ark.scp", "json": "ark.json"},
}
"""What lies beside a file of a kind, and how its name ends."""

SUFFIXES: Mapping[str, str] = {"lhotse": "jsonl", "hdf5": "h5", "jsonl": "features.jsonl"}
"""How the name of a file ends whose kind is called otherwise, or that another command writes."""

_ALSO_SUFFIXES: Mapping[str, str] = {"hdf5": "hdf5", "jsonl": "jsonl"}


def kinds_by_suffix(what: str) -> Mapping[str, str]:
    """Return the kinds of file by how a name that the user gives may end, without the dot.

    Args:
        what: One of `FORMATS`.
    """
    kinds = {SUFFIXES.get(kind, kind): kind for kind in FORMATS[what]}
    return kinds | {end: kind for end, kind in _ALSO_SUFFIXES.items() if kind in FORMATS[what]}


WITH_FEATURES: Mapping[str, str] = {"statistics": "json", "spectrogram": "features.png"}
"""What goes with ``[write.features]``, and how its file's name ends: none as that of another
command's files, as both may go to one folder."""

SHOWN_SEGMENTS: Mapping[str, str] = {"cuts": "", "plot": "png", "page": "html", "trim": "*"}
"""What shows segments and so goes with ``[write.segments]``, and how its file's name ends; no
ending is a folder's, ``*`` as its settings say."""
