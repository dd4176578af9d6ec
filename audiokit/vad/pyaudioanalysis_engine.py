"""pyAudioAnalysis' silence removal as a scorer, on the features of the package itself."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from audiokit.errors import SettingError
from audiokit.features.pyaudioanalysis_engine import short_term_features
from audiokit.files.resample import Resampler, ResampleSettings
from audiokit.stage import Block, StreamFormat
from audiokit.vad.framed_scorer import mix_down
from audiokit.vad.scorer import FRAMES_PER_SECOND, MIN_SAMPLE_RATE, SpeechScorer

__all__ = ["PyAudioAnalysisScorer"]

_RATE = 16000
_WINDOW_SAMPLES = 800  # 50 ms, without overlap: its command line's own
_FRAMES_PER_WINDOW = _WINDOW_SAMPLES * FRAMES_PER_SECOND // _RATE
_SMOOTH_WINDOWS = 10  # 0.5 s, its default
_WEIGHT = 0.5  # its default
# Each piece is judged by itself; a rest shorter than two seconds joins the piece before it.
_PIECE_SAMPLES = 600 * _RATE
_LEAST_REST_SAMPLES = 2 * _RATE
# A tenth of the windows is quiet and a tenth loud: two of each at least.
_LEAST_WINDOWS = 20
_ENERGY = 1  # the row of its feature table
_MOST_FOLDS = 5  # as many as libsvm takes to make probabilities of distances


class PyAudioAnalysisScorer(SpeechScorer):
    """Learn anew in each recording what its quiet and its loud windows sound like.

    The method of ``audioSegmentation.silence_removal``: a linear support vector machine is
    trained on the features of the tenth of the windows with the least energy against the tenth
    with the most, its probability is smoothed over half a second, and the threshold is the
    mean of the means of its lowest and highest tenth. The probability given here is one half
    at that threshold, and linear on either side.

    That function cannot be imported by itself: its module loads eyed3 (GPL), hmmlearn,
    imbalanced-learn and plotly, which the package does not declare and this project does not
    install. Only ``ShortTermFeatures`` is imported, which needs SciPy, matplotlib and tqdm; the
    steps on top of its features are written here, on scikit-learn. One thing differs: what
    makes probabilities of the machine's distances draws no lots, so that they are the same
    every time (and scikit-learn 1.11 drops the way that does).

    It must hear all before it says anything. What it holds is bounded: after 600 s (38 MB
    of samples, and some 200 MB while it works) it judges them and begins anew, so that a
    long recording is judged in pieces. In less than one second, or where a tenth holds a single
    window, it finds no speech; there the original fails.

    Args:
        fmt: Format of the stream; 8000 Hz or more. Brought to 16 kHz.

    Raises:
        SettingError: The sample rate is below 8000 Hz.
        MissingExtraError: pyAudioAnalysis, or what it needs, is not installed.

    References:
        T. Giannakopoulos, "pyAudioAnalysis: an open-source Python library for audio signal
        analysis", PLoS ONE 10 (2015), section "Silence removal".
    """

    def __init__(self, fmt: StreamFormat) -> None:
        if fmt.sample_rate < MIN_SAMPLE_RATE:
            raise SettingError(
                "sample_rate", fmt.sample_rate, f"{MIN_SAMPLE_RATE} Hz or more", "Resample first."
            )
        short_term_features()
        self.fmt = fmt
        self.look_ahead_s = float("inf")
        self._to_native = Resampler(StreamFormat(fmt.sample_rate), ResampleSettings(_RATE))
        self.reset()

    def reset(self) -> None:
        self._to_native.reset()
        self._held: list[Block] = []
        self._n_held = self._n_samples = self._n_frames = 0

    def process(self, block: Block) -> NDArray[np.float32]:
        self._n_samples += len(block)
        self._hold(self._to_native.process(mix_down(block)))
        found = [np.zeros(0, np.float32)]
        while self._n_held >= _PIECE_SAMPLES + _LEAST_REST_SAMPLES:
            held = np.concatenate(self._held)
            found.append(_judge(held[:_PIECE_SAMPLES, 0]))
            self._held, self._n_held = [], 0
            self._hold(held[_PIECE_SAMPLES:].copy())
        return self._counted(np.concatenate(found))

    def flush(self) -> NDArray[np.float32]:
        self._hold(self._to_native.flush())
        n_begun = -(-self._n_samples * FRAMES_PER_SECOND // self.fmt.sample_rate)
        found = _judge(np.concatenate([*self._held, np.zeros((0, 1), np.float32)])[:, 0])
        n_due = n_begun - self._n_frames
        # The last window is whole; what it leaves is like it.
        missing = max(0, n_due - len(found))
        last = found[-1:] if len(found) else np.zeros(1, np.float32)
        return self._counted(np.concatenate([found, np.repeat(last, missing)])[:n_due])

    def _hold(self, native: Block) -> None:
        self._held.append(native)
        self._n_held += len(native)

    def _counted(self, found: NDArray[np.float32]) -> NDArray[np.float32]:
        self._n_frames += len(found)
        return found


def _judge(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the probability of each frame of the whole windows of a piece."""
    n_windows = len(samples) // _WINDOW_SAMPLES
    if n_windows < _LEAST_WINDOWS or not samples.any():
        return np.zeros(n_windows * _FRAMES_PER_WINDOW, np.float32)
    # It counts in 16 bits, and then removes the mean and the level.
    features, _ = short_term_features().feature_extraction(
        samples * 32768.0, _RATE, _WINDOW_SAMPLES, _WINDOW_SAMPLES
    )
    probability = _smoothed(_loudness_probability(features))
    tenth = len(probability) // 10
    ranked = np.sort(probability)
    low, high = ranked[:tenth].mean(), ranked[-tenth:].mean()
    threshold = (1.0 - _WEIGHT) * low + _WEIGHT * high
    threshold = min(max(threshold, 1e-6), 1.0 - 1e-6)
    shares = np.interp(probability, [0.0, threshold, 1.0], [0.0, 0.5, 1.0])
    return np.repeat(shares, _FRAMES_PER_WINDOW).astype(np.float32)


