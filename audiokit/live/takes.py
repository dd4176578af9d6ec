"""A recording on its way to the disk: at any moment a whole file of what was heard so far.

Not written under another name and renamed at the end, as other outputs are: what a power cut
interrupts would then be lost, and a recording cannot be made again.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Protocol

from audiokit.errors import SettingError, item_error_from_os
from audiokit.files.wav_header import wav_header
from audiokit.live.pcm import PcmFormat

__all__ = ["FileTake", "Form", "RawForm", "StreamTake", "WavForm", "form_for"]


class Form(Protocol):
    """How samples lie in a file."""

    def head(self, n_samples: int) -> bytes:
        """Return what comes before the samples, of the same length for any number of them."""
        ...

    def encode(self, pcm: bytes) -> bytes:
        """Return the bytes of the next samples, as far as they are complete."""
        ...

    def finish(self) -> bytes:
        """Return what was held back."""
        ...


class WavForm:
    """WAV; RF64 beyond 4 GB.

    Args:
        fmt: Of the samples.
    """

    def __init__(self, fmt: PcmFormat) -> None:
        self._fmt = fmt

    def head(self, n_samples: int) -> bytes:
        """Return the header."""
        return wav_header(self._fmt, bit_depth=16, n_samples=n_samples, tags={})

    def encode(self, pcm: bytes) -> bytes:
        """Return the samples."""
        return pcm

    def finish(self) -> bytes:
        """Return nothing."""
        return b""


class RawForm:
    """Headerless samples."""

    def head(self, n_samples: int) -> bytes:  # noqa: ARG002  the form's
        """Return nothing."""
        return b""

    def encode(self, pcm: bytes) -> bytes:
        """Return the samples."""
        return pcm

    def finish(self) -> bytes:
        """Return nothing."""
        return b""


def _flac(fmt: PcmFormat) -> Form:
    from audiokit.live.flac import FlacStream

    return FlacStream(fmt)


_FORMS: dict[str, Callable[[PcmFormat], Form]] = {
    ".wav": WavForm,
    ".flac": _flac,
    ".raw": lambda _: RawForm(),
    ".pcm": lambda _: RawForm(),
}


def form_for(path: Path, fmt: PcmFormat) -> Form:
    """Return the form that a file's name asks for.

    Raises:
        SettingError: There is none.
    """
    make = _FORMS.get(path.suffix.lower())
    if make is None:
        raise SettingError("out", str(path), f"a name that ends in {', '.join(_FORMS)}")
    return make(fmt)


class _Limited:
    """Counts samples, and takes no more than there shall be."""

    def __init__(self, fmt: PcmFormat, *, max_samples: int | None) -> None:
        self.fmt, self.n_samples = fmt, 0
        self._max_samples = max_samples

    def told(self) -> list[bytes]:
        """Return an empty piece when it has all that it shall have, nothing before."""
        return [b""] if self.n_samples == self._max_samples else []

    def limited(self, pcm: bytes) -> bytes:
        """Return what there is room for, counted."""
        if self._max_samples is not None:
            pcm = pcm[: (self._max_samples - self.n_samples) * self.fmt.sample_bytes]
        self.n_samples += len(pcm) // self.fmt.sample_bytes
        return pcm


class FileTake(_Limited):
    """A recording in a file, whose header is right at least once a second.

    Args:
        path: The file; it must not be there.
        fmt: Of the samples.
        max_samples: How many at most; None for no limit.
        replaces: Whether what is there is replaced.

    Raises:
        SettingError: The file is there, or its name says no form.
        ItemError: It cannot be made.
    """

    def __init__(
        self,
        path: Path,
        fmt: PcmFormat,
        *,
        max_samples: int | None = None,
        replaces: bool = False,
    ) -> None:
        super().__init__(fmt, max_samples=max_samples)
        self.path, self._form = path, form_for(path, fmt)
        try:
            self._make_folder()
            if replaces:
                path.unlink(missing_ok=True)
            # Unbuffered: what a kill interrupts is with the system already.
            self._file: BinaryIO = path.open("xb", buffering=0)
            self._file.write(self._form.head(0))
        except FileExistsError as error:
            hint = "Add --overwrite to lose what is there."
            raise SettingError("out", str(path), "a file that is not there yet", hint) from error
        except OSError as error:
            raise item_error_from_os(error, str(path)) from error
        self._n_told = 0

    def _make_folder(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise item_error_from_os(error, str(self.path)) from error

    def push(self, pcm: bytes) -> list[bytes]:
        """Write the next samples; return an empty piece when it is full.

        Raises:
            ItemError: The disk does not take them.
        """
        self._write(self._form.encode(self.limited(pcm)))
        if self.n_samples - self._n_told >= self.fmt.sample_rate:
            self._tell()
        return self.told()

    def finish(self) -> list[bytes]:
        """Complete the file; return nothing.

        Raises:
            ItemError: The disk does not take it.
        """
        try:
            self._write(self._form.finish())
            self._tell()
            self.sync()
        finally:
            self._file.close()
        return []

    def fileno(self) -> int:
        """Return the file's descriptor."""
        return self._file.fileno()

    def sync(self) -> None:
        """Bring all that was written through a power cut; takes as long as the disk does."""
        if not self._file.closed:
            os.fdatasync(self._file.fileno())

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[self._file.write(view) :]
        except OSError as error:
            raise item_error_from_os(error, str(self.path)) from error

    def _tell(self) -> None:
        """Say in the header how many samples there are."""
        head = self._form.head(self.n_samples)
        self._n_told = self.n_samples
        if head:
            try:
                os.pwrite(self._file.fileno(), head, 0)
            except OSError as error:
                raise item_error_from_os(error, str(self.path)) from error


class StreamTake(_Limited):
    """A recording to a pipe: headerless samples, as they come.

    Args:
        stream: What to write to; stays the caller's to close.
        fmt: Of the samples.
        max_samples: How many at most; None for no limit.
    """

    def __init__(
        self, stream: BinaryIO, fmt: PcmFormat, *, max_samples: int | None = None
    ) -> None:
        super().__init__(fmt, max_samples=max_samples)
        self._stream = stream

    def push(self, pcm: bytes) -> list[bytes]:
        """Write the next samples; return an empty piece when it is full."""
        self._stream.write(self.limited(pcm))
        self._stream.flush()
        return self.told()

    def finish(self) -> list[bytes]:
        """End; return nothing."""
        return []

    def sync(self) -> None:
        """Do nothing: a pipe keeps nothing."""
