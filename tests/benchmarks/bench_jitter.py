"""The jitter buffer: ours and others on the same packets, in one table; and what it costs.

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_jitter.py [--seed 100] [--json FILE]

43 windows of 30 s: recorded traces (AUDIOKIT_TEST_DATA) and made Wi-Fi and cellular links of
fixed seeds; packets of 20 ms. Ours plays real speech as PCM, whole, in blocks of 10 ms as calls
do; of the others the playout times are reckoned, to any fraction of a block. Delay is from mouth
to ear: from when the first sample of a packet is captured to when it is heard. Concealed is what
was made up, lost or late, of the sound that was heard. R is ITU-T G.107 with the Ie and Bpl of
concealed G.711 and the bursts of each window; MOS follows from it. Without recordings, made
windows alone.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

import jitter_peers
import jitter_windows
import numpy as np
from cost import print_table
from jitter_peers import PACKET_S, Playout

from audiokit.stage import StreamFormat
from audiokit.transit.delay import RandomDelay
from audiokit.transit.e_model import mean_opinion, rating
from audiokit.transit.jitter_buffer import JitterBuffer
from audiokit.transit.jitter_settings import JitterSettings
from audiokit.transit.link import Link, LinkSettings
from audiokit.transit.loss import bursty_loss
from audiokit.transit.packet import Packet

RATE = 16_000
N_SAMPLES = round(PACKET_S * RATE)


class PlainDecoder:
    """16-bit PCM; what is lost is the last packet again, fading."""

    def __init__(self):
        self.fmt = StreamFormat(RATE)
        self._last = self.fmt.silence(N_SAMPLES)

    def n_samples(self, payload):
        return len(payload) // 2

    def decode(self, payload):
        samples = np.frombuffer(payload, "<i2").astype(np.float32)
        samples *= np.float32(1.0 / 32768.0)
        self._last = samples[:, np.newaxis]
        return self._last

    def recover(self, following, n_samples):  # noqa: ARG002  PCM carries nothing twice
        return None

    def conceal(self, n_samples):
        self._last = self._last * np.float32(0.7)
        return np.resize(self._last, (n_samples, 1))

    def reset(self):
        self._last = self.fmt.silence(N_SAMPLES)


def speech_payloads(folder):
    """Return 30 s of speech as packets; without recordings, of a voice-like buzz."""
    if folder is not None:
        import soundfile

        samples, rate = soundfile.read(folder / "speech" / "jfk.flac", always_2d=True)
        step = rate / RATE
        at = (np.arange(int(len(samples) / step)) * step).astype(int)
        mono = samples[at].mean(axis=1)
    else:
        seconds = np.arange(10 * RATE) / RATE
        mono = 0.3 * np.sign(np.sin(2 * np.pi * 120 * seconds)) * np.sin(3 * seconds) ** 2
    mono = np.resize(mono, jitter_windows.N_PACKETS * N_SAMPLES)
    return np.round(mono * 32767).astype("<i2").reshape(-1, N_SAMPLES)


def ours(arrival_s, payloads, pull_ms=10):
    """Run the buffer over a window; return its playout."""
    pull_s = pull_ms / 1000.0
    settings = JitterSettings(pull_ms=pull_ms)
    buffer = JitterBuffer(PlainDecoder(), clock_hz=RATE, settings=settings)
    order = np.argsort(arrival_s, kind="stable")
    n_come = int(np.isfinite(arrival_s).sum())
    first = int(order[0])
    result = Playout()
    at = n_before = n_pulls = 0
    was_made_up = False
    while at < n_come or buffer.buffered_s > 0.0:
        now_s = n_pulls * pull_s
        n_pulls += 1
        while at < n_come and arrival_s[order[at]] <= now_s:
            index = int(order[at])
            packet = Packet(index, index * N_SAMPLES, payloads[index])
            buffer.push(packet, float(arrival_s[index]))
            at += 1
        stream_s = buffer.stream_s
        buffer.pull(now_s)
        if not buffer.is_playing:
            continue
        n_concealed = buffer.stats().concealed_samples
        if n_concealed > n_before:
            result.conceal((n_concealed - n_before) / RATE, goes_on=was_made_up)
        else:
            result.hear(now_s - stream_s - first * PACKET_S, pull_s)
        was_made_up = n_concealed > n_before
        n_before = n_concealed
    stats = buffer.stats()
    changed = stats.inserted_samples_for_deceleration + stats.removed_samples_for_acceleration
    result.stretched_s = changed / RATE
    return result


def describe(playout):
    """Return what a window's playout is worth."""
    heard_s = playout.heard_s + playout.concealed_s
    share = playout.concealed_s / heard_s
    mean_burst = np.mean(playout.gaps_s) / PACKET_S if playout.gaps_s else 1.0
    delays_ms = 1000.0 * np.array(playout.delay_s)
    rating_r = rating(
        float(delays_ms.mean()), 100.0 * share, burst_ratio=max(1.0, mean_burst * (1.0 - share))
    )
    return {
        "delay_ms": float(delays_ms.mean()),
        "p95_ms": float(np.percentile(delays_ms, 95)),
        "concealed_percent": 100.0 * share,
        "stretched_percent": 100.0 * playout.stretched_s / heard_s,
        "r": rating_r,
        "mos": mean_opinion(rating_r),
    }


