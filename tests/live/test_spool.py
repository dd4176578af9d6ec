"""The spool: bounded, private, and whole again after a crash."""

from __future__ import annotations

import contextlib
import os
import resource
import stat
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiokit.errors import DiskFullError, SettingError
from audiokit.live.records import RecordFile, scan_records
from audiokit.live.spool import Spool, SpoolSettings

SMALL = SpoolSettings(max_bytes=65536, max_waiting=16)


def content(sequence, n_bytes=40):
    return sequence.to_bytes(4, "big") * (n_bytes // 4)


def held(spool):
    """Return every sequence number that can be read, checking the bytes."""
    numbers, sequence = [], 0
    while (found := spool.read(sequence)) is not None:
        assert found[1][:4] == found[0].to_bytes(4, "big")
        numbers.append(found[0])
        sequence = found[0] + 1
    return numbers


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "spool"


def segments(folder):
    return sorted(folder.glob("*.records"))


operations = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(1, 3)),
        st.tuples(st.just("trim"), st.integers(0, 60)),
        st.tuples(st.just("reopen"), st.just(0)),
    ),
    max_size=40,
)


@given(operations)
@settings(max_examples=40)
def test_the_spool_holds_what_a_sorted_list_would(tmp_path_factory, operations):
    folder = tmp_path_factory.mktemp("spool")
    spool, expected, following = Spool(folder), [], 0
    for word, number in operations:
        if word == "append":
            following += number
            spool.append(following, content(following))
            expected.append(following)
        elif word == "trim":
            spool.trim(number)
            expected = [item for item in expected if item >= number]
        else:
            spool.close()
            spool = Spool(folder)
            # A segment that is only in part behind comes back whole: it is sent twice, not lost.
            spool.trim(expected[0] if expected else following + 1)
        assert held(spool) == expected
        assert len(spool) == len(expected)
        assert (spool.first, spool.last) == (
            (expected[0], expected[-1]) if expected else (None, None)
        )
    spool.close()


def test_when_it_is_full_the_oldest_packets_go_and_are_counted(folder):
    spool = Spool(folder, SMALL)
    for sequence in range(3000):
        spool.append(sequence, content(sequence))
        assert spool.n_bytes <= SMALL.max_bytes
    kept = held(spool)
    assert kept == list(range(3000 - len(kept), 3000))
    assert spool.n_dropped == 3000 - len(kept)
    # No more than a segment beside what is allowed stays unused.
    assert len(kept) * 54 > SMALL.max_bytes * 0.85
    spool.close()


def test_nobody_else_may_read_it(folder):
    before = os.umask(0)
    try:
        spool = Spool(folder)
        spool.append(0, b"secret")
        spool.close()
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [stat.S_IMODE(path.stat().st_mode) for path in segments(folder)] == [0o600]
    segments(folder)[0].chmod(0o644)
    Spool(folder).close()
    assert stat.S_IMODE(segments(folder)[0].stat().st_mode) == 0o600


