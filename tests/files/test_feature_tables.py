"""Spools and files of feature rows: whole or not at all, the same bytes for any cutting."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest

from audiokit.errors import BlockError, ItemError
from audiokit.files.atomic import replacing_tree
from audiokit.files.json_rows import open_json_rows
from audiokit.files.kaldi_ark import ArkWriter, write_script
from audiokit.files.npy import NpyWriter
from audiokit.files.row_spool import RowSpool
from audiokit.files.span_table import SpanTable, join_tables

ROWS = np.random.default_rng(0).standard_normal((5000, 7)).astype(np.float32)
NAMES = [f"mel_{n:02d}_db" for n in range(7)]
CUTS = [0, 3, 2047, 2048, 4100]


def read_ark(data):
    """Read the first matrix of a Kaldi archive, as "Kaldi I/O mechanisms" has it."""
    key, _, rest = data.partition(b" ")
    assert rest[:5] == b"\0BFM "
    four, n_rows, also_four, n_columns = struct.unpack("<bibi", rest[5:15])
    assert four == also_four == 4
    return key.decode(), np.frombuffer(rest[15:], "<f4").reshape(n_rows, n_columns)


def write_npy(target, cuts):
    with NpyWriter(target, 7) as writer:
        for piece in np.split(ROWS, cuts):
            writer.append(piece)


def write_ark(target, cuts):
    with ArkWriter(target, 7, key="take") as writer:
        for piece in np.split(ROWS, cuts):
            writer.append(piece)


def write_spans(target, cuts):
    with SpanTable(target, NAMES, source="a.wav", facts={"frame_rule": "{}"}) as table:
        start = 0
        for piece in np.split(ROWS, cuts):
            spans = [("speech", float(n), n + 1.0) for n in range(start, start + len(piece))]
            table.append(spans, piece)
            start += len(piece)


def write_jsonl(target, cuts):
    with open_json_rows(target, {"schema": "x/1"}, NAMES) as lines:
        start = 0
        for piece in np.split(ROWS, cuts):
            lines.append([{"n": n} for n in range(start, start + len(piece))], piece)
            start += len(piece)


@pytest.mark.parametrize("memory_rows", [100, 5000])
def test_a_spool_gives_back_rows_and_columns(tmp_path, memory_rows):
    with RowSpool(7, tmp_path) as spool:
        for piece in np.split(ROWS[:memory_rows], [3, 50]):
            spool.append(piece)
        assert spool.n_rows == memory_rows
        np.testing.assert_array_equal(np.concatenate(list(spool.rows())), ROWS[:memory_rows])
        start, stop = 40, memory_rows - 5
        part = np.concatenate(list(spool.rows(start, stop)))
        np.testing.assert_array_equal(part, ROWS[start:stop])
        for number in (0, 6):
            np.testing.assert_array_equal(
                spool.column(number, start, stop), ROWS[start:stop, number]
            )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("write", [write_npy, write_ark, write_spans, write_jsonl])
def test_bytes_do_not_depend_on_how_rows_are_cut(tmp_path, write):
    write(tmp_path / "whole", [])
    write(tmp_path / "cut", CUTS)
    assert (tmp_path / "whole").read_bytes() == (tmp_path / "cut").read_bytes()
    assert len(list(tmp_path.iterdir())) == 2


def test_an_array_that_grew_loads_with_numpy(tmp_path):
    write_npy(tmp_path / "new" / "take.npy", CUTS)
    np.testing.assert_array_equal(np.load(tmp_path / "new" / "take.npy"), ROWS)


def test_an_archive_reads_as_kaldi_publishes_it(tmp_path):
    write_ark(tmp_path / "take.ark", CUTS)
    key, matrix = read_ark((tmp_path / "take.ark").read_bytes())
    assert key == "take"
    np.testing.assert_array_equal(matrix, ROWS)
    write_script(tmp_path / "take.scp", key="take", archive="feats/take.ark")
    assert (tmp_path / "take.scp").read_text() == "take feats/take.ark:5\n"


def test_an_archive_reads_in_kaldiio(tmp_path):
    kaldiio = pytest.importorskip("kaldiio")
    write_ark(tmp_path / "take.ark", CUTS)
    write_script(tmp_path / "take.scp", key="take", archive=str(tmp_path / "take.ark"))
    found = kaldiio.load_scp(str(tmp_path / "take.scp"))
    np.testing.assert_array_equal(found["take"], ROWS)


@pytest.mark.parametrize("name", ["hdf5", "zarr"])
def test_arrays_of_an_extra_read_back_and_have_the_same_bytes_for_any_cutting(tmp_path, name):
    package = pytest.importorskip("h5py" if name == "hdf5" else "zarr")
    from audiokit.files.hdf5 import Hdf5Writer
    from audiokit.files.zarr_folder import ZarrWriter

    for place, cuts in (("whole", []), ("cut", CUTS)):
        with (Hdf5Writer if name == "hdf5" else ZarrWriter)(tmp_path / place) as writer:
            for piece in np.split(ROWS, cuts):
                writer.append("mel", piece)
            writer.note("hop_s", 0.01)
            writer.name("mel_columns", NAMES)
    opened = (
        package.File(tmp_path / "cut")
        if name == "hdf5"
        else package.open_group(str(tmp_path / "cut"), mode="r")
    )
    np.testing.assert_array_equal(opened["mel"][:], ROWS)
    assert opened.attrs["hop_s"] == 0.01
    whole, cut = (
        {path.name: path.read_bytes() for path in [place, *place.rglob("*")] if path.is_file()}
        for place in (tmp_path / "whole", tmp_path / "cut")
    )
    assert list(whole.values()) == list(cut.values())


def test_the_room_that_is_taken_beforehand_is_given_back(tmp_path):
    pytest.importorskip("h5py")
    from audiokit.files.hdf5 import Hdf5Writer

    with Hdf5Writer(tmp_path / "small.h5") as writer:
        writer.append("mel", ROWS[:10, :1])
    # One chunk of 1024 values and its index.
    assert (tmp_path / "small.h5").stat().st_size < 16_000


def test_rows_of_another_width_are_refused_and_nothing_is_left(tmp_path):
    with pytest.raises(BlockError, match="expected \\(rows, 7\\)"), NpyWriter(
        tmp_path / "x.npy", 7
    ) as writer:  # fmt: skip
        writer.append(ROWS[:, :5])
    assert list(tmp_path.iterdir()) == []


def test_json_lines_give_every_bit_back(tmp_path):
    write_jsonl(tmp_path / "take.jsonl", [])
    head, *lines = map(json.loads, (tmp_path / "take.jsonl").read_text().splitlines())
    assert head == {"schema": "x/1"}
    values = np.array([[line[name] for name in NAMES] for line in lines], np.float32)
    np.testing.assert_array_equal(values, ROWS)


def test_tables_of_stretches_join_to_one_in_pandas(tmp_path):
    pandas = pytest.importorskip("pandas")
    write_spans(tmp_path / "a.parquet", [])
    write_spans(tmp_path / "b.parquet", [])
    join_tables([tmp_path / "a.parquet", tmp_path / "b.parquet"], tmp_path / "all.parquet")
    table = pandas.read_parquet(tmp_path / "all.parquet")
    assert table.columns.tolist() == ["source", "label", "start_s", "end_s", *NAMES]
    assert len(table) == 2 * len(ROWS)
    np.testing.assert_array_equal(table.mel_03_db[: len(ROWS)], ROWS[:, 3])


def test_a_folder_replaces_another_as_a_whole_or_not_at_all(tmp_path):
    target = tmp_path / "take.zarr"
    for content in ("old", "new"):
        with replacing_tree(target) as folder:
            (folder / content).write_text(content)
    assert [path.name for path in target.iterdir()] == ["new"]
    with pytest.raises(ItemError, match=r"take\.zarr"), replacing_tree(target) as folder:
        (folder / "a" / "third").write_text("in a folder that is not there")
    assert [path.name for path in target.iterdir()] == ["new"]
    assert [path.name for path in tmp_path.iterdir()] == ["take.zarr"]
