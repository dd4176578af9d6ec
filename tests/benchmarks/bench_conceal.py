"""Losses concealed: PESQ-WB by method and by loss, and what a lost packet costs.

    nice python tests/benchmarks/bench_conceal.py [--seeds 1] [--seconds 10] [--workers 1]
        [--methods pitch,bridge] [--rate-hz 16000]

Recordings of people at 16 kHz (those of at least that rate), in packets of 20 ms (or at another
rate, scored at 16 kHz, or at 8 kHz as PESQ-NB, P.862.1); 5, 10 and 20 %
lost at random, and 10 % in bursts of 3 on average (Gilbert). PESQ-WB (P.862.2) against the
recording, on average; the time of a lost packet is CPU time, with that of the first good block
after it. Peers: silence, and G.711 Appendix I as `appendix_i.py` has it. `bridge` is given the
packet after a gap whenever that arrived.

Needs `audiokit[bench]` and recordings (AUDIOKIT_TEST_DATA).
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import time

import numpy as np
from appendix_i import AppendixI
from cost import ONE_THREAD, print_table
from cost import recordings as data_folder

from audiokit.stage import StreamFormat
from audiokit.transit.concealer import CONCEALERS, new_concealer

RATE = 16000
CELLS = {"5 %": (0.05, 1), "10 %": (0.10, 1), "20 %": (0.20, 1), "10 %, bursts of 3": (0.10, 3)}
PEERS = ("silence", "appendix I")


class Silence:
    """Nothing where nothing came."""

    latency_samples = 0

    def received(self, block):
        return block

    def lost(self, n_samples, following=None):  # noqa: ARG002  a peer without look-ahead
        return np.zeros((n_samples, 1), np.float32)


def build(name, rate):
    """Return a new method."""
    if name == "silence":
        return Silence()
    return AppendixI(rate) if name == "appendix I" else new_concealer(name, StreamFormat(rate))


def losses(n_packets, rate, burst, rng):
    """Return which packets are lost: at random, or by Gilbert's two states."""
    if burst == 1:
        is_lost = rng.random(n_packets) < rate
    else:
        to_good = 1.0 / burst
        to_bad = rate * to_good / (1.0 - rate)
        is_lost = np.zeros(n_packets, np.bool_)
        bad = False
        for at, draw in enumerate(rng.random(n_packets)):
            bad = draw >= to_good if bad else draw < to_bad
            is_lost[at] = bad
    is_lost[:5] = is_lost[-3:] = False
    return is_lost


def concealed(name, speech, is_lost, rate):
    """Return what is played, and the CPU seconds of all lost packets and of what ends a gap."""
    method = build(name, rate)
    packets = speech.reshape(len(is_lost), -1, 1)
    played, cpu_s = [], 0.0
    for at, packet in enumerate(packets):
        following = None
        if method.latency_samples and at + 1 < len(packets) and not is_lost[at + 1]:
            following = packets[at + 1]
        begin_s = time.process_time()
        if is_lost[at]:
            played.append(method.lost(len(packet), following))
        else:
            played.append(method.received(packet))
        if is_lost[at] or (at and is_lost[at - 1]):
            cpu_s += time.process_time() - begin_s
    late = getattr(method, "output_delay", 0)
    sound = np.concatenate(played)[:, 0]
    return np.concatenate([sound[late:], np.zeros(late, np.float32)]), cpu_s


def scored(task):
    """Return PESQ-WB, the CPU seconds and how many packets were lost."""
    import soxr
    from pesq import pesq

    name, speech, (loss_rate, burst), seed, rate = task
    rng = np.random.default_rng(seed)
    is_lost = losses(50 * len(speech) // rate, loss_rate, burst, rng)
    sound, cpu_s = concealed(name, speech, is_lost, rate)
    if rate > RATE:
        speech, sound = (soxr.resample(one, rate, RATE) for one in (speech, sound))
    score = pesq(8000, speech, sound, "nb") if rate == 8000 else pesq(RATE, speech, sound, "wb")
    return score, cpu_s, int(is_lost.sum())


def recordings(seconds, to_rate):
    """Return the recordings of people: mono, at a rate, so many seconds of each at most."""
    import soundfile
    import soxr

    found = []
    for path in sorted((data_folder() / "speech").iterdir()):
        if path.suffix not in {".flac", ".wav", ".mp3", ".ogg", ".opus"}:
            continue
        samples, rate = soundfile.read(path, always_2d=True)
        if rate < RATE:
            continue
        mono = soxr.resample(samples.mean(axis=1), rate, to_rate)
        mono = mono[: int(seconds * to_rate)]
        mono = mono[: len(mono) - len(mono) % (to_rate // 50)]
        found.append((0.5 * mono / np.abs(mono).max()).astype(np.float32))
    return found


def received_us(name, rate):
    """Return the microseconds of a good packet of a stream that loses nothing."""
    method = build(name, rate)
    packet = np.random.default_rng(1).uniform(-0.1, 0.1, (rate // 50, 1)).astype(np.float32)
    best_s = np.inf
    for _ in range(20):
        begin_s = time.process_time()
        for _ in range(1000):
            method.received(packet)
        best_s = min(best_s, (time.process_time() - begin_s) / 1000)
    return 1e6 * best_s


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--rate-hz", type=int, default=RATE, choices=(8000, 16000, 48000))
    parser.add_argument("--methods", default=",".join(CONCEALERS))
    given = parser.parse_args()
    os.environ.update(ONE_THREAD)
    speech = recordings(given.seconds, given.rate_hz)
    names = (*PEERS, *given.methods.split(","))
    rows = []
    with multiprocessing.get_context("spawn").Pool(given.workers) as pool:
        for name in names:
            means, cpu_s, n_lost = [], 0.0, 0
            for number, cell in enumerate(CELLS.values()):
                tasks = [
                    (name, one, cell, (seed, number, at), given.rate_hz)
                    for seed in range(given.seeds)
                    for at, one in enumerate(speech)
                ]
                scores = pool.map(scored, tasks)
                means.append(float(np.mean([score for score, _, _ in scores])))
                cpu_s += sum(cost for _, cost, _ in scores)
                n_lost += sum(count for _, _, count in scores)
            costs = (f"{1e3 * cpu_s / n_lost:.2f}", f"{received_us(name, given.rate_hz):.1f}")
            rows.append((name, *(f"{mean:.2f}" for mean in means), *costs))
    measure = "NB" if given.rate_hz == 8000 else "WB"
    title = f"PESQ-{measure} of {len(speech)} recordings, {given.seeds} seeds, {given.rate_hz} Hz"
    print_table(title, ("", *CELLS, "ms per lost packet", "us per good packet"), rows)


if __name__ == "__main__":
    main()
