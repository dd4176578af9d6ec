"""Hear a recording of noise alone, for a denoiser to know it by."""

from __future__ import annotations

from audiokit.denoise.profile import NoiseProfile, NoiseProfileMeter
from audiokit.errors import EmptyError
from audiokit.files.raw import RawFormat
from audiokit.files.read import open_audio
from audiokit.jobs.blocks import BLOCK_SAMPLES

__all__ = ["profile_file"]


def profile_file(source: str, *, raw: RawFormat | None = None) -> NoiseProfile:
    """Return what the noise in a recording sounds like; all of it is taken for noise.

    Args:
        source: A path or URL.
        raw: The format of a headerless source.

    Raises:
        SourceError: It cannot be read, or holds nothing but silence.
        SettingError: Its sample rate is below 1000 Hz.
    """
    with open_audio(source, raw=raw) as reader:
        meter = NoiseProfileMeter(reader.fmt)
        for block in reader.blocks(BLOCK_SAMPLES):
            meter.update(block)
    profile = meter.result()
    if not profile.levels_db:
        raise EmptyError(source, "holds no noise to know it by", "Name a recording of some.")
    return profile
