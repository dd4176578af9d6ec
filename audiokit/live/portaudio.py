"""PortAudio through sounddevice: what a desktop has."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from audiokit.errors import AudiokitError, MissingDeviceError, SettingError
from audiokit.live.devices import Device, Kind
from audiokit.live.pcm import PcmFormat
from audiokit.live.pulse import PULSE_VARIABLES, list_pulse
from audiokit.live.source import PcmRing

__all__ = ["PortAudio", "PortAudioSource", "PortAudioSpeaker"]

# PortAudio's errors by number: portaudio.h, PaErrorCode.
_INVALID_CHANNELS, _INVALID_RATE, _UNAVAILABLE = -9998, -9997, -9985
_PULSE = "pulse"


class PortAudio:
    """The library, loaded once, shared by what is opened with it.

    Raises:
        MissingDeviceError: It is not there.
    """

    def __init__(self) -> None:
        try:
            import sounddevice
        except (ImportError, OSError) as error:
            raise MissingDeviceError(
                f"PortAudio is not there ({error}). Run: apt-get install libportaudio2, "
                "or give --backend alsa"
            ) from error
        self._library: Any = sounddevice
        self._n_open = 0

    def list_devices(self) -> list[Device]:
        """Return its devices, and behind them those of a PulseAudio or PipeWire server.

        Raises:
            MissingDeviceError: It does not answer.
        """
        try:
            found = list(self._library.query_devices())
        except self._library.PortAudioError as error:
            raise MissingDeviceError(f"PortAudio does not answer ({error})") from error
        devices = []
        for number, facts in enumerate(found):
            kinds: tuple[tuple[Kind, str], ...] = (("input", "input"), ("output", "output"))
            for kind, word in kinds:
                channels = int(facts[f"max_{word}_channels"])
                if channels:
                    rates = (round(facts["default_samplerate"]),)
                    name = str(facts["name"])
                    device = Device(0, name, kind, "portaudio", str(number), channels, rates)
                    devices.append(device)
        server = next((device for device in devices if device.name == _PULSE), None)
        if server is not None:
            devices += list_pulse("portaudio", server.address)
        return [replace(device, index=index) for index, device in enumerate(devices)]

    def open(self, kind: Kind, device: Device | None, fmt: PcmFormat, **more: Any) -> Any:
        """Open a stream of 16-bit samples and start it.

        Args:
            kind: Which way.
            device: Which; None for the system's default.
            fmt: Of the samples.
            more: For sounddevice.

        Raises:
            MissingDeviceError: The device is not there, or busy.
            SettingError: It has not this rate or these channels.
        """
        library = self._library
        make = library.RawInputStream if kind == "input" else library.RawOutputStream
        if device is not None and device.pulse_name:
            # The server's client in this process asks for it when a stream is opened.
            os.environ[PULSE_VARIABLES[kind]] = device.pulse_name
        stream = None
        try:
            stream = make(
                samplerate=fmt.sample_rate,
                channels=fmt.channels,
                dtype="int16",
                device=None if device is None else int(device.address),
                **more,
            )
            stream.start()
        except (library.PortAudioError, ValueError) as error:
            if stream is not None:
                stream.close()
            raise _failure(error, device, fmt) from error
        self._n_open += 1
        return stream

    @property
    def error(self) -> type[Exception]:
        """What its calls raise."""
        kind: type[Exception] = self._library.PortAudioError
        return kind

    def close(self, stream: Any, *, drained: bool = False) -> None:
        """Close a stream that `open` gave.

        Args:
            stream: Which.
            drained: Whether what was written to it shall be heard first.
        """
        self._n_open -= 1
        # Of a device that is gone there is nothing to stop, but still to release.
        if drained:
            stream.stop(ignore_errors=True)
        else:
            stream.abort(ignore_errors=True)
        stream.close(ignore_errors=True)

    def look_again(self) -> None:
        """See what was plugged in since; not while anything is open, which would be lost."""
        if self._n_open == 0:
            # PortAudio lists its devices once; there is no public way to ask it again.
            self._library._terminate()  # noqa: SLF001
            self._library._initialize()  # noqa: SLF001


def _failure(error: Exception, device: Device | None, fmt: PcmFormat) -> AudiokitError:
    name = "the default device" if device is None else device.name
    number = error.args[1] if len(error.args) > 1 else None
    expected = f"one of {name}. Run: audiokit devices"
    if number == _INVALID_RATE:
        return SettingError("sample_rate", fmt.sample_rate, expected)
    if number == _INVALID_CHANNELS:
        return SettingError("channels", fmt.channels, expected)
    what = "is busy or gone" if number == _UNAVAILABLE else str(error.args[0])
    return MissingDeviceError(f"{name}: {what}. Run: audiokit devices")


class PortAudioSource:
    """A microphone through PortAudio.

    Its thread hands each piece to a bounded queue; what finds no room there, and what
    PortAudio itself says it lost, is counted.

    Args:
        library: See there.
        device: Which; None for the system's default.
        fmt: What is wanted of it.
        piece_s: How much comes at a time, in seconds.
        dead_s: After so long without data, in seconds, the microphone is dead.
    """

    def __init__(
        self,
        library: PortAudio,
        device: Device | None,
        fmt: PcmFormat,
        *,
        piece_s: float = 0.02,
        dead_s: float = 2.0,
    ) -> None:
        self.fmt, self.may_return = fmt, False
        self._library, self._device = library, device
        self._piece_samples, self._dead_s = round(piece_s * fmt.sample_rate), dead_s
        self._ring: PcmRing | None = None
        self._stream: Any = None
        self._n_overflows = self._n_dropped = 0
        self._has_failed = False

    @property
    def n_overruns(self) -> int:
        """How many pieces were lost."""
        return self._n_overflows + self._n_dropped + (self._ring.n_overruns if self._ring else 0)

    async def open(self) -> None:
        """Begin.

        Raises:
            MissingDeviceError: The device is not there, or busy.
            SettingError: It has not what is wanted of it.
        """
        self._ring = ring = PcmRing()
        loop = asyncio.get_running_loop()
        self._stream = await loop.run_in_executor(None, self._begin, self._callback(ring))

    async def read(self) -> bytes:
        """Return the next samples.

        Raises:
            MissingDeviceError: The device gives nothing any more.
        """
        ring = self._ring
        if ring is None:
            return b""
        loop = asyncio.get_running_loop()
        watch = loop.call_later(self._dead_s, self._die, ring)
        try:
            piece = await ring.take()
        finally:
            watch.cancel()
        self.may_return = self.may_return or bool(piece)
        return piece

    async def close(self) -> None:
        """End; a `read` that waits returns nothing."""
        ring, self._ring = self._ring, None
        stream, self._stream = self._stream, None
        if ring is not None:
            self._n_dropped += ring.n_overruns
            ring.end()
        if stream is not None:
            await asyncio.get_running_loop().run_in_executor(None, self._library.close, stream)

    def _callback(self, ring: PcmRing) -> Callable[..., None]:
        def take(data: Any, n_samples: int, moment: Any, status: Any) -> None:  # noqa: ARG001
            if status.input_overflow:
                self._n_overflows += 1
            ring.offer(bytes(data))

        return take

    def _begin(self, callback: Callable[..., None]) -> Any:
        if self._has_failed:
            self._library.look_again()
            self._has_failed = False
        try:
            return self._library.open(
                "input", self._device, self.fmt, blocksize=self._piece_samples, callback=callback
            )
        except AudiokitError:
            self._has_failed = True
            raise

    def _die(self, ring: PcmRing) -> None:
        self._has_failed = True
        name = "the default device" if self._device is None else self._device.name
        ring.end(MissingDeviceError(f"{name}: has given nothing for {self._dead_s:g} s."))


class PortAudioSpeaker:
    """A loudspeaker through PortAudio.

    Args:
        library: See there.
        device: Which; None for the system's default.
        fmt: What it is given.

    Attributes:
        n_underruns: How often it had nothing to play.
    """

    def __init__(self, library: PortAudio, device: Device | None, fmt: PcmFormat) -> None:
        self.fmt, self.n_underruns = fmt, 0
        self._library, self._device = library, device
        self._stream: Any = None

    async def open(self) -> None:
        """Begin.

        Raises:
            MissingDeviceError: The device is not there, or busy.
            SettingError: It has not what is wanted of it.
        """
        loop = asyncio.get_running_loop()
        self._stream = await loop.run_in_executor(None, self._begin)

    async def write(self, pcm: bytes) -> None:
        """Play samples after those before.

        Raises:
            MissingDeviceError: The device is gone.
        """
        if self._stream is not None:
            await asyncio.get_running_loop().run_in_executor(None, self._write, self._stream, pcm)

    async def close(self) -> None:
        """End, when what was written has been heard."""
        stream, self._stream = self._stream, None
        if stream is not None:
            await asyncio.get_running_loop().run_in_executor(None, self._end, stream)

    def _begin(self) -> Any:
        return self._library.open("output", self._device, self.fmt, latency="low")

    def _write(self, stream: Any, pcm: bytes) -> None:
        try:
            self.n_underruns += bool(stream.write(pcm))
        except self._library.error as error:
            raise _failure(error, self._device, self.fmt) from error

    def _end(self, stream: Any) -> None:
        self._library.close(stream, drained=True)
