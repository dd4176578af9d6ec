"""Which back end reaches the devices of this machine."""

from __future__ import annotations

import platform
import shutil
from typing import TYPE_CHECKING, Literal

from audiokit.live.alsa import AplaySpeaker, ArecordSource, list_alsa
from audiokit.live.devices import Device, choose_device
from audiokit.live.pcm import PcmFormat

if TYPE_CHECKING:
    from audiokit.live.portaudio import PortAudio
    from audiokit.live.source import Source
    from audiokit.live.speaker import Speaker

__all__ = ["Backend", "BackendName", "Backends"]

BackendName = Literal["auto", "alsa", "portaudio"]
Backend = Literal["alsa", "portaudio"]


def _best() -> Backend:
    is_small = platform.machine().startswith(("arm", "aarch64"))
    # arecord takes a third of the memory; PortAudio knows what a desktop has.
    return "alsa" if is_small and shutil.which("arecord") else "portaudio"


class Backends:
    """The devices of this machine through one back end.

    Args:
        backend: Which; ``auto`` for arecord on a small computer, PortAudio elsewhere.

    Raises:
        MissingDeviceError: It is not there.
    """

    def __init__(self, backend: BackendName = "auto") -> None:
        self.name: Backend = _best() if backend == "auto" else backend
        self._portaudio: PortAudio | None = None
        if self.name == "portaudio":
            # 20 MB, and not there on every machine.
            from audiokit.live.portaudio import PortAudio

            self._portaudio = PortAudio()

    def devices(self) -> list[Device]:
        """Return what there is.

        Raises:
            MissingDeviceError: The back end does not answer.
        """
        return list_alsa() if self._portaudio is None else self._portaudio.list_devices()

    def source(self, wanted: str | None, fmt: PcmFormat, *, piece_s: float = 0.02) -> Source:
        """Return a microphone.

        Args:
            wanted: Its index or part of its name; None for the system's default.
            fmt: What is wanted of it.
            piece_s: How much comes at a time, in seconds.

        Raises:
            MissingDeviceError: There is none of this name.
            SettingError: There are several.
        """
        device = None if wanted is None else self._choose(wanted, "input")
        if self._portaudio is None:
            return ArecordSource(device, fmt, piece_s=piece_s)
        from audiokit.live.portaudio import PortAudioSource

        return PortAudioSource(self._portaudio, device, fmt, piece_s=piece_s)

    def speaker(self, wanted: str | None, fmt: PcmFormat) -> Speaker:
        """Return a loudspeaker; see `source`.

        Raises:
            MissingDeviceError: There is none of this name.
            SettingError: There are several.
        """
        device = None if wanted is None else self._choose(wanted, "output")
        if self._portaudio is None:
            return AplaySpeaker(device, fmt)
        from audiokit.live.portaudio import PortAudioSpeaker

        return PortAudioSpeaker(self._portaudio, device, fmt)

    def _choose(self, wanted: str, kind: Literal["input", "output"]) -> Device:
        return choose_device(self.devices(), wanted, kind=kind)
