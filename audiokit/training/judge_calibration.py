"""How the outputs of the judge's network are read, and how far they can be trusted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audiokit.quality.network import (
    FAULT_OUTPUTS,
    FAULTS,
    RATIO_KNOTS_DB,
    clipped_share,
    fault_extents,
    mark_quantiles,
)

__all__ = ["calibration", "reached_on"]

Values = NDArray[np.floating[Any]]

_CLIPPING = FAULTS.index("clipping")
_PROCESSING = FAULTS.index("processing")
_LEAST_PESQ, _BEST_PESQ = 1.02, 4.64
# Nine in ten are promised.
_INSIDE = 0.9
_MOST_FALSE_ALARMS = 0.01
_MOST_SPEECH_REFUSED = 0.02
_CLEAR_DB = -5.0
# What the SNR has to say is as much as costs no more than this of the best rank correlation:
# held-back talkers read in the same corpus, and a ratio carries over to others better.
_SHARES = (0.0, 0.15, 0.3, 0.45, 0.6, 0.75)
_SAME_SPEARMAN = 0.01
# Takes so near a knot decide on its mark.
_KNOT_WIDTH_DB = 3.0
# Of the takes without a fault, so many are said to have no more of it.
_USUAL_QUANTILE = 0.8


def calibration(said: Values, marks: Values, faults: Values) -> dict[str, NDArray[np.float16]]:
    """Return how the outputs are to be read, by their names in `JudgeWeights`.

    The points that each fault costs come from least squares without negative ones, of what is
    missing from the best mark of PESQ, on the extents that the network tells.

    Args:
        said: Of takes that were held back, ``(takes, N_OUTPUTS)``.
        marks: See `audiokit.training.marks.Marked`.
        faults: See there.
    """
    from scipy.optimize import nnls

    pesq, _, snr_db, is_speech = marks.T
    # What nobody can tell counts as treated.
    is_treated = ~(faults[:, _PROCESSING] == 0.0)
    is_spoken = is_speech > 0.0
    ratio_marks = _ratio_marks(said, marks, faults)
    share = _share(said, marks, faults, ratio_marks=ratio_marks)
    blended = mark_quantiles(said, share=share, ratio_marks=ratio_marks)
    spread = [
        _spread(said[:, 0:3] * 10.0, np.where(is_treated | ~is_spoken, np.nan, snr_db)),
        _spread(blended, pesq),
    ]
    extents = fault_extents(said)
    usual = [
        float(np.quantile(extents[is_spoken & (faults[:, at] == 0.0), at], _USUAL_QUANTILE))
        for at in range(len(FAULTS))
    ]
    marked = np.isfinite(pesq)
    costs, _ = nnls(np.maximum(extents[marked] - usual, 0.0), _BEST_PESQ - pesq[marked])
    is_plain = is_spoken & ~is_treated
    clear = is_spoken & ~(snr_db < _CLEAR_DB)
    limits = [
        float(np.quantile(said[clear, 7], _MOST_SPEECH_REFUSED)),
        float(
            np.quantile(said[is_plain, FAULT_OUTPUTS][:, _PROCESSING], 1.0 - _MOST_FALSE_ALARMS)
        ),
    ]
    told = {
        "spread": spread, "costs": costs, "usual": usual, "limits": limits,
        "share": [share], "ratio_marks": ratio_marks,
        "clipping": [_clipping_cost(blended[marked, 1], pesq[marked], faults[marked])],
    }  # fmt: skip
    return {name: np.array(values, np.float16) for name, values in told.items()}


def _is_untouched(marks: Values, faults: Values) -> NDArray[np.bool_]:
    """Return whether a take has speech, a mark of PESQ, and no fault but noise."""
    has_other = ~(np.delete(faults, 0, axis=1).max(axis=1) == 0.0)
    untouched: NDArray[np.bool_] = (marks[:, 3] > 0.0) & np.isfinite(marks[:, 0]) & ~has_other
    return untouched


def _ratio_marks(said: Values, marks: Values, faults: Values) -> NDArray[np.float64]:
    """Return the mean mark of PESQ around each of `RATIO_KNOTS_DB`, never falling."""
    chosen = _is_untouched(marks, faults)
    away = (10.0 * said[chosen, 1] - RATIO_KNOTS_DB[:, np.newaxis]) / _KNOT_WIDTH_DB
    # A knot without takes around has the mark of the nearest.
    weights = np.exp(-0.5 * np.square(away)) + 1e-9 / (1.0 + np.square(away))
    means = weights @ marks[chosen, 0] / weights.sum(axis=1)
    rising: NDArray[np.float64] = np.maximum.accumulate(means)
    return rising


def _share(
    said: Values, marks: Values, faults: Values, *, ratio_marks: NDArray[np.float64]
) -> float:
    """Return the share of the SNR in the mark."""
    groups = _is_untouched(marks, faults), np.isfinite(marks[:, 0])
    reached = []
    for share in _SHARES:
        mark = mark_quantiles(said, share=share, ratio_marks=ratio_marks)[:, 1]
        reached.append(sum(_spearman(mark[group], marks[group, 0]) for group in groups) / 2.0)
    good = [
        share
        for share, each in zip(_SHARES, reached, strict=True)
        if each >= max(reached) - _SAME_SPEARMAN
    ]
    return max(good)


def _clipping_cost(mark: Values, pesq: Values, faults: Values) -> float:
    """Return the share of a mark that clipping takes, by least squares."""
    # The extent of a take is that of a share of its samples: see `takes`.
    extents = faults[:, _CLIPPING]
    ratio = np.where(extents > 0.0, 10.0 ** (4.0 * (extents - 1.0)), 0.0)
    taken = clipped_share(ratio) * np.maximum(mark - _LEAST_PESQ, 0.0)
    return float(np.maximum(taken @ (mark - pesq) / max(float(taken @ taken), 1e-6), 0.0))


def _spread(quantiles: Values, true: Values) -> float:
    """Return by what a band must be widened so that enough lie inside."""
    known = np.isfinite(true)
    low, middle, high = quantiles[known].T
    error = true[known] - middle
    half = np.where(error < 0.0, middle - low, high - middle)
    return float(np.quantile(np.abs(error) / np.maximum(half, 1e-3), _INSIDE))


def reached_on(
    said: Values,
    marks: Values,
    faults: Values,
    *,
    weights: Mapping[str, NDArray[np.generic]],
) -> dict[str, float]:
    """Return what a network reaches on takes of talkers and noises that it never met.

    Args:
        said: ``(takes, N_OUTPUTS)``.
        marks: See `audiokit.training.marks.Marked`.
        faults: See there.
        weights: What `calibration` made of these or other takes.
    """
    pesq, dnsmos, snr_db, is_speech = marks.T
    processing = faults[:, _PROCESSING]
    is_treated, is_spoken = processing > 0.0, is_speech > 0.0
    marked, untouched = np.isfinite(pesq), _is_untouched(marks, faults)
    told = {name: values.astype(np.float32) for name, values in weights.items()}
    mark = mark_quantiles(said, share=float(told["share"][0]), ratio_marks=told["ratio_marks"])
    plain = is_spoken & ~is_treated & (snr_db >= -5.0) & (snr_db <= 30.0)
    figures = {"share_of_ratio": float(told["share"][0])}
    for name, chosen in (("untouched", plain & untouched), ("all", plain)):
        error = np.abs(10.0 * said[chosen, 1] - snr_db[chosen])
        figures[f"snr_mae_db_{name}"] = float(error.mean())
        figures[f"snr_spearman_{name}"] = _spearman(said[chosen, 1], snr_db[chosen])
    for name, chosen in (
        ("untouched", marked & untouched),
        ("treated", marked & is_treated),
        ("all", marked),
    ):
        figures[f"pesq_spearman_{name}"] = _spearman(said[chosen, 4], pesq[chosen])
        figures[f"mark_spearman_{name}"] = _spearman(mark[chosen, 1], pesq[chosen])
    figures["ratio_spearman_untouched"] = _spearman(said[untouched, 1], pesq[untouched])
    known = np.isfinite(dnsmos) & is_spoken
    figures["dnsmos_spearman"] = _spearman(said[known, 6], dnsmos[known])
    figures["mark_mae"] = float(np.abs(mark[marked, 1] - pesq[marked]).mean())
    limits = told["limits"]
    has_speech, is_told = (
        said[:, 7] > limits[0],
        said[:, FAULT_OUTPUTS][:, _PROCESSING] > limits[1],
    )
    clear = is_spoken & ~(snr_db < _CLEAR_DB)
    figures["speech_refused"] = float((~has_speech[clear]).mean())
    figures["noise_taken_for_speech"] = float(has_speech[~is_spoken].mean())
    figures["processing_found"] = float(is_told[is_treated & is_spoken].mean())
    figures["processing_false_alarms"] = float(is_told[is_spoken & (processing == 0.0)].mean())
    return {name: round(value, 3) for name, value in figures.items()}


def _spearman(one: Values, other: Values) -> float:
    first, second = (np.argsort(np.argsort(values)) for values in (one, other))
    return float(np.corrcoef(first, second)[0, 1])
