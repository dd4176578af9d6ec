"""ALSA through its own programs, arecord and aplay: the least memory there is."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

from audiokit.errors import AudiokitError, MissingDeviceError, SettingError
from audiokit.live.devices import Device, Kind
from audiokit.live.pcm import PcmFormat
from audiokit.live.pulse import PULSE_VARIABLES, list_pulse

__all__ = ["AplaySpeaker", "ArecordSource", "list_alsa", "parse_cards", "parse_rates"]

Program = Literal["arecord", "aplay"]

_CARD = re.compile(r"^card \d+: (\w+) \[(.*?)\], device (\d+): (.*?) \[", re.MULTILINE)
_RANGE = re.compile(r"^(RATE|CHANNELS): [\[(]?(\d+)(?: (\d+)[\])])?", re.MULTILINE)
_LOST = re.compile(r"(?:over|under)run!!! \(at least ([\d.]+) ms long\)")
_USUAL_RATES = (8000, 16000, 22050, 32000, 44100, 48000, 96000)
_TIMEOUT_S, _END_S = 3.0, 1.0
# Half a second: what a busy small computer may be late by.
_BUFFER_US = 500_000
_KINDS: dict[Program, Kind] = {"arecord": "input", "aplay": "output"}
_MISSING = "is not there. Run: apt-get install alsa-utils, or give --backend portaudio"


def list_alsa() -> list[Device]:
    """Return the sound cards, and behind them the devices of a PulseAudio or PipeWire server.

    Raises:
        MissingDeviceError: arecord is not there.
    """
    devices: list[Device] = []
    for program, kind in _KINDS.items():
        for card in parse_cards(_output(program, "-l"), kind=kind):
            dump = _output(program, "-D", card.address, "--dump-hw-params", "-s", "1", "-t", "raw")
            channels, rates = parse_rates(dump)
            # Opened through the plug layer, which brings it to any rate.
            address = card.address.replace("hw:", "plughw:")
            devices.append(replace(card, address=address, channels=channels, sample_rates=rates))
    devices += list_pulse("alsa", "pulse")
    return [replace(device, index=index) for index, device in enumerate(devices)]


def parse_cards(listing: str, *, kind: Kind) -> Iterator[Device]:
    """Yield what ``arecord -l`` names, under addresses that outlive being plugged in again."""
    for card_id, name, number, what in _CARD.findall(listing):
        yield Device(0, f"{name}: {what}", kind, "alsa", f"hw:CARD={card_id},DEV={number}")


def parse_rates(dump: str) -> tuple[int, tuple[int, ...]]:
    """Return the most channels, and the usual rates in Hz, of ``arecord --dump-hw-params``."""
    ranges = {what: (int(low), int(high or low)) for what, low, high in _RANGE.findall(dump)}
    low_hz, high_hz = ranges.get("RATE", (1, 0))
    rates = tuple(rate for rate in _USUAL_RATES if low_hz <= rate <= high_hz)
    return min(32, ranges.get("CHANNELS", (0, 0))[1]), rates


def _output(program: Program, *arguments: str) -> str:
    if shutil.which(program) is None:
        raise MissingDeviceError(f"{program} {_MISSING}")
    try:
        done = subprocess.run(  # noqa: S603  our own words
            [program, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=_TIMEOUT_S,
            env=_environment(None),
        )
    except subprocess.TimeoutExpired:
        # A device that does not answer has no rates to tell.
        return ""
    # With `-s 1` a sample of the device comes on stdout.
    return (done.stdout + done.stderr).decode(errors="replace")


def _environment(device: Device | None) -> dict[str, str]:
    # What the programs say is read: it must be in English.
    chosen = os.environ | {"LC_ALL": "C"}
    if device is not None and device.pulse_name:
        chosen[PULSE_VARIABLES[device.kind]] = device.pulse_name
    return chosen


class _Child:
    """One run of arecord or aplay, and what it says."""

    def __init__(self, program: Program, device: Device | None, fmt: PcmFormat) -> None:
        self._program, self._device, self._fmt = program, device, fmt
        self._process: Process | None = None
        self._said: list[str] = []
        self._listening: asyncio.Task[None] | None = None
        self._lost_ms: list[float] = []

    async def start(self, *, period_s: float) -> Process:
        address = self._device.address if self._device else "default"
        words = ["-t", "raw", "-f", "S16_LE", "-r", str(self._fmt.sample_rate)]
        words += ["-c", str(self._fmt.channels), "-D", address]
        words += [f"--period-time={round(1e6 * period_s)}", f"--buffer-time={_BUFFER_US}"]
        is_input = self._program == "arecord"
        try:
            process = await asyncio.create_subprocess_exec(
                self._program,
                *words,
                stdin=DEVNULL if is_input else PIPE,
                stdout=PIPE if is_input else DEVNULL,
                stderr=PIPE,
                env=_environment(self._device),
                # Ctrl-C is for us: we end it when we have what it still holds.
                start_new_session=True,
            )
        except OSError as error:
            raise MissingDeviceError(f"{self._program} {_MISSING}") from error
        self._process = process
        self._listening = asyncio.ensure_future(self._listen(process))
        return process

    def take_lost_ms(self) -> list[float]:
        """Return how long each gap was of which the program has told since the last call."""
        lost, self._lost_ms = self._lost_ms, []
        return lost

    async def end(self, *, at_once: bool) -> None:
        """Let the program end; again, nothing happens."""
        process, self._process = self._process, None
        if process is None or self._listening is None:
            return
        if at_once and process.returncode is None:
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _END_S)
        except asyncio.TimeoutError:
            process.kill()
            await process.wait()
        await self._listening

    def kill(self) -> None:
        """End the program, whatever it waits for."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()

    def failure(self) -> AudiokitError:
        """Return what its last words mean."""
        name = self._device.name if self._device else "the default device"
        text = " ".join(self._said)
        if "busy" in text:
            return MissingDeviceError(f"{name}: is busy. End the program that uses it.")
        if "Channels count non available" in text:
            expected = "as many as the device has. Run: audiokit devices"
            return SettingError("channels", self._fmt.channels, expected)
        if "rate is not accurate" in text or ("Rate" in text and "not available" in text):
            expected = f"a rate of {name}. Run: audiokit devices"
            return SettingError("sample_rate", self._fmt.sample_rate, expected)
        last = next((line for line in reversed(self._said) if "error" in line.lower()), "")
        last = last.rpartition("error: ")[2] or "it ended"
        if "No such" in text:
            last = "is not there"
        return MissingDeviceError(f"{name}: {last}. Run: audiokit devices")

    async def _listen(self, process: Process) -> None:
        if process.stderr is None:
            return
        while line := (await process.stderr.readline()).decode(errors="replace").strip():
            found = _LOST.search(line)
            if found is not None:
                self._lost_ms.append(float(found[1]))
            self._said = [*self._said[-9:], line]
            if "rate is not accurate" in line:
                # It would go on, with sound of another pitch.
                self.kill()


