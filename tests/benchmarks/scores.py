"""Four opinions on a cleaned recording: they disagree, so all are told.

The model of DNSMOS comes with the speechmos package; it is run here by one thread of
onnxruntime, without the package's own code, which needs librosa and requests.
"""

from __future__ import annotations

import importlib.util
from functools import lru_cache
from pathlib import Path

import numpy as np

RATE = 16000
# Beyond this SI-SDR tells nothing: what is the same has an infinite one.
MOST_DB = 60.0
# The lower end of P.862.2's scale, for an output in which it finds no utterance.
WORST_PESQ = 0.999
DNSMOS_SAMPLES = 144160
# From the network's output to the scale of listeners: the coefficients published with it
# (C. Reddy et al., "DNSMOS P.835", ICASSP 2022).
DNSMOS_OVERALL = (-0.06766283, 1.11546468, 0.04602535)


def against(clean, out):
    """Return PESQ-WB, STOI in points of a hundred and SI-SDR in dB, by name."""
    import pystoi
    from pesq import PesqError, pesq

    quality = pesq(RATE, clean, out, "wb", on_error=PesqError.RETURN_VALUES)
    return {
        "pesq": max(float(quality), WORST_PESQ),
        "stoi_points": 100.0 * float(pystoi.stoi(clean, out, RATE)),
        "si_sdr_db": si_sdr_db(clean, out),
    }


def si_sdr_db(clean, out):
    """Return the scale-invariant ratio of signal to distortion (Le Roux et al., 2019)."""
    clean, out = (np.asarray(samples, float) - np.mean(samples) for samples in (clean, out))
    target = clean * (np.dot(out, clean) / np.dot(clean, clean))
    error = np.sum(np.square(out - target))
    least = np.sum(np.square(target)) * 10.0 ** (-MOST_DB / 10.0)
    return float(10.0 * np.log10(max(np.sum(np.square(target)), 1e-20) / max(error, least, 1e-20)))


def has_dnsmos():
    """Return whether the model and what runs it are installed."""
    return all(importlib.util.find_spec(name) for name in ("speechmos", "onnxruntime"))


def dnsmos(out):
    """Return the overall score of one recording, from seconds of it that overlap."""
    samples = np.clip(out, -1.0, 1.0).astype(np.float32)
    while len(samples) < DNSMOS_SAMPLES:
        samples = np.concatenate([samples, samples])
    raw = [
        _model().run(None, {"input_1": samples[np.newaxis, start : start + DNSMOS_SAMPLES]})[0]
        for start in range(0, len(samples) - DNSMOS_SAMPLES + 1, RATE)
    ]
    return float(np.mean([np.polyval(DNSMOS_OVERALL, scores[0][2]) for scores in raw]))


@lru_cache
def _model():
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    folder = Path(importlib.util.find_spec("speechmos").origin).parent
    path = folder / "dnsmos_models" / "sig_bak_ovr.onnx"
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
