"""Frame rules by the name of the program they are known from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from audiokit.errors import SettingError

__all__ = ["FROM_SAMPLES", "PRESETS", "TRACKED", "Levels", "Preset"]

Levels = Literal["db", "ln", "log10", "power"]

TRACKED = ("pitch", "voice")
"""Families that follow the pitch."""

FROM_SAMPLES = ("energy", "rms", "crossings", "temporal", *TRACKED)
"""Families that look at the samples alone, and so go with every preset."""

_SINGLE_EPSILON = 2.0**-23


@dataclass(frozen=True, slots=True)
class Preset:
    """Everything that makes a frame, its bands and its cepstrum; the defaults are librosa's.

    References:
        Kaldi, ``src/feat`` (feature-window.cc, mel-computations.cc, feature-mfcc.cc).
        The HTK Book 3.4, sections 5.2 to 5.6.
        A. Radford et al., "Robust speech recognition via large-scale weak supervision",
        2022, section 2.2, and the reference code that came with it.
    """

    name: str = "librosa"
    """What it is called."""
    default_families: tuple[str, ...] = ("mel", "mfcc", "energy", "spectral")
    """What is extracted where no family is named."""
    known_families: tuple[str, ...] | None = None
    """What may be asked for; None for everything."""
    choices: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    """Settings that are fixed, or limited to some values."""
    sample_rate: int | None = None
    """The only rate it is defined for, in Hz; None for any."""
    window_ms: float = 25.0
    """Length of a frame in ms."""
    hop_ms: float = 10.0
    """From one frame to the next in ms."""
    window: Literal["hann", "povey", "hamming", "rectangle"] = "hann"
    """Shape of the window: Hann is periodic, the others are symmetric."""
    edges: Literal["zeros", "reflect", "snip"] = "zeros"
    """What lies beyond the stream's ends; see `FrameGrid`."""
    is_fft_rounded_up: bool = True
    """The transform is as long as the next power of two, else as the window."""
    full_scale: float = 1.0
    """What a sample of 1.0 counts as."""
    is_offset_removed: bool = False
    """The mean of each frame is taken off."""
    preemphasis: float = 0.0
    """Share of the sample before that is taken off each, frame by frame."""
    bands: Literal["slaney", "htk"] = "slaney"
    """Which mel scale and triangles; see `MelBank`."""
    is_band_of_magnitude: bool = False
    """The bands add up magnitudes, else powers."""
    n_mels: int = 80
    """Number of mel bands."""
    fmin_hz: float = 0.0
    """Where the lowest band begins in Hz."""
    fmax_hz: float | None = None
    """Where the highest band ends in Hz; None for half the sample rate."""
    log: Literal["db", "ln", "log10"] = "db"
    """The logarithm that the cepstrum is made from."""
    levels: Levels = "db"
    """How mel bands and bins are given."""
    floor: float = 1e-10
    """What a band counts as at least before its logarithm."""
    n_mfcc: int = 20
    """Number of cepstral coefficients."""
    lifter: int = 0
    """Q of the sine that raises the higher coefficients; 0 for none."""
    is_dct_orthonormal: bool = True
    """The first cosine is scaled by the square root of a half."""
    deltas: int = 2
    """Derivatives of the cepstral coefficients."""
    slopes: Literal["librosa", "kaldi", "htk"] = "librosa"
    """How they are fitted; see `slope_streams`."""

    def adjusted(self, **wanted: Any) -> Preset:
        """Return it with other values where they are not None.

        Raises:
            SettingError: A value is fixed here.
        """
        given = {name: value for name, value in wanted.items() if value is not None}
        for name, value in given.items():
            choices = self.choices.get(name)
            if choices is not None and value not in choices:
                listed = " or ".join(map(str, choices)) if choices else "none"
                raise SettingError(name, value, f"{listed} with preset {self.name!r}")
        return replace(self, **given)


_LIBROSA = Preset()
_KALDI = Preset(
    name="kaldi",
    default_families=("mel",),
    known_families=("mel", "mfcc", *FROM_SAMPLES),
    choices={"levels": ("ln", "power")},
    window="povey",
    edges="snip",
    full_scale=32768.0,
    is_offset_removed=True,
    preemphasis=0.97,
    bands="htk",
    fmin_hz=20.0,
    log="ln",
    levels="ln",
    floor=_SINGLE_EPSILON,
    n_mfcc=13,
    lifter=22,
    deltas=0,
    slopes="kaldi",
)
_WHISPER = Preset(
    name="whisper",
    default_families=("mel",),
    known_families=("mel", *FROM_SAMPLES),
    choices={
        "window_ms": (25.0,),
        "hop_ms": (10.0,),
        "n_mels": (80, 128),
        "fmin_hz": (0.0,),
        "fmax_hz": (8000.0,),
        "levels": ("log10",),
        "n_mfcc": (),
        "deltas": (),
    },
    sample_rate=16000,
    edges="reflect",
    is_fft_rounded_up=False,
    fmax_hz=8000.0,
    log="log10",
    levels="log10",
)
_HTK = Preset(
    name="htk",
    default_families=("mfcc",),
    known_families=("mel", "mfcc", *FROM_SAMPLES),
    choices={"levels": ("ln", "power")},
    window="hamming",
    edges="snip",
    full_scale=32768.0,
    preemphasis=0.97,
    bands="htk",
    is_band_of_magnitude=True,
    n_mels=26,
    log="ln",
    levels="ln",
    floor=1.0,
    n_mfcc=13,
    lifter=22,
    is_dct_orthonormal=False,
    deltas=2,
    slopes="htk",
)
_PYAUDIOANALYSIS = Preset(
    name="pyaudioanalysis",
    default_families=("short_term",),
    known_families=("short_term", *FROM_SAMPLES),
    choices={
        "n_mels": (),
        "n_mfcc": (),
        "fmin_hz": (),
        "fmax_hz": (),
        "levels": (),
        "deltas": (0, 1),
    },
    window_ms=50.0,
    hop_ms=25.0,
    window="rectangle",
    edges="snip",
    is_fft_rounded_up=False,
    # Its family has filters of its own; these are not looked at.
    n_mels=1,
    n_mfcc=1,
    deltas=0,
)
PRESETS: Mapping[str, Preset] = {
    preset.name: preset for preset in (_LIBROSA, _KALDI, _WHISPER, _HTK, _PYAUDIOANALYSIS)
}
"""Every preset by its name."""
