"""How the outputs of the judge's network are read, and how far they can be trusted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audiokit.quality.network import FAULT_OUTPUTS, FAULTS

__all__ = ["calibration", "reached_on"]

Values = NDArray[np.float32]

_PROCESSING = FAULTS.index("processing")
_BEST_PESQ = 4.64
# Nine in ten are promised; a little more, for what nobody has heard yet.
_INSIDE = 0.92
_MOST_FALSE_ALARMS = 0.04
_MOST_SPEECH_REFUSED = 0.02
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
    is_treated = faults[:, _PROCESSING] > 0.0
    is_spoken = is_speech > 0.0
    spread = [
        _spread(said[:, 0:3] * 10.0, np.where(is_treated | ~is_spoken, np.nan, snr_db)),
        _spread(said[:, 3:6], pesq),
    ]
    extents = 1.0 / (1.0 + np.exp(-said[:, FAULT_OUTPUTS]))
    usual = [
        float(np.quantile(extents[is_spoken & (faults[:, at] == 0.0), at], _USUAL_QUANTILE))
        for at in range(len(FAULTS))
    ]
    marked = np.isfinite(pesq)
    costs, _ = nnls(np.maximum(extents[marked] - usual, 0.0), _BEST_PESQ - pesq[marked])
    is_plain = is_spoken & ~is_treated
    clear = is_spoken & ~(snr_db < -5.0)
    limits = [
        float(np.quantile(said[clear, 7], _MOST_SPEECH_REFUSED)),
        float(
            np.quantile(said[is_plain, FAULT_OUTPUTS][:, _PROCESSING], 1.0 - _MOST_FALSE_ALARMS)
        ),
    ]
    told = {"spread": spread, "costs": costs, "usual": usual, "limits": limits}
    return {name: np.array(values, np.float16) for name, values in told.items()}


def _spread(quantiles: Values, true: Values) -> float:
    """Return by what a band must be widened so that enough lie inside."""
    known = np.isfinite(true)
    low, middle, high = quantiles[known].T
    error = true[known] - middle
    half = np.where(error < 0.0, middle - low, high - middle)
    return float(np.quantile(np.abs(error) / np.maximum(half, 1e-3), _INSIDE))


def reached_on(said: Values, marks: Values, faults: Values) -> dict[str, float]:
    """Return what a network reaches on takes of talkers and noises that it never met.

    Args:
        said: ``(takes, N_OUTPUTS)``.
        marks: See `audiokit.training.marks.Marked`.
        faults: See there.
    """
    pesq, dnsmos, snr_db, is_speech = marks.T
    is_treated, is_spoken = faults[:, _PROCESSING] > 0.0, is_speech > 0.0
    marked = np.isfinite(pesq)
    untouched = (np.delete(faults, 0, axis=1).max(axis=1) == 0.0) & is_spoken
    plain = is_spoken & ~is_treated & (snr_db >= -5.0) & (snr_db <= 30.0)
    figures = {}
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
    known = np.isfinite(dnsmos) & is_spoken
    figures["dnsmos_spearman"] = _spearman(said[known, 6], dnsmos[known])
    figures["pesq_mae"] = float(np.abs(said[marked, 4] - pesq[marked]).mean())
    limits = calibration(said, marks, faults)["limits"].astype(np.float32)
    has_speech, is_told = (
        said[:, 7] > limits[0],
        said[:, FAULT_OUTPUTS][:, _PROCESSING] > limits[1],
    )
    figures["speech_refused"] = float((~has_speech[is_spoken]).mean())
    figures["noise_taken_for_speech"] = float(has_speech[~is_spoken].mean())
    figures["processing_found"] = float(is_told[is_treated & is_spoken].mean())
    figures["processing_false_alarms"] = float(is_told[is_spoken & ~is_treated].mean())
    return {name: round(value, 3) for name, value in figures.items()}


def _spearman(one: Values, other: Values) -> float:
    first, second = (np.argsort(np.argsort(values)) for values in (one, other))
    return float(np.corrcoef(first, second)[0, 1])
