"""A source that is watched, and of which one channel or the mean of all is taken."""

from __future__ import annotations

import sys
from array import array
from typing import Literal

from audiokit.errors import MissingDeviceError, SettingError
from audiokit.live.pcm import PcmFormat
from audiokit.live.report import Report
from audiokit.live.source import Source
from audiokit.live.watch import SignalWatch, WatchSettings

__all__ = ["Channel", "Microphone", "one_channel"]

Channel = int | Literal["all", "mix"]


def one_channel(pcm: bytes, n_channels: int, channel: Channel) -> bytes:
    """Return one channel of interleaved samples, or the mean of all, rounded.

    Args:
        pcm: 16-bit little-endian samples, whole ones.
        n_channels: How many are interleaved.
        channel: Which, from 0; ``mix`` for the mean, ``all`` for what came.
    """
    if channel == "all" or n_channels == 1:
        return pcm
    values = array("h", pcm)
    if channel != "mix":
        return values[channel::n_channels].tobytes()
    if sys.byteorder == "big":
        values.byteswap()
    sums = map(sum, zip(*(values[start::n_channels] for start in range(n_channels)), strict=True))
    half = n_channels // 2
    mixed = array("h", [(total + half) // n_channels for total in sums])
    if sys.byteorder == "big":
        mixed.byteswap()
    return mixed.tobytes()


class Microphone:
    """A device whose health is watched: a `Source` around another.

    A device that gives nothing but one value is opened again, once for each such time: a
    microphone that was muted on purpose does the same.

    Args:
        source: The device.
        report: Is told ``source.clipped``, ``source.quiet``, ``source.dead``, ``source.sound``
            and ``source.overrun``.
        channel: Which, from 0; ``mix`` for the mean of all, ``all`` for all.
        settings: When something is worth a word.

    Attributes:
        watch: What was seen so far.

    Raises:
        SettingError: There is no such channel.
    """

    def __init__(
        self,
        source: Source,
        report: Report,
        *,
        channel: Channel = "all",
        settings: WatchSettings | None = None,
    ) -> None:
        n_channels = source.fmt.channels
        if isinstance(channel, int) and not 0 <= channel < n_channels:
            raise SettingError("channel", channel, f"0 to {n_channels - 1}, mix or all")
        self._source, self._report, self._channel = source, report, channel
        self.fmt = PcmFormat(source.fmt.sample_rate, n_channels if channel == "all" else 1)
        self.watch = SignalWatch(self.fmt, settings)
        self._n_overruns = 0
        self._is_given_up = False

    @property
    def n_overruns(self) -> int:
        """How many pieces were lost."""
        return self._source.n_overruns

    @property
    def may_return(self) -> bool:
        """Whether it is worth opening again when it has failed."""
        return self._source.may_return

    async def open(self) -> None:
        """Begin; see the source.

        Raises:
            AudiokitError: It cannot.
        """
        await self._source.open()

    async def read(self) -> bytes:
        """Return the next samples.

        Raises:
            MissingDeviceError: The microphone is dead.
            AudiokitError: The source has failed.
        """
        pcm = one_channel(await self._source.read(), self._source.fmt.channels, self._channel)
        if self._source.n_overruns > self._n_overruns:
            lost = self._source.n_overruns - self._n_overruns
            self._n_overruns = self._source.n_overruns
            self._report("source.overrun", pieces=lost)
        for word in self.watch.push(pcm):
            self._report(f"source.{word}", clipped=self.watch.n_clipped)
            if word == "sound":
                self._is_given_up = False
        if self.watch.is_dead and not self._is_given_up and self._source.may_return:
            self._is_given_up = True
            raise MissingDeviceError("the microphone gives digital silence.")
        return pcm

    async def close(self) -> None:
        """End; a `read` that waits returns nothing."""
        await self._source.close()
