"""A gap with both its shores in sight: the voice goes on from one, and back from the other."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from audiokit.transit.conceal_bands import BandFrames
from audiokit.transit.conceal_network import band_gains, heard_inputs, level_inputs
from audiokit.transit.conceal_period import Repetition, find_repetition
from audiokit.transit.conceal_voice import Voice

__all__ = ["USUAL_BRIDGE_GAINS", "BridgedGap"]

_SLOTS = np.array([1.0, 2.0]) / 3.0
USUAL_BRIDGE_GAINS = np.stack([np.log(1.0 - _SLOTS), np.log(_SLOTS), np.full(2, -3.0)])[
    :, :, np.newaxis
]
"""Logarithms of the gains of the ways on, back and of noise, a third and two thirds through the
gap, before the network."""
# Of the other shore, so much is compared with what comes to it.
_MATCH_S = 0.008
# A way may come to the other shore earlier or later by this share of the gap, or of a period.
_MOST_BENT, _MOST_TURNED = 0.2, 0.55
# What the longest bend costs in likeness.
_BEND_COST = 0.15

Vectors = NDArray[np.float64]


class Way(NamedTuple):
    """One shore's voice, led to the other.

    Args:
        sound: From the shore on, ``(channels, samples)``.
        noise: The same as noise.
        likeness: Of what arrives to the other shore, -1 to 1.
        bend: By how much of the gap the way had to be bent to arrive in step.
    """

    sound: Vectors
    noise: Vectors
    likeness: float
    bend: float


class BridgedGap:
    """What was lost between what was heard and what follows.

    Both sides are taken apart and go on into the gap, as `conceal_pitch` does it, the following
    one backwards. Each is bent, its period changing evenly, so that it meets the other shore in
    step; a small network says what each band takes from the one, the other, and noise.

    Args:
        heard: ``(samples, channels)``, `HEARD_S` long.
        following: ``(samples, channels)``; 16 ms or more.
        n_samples: Length of the gap, 16 or more.
        sample_rate: In Hz.
        bands: Of that rate.
    """

    def __init__(
        self,
        heard: Vectors,
        following: Vectors,
        n_samples: int,
        *,
        sample_rate: int,
        bands: BandFrames,
    ) -> None:
        self._n_samples, self._bands = n_samples, bands
        self._rate = sample_rate
        n_frames = max(2, -(-n_samples // bands.hop))
        self._hop = n_samples // n_frames
        self._n_frames = n_frames + 1
        self._heard = np.ascontiguousarray(heard.T)
        self._following = np.ascontiguousarray(following.T)
        self._one, self._other = self._heard.mean(axis=0), self._following.mean(axis=0)
        self._repetition = find_repetition(self._one, sample_rate)
        back = self._following[:, ::-1]
        self._returning = find_repetition(self._other[::-1], sample_rate)
        self._on = self._lead(self._heard, self._repetition, self._other)
        self._back = self._lead(back, self._returning, self._one[::-1])

    def sound(self) -> Vectors:
        """Return what is played, ``(n_samples, channels)``."""
        ways = self.ways()
        gains = band_gains("bridge", self.inputs(ways), USUAL_BRIDGE_GAINS)
        # Between the shores, where each is itself.
        at = np.linspace(0.0, 1.0, self._n_frames)[1:-1]
        place = np.clip(at / _SLOTS[0] - 1.0, 0.0, 1.0)[:, np.newaxis]
        within = gains[:, :1] * (1.0 - place) + gains[:, 1:] * place
        shores = np.zeros((len(ways), 1, gains.shape[2]))
        first, last = shores.copy(), shores
        first[0], last[1] = 1.0, 1.0
        spectra = self._frames().spectra(ways)
        made = self._frames().shaped(spectra, np.concatenate([first, within, last], axis=1))
        rest = self._n_samples - made.shape[1]
        tail = self._back.sound[:, :rest][:, ::-1]
        whole: Vectors = np.concatenate([made, tail], axis=1).T
        return whole

    def ways(self) -> Vectors:
        """Return the ways through, from one hop before the gap: ``(3, channels, samples)``."""
        hop, n_samples = self._hop, self._n_samples
        n_all = (self._n_frames + 1) * hop
        before = self._heard[:, self._heard.shape[1] - hop :]
        on = np.concatenate([before, self._on.sound[:, : n_all - hop]], axis=1)
        noise = np.concatenate([before, self._on.noise[:, : n_all - hop]], axis=1)
        returned = self._back.sound[:, : n_samples + hop][:, ::-1]
        back = np.concatenate([returned, self._following], axis=1)[:, :n_all]
        return np.stack([on, back, noise])

    def inputs(self, ways: Vectors) -> Vectors:
        """Return what the network hears, ``(inputs,)``."""
        hop = self._bands.hop
        heard, reference = heard_inputs(self._bands, self._one, self._repetition)
        shore = np.stack([self._other[: 2 * hop], self._other[-2 * hop :]])
        middle = (self._n_samples - hop) // 2 + self._hop
        through = ways[:2].mean(axis=1)[:, max(0, middle - hop) : middle + 2 * hop]
        if through.shape[1] < 3 * hop:
            through = np.pad(through, ((0, 0), (0, 3 * hop - through.shape[1])))
        powers = np.concatenate(
            [self._bands.powers(self._bands.spectra(part)) for part in (shore, through)], axis=1
        )
        about = (
            self._returning.strength,
            np.log2(self._returning.period_samples / hop),
            self._on.likeness,
            self._back.likeness,
            self._on.bend * 10.0,
            self._back.bend * 10.0,
        )
        return np.concatenate([heard, level_inputs(powers, reference), about])

    def _frames(self) -> BandFrames:
        return BandFrames(self._rate, hop=self._hop)

    def _lead(self, heard: Vectors, repetition: Repetition, shore: Vectors) -> Way:
        """Lead a voice through the gap, so that it comes to the other shore in step."""
        n_gap, n_match = self._n_samples, min(round(_MATCH_S * self._rate), len(shore))
        voice = Voice(heard, self._rate, repetition.period_samples)
        reach = int(min(_MOST_TURNED * repetition.period_samples, _MOST_BENT * n_gap))
        straight = voice.continued(
            n_gap + reach + n_match, slopes=(0.0,), n_changing=0.0, noisy=False
        )[0].mean(axis=0)
        late, likeness = _best_match(straight, shore[:n_match], n_gap, reach)
        # The phase at the far shore is to be that of the straight way so much later.
        slope = _slope(late, n_gap)
        n_all = n_gap + self._bands.hop + 2
        sound, noise = voice.continued(n_all, slopes=(slope,), n_changing=n_gap)
        return Way(sound, noise, likeness, late / n_gap)


def _best_match(way: Vectors, shore: Vectors, n_gap: int, reach: int) -> tuple[int, float]:
    """Return how much later a way is most like the shore, and how much it is like it then."""
    n_match = len(shore)
    near = way[n_gap - reach : n_gap + reach + n_match]
    products = np.correlate(near, shore)
    sums = np.concatenate([np.zeros(1), np.cumsum(near * near)])
    energy = np.maximum(sums[n_match:] - sums[:-n_match], 0.0)
    likeness = products / np.sqrt(energy * (shore @ shore) + 1e-20)
    bend = np.linspace(-1.0, 1.0, len(likeness)) if reach else np.zeros(1)
    best = int(np.argmax(likeness - _BEND_COST * bend * bend))
    return best - reach, float(likeness[best])


def _slope(late: int, n_gap: int) -> float:
    """Return the growth of a period that brings a phase so much later after a gap.

    From log(1 + s n) / s = n + late, by its series to the third power.
    """
    slope = -2.0 * late / n_gap**2
    for _ in range(2):
        slope = -2.0 * (late - slope**2 * n_gap**3 / 3.0) / n_gap**2
    return slope
