"""The ledger: what counts as done, and what a kill may leave of it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from audiokit.batch.journal import Journal
from audiokit.batch.plan import Item, failed_row, finished_row
from audiokit.errors import CorruptError, ResourceError, SettingError


@pytest.fixture
def item(tmp_path):
    output = tmp_path / "a.wav"
    output.touch()
    return Item("a", fingerprint="v1", stamp=(100, 1_700_000_000_123_456_789),
                outputs=(str(output),))  # fmt: skip


@pytest.fixture
def folder(tmp_path, item):
    with Journal(tmp_path / "state") as journal:
        journal.append(item, finished_row(item, {"hash": "abc", "level_db": -23.000000000000004}))
    return tmp_path / "state"


def is_done(folder, item, **options):
    with Journal(folder, **options) as journal:
        return journal.is_done(item)


def test_what_is_on_record_and_unchanged_is_done(folder, item):
    assert is_done(folder, item)


def test_an_unknown_item_is_not_done(folder, item):
    assert not is_done(folder, replace(item, key="b"))


def test_other_settings_make_an_item_undone(folder, item):
    assert not is_done(folder, replace(item, fingerprint="v2"))


def test_a_changed_source_makes_an_item_undone(folder, item):
    assert not is_done(folder, replace(item, stamp=(101, item.stamp[1])))
    assert not is_done(folder, replace(item, stamp=(100, item.stamp[1] + 1)))
    assert not is_done(folder, replace(item, stamp=None))


def test_a_missing_output_makes_an_item_undone(folder, item, tmp_path):
    (tmp_path / "a.wav").unlink()
    assert not is_done(folder, item)


def test_a_touched_source_of_the_same_content_is_done_and_hashed_once(folder, item):
    touched = replace(item, stamp=(100, 5))
    hashed = []

    def content_hash(asked):
        hashed.append(asked.key)
        return "abc"

    assert is_done(folder, touched, content_hash=content_hash)
    assert is_done(folder, touched, content_hash=content_hash)
    assert hashed == ["a"]


def test_other_or_unreadable_content_is_not_done(folder, item):
    def unreadable(_item):
        raise FileNotFoundError

    touched = replace(item, stamp=(100, 5))
    assert not is_done(folder, touched, content_hash=lambda _item: "xyz")
    assert not is_done(folder, touched, content_hash=unreadable)


def test_a_failed_item_is_not_done(folder, item):
    with Journal(folder) as journal:
        journal.append(item, failed_row(item, CorruptError("a", "is damaged")))
    assert not is_done(folder, item)


@pytest.mark.parametrize("n_bytes", [1, 40, 100])
def test_a_torn_last_line_is_cut_off_and_the_rest_stays(folder, item, n_bytes):
    whole = (folder / "journal.jsonl").read_bytes()
    (folder / "journal.jsonl").write_bytes(whole + whole[:n_bytes])
    assert is_done(folder, item)
    assert (folder / "journal.jsonl").read_bytes() == whole


def test_a_line_that_a_full_disk_cut_short_costs_no_other(folder, item):
    whole = (folder / "journal.jsonl").read_bytes()
    (folder / "journal.jsonl").write_bytes(whole[:30] + b"\n" + whole + b"[1]\n" + b"\xff\n")
    assert is_done(folder, item)


def test_the_newest_row_wins_and_comes_back_to_the_last_bit(folder, item):
    with Journal(folder) as journal:
        assert journal.row("a")["level_db"] == -23.000000000000004
        journal.append(item, finished_row(item, {"name": "Zürich\n", "long": "x" * 20_000}))
        assert len(journal) == 1
        assert [row["name"] for row in journal.rows_in_order(["b", "a"])] == ["Zürich\n"]
    with Journal(folder) as journal:
        assert len(journal.row("a")["long"]) == 20_000


def test_every_line_is_json(folder):
    for line in (folder / "journal.jsonl").read_text().splitlines():
        assert json.loads(line)["row"]["key"] == "a"


def test_two_runs_may_not_share_a_folder(folder):
    with Journal(folder), pytest.raises(SettingError, match="no other run"):
        Journal(folder)
    Journal(folder).close()


def test_a_folder_that_cannot_be_made_is_one_of_our_errors(tmp_path):
    (tmp_path / "a").touch()
    with pytest.raises(ResourceError, match="Not a directory"):
        Journal(tmp_path / "a" / "state")
