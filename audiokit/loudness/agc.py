"""Automatic gain for live speech, which cannot hear the whole recording first."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from audiokit.loudness.activity import FRAME_S, ActivityGate
from audiokit.loudness.ballistics import Rows, ramped
from audiokit.loudness.limiter import LimiterSettings, TruePeakLimiter
from audiokit.ranges import check_range
from audiokit.stage import Block, Fact, Processor, StreamFormat
from audiokit.units import db_to_amplitude, power_to_db

__all__ = ["Agc", "AgcSettings"]

_MARGIN_DB = 9.0
# The level is that of the last 3 s of speech, taken up a tenth of a second at a time.
_MEMORY_PARTS = 30
_PART_FRAMES = 10
# The first syllable tells too little of the voice.
_LEAST_PARTS = 5
_MAX_PART_VALUES = 1 << 15


@dataclass(frozen=True, slots=True)
class AgcSettings:
    """Where `Agc` takes the level of speech, and how fast.

    Raises:
        SettingError: A value is out of range.
    """

    target_active_dbov: float = -26.0
    """Level of the speech that comes out, in dBov: mean power while someone speaks, a
    square wave at full scale being 0; -60 to 0."""
    max_gain_db: float = 30.0
    """Most gain, in dB; 0 to 60."""
    min_gain_db: float = -20.0
    """Least gain, in dB; -60 to 0."""
    rise_db_per_s: float = 6.0
    """Fastest rise of the gain, in dB per second of speech; 0.1 to 100."""
    fall_db_per_s: float = 20.0
    """Fastest fall of the gain, in dB per second of speech; 0.1 to 200."""
    gate_dbfs: float = -65.0
    """What stays below this mean power is never speech, in dBFS; -100 to 0."""
    ceiling_dbtp: float = -1.0
    """Highest true peak that comes out, in dBTP; -60 to 0."""

    def __post_init__(self) -> None:
        check_range("target_active_dbov", self.target_active_dbov, -60.0, 0.0, unit="dBov")
        check_range("max_gain_db", self.max_gain_db, 0.0, 60.0, unit="dB")
        check_range("min_gain_db", self.min_gain_db, -60.0, 0.0, unit="dB")
        check_range("rise_db_per_s", self.rise_db_per_s, 0.1, 100.0, unit="dB/s")
        check_range("fall_db_per_s", self.fall_db_per_s, 0.1, 200.0, unit="dB/s")
        check_range("gate_dbfs", self.gate_dbfs, -100.0, 0.0, unit="dBFS")
        check_range("ceiling_dbtp", self.ceiling_dbtp, -60.0, 0.0, unit="dBTP")


class Agc(Processor):
    """Bring speech to a level as it comes, and keep peaks below a ceiling.

    Learns only while someone speaks: in pauses, silence and steady noise the gain stands
    still. It aims at the mean power of the last 3 s of speech, the louder channel's, and
    moves no faster than its slopes. What comes in 20 dB louder is back within 3 dB of the
    target after 2.5 s of speech, what comes in 20 dB softer after 7 s; until then a
    look-ahead limiter keeps true peaks below the ceiling, and its 5 ms are most of the
    latency. The gain of a moment rests on what was before it; it begins at 0 dB.

    Normalizing a file in two passes is better where there is a file: one gain for all of
    it, exact.

    Args:
        fmt: Format of the stream.
        settings: Target, bounds and slopes.
    """

    def __init__(self, fmt: StreamFormat, settings: AgcSettings | None = None) -> None:
        self.fmt = fmt
        self.settings = settings or AgcSettings()
        self._frame_samples = max(1, round(fmt.sample_rate * FRAME_S))
        ramp = np.arange(1, self._frame_samples + 1, dtype=np.float32) / self._frame_samples
        self._ramp = np.repeat(ramp.astype(np.float32), fmt.channels)
        self._gate = ActivityGate(lowest_dbfs=self.settings.gate_dbfs, margin_db=_MARGIN_DB)
        self._rise_db = self.settings.rise_db_per_s * FRAME_S
        self._fall_db = self.settings.fall_db_per_s * FRAME_S
        limits = LimiterSettings(ceiling_dbtp=self.settings.ceiling_dbtp)
        self._limiter = TruePeakLimiter(fmt, limits)
        self.latency_samples = self._limiter.latency_samples
        self.reset()

    def reset(self) -> None:
        self._gate.reset()
        self._limiter.reset()
        # Of the frame that is not whole, which is out already: its samples, and the gain at
        # its start and end.
        self._frame = self.fmt.silence(0)
        self._ends = np.ones(2)
        self._gain = 1.0
        self._gain_db = self._wanted_db = 0.0
        self._lowest_gain_db = self._highest_gain_db = 0.0
        self._n_active_frames = 0
        self._part_power = 0.0
        self._powers: deque[float] = deque(maxlen=_MEMORY_PARTS)

    def process(self, block: Block) -> Block:
        out = [self.fmt.silence(0)]
        part_samples = max(1, _MAX_PART_VALUES // self.fmt.channels)
        for start in range(0, len(block), part_samples):
            gained = self._advance(block[start : start + part_samples])
            out.append(self._limiter.process(gained))
        return out[1] if len(out) == 2 else np.concatenate(out)

    def flush(self) -> Block:
        return self._limiter.flush()

    def facts(self) -> Mapping[str, Fact]:
        return {
            "gain_db": round(self._gain_db, 2),
            "lowest_gain_db": round(self._lowest_gain_db, 2),
            "highest_gain_db": round(self._highest_gain_db, 2),
            "speech_s": round(self._n_active_frames * FRAME_S, 2),
            **self._limiter.facts(),
        }

    def _advance(self, part: Block) -> Block:
        """Return as many samples, under the gain that the frames before theirs ask for."""
        n_out = len(self._frame)
        samples = np.concatenate([self._frame, part])
        n_samples = len(samples)
        n_whole = n_samples // self._frame_samples
        padded = self.fmt.silence((n_whole + 1) * self._frame_samples)
        padded[:n_samples] = samples
        rows = padded.reshape(n_whole + 1, -1)
        gains = np.array([*self._ends, *map(self._next_gain, self._powers_of(rows[:n_whole]))])
        self._ends = gains[-2:]
        self._frame = samples[n_whole * self._frame_samples :].copy()
        gained = ramped(rows, gains[: n_whole + 2], self._ramp)
        return gained.reshape(-1, self.fmt.channels)[n_out:n_samples]

    def _powers_of(self, rows: Rows) -> list[float]:
        """Return the power of every frame in its loudest channel, an offset taken off."""
        powers = np.zeros(len(rows))
        for channel in range(self.fmt.channels):
            own = np.ascontiguousarray(rows[:, channel :: self.fmt.channels])
            means = own.sum(axis=1, dtype=np.float64) / own.shape[1]
            np.maximum(powers, np.vecdot(own, own) / own.shape[1] - means * means, out=powers)
        levels: list[float] = powers.tolist()
        return levels

    def _next_gain(self, power: float) -> float:
        """Take the power of a frame; return the amplitude that the next one ends with."""
        if self._gate.is_active(power):
            self._n_active_frames += 1
            self._part_power += power
            if self._n_active_frames % _PART_FRAMES == 0:
                self._powers.append(self._part_power)
                self._part_power = 0.0
                self._aim()
            if self._gain_db != self._wanted_db:
                self._move()
        return self._gain

    def _aim(self) -> None:
        """Note what gain the last seconds of speech want."""
        if len(self._powers) < _LEAST_PARTS:
            return
        mean_power = sum(self._powers) / (len(self._powers) * _PART_FRAMES)
        wanted_db = self.settings.target_active_dbov - power_to_db(mean_power)
        self._wanted_db = min(max(wanted_db, self.settings.min_gain_db), self.settings.max_gain_db)

    def _move(self) -> None:
        """Move the gain toward it, as far as one frame's slope allows."""
        step_db = self._wanted_db - self._gain_db
        if step_db > self._rise_db:
            self._gain_db += self._rise_db
        elif step_db < -self._fall_db:
            self._gain_db -= self._fall_db
        else:
            self._gain_db = self._wanted_db
        self._gain = db_to_amplitude(self._gain_db)
        self._lowest_gain_db = min(self._lowest_gain_db, self._gain_db)
        self._highest_gain_db = max(self._highest_gain_db, self._gain_db)