class ArecordSource:
    """A microphone through arecord.

    Args:
        device: Which; None for the system's default.
        fmt: What is wanted of it; ALSA brings it to that.
        piece_s: How much to read at a time, in seconds.
        dead_s: After so long without data, in seconds, the microphone is dead.
    """

    def __init__(
        self,
        device: Device | None,
        fmt: PcmFormat,
        *,
        piece_s: float = 0.02,
        dead_s: float = 2.0,
    ) -> None:
        self.fmt, self.n_overruns, self.may_return = fmt, 0, False
        self._device, self._piece_s, self._dead_s = device, piece_s, dead_s
        self._child: _Child | None = None
        self._reader: asyncio.StreamReader | None = None
        self._held, self._is_dead = b"", False

    async def open(self) -> None:
        """Start arecord.

        Raises:
            MissingDeviceError: There is none.
        """
        self._held, self._is_dead = b"", False
        self._child = _Child("arecord", self._device, self.fmt)
        self._reader = (await self._child.start(period_s=self._piece_s)).stdout

    async def read(self) -> bytes:
        """Return the next samples; silence for those that arecord says were lost.

        Raises:
            MissingDeviceError: The device is gone, busy, or gives nothing any more.
            SettingError: It has not what is wanted of it.
        """
        child, reader = self._child, self._reader
        if child is None or reader is None:
            return b""
        lost_ms = child.take_lost_ms()
        if lost_ms:
            self.n_overruns += len(lost_ms)
            return bytes(self.fmt.n_bytes(sum(lost_ms) / 1000.0))
        while len(self._held) < self.fmt.sample_bytes:
            piece = await self._next(reader)
            if not piece:
                return await self._ended(child)
            self._held += piece
        self.may_return = True
        n_whole = len(self._held) - len(self._held) % self.fmt.sample_bytes
        whole, self._held = self._held[:n_whole], self._held[n_whole:]
        return whole

    async def close(self) -> None:
        """End arecord; a `read` that waits returns nothing."""
        child, self._child = self._child, None
        if child is not None:
            await child.end(at_once=True)

    async def _next(self, reader: asyncio.StreamReader) -> bytes:
        # A call for each piece costs less than a task for each piece.
        watch = asyncio.get_running_loop().call_later(self._dead_s, self._die)
        try:
            return await reader.read(self.fmt.n_bytes(self._piece_s))
        finally:
            watch.cancel()

    def _die(self) -> None:
        self._is_dead = True
        if self._child is not None:
            self._child.kill()

    async def _ended(self, child: _Child) -> bytes:
        if self._child is None:
            return b""
        self._child = None
        await child.end(at_once=False)
        if self._is_dead:
            name = self._device.name if self._device else "the default device"
            raise MissingDeviceError(f"{name}: has given nothing for {self._dead_s:g} s.")
        raise child.failure()


class AplaySpeaker:
    """A loudspeaker through aplay.

    Args:
        device: Which; None for the system's default.
        fmt: What it is given; ALSA brings the device to that.

    Attributes:
        n_underruns: How often it had nothing to play.
    """

    def __init__(self, device: Device | None, fmt: PcmFormat) -> None:
        self.fmt, self.n_underruns = fmt, 0
        self._device = device
        self._child: _Child | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def open(self) -> None:
        """Start aplay.

        Raises:
            MissingDeviceError: There is none.
        """
        self._child = _Child("aplay", self._device, self.fmt)
        self._writer = (await self._child.start(period_s=0.02)).stdin

    async def write(self, pcm: bytes) -> None:
        """Play samples after those before.

        Raises:
            MissingDeviceError: The device is gone or busy.
            SettingError: It has not what is wanted of it.
        """
        child, writer = self._child, self._writer
        if child is None or writer is None:
            return
        self.n_underruns += len(child.take_lost_ms())
        try:
            writer.write(pcm)
            await writer.drain()
        except (BrokenPipeError, ConnectionResetError) as error:
            await child.end(at_once=False)
            raise child.failure() from error

    async def close(self) -> None:
        """End, when what was written has been heard."""
        child, self._child = self._child, None
        if child is not None and self._writer is not None:
            self._writer.close()
            await child.end(at_once=False)
