"""Fit the weights of the pitch tracker to voices whose pitch is known.

    python tests/benchmarks/fit_pitch.py SPEECH_FOLDER NOISE_FOLDER [--voices 100] [--seed 1]

Voices by formula, recordings with their excitation replaced, and some hums; each clean, with
noises, white noise and babble at 22 dB and less, and over a telephone. What is printed goes to
audiokit/features/pitch_candidates.py: the weights of a conditional logistic regression of which
candidate is the pitch, if any.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pitch_voices as pv

from audiokit.features.grid import FrameCutter
from audiokit.features.periodicity import Periodicity
from audiokit.features.pitch_candidates import CandidateFinder
from audiokit.features.pitch_settings import PitchSettings

SECONDS = 4.0
# A candidate this near the truth is it; a voiced frame that has none teaches nothing.
NEAR = 0.06
# Keeps weights of what hardly matters small.
RIDGE = 1e-4
# Neighbouring frames tell the same: every third is enough.
EVERY = 3


def scenes(speech_files, noise_files, n_voices, rng):
    """Yield voices, clean and hidden."""
    n_samples = round(SECONDS * pv.RATE)
    talkers = [pv.load(path)[:n_samples] for path in rng.choice(speech_files, 40)]
    ranges = [*pv.RANGES_HZ]
    for number in range(n_voices):
        range_name = ranges[number % len(ranges)]
        if number % 3 == 0:
            voice = pv.spoken_by_formula(int(rng.integers(1 << 30)), range_name, SECONDS)
        else:
            path = speech_files[rng.integers(len(speech_files))]
            samples = pv.load(path)[pv.RATE // 2 :][:n_samples]
            voice = pv.spoken_again(samples, path.stem, range_name, int(rng.integers(1 << 30)))
        length = len(voice.samples)
        hidden = [voice, pv.over_telephone(voice)]
        if number % 4 == 0:
            hidden.append(pv.hummed(number, range_name, SECONDS))
        for _ in range(3):
            noise = pv.load(noise_files[rng.integers(len(noise_files))])[: 60 * pv.RATE]
            if len(noise) and noise.any():
                noise = pv.piece(noise, length, f"{number}")
                hidden.append(pv.with_noise(voice, noise + 1e-9, rng.uniform(-2.0, 22.0)))
        seed, n_talkers = int(rng.integers(1 << 30)), int(rng.integers(3, 9))
        babble = pv.babble(talkers, length, seed, n_talkers)
        hidden.append(pv.with_noise(voice, babble, rng.uniform(2.0, 20.0)))
        hidden.append(pv.with_noise(voice, rng.standard_normal(length), rng.uniform(-2.0, 22.0)))
        yield from hidden
        yield pv.over_telephone(hidden[-1])


def described(voice):
    """Return values of candidates and frames, pitches, and which are there, of a voice."""
    settings = PitchSettings()
    periodicity = Periodicity(settings, voice.rate)
    finder = CandidateFinder(
        settings, lag_rate_hz=periodicity.lag_rate_hz, n_lags=periodicity.n_lags
    )
    cutter = FrameCutter(periodicity.grid)
    runs = [
        finder.describe(periodicity.measure(periodicity.grid.frames_of(stretch)))
        for frames in (cutter.push(voice.samples), cutter.finish())
        for _, stretch in frames
    ]
    candidates = np.concatenate([np.stack(run.candidate_values, axis=-1) for run in runs])
    frames = np.concatenate([np.stack(run.frame_values, axis=-1) for run in runs])
    f0_hz = np.concatenate([periodicity.lag_rate_hz / run.lags for run in runs])
    is_there = np.concatenate([run.is_there for run in runs])
    n_frames = min(len(voice.f0_hz), len(frames))
    return candidates[:n_frames], frames[:n_frames], f0_hz[:n_frames], is_there[:n_frames]


def labelled(voice):
    """Return what can be learnt from a voice: values, and which candidate is the pitch."""
    candidates, frames, f0_hz, is_there = described(voice)
    truth_hz = voice.f0_hz[: len(frames)]
    error = np.abs(f0_hz / np.maximum(truth_hz, 1.0)[:, np.newaxis] - 1.0)
    error[~is_there] = np.inf
    label = np.where(truth_hz > 0.0, 1 + error.argmin(axis=1), 0)
    known = (truth_hz == 0.0) | (error.min(axis=1) < NEAR)
    known &= np.arange(len(known)) % EVERY == 0
    return candidates[known], frames[known], is_there[known], label[known]


def fitted(candidates, frames, is_there, label):
    """Return the weights that make the labels most probable, and how probable they are."""
    from scipy.optimize import minimize

    n_candidate_values = candidates.shape[-1]
    scale = np.concatenate([candidates[is_there].std(axis=0), frames.std(axis=0)]) + 1e-6
    scale[n_candidate_values] = 1.0
    candidates = candidates / scale[:n_candidate_values].astype(np.float32)
    frames = frames / scale[n_candidate_values:].astype(np.float32)
    rows = np.arange(len(label))

    def loss(weights):
        voiced = candidates @ weights[:n_candidate_values]
        unvoiced = frames @ weights[n_candidate_values:]
        logits = np.concatenate([unvoiced[:, None], np.where(is_there, voiced, -50.0)], axis=1)
        logits -= logits.max(axis=1, keepdims=True)
        chances = np.exp(logits)
        chances /= chances.sum(axis=1, keepdims=True)
        surprise = -np.log(chances[rows, label] + 1e-12).mean()
        chances[rows, label] -= 1.0
        slopes = np.where(is_there, chances[:, 1:], 0.0)
        slope = np.concatenate(
            [np.tensordot(slopes, candidates, ([0, 1], [0, 1])), chances[:, 0] @ frames]
        ) / len(label)
        return surprise + RIDGE * weights @ weights, slope + 2.0 * RIDGE * weights

    start = np.zeros(len(scale))
    best = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 200})
    return best.x / scale, best.fun


def printed(name, weights):
    """Print weights as they stand in the source."""
    print(f"{name} = (")
    for weight in weights:
        print(f"    {float(f'{weight:.4g}')!r},")
    print(")")


def main():
    """Fit and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("speech", type=Path)
    parser.add_argument("noise", type=Path)
    parser.add_argument("--voices", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    speech_files, noise_files = (
        sorted(folder.iterdir()) for folder in (options.speech, options.noise)
    )
    parts = [labelled(voice) for voice in scenes(speech_files, noise_files, options.voices, rng)]
    table = [np.concatenate(column) for column in zip(*parts, strict=True)]
    weights, surprise = fitted(*table)
    n_candidate_values = table[0].shape[-1]
    print(f"# {len(table[0])} frames, {surprise:.4f} nat each")
    printed("_CANDIDATE_WEIGHTS", weights[:n_candidate_values])
    printed("_FRAME_WEIGHTS", weights[n_candidate_values:])


if __name__ == "__main__":
    main()
