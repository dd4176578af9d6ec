"""How long sound takes: through devices, codec and network."""

from __future__ import annotations

import asyncio
import time
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from websockets.exceptions import ConnectionClosed

from audiokit.codec.opus_settings import OpusSettings
from audiokit.errors import MissingDeviceError
from audiokit.live.connect import Dialer
from audiokit.live.decoding import SessionDecoder
from audiokit.live.encoding import PacketMaker
from audiokit.live.link import LinkLostError
from audiokit.live.packets import decode_packet
from audiokit.live.pcm import PcmFormat
from audiokit.live.source import Source
from audiokit.live.speaker import Speaker

__all__ = [
    "Delay",
    "measure_capture",
    "measure_codec",
    "measure_loop",
    "measure_network",
]

_BUDGETS_MS = {
    "capture": 20.0,
    "encode": 10.0,
    "network": 50.0,
    "decode": 10.0,
    "device loop": 40.0,
}
_FRAME_S = 0.02
# So far apart that one click is heard before the next is played, whatever the device.
_CLICK_EVERY_S, _LONGEST_S = 0.5, 0.45
_CLICK, _HEARD = 24000, 6000


@dataclass(frozen=True, slots=True)
class Delay:
    """What was measured of one stage.

    Args:
        stage: Which.
        times_s: Each measurement, in seconds.
    """

    stage: str
    times_s: Sequence[float]

    @property
    def budget_ms(self) -> float:
        """What it may take."""
        return _BUDGETS_MS[self.stage]

    def quantile_ms(self, share: float) -> float:
        """Return what so great a share of the measurements stays within, in ms."""
        ordered = sorted(self.times_s)
        return round(1000.0 * ordered[min(len(ordered) - 1, int(share * len(ordered)))], 3)


def measure_codec(n_frames: int, *, sample_rate: int = 16000) -> list[Delay]:
    """Return what encoding and decoding take for frames of 20 ms of noise like a voice's.

    Args:
        n_frames: How many.
        sample_rate: In Hz: 8000, 12000, 16000, 24000 or 48000.

    Raises:
        SettingError: Opus has no such rate.
        MissingDeviceError: libopus is not there.
    """
    fmt = PcmFormat(sample_rate)
    maker = PacketMaker(fmt, OpusSettings(), frames_per_packet=1)
    decoder = SessionDecoder(maker.format)
    encoding, decoding = [], []
    n_values = round(_FRAME_S * sample_rate)
    for number in range(n_frames):
        # A linear congruence: the same on each machine.
        seeds = range(number * n_values, (number + 1) * n_values)
        pcm = array("h", [seed * 1_103_515_245 % 16384 - 8192 for seed in seeds]).tobytes()
        begin_s = time.perf_counter()
        packets = maker.push(pcm)
        between_s = time.perf_counter()
        for packet in packets:
            decoder.push(decode_packet(packet))
        end_s = time.perf_counter()
        encoding.append(between_s - begin_s)
        decoding.append(end_s - between_s)
    return [Delay("encode", encoding), Delay("decode", decoding)]


async def measure_capture(source: Source, n_pieces: int) -> Delay:
    """Return how long a sample waits for its piece to be full and read.

    A piece's own length, and how late it was against the earliest of all. What the device
    delays each piece by cannot be seen from here: `measure_loop` hears it.

    Args:
        source: A device.
        n_pieces: How many pieces.

    Raises:
        AudiokitError: The source fails.
    """
    await source.open()
    lateness: list[float] = []
    lengths: list[float] = []
    n_bytes = 0
    try:
        while len(lateness) < n_pieces and (pcm := await source.read()):
            n_bytes += len(pcm)
            lengths.append(len(pcm) / source.fmt.n_bytes(1.0))
            lateness.append(time.perf_counter() - n_bytes / source.fmt.n_bytes(1.0))
    finally:
        await source.close()
    if not lateness:
        raise MissingDeviceError("the microphone gives nothing. Run: audiokit devices")
    first = min(lateness)
    times = [late - first + length for late, length in zip(lateness, lengths, strict=True)]
    return Delay("capture", times)


async def measure_network(dialer: Dialer, n_pings: int) -> Delay:
    """Return the way to a server: half of the round trip of a WebSocket ping.

    Args:
        dialer: Opens the connection.
        n_pings: How many.

    Raises:
        WireError: There is no server, or it does not want us.
    """
    link = await dialer.dial()
    try:
        return Delay("network", [await link.ping() / 2.0 for _ in range(n_pings)])
    except ConnectionClosed as error:
        raise LinkLostError(dialer.endpoint.url, "closed the connection") from error
    finally:
        await link.close()


async def measure_loop(source: Source, speaker: Speaker, n_clicks: int) -> Delay:
    """Return how long a click takes from being written to the speaker to being read again.

    Args:
        source: A microphone that hears the speaker.
        speaker: The speaker, of one channel.
        n_clicks: How many, two a second.

    Raises:
        MissingDeviceError: Not one was heard.
        AudiokitError: A device fails.
    """
    await source.open()
    await speaker.open()
    played: list[float] = []
    heard: list[float] = []
    listening = asyncio.ensure_future(_hear(source, heard))
    try:
        await _click(speaker, played, n_clicks)
        await asyncio.sleep(_LONGEST_S)
    finally:
        listening.cancel()
        results = await asyncio.gather(listening, return_exceptions=True)
        await source.close()
        await speaker.close()
    for result in results:
        if isinstance(result, Exception):
            raise result
    times = []
    for begin_s in played:
        times += [at_s - begin_s for at_s in heard if 0.0 <= at_s - begin_s <= _LONGEST_S][:1]
    if not times:
        hint = "Turn it up, or move the microphone nearer."
        raise MissingDeviceError(f"device loop: none of {n_clicks} clicks was heard. {hint}")
    return Delay("device loop", times)


async def _click(speaker: Speaker, played: list[float], n_clicks: int) -> None:
    fmt = speaker.fmt
    silence = bytes(fmt.n_bytes(_FRAME_S))
    click = array("h", [_CLICK, -_CLICK] * (len(silence) // 4)).tobytes()
    every = round(_CLICK_EVERY_S / _FRAME_S)
    due_s = time.perf_counter()
    for number in range(1, n_clicks * every + 1):
        is_click = number % every == 0
        if is_click:
            played.append(time.perf_counter())
        await speaker.write(click if is_click else silence)
        due_s += _FRAME_S
        await asyncio.sleep(max(0.0, due_s - time.perf_counter()))


async def _hear(source: Source, heard: list[float]) -> None:
    deaf_until_s = 0.0
    while pcm := await source.read():
        now_s = time.perf_counter()
        values = array("h", pcm)
        loud = next((at for at, value in enumerate(values) if abs(value) > _HEARD), None)
        if loud is None or now_s < deaf_until_s:
            continue
        behind = (len(values) - loud) // source.fmt.channels
        heard.append(now_s - behind / source.fmt.sample_rate)
        # The rest of the same click is no other.
        deaf_until_s = now_s + _CLICK_EVERY_S / 2.0
