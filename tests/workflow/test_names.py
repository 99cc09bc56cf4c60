"""Videos, and folders, of odd names, through Snakemake."""

import json
import re
import shlex
import subprocess

import h5py
import imageio_ffmpeg
import pytest
from typer.core import TyperGroup as Group
from typer.main import get_command

from pipeline.cli import app

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


def test_no_file_is_taken_for_an_option(tmp_path, workflow):
    """With folders and files that are called like options, the command line understands what rules pass it."""
    blank = {"image_id": "v1", "turn": 0, "sentence": "it is <blank>", "word": "red", "word_class": "adjective"}
    content = {"type": "sentence_blanks", "text": "answer", "tagger": "somebody's", "blanks": [blank]}
    (tmp_path / "-mine.json").write_text(json.dumps(content))
    (tmp_path / "-npy").mkdir()
    (tmp_path / "-npy/clip.npy").touch()
    done = workflow(tmp_path)(
        *("all", "matching", "--dry-run", "--printshellcmds", "--quiet", "host"),
        config=[
            "results=-foo",
            "matching={run: [chooser, filler], blanks: {trial: -mine.json}}",
            "features={vggish: {npy: -npy}}",
        ],
    )
    seen = set()
    for line in re.findall(r"^Shell command: avsd (.*)$", done.text, re.MULTILINE):
        command, words = get_command(app), shlex.split(re.sub(r" 2?> .*", "", line))
        words = words[2:] if words[0] == "--gpus" else words
        while isinstance(command, Group):
            command = command.commands[words.pop(0)]
        command.make_context(command.name, words)  # which raises what it does not understand
        seen.add(command.name)
    assert seen >= {"quarantine", "score", "candidates", "blanks", "published", "import", "decode", "extract", "train"}


@pytest.mark.slow
def test_a_results_folder_called_like_an_option(named):
    named("quarantine", config=["results=-foo"])
    assert (named.folder / "-foo/quarantine/0000.tsv").is_file()
