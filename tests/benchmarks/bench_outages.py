"""What random outages cost: packets lost, repeated or out of order, and time.

    python tests/benchmarks/bench_outages.py [--outages 100] [--lanes 4] [--longest-s 30]

Each lane is a client that speaks without a pause over TLS, a server in a process of its own, and
a relay between them. In turn the server is killed (and starts again from its disk), the link is
cut (both ends are reset, and connecting is refused), or it goes half open (nothing passes, and
nobody is told). The bar is issue figure 6: nothing lost, half-open noticed within 3 s, back
within 1 s at the 95th percentile of the server's return.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import signal
import statistics
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "live"))

import numpy as np  # noqa: E402  behind the path
import rig  # noqa: E402
from cost import print_table  # noqa: E402

from audiokit.live.client import Client, ClientSettings, Devices  # noqa: E402
from audiokit.live.connect import Dialer, Endpoint  # noqa: E402
from audiokit.live.encoding import PacketMaker  # noqa: E402
from audiokit.live.listener import Address, Listener, ListenerSettings  # noqa: E402
from audiokit.live.packets import decode_packet  # noqa: E402
from audiokit.live.pcm import PcmFormat, to_pcm  # noqa: E402
from audiokit.live.recording import Recording  # noqa: E402
from audiokit.live.records import RecordFile  # noqa: E402
from audiokit.live.store import SpoolStore  # noqa: E402
from audiokit.stage import StreamFormat  # noqa: E402
from audiokit.testing import speechlike  # noqa: E402

TOKEN = "not a secret".replace(" ", "-")
KINDS = ("killed", "cut", "half-open")
VOICE = to_pcm(speechlike(StreamFormat(16000), 5.0))
PIECE_BYTES = 640


class Voice:
    """A microphone in front of somebody who never stops."""

    fmt, n_overruns, may_return = PcmFormat(), 0, False

    def __init__(self):
        self.n_pieces, self._is_closed = 0, False

    async def open(self):
        self._begin_s = time.monotonic()

    async def read(self):
        self.n_pieces += 1
        await asyncio.sleep(max(0.0, self._begin_s + 0.02 * self.n_pieces - time.monotonic()))
        if self._is_closed:
            self.n_pieces -= 1
            return b""
        return piece_of_voice(self.n_pieces - 1)

    async def close(self):
        self._is_closed = True


def piece_of_voice(number):
    """Return 20 ms of the voice: nothing that came before, as the noise under it changes."""
    at = number * PIECE_BYTES % len(VOICE)
    piece = np.frombuffer(VOICE[at : at + PIECE_BYTES], "<i2").astype(np.int32)
    piece += np.random.default_rng(number).integers(-40, 40, len(piece))
    return np.clip(piece, -32768, 32767).astype("<i2").tobytes()


async def serve(folder, port):
    """Be a server until killed."""
    shelf = rig.Shelf(Path(folder))
    settings = ListenerSettings(token=TOKEN)
    listener = Listener(shelf, settings, report=lambda *_, **__: None)
    async with listener.serving(Address("127.0.0.1", port, rig.server_tls())) as server:
        print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
        await asyncio.Event().wait()


class Killable:
    """A server in a process of its own."""

    def __init__(self, folder):
        self._folder, self.port = folder, 0

    async def start(self):
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, __file__, "--serve", str(self._folder), str(self.port),
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        self.port = json.loads(await self._process.stdout.readline())["port"]

    async def kill(self):
        self._process.send_signal(signal.SIGKILL)
        await self._process.wait()


class Lane:
    """One client, one server, and what is done to them."""

    def __init__(self, folder, seed):
        self._folder, self._dice = folder, random.Random(seed)  # noqa: S311  the same each time
        self.events, self._changed = [], asyncio.Event()
        self.noticed_s, self.back_s, self.n_outages = [], [], 0

    def report(self, event, /, **_):
        self.events.append((event, time.monotonic()))
        self._changed.set()

    async def told(self, event, since_s, timeout_s=60.0):
        """Return when an event came, of those since a moment."""

        async def look():
            while True:
                for name, at_s in self.events:
                    if name == event and at_s >= since_s:
                        return at_s
                self._changed.clear()
                await self._changed.wait()

        return await asyncio.wait_for(look(), timeout_s)

    async def run(self, kinds, longest_s):
        """Break the connection once for each kind; return what became of the packets."""
        server = Killable(self._folder / "server")
        await server.start()
        async with rig.Network(server.port) as network:
            voice = Voice()
            place = SpoolStore(self._folder / "spool")
            url = f"wss://localhost:{network.port}"
            client = Client(
                Devices(voice),
                PacketMaker(voice.fmt),
                place,
                dialer=Dialer(Endpoint(url, token=TOKEN, ca_file=rig.CERTIFICATE)),
                settings=ClientSettings(drain_s=120.0),
                report=self.report,
            )
            task = asyncio.ensure_future(client.run())
            await self.told("stream.connected", 0.0)
            for kind in kinds:
                await asyncio.sleep(self._dice.uniform(0.5, 3.0))
                await self._break(kind, network, server, self._dice.uniform(0.05, longest_s))
                print(".", end="", flush=True)
            await asyncio.sleep(2.0)
            await client.drain()
            await task
            place.close()
        await server.kill()
        return self._compare(voice.n_pieces)

    async def _break(self, kind, network, server, outage_s):
        began_s = time.monotonic()
        self.n_outages += 1
        if kind == "killed":
            await server.kill()
            await asyncio.sleep(outage_s)
            await server.start()
        elif kind == "cut":
            await network.cut()
            await asyncio.sleep(outage_s)
            await network.open()
        else:
            network.freeze()
            await asyncio.sleep(outage_s)
            network.thaw()
        returned_s = time.monotonic()
        lost_s = [at for name, at in self.events
                  if name == "stream.disconnected" and at >= began_s]  # fmt: skip
        if kind == "half-open" and not lost_s:
            # Too short for a ping to miss its answer: the connection held.
            with contextlib.suppress(asyncio.TimeoutError):
                await self.told("stream.disconnected", began_s, 3.0)
                await self.told("stream.connected", returned_s)
            return
        if kind == "half-open":
            self.noticed_s.append(lost_s[0] - began_s)
        self.back_s.append(await self.told("stream.connected", began_s) - returned_s)

    def _compare(self, n_pieces):
        """Return counts of packets: recorded, lost, repeated, changed, out of order."""
        maker = PacketMaker(PcmFormat())
        expected = [data for n in range(n_pieces) for data in maker.push(piece_of_voice(n))]
        expected = [decode_packet(data) for data in expected + maker.finish()]
        (path,) = (self._folder / "server").iterdir()
        recording = Recording(path)
        found = [item for item in recording.packets() if not isinstance(item, int)]
        recording.close()
        records = RecordFile(path)
        came = [decode_packet(content) for _, _, content in records.records() if content[0] != 123]
        records.close()
        live = [item.sequence for item in came if not item.is_backfill]
        numbers = [item.sequence for item in found]
        frames = {item.sequence: item.frames for item in found}
        return {
            "recorded": len(expected),
            "lost": len({item.sequence for item in expected} - set(numbers)),
            "repeated": len(came) - len({item.sequence for item in came}),
            "changed": sum(frames.get(item.sequence) != item.frames for item in expected),
            "disordered": sum(a >= b for a, b in pairwise(live)),
        }


async def measure(n_outages, n_lanes, longest_s, seed):
    """Run the lanes side by side and print what came of it."""
    kinds = [KINDS[number % len(KINDS)] for number in range(n_outages)]
    random.Random(seed).shuffle(kinds)  # noqa: S311  the same each time
    with tempfile.TemporaryDirectory() as scratch:
        lanes = [Lane(Path(scratch) / str(n), seed + n) for n in range(n_lanes)]
        for n, _ in enumerate(lanes):
            (Path(scratch) / str(n) / "server").mkdir(parents=True)
        counts = await asyncio.gather(
            *(lane.run(kinds[n::n_lanes], longest_s) for n, lane in enumerate(lanes))
        )
    print()
    total = {name: sum(count[name] for count in counts) for name in counts[0]}
    back = sorted(value for lane in lanes for value in lane.back_s)
    noticed = sorted(value for lane in lanes for value in lane.noticed_s)
    rows = [
        ("outages", sum(lane.n_outages for lane in lanes), ""),
        ("packets recorded", total["recorded"], ""),
        ("lost", total["lost"], "0"),
        ("repeated", total["repeated"], "0"),
        ("changed", total["changed"], "0"),
        ("out of order", total["disordered"], "0"),
        ("half-open noticed, longest s", f"{max(noticed, default=0):.2f}", "3.00"),
        ("back, median s", f"{statistics.median(back):.2f}", ""),
        ("back, p95 s", f"{back[int(0.95 * (len(back) - 1))]:.2f}", "1.00"),
        ("back, longest s", f"{back[-1]:.2f}", ""),
    ]
    print_table(f"outages of 0.05 to {longest_s:g} s, seed {seed}", ("", "ours", "bar"), rows)


def main():
    """Measure, or be one of the servers."""
    if sys.argv[1:2] == ["--serve"]:
        asyncio.run(serve(sys.argv[2], int(sys.argv[3])))
        return
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--outages", type=int, default=100)
    parser.add_argument("--lanes", type=int, default=4)
    parser.add_argument("--longest-s", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    asyncio.run(measure(options.outages, options.lanes, options.longest_s, options.seed))


if __name__ == "__main__":
    main()
