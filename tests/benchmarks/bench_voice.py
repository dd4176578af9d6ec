"""Jitter, shimmer and harmonics-to-noise ratio beside Praat's, of voices that were made with them.

    python tests/benchmarks/bench_voice.py

Praat needs praat-parselmouth, which is under the GPL and so no part of any extra: its columns are
left out where it is absent. Figures are means over the voiced frames away from the ends; Praat's
are of the whole voice: periods by cross-correlation between 65 and 500 Hz, with its standard
limits; harmonicity by cross-correlation, its mean.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

from cost import print_table

from audiokit.features import FeatureExtractor, FeatureSettings
from audiokit.features.pitch_settings import HARMONICITY_FLOOR_DB
from audiokit.stage import StreamFormat
from audiokit.testing import analyze

sys.path.append(str(Path(__file__).resolve().parents[1] / "features"))

from known_voice import voice

RATE = 16000
PITCHES_HZ = (85.0, 130.0, 220.0, 380.0)
KINDS = {"unsteady": (0.01, 0.3), "with noise at -20 dB": (0.0, 0.0, 20.0)}
HEADER = ("", "jitter made", "ours", "Praat", "shimmer made", "ours", "Praat", "HNR ours", "Praat")


def ours(block):
    """Return jitter in percent, shimmer in dB, HNR in dB."""
    extractor = FeatureExtractor(StreamFormat(RATE), FeatureSettings(families=("voice",)))
    rows = analyze(extractor, [block])[15:-15]
    return rows[rows[:, 2] > HARMONICITY_FLOOR_DB].mean(axis=0)


def praats(block):
    """Return the same of Praat's."""
    import parselmouth

    call = parselmouth.praat.call
    sound = parselmouth.Sound(block[:, 0].astype(float), RATE)
    pulses = call(sound, "To PointProcess (periodic, cc)", 65, 500)
    jitter = call(pulses, "Get jitter (local)", 0, 0, 1e-4, 0.02, 1.3)
    shimmer_db = call([sound, pulses], "Get shimmer (local_dB)", 0, 0, 1e-4, 0.02, 1.3, 1.6)
    harmonicity = call(sound, "To Harmonicity (cc)", 0.01, 65, 0.1, 1.0)
    return 100.0 * jitter, shimmer_db, call(harmonicity, "Get mean", 0, 0)


def main():
    """Print the table."""
    has_praat = find_spec("parselmouth") is not None
    rows = []
    for kind, amounts in KINDS.items():
        for f0_hz in PITCHES_HZ:
            block, made_jitter, made_shimmer_db = voice(f0_hz, *amounts)
            said = [f"{value:.2f}" for value in ours(block)]
            theirs = [f"{value:.2f}" for value in praats(block)] if has_praat else ["absent"] * 3
            jitters = (f"{made_jitter:.2f}", said[0], theirs[0])
            shimmers = (f"{made_shimmer_db:.2f}", said[1], theirs[1])
            rows.append((f"{f0_hz:g} Hz, {kind}", *jitters, *shimmers, said[2], theirs[2]))
    print_table("Jitter in percent, shimmer and HNR in dB", HEADER, rows)


if __name__ == "__main__":
    main()
