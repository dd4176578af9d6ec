"""The diarization error rate, by its definition.

DER = (missed + false alarm + confusion) / reference speech, all in speaker seconds. Labels of
the two sides are matched so that they share most time. A collar takes so many seconds on each
side of every reference boundary out of the account, as NIST's md-eval does.

References:
    NIST, "The 2009 (RT-09) rich transcription meeting recognition evaluation plan", section 6.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

STEP_S = 0.01


def read_rttm(path):
    """Return turns ``(start_s, end_s, speaker)`` of a file of one recording."""
    rows = [line.split() for line in Path(path).read_text(encoding="utf-8").splitlines()]
    rows = [row for row in rows if row and row[0] == "SPEAKER"]
    return [(float(row[3]), float(row[3]) + float(row[4]), row[7]) for row in rows]


def read_segments(path):
    """Return turns of a file of three columns: start, end, speaker."""
    rows = [line.split() for line in Path(path).read_text(encoding="utf-8").splitlines()]
    return [(float(row[0]), float(row[1]), row[2]) for row in rows if row]


def _pieces(times):
    times = np.unique(np.round(times, 6))
    return (times[:-1] + times[1:]) / 2, np.diff(times)


def _active(turns, middles):
    """Return who speaks in each piece, ``(pieces, speakers)``."""
    names = sorted({name for *_, name in turns})
    active = np.zeros((len(middles), len(names)), bool)
    for start_s, end_s, name in turns:
        active[(middles >= start_s) & (middles < end_s), names.index(name)] = True
    return active


def error_parts(reference, guess, *, collar_s=0.0):
    """Return missed, false alarm, confusion and reference time, in speaker seconds.

    Args:
        reference: Turns ``(start_s, end_s, speaker)``; turns of several speakers may overlap.
        guess: Likewise.
        collar_s: Left out on each side of each boundary of the reference.
    """
    from scipy.optimize import linear_sum_assignment

    edges = [time for start_s, end_s, _ in reference for time in (start_s, end_s)]
    out = [time + side for time in edges for side in (-collar_s, collar_s)]
    times = edges + out + [time for start_s, end_s, _ in guess for time in (start_s, end_s)]
    middles, lengths = _pieces(times)
    if collar_s:
        near = np.abs(middles[:, np.newaxis] - np.array(edges)).min(axis=1) < collar_s
        middles, lengths = middles[~near], lengths[~near]
    truth, said = _active(reference, middles), _active(guess, middles)
    n_true, n_said = truth.sum(axis=1), said.sum(axis=1)
    shared = (truth * lengths[:, np.newaxis]).T @ said.astype(float)
    rows, columns = linear_sum_assignment(-shared)
    right = float(shared[rows, columns].sum())
    missed = float((np.maximum(n_true - n_said, 0) * lengths).sum())
    false = float((np.maximum(n_said - n_true, 0) * lengths).sum())
    both = float((np.minimum(n_true, n_said) * lengths).sum())
    return missed, false, both - right, float((n_true * lengths).sum())


def error_rate(reference, guess, *, collar_s=0.0):
    """Return the diarization error rate, a share of the reference time."""
    *errors, total = error_parts(reference, guess, collar_s=collar_s)
    return sum(errors) / total if total else 0.0


def one_speaker(reference):
    """Return what says that all speech of the reference is one speaker's."""
    turns = []
    for start_s, end_s, _ in sorted(reference):
        if turns and start_s <= turns[-1][1]:
            turns[-1] = (turns[-1][0], max(end_s, turns[-1][1]), "one")
        else:
            turns.append((start_s, end_s, "one"))
    return turns
