"""What a file of features says about itself: columns, times, and the rule of its frames."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audiokit.errors import SettingError
from audiokit.features.summary import summary_columns
from audiokit.jobs.segment_sink import recording_id

if TYPE_CHECKING:
    from audiokit.features.extractor import FeatureExtractor
    from audiokit.jobs.feature_write import FeatureWriteSettings

__all__ = ["SCHEMA", "FeatureLayout", "Frames", "frame_rule_of", "layout_of"]

SCHEMA = "audiokit.features/1"


@dataclass(frozen=True)
class FeatureLayout:
    """What the rows of a file are.

    Args:
        source: What the recording is called.
        key: What it is called where a name must be one word, the folders that it lies in
            included.
        columns: Name of each column, with its unit.
        families: Where each family lies in a row.
        first_frame_s: Time of the first frame's centre.
        hop_s: From one frame to the next.
        has_spans: Whether each row stands for a stretch of its own, else for a frame.
        facts: Everything that made the rows, in JSON types.
    """

    source: str
    key: str
    columns: tuple[str, ...]
    families: Mapping[str, slice]
    first_frame_s: float
    hop_s: float
    has_spans: bool
    facts: Mapping[str, Any]

    @property
    def facts_json(self) -> str:
        """The facts as one line of text."""
        return json.dumps(self.facts, ensure_ascii=False)

    def head(self) -> dict[str, Any]:
        """Return all there is to say before the rows, in JSON types."""
        head: dict[str, Any] = {"schema": SCHEMA}
        if not self.has_spans:
            head |= {"first_frame_s": self.first_frame_s, "hop_s": self.hop_s}
        return head | {"frame_rule": dict(self.facts), "columns": list(self.columns)}


@dataclass(frozen=True, slots=True)
class Frames:
    """Whose frames, by which rule, in which columns: what several must have alike to be joined.

    Args:
        source: What the recording is called.
        rule: Where the frames lie, and whose numbers they are.
        columns: Name of each column.
    """

    source: str
    rule: Mapping[str, Any]
    columns: Sequence[str]

    def check_like(self, first: Frames) -> None:
        """Refuse to go together with other frames.

        Raises:
            SettingError: The rules or the columns differ.
        """
        # One run has one set of settings: what differs follows from the rates.
        hint = "Add --sample-rate 16000."
        rule = f"as {first.source} has, for both to go together"
        for name in {**first.rule, **self.rule}:
            value, expected = self.rule.get(name), first.rule.get(name)
            if value != expected:
                raise SettingError(f"{self.source}: {name}", value, f"{expected}, {rule}", hint)
        if list(self.columns) != list(first.columns):
            odd = sorted({*self.columns} ^ {*first.columns}) or ["their order"]
            raise SettingError(f"{self.source}: columns", odd[0], f"the same {rule}", hint)


def frame_rule_of(extractor: FeatureExtractor) -> dict[str, Any]:
    """Return where the frames of an extractor lie, and whose numbers they are."""
    grid = extractor.grid
    return {
        "preset": extractor.settings.preset,
        "sample_rate": grid.sample_rate,
        "window_samples": grid.window_samples,
        "hop_samples": grid.hop_samples,
        "n_fft": grid.n_fft,
        "edges": grid.edges,
    }


def layout_of(
    extractor: FeatureExtractor,
    settings: FeatureWriteSettings,
    *,
    source: str,
    place: str = "",
) -> FeatureLayout:
    """Return the layout of what an extractor's rows become.

    Args:
        extractor: Whose rows.
        settings: What becomes of them.
        source: What the recording is called.
        place: Its path below the folder that was searched, if it was found in one.
    """
    facts = frame_rule_of(extractor) | {"normalize": settings.normalize, "per": settings.per}
    if settings.normalize != "none":
        facts["mean_only"] = settings.mean_only
    if settings.normalize == "sliding":
        facts["normalize_window_s"] = settings.sliding_window_s
    columns, width = tuple(extractor.columns), 1
    if settings.per != "frame":
        facts["summary"] = list(settings.summaries)
        columns, width = summary_columns(columns, settings.summaries), len(settings.summaries)
    if settings.per == "window":
        facts["window_s"] = settings.row_window_s
    families = {
        name: slice(place.start * width, place.stop * width)
        for name, place in extractor.families.items()
    }
    return FeatureLayout(
        source=source,
        key="_".join((place or recording_id(source)).replace("/", "-").split()) or "stdin",
        columns=columns,
        families=families,
        first_frame_s=extractor.frame_time_s(0),
        hop_s=extractor.hop_s,
        has_spans=settings.per != "frame",
        facts=facts,
    )
