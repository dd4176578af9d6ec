"""Which stretches belong to one voice: merging from the bottom up, then speakers in sequence."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Sequence", "follow_speakers", "merge_voices"]

Vectors = NDArray[np.float64]

_N_ITERATIONS = 20
_CONVERGED = 0.01


class Sequence(NamedTuple):
    """Speakers of successive windows.

    Args:
        shares: Probability of each speaker in each window, ``(windows, speakers)``.
        merits: Log-likelihoods that they come from, of the same shape.
        evidence: Lower bound of the logarithm of the evidence: higher is a better account.
    """

    shares: Vectors
    merits: Vectors
    evidence: float


def merge_voices(
    voices: Vectors, spread: Vectors, *, scale: float, fewest: int
) -> dict[int, NDArray[np.intp]]:
    """Merge windows from the bottom up, by how much likelier one voice is than two.

    A cluster is scored as observations of one speaker, whose place is normal with variance
    `spread`, around which windows are normal with variance 1. The pair that gains most is
    merged, until `fewest` are left.

    Args:
        voices: ``(windows, values)``; up to about a thousand windows.
        spread: Variance between speakers, ``(values,)``.
        scale: How much of an independent observation a window is, 0 to 1.
        fewest: Clusters to stop at.

    Returns:
        For every number of clusters from twenty down: which one each window is in.

    References:
        S. Ioffe, "Probabilistic linear discriminant analysis", ECCV 2006, section 3;
        S. S. Chen, P. S. Gopalakrishnan, "Speaker, environment and channel change detection
        and clustering via the Bayesian information criterion", DARPA 1998 (the merging).
    """
    n_voices = len(voices)
    sums, counts = scale * voices.copy(), np.full(n_voices, scale)
    labels = np.arange(n_voices)
    own = _evidence(sums, counts, spread)
    gains = np.full((n_voices, n_voices), -np.inf)
    for row in range(n_voices - 1):
        gains[row, row + 1 :] = _gain(row, slice(row + 1, None), sums, counts, own, spread)
    found: dict[int, NDArray[np.intp]] = {}
    for n_left in range(n_voices, fewest - 1, -1):
        if n_left <= _MOST_KEPT:
            found[n_left] = np.unique(labels, return_inverse=True)[1]
        if n_left == fewest:
            break
        kept, gone = divmod(int(np.argmax(gains)), n_voices)
        labels[labels == gone] = kept
        sums[kept] += sums[gone]
        counts[kept] += counts[gone]
        own[kept] = _evidence(sums[kept], counts[kept], spread)
        gains[gone, :] = gains[:, gone] = -np.inf
        alive = np.flatnonzero(np.isin(np.arange(n_voices), labels))
        before, after = alive[alive < kept], alive[alive > kept]
        gains[before, kept] = _gain(kept, before, sums, counts, own, spread)
        gains[kept, after] = _gain(kept, after, sums, counts, own, spread)
    return found


_MOST_KEPT = 20


def _evidence(sums: Vectors, counts: Vectors, spread: Vectors) -> Vectors:
    """Return the log-likelihood of clusters over that of windows without a speaker."""
    precision = 1.0 + np.asarray(counts)[..., np.newaxis] * spread
    score: Vectors = 0.5 * (spread * sums**2 / precision - np.log(precision)).sum(axis=-1)
    return score


def _gain(
    row: int,
    others: NDArray[np.intp] | slice,
    sums: Vectors,
    counts: Vectors,
    own: Vectors,
    spread: Vectors,
) -> Vectors:
    together = _evidence(sums[row] + sums[others], counts[row] + counts[others], spread)
    gain: Vectors = together - own[row] - own[others]
    return gain


def follow_speakers(
    voices: Vectors, spread: Vectors, start: NDArray[np.intp], *, scale: float, stay: float
) -> Sequence:
    """Let speakers explain a sequence of windows: a hidden Markov model, by variational Bayes.

    Args:
        voices: ``(windows, values)``, as in `merge_voices`.
        spread: ``(values,)``.
        start: Which speaker each window is given to at first, ``(windows,)``.
        scale: How much of an independent observation a window is.
        stay: Probability that the speaker of a window is that of the one before.

    References:
        F. Landini et al., "Bayesian HMM clustering of x-vector sequences (VBx) in speaker
        diarization", Computer Speech and Language 71, 2022, equations 16 to 24.
    """
    n_speakers = int(start.max()) + 1
    shares = 0.9 * np.eye(n_speakers)[start] + 0.1 / n_speakers
    weights = np.full(n_speakers, 1.0 / n_speakers)
    scaled = voices * np.sqrt(spread)
    last = -np.inf
    merits, total = shares, 0.0
    for _ in range(_N_ITERATIONS):
        variance = 1.0 / (1.0 + scale * shares.sum(axis=0)[:, np.newaxis] * spread)
        means = scale * variance * (shares.T @ scaled)
        merits = scale * (scaled @ means.T - 0.5 * (variance + means**2) @ spread)
        shares, weights, evidence = _smooth(merits, weights, stay)
        total = evidence + 0.5 * float((np.log(variance) - variance - means**2 + 1.0).sum())
        if total - last < _CONVERGED:
            break
        last = total
    return Sequence(shares, merits, total)


def _smooth(merits: Vectors, weights: Vectors, stay: float) -> tuple[Vectors, Vectors, float]:
    """Return the shares after a pass forward and one back, new weights and the evidence."""
    n_windows = len(merits)
    top = merits.max(axis=1, keepdims=True)
    likely = np.exp(merits - top)
    forward, back = np.empty_like(merits), np.ones_like(merits)
    norms = np.empty(n_windows)
    state = weights
    for at in range(n_windows):
        reached = state * likely[at]
        norms[at] = reached.sum()
        forward[at] = reached / norms[at]
        state = stay * forward[at] + (1.0 - stay) * weights
    for at in range(n_windows - 2, -1, -1):
        ahead = likely[at + 1] * back[at + 1] / norms[at + 1]
        back[at] = stay * ahead + (1.0 - stay) * float(weights @ ahead)
    shares = forward * back
    shares /= shares.sum(axis=1, keepdims=True)
    # A new turn begins where the speaker was not kept.
    begun = weights * likely[1:] * back[1:] / norms[1:, np.newaxis] * (1.0 - stay)
    new = shares[0] + begun.sum(axis=0)
    new = (new + 1e-8) / (new + 1e-8).sum()
    return shares, new, float(np.log(norms).sum() + top.sum())
