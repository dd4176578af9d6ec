"""How near to the target every recording ends, by FFmpeg's meter.

    python tests/benchmarks/bench_targets.py [--targets -23 -16] [--worst 5]

Runs ``audiokit normalize`` over all of the recordings' speech, music and folder
(AUDIOKIT_TEST_DATA) and measures what it wrote. Files whose row says why the target was not
met are counted apart.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

from cost import print_table, recordings

sys.path.append(str(Path(__file__).resolve().parents[1] / "loudness"))

import normalized

FOLDERS = ("speech", "music", "folder")
CEILING_DBTP = -1.0
HEADER = ("target", "files", "within 0.1 LU", "said why not", "off", "worst LU", "above ceiling")


def summary(target_lufs, outcomes):
    """Return the row of a table, and the outcomes from the furthest off the target."""
    met = [o for o in outcomes if not o.is_excused]
    met.sort(key=lambda o: abs(o.integrated_lufs - target_lufs), reverse=True)
    off_lu = [abs(o.integrated_lufs - target_lufs) for o in met]
    n_within = sum(off <= normalized.TOLERANCE_LU for off in off_lu)
    most_dbtp = CEILING_DBTP + normalized.PEAK_ROUNDING_DB
    row = (
        f"{target_lufs:g} LUFS",
        len(outcomes),
        n_within,
        len(outcomes) - len(met),
        len(met) - n_within,
        f"{off_lu[0]:.3f}",
        sum(o.true_peak_dbtp > most_dbtp for o in outcomes),
    )
    return row, met


def describe(outcome, target_lufs):
    """Return one line about a file."""
    return (
        f"  {outcome.name}: {outcome.integrated_lufs - target_lufs:+.3f} LU, "
        f"{outcome.true_peak_dbtp:.3f} dBTP, {outcome.row['loudness_mode']}"
    )


def main():
    """Normalize everything to each target; print the table and the worst."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--targets", type=float, nargs="+", default=[-23.0, -16.0])
    parser.add_argument("--worst", type=int, default=5, help="how many files to name")
    options = parser.parse_args()
    sources = [recordings() / name for name in FOLDERS]
    rows = []
    for target_lufs in options.targets:
        outcomes = []
        for source in sources:
            with tempfile.TemporaryDirectory() as out:
                outcomes += normalized.normalize(
                    [source], out, target_lufs=target_lufs, ceiling_dbtp=CEILING_DBTP
                )
        row, met = summary(target_lufs, outcomes)
        rows.append(row)
        print(f"{target_lufs:g} LUFS: furthest off, then nearest to the ceiling, then why not")
        loudest = sorted(outcomes, key=lambda o: o.true_peak_dbtp, reverse=True)
        for outcome in (*met[: options.worst], *loudest[: options.worst]):
            print(describe(outcome, target_lufs))
        excused = Counter(o.row["loudness_reason"] for o in outcomes if o.is_excused)
        print("  " + ", ".join(f"{reason}: {n}" for reason, n in excused.items()))
    print_table("normalize every recording", HEADER, rows)


if __name__ == "__main__":
    main()
