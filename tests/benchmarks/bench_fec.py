"""Opus over random loss, with and without copies in the next packet (FEC): PESQ-WB by setting.

    nice python tests/benchmarks/bench_fec.py [--loss 10] [--seeds 1] [--seconds 10] [--workers 1]
        [--library FILE]

Recordings of people at 16 kHz, Opus at 24 kbit/s in packets of 20 ms over a link that loses
packets at random, through the jitter buffer at its default settings: `Call`, as `audiokit
simulate` runs it. PESQ-WB (P.862.2) of what is heard beside what went into the codec, on
average. All settings see the same losses.

Needs `audiokit[bench]` and recordings (AUDIOKIT_TEST_DATA).
"""

from __future__ import annotations

import argparse
import multiprocessing
import os

import numpy as np
from bench_conceal import RATE, recordings
from cost import ONE_THREAD, print_table

from audiokit.codec.opus import OpusSettings
from audiokit.codec.opus_binding import open_opus
from audiokit.jobs.call import Call
from audiokit.jobs.simulate_codec import CodecSettings, PacketSender, open_decoder
from audiokit.jobs.simulate_link import NetworkSettings
from audiokit.stage import StreamFormat
from audiokit.transit.jitter_settings import JitterSettings

FMT = StreamFormat(RATE)
SETTINGS = {
    "Pi defaults: complexity 5, expected loss 10 %, DTX": {},
    "the same without FEC": {"fec": False},
    "complexity 10, without DTX": {"complexity": 10, "dtx": False},
    "complexity 10, without DTX or FEC": {"complexity": 10, "dtx": False, "fec": False},
    "complexity 10, without DTX, expected loss 20 %": {
        "complexity": 10,
        "dtx": False,
        "expected_loss_percent": 20,
    },
    "complexity 5, without DTX, expected loss 20 %": {"dtx": False, "expected_loss_percent": 20},
}


def heard(speech, settings, loss_percent, seed):
    """Return what is heard of a recording, as long as it, bits a second, and what was repaired."""
    sender = PacketSender(FMT, settings)
    call = Call(
        open_decoder(FMT, settings),
        clock_hz=sender.clock_hz,
        link=NetworkSettings(loss_percent=loss_percent).link(None),
        jitter=JitterSettings(),
        rng=np.random.default_rng(seed),
    )
    blocks = []
    for packet, sent_s in [*sender.push(speech), *sender.flush()]:
        blocks += call.send(packet, sent_s)
    blocks += call.finish(sender.end_ticks)
    begin_s = call.begin_s + (call.first_timestamp or 0) / call.clock_hz
    begin = round(begin_s * RATE) - sender.lookahead_samples
    sound = np.concatenate([*blocks, FMT.silence(len(speech))])[:, 0]
    sound = np.concatenate([np.zeros(max(0, begin), np.float32), sound[max(0, -begin) :]])
    stats = call.stats()
    share = stats.packets_repaired / max(1, stats.packets_lost)
    return sound[: len(speech)], 8 * sender.n_bytes * RATE / len(speech), share


def scored(task):
    """Return PESQ-WB, bits a second, and the share of losses that were repaired."""
    from pesq import pesq

    speech, options, library, loss_percent, seed = task
    settings = CodecSettings(opus=OpusSettings(**options), opus_library=library)
    sound, rate_bps, repaired = heard(speech[:, np.newaxis], settings, loss_percent, seed)
    return pesq(RATE, speech, sound, "wb"), rate_bps, repaired


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loss", type=float, default=10.0)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--library")
    given = parser.parse_args()
    os.environ.update(ONE_THREAD)
    speech = recordings(given.seconds, RATE)
    rows = []
    with multiprocessing.get_context("spawn").Pool(given.workers) as pool:
        for name, options in SETTINGS.items():
            means = []
            for loss_percent in (0.0, given.loss):
                tasks = [
                    (one, options, given.library, loss_percent, (seed, at))
                    for seed in range(given.seeds if loss_percent else 1)
                    for at, one in enumerate(speech)
                ]
                means.append(np.mean(pool.map(scored, tasks), axis=0))
            (clean, rate_bps, _), (lossy, _, repaired) = means
            cells = (f"{rate_bps / 1000:.1f}", f"{clean:.2f}", f"{lossy:.2f}", f"{repaired:.0%}")
            rows.append((name, *cells))
    found = open_opus(given.library).found
    title = f"{len(speech)} recordings, {given.seeds} seeds, libopus {found.version}"
    header = ("24 kbit/s", "kbit/s", "no loss", f"{given.loss:g} % lost", "repaired")
    print_table(title, header, rows)


if __name__ == "__main__":
    main()