def in_all(rows):
    """Return the means over windows, and the tenth percentile of MOS."""
    means = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
    means["mos_p10"] = float(np.percentile([row["mos"] for row in rows], 10))
    return means


def players(payloads):
    """Return ``{name: arrivals -> Playout}``."""
    return {
        "ours": lambda came: ours(came, payloads),
        "ours, blocks of 20 ms": lambda came: ours(came, payloads, pull_ms=20),
        "fixed 80 ms, discard": jitter_peers.fixed_discard,
        "fixed 80 ms, expand": jitter_peers.fixed_expand,
        "Ramjee, d + 4v": jitter_peers.ramjee,
        "NetEQ-like histogram": jitter_peers.neteq_like,
        "best fixed, in hindsight": lambda came: jitter_peers.hindsight(
            came, lambda playout: describe(playout)["r"]
        ),
    }


def speed(payloads, settings):
    """Return CPU time per packet of link and buffer, in us, and times real time."""
    link = Link(settings, np.random.default_rng(1))
    buffer = JitterBuffer(PlainDecoder(), clock_hz=RATE)
    raw = [payload.tobytes() for payload in payloads]
    n_packets = 15_000
    begin_s = time.process_time()
    for index in range(n_packets):
        now_s = (index + 1) * PACKET_S
        payload = raw[index % len(raw)]
        link.push(Packet(index & 0xFFFF, index * N_SAMPLES & 0xFFFFFFFF, payload), now_s)
        for pull_s in (now_s, now_s + 0.01):
            for arrival_s, packet in link.pull(pull_s):
                buffer.push(packet, arrival_s)
            buffer.pull(pull_s)
    each_s = (time.process_time() - begin_s) / n_packets
    return each_s * 1e6, PACKET_S / each_s


def main():
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=100, help="of the first made window")
    parser.add_argument("--each", type=int, default=15, help="made windows of each kind")
    parser.add_argument("--made-only", action="store_true", help="leave the recorded ones out")
    parser.add_argument("--windows", action="store_true", help="print each window of ours")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    folder = Path(os.environ.get("AUDIOKIT_TEST_DATA", "../shared/data"))
    folder = folder if folder.is_dir() else None
    payloads = speech_payloads(folder)
    windows = jitter_windows.all_windows(
        None if arguments.made_only else folder, arguments.seed, arguments.each
    )
    raw = [payload.tobytes() for payload in payloads]
    results = {}
    for name, play in players(raw).items():
        rows = [describe(play(came)) for came in windows.values()]
        if name == "ours" and arguments.windows:
            for window, row in zip(windows, rows, strict=True):
                print(f"{window:24}", " ".join(f"{key} {row[key]:6.2f}" for key in row))
        results[name] = in_all(rows)
    title = f"{len(windows)} windows of {jitter_windows.WINDOW_S:g} s"
    print_table(
        title,
        [
            "played by",
            "mean delay, ms",
            "p95, ms",
            "concealed, %",
            "stretched, %",
            "R",
            "MOS, p10",
        ],
        [
            [
                name,
                f"{row['delay_ms']:.1f}",
                f"{row['p95_ms']:.1f}",
                f"{row['concealed_percent']:.2f}",
                f"{row['stretched_percent']:.2f}",
                f"{row['r']:.1f}",
                f"{row['mos_p10']:.2f}",
            ]
            for name, row in results.items()
        ],
    )
    links = {
        "without loss": LinkSettings(),
        "10 % loss in bursts of 3": LinkSettings(loss=bursty_loss(10.0, burst=3.0)),
        "and jitter of 40 ms": LinkSettings(
            loss=bursty_loss(10.0, burst=3.0), delay=RandomDelay(60.0, 40.0)
        ),
        "a rough cellular link": jitter_windows.cellular(np.random.default_rng(5)),
    }
    for name, settings in links.items():
        each_us, ratio = speed(payloads, settings)
        print(f"{name}: {each_us:.1f} us of CPU per packet of 20 ms, {ratio:.0f} x real time")
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
