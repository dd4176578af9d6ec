"""``audiokit doctor``: what is there, and what it can do."""

from __future__ import annotations

import json
from importlib.metadata import version

import soundfile

from audiokit.codec.opus_library import find_libopus, libraries


def rows_of(done):
    return json.loads(done.stdout)["rows"]


def test_the_libopus_that_is_used_is_told_with_what_it_can(audiokit):
    done = audiokit("doctor", "--json")
    assert done.returncode == 0, done.stderr
    found = [row for row in rows_of(done) if row["name"] == "libopus"]
    best = find_libopus()
    assert found[0]["version"] == best.version
    assert found[0]["detail"] == f"used: {best.path}"
    assert {type(found[0][name]) for name in ("deep_plc", "osce", "dred")} == {bool}
    assert len(found) == len(list(libraries()))


def test_packages_are_told_with_their_versions(audiokit):
    told = {row["name"]: row for row in rows_of(audiokit("doctor", "--json"))}
    assert told["audiokit"]["found"] is True
    assert told["numpy"]["version"] == version("numpy")
    assert told["opuslib"]["kind"] == "package"
    assert told["libsndfile"]["version"] == soundfile.__libsndfile_version__
    for row in told.values():
        assert row["found"] or "install" in row["detail"], row


def test_a_named_library_is_looked_at(audiokit):
    done = audiokit("doctor", "--opus-library", "nowhere.so", "--json")
    assert done.returncode == 0
    (row,) = [row for row in rows_of(done) if row["name"] == "libopus"]
    assert row["found"] is False
    assert "nowhere.so is no libopus that loads" in row["detail"]


def test_a_person_gets_a_table(audiokit):
    done = audiokit("doctor")
    assert "libopus" in done.stdout
    assert "deep_plc" in done.stdout
