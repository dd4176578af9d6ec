"""Gaps in recordings, and ways through them, to train the concealers' networks on."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from audiokit.training.corpus import SAMPLE_RATE, Corpus, Samples
from audiokit.transit.bridge_gap import USUAL_BRIDGE_GAINS, BridgedGap
from audiokit.transit.conceal_bands import BandFrames
from audiokit.transit.conceal_pitch import N_GAIN_FRAMES, USUAL_GAINS, VoiceContinuation
from audiokit.transit.conceal_voice import HEARD_S

__all__ = ["AROUND", "NETWORKS", "GapPool", "Network", "make_gaps"]

AROUND = 512
"""What the loss hears on both sides of a gap, in samples."""
PACKET = 320
_BANDS = BandFrames(SAMPLE_RATE)
_HEARD = round(HEARD_S * SAMPLE_RATE)
_N_FRAMES = N_GAIN_FRAMES + 2
_LONGEST = (_N_FRAMES - 1) * _BANDS.hop
_BRIDGE_FRAMES = BandFrames(SAMPLE_RATE, hop=PACKET // 3)
_OVERLAP_SHARE = 0.1

Vectors = NDArray[np.float64]
Ways: TypeAlias = Callable[[Vectors, Vectors], tuple[Vectors, Vectors]]
Through: TypeAlias = Callable[[Tensor, Tensor, Tensor, int], tuple[Tensor, Tensor]]


class GapPool(NamedTuple):
    """Gaps as a network meets them.

    Args:
        inputs: ``(gaps, inputs)``.
        ways: From one hop before the gap, ``(gaps, ways, samples)``.
        true: What was there, from `AROUND` before the gap on, ``(gaps, samples)``.
    """

    inputs: NDArray[np.float32]
    ways: NDArray[np.float32]
    true: NDArray[np.float32]


class Network(NamedTuple):
    """What is particular to one network.

    Args:
        usual: Logarithms of its gains before it learns, ``(ways, frames, 1)``.
        n_packets: Lengths of gaps that it meets, in packets of 20 ms; one is drawn.
        ways: From what was heard and what came then to inputs and ways.
        through: From ways, gains, what was true and a number of packets to what is heard from
            `AROUND` before the gap to as much after it, and what should be.
    """

    usual: Vectors
    n_packets: tuple[int, ...]
    ways: Ways
    through: Through


def make_gaps(corpus: Corpus, network: Network, n_gaps: int, *, seed: int) -> GapPool:
    """Return gaps in recordings, most of them where somebody speaks.

    Args:
        corpus: The recordings.
        network: For which.
        n_gaps: How many.
        seed: Decides which.
    """
    rng = np.random.default_rng(seed)
    recordings = [*corpus.speech, *corpus.keywords]
    # A long recording has more to learn from, and read sentences more than shouted words.
    lengths = np.array([len(one) for one in recordings], np.float64)
    lengths[len(corpus.speech) :] *= 0.5
    chosen = rng.choice(len(recordings), n_gaps, p=lengths / lengths.sum())
    made = [_gap(rng, recordings[number], network) for number in chosen.tolist()]
    return GapPool(*(np.stack(arrays) for arrays in zip(*made, strict=True)))


def _gap(
    rng: np.random.Generator, recording: Samples, network: Network
) -> tuple[NDArray[np.float32], ...]:
    level = np.sqrt(np.square(recording, dtype=np.float64).mean()) + 1e-6
    n_after = _LONGEST + AROUND
    for _ in range(20):
        at = int(rng.integers(_HEARD, max(_HEARD + 1, len(recording) - n_after)))
        near = recording[at - PACKET : at + PACKET]
        if np.sqrt(np.square(near, dtype=np.float64).mean()) > 0.1 * level or rng.random() < 0.1:
            break
    padded = np.pad(recording[at - _HEARD : at + n_after], (0, n_after))
    sound = padded[: _HEARD + n_after].astype(np.float64) / level
    if rng.random() < 0.1:
        sound = _narrowed(sound)
    inputs, ways = network.ways(sound[:_HEARD, np.newaxis], sound[_HEARD:, np.newaxis])
    true = sound[_HEARD - AROUND :]
    return inputs.astype(np.float32), ways[:, 0].astype(np.float32), true.astype(np.float32)


def _narrowed(sound: Vectors) -> Vectors:
    """Return a sound without what a telephone does not carry."""
    spectrum = np.fft.rfft(sound)
    frequency = np.linspace(0.0, SAMPLE_RATE / 2, len(spectrum))
    kept = np.clip((4000.0 - frequency) / 400.0, 0.0, 1.0)
    narrowed: Vectors = np.fft.irfft(spectrum * kept, len(sound))
    return narrowed


def _ways_on(heard: Vectors, lost: Vectors) -> tuple[Vectors, Vectors]:  # noqa: ARG001  unseen
    going_on = VoiceContinuation(heard, SAMPLE_RATE, _BANDS)
    ways = going_on.ways(_N_FRAMES)
    return going_on.inputs(ways), ways


def _ways_across(heard: Vectors, lost: Vectors) -> tuple[Vectors, Vectors]:
    following = lost[PACKET : 2 * PACKET]
    gap = BridgedGap(heard, following, PACKET, sample_rate=SAMPLE_RATE, bands=_BANDS)
    ways = gap.ways()
    return gap.inputs(ways), ways


def _through_on(
    ways: Tensor, gains: Tensor, true: Tensor, n_packets: int
) -> tuple[Tensor, Tensor]:
    begin = torch.zeros_like(gains[:, :, :1])
    begin[:, 0] = 1.0
    made = _shaped(ways, torch.cat([begin, gains, gains[:, :, -1:]], 2), _BANDS)
    n_gap = n_packets * PACKET
    # As `GapConcealer` goes over into the first good block.
    n_over = min(max(32, round(_OVERLAP_SHARE * n_gap)), 64)
    rise = (torch.arange(n_over) + 1.0) / (n_over + 1.0)
    after = AROUND + n_gap
    over = made[:, n_gap : n_gap + n_over] * (1.0 - rise)
    over = over + true[:, after : after + n_over] * rise
    heard = [true[:, :AROUND], made[:, :n_gap], over, true[:, after + n_over : after + AROUND]]
    return torch.cat(heard, 1), true[:, : after + AROUND]


def _through_across(
    ways: Tensor,
    gains: Tensor,
    true: Tensor,
    n_packets: int,  # noqa: ARG001  always one
) -> tuple[Tensor, Tensor]:
    shores = torch.zeros_like(gains[:, :, :2])
    shores[:, 0, 0] = shores[:, 1, 1] = 1.0
    gains = torch.cat([shores[:, :, :1], gains, shores[:, :, 1:]], 2)
    made = _shaped(ways, gains, _BRIDGE_FRAMES)
    end = AROUND + PACKET + AROUND
    heard = [true[:, :AROUND], made, true[:, AROUND + made.shape[1] : end]]
    return torch.cat(heard, 1), true[:, :end]


def _shaped(ways: Tensor, gains: Tensor, bands: BandFrames) -> Tensor:
    """Return what `BandFrames.shaped` makes of gains, ``(gaps, samples)``."""
    hop = bands.hop
    window = torch.sin(torch.pi * (torch.arange(2 * hop) + 0.5) / (2 * hop))
    spectra = torch.fft.rfft(ways.unfold(2, 2 * hop, hop) * window)
    shares = torch.from_numpy(bands.shares.astype(np.float32))
    mixed = (spectra * (gains @ shares)).sum(dim=1)
    frames = torch.fft.irfft(mixed, 2 * hop) * window
    halves: Tensor = frames[:, :-1, hop:] + frames[:, 1:, :hop]
    return halves.flatten(1)


NETWORKS = {
    "continue": Network(USUAL_GAINS, (1, 1, 1, 2, 3), _ways_on, _through_on),
    "bridge": Network(USUAL_BRIDGE_GAINS, (1,), _ways_across, _through_across),
}
"""By the name of their files of weights."""
