"""How many bytes a second a microphone costs on the wire.

    python tests/benchmarks/bench_uplink.py [--seconds 60]

Real speech without long pauses, at its own pace, over TLS on this machine. Bytes are counted by
a relay between both ends; TCP segments, acknowledgements among them, by the kernel, each with 52
bytes of IPv4, TCP and its time stamps. The bar is issue figure 5: uplink 4.5 kB/s with TLS at
60 ms, both ways 5.0 kB/s at 100 ms or behind the speech gate. The peers are the samples
themselves and the bare Opus frames.
"""

from __future__ import annotations

import argparse
import asyncio
import socket
import struct
import sys
import tempfile
import wave
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "live"))

import numpy as np  # noqa: E402  behind the path
import rig  # noqa: E402
from cost import print_table, recordings  # noqa: E402

from audiokit.files.read import open_audio  # noqa: E402
from audiokit.live.client import Client, ClientSettings, Devices  # noqa: E402
from audiokit.live.connect import Dialer, Endpoint  # noqa: E402
from audiokit.live.encoding import PacketMaker, live_chain  # noqa: E402
from audiokit.live.packets import decode_packet  # noqa: E402
from audiokit.live.pcm import PcmFormat, to_block, to_pcm  # noqa: E402
from audiokit.live.source import WavSource  # noqa: E402
from audiokit.live.store import SpoolStore  # noqa: E402
from audiokit.recipe import make_recipe  # noqa: E402

HEADERS_BYTES = 52
CASES = {
    "60 ms": (3, ()),
    "100 ms": (5, ()),
    "60 ms, gate": (3, ("gate",)),
    "100 ms, gate": (5, ("gate",)),
    "20 ms": (1, ()),
}
BARS = {"60 ms": "up, TLS 4.50", "100 ms": "both 5.00", "60 ms, gate": "both 5.00"}


def speech(seconds):
    """Return so many seconds of talk at 16 kHz as samples, from several people."""
    pieces, n_missing = [], round(16000 * seconds)
    for path in sorted((recordings() / "speech").glob("*.[wf][al]*")):
        with open_audio(str(path)) as reader:
            if reader.fmt.sample_rate != 16000 or reader.fmt.channels != 1 or n_missing <= 0:
                continue
            block = np.concatenate(list(reader.blocks(16000)))[: min(n_missing, 160_000)]
        pieces.append(block)
        n_missing -= len(block)
    return to_pcm(np.concatenate(pieces))


class CountedRelay(rig.Network):
    """A relay that asks the kernel how many segments the client's side took."""

    def __init__(self, server):
        super().__init__(server.port)
        self.n_segments = {"up": 0, "down": 0}

    def count(self):
        for writer in self._writers:
            raw = writer.get_extra_info("socket")
            if raw.getsockname()[1] == self.port:
                info = raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 144)
                # struct tcp_info of Linux: tcpi_segs_out and tcpi_segs_in.
                out, into = struct.unpack_from("II", info, 136)
                self.n_segments = {"up": into, "down": out}


def chain_of(stages):
    """Return a chain of these stages, as a recipe gives it."""
    if not stages:
        return None
    return live_chain(
        make_recipe("case", {"stage": [{"use": name} for name in stages]}), PcmFormat()
    )


async def measure(pcm, n_frames, stages, scratch):
    """Return what a case costs in kB/s: frames alone, up and down with TLS, both with headers."""
    seconds = len(pcm) / 32_000
    path = scratch / "voice.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(pcm)
    maker = PacketMaker(PcmFormat(), frames_per_packet=n_frames, chain=chain_of(stages))
    packets = maker.push(pcm) + maker.finish()
    frames = sum(len(frame) for data in packets for frame in decode_packet(data).frames)
    (scratch / "server").mkdir()
    server = rig.Server(rig.Shelf(scratch / "server"), tls=rig.server_tls())
    async with server, CountedRelay(server) as relay:
        place = SpoolStore(scratch / "spool")
        url = f"wss://localhost:{relay.port}"
        client = Client(
            Devices(WavSource(path)),
            PacketMaker(PcmFormat(), frames_per_packet=n_frames, chain=chain_of(stages)),
            place,
            dialer=Dialer(Endpoint(url, ca_file=rig.CERTIFICATE)),
            settings=ClientSettings(name="bench"),
            report=lambda *_, **__: None,
        )
        task = asyncio.ensure_future(client.run())
        # The counters go with the connection: the last look is just before its end.
        while not task.done():
            relay.count()
            await asyncio.sleep(0.05)
        await task
        place.close()
    up, down = relay.n_bytes["up"] / seconds / 1000, relay.n_bytes["down"] / seconds / 1000
    headers = {way: n * HEADERS_BYTES / seconds / 1000 for way, n in relay.n_segments.items()}
    return frames / seconds / 1000, up, down, up + headers["up"], down + headers["down"]


async def run(seconds):
    """Measure all cases at the same time, and print the table."""
    pcm = speech(seconds)
    level = float(np.sqrt(np.mean(to_block(pcm, 1) ** 2)))
    with tempfile.TemporaryDirectory() as scratch:
        places = [Path(scratch) / str(number) for number, _ in enumerate(CASES)]
        for place in places:
            place.mkdir()
        jobs = [
            measure(pcm, *case, place) for case, place in zip(CASES.values(), places, strict=True)
        ]
        results = await asyncio.gather(*jobs)
    rows = [("samples, no codec", "", "32.00", "", "", "", "")]
    for name, (frames, up, down, up_all, down_all) in zip(CASES, results, strict=True):
        values = (frames, up, up + down, up_all, up_all + down_all)
        rows.append((name, *(f"{value:.2f}" for value in values), BARS.get(name, "")))
    header = ("kB/s", "frames", "up, TLS", "both, TLS", "up, TCP/IP", "both, TCP/IP", "bar")
    title = f"uplink: {len(pcm) / 32_000:.0f} s of speech at {20 * np.log10(level):.0f} dBFS"
    print_table(title, header, rows)


def main():
    """Measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    asyncio.run(run(parser.parse_args().seconds))


if __name__ == "__main__":
    main()
