"""Files that ``audiokit normalize`` wrote, as FFmpeg's meter hears them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import libavfilter
import numpy as np
import own_meter

from audiokit.files.read import open_audio

TOLERANCE_LU = 0.1
# FFmpeg's peak comes with three decimals: at the ceiling, 0.005 dB more or less.
PEAK_ROUNDING_DB = 0.005
GATING_BLOCK_S = 0.4
# Below, FFmpeg's weighting is off by more than 0.03 dB, and at 8 kHz by 0.2.
_TRUSTED_SAMPLE_RATE = 32_000
_LOWEST_AMPLITUDE = 1e-6


@dataclass(frozen=True, slots=True)
class Outcome:
    """One file, brought to a loudness.

    Args:
        name: Of the output.
        row: What audiokit said of it.
        integrated_lufs: By FFmpeg's meter; of less than 400 ms, which have none, the
            loudness without gates; None for silence.
        true_peak_dbtp: By FFmpeg's meter.
    """

    name: str
    row: dict
    integrated_lufs: float | None
    true_peak_dbtp: float

    @property
    def is_excused(self):
        """Whether the row says why the target is not met."""
        return self.row["loudness_reason"] in {"silence", "max_gain", "ceiling", "not_reached"}


def normalize(sources, out, *, target_lufs, ceiling_dbtp=-1.0):
    """Run the command over files; return an `Outcome` for each, in the order of the rows.

    Args:
        sources: Paths of files and folders.
        out: Folder for the results.
        target_lufs: Integrated loudness.
        ceiling_dbtp: Highest true peak.

    Raises:
        RuntimeError: The command failed, or one of the files.
    """
    command = (
        *(sys.executable, "-m", "audiokit", "normalize", *map(str, sources), "-o", str(out)),
        *("--target-lufs", str(target_lufs), "--ceiling-dbtp", str(ceiling_dbtp), "--json"),
    )
    env = {name: value for name, value in os.environ.items() if not name.startswith("AUDIOKIT_")}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    if done.returncode:
        raise RuntimeError(done.stderr)
    rows = json.loads(done.stdout)["rows"]
    return [_outcome(Path(out, row["audio"]), row) for row in rows]


def _outcome(path, row):
    with open_audio(path) as reader:
        sample_rate = reader.fmt.sample_rate
        block = np.concatenate(list(reader.blocks(4 * sample_rate)))
    theirs = libavfilter.read([block], sample_rate)
    integrated_lufs = theirs.integrated_lufs
    if len(block) < GATING_BLOCK_S * sample_rate:
        integrated_lufs = own_meter.report([block], sample_rate).ungated_lufs
    elif sample_rate < _TRUSTED_SAMPLE_RATE:
        factor = -(-_TRUSTED_SAMPLE_RATE // sample_rate)
        raised = band_limited(block, factor)
        integrated_lufs = libavfilter.read([raised], factor * sample_rate).integrated_lufs
    sample_peak = 20.0 * np.log10(max(float(np.abs(block).max()), _LOWEST_AMPLITUDE))
    true_peak_dbtp = sample_peak if theirs.true_peak_dbtp is None else theirs.true_peak_dbtp
    return Outcome(path.name, row, integrated_lufs, true_peak_dbtp)


def band_limited(block, factor):
    """Return a stream at so many times its rate, by its spectrum: nothing is cut off.

    Args:
        block: ``(samples, channels)``.
        factor: 1 or more.
    """
    spectrum = np.fft.rfft(block.astype(np.float64), axis=0)
    return (np.fft.irfft(spectrum, factor * len(block), axis=0) * factor).astype(np.float32)
