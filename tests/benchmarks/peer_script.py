"""The script that people write today to make speech ready for machine learning.

    python tests/benchmarks/peer_script.py IN... -o OUT [--pyin]

Per file: load at 16 kHz mono (librosa), denoise (noisereduce), bring to -23 LUFS
(pyloudnorm), find speech (webrtcvad), then log-mel, MFCC with two deltas and spectral
features from one shared transform (librosa), and write FLAC, segments and features. It is
written as a careful engineer would write it, so that beating it means something. The
last line of stdout is one JSON object with what it cost.

Needs: pip install 'audiokit[bench]'
"""

# The peer is what people run, and they import at the top.

from __future__ import annotations

import argparse
import json
import time
import warnings
from pathlib import Path

import librosa
import noisereduce
import numpy as np
import pyloudnorm
import soundfile
import webrtcvad

RATE = 16000
HOP = 160
WINDOW = 400
N_FFT = 512
TARGET_LUFS = -23.0
VAD_FRAME = 480
METER = pyloudnorm.Meter(RATE)
SHORTEST_S = METER.block_size


def normalize(speech):
    """Return the speech at -23 LUFS, kept below full scale."""
    if len(speech) < SHORTEST_S * RATE:
        return speech
    loudness = METER.integrated_loudness(speech)
    if not np.isfinite(loudness):
        return speech
    with warnings.catch_warnings():
        # pyloudnorm warns of peaks beyond full scale; the next line sees to them.
        warnings.simplefilter("ignore")
        speech = pyloudnorm.normalize.loudness(speech, loudness, TARGET_LUFS)
    return speech / max(1.0, np.abs(speech).max() / 10 ** (-1 / 20))


def segments(speech):
    """Return speech as [start_s, end_s] pairs, by webrtcvad on frames of 30 ms."""
    vad = webrtcvad.Vad(2)
    pcm = (np.clip(speech, -1, 1) * 32767).astype("<i2")
    n_frames = len(pcm) // VAD_FRAME
    frames = pcm[: n_frames * VAD_FRAME].reshape(n_frames, VAD_FRAME)
    voiced = [vad.is_speech(frame.tobytes(), RATE) for frame in frames]
    edges = np.flatnonzero(np.diff([False, *voiced, False]))
    return (edges.reshape(-1, 2) * VAD_FRAME / RATE).tolist()


def features(speech, *, pyin):
    """Return named arrays, each ``(rows, frames)``."""
    magnitude = np.abs(librosa.stft(speech, n_fft=N_FFT, hop_length=HOP, win_length=WINDOW))
    log_mel = librosa.power_to_db(
        librosa.feature.melspectrogram(S=magnitude**2, sr=RATE, n_mels=80)
    )
    mfcc = librosa.feature.mfcc(S=log_mel, n_mfcc=20)
    # A delta needs nine frames; a shorter clip takes what edge padding gives.
    mode = "interp" if mfcc.shape[1] >= 9 else "nearest"
    arrays = {
        "log_mel": log_mel,
        "mfcc": mfcc,
        "mfcc_delta": librosa.feature.delta(mfcc, mode=mode),
        "mfcc_delta2": librosa.feature.delta(mfcc, order=2, mode=mode),
        "rms": librosa.feature.rms(S=magnitude, frame_length=N_FFT),
        "centroid": librosa.feature.spectral_centroid(S=magnitude, sr=RATE),
        "bandwidth": librosa.feature.spectral_bandwidth(S=magnitude, sr=RATE),
        "rolloff": librosa.feature.spectral_rolloff(S=magnitude, sr=RATE),
        "flatness": librosa.feature.spectral_flatness(S=magnitude),
        "zero_crossings": librosa.feature.zero_crossing_rate(
            speech, frame_length=N_FFT, hop_length=HOP
        ),
    }
    if pyin:
        f0, _, probability = librosa.pyin(
            speech, fmin=65, fmax=500, sr=RATE, frame_length=1024, hop_length=HOP
        )
        arrays |= {"f0": f0, "voiced_probability": probability}
    return arrays


def prepare(source, out, *, pyin):
    """Do the whole job on one file; return its duration in seconds."""
    speech, _ = librosa.load(source, sr=RATE)
    if not speech.any():
        raise ValueError(f"{source}: nothing but silence")
    clean = normalize(noisereduce.reduce_noise(y=speech, sr=RATE)).astype(np.float32)
    stem = out / Path(source).stem
    soundfile.write(stem.with_suffix(".flac"), clean, RATE, "PCM_16")
    stem.with_suffix(".json").write_text(json.dumps(segments(clean)), encoding="utf-8")
    np.savez(stem.with_suffix(".npz"), **features(clean, pyin=pyin))
    return len(speech) / RATE


def main():
    """Prepare each file; print CPU seconds per file, then the sums."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sources", nargs="+", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--pyin", action="store_true", help="add F0 by pYIN, hop 10 ms")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    costs = []
    for source in options.sources:
        begin_s = time.process_time()
        duration_s = prepare(source, options.out, pyin=options.pyin)
        costs.append((duration_s, time.process_time() - begin_s))
        print(f"{source.name}: {duration_s:.2f} s of audio, {costs[-1][1]:.3f} s of CPU")
    warm_audio_s, warm_cpu_s = (sum(column) for column in zip((0, 0), *costs[1:], strict=True))
    report = {
        "files": len(costs),
        "audio_s": sum(audio_s for audio_s, _ in costs),
        # From the start of the process, imports included.
        "cpu_s": time.process_time(),
        "warm_cpu_s_per_audio_minute": 60 * warm_cpu_s / warm_audio_s if warm_audio_s else None,
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
