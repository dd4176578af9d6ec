"""The denoiser, told the noise by the recording's own quiet stretches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from audiokit.denoise.denoiser import Denoiser, DenoiseSettings
from audiokit.denoise.profile import LOWEST_DB, N_POINTS, NoiseProfile, NoiseProfileMeter
from audiokit.stage import Meter, StreamFormat, TwoPass

__all__ = ["LearntDenoiser", "LearntSettings"]

# Most recordings of speech pause for longer than that.
_QUIETEST = 0.1
_ANY_PROFILE = (LOWEST_DB,) * N_POINTS


@dataclass(frozen=True, slots=True)
class LearntSettings:
    """How much noise to take away, and how; see `DenoiseSettings`, whose profile is learnt.

    Raises:
        SettingError: A value is outside its range, or two do not go together.
    """

    strength: float = 1.0
    """How far to go, 0 (changes nothing) to 1; scales every gain in dB."""

    floor_db: float | None = None
    """Gain where nothing but noise is heard, in dB, -60 to 0; None as in `DenoiseSettings`."""

    window_ms: float = 32.0
    """Length of the analysis window in ms: 32 or 48; 8 to 64 with the engine ``classic``."""

    engine: Literal["network", "classic"] = "network"
    """Who tells speech from noise."""

    noise: Literal["moving", "stationary"] = "moving"
    """Whether what was learnt is only where to start, or holds throughout."""

    def __post_init__(self) -> None:
        self.told(_ANY_PROFILE)

    def told(self, profile_db: tuple[float, ...]) -> DenoiseSettings:
        """Return the settings of the denoiser that has this profile.

        Args:
            profile_db: What was learnt; where that is nothing, the noise is to be found.
        """
        return DenoiseSettings(
            strength=self.strength,
            floor_db=self.floor_db,
            window_ms=self.window_ms,
            engine=self.engine,
            noise=self.noise if profile_db else "moving",
            profile_db=profile_db,
        )


class LearntDenoiser(TwoPass[NoiseProfile]):
    """Hear the whole recording, learn its noise where it is quietest, then denoise.

    For noise that is the same throughout: the denoiser then knows it from the first sample
    on, speech or not. Where nothing but silence was heard there is nothing to know, and it
    finds its way by itself.

    Args:
        fmt: Format of the stream.
        settings: How much to take away.

    Raises:
        SettingError: The denoiser refuses the format.
    """

    corrects: ClassVar[bool] = False

    def __init__(self, fmt: StreamFormat, settings: LearntSettings | None = None) -> None:
        self.fmt = fmt
        self.settings = settings or LearntSettings()
        # What it does not take is told before the first pass.
        Denoiser(fmt, self.settings.told(()))

    def new_meter(self, fmt: StreamFormat) -> Meter[NoiseProfile]:
        return NoiseProfileMeter(fmt, quietest=_QUIETEST)

    def build(self, report: NoiseProfile) -> Denoiser:
        return Denoiser(self.fmt, self.settings.told(report.levels_db))
