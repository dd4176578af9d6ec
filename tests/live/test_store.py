"""What both ends keep between two runs: spools of the client, recordings of the server."""

from __future__ import annotations

import os
import stat
import wave

import pytest
import rig

from audiokit.errors import CorruptError, SettingError
from audiokit.live.archive import Archive
from audiokit.live.decoding import write_wav
from audiokit.live.messages import Gone, Hello
from audiokit.live.packets import decode_packet
from audiokit.live.recording import Recording
from audiokit.live.spool import SpoolSettings
from audiokit.live.store import SpoolStore

SMALL = SpoolSettings(max_bytes=65536, max_waiting=16)


def hello(session="a", first=0, name="kitchen"):
    return Hello(session, rig.FORMAT, first, 1.7e9, name)


def packet(sequence, *, is_end=False):
    return decode_packet(rig.packet(sequence, is_end=is_end))


def filled(store, session, n_packets):
    spooled = store.begin(hello(session))
    for sequence in range(n_packets):
        spooled.spool.append(sequence, rig.packet(sequence))
    spooled.spool.close()


def test_what_a_run_left_the_next_one_finds_the_oldest_first(tmp_path):
    store = SpoolStore(tmp_path / "s")
    for moment, session in enumerate("cab"):
        filled(store, session, 3)
        os.utime(tmp_path / "s" / session / "hello.json", (moment, moment))
    store.close()
    store = SpoolStore(tmp_path / "s")
    found = list(store.leftovers())
    assert [item.hello.session for item in found] == ["c", "a", "b"]
    assert [len(item.spool) for item in found] == [3, 3, 3]
    for item in found:
        item.remove()
    assert [path.name for path in (tmp_path / "s").iterdir()] == ["lock"]
    store.close()


def test_all_sessions_together_stay_within_the_bound(tmp_path):
    store = SpoolStore(tmp_path / "s", SMALL)
    for moment, session in enumerate("abcd"):
        filled(store, session, 120)
        os.utime(tmp_path / "s" / session / "hello.json", (moment, moment))
    kept = [item.hello.session for item in store.leftovers()]
    # A session takes some 24 kB, and two of them fit.
    assert kept == ["c", "d"]
    store.close()


def test_a_session_that_says_no_more_who_it_is_is_put_aside(tmp_path):
    store = SpoolStore(tmp_path / "s")
    filled(store, "a", 3)
    (tmp_path / "s" / "a" / "hello.json").write_bytes(b"\xff\x00")
    assert list(store.leftovers()) == []
    assert (tmp_path / "s" / "a.damaged").is_dir()
    assert list((tmp_path / "s" / "a.damaged").glob("*.records"))
    assert list(store.leftovers()) == []
    store.close()


def test_a_second_process_does_not_get_in(tmp_path):
    store = SpoolStore(tmp_path / "s")
    with pytest.raises(SettingError, match="--spool"):
        SpoolStore(tmp_path / "s")
    store.close()
    SpoolStore(tmp_path / "s").close()


def test_only_the_owner_reads_what_was_said(tmp_path):
    store = SpoolStore(tmp_path / "s")
    filled(store, "a", 1)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "s").rglob("*")}
    assert modes == {"lock": 0o600, "a": 0o700, "hello.json": 0o600, "0000000000.records": 0o600}
    recording = Recording(tmp_path / "r.packets", hello())
    assert stat.S_IMODE((tmp_path / "r.packets").stat().st_mode) == 0o600
    recording.close()
    store.close()


def test_a_recording_goes_on_after_a_crash_with_all_that_was_kept(tmp_path):
    recording = Recording(tmp_path / "r", hello(first=2))
    assert [recording.add(packet(n)) for n in (2, 3, 7, 3)] == [True, True, True, False]
    recording.give_up(Gone(4, 6))
    recording.close()
    # A torn record at the end, as a crash leaves it.
    with (tmp_path / "r").open("ab") as file:
        file.write(b"R2\x00\x50half")
    again = Recording(tmp_path / "r", hello(first=9))
    assert again.hello == hello(first=2)
    assert again.receiver.ack().next == 6
    assert again.receiver.ack().have == ((7, 8),)
    assert again.add(packet(6))
    assert again.add(packet(8, is_end=True))
    assert again.receiver.is_complete
    found = [item if isinstance(item, int) else item.sequence for item in again.packets()]
    assert found == [2, 3, 2, 6, 7, 8]
    again.close()


def test_a_file_that_is_no_recording_is_said_to_be_none(tmp_path):
    (tmp_path / "r").write_bytes(b"something else")
    with pytest.raises(CorruptError, match="whose session"):
        Recording(tmp_path / "r")


def n_samples(path):
    with wave.open(str(path), "rb") as file:
        return file.getnframes()


def test_the_archive_names_files_after_whom_and_when_and_forgets_nothing_it_needs(tmp_path):
    archive = Archive(tmp_path, write_wav)
    recording = archive.open(hello("abcdefghij", name="Küche 2/../x"))
    recording.add(packet(0))
    path = archive.deliver(recording)
    assert path.name == "K-che-2-x-20231114T221320Z-abcdefgh.wav"
    assert n_samples(path) == 960
    assert archive.done("abcdefghij") is None
    recording.add(packet(1, is_end=True))
    assert archive.deliver(recording) == path
    assert n_samples(path) == 1920
    assert archive.done("abcdefghij") == 2
    assert {item.name for item in tmp_path.iterdir()} == {path.name, ".abcdefghij.done"}


def test_what_a_killed_listener_left_is_written_by_the_next_once(tmp_path):
    archive = Archive(tmp_path, write_wav)
    recording = archive.open(hello())
    recording.add(packet(0))
    recording.close()
    (left,) = archive.unfinished()
    archive.deliver(left)
    left.close()
    assert list(archive.unfinished()) == []
