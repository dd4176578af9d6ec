"""Pitch and voicing of a stream."""

from __future__ import annotations

from importlib import import_module

import numpy as np
from numpy.typing import NDArray

from audiokit.features.pitch_engine import PitchEngine
from audiokit.features.pitch_settings import PITCH_COLUMNS, EngineName, PitchSettings
from audiokit.ranges import check_sample_rate
from audiokit.stage import Block, StreamFormat

__all__ = ["PITCH_COLUMNS", "PitchSettings", "PitchTracker"]

_HIGHEST_RATE_HZ = 192_000
# Imported when asked for: two of them bring librosa.
_ENGINES: dict[EngineName, tuple[str, str]] = {
    "ours": ("audiokit.features.periodic_pitch", "PeriodicPitch"),
    "pyin": ("audiokit.features.pyin_engine", "PyinEngine"),
    "yin": ("audiokit.features.yin_engine", "YinEngine"),
}


class PitchTracker(PitchEngine):
    """Track the pitch of the one voice in a stream.

    Rows are float32, ``(frames, 3)``, always finite; see `PITCH_COLUMNS`. Channels are
    averaged first. Of several voices, the strongest is tracked.

    The engine ``ours`` looks for what repeats in windows of three periods of the lowest
    pitch, and decides with the best path through the 200 ms to come, so that a row is 0.24 s late.
    It needs constant memory, and gives the same bits for any cutting. It was fitted to voices
    between 70 and 470 Hz; a steady hum in that range has a pitch too.
    Blocks of 10 ms cost some six times as much as a whole file.

    Args:
        fmt: Format of the stream, 8 to 192 kHz.
        settings: How pitch is looked for.

    Attributes:
        hop_samples: From one frame to the next.
        latency_s: Longest time from the centre of a frame to its row.

    Raises:
        SettingError: The sample rate is outside 8 to 192 kHz.
    """

    columns: tuple[str, ...] = PITCH_COLUMNS

    def __init__(self, fmt: StreamFormat, settings: PitchSettings | None = None) -> None:
        check_sample_rate(fmt.sample_rate, to="track pitch", highest=_HIGHEST_RATE_HZ)
        self.fmt = fmt
        self.settings = settings or PitchSettings()
        module_name, class_name = _ENGINES[self.settings.engine]
        build = getattr(import_module(module_name), class_name)
        self._engine: PitchEngine = build(fmt, self.settings)
        self.hop_samples = self._engine.hop_samples
        self.latency_s = self._engine.latency_s

    @property
    def hop_s(self) -> float:
        """Seconds from one row to the next."""
        return self.hop_samples / self.fmt.sample_rate

    def frame_time_s(self, frame: int) -> float:
        """Return the time in seconds of the centre of a row's frame."""
        return frame * self.hop_samples / self.fmt.sample_rate

    def process(self, block: Block) -> NDArray[np.float32]:
        return self._engine.process(block)

    def flush(self) -> NDArray[np.float32]:
        return self._engine.flush()

    def reset(self) -> None:
        self._engine.reset()
