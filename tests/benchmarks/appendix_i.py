"""The peer of concealment: G.711 Appendix I, from the ITU's description, at any sample rate.

ITU-T G.711 Appendix I (1999), "A high quality low-complexity algorithm for packet loss
concealment with G.711". Its lengths, given there in samples at 8 kHz, are scaled to the rate; it
works in steps of 10 ms and gives its output 3.75 ms late.
"""

from __future__ import annotations

import numpy as np

# In samples at 8 kHz.
HISTORY, LOWEST_LAG, HIGHEST_LAG, TEMPLATE, DELAY, STEP = 390, 40, 120, 160, 30, 80


class AppendixI:
    """One channel; blocks are ``(samples, 1)``, whole multiples of 10 ms.

    Args:
        sample_rate: In Hz.
    """

    latency_samples = 0

    def __init__(self, sample_rate):
        self._scale = sample_rate / 8000
        self.output_delay = self._samples(DELAY)
        self._step = self._samples(STEP)
        self.reset()

    def reset(self):
        self._history = np.zeros(self._samples(HISTORY))
        self._n_steps = 0

    def received(self, block):
        frame = block[:, 0].astype(np.float64)
        if self._n_steps:
            # A quarter of the pitch, and 4 ms for each 10 ms after the first.
            n_overlap = self._period // 4 + self._samples(32) * (self._n_steps - 1)
            n_overlap = min(n_overlap, self._step, len(frame))
            up = np.arange(1, n_overlap + 1) / (n_overlap + 1)
            made = self._repeat(n_overlap) * self._gain()
            frame[:n_overlap] = made * (1.0 - up) + frame[:n_overlap] * up
            self._n_steps = 0
        return self._give(frame)

    def lost(self, n_samples, following=None):  # noqa: ARG002  a peer without look-ahead
        steps = [self._lost_step() for _ in range(n_samples // self._step)]
        return np.concatenate(steps)

    def _lost_step(self):
        if self._n_steps == 0:
            self._begin()
            made = self._repeat(self._step)
        elif self._n_steps < 3:
            # One more period to repeat from, crossed over in a quarter of it.
            n_overlap = self._period // 4
            position = self._position
            old = self._repeat(n_overlap)
            self._position = position % self._period
            self._n_periods += 1
            self._prepare()
            made = self._repeat(self._step)
            up = np.arange(1, n_overlap + 1) / (n_overlap + 1)
            made[:n_overlap] = old * (1.0 - up) + made[:n_overlap] * up
        else:
            made = self._repeat(self._step)
        if self._n_steps:
            # Down by a fifth over each 10 ms after the first; none after 60 ms.
            made *= np.maximum(self._gain() - 0.2 * np.arange(self._step) / self._step, 0.0)
        self._n_steps += 1
        return self._give(made)

    def _gain(self):
        return max(0.0, 1.0 - 0.2 * (self._n_steps - 1))

    def _begin(self):
        lags = np.arange(self._samples(LOWEST_LAG), self._samples(HIGHEST_LAG) + 1)
        n_template = self._samples(TEMPLATE)
        end = len(self._history)
        template = self._history[-n_template:]
        windows = np.stack([self._history[end - n_template - lag : end - lag] for lag in lags])
        energy = np.maximum(np.square(windows).sum(axis=1), 1e-9)
        self._period = int(lags[np.argmax(windows @ template / np.sqrt(energy))])
        self._n_periods, self._position = 1, 0
        self._kept = self._history.copy()
        self._prepare()
        # The end of what was heard is what the repeated periods end with: hence the delay.
        n_overlap = self._period // 4
        self._history[-n_overlap:] = self._cycle[-n_overlap:]

    def _prepare(self):
        """Lay out the periods to repeat, their end crossed over into what precedes them."""
        n_overlap = self._period // 4
        length = self._n_periods * self._period
        end = len(self._kept)
        cycle = self._kept[end - length :].copy()
        before = self._kept[end - length - n_overlap : end - length]
        up = np.arange(1, n_overlap + 1) / (n_overlap + 1)
        cycle[-n_overlap:] = cycle[-n_overlap:] * (1.0 - up) + before * up
        self._cycle = cycle

    def _repeat(self, n_samples):
        at = (self._position + np.arange(n_samples)) % len(self._cycle)
        self._position = (self._position + n_samples) % len(self._cycle)
        return self._cycle[at]

    def _give(self, frame):
        self._history = np.concatenate([self._history, frame])
        end = len(self._history) - self.output_delay
        out = self._history[end - len(frame) : end]
        self._history = self._history[-self._samples(HISTORY) :]
        return out.astype(np.float32)[:, np.newaxis]

    def _samples(self, at_8_khz):
        return round(at_8_khz * self._scale)
