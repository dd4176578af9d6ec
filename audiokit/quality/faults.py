"""All faults and levels of a recording, heard in one pass."""

from __future__ import annotations

from dataclasses import dataclass

from audiokit.errors import SettingError
from audiokit.quality.bandwidth import BandwidthReport, find_bandwidth
from audiokit.quality.channels import ChannelReport, Channels
from audiokit.quality.clipping import Clipping, ClippingReport
from audiokit.quality.codec import CodecReport, CompandingSteps, find_codec
from audiokit.quality.frames import Stretch
from audiokit.quality.gaps import GapReport, Gaps
from audiokit.quality.levels import LevelReport, Levels
from audiokit.quality.mains import HumReport, MainsHum
from audiokit.quality.peaks import PeakReport, Peaks
from audiokit.quality.room import Room, RoomReport
from audiokit.quality.spectrum import MeanSpectrum, SpectrumReport
from audiokit.quality.tone import ToneReport, measure_tone
from audiokit.stage import StreamFormat

__all__ = ["FaultReport", "Faults"]

_LOWEST_RATE_HZ = 4000


@dataclass(frozen=True, slots=True)
class FaultReport:
    """What is wrong with a recording, part by part."""

    peaks: PeakReport
    levels: LevelReport
    channels: ChannelReport
    clipping: ClippingReport
    gaps: GapReport
    spectrum: SpectrumReport
    bandwidth: BandwidthReport
    hum: HumReport
    room: RoomReport
    codec: CodecReport
    tone: ToneReport


class Faults:
    """Hear every fault that a recording can show without a reference.

    Memory is bounded. Where speech is, is told from the levels of frames.

    Args:
        fmt: Format of the stream; 4000 Hz or more.

    Raises:
        SettingError: The sample rate is below 4000 Hz.
    """

    def __init__(self, fmt: StreamFormat) -> None:
        if fmt.sample_rate < _LOWEST_RATE_HZ:
            raise SettingError("sample_rate", fmt.sample_rate, f"{_LOWEST_RATE_HZ} Hz or more")
        self._fmt = fmt
        self._peaks = Peaks(fmt)
        self._levels = Levels(fmt)
        self._channels = Channels(fmt)
        self._clipping = Clipping(fmt)
        self._gaps = Gaps(fmt)
        self._spectrum = MeanSpectrum(fmt)
        self._hum = MainsHum(fmt)
        self._room = Room(fmt)
        self._steps = CompandingSteps(fmt)

    def add(self, stretch: Stretch) -> None:
        """Hear the next stretch."""
        for part in (
            self._peaks,
            self._levels,
            self._channels,
            self._clipping,
            self._gaps,
            self._spectrum,
            self._hum,
            self._room,
            self._steps,
        ):
            part.add(stretch)

    def report(self) -> FaultReport:
        """Return what was found so far."""
        levels, spectrum = self._levels.report(), self._spectrum.report()
        bandwidth = find_bandwidth(spectrum)
        return FaultReport(
            peaks=self._peaks.report(),
            levels=levels,
            channels=self._channels.report(),
            clipping=self._clipping.report(),
            gaps=self._gaps.report(levels.active_dbfs),
            spectrum=spectrum,
            bandwidth=bandwidth,
            hum=self._hum.report(),
            room=self._room.report(levels),
            codec=find_codec(self._steps.law(), bandwidth, self._fmt.sample_rate),
            tone=measure_tone(spectrum, self._levels.histogram),
        )
