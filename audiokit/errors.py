"""Everything audiokit raises on purpose.

    AudiokitError                          exit code
    ├── SettingError (ValueError)              2   a setting that cannot be honoured
    ├── BlockError (ValueError)                1   a block that breaks the contract
    ├── NothingToDoError                       3   no input was found
    ├── GateError                              4   a quality gate was not met
    ├── MissingExtraError                      5   an optional package is not installed
    ├── MissingDeviceError                     5   a device or native library is not there
    ├── WireError                              6   the other end of a connection
    │   ├── LocalProtocolError                     we broke the protocol: a fault of ours
    │   ├── PeerProtocolError                      they did, or are something else
    │   ├── RefusedError                           the token was refused
    │   └── UntrustedError                         the certificate cannot be trusted
    ├── InterruptedRunError                  130   Ctrl-C
    └── ItemError                              1   one file failed; the others go on
        ├── SourceError                            the input is at fault
        │   ├── UnreadableError                      missing, or not ours to read
        │   ├── FormatError                          not audio, or a codec nobody here reads
        │   ├── CorruptError                         audio, but damaged
        │   ├── HeaderError                          a header that cannot be true
        │   ├── EmptyError                           no samples at all
        │   ├── TooShortError, TooLongError          outside the limits that were set
        │   ├── MalformedPacketError                 bytes that are no packet of their kind
        │   └── SampleError                          NaN, infinity or absurd values
        ├── UndeliveredError                       what was recorded waits for its receiver
        └── ResourceError                          the machine is at fault
            ├── DiskFullError
            ├── PermissionDeniedError
            ├── OutOfMemoryError
            ├── TimeLimitError
            └── WorkerCrashError

Every message is one sentence of fact and one of advice:
``<subject>: <what> is <value>, expected <rule>. <what to do next>``.
"""

from __future__ import annotations

import errno
from typing import ClassVar

__all__ = [
    "AudiokitError",
    "BlockError",
    "CorruptError",
    "DiskFullError",
    "EmptyError",
    "FormatError",
    "GateError",
    "HeaderError",
    "InterruptedRunError",
    "ItemError",
    "LocalProtocolError",
    "MalformedPacketError",
    "MissingDeviceError",
    "MissingExtraError",
    "NothingToDoError",
    "OutOfMemoryError",
    "PeerProtocolError",
    "PermissionDeniedError",
    "RefusedError",
    "ResourceError",
    "SampleError",
    "SettingError",
    "SourceError",
    "TimeLimitError",
    "TooLongError",
    "TooShortError",
    "UndeliveredError",
    "UnreadableError",
    "UntrustedError",
    "WireError",
    "WorkerCrashError",
    "item_error_from_os",
]


class AudiokitError(Exception):
    """The root: catch this to catch everything audiokit raises on purpose."""

    exit_code: ClassVar[int] = 1


class SettingError(AudiokitError, ValueError):
    """A setting that cannot be honoured.

    Args:
        name: The setting, under its Python name.
        value: What it was.
        expected: The rule, with its unit.
        hint: What to do next.
    """

    exit_code = 2

    def __init__(self, name: str, value: object, expected: str, hint: str = "") -> None:
        super().__init__(name, value, expected, hint)
        self.name, self.value, self.expected, self.hint = name, value, expected, hint

    def __str__(self) -> str:
        sentence = f"{self.name} is {self.value!r}, expected {self.expected}."
        return f"{sentence} {self.hint}".rstrip()


class BlockError(AudiokitError, ValueError):
    """A block that breaks the stream contract: a fault of the calling code."""

    def __init__(self, problem: str, expected: str) -> None:
        super().__init__(problem, expected)
        self.problem, self.expected = problem, expected

    def __str__(self) -> str:
        return f"block {self.problem}, expected {self.expected}."


class NothingToDoError(AudiokitError):
    """No input was found where the user pointed."""

    exit_code = 3


class GateError(AudiokitError):
    """A quality gate was not met."""

    exit_code = 4


