"""How well probabilities and segments of speech agree with labels."""

from __future__ import annotations

import numpy as np

LEAST_PAUSE_S = 0.3
MOST_CUT_S = 0.02


def roc_auc(is_speech, scores):
    """Return the area under the ROC curve, ties counted half; nan where a class is empty.

    That is the Mann-Whitney statistic over the number of pairs: the chance that a frame of
    speech scores higher than a frame of none (J. Hanley & B. McNeil, Radiology 143, 1982).
    """
    is_speech = np.asarray(is_speech, bool)
    _, rank, counts = np.unique(scores, return_inverse=True, return_counts=True)
    n_speech = np.bincount(rank, weights=is_speech, minlength=len(counts))
    n_other = counts - n_speech
    below = np.cumsum(n_other) - n_other
    n_pairs = n_speech.sum() * n_other.sum()
    return float(np.sum(n_speech * (below + 0.5 * n_other)) / n_pairs) if n_pairs else np.nan


def f1(is_speech, is_found):
    """Return the harmonic mean of precision and recall; nan where neither is defined."""
    is_speech, is_found = np.asarray(is_speech, bool), np.asarray(is_found, bool)
    n_both = np.count_nonzero(is_speech & is_found)
    n_either = np.count_nonzero(is_speech) + np.count_nonzero(is_found)
    return 2.0 * n_both / n_either if n_either else np.nan


def joined(stretches, least_pause_s=LEAST_PAUSE_S):
    """Return stretches with shorter pauses closed; 10 ms frames do not tell 0.3 from 0.30001."""
    found = []
    for start_s, end_s in sorted(stretches):
        if found and start_s - found[-1][1] < least_pause_s - 1e-6:
            found[-1] = (found[-1][0], max(end_s, found[-1][1]))
        else:
            found.append((start_s, end_s))
    return found


def boundary_errors_s(words, segments):
    """Return how far each aligned start and end lies from the nearest found, ``(errors,)``.

    Both lists are joined first. An edge that nobody found counts with its distance to
    whatever is nearest; with nothing found at all it is infinitely far.
    """
    aligned, found = joined(words), joined(segments)
    errors = []
    for side in (0, 1):
        edges = np.array([stretch[side] for stretch in found] or [np.inf])
        errors += [float(np.min(np.abs(edges - stretch[side]))) for stretch in aligned]
    return np.array(errors)


def n_cut(words, segments):
    """Return of how many words more than 20 ms lie outside all segments."""
    stretches = joined(segments, 0.0)
    inside = [
        sum(max(0.0, min(end, last) - max(start, first)) for first, last in stretches)
        for start, end in words
    ]
    lost = [end - start - kept for (start, end), kept in zip(words, inside, strict=True)]
    return sum(seconds > MOST_CUT_S + 1e-9 for seconds in lost)


def n_trimmed(words, segments):
    """Return how many words are cut when only what lies around all segments is removed."""
    if not segments:
        return len(words)
    starts, ends = zip(*segments, strict=True)
    return n_cut(words, [(min(starts), max(ends))])