def _loudness_probability(features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how much each window is like the loud ones and not the quiet ones, 0 to 1."""
    from sklearn.preprocessing import StandardScaler

    energy = features[_ENERGY]
    ranked = np.sort(energy)
    tenth = len(ranked) // 10
    quiet = energy <= ranked[:tenth].mean() + 1e-15
    # Its slice leaves the loudest window out.
    loud = energy >= ranked[-tenth:-1].mean() + 1e-15
    n_folds = min(_MOST_FOLDS, int(quiet.sum()), int(loud.sum()))
    if n_folds < 2 or (quiet & loud).any():
        return np.zeros(features.shape[1])
    examples = np.concatenate([features[:, quiet].T, features[:, loud].T])
    labels = np.repeat([0.0, 1.0], [np.count_nonzero(quiet), np.count_nonzero(loud)])
    scaler = StandardScaler().fit(examples)
    machine = _trained(scaler.transform(examples), labels, n_folds)
    probability: NDArray[np.float64] = machine.predict_proba(scaler.transform(features.T))[:, 1]
    return probability


def _trained(examples: NDArray[np.float64], labels: NDArray[np.float64], n_folds: int) -> Any:
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.svm import SVC

    machine = SVC(C=1.0, kernel="linear")
    return CalibratedClassifierCV(machine, cv=n_folds, ensemble=False).fit(examples, labels)


def _smoothed(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the moving mean, the ends continued by their reflection through the end point."""
    reach = _SMOOTH_WINDOWS
    head = 2.0 * values[0] - values[reach - 1 :: -1]
    tail = 2.0 * values[-1] - values[-1:-reach:-1]
    extended = np.concatenate([head, values, tail])
    means: NDArray[np.float64] = np.convolve(np.full(reach, 1.0 / reach), extended, mode="same")
    return np.clip(means[reach : reach + len(values)], 0.0, 1.0)
