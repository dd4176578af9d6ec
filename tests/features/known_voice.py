"""A voice that was made with a known amount of jitter, shimmer and noise."""

from __future__ import annotations

import numpy as np

# Pulses are laid on a finer grid, so that a period is no whole number of samples.
FINER = 8


def voice(f0_hz, jitter, shimmer_db, hnr_db=None, *, rate=16000, seconds=1.5):
    """Return pulses through three resonances, and what they were made with.

    Args:
        jitter: Standard deviation of the period, as a share of it.
        shimmer_db: Standard deviation of the level of a pulse.
        hnr_db: How far white noise lies below; None for no noise.

    Returns:
        The block, jitter (local) in percent, shimmer (local) in dB.
    """
    from scipy.signal import lfilter, resample_poly

    rng = np.random.default_rng(0)
    fine_rate = rate * FINER
    n_pulses = int(seconds * f0_hz)
    periods_s = (1.0 + jitter * rng.standard_normal(n_pulses)) / f0_hz
    levels_db = shimmer_db * rng.standard_normal(n_pulses)
    places = np.cumsum(periods_s) * fine_rate
    fine = np.zeros(int(places[-1]) + 2)
    np.add.at(fine, places.astype(int), 10.0 ** (levels_db / 20.0) * (1.0 - places % 1.0))
    np.add.at(fine, places.astype(int) + 1, 10.0 ** (levels_db / 20.0) * (places % 1.0))
    for frequency_hz, bandwidth_hz in ((700, 110), (1200, 130), (2600, 200)):
        radius = np.exp(-np.pi * bandwidth_hz / fine_rate)
        turn = 2.0 * np.pi * frequency_hz / fine_rate
        fine = lfilter([1.0], [1.0, -2.0 * radius * np.cos(turn), radius**2], fine)
    # A glottis falls by 12 dB an octave, and lips lift by 6.
    fine = lfilter([1.0], [1.0, -np.exp(-2.0 * np.pi * 200.0 / fine_rate)], fine)
    samples = resample_poly(fine, 1, FINER)
    samples *= 0.5 / np.abs(samples).max()
    if hnr_db is not None:
        samples += rng.standard_normal(len(samples)) * samples.std() * 10.0 ** (-hnr_db / 20.0)
    made_jitter = 100.0 * np.abs(np.diff(periods_s)).mean() / periods_s.mean()
    return samples.astype(np.float32)[:, None], made_jitter, np.abs(np.diff(levels_db)).mean()
