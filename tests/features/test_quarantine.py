"""Lists of unreadable videos, gathered from those of every feature."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.errors import UserError
from pipeline.features.quarantine import gather_quarantine

HEADER = "video\tstage\treason\tdecoder's words"
GATHERED = "video\tfeatures\tstage\treason\tdecoder's words"

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def _write(feature: str, shard: str, *lines: str, header: str = HEADER) -> Path:
        path = tmp_path / "lists" / feature / f"{shard}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{line}\n" for line in (header, *lines)), encoding="utf-8")
        return path.parent

    return _write


def test_one_line_a_video_and_reason(write: Write, tmp_path: Path) -> None:
    no_picture = "b\tprobe\tno video stream\t"
    broken = 'a\tprobe\tnot a readable media file\t"moov ""atom"" not found"'
    rgb = write("i3d_rgb", "0001", no_picture, broken)
    write("i3d_rgb", "0000")
    flow = write("i3d_flow", "0001", "b\tframes\tno frame could be decoded\tinvalid NAL")
    sound = write("vggish", "0001", broken)
    write("vggish", "0000", "z\tsound\tstuck\t")
    gather_quarantine([rgb, flow, sound], tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["0000.tsv", "0001.tsv"]
    assert (tmp_path / "out/0000.tsv").read_text() == f"{GATHERED}\nz\tvggish\tsound\tstuck\t\n"
    assert (tmp_path / "out/0001.tsv").read_text().splitlines() == [
        GATHERED,
        'a\ti3d_rgb,vggish\tprobe\tnot a readable media file\t"moov ""atom"" not found"',
        "b\ti3d_flow\tframes\tno frame could be decoded\tinvalid NAL",
        "b\ti3d_rgb\tprobe\tno video stream\t",
    ]


def test_what_is_no_list_is_named(write: Write, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere: no list of unreadable videos"):
        gather_quarantine([tmp_path / "nowhere"], tmp_path / "out")
    folder = write("i3d_rgb", "0000", header=GATHERED)
    with pytest.raises(UserError, match=r"i3d_rgb/0000\.tsv: not a list of unreadable videos, expected columns video,"):
        gather_quarantine([folder], tmp_path / "out")
    (folder / "0000.tsv").write_text("")
    with pytest.raises(UserError, match=r"0000\.tsv: not a list"):
        gather_quarantine([folder], tmp_path / "out")
