"""The spools of one client: that of the running session, and those that earlier ones left."""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from audiokit.errors import PeerProtocolError, SettingError, item_error_from_os
from audiokit.live.messages import Hello, decode_message, encode_message
from audiokit.live.spool import Spool, SpoolSettings

__all__ = ["SpoolStore", "SpooledSession"]

_log = logging.getLogger(__name__)
_HELLO = "hello.json"
_DAMAGED = ".damaged"


@dataclass(frozen=True, slots=True)
class SpooledSession:
    """A session and its packets on disk."""

    hello: Hello
    spool: Spool

    def remove(self) -> None:
        """Remove its folder: everything has arrived."""
        self.spool.remove()
        shutil.rmtree(self.spool.folder, ignore_errors=True)


class SpoolStore:
    """A folder of one client, with a folder for each session.

    Args:
        folder: Made with mode 0700 where it is not there.
        settings: Bounds of each session's spool; earlier sessions together have as much.

    Raises:
        SettingError: Another process is using it.
        ItemError: It cannot be made or read.
    """

    def __init__(self, folder: Path, settings: SpoolSettings | None = None) -> None:
        self.folder, self._settings = folder, settings or SpoolSettings()
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise item_error_from_os(error, str(folder)) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            hint = "Give each client its own --name or --spool."
            raise SettingError("spool", str(folder), "a folder that no one uses", hint) from error

    def begin(self, hello: Hello) -> SpooledSession:
        """Return a new session's place.

        Raises:
            ItemError: It cannot be made.
        """
        folder = self.folder / hello.session
        spool = Spool(folder, self._settings)
        place = folder / _HELLO
        try:
            temporary = place.with_suffix(".part")
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
                file.write(encode_message(hello))
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(place)
        except OSError as error:
            raise item_error_from_os(error, str(place)) from error
        return SpooledSession(hello, spool)

    def leftovers(self) -> Iterator[SpooledSession]:
        """Yield what earlier runs could not deliver, the oldest session first.

        A session that cannot be told any more is put aside; one of no packets is removed, and
        so are the oldest where all together take too much. What is lost is said.
        """
        places = [path for path in self.folder.glob(f"*/{_HELLO}") if path.parent.suffix == ""]
        places.sort(key=lambda path: (path.stat().st_mtime, path))
        excess = sum(map(_n_bytes, places)) - self._settings.max_bytes
        for place in places:
            if excess > 0:
                excess -= _n_bytes(place)
                _log.warning("spool.dropped session=%s", place.parent.name)
                shutil.rmtree(place.parent, ignore_errors=True)
            elif (session := self._open(place)) is not None:
                yield session

    def _open(self, place: Path) -> SpooledSession | None:
        hello = _read_hello(place)
        if hello is None:
            aside = place.parent.with_suffix(_DAMAGED)
            _log.warning("spool.unreadable kept=%s", aside)
            place.parent.rename(aside)
            return None
        session = SpooledSession(hello, Spool(place.parent, self._settings))
        n_damaged = session.spool.n_damaged_bytes
        if n_damaged:
            _log.warning("spool.damaged session=%s bytes=%d", hello.session, n_damaged)
        if not len(session.spool):
            session.remove()
            return None
        return session

    def close(self) -> None:
        """Let another process use the folder."""
        os.close(self._lock)


def _read_hello(place: Path) -> Hello | None:
    try:
        hello = decode_message(place.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, PeerProtocolError):
        return None
    return hello if isinstance(hello, Hello) else None


def _n_bytes(place: Path) -> int:
    return sum(path.stat().st_size for path in place.parent.iterdir())
