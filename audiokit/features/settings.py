"""What to extract, and on which frames."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, replace

from audiokit.errors import SettingError
from audiokit.features.engines import Device, Engine, EngineKind, check_engine, engine_type
from audiokit.features.families import FAMILIES, OTHER_NAMES, OWN_FRAMES
from audiokit.features.pitch_settings import (
    LEAST_PITCH_HOP_MS,
    PITCH_ENGINES,
    EngineName,
    PitchSettings,
    check_pitch_range,
)
from audiokit.features.presets import PRESETS, TRACKED, Levels, Preset

__all__ = ["FAMILY_NAMES", "PRESET_NAMES", "FeatureSettings"]

FAMILY_NAMES = tuple(FAMILIES)
"""Every family that frames of any length may have; ``short_term`` is its preset's alone."""

PRESET_NAMES = tuple(PRESETS)
"""Every preset."""


@dataclass(frozen=True, slots=True)
class FeatureSettings:
    """What to extract; the defaults are a set to train speech models on.

    None stands for what the preset says.

    Raises:
        SettingError: A value lies outside its range or is fixed by the preset, or a
            family or preset is unknown.
    """

    families: tuple[str, ...] | None = None
    """Which families, in the order of their columns; see `FAMILY_NAMES`."""
    preset: str = "librosa"
    """Whose frames, bands and cepstrum: ``librosa``, ``kaldi``, ``whisper``, ``htk`` or
    ``pyaudioanalysis``."""
    window_ms: float | None = None
    """Length of a frame in ms, 1 to 1000."""
    hop_ms: float | None = None
    """From one frame to the next in ms, above 0 and at most `window_ms`."""
    n_mels: int | None = None
    """Number of mel bands, 1 to 512."""
    n_mfcc: int | None = None
    """Number of cepstral coefficients, 1 or more; with ``mfcc``, at most `n_mels`."""
    deltas: int | None = None
    """Derivatives of the cepstral coefficients over time: 0, 1 or 2."""
    fmin_hz: float | None = None
    """Where the lowest mel band begins in Hz, 0 or more."""
    fmax_hz: float | None = None
    """Where the highest mel band ends in Hz; half the sample rate where nothing is said."""
    levels: Levels | None = None
    """How mel bands and spectrum are given: ``db``, ``ln``, ``log10`` or ``power``."""
    pitch_engine: EngineName = "ours"
    """Who tracks pitch: ``ours``; ``pyin`` or ``yin`` of librosa, at the end of the stream."""
    pitch_fmin_hz: float = 65.0
    """Lowest pitch in Hz, 40 or more; it sets the length of the tracker's window."""
    pitch_fmax_hz: float = 500.0
    """Highest pitch in Hz, 1.5 times `pitch_fmin_hz` to 1000."""
    engine: Engine = "fast"
    """Who computes: ``fast`` as the stream goes; ``librosa``, ``pyaudioanalysis`` and
    ``torch`` at its end, what they know."""
    device: Device = "cpu"
    """Where ``torch`` computes: ``cpu`` or ``cuda``."""

    def __post_init__(self) -> None:
        if self.preset not in PRESETS:
            _refuse_unknown("preset", self.preset, PRESETS)
        self._check_families()
        check_engine(self.engine, device=self.device, preset=self.preset, families=self.names)
        _check_ranges(self.rule, names=self.names)
        self._check_pitch()

    @property
    def names(self) -> tuple[str, ...]:
        """The families that are extracted."""
        return self.rule.default_families if self.families is None else self.families

    def with_engine(self, engine: Engine) -> FeatureSettings:
        """Return the same settings with another engine, on its own device."""
        device = self.device if engine == self.engine else "cpu"
        return replace(self, engine=engine, device=device)

    @property
    def engine_kind(self) -> EngineKind | None:
        """The engine that computes at the end of the stream; None for ``fast``."""
        return check_engine(
            self.engine, device=self.device, preset=self.preset, families=self.names
        )

    def check_installed(self) -> None:
        """Load what the engine needs.

        Raises:
            MissingExtraError: It is not installed.
            MissingDeviceError: Its device is not there.
        """
        kind = self.engine_kind
        if kind is not None:
            engine_type(kind).check_installed(self.device)

    @property
    def rule(self) -> Preset:
        """The preset, with what the settings say in place of what it says."""
        return PRESETS[self.preset].adjusted(
            window_ms=self.window_ms,
            hop_ms=self.hop_ms,
            n_mels=self.n_mels,
            n_mfcc=self.n_mfcc,
            deltas=self.deltas,
            fmin_hz=self.fmin_hz,
            fmax_hz=self.fmax_hz,
            levels=self.levels,
        )

    @property
    def pitch(self) -> PitchSettings:
        """How pitch is looked for."""
        return PitchSettings(self.pitch_engine, self.pitch_fmin_hz, self.pitch_fmax_hz)

    def _check_pitch(self) -> None:
        if self.pitch_engine not in PITCH_ENGINES:
            _refuse_unknown("pitch_engine", self.pitch_engine, PITCH_ENGINES)
        check_pitch_range(self.pitch_fmin_hz, self.pitch_fmax_hz, prefix="pitch_")
        tracked = [name for name in self.names if name in TRACKED]
        if tracked and self.rule.hop_ms < LEAST_PITCH_HOP_MS:
            rule = f"{LEAST_PITCH_HOP_MS:g} ms or more with {' and '.join(tracked)}"
            raise SettingError("hop_ms", self.rule.hop_ms, rule)

    def _check_families(self) -> None:
        known = PRESETS[self.preset].known_families
        for name in self.names:
            if name in OWN_FRAMES and known is None:
                rule = f"a family that preset {self.preset!r} knows"
                raise SettingError("families", name, rule, "Add --preset pyaudioanalysis.")
            if name not in FAMILY_NAMES and name not in OWN_FRAMES:
                _refuse_family(name)
            if known is not None and name not in known:
                rule = f"some of {', '.join(known)} with preset {self.preset!r}"
                raise SettingError("families", name, rule)
        if not self.names or len(set(self.names)) != len(self.names):
            raise SettingError("families", self.names, "at least one, each of them once")


