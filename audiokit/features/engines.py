"""Who computes the rows: our own code as the stream goes, or a package at its end."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from audiokit.errors import SettingError

if TYPE_CHECKING:
    from audiokit.features.whole_file import WholeFileEngine

__all__ = ["DEVICES", "ENGINES", "Device", "Engine", "EngineKind", "check_engine", "engine_type"]

Engine: TypeAlias = Literal["fast", "librosa", "pyaudioanalysis", "torch"]
Device: TypeAlias = Literal["cpu", "cuda"]

DEVICES: tuple[Device, ...] = ("cpu", "cuda")
"""Where the engine ``torch`` can compute."""


@dataclass(frozen=True, slots=True)
class EngineKind:
    """An engine that computes at the end of the stream, and what it knows.

    Args:
        module: Where it lives; imported when it is asked for.
        name: Its class.
        presets: Whose frames it can take.
        families: What it can compute.
        devices: Where.
    """

    module: str
    name: str
    presets: tuple[str, ...]
    families: tuple[str, ...]
    devices: tuple[Device, ...] = ("cpu",)


ENGINES: Mapping[str, EngineKind] = {
    "librosa": EngineKind(
        "audiokit.features.librosa_engine",
        "LibrosaEngine",
        presets=("librosa",),
        families=(
            *("spectrum", "mel", "pcen", "mfcc", "chroma", "tonal", "energy", "rms"),
            *("crossings", "spectral", "contrast", "flux", "rhythm"),
        ),
    ),
    "pyaudioanalysis": EngineKind(
        "audiokit.features.pyaudioanalysis_engine",
        "PyAudioAnalysisEngine",
        presets=("pyaudioanalysis",),
        families=("short_term",),
    ),
    "torch": EngineKind(
        "audiokit.features.torch_engine",
        "TorchEngine",
        presets=("librosa", "kaldi", "whisper", "htk"),
        families=(
            *("spectrum", "mel", "mfcc", "chroma", "energy", "rms", "crossings", "spectral"),
        ),
        devices=DEVICES,
    ),
}
"""Every engine beside ``fast``, which knows every preset and family."""


def check_engine(
    engine: str, *, device: str, preset: str, families: tuple[str, ...]
) -> EngineKind | None:
    """Return what an engine is; None for ``fast``.

    Raises:
        SettingError: There is no such engine or device, or it does not know the preset or
            a family.
    """
    if engine != "fast" and engine not in ENGINES:
        raise SettingError("engine", engine, ", ".join(("fast", *ENGINES)))
    if device not in DEVICES:
        raise SettingError("device", device, " or ".join(DEVICES))
    kind = ENGINES.get(engine)
    if device not in (kind.devices if kind else ("cpu",)):
        raise SettingError("device", device, f"cpu with engine {engine!r}", "Or engine 'torch'.")
    if kind is None:
        return None
    if preset not in kind.presets:
        rule = f"{' or '.join(kind.presets)} with engine {engine!r}"
        raise SettingError("preset", preset, rule, "Engine 'fast' knows all.")
    for name in families:
        if name not in kind.families:
            rule = f"some of {', '.join(kind.families)} with engine {engine!r}"
            raise SettingError("families", name, rule, "Engine 'fast' knows all.")
    return kind


def engine_type(kind: EngineKind) -> type[WholeFileEngine]:
    """Return the class of an engine."""
    found: type[WholeFileEngine] = getattr(importlib.import_module(kind.module), kind.name)
    return found
