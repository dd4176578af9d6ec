"""Going on as the voice did: its pulses come again, its bands as loud as a network expects."""

from __future__ import annotations

import numpy as np

from audiokit.stage import StreamFormat
from audiokit.transit.conceal_bands import BandFrames
from audiokit.transit.conceal_gap import Continuation, GapConcealer, Vectors
from audiokit.transit.conceal_network import band_gains, heard_inputs, level_inputs
from audiokit.transit.conceal_period import find_repetition
from audiokit.transit.conceal_voice import HEARD_S, Voice

__all__ = ["N_GAIN_FRAMES", "USUAL_GAINS", "PitchConcealer", "VoiceContinuation"]

N_GAIN_FRAMES = 8
"""Frames of 8 ms whose gains the network says; later ones are as the last."""
USUAL_GAINS = np.array([0.0, -3.0, -3.0])[:, np.newaxis, np.newaxis] + np.zeros(
    (1, N_GAIN_FRAMES, 1)
)
"""Logarithms of the gains of the ways, before the network: as the period changes on, as
if it did not, and noise."""
_N_EARLY_FRAMES = 4
# How long a period goes on changing.
_CHANGES_S = 0.025


class PitchConcealer(GapConcealer):
    """Go on as the voice did, from the past alone.

    The end of what was heard is taken apart into resonances (linear prediction) and what
    excites them. The last period of the excitation comes again and again, its length changing
    on as it did, and rings through the resonances, so that nothing clicks where the gap
    begins. A small network says how loud each band goes on, and how much of it is noise.

    Args:
        fmt: Format of the stream; 8 to 48 kHz. Channels share one period and their gains.

    Raises:
        SettingError: The sample rate is out of range.
    """

    heard_s = HEARD_S
    # What a voice goes on as is better than nothing for longer than what merely repeats.
    hold_s, fade_s = 0.08, 0.08
    longest_overlap_s = 0.004

    def __init__(self, fmt: StreamFormat) -> None:
        self._bands = BandFrames(fmt.sample_rate)
        super().__init__(fmt)

    def _begin(self, heard: Vectors) -> Continuation:
        return VoiceContinuation(heard, self.fmt.sample_rate, self._bands)


class VoiceContinuation:
    """How a voice goes on after what was heard.

    Args:
        heard: ``(samples, channels)``, `HEARD_S` long.
        sample_rate: In Hz.
        bands: Of that rate.
    """

    def __init__(self, heard: Vectors, sample_rate: int, bands: BandFrames) -> None:
        rows = np.ascontiguousarray(heard.T)
        self._bands = bands
        self._one = rows.mean(axis=0)
        self._repetition = find_repetition(self._one, sample_rate)
        self._voice = Voice(rows, sample_rate, self._repetition.period_samples)
        self._n_changing = _CHANGES_S * sample_rate
        self._before = rows[:, rows.shape[1] - bands.hop :]
        self._gains: Vectors | None = None

    def __call__(self, n_samples: int) -> Vectors:
        """Return the first so many samples, ``(n_samples, channels)``."""
        hop = self._bands.hop
        n_frames = max(-(-n_samples // hop), _N_EARLY_FRAMES) + 1
        ways = self.ways(n_frames)
        spectra = self._bands.spectra(ways)
        if self._gains is None:
            self._gains = band_gains("continue", self.inputs(ways), USUAL_GAINS)
        at = np.minimum(np.arange(n_frames - 1), N_GAIN_FRAMES - 1)
        # The first frame lies half in the past: the first way alone goes on from it.
        begin = np.zeros((len(ways), 1, self._gains.shape[2]))
        begin[0] = 1.0
        gains = np.concatenate([begin, self._gains[:, at]], axis=1)
        sound: Vectors = self._bands.shaped(spectra, gains)[:, :n_samples].T
        return sound

    def ways(self, n_frames: int) -> Vectors:
        """Return ways to go on, from one hop before the gap: ``(ways, channels, samples)``."""
        ways = self._voice.continued(
            n_frames * self._bands.hop,
            slopes=(self._repetition.slope, 0.0),
            n_changing=self._n_changing,
        )
        before = np.broadcast_to(self._before, (len(ways), *self._before.shape))
        return np.concatenate([before, ways], axis=2)

    def inputs(self, ways: Vectors) -> Vectors:
        """Return what the network hears, ``(inputs,)``."""
        heard, reference = heard_inputs(self._bands, self._one, self._repetition)
        early = ways[0, :, self._bands.hop : (_N_EARLY_FRAMES + 2) * self._bands.hop]
        levels = self._bands.powers(self._bands.spectra(early.mean(axis=0)))
        return np.concatenate([heard, level_inputs(levels, reference)])
