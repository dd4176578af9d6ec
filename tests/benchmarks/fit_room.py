"""Fit the reverberation estimate on made rooms, and check it on held-out talkers and real rooms.

    python tests/benchmarks/fit_room.py

Prints the weights of `audiokit/quality/room.py`. Training: LibriSpeech talkers of the training
set, each dry and in four made rooms (a direct sound, sparse reflections, a decaying tail), without
noise or with some of the training noises. Every third talker is held out. Real rooms: the impulse
responses of the recordings, with talkers that are in no training set.
"""

from __future__ import annotations

import numpy as np
from cost import recordings
from mixes import CLEANEST_CLIPS, RATE, read

from audiokit.quality.frames import Stretcher
from audiokit.quality.levels import Levels
from audiokit.quality.room import Room
from audiokit.stage import StreamFormat

FMT = StreamFormat(RATE)
N_ROOMS = 4
LONGEST_S = 12
HIGHEST_DB, LOWEST_DB = 25.0, -5.0
NO_NOISE_DB = 99.0
SNRS_DB = (NO_NOISE_DB, 40.0, 30.0, 20.0, 12.0)
RIDGE = 3.0


def made_room(rng):
    """Return an impulse response at 16 kHz: RT 0.15 to 1.5 s, direct sound -8 to 15 dB."""
    decay_s = np.exp(rng.uniform(np.log(0.15), np.log(1.5)))
    time_s = np.arange(round(RATE * max(0.2, 1.2 * decay_s))) / RATE
    tail = rng.standard_normal(len(time_s)) * 10.0 ** (-3.0 * time_s / decay_s)
    tail[time_s < rng.uniform(0.001, 0.01)] = 0.0
    is_early = time_s < 0.04
    tail[is_early] *= rng.random(np.count_nonzero(is_early)) < 0.3
    tail *= 10.0 ** (-rng.uniform(-8.0, 15.0) / 20.0) / np.sqrt(np.sum(tail**2))
    tail[0] += 1.0
    return tail


def c50_db(response):
    """Return the clarity of an impulse response at 16 kHz (ISO 3382-1:2009, A.2.4)."""
    bound = int(np.argmax(np.abs(response))) + round(0.05 * RATE)
    early, late = (float(np.sum(np.square(part))) for part in np.split(response, [bound]))
    return 10.0 * np.log10(early / max(late, 1e-12))


def in_room(speech, response):
    """Return speech in a room, of the same length."""
    size = 1 << (len(speech) + len(response) - 1).bit_length()
    wet = np.fft.irfft(np.fft.rfft(speech, size) * np.fft.rfft(response, size), size)
    return wet[: len(speech)]


def heard(samples):
    """Return the quantiles that the estimate is made of."""
    room, levels, stretcher = Room(FMT), Levels(FMT), Stretcher(FMT)
    block = np.ascontiguousarray(samples[:, np.newaxis], np.float32)
    for stretch in [*stretcher.push(block), *stretcher.rest()]:
        room.add(stretch)
        levels.add(stretch)
    return room.changes_db()


def training_rows():
    """Return features ``(n, 6)``, true C50 in dB, and the number of the talker."""
    rng = np.random.default_rng(5)
    noises = sorted((recordings() / "train" / "noise").glob("*.flac"))
    talkers = sorted((recordings() / "train" / "speech").glob("libri*.flac"))
    features, truth, numbers = [], [], []
    for number, path in enumerate(talkers):
        speech = read(path)[: LONGEST_S * RATE]
        speech = speech * (0.05 / np.sqrt(np.mean(np.square(speech))))
        for response in [np.ones(1), *(made_room(rng) for _ in range(N_ROOMS))]:
            wet = in_room(speech, response)
            snr_db = rng.choice(SNRS_DB)
            if snr_db < NO_NOISE_DB:
                noise = np.resize(read(noises[rng.integers(len(noises))]), len(wet))
                scale = np.sqrt(np.mean(wet**2) / max(1e-12, np.mean(noise**2)))
                wet = wet + noise * scale * 10.0 ** (-snr_db / 20.0)
            features.append(heard(wet))
            truth.append(c50_db(response))
            numbers.append(number)
    return np.array(features), np.clip(truth, LOWEST_DB, HIGHEST_DB), np.array(numbers)


def fitted(features, truth):
    """Return weights ``(6,)`` and bias of a ridge regression."""
    mean, scale = features.mean(axis=0), features.std(axis=0)
    scaled = np.c_[(features - mean) / scale, np.ones(len(features))]
    inner = scaled.T @ scaled + RIDGE * np.diag([*np.ones(features.shape[1]), 0.0])
    *weights, bias = np.linalg.solve(inner, scaled.T @ truth)
    weights = np.array(weights) / scale
    return weights, bias - float(mean @ weights)


def real_rows():
    """Yield the name of a room, its C50 in dB, and features of talkers in it."""
    responses = {path.stem: read(path) for path in sorted((recordings() / "rir").iterdir())}
    talkers = [read(recordings() / "speech" / name) for name, _ in CLEANEST_CLIPS]
    for name, response in {"dry": np.ones(1), **responses}.items():
        rows = [heard(in_room(speech, response)) for speech in talkers]
        yield name, float(np.clip(c50_db(response), LOWEST_DB, HIGHEST_DB)), np.array(rows)


def main():
    """Fit, print the weights, and the errors beside them."""
    features, truth, numbers = training_rows()
    is_held_out = numbers % 3 == 0
    weights, bias = fitted(features[~is_held_out], truth[~is_held_out])
    estimate = np.clip(features @ weights + bias, LOWEST_DB, HIGHEST_DB)
    error = np.abs(estimate - truth)[is_held_out]
    print(f"_WEIGHTS = ({', '.join(f'{weight:.4f}' for weight in weights)})")
    print(f"_BIAS_DB = {bias:.3f}")
    print(f"held-out talkers, {len(error)} recordings: mean error {error.mean():.2f} dB,", end=" ")
    print(f"nine of ten within {np.quantile(error, 0.9):.1f} dB")
    print("| room | C50 in dB | estimate: median | 10 % | 90 % |\n|---|---|---|---|---|")
    errors = []
    for name, true_db, rows in real_rows():
        estimate = np.clip(rows @ weights + bias, LOWEST_DB, HIGHEST_DB)
        errors += np.abs(estimate - true_db).tolist()
        low, middle, high = np.quantile(estimate, (0.1, 0.5, 0.9))
        print(f"| {name} | {true_db:.1f} | {middle:.1f} | {low:.1f} | {high:.1f} |")
    print(f"real rooms: mean error {np.mean(errors):.2f} dB, ", end="")
    print(f"within 5.5 dB {np.mean(np.array(errors) <= 5.5):.0%}")


if __name__ == "__main__":
    main()
