"""Verdicts as workflow commands of GitHub, which it shows beside the files."""

from __future__ import annotations

from audiokit.jobs.gates import Verdict

__all__ = ["github_annotation"]

_DATA = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_PROPERTY = {**_DATA, ":": "%3A", ",": "%2C"}


def github_annotation(verdict: Verdict, *, title: str) -> str:
    """Return ``::error file=…,title=…::…`` for a file that did not meet its gates.

    Args:
        verdict: What is wrong.
        title: Shown in bold.

    References:
        GitHub, "Workflow commands for GitHub Actions", "Setting an error message"; escapes as
        in actions/toolkit, packages/core/src/command.ts.
    """
    file, head = (_escaped(text, _PROPERTY) for text in (verdict.source, title))
    return f"::error file={file},title={head}::{_escaped(verdict.sentence(), _DATA)}"


def _escaped(text: str, escapes: dict[str, str]) -> str:
    return "".join(escapes.get(character, character) for character in text)
