"""The lines of ``docs/howto/process.md`` that load a dataset, run as they stand there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parent.parent / "docs" / "howto" / "process.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture(scope="module")
def dataset(samples, tmp_path_factory):
    folder = tmp_path_factory.mktemp("loading")
    command = [sys.executable, "-m", "audiokit", "process", str(samples), "-o", "dataset", "-q"]
    subprocess.run(command, check=True, cwd=folder, timeout=300)
    return folder


def block_using(package):
    (block,) = [text for text in BLOCKS if re.search(rf"\b{package}\b", text)]
    return block


@pytest.mark.parametrize("package", ["pandas", "datasets", "lhotse"])
# These packages warn of their own use of other packages.
@pytest.mark.filterwarnings("ignore")
def test_the_lines_of_the_page_load_the_dataset(package, dataset, monkeypatch):
    pytest.importorskip(package, reason=f"{package} is not installed")
    monkeypatch.chdir(dataset)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(dataset / "cache"))
    names = {}
    exec(block_using(package), names)  # noqa: S102  the documentation's own lines
    assert len(names["rows"]) == 13
    if package == "lhotse":
        assert {recording.sampling_rate for recording in names["recordings"]} == {16000}
        assert names["recordings"][0].load_audio().shape[0] == 1
    else:
        assert set(names["rows"]["status"]) == {"ok"}
