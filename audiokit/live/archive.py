"""Where a listener keeps its sessions: a journal while one lasts, a WAV file in the end."""

from __future__ import annotations

import datetime as dt
import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from audiokit.errors import AudiokitError, item_error_from_os
from audiokit.files.atomic import replacing
from audiokit.live.messages import Hello
from audiokit.live.recording import Recording

__all__ = ["Archive"]

_log = logging.getLogger(__name__)
_JOURNAL, _DONE = ".packets", ".done"
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_-]+")


class Archive:
    """A folder of sessions.

    Args:
        folder: Made where it is not there.
        write: Writes a recording to a path, as a WAV file.

    Raises:
        ItemError: The folder cannot be made.
    """

    def __init__(self, folder: Path, write: Callable[[Recording, Path], None]) -> None:
        self.folder, self._write = folder, write
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise item_error_from_os(error, str(folder)) from error

    def open(self, hello: Hello) -> Recording:
        """Return a session's recording: a new one, or what there is of it.

        Raises:
            ItemError: The disk does not let us.
        """
        return Recording(self._journal(hello.session), hello)

    def done(self, session: str) -> int | None:
        """Return what follows the last packet of a session that is done; None for others."""
        try:
            return int(self._journal(session).with_suffix(_DONE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def deliver(self, recording: Recording) -> Path:
        """Write the WAV file of a recording; of one that is complete, keep nothing else.

        Returns:
            The file, named after the microphone and when its session began.

        Raises:
            ItemError: The disk does not take it.
        """
        target = self._target(recording.hello)
        with replacing(target) as temporary:
            self._write(recording, temporary)
        if recording.receiver.is_complete:
            place = recording.path.with_suffix(_DONE)
            # Its client may not have heard the last word, and ask once more.
            with replacing(place) as temporary:
                temporary.write_text(str(recording.receiver.next), encoding="utf-8")
            recording.close()
            recording.path.unlink(missing_ok=True)
        return target

    def unfinished(self) -> Iterator[Recording]:
        """Yield the recordings that have grown since their file was written, if it ever was."""
        for path in sorted(self.folder.glob(f".*{_JOURNAL}")):
            try:
                recording = Recording(path)
            except AudiokitError as error:
                _log.warning("listen.unreadable error=%r", str(error))
                continue
            target = self._target(recording.hello)
            if target.exists() and target.stat().st_mtime_ns >= path.stat().st_mtime_ns:
                recording.close()
            else:
                yield recording

    def _journal(self, session: str) -> Path:
        return self.folder / f".{session}{_JOURNAL}"

    def _target(self, hello: Hello) -> Path:
        name = _NOT_IN_A_NAME.sub("-", hello.name).strip("-") or "stream"
        # An absurd clock at the other end shall not keep its sound from being written.
        seconds = min(max(hello.time_base_s, 0.0), 4e9)
        began = dt.datetime.fromtimestamp(seconds, dt.timezone.utc)
        return self.folder / f"{name}-{began:%Y%m%dT%H%M%SZ}-{hello.session[:8]}.wav"
