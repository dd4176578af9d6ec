"""How pitch is looked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from audiokit.errors import SettingError
from audiokit.features.grid import FrameGrid
from audiokit.ranges import check_range
from audiokit.units import samples_from_ms

__all__ = [
    "HARMONICITY_FLOOR_DB",
    "LEAST_PITCH_HOP_MS",
    "PITCH_COLUMNS",
    "PITCH_ENGINES",
    "EngineName",
    "PitchSettings",
    "check_pitch_range",
]

EngineName: TypeAlias = Literal["ours", "pyin", "yin"]

PITCH_ENGINES: tuple[EngineName, ...] = ("ours", "pyin", "yin")
"""Every engine that can be asked for."""

PITCH_COLUMNS = ("f0_hz", "voicing", "harmonicity_db")
"""What a row of any engine holds.

``f0_hz``: pitch in Hz, 0 where the frame is not voiced. ``voicing``: probability that it is,
0 to 1. ``harmonicity_db``: power of what repeats over that of the rest, `HARMONICITY_FLOOR_DB`
to 40 dB; the floor where unvoiced, or where the engine does not tell.
"""

HARMONICITY_FLOOR_DB = -20.0
"""Harmonicity of what has no pitch: a hundredth of its power repeats."""

LEAST_PITCH_HOP_MS = 1.0
"""Shortest hop that is worth tracking."""

_LOWEST_HZ, _HIGHEST_HZ = 40.0, 1000.0


@dataclass(frozen=True, slots=True)
class PitchSettings:
    """How pitch is looked for; the defaults suit all voices, from low men to children.

    Raises:
        SettingError: A value lies outside its range, or the engine is unknown.
    """

    engine: EngineName = "ours"
    """Who looks: ``ours`` as the stream goes; ``pyin`` or ``yin`` of librosa, at its end."""
    fmin_hz: float = 65.0
    """Lowest pitch in Hz, 40 or more. It sets the length of the window."""
    fmax_hz: float = 500.0
    """Highest pitch in Hz, 1.5 times `fmin_hz` to 1000."""
    hop_ms: float = 10.0
    """From one frame to the next in ms, 0.9 to 20."""
    lookahead_ms: float = 200.0
    """How much of the future a decision of ``ours`` may wait for in ms, 20 to 2000."""

    def __post_init__(self) -> None:
        if self.engine not in PITCH_ENGINES:
            raise SettingError("engine", self.engine, ", ".join(PITCH_ENGINES))
        check_pitch_range(self.fmin_hz, self.fmax_hz)
        # A hop of whole samples may be a little shorter than it was asked to be.
        check_range("hop_ms", self.hop_ms, 0.9 * LEAST_PITCH_HOP_MS, 20.0, unit="ms")
        check_range("lookahead_ms", self.lookahead_ms, 20.0, 2000.0, unit="ms")

    def hop_samples(self, sample_rate: int) -> int:
        """Return the samples from one frame to the next at a sample rate in Hz."""
        return samples_from_ms(self.hop_ms, sample_rate)

    def grid(self, sample_rate: int, *, window_samples: int, n_fft: int) -> FrameGrid:
        """Return the frame rule of an engine that looks through windows of its own."""
        return FrameGrid(sample_rate, window_samples, self.hop_samples(sample_rate), n_fft)


def check_pitch_range(fmin_hz: float, fmax_hz: float, *, prefix: str = "") -> None:
    """Refuse a range in which pitch cannot be looked for.

    Args:
        fmin_hz: Lowest pitch.
        fmax_hz: Highest pitch.
        prefix: What the names of the settings begin with.

    Raises:
        SettingError: It is too low, too high or too narrow.
    """
    check_range(f"{prefix}fmin_hz", fmin_hz, _LOWEST_HZ, _HIGHEST_HZ / 1.5, unit="Hz")
    check_range(f"{prefix}fmax_hz", fmax_hz, 1.5 * fmin_hz, _HIGHEST_HZ, unit="Hz")
