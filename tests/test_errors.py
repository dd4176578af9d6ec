"""Errors: one family, one sentence each, an exit code each."""

from __future__ import annotations

import errno
import inspect
import pickle

import pytest

from audiokit import errors
from audiokit.errors import AudiokitError, ItemError, item_error_from_os

FAMILY = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, AudiokitError)
]


@pytest.mark.parametrize("kind", FAMILY)
def test_every_error_is_exported_and_drawn_in_the_tree(kind):
    assert kind.__name__ in errors.__all__
    assert kind.__name__ in errors.__doc__


@pytest.mark.parametrize("kind", FAMILY)
def test_every_exit_code_is_a_documented_one(kind):
    assert kind.exit_code in {1, 2, 3, 4, 5, 6, 130}


@pytest.mark.parametrize("kind", [kind for kind in FAMILY if issubclass(kind, ItemError)])
def test_an_item_error_survives_the_way_from_a_worker(kind):
    error = pickle.loads(pickle.dumps(kind("take.wav", "is broken", "Record it again.")))
    assert type(error) is kind
    assert str(error) == "take.wav: is broken. Record it again."


def test_a_setting_error_survives_the_way_from_a_worker():
    error = errors.SettingError("gain_db", 99, "60 dB or less", "Turn it down.")
    assert str(pickle.loads(pickle.dumps(error))) == (
        "gain_db is 99, expected 60 dB or less. Turn it down."
    )


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (errno.ENOSPC, errors.DiskFullError),
        (errno.EROFS, errors.PermissionDeniedError),
        (errno.EACCES, errors.PermissionDeniedError),
        (errno.EIO, errors.ResourceError),
    ],
)
def test_a_system_error_becomes_the_familys_own(code, kind):
    assert type(item_error_from_os(OSError(code, "x"), "out.wav")) is kind
