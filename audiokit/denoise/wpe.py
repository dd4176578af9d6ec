"""Late reverberation predicted from what was heard before, and taken away."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audiokit.dsp.stft import Spectra

__all__ = ["LEARN_EVERY", "WeightedPrediction"]

Matrices = NDArray[np.complex128]

LEARN_EVERY = 16
"""Filters are learnt anew after so many frames.

Gathering that long makes it one matrix product per bin instead of one update per frame:
several times faster.
"""

# Relative to the mean of the diagonal: keeps what is predictable but not excited (a
# steady tone, a channel twice) from being blown up.
_LOADING = 1e-3
# Weights are relative to the mean power so far, at least so much of it: frames of
# silence tell nothing about the room.
_LEAST_WEIGHT_POWER = 1e-3
# Below this nothing is heard; keeps quotients finite.
_NOTHING = 1e-20


class WeightedPrediction:
    """Predict each frame from frames some way back, bin by bin, all channels jointly.

    Speech does not predict itself over 50 ms and more; a room does. So what a linear
    filter over the past predicts, when loud frames do not outweigh soft ones, is late
    reverberation. The filters minimise the squared error with forgetting, weighted by
    one over the power, over the past only: they are solved for after every 16 frames and
    serve the next 16.

    Args:
        channels: Number of channels, 1 or more.
        n_bins: Lower bins that are predicted; those above pass.
        taps: Frames that a prediction takes, 1 or more.
        delay: Frames from the newest of them to the one predicted, 1 or more.
        forgetting: Weight of the past after 16 frames, 0 to 1.

    References:
        T. Yoshioka, T. Nakatani, "Generalization of multi-channel linear prediction
        methods for blind MIMO impulse response shortening", IEEE Transactions on Audio,
        Speech, and Language Processing 20(10), 2012.
        J. Caroselli et al., "Adaptive multichannel dereverberation for automatic speech
        recognition", Interspeech 2017.
        L. Drude et al., "NARA-WPE: a Python package for weighted prediction error
        dereverberation", ITG Conference on Speech Communication 2018.
    """

    def __init__(
        self, channels: int, n_bins: int, *, taps: int, delay: int, forgetting: float
    ) -> None:
        self._channels = channels
        self._n_bins = n_bins
        self._taps = taps
        self._delay = delay
        self._forgetting = forgetting
        self._n_before = taps + delay - 1
        self.reset()

    def reset(self) -> None:
        """Forget the stream."""
        n_inputs = self._taps * self._channels
        shape = (self._n_bins, n_inputs, n_inputs)
        self._covariance: Matrices = np.zeros(shape, np.complex128)
        self._correlation: Matrices = np.zeros((*shape[:2], self._channels), np.complex128)
        self._power = np.full(self._n_bins, _NOTHING)
        # By tap, input channel, output channel: what a sum over frames takes.
        self._filters = np.zeros(
            (self._taps, self._channels, self._channels, self._n_bins), np.complex64
        )
        # The frames that the next prediction needs and those not yet learnt from.
        self._heard = np.zeros((self._n_before, self._channels, self._n_bins), np.complex64)
        self._n_new = 0

    def predict(self, spectra: Spectra) -> Spectra:
        """Return the reverberation predicted in the next frames.

        Args:
            spectra: ``(frames, channels, bins)``.

        Returns:
            As many frames, ``(frames, channels, n_bins)``.
        """
        predicted = np.empty((len(spectra), self._channels, self._n_bins), np.complex64)
        start = 0
        while start < len(spectra):
            stop = min(len(spectra), start + LEARN_EVERY - self._n_new)
            self._heard = np.concatenate([self._heard, spectra[start:stop, :, : self._n_bins]])
            self._predict_newest(predicted[start:stop])
            self._n_new += stop - start
            if self._n_new == LEARN_EVERY:
                self._learn()
            start = stop
        return predicted

    def _predict_newest(self, predicted: Spectra) -> None:
        """Sum up tap after tap, element by element: the cutting changes no bit."""
        predicted.fill(0.0)
        n_frames = len(predicted)
        product = np.empty((n_frames, self._n_bins), np.complex64)
        for tap, by_input in enumerate(self._filters):
            stop = len(self._heard) - self._delay - tap
            past = self._heard[stop - n_frames : stop]
            for source, by_output in enumerate(by_input):
                for target, response in enumerate(by_output):
                    predicted[:, target] += np.multiply(past[:, source], response, out=product)

    def _learn(self) -> None:
        """Add the last 16 frames to what is known of the room, and solve for the filters."""
        heard = self._heard
        power = _power_around(heard[self._n_before :])
        if power.any():
            self._gather(heard, power)
            self._solve()
        self._heard = heard[-self._n_before :].copy()
        self._n_new = 0

    def _gather(self, heard: Spectra, power: NDArray[np.float64]) -> None:
        mean = power.mean(axis=0)
        keep = np.where(mean > _LEAST_WEIGHT_POWER * self._power, self._forgetting, 1.0)
        self._power = np.maximum(mean, keep * self._power)
        root = 1.0 / np.sqrt(np.maximum(power, _LEAST_WEIGHT_POWER * self._power))
        inputs = np.empty((self._n_bins, self._taps, self._channels, LEARN_EVERY), np.complex128)
        for tap in range(self._taps):
            first = self._taps - 1 - tap
            frames = heard[first : first + LEARN_EVERY]
            inputs[:, tap] = (frames * root[:, np.newaxis]).transpose(2, 1, 0)
        flat = inputs.reshape(self._n_bins, -1, LEARN_EVERY)
        targets = (heard[self._n_before :] * root[:, np.newaxis]).transpose(2, 0, 1)
        fade = keep[:, np.newaxis, np.newaxis]
        conjugate = flat.conj()
        self._covariance *= fade
        self._covariance += conjugate @ flat.swapaxes(1, 2)
        self._correlation *= fade
        self._correlation += conjugate @ targets

    def _solve(self) -> None:
        n_inputs = self._covariance.shape[1]
        diagonal = np.einsum("bii->b", self._covariance).real / n_inputs
        loading = (_LOADING * diagonal + 1e-6)[:, np.newaxis, np.newaxis] * np.eye(n_inputs)
        filters = np.linalg.solve(self._covariance + loading, self._correlation)
        by_tap = filters.reshape(self._n_bins, self._taps, self._channels, self._channels)
        self._filters = np.ascontiguousarray(by_tap.transpose(1, 2, 3, 0), np.complex64)


def _power_around(spectra: Spectra) -> NDArray[np.float64]:
    """Return the power of all channels, the mean over five neighbouring bins.

    The power of a bin alone would weight down whatever differs most from a prediction,
    and so draw every filter towards nothing.
    """
    power = np.square(np.abs(spectra)).sum(axis=1, dtype=np.float64)
    n_bins = power.shape[1]
    padded = np.pad(power, ((0, 0), (2, 2)), mode="edge")
    around: NDArray[np.float64] = sum(
        (padded[:, first : first + n_bins] for first in range(1, 5)), padded[:, :n_bins]
    )
    return around / 5.0
