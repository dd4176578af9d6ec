"""A stream kept for a second pass."""

from __future__ import annotations

import numpy as np
import pytest

from audiokit.errors import ItemError
from audiokit.files.spool import BlockSpool
from audiokit.stage import StreamFormat
from audiokit.testing import speechlike, split_at

FMT = StreamFormat(8000, 2)
STREAM = speechlike(FMT, 1.0)
IN_MEMORY, ON_DISK = 1 << 20, 1000


def filled(folder, memory_bytes):
    spool = BlockSpool(FMT, folder, memory_bytes=memory_bytes)
    for block in split_at(STREAM, [0, 100, 101, 5000]):
        spool.write(block)
    return spool


@pytest.mark.parametrize("memory_bytes", [IN_MEMORY, ON_DISK])
@pytest.mark.parametrize("block_samples", [1000, 777, 10**6])
def test_what_went_in_comes_out_as_often_as_asked(tmp_path, memory_bytes, block_samples):
    with filled(tmp_path, memory_bytes) as spool:
        assert spool.n_samples == len(STREAM)
        for _ in range(2):
            blocks = list(spool.blocks(block_samples))
            assert {len(block) for block in blocks[:-1]} <= {block_samples}
            np.testing.assert_array_equal(np.concatenate(blocks), STREAM)


@pytest.mark.parametrize("memory_bytes", [IN_MEMORY, ON_DISK])
def test_reading_and_writing_may_alternate(tmp_path, memory_bytes):
    with filled(tmp_path, memory_bytes) as spool:
        first = next(spool.blocks(10))
        spool.write(STREAM)
        again = np.concatenate(list(spool.blocks(4096)))
    np.testing.assert_array_equal(first, STREAM[:10])
    np.testing.assert_array_equal(again, np.concatenate([STREAM, STREAM]))


def test_blocks_may_be_written_to(tmp_path):
    with filled(tmp_path, IN_MEMORY) as spool:
        for block in spool.blocks(1000):
            block.fill(0)
        np.testing.assert_array_equal(next(spool.blocks(len(STREAM))), STREAM)


def test_no_file_is_to_be_seen(tmp_path):
    with filled(tmp_path, ON_DISK):
        assert list(tmp_path.iterdir()) == []
    assert list(tmp_path.iterdir()) == []


def test_an_empty_stream_has_no_blocks(tmp_path):
    with BlockSpool(FMT, tmp_path) as spool:
        spool.write(FMT.silence(0))
        assert list(spool.blocks(100)) == []


def test_a_folder_that_is_not_there_is_an_item_error(tmp_path):
    with BlockSpool(FMT, tmp_path / "gone", memory_bytes=10) as spool, pytest.raises(ItemError):
        spool.write(STREAM)
