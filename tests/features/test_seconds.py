from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.errors import UserError
from pipeline.features import seconds
from pipeline.features.seconds import Stopwatch, read_seconds, write_seconds


def test_shards_are_taken_together(tmp_path: Path) -> None:
    write_seconds(tmp_path / "0.tsv", 3, 1.5, torch.device("cpu"))
    write_seconds(tmp_path / "1.tsv", 2, 1.0, torch.device("cpu"))
    write_seconds(tmp_path / "2.tsv", 0, 0.0, torch.device("cpu"))
    found = read_seconds(sorted(tmp_path.iterdir()))
    assert (found.videos, found.seconds, found.a_video) == (5, 2.5, 0.5)
    assert found.device.startswith("cpu (")
    assert found.threads == torch.get_num_threads()
    assert read_seconds([tmp_path / "2.tsv"]).a_video == 0


def test_other_tables_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.tsv").write_text("videos\tseconds\n3\tlong\n")
    with pytest.raises(UserError, match=r"x\.tsv: expected one line of videos, seconds, device, threads"):
        read_seconds([tmp_path / "x.tsv"])
    with pytest.raises(UserError, match=r"none\.tsv"):
        read_seconds([tmp_path / "none.tsv"])


def test_the_watch_runs_until_the_last_row_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([10.0, 17.5])
    monkeypatch.setattr(seconds.time, "perf_counter", lambda: next(now))
    watch = Stopwatch([("a", iter([]), np.zeros(0)), ("b", iter([]), np.zeros(0))])
    assert [row[0] for row in watch] == ["a", "b"]
    assert watch.seconds == 7.5
