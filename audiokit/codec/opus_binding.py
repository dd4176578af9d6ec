"""Libopus as Python calls it: opuslib on the library that was found, and typed calls beside it.

opuslib brings the names, and makes and frees states. Everything that happens for each packet,
and every request to a state, goes through prototypes of our own: opuslib's requests pass
variadic arguments without a prototype, which Apple silicon takes from the wrong place; some of
its settings raise or do nothing; it trusts lengths, and copies each sample several times.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import sys
import threading
import warnings
import weakref
from typing import Any, final

from audiokit.codec.opus_library import FoundLibrary, find_libopus
from audiokit.errors import MissingDeviceError, SettingError

__all__ = ["OpusBinding", "OpusState", "open_opus"]

_LOCK = threading.Lock()
_UNIMPLEMENTED = -5


@final
class OpusState:
    """The state of one encoder or decoder, freed when nobody holds it any more.

    Not at the end of the program: a daemon thread may be inside it still.

    Args:
        address: Where it is.
        control: Its request function, by prototype.
        owner: What opuslib made; kept until it is destroyed.
        destroy: Frees it.

    Attributes:
        pointer: To it.
    """

    def __init__(self, address: int, control: Any, owner: Any, destroy: Any) -> None:
        self.pointer = ctypes.c_void_p(address)
        self._control = control
        weakref.finalize(self, destroy, owner).atexit = False

    def set(self, request: int, value: int) -> int:
        """Make a request with a value; return 0, or libopus' error."""
        return int(self._control(self.pointer, request, ctypes.c_int(value)))

    def get(self, request: int) -> int:
        """Return what a request for a number gives."""
        value = ctypes.c_int()
        self._control(self.pointer, request, ctypes.byref(value))
        return value.value

    def reset(self, request: int) -> None:
        """Make the request that takes nothing: forget the stream."""
        self._control(self.pointer, request)


@final
class OpusBinding:
    """A loaded libopus.

    Attributes:
        found: Which one it is.
        names: opuslib, whose constants name requests and values.
        encode_float: ``opus_encode_float`` (state, pointer to samples, samples, pointer to
            bytes, bytes); returns bytes or an error.
        encode_int16: ``opus_encode`` (state, bytes of samples, samples, pointer to bytes, bytes);
            likewise.
        decode_float: ``opus_decode_float`` (state, bytes or None, bytes, pointer to samples,
            samples, whether to decode FEC); returns samples or an error.
    """

    def __init__(self, found: FoundLibrary, opuslib: Any) -> None:
        self.found = found
        self.names = opuslib
        self._api = opuslib.api
        # Our own view of the same library: its prototypes are not opuslib's.
        library = ctypes.CDLL(found.path)
        pointer, number = ctypes.c_void_p, ctypes.c_int
        # Called for each packet, by pointers that were made beforehand: without prototypes,
        # whose checks take as long as all the rest of a call. Numbers are C ints as they are.
        self.encode_float = library.opus_encode_float
        self.encode_int16 = library.opus_encode
        self.decode_float = library.opus_decode_float
        # Only what is fixed has a place in the prototype: ctypes passes the rest as variadic.
        self._encoder_ctl = library.opus_encoder_ctl
        self._encoder_ctl.argtypes = (pointer, number)
        self._decoder_ctl = library.opus_decoder_ctl
        self._decoder_ctl.argtypes = (pointer, number)
        library.opus_strerror.restype = ctypes.c_char_p
        library.opus_strerror.argtypes = (number,)
        self._strerror = library.opus_strerror

    def new_encoder(self, sample_rate: int, channels: int, application: int) -> OpusState:
        """Return a new encoder's state."""
        api = self._api.encoder
        made = api.create_state(sample_rate, channels, application)
        return OpusState(_address(made), self._encoder_ctl, made, api.destroy)

    def new_decoder(self, sample_rate: int, channels: int) -> OpusState:
        """Return a new decoder's state."""
        api = self._api.decoder
        made = api.create_state(sample_rate, channels)
        return OpusState(_address(made), self._decoder_ctl, made, api.destroy)

    def problem(self, code: int) -> str:
        """Return what an error of libopus means."""
        return str(self._strerror(code).decode("ascii", "replace"))

    def has_dred(self) -> bool:
        """Return whether its encoder offers deep redundancy (DRED, libopus 1.5)."""
        set_dred_duration = 4050
        state = self.new_encoder(16_000, 1, self.names.APPLICATION_VOIP)
        return state.set(set_dred_duration, 0) != _UNIMPLEMENTED


def open_opus(path: str | None = None) -> OpusBinding:
    """Return libopus, loaded: one for the whole program, as opuslib binds to one for good.

    Args:
        path: Its file; where it is not given, what is loaded already, else the best there is.

    Raises:
        MissingDeviceError: There is none, or opuslib is not installed.
        SettingError: Another one is loaded already.
    """
    with _LOCK:
        loaded = sys.modules.get("opuslib.api")
        if loaded is not None:
            present = find_libopus(loaded.libopus._name)  # noqa: SLF001  where it tells its file
            if path is not None and find_libopus(path).path != present.path:
                hint = "Start the program anew to use another."
                raise SettingError("opus_library", path, f"{present.path}, loaded already", hint)
            return OpusBinding(present, sys.modules["opuslib"])
        found = find_libopus(path)
        return OpusBinding(found, _opuslib_on(found.path))


def _opuslib_on(path: str) -> Any:
    """Import opuslib so that it binds to this library: it would search for one by itself."""
    search = ctypes.util.find_library
    ctypes.util.find_library = lambda name: path if name == "opus" else search(name)
    try:
        with warnings.catch_warnings():
            # It compares numbers by identity, which newer Pythons remark upon.
            warnings.simplefilter("ignore", SyntaxWarning)
            import opuslib
            import opuslib.api.decoder
            import opuslib.api.encoder
    except ImportError as error:
        problem = "opuslib is not installed, expected version 3.0.1 or newer"
        raise MissingDeviceError(f"{problem}. Run: pip install opuslib") from error
    finally:
        ctypes.util.find_library = search
    return opuslib


def _address(pointer: Any) -> int:
    address = ctypes.cast(pointer, ctypes.c_void_p).value
    if address is None:
        raise MemoryError("libopus could not allocate a state")
    return address
