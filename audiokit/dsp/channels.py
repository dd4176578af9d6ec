"""Fewer channels, or more: mean, equal power, left, right, one of many."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audiokit.errors import SettingError
from audiokit.stage import MAX_CHANNELS, Block, Fact, Processor, StreamFormat
from audiokit.units import SILENCE_DB, power_to_db

__all__ = ["MODES", "ChannelMixer", "ChannelSettings"]

MODES = ("keep", "mono", "energy", "stereo", "left", "right", "pick")
"""What a `ChannelMixer` can do."""


@dataclass(frozen=True, slots=True)
class ChannelSettings:
    """Which channels come out of a `ChannelMixer`.

    Args:
        mode: ``keep`` all; ``mono``, the mean of all; ``energy``, one channel too: their
            sum over the square root of their number; ``stereo``, the first two, or a
            single one twice; ``left``, the first; ``right``, the second, or the only
            one; ``pick``, the one that `channel` names.
        channel: For ``pick`` alone: counted from 0.
    """

    mode: str = "mono"
    channel: int | None = None

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise SettingError("mode", self.mode, "one of " + ", ".join(MODES))
        if self.mode != "pick" and self.channel is not None:
            raise SettingError("channel", self.channel, "nothing unless mode is 'pick'")
        if self.mode == "pick" and not (
            self.channel is not None and 0 <= self.channel < MAX_CHANNELS
        ):
            raise SettingError("channel", self.channel, f"0 to {MAX_CHANNELS - 1}")


class ChannelMixer(Processor):
    """Mix or pick channels, sample by sample: no latency, the same bits for any cutting.

    The mean keeps the level of speech that is the same in all channels, and never clips;
    what is unrelated falls by 10 lg n dB, 3 for two channels. ``energy`` keeps the power
    of unrelated channels instead; what they share rises by as much, and may then clip
    where the result is written.

    Args:
        fmt: Format of the stream.
        settings: Which channels come out.

    Raises:
        SettingError: ``pick`` names a channel that the stream does not have.
    """

    def __init__(self, fmt: StreamFormat, settings: ChannelSettings | None = None) -> None:
        self.fmt = fmt
        self.settings = settings or ChannelSettings()
        self._picked = self._picks()
        divisor = fmt.channels if self.settings.mode == "mono" else fmt.channels**0.5
        self._scale = np.float32(1.0 / divisor)
        n_out = 1 if self._picked is None else len(self._picked)
        self._out_fmt = StreamFormat(fmt.sample_rate, n_out)
        self.reset()

    @property
    def out_fmt(self) -> StreamFormat:
        return self._out_fmt

    def reset(self) -> None:
        self._energy_in = 0.0
        self._energy_out = 0.0

    def process(self, block: Block) -> Block:
        if self._picked is None:
            return self._mixed(block)
        if self._out_fmt == self.fmt:
            return block
        return np.ascontiguousarray(block[:, self._picked])

    def flush(self) -> Block:
        return self._out_fmt.silence(0)

    def facts(self) -> Mapping[str, Fact]:
        """Return what a mix has lost, once there was sound.

        Returns:
            ``cancellation_db``: the power of the channels' mean over their mean power, to
            0.1 dB: 0 for equal channels, -3 for two unrelated ones, far below for channels
            of opposite polarity, which cancel. The same of ``energy`` as of ``mono``.
        """
        if self._picked is not None or self._energy_in == 0.0:
            return {}
        # One decimal: the sums' last bits depend on the cutting, and nobody hears them.
        mean_energy = self._energy_out / (float(self._scale) * self.fmt.channels) ** 2
        ratio_db = power_to_db(mean_energy * self.fmt.channels / self._energy_in)
        return {"cancellation_db": max(SILENCE_DB, round(ratio_db, 1))}

    def _picks(self) -> list[int] | None:
        """Return the channels that come out, in order, or None for a mix of all."""
        n_channels, mode = self.fmt.channels, self.settings.mode
        if mode == "pick":
            channel = self.settings.channel or 0
            if channel >= n_channels:
                raise SettingError("channel", channel, f"0 to {n_channels - 1} for this stream")
            return [channel]
        if mode in {"mono", "energy"} and n_channels > 1:
            return None
        second = min(1, n_channels - 1)
        chosen = {"left": [0], "right": [second], "stereo": [0, second]}
        return chosen.get(mode, list(range(n_channels)))

    def _mixed(self, block: Block) -> Block:
        mix = block[:, 0] + block[:, 1]
        for channel in range(2, self.fmt.channels):
            mix += block[:, channel]
        mix *= self._scale
        self._energy_in += _energy(block.reshape(-1))
        self._energy_out += _energy(mix)
        return mix[:, np.newaxis]


def _energy(samples: NDArray[np.float32]) -> float:
    """Return the sum of squares of a contiguous row."""
    return float(np.vdot(samples, samples))