class MissingExtraError(AudiokitError):
    """An optional package is not installed.

    Args:
        feature: What the user asked for.
        extra: The extra of audiokit that brings it.
    """

    exit_code = 5

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(feature, extra)
        self.feature, self.extra = feature, extra

    def __str__(self) -> str:
        return (
            f"{self.feature} needs an optional package. Run: pip install 'audiokit[{self.extra}]'"
        )


class MissingDeviceError(AudiokitError):
    """A device or a native library is not there."""

    exit_code = 5


class WireError(AudiokitError):
    """Something is wrong between the two ends of a connection.

    Args:
        subject: The other end, as the user named it, or the part of the protocol.
        problem: What is wrong, as a clause.
        hint: What to do next.
    """

    exit_code = 6

    def __init__(self, subject: str, problem: str, hint: str = "") -> None:
        super().__init__(subject, problem, hint)
        self.subject, self.problem, self.hint = subject, problem, hint

    def __str__(self) -> str:
        return f"{self.subject}: {self.problem.rstrip('.')}. {self.hint}".rstrip()


class LocalProtocolError(WireError):
    """This end was asked for what the protocol does not allow: a fault of the calling code."""


class PeerProtocolError(WireError):
    """The other end sent what the protocol does not allow, or speaks another one."""


class RefusedError(WireError):
    """The other end does not let this one in."""


class UntrustedError(WireError):
    """The other end's certificate does not prove who it is."""


class InterruptedRunError(AudiokitError):
    """The user stopped the run; what was finished stays finished."""

    exit_code = 130


class ItemError(AudiokitError):
    """One item failed and became a row; the run goes on.

    Args:
        subject: The file, as the user named it.
        problem: What is wrong, as a clause: ``"sample rate is 3 Hz, expected …"``.
        hint: What to do next, with or without its full stop.
    """

    def __init__(self, subject: str, problem: str, hint: str = "") -> None:
        super().__init__(subject, problem, hint)
        self.subject, self.problem, self.hint = subject, problem, hint

    def __str__(self) -> str:
        fact = f"{self.subject}: {self.problem.rstrip('.')}."
        return f"{fact} {self.hint.rstrip('.')}." if self.hint else fact


class SourceError(ItemError):
    """The input file is at fault."""


class UnreadableError(SourceError):
    """The input is missing, a folder, or not ours to read."""


class FormatError(SourceError):
    """The input is not audio, or in a format that no reader here knows."""


class CorruptError(SourceError):
    """The input is audio, but so damaged that nothing could be decoded."""


class HeaderError(SourceError):
    """The input's header claims something that cannot be true."""


class EmptyError(SourceError):
    """The input holds no samples."""


class TooShortError(SourceError):
    """The input is shorter than the limit that was set."""


class TooLongError(SourceError):
    """The input is longer than the limit that was set."""


class SampleError(SourceError):
    """The input holds NaN, infinity or values far outside full scale."""


class MalformedPacketError(SourceError):
    """A packet is not what packets of its kind are."""


class UndeliveredError(ItemError):
    """What was recorded could not be handed over yet; it is kept, and goes out next time."""


class ResourceError(ItemError):
    """The machine, not the input, is at fault; the same file may pass elsewhere."""


class DiskFullError(ResourceError):
    """No space is left where the output goes."""


class PermissionDeniedError(ResourceError):
    """The output may not be written there."""


class OutOfMemoryError(ResourceError):
    """The work on this item needed more memory than it was allowed."""


class TimeLimitError(ResourceError):
    """The work on this item took longer than it was allowed."""


class WorkerCrashError(ResourceError):
    """The process that worked on this item died."""


def item_error_from_os(error: OSError, subject: str) -> ItemError:
    """Turn an operating-system error met while *writing* into the family's own.

    Args:
        error: What the operating system said.
        subject: The file that was being written.
    """
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFullError(subject, "no space is left on the device", "Free some and run again.")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return PermissionDeniedError(
            subject, "may not be written", "Choose another folder with --out."
        )
    return ResourceError(subject, error.strerror or str(error), "Run again.")