def test_wherever_a_power_cut_ends_the_file_what_was_whole_is_there(folder):
    spool = Spool(folder)
    for sequence in range(4):
        spool.append(sequence, content(sequence))
    spool.close()
    (path,) = segments(folder)
    whole = path.read_bytes()
    record_bytes = len(whole) // 4
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        spool = Spool(folder)
        assert held(spool) == list(range(cut // record_bytes))
        assert spool.n_damaged_bytes == cut % record_bytes
        # And it goes on behind the torn record.
        spool.append(9, content(9))
        assert held(spool) == [*range(cut // record_bytes), 9]
        spool.close()
        for remains in segments(folder):
            remains.unlink()


@given(st.integers(0, 539), st.binary(min_size=1, max_size=60))
@settings(max_examples=60)
def test_damage_costs_the_packets_that_it_touches_and_no_other(tmp_path_factory, at, damage):
    folder = tmp_path_factory.mktemp("spool")
    spool = Spool(folder)
    for sequence in range(10):
        spool.append(sequence, content(sequence))
    spool.close()
    (path,) = segments(folder)
    whole = path.read_bytes()
    record_bytes = len(whole) // 10
    damaged = whole[:at] + damage + whole[at + len(damage) :]
    path.write_bytes(damaged[: len(whole)])
    touched = range(at // record_bytes, (at + len(damage) - 1) // record_bytes + 1)
    spool = Spool(folder)
    assert set(range(10)) - set(held(spool)) <= set(touched)
    spool.close()


def test_a_file_that_was_overwritten_behind_its_back_gives_what_is_left(folder):
    spool = Spool(folder)
    for sequence in range(3):
        spool.append(sequence, content(sequence))
    with segments(folder)[0].open("r+b") as file:
        file.seek(60)
        file.write(b"\xff" * 8)
    assert held(spool) == [0, 2]
    spool.close()


def test_rubbish_longer_than_memory_likes_does_not_hide_what_follows(tmp_path):
    path = tmp_path / "x.records"
    records = RecordFile(path)
    records.append(1, b"before")
    with path.open("ab") as file:
        file.write((b"R2" + bytes(998)) * 3000)
    records.close()
    records = RecordFile(path)
    records.append(2, b"after")
    assert [(number, bytes_) for _, number, bytes_ in records.records()] == [
        (1, b"before"),
        (2, b"after"),
    ]
    records.close()


@given(st.binary(max_size=200))
def test_any_bytes_may_be_searched_for_records(data):
    for offset, _, found in scan_records(data):
        assert data[offset : offset + 2] == b"R2"
        assert found in data


def test_sequence_numbers_must_rise(folder):
    spool = Spool(folder)
    spool.append(5, b"")
    with pytest.raises(SettingError, match="more than 5"):
        spool.append(5, b"")
    spool.close()


def test_what_has_arrived_leaves_nothing_on_the_disk(folder):
    spool = Spool(folder, SMALL)
    for sequence in range(1000):
        spool.append(sequence, content(sequence))
    spool.trim(1000)
    assert segments(folder) == []
    spool.append(1000, content(1000))
    spool.remove()
    assert segments(folder) == []


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 128 kB, where the machine lets us have one."""
    place = tmp_path / "disk"
    place.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=128k,mode=0777", "tmpfs", str(place)],
        capture_output=True,
        check=False,
    )
    if made.returncode:
        pytest.skip("no right to mount a small disk")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@contextlib.contextmanager
def no_more_room():
    """Let no file of this process grow beyond 8 kB: writes then fail, some half way.

    Over before the test is: what pytest writes of it may go to a longer file.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_on_a_full_disk_packets_wait_in_memory_until_there_is_room(small_disk):
    spool = Spool(small_disk / "spool", SpoolSettings(max_waiting=100))
    filler = small_disk / "filler"
    filler.write_bytes(bytes(100_000))
    sequence = 0
    while spool.error is None:
        spool.append(sequence, content(sequence, 400))
        sequence += 1
    assert isinstance(spool.error, DiskFullError)
    for _ in range(50):
        spool.append(sequence, content(sequence, 400))
        sequence += 1
    assert held(spool) == list(range(sequence))
    filler.unlink()
    spool.append(sequence, content(sequence, 400))
    assert spool.error is None
    spool.close()
    reopened = Spool(small_disk / "spool")
    assert held(reopened) == list(range(sequence + 1))
    assert reopened.n_damaged_bytes == 0
    reopened.close()


def test_on_a_disk_that_stays_full_the_oldest_packets_go_first(small_disk):
    spool = Spool(small_disk / "spool", SMALL)
    (small_disk / "filler").write_bytes(bytes(100_000))
    for sequence in range(2000):
        spool.append(sequence, content(sequence, 400))
    kept = held(spool)
    assert kept == list(range(2000 - len(kept), 2000))
    assert spool.n_dropped == 2000 - len(kept)
    assert len(kept) > 16
    spool.remove()


def test_a_write_that_fails_half_way_leaves_no_half_record(folder):
    spool = Spool(folder, SpoolSettings(max_bytes=10**6, max_waiting=1000))
    with no_more_room():
        for sequence in range(100):
            spool.append(sequence, content(sequence, 200))
        error, numbers = spool.error, held(spool)
        n_bytes = segments(folder)[0].stat().st_size
        with pytest.raises(type(error)):
            spool.close()
    assert error is not None
    assert numbers == list(range(100))
    assert n_bytes % 212 == 0
