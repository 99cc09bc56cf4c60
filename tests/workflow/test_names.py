"""Videos of odd names, through Snakemake."""

import subprocess

import h5py
import imageio_ffmpeg
import pytest

NAMES = (
    "a{shard}.mp4", "b{}.mp4", "{x,y}.mp4", "{.mp4", "c:d.mp4", "%03d.mp4", "e f'g\"h.mp4", "-dash.mp4", "ü日本.mp4",
    " blank .mp4", "[br].mp4", "st*r?.mp4", "semi;$HOME`.mp4", "back\\slash.mp4", "take 1.2", "#h&.MKV", "file:x.mp4",
)  # fmt: skip


@pytest.fixture
def named(tmp_path, workflow):
    """A workflow that computes one feature of clips with such names, in a folder whose own name is odd."""
    folder = tmp_path / "my {clips}"
    (folder / "inner").mkdir(parents=True)
    clip = tmp_path / "clip.mp4"
    source = ("-f", "lavfi", "-i", "sine=sample_rate=16000:duration=1.5")
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *source, "-c:a", "aac", clip], check=True)
    for name in (*NAMES, "inner/deep.mp4", b"caf\xe9.mp4".decode(errors="surrogateescape"), "notes.txt"):
        (folder / name).hardlink_to(clip)
    clips = workflow.root / "configs/clips.yaml"
    options = ("videos=my {clips}", "extract=[vggish]", "corpus={shards: 1}")
    return workflow(tmp_path, "--configfile", clips, "--config", *options)


def test_they_are_planned_and_what_is_left_out_is_said(named):
    done = named("--dry-run", "--quiet", "rules", "reason", "host")
    said = [line for line in done.text.splitlines() if "not taken as videos" in line]
    assert said == [
        "my {clips}: 3 of its entries not taken as videos: caf\\xe9.mp4 (its name is not UTF-8: rename it), "
        "inner (a folder: videos_recursive looks into folders), notes.txt"
    ]


@pytest.mark.slow
def test_they_are_decoded_and_a_change_of_one_is_seen(named):
    arguments, config = ("results-clips/quarantine/vggish/0000.tsv", "--notemp"), ["videos_recursive=true"]
    named(*arguments, config=config)
    with h5py.File(named.folder / "results-clips/decoded/vggish/0000.h5") as shard:
        found = set(shard)
    ids = {name.rsplit(".", 1)[0] if name != "take 1.2" else name for name in NAMES}
    assert found == ids | {"deep"}
    assert named.planned(*arguments, config=config) == {}
    clip = named.folder / "my {clips}" / "a{shard}.mp4"
    content = clip.read_bytes()
    clip.unlink()
    clip.write_bytes(content)
    assert named.planned(*arguments, config=config) == {"decode": 1, "total": 1}
