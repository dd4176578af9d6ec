"""The mask network: how much of each bin is speech, by what it has learnt."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from audiokit.denoise.bands import N_GROUPS, N_POINTS, neighbourhoods, points_to_bins
from audiokit.denoise.noise_floor import KnownNoise, Powers
from audiokit.denoise.point_levels import N_FEATURES, PointLevels
from audiokit.dsp.gru import GatedUnits, unit_weights
from audiokit.dsp.weights import load_weights

__all__ = ["MaskNetwork"]

Weights = NDArray[np.float32]
_ZERO, _ONE, _HALF = np.float32(0.0), np.float32(1.0), np.float32(0.5)
# Bins above what the network hears go by what it says of the octave below: four groups.
_N_SIBILANT = 4


class MaskWeights(NamedTuple):
    """Everything the network has learnt.

    What groups are told and say lies group beside group, which is how products are fast.

    Args:
        entry: From features to the first layer, ``(features, width)``.
        entry_bias: ``(width,)``.
        whole: The unit that hears the whole spectrum (`unit_weights`).
        out: From the whole spectrum to what each group is told, and to an offset and a slope
            for each point, ``(width, (told + 2 * points of a group) * N_GROUPS)``.
        out_bias: One for each column of `out`.
        near: The unit of a group, the same for each.
        near_out: From a group to offsets and slopes of its points,
            ``(2 * points of a group, near width)``.
        loudness_slope: ``(points of a group, N_GROUPS)``.
    """

    entry: Weights
    entry_bias: Weights
    whole: Weights
    out: Weights
    out_bias: Weights
    near: Weights
    near_out: Weights
    loudness_slope: Weights


class MaskNetwork:
    """Say how much of each bin is speech.

    Two gated recurrent units. One hears all points of a frame at once (`PointLevels`). The
    other works in every group of neighbouring points, with the same weights in each: what
    it knows of how noise and voices begin, last and end it has learnt all over the
    spectrum, and the first one tells it what goes on elsewhere. What both make of it is an
    offset and a slope for each point, so that the mask follows the fine structure of a
    spectrum, a voice's harmonics, that no narrow layer could carry.
    Above 8 kHz, where it was not trained, the mask is the mean of that from 4 to 8 kHz.

    Live and offline are the same: layers take all frames of a block at once, units one by
    one, and every product has the shape of one frame, so the bits do not depend on the
    cutting.

    Args:
        channels: Number of channels, each by itself.
        n_bins: Bins of a spectrum.
        bin_hz: From bin to bin.
        known: What was told of the noise beforehand.

    References:
        K. Cho et al., "Learning phrase representations using RNN encoder-decoder for
        statistical machine translation", EMNLP 2014 (the recurrent unit).
        X. Hao et al., "FullSubNet: a full-band and sub-band fusion model for real-time
        single-channel speech enhancement", ICASSP 2021 (one for the whole, one for parts).
    """

    def __init__(
        self, channels: int, n_bins: int, *, bin_hz: float, known: KnownNoise | None = None
    ) -> None:
        self._weights = weights = _mask_weights()
        self._levels = PointLevels(channels, n_bins, bin_hz=bin_hz, known=known)
        # Half, as `_speak` gives twice the mask.
        self._to_bins = _HALF * _side_by_side(points_to_bins(n_bins, bin_hz).T, 1).T
        self._n_bins = n_bins
        self._whole = GatedUnits(weights.whole, channels)
        self._near = GatedUnits(weights.near, channels * N_GROUPS)
        self._neighbourhoods = neighbourhoods().T
        self._n_told = weights.out.shape[1] - 2 * N_POINTS

    def reset(self) -> None:
        """Forget the stream."""
        self._levels.reset()
        self._whole.reset()
        self._near.reset()

    def gains(self, power: Powers, is_heard: NDArray[np.bool_]) -> Powers:
        """Return the gain of every bin of the next frames.

        Args:
            power: Squared magnitudes, ``(frames, channels, bins)``, C-contiguous.
            is_heard: False where a frame is silence, ``(frames, channels)``.

        Returns:
            0 to 1, of the shape of `power`.
        """
        features = self._levels.hear(power, is_heard)
        hidden = np.matmul(features[..., :N_FEATURES], self._weights.entry)
        hidden += self._weights.entry_bias
        np.maximum(hidden, _ZERO, out=hidden)
        hidden += self._whole.follow(hidden.swapaxes(1, 2)).swapaxes(1, 2)
        said = np.matmul(hidden, self._weights.out)
        said += self._weights.out_bias
        said_near = self._listen_near(features, said[..., : self._n_told])
        said_near += said[..., self._n_told :]
        points = self._speak(features, said_near)
        up_to_top: Powers = np.matmul(points.reshape(*said.shape[:-1], N_POINTS), self._to_bins)
        n_heard = up_to_top.shape[-1]
        if n_heard == self._n_bins:
            return up_to_top
        gains = np.empty((*said.shape[:-1], self._n_bins), np.float32)
        gains[..., :n_heard] = up_to_top
        sibilants = points[..., -_N_SIBILANT:]
        sibilance = np.add.reduce(sibilants, axis=(-2, -1))
        sibilance *= _HALF / np.float32(sibilants.shape[-2] * _N_SIBILANT)
        gains[..., n_heard:] = sibilance[..., np.newaxis]
        return gains

    def _listen_near(self, features: Powers, told: Powers) -> Powers:
        """Return what the groups say of their points, ``(frames, channels, 2 N_POINTS)``."""
        frames, channels = features.shape[:2]
        heard = features.take(self._neighbourhoods, axis=-1)
        told = told.reshape(frames, channels, -1, N_GROUPS)
        # One column for each group of each channel.
        inputs = np.concatenate([heard, told], axis=2).swapaxes(1, 2)
        states = self._near.follow(inputs.reshape(*inputs.shape[:2], -1))
        said: Powers = np.matmul(self._weights.near_out, states)
        said = said.reshape(frames, -1, channels, N_GROUPS).swapaxes(1, 2)
        return said.reshape(frames, channels, -1)

    def _speak(self, features: Powers, said: Powers) -> Powers:
        """Return twice the mask of each point of each group: 1 + tanh of what was said of it.

        Returns:
            ``(frames, channels, points of a group, N_GROUPS)``.
        """
        groups = (*said.shape[:-1], N_GROUPS, -1)
        loudness = features[..., :N_POINTS].reshape(groups).swapaxes(-2, -1)
        contrast = features[..., N_POINTS:N_FEATURES].reshape(groups).swapaxes(-2, -1)
        mask: Powers = said[..., N_POINTS:].reshape(contrast.shape)
        mask *= contrast
        mask += said[..., :N_POINTS].reshape(contrast.shape)
        mask += loudness * self._weights.loudness_slope
        # By way of a hyperbolic tangent, which cannot overflow.
        np.tanh(mask, out=mask)
        mask += _ONE
        return mask


@lru_cache(maxsize=1)
def _mask_weights() -> MaskWeights:
    """Return what the network has learnt, from the file beside this module.

    Matrices lie in 8 bits, with one scale for each column.
    """
    stored = load_weights("audiokit.denoise", "mask_network.npz")
    # What is said of points goes into logistic functions: (1 + tanh(x / 2)) / 2.
    return MaskWeights(
        entry=stored["entry"],
        entry_bias=stored["entry_bias"],
        whole=unit_weights(
            stored["from_input"],
            stored["input_bias"],
            stored["from_state"],
            stored["state_bias"],
        ),
        out=_told_and_said(stored["context"], stored["out"]),
        out_bias=_told_and_said(stored["context_bias"], stored["out_bias"]),
        near=unit_weights(
            stored["from_near"],
            stored["near_bias"],
            stored["from_near_state"],
            stored["near_state_bias"],
        ),
        near_out=_HALF * np.ascontiguousarray(stored["near_out"].T),
        loudness_slope=_HALF * _side_by_side(stored["loudness_slope"], 1).reshape(-1, N_GROUPS),
    )


def _told_and_said(context: Weights, out: Weights) -> Weights:
    return np.concatenate([_side_by_side(context, 1), _HALF * _side_by_side(out, 2)], axis=-1)


def _side_by_side(columns: Weights, n_kinds: int) -> Weights:
    """Return columns, given group by group, in an order where groups lie side by side.

    Args:
        columns: The last axis is ``(N_GROUPS, n_kinds, …)`` in one.
        n_kinds: Kinds of values, kept apart.
    """
    *rest, n_columns = columns.shape
    grouped = columns.reshape(*rest, N_GROUPS, n_kinds, -1)
    return np.ascontiguousarray(np.moveaxis(grouped, -3, -1)).reshape(*rest, n_columns)