def _refuse_unknown(setting: str, name: str, known: Iterable[str]) -> None:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"Did you mean {near[0]!r}?" if near else ""
    raise SettingError(setting, name, f"one of {', '.join(known)}", hint)


def _refuse_family(name: str) -> None:
    known = (*FAMILY_NAMES, *OWN_FRAMES)
    family_of = {**{family: family for family in known}, **OTHER_NAMES}
    near = difflib.get_close_matches(name.lower(), family_of, n=1)
    hint = f"Did you mean {family_of[near[0]]!r}?" if near else ""
    raise SettingError("families", name, f"one of {', '.join(known)}", hint)


def _check_ranges(rule: Preset, *, names: tuple[str, ...]) -> None:
    if not 1.0 <= rule.window_ms <= 1000.0:
        raise SettingError("window_ms", rule.window_ms, "1 to 1000 ms")
    if not 0.0 < rule.hop_ms <= rule.window_ms:
        limits = f"above 0 and at most window_ms, {rule.window_ms} ms"
        raise SettingError("hop_ms", rule.hop_ms, limits)
    if not 1 <= rule.n_mels <= 512:
        raise SettingError("n_mels", rule.n_mels, "1 to 512")
    # As many as there are bands matters to who asks for coefficients, and to nobody else.
    if rule.n_mfcc < 1 or ("mfcc" in names and rule.n_mfcc > rule.n_mels):
        raise SettingError("n_mfcc", rule.n_mfcc, f"1 to n_mels, {rule.n_mels}")
    if rule.deltas not in (0, 1, 2):
        raise SettingError("deltas", rule.deltas, "0, 1 or 2")
    if not rule.fmin_hz >= 0.0:
        raise SettingError("fmin_hz", rule.fmin_hz, "0 Hz or more")
