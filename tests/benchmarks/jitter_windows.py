"""Stretches of network, 30 s each: parts of recorded traces, and made cellular and Wi-Fi links."""

from __future__ import annotations

import math

import numpy as np

from audiokit.transit.delay import ConstantDelay, RandomDelay, SpikeDelay, SummedDelay
from audiokit.transit.link import Link, LinkSettings
from audiokit.transit.loss import bursty_loss
from audiokit.transit.packet import Packet
from audiokit.transit.trace import parse_opportunities, parse_trace

WINDOW_S, PACKET_S = 30.0, 0.02
N_PACKETS = round(WINDOW_S / PACKET_S)
N_MADE = 15
# What the wire takes where a trace tells delays from its quickest packet only.
WIRE_MS = 10.0


def shared_links(folder):
    """Yield name and settings of each window of the recorded traces."""
    for name, n_windows in (
        ("roc_bad_wifi", 4),
        ("roc_good_wifi", 4),
        ("roc_ethernet", 2),
        ("roc_ether_spikes_A", 1),
    ):
        trace = parse_trace((folder / f"{name}.csv").read_text(), name=name)
        for index in range(n_windows):
            begin_s = index * min(WINDOW_S, (trace.duration_s - WINDOW_S) / max(1, n_windows - 1))
            part = trace.window(begin_s, begin_s + WINDOW_S)
            delay = SummedDelay((ConstantDelay(WIRE_MS), part.delays()))
            yield f"{name} {index}", LinkSettings(delay=delay, is_in_order=True), 0
    name = "mahimahi_Verizon-LTE-short.up"
    times = parse_opportunities((folder / f"{name}.txt").read_text(), name=name)
    delay = SummedDelay((ConstantDelay(WIRE_MS), times))
    for index in range(2):
        yield f"lte {index}", LinkSettings(delay=delay, is_in_order=True), index * WINDOW_S


def made_links(first_seed, n_each=N_MADE):
    """Yield name and settings of made windows, each kind from mild to rough by chance."""
    for index in range(n_each):
        for kind, make in (("wifi", wifi), ("cellular", cellular)):
            seed = first_seed + index
            yield f"{kind} {seed}", make(np.random.default_rng([seed, len(kind)])), 0


def wifi(rng):
    """Return a link with short jitter, scans and contention."""
    rough = rng.random()
    delay = SummedDelay(
        (
            ConstantDelay(5.0 + 10.0 * rng.random()),
            RandomDelay(3.0 + 12.0 * rough, 2.0 + 14.0 * rough, 0.7, "pareto"),
            SpikeDelay(6.0 + 60.0 * rough, 60.0 + 80.0 * rng.random()),
        )
    )
    loss = bursty_loss(0.5 + 8.0 * rough * rng.random(), burst=1.2 + rng.random())
    return LinkSettings(loss=loss, delay=delay, is_in_order=True)


def cellular(rng):
    """Return a link whose delay wanders, with retransmissions and handovers."""
    rough = rng.random()
    delay = SummedDelay(
        (
            ConstantDelay(5.0 + 12.0 * rng.random()),
            RandomDelay(10.0 + 15.0 * rough, 5.0 + 16.0 * rough, 0.97),
            RandomDelay(2.0, 4.0 + 3.0 * rough, 0.0, "pareto"),
            SpikeDelay(3.0 + 24.0 * rough, 80.0 + 120.0 * rng.random()),
        )
    )
    loss = bursty_loss(0.5 + 7.0 * rough * rng.random(), burst=1.5 + 1.5 * rng.random())
    return LinkSettings(loss=loss, delay=delay, is_in_order=True)


def arrivals(settings, seed, begin_s=0.0):
    """Return when each packet of a window arrives, in s; infinity where it never does.

    A packet is sent when its last sample is there.
    """
    link = Link(settings, np.random.default_rng(seed))
    found = np.full(N_PACKETS, math.inf)
    for index in range(N_PACKETS):
        sent_s = begin_s + (index + 1) * PACKET_S
        link.push(Packet(index, index, b"x" * 60), sent_s)
        until_s = sent_s if index + 1 < N_PACKETS else math.inf
        for arrival_s, packet in link.pull(until_s):
            found[packet.sequence] = arrival_s - begin_s
    return found


def all_windows(folder, first_seed=100, n_each=N_MADE):
    """Return ``{name: arrivals}``: recorded ones where there is a folder, then made ones."""
    windows = {}
    if folder is not None:
        for name, settings, begin_s in shared_links(folder / "trace"):
            windows[name] = arrivals(settings, 0, begin_s)
    for number, (name, settings, _) in enumerate(made_links(first_seed, n_each)):
        windows[name] = arrivals(settings, [first_seed, number])
    return windows
