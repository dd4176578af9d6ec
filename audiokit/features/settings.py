"""What to extract, and on which frames."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from audiokit.errors import SettingError
from audiokit.features.grid import FrameGrid
from audiokit.units import samples_from_ms

__all__ = ["FAMILY_NAMES", "FeatureSettings"]

FAMILY_NAMES = ("mel", "mfcc", "energy", "crossings", "spectral")
"""Every family that can be asked for."""

_SHORTEST_WINDOW_SAMPLES = 4


@dataclass(frozen=True, slots=True)
class FeatureSettings:
    """What to extract; the defaults are a set to train speech models on.

    Raises:
        SettingError: A value lies outside its range, or a family is unknown.
    """

    families: tuple[str, ...] = ("mel", "mfcc", "energy", "spectral")
    """Which families, in the order of their columns; see `FAMILY_NAMES`."""
    window_ms: float = 25.0
    """Length of a frame's Hann window in ms, 1 to 1000."""
    hop_ms: float = 10.0
    """From one frame to the next in ms, above 0 and at most `window_ms`."""
    n_mels: int = 80
    """Number of mel bands, 1 to 512."""
    n_mfcc: int = 20
    """Number of cepstral coefficients, 1 to `n_mels`."""
    deltas: int = 2
    """Derivatives of the cepstral coefficients over time: 0, 1 or 2."""
    fmin_hz: float = 0.0
    """Where the lowest mel band begins in Hz, 0 or more."""
    fmax_hz: float | None = None
    """Where the highest mel band ends in Hz; None for half the sample rate."""

    def __post_init__(self) -> None:
        self._check_families()
        if not 1.0 <= self.window_ms <= 1000.0:
            raise SettingError("window_ms", self.window_ms, "1 to 1000 ms")
        if not 0.0 < self.hop_ms <= self.window_ms:
            raise SettingError(
                "hop_ms", self.hop_ms, f"above 0 and at most window_ms, {self.window_ms} ms"
            )
        if not 1 <= self.n_mels <= 512:
            raise SettingError("n_mels", self.n_mels, "1 to 512")
        if not 1 <= self.n_mfcc <= self.n_mels:
            raise SettingError("n_mfcc", self.n_mfcc, f"1 to n_mels, {self.n_mels}")
        if self.deltas not in (0, 1, 2):
            raise SettingError("deltas", self.deltas, "0, 1 or 2")
        if not self.fmin_hz >= 0.0:
            raise SettingError("fmin_hz", self.fmin_hz, "0 Hz or more")

    def _check_families(self) -> None:
        for name in self.families:
            if name not in FAMILY_NAMES:
                near = difflib.get_close_matches(name, FAMILY_NAMES, n=1, cutoff=0.4)
                hint = f"Did you mean {near[0]!r}?" if near else ""
                raise SettingError("families", name, f"some of {', '.join(FAMILY_NAMES)}", hint)
        if not self.families or len(set(self.families)) != len(self.families):
            raise SettingError("families", self.families, "at least one, each of them once")

    def grid(self, sample_rate: int) -> FrameGrid:
        """Return the frame rule at a sample rate in Hz.

        The transform is as long as the next power of two above the window.

        Raises:
            SettingError: The window or the hop is shorter than the rate can express.
        """
        window_samples = samples_from_ms(self.window_ms, sample_rate)
        hop_samples = samples_from_ms(self.hop_ms, sample_rate)
        if window_samples < _SHORTEST_WINDOW_SAMPLES:
            raise SettingError(
                "window_ms", self.window_ms, f"{_SHORTEST_WINDOW_SAMPLES} samples or more"
            )
        if hop_samples < 1:
            raise SettingError("hop_ms", self.hop_ms, "one sample or more")
        n_fft = 1 << (window_samples - 1).bit_length()
        return FrameGrid(sample_rate, window_samples, hop_samples, n_fft)

    def top_hz(self, sample_rate: int) -> float:
        """Return where the highest mel band ends at a sample rate, in Hz.

        Raises:
            SettingError: `fmax_hz` lies below `fmin_hz`, or above half the rate.
        """
        half_hz = sample_rate / 2.0
        top_hz = half_hz if self.fmax_hz is None else self.fmax_hz
        if not self.fmin_hz < top_hz <= half_hz:
            rule = f"above fmin_hz, {self.fmin_hz:g} Hz, and at most {half_hz:g} Hz"
            raise SettingError("fmax_hz", top_hz, rule)
        return top_hz
