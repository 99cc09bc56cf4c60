"""Shards: one video in one shard, whichever way they are asked for."""

import json
import sys
from pathlib import Path

import pytest

from pipeline.cli import main
from pipeline.corpus.shards import by_shard, in_shard, npy_in, shard_name
from pipeline.errors import UserError


def test_by_shard_is_in_shard_for_every_shard() -> None:
    ids = {f"V{i}": Path(f"V{i}.mp4") for i in range(50)}
    found = by_shard(ids, 7)
    assert list(found) == sorted(found)
    assert sum(len(paths) for paths in found.values()) == 50
    for shard in range(7):
        assert found.get(shard_name(shard), []) == list(in_shard(ids, shard, 7).values())


@pytest.mark.parametrize(
    ("shard", "video", "message"),
    [
        ("7", "a.mp4", "error: shard 7: expected 0 to 0, shards are counted from 0"),
        ("-1", "a.mp4", "error: shard -1: expected 0 to 0, shards are counted from 0"),
        ("0", "notes.txt", "error: clips: no video in this folder; give another one"),
    ],
)
def test_no_shard_is_decoded_of_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    shard: str,
    video: str,
    message: str,
) -> None:
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / video).touch()
    monkeypatch.chdir(tmp_path)
    config = json.dumps({"corpus": {"shards": 1}, "features": {"vggish": {"network": "vggish"}}})
    given = ["decode", "vggish", "--out", "x.h5", "--quarantine", "x.tsv", "--videos", "clips", "-c", config]
    monkeypatch.setattr(sys, "argv", ["avsd", *given, "--shard", shard])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert capsys.readouterr().err.splitlines()[-1] == message
    assert [path.name for path in tmp_path.iterdir()] == ["clips"]


@pytest.mark.parametrize("name", ["a\tb", "a\nb", "\ufeffa", "a\u200eb", "a\u2028b", "a\u202eb"])
def test_an_npy_whose_name_can_be_no_id_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / f"{name}.npy").touch()
    with pytest.raises(UserError, match=r"'.*\\.*', the name of a file, cannot be a video's id; rename it"):
        npy_in(tmp_path)
