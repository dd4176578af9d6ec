"""What a live program tells, as Prometheus reads it."""

from __future__ import annotations

import re
from collections import Counter

__all__ = ["CONTENT_TYPE", "Metrics"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""Of the text that `Metrics.text` returns."""

# These only grow while the program runs.
_COUNTS = {
    "backfilled", "clipped", "connections", "dropped", "duplicates", "overruns", "packets",
    "recorded_s", "underruns",
}  # fmt: skip
_NOT_IN_A_NAME = re.compile(r"[^a-z0-9_]")
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


class Metrics:
    """A machine: events in, the text of the Prometheus exposition format out.

    The numbers of ``….status`` events become gauges and counters, their words labels of a
    gauge that is 1; all events are counted by name.

    References:
        Prometheus: Exposition formats, text-based format 0.0.4.
    """

    def __init__(self) -> None:
        self._values: dict[str, float] = {}
        self._words: dict[str, str] = {}
        self._n_events: Counter[str] = Counter()

    def take(self, event: str, /, **facts: float | str | bool | None) -> None:
        """Take an event and its facts."""
        self._n_events[event] += 1
        domain, _, what = event.partition(".")
        if what != "status":
            return
        for fact, value in facts.items():
            name = _NOT_IN_A_NAME.sub("_", f"audiokit_{domain}_{fact}".lower())
            if isinstance(value, str):
                self._words[name] = value
            elif value is None:
                self._values.pop(name, None)
            else:
                suffix = "_total" if fact in _COUNTS else ""
                self._values[name + suffix] = float(value)

    def text(self) -> str:
        """Return all of it."""
        lines = []
        for name, value in sorted(self._values.items()):
            kind = "counter" if name.endswith("_total") else "gauge"
            lines += [f"# TYPE {name} {kind}", f"{name} {value:.10g}"]
        for name, word in sorted(self._words.items()):
            fact = name.rpartition("_")[2]
            label = word.translate(_ESCAPES)
            lines += [f"# TYPE {name} gauge", f'{name}{{{fact}="{label}"}} 1']
        lines.append("# TYPE audiokit_events_total counter")
        for event, count in sorted(self._n_events.items()):
            lines.append(f'audiokit_events_total{{event="{event.translate(_ESCAPES)}"}} {count}')
        return "\n".join(lines) + "\n"
