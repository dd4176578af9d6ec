"""Simulated calls: how many times faster than they last, from samples to samples.

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_simulate.py [--seconds 300]

Sender, packets, link, jitter buffer and concealment as `audiokit simulate` runs them, without
reading, writing and measuring: 16 kHz mono, packets of 20 ms, blocks of 10 ms, CPU time of the
best of three runs. The codec's own time is in its rows. The peer is a plain loop that encodes,
drops and decodes by the same codec, repeating the last packet for what is lost, with neither
clock nor buffer.
"""

from __future__ import annotations

import argparse
import os
import time

import numpy as np
from cost import ONE_THREAD, print_table
from cost import recordings as data_folder

from audiokit.jobs.call import Call
from audiokit.jobs.simulate_codec import CodecSettings, PacketSender, open_decoder
from audiokit.jobs.simulate_link import NetworkSettings
from audiokit.stage import StreamFormat
from audiokit.testing import speechlike
from audiokit.transit.jitter_settings import JitterSettings

FMT = StreamFormat(16_000)
BLOCK_SAMPLES = 65_536
LINKS = {
    "no loss": NetworkSettings(),
    "10 % lost": NetworkSettings(loss_percent=10),
    "10 % in bursts of 3": NetworkSettings(loss_percent=10, burst=3),
    "and jitter of 40 ms": NetworkSettings(loss_percent=10, burst=3, jitter_ms=40),
}
CODECS = {
    "samples, `repeat`": CodecSettings("pcm", plc="repeat"),
    "samples, `pitch`": CodecSettings("pcm", plc="pitch"),
    "G.711, `repeat`": CodecSettings("ulaw", resample=16_000, plc="repeat"),
    "Opus, the Pi's settings": CodecSettings(),
}


def speech(seconds):
    """Return speech of a length: of recordings, or without them made up."""
    folder = data_folder()
    if (folder / "MANIFEST.csv").is_file():
        import soundfile

        path = folder / "speech" / "libri_1688-142285-0000.flac"
        samples = soundfile.read(path, dtype="float32", always_2d=True)[0]
    else:
        samples = speechlike(FMT, 20.0) * np.float32(0.5)
    return np.ascontiguousarray(np.resize(samples, (round(seconds * FMT.sample_rate), 1)))


def simulate(samples, settings, network):
    """Run a call; return how many samples were heard."""
    sender = PacketSender(FMT, settings)
    call = Call(
        open_decoder(FMT, settings),
        clock_hz=sender.clock_hz,
        link=network.link(None),
        jitter=JitterSettings(),
        rng=np.random.default_rng(1),
    )
    n_heard = 0
    for start in range(0, len(samples), BLOCK_SAMPLES):
        for packet, sent_s in sender.push(samples[start : start + BLOCK_SAMPLES]):
            n_heard += sum(map(len, call.send(packet, sent_s)))
    for packet, sent_s in sender.flush():
        n_heard += sum(map(len, call.send(packet, sent_s)))
    return n_heard + sum(map(len, call.finish(sender.end_ticks)))


def plain_loop(samples, settings, network):
    """Encode, drop at random, decode: no clock, no order, no delay."""
    sender, decoder = PacketSender(FMT, settings), open_decoder(FMT, settings)
    rng = np.random.default_rng(1)
    last, n_heard = FMT.silence(320), 0
    for start in range(0, len(samples), BLOCK_SAMPLES):
        for packet, _ in sender.push(samples[start : start + BLOCK_SAMPLES]):
            if rng.random() >= network.loss_percent / 100.0:
                last = decoder.decode(packet.payload)
            n_heard += len(last)
    return n_heard


def times_real(run, samples, settings, network):
    """Return how many times faster than real time a run is, the best of three."""
    best_s = np.inf
    for _ in range(3):
        begin_s = time.process_time()
        run(samples, settings, network)
        best_s = min(best_s, time.process_time() - begin_s)
    return FMT.seconds(len(samples)) / best_s


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=300.0)
    given = parser.parse_args()
    os.environ.update(ONE_THREAD)
    samples = speech(given.seconds)
    rows = [
        (
            name,
            *(f"{times_real(simulate, samples, settings, link):,.0f}" for link in LINKS.values()),
            f"{times_real(plain_loop, samples, settings, LINKS['10 % lost']):,.0f}",
        )
        for name, settings in CODECS.items()
    ]
    title = f"times real time, {given.seconds:g} s of speech"
    print_table(title, ("", *LINKS, "plain loop, 10 % lost"), rows)


if __name__ == "__main__":
    main()
