"""No command writes onto what it reads, or onto another of its files: one line, and every file stays as it was."""

import json
import os
import shlex
import sys
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from pipeline.cli import app, main
from pipeline.errors import UserError
from pipeline.files import check_outputs

READ, TWICE = "is read, and would be lost when it is written", "two files are to be written there"
PIPE, FOLDER = "a pipe or a device", "a folder, and a file is to be written"
DECODE, FEATURE = "decode vggish -c c.yaml --videos clips", "features: {vggish: {network: vggish, weights: w.h5}}"
CASES = {
    "decode": [
        (f"{DECODE} --out x.h5 --quarantine x.h5", "x.h5", TWICE),
        (f"{DECODE} --out clips/v.mp4 --quarantine x.tsv", "clips/v.mp4", READ),
        (f"{DECODE} --out x.h5 --quarantine c.yaml", "c.yaml", READ),
        (f"{DECODE} --out x.h5 --quarantine pipe", "pipe", PIPE),
    ],
    "extract": [
        ("extract vggish -c c.yaml --decoded v.h5 --out v.h5", "v.h5", READ),
        ("extract vggish -c c.yaml --decoded v.h5 --out w.h5", "w.h5", READ),
        ("extract vggish -c c.yaml --decoded v.h5 --out v2.h5 --seconds v2.h5", "v2.h5", TWICE),
        ("extract vggish -c c.yaml --decoded v.h5 --out v2.h5 --seconds v.h5", "v.h5", READ),
    ],
    "vocabulary": [
        ("vocabulary -c c.yaml --training a.json --out a.json", "a.json", READ),
        ("vocabulary -c c.yaml --training a.json --out linked/a.json", "linked/a.json", READ),
        ("vocabulary -c c.yaml --training link.json --out a.json", "a.json", READ),
        ("vocabulary -c c.yaml --training a.json --out pipe", "pipe", PIPE),
        ("vocabulary -c c.yaml --training a.json --out .", ".", "no file's name"),
    ],
    "concepts": [("concepts -c c.yaml --training a.json --vocabulary b.json --out b.json", "b.json", READ)],
    "explain": [
        ("explain told -c c.yaml --test-set trial --out c.yaml", "c.yaml", READ),
        (
            "explain told -c told.yaml --test-set trial --out r/answers/told/trial.json",
            "r/answers/told/trial.json",
            READ,
        ),
    ],
    "ask": [
        ("ask clips/v.mp4 what? -c c.yaml --explain clips/v.mp4", "clips/v.mp4", READ),
        ("ask clips/v.mp4 what? -c c.yaml --history a.json --explain a.json", "a.json", READ),
        ("ask clips/v.mp4 what? -c c.yaml --explain clips", "clips", FOLDER),
    ],
    "scene-captions": [("corpus scene-captions -c c.yaml --out c.yaml", "c.yaml", READ)],
    "import": [
        ("corpus import -c dialogs.yaml --out sc", "sc/training.json", READ),
        ("corpus import -c captions.yaml --out sc", "sc/training.json", READ),
        ("features import npy --out npy/v.npy", "npy/v.npy", READ),
    ],
    "captions": [
        ("corpus captions said.json --out said.json", "said.json", READ),
        ("corpus captions said.json --ids a.json --out a.json", "a.json", READ),
    ],
    "candidates": [("corpus candidates a.json --references b.json --out b.json", "b.json", READ)],
    "blanks": [
        (
            f"corpus blanks a.json --training b.json --vocabulary e.json --references d.json --out {each}.json",
            f"{each}.json",
            READ,
        )
        for each in "abed"
    ],
    "published": [
        ("corpus published sc/test.json --out sc", "sc/test.json", READ),
        ("corpus published sc/references/test.candidates.json --out sc", "sc/references/test.candidates.json", READ),
    ],
    "kinetics": [("weights kinetics --out pipe", "pipe", PIPE)],
    "imagenet": [("weights imagenet --out pipe", "pipe", PIPE)],
    "quarantine": [("features quarantine unread --out unread", "unread/0000.tsv", READ)],
    "score": [
        *(
            (f"score a.json --references b.json --truth d.json --json {each}.json", f"{each}.json", READ)
            for each in "abd"
        ),
        ("score a.json --references b.json --against e.json --json e.json", "e.json", READ),
        ("score a.json e.json --references b.json --json x.json --json x.json", "x.json", TWICE),
        ("score a.json --references b.json --paraphrases p --json p/tokens.txt", "p/tokens.txt", READ),
        ("score a.json --references b.json --json pipe", "pipe", PIPE),
    ],
    "paraphrases": [("paraphrases --references p/tokens.txt --vocabulary a.json --out p", "p/tokens.txt", READ)],
    "release": [
        ("release -c c.yaml --out c.yaml", "c.yaml", READ),
        ("release -c told.yaml --out r/answers/told/trial.json", "r/answers/told/trial.json", READ),
    ],
}
APART = {
    "scenes": "reads no file",
    "export": "reads shards (h5) and writes npy",
}
"""Commands that say where they write, and cannot write onto what they read."""
DIALOGS = {"dialogs": [{"image_id": f"v{n}", "dialog": [{"question": "a ?", "answer": f"b{n}"}]} for n in range(40)]}
LINE = "v{}\t" + "0.0\t" * 4
TOLD = """results: r
videos: clips
device: cpu
run: [told]
corpus: {source: files}
dialogs: {training: a.json, trial: b.json}
systems: {told: {label: told, network: attention}}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    files = {
        **{f"{name}.json": json.dumps(DIALOGS) for name in ("a", "b", "d", "e", "sc/training", "r/answers/told/trial")},
        **dict.fromkeys(("v.h5", "w.h5", "clips/v.mp4", "p/tokens.txt", "p/paraphrases.gz"), ""),
        "c.yaml": FEATURE,
        "told.yaml": TOLD,
        "dialogs.yaml": "{corpus: {source: files}, dialogs: {training: sc/training.json}}",
        "captions.yaml": "{corpus: {source: captions}, captions: {training: sc/training.json}}",
        "said.json": '{"v": "a man"}',
        "sc/test.json": LINE.format(1) + "a man runs\n",
        "sc/references/test.candidates.json": LINE.format(1) + "a\tb\tc\td\te\t2\n",
        "unread/0000.tsv": "video\tstage\treason\n",
        "npy/v.npy": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "linked").symlink_to(".")
    (tmp_path / "link.json").symlink_to("a.json")
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def content(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(("line", "place", "said"), [each for listed in CASES.values() for each in listed])
def test_it_is_refused_in_one_line(
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    line: str,
    place: str,
    said: str,
) -> None:
    if line.startswith("corpus import -c captions"):
        (project / "sc/training.json").write_text(json.dumps({f"v{n}": "a man" for n in range(40)}), encoding="utf-8")
    if line.startswith("features quarantine"):
        from pipeline.media.decode import QUARANTINE_COLUMNS

        (project / "unread/0000.tsv").write_text("\t".join(QUARANTINE_COLUMNS) + "\n", encoding="utf-8")
    before = content(project)
    monkeypatch.setattr(sys, "argv", ["avsd", *shlex.split(line)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith(f"error: {place}: {said}"), error
    assert content(project) == before
    assert (project / "pipe").is_fifo()


def test_every_command_that_is_told_where_to_write_has_a_case() -> None:
    told = {"out", "quarantine", "seconds", "json", "explain"}
    groups, found = [get_command(app)], set()
    while groups:
        for name, command in groups.pop().commands.items():
            if isinstance(command, TyperGroup):
                groups.append(command)
            elif told & {each.name for each in command.params if not getattr(each, "is_flag", False)}:
                found.add(name)
    assert found == CASES.keys() | APART.keys()


def test_files_of_one_name_in_two_folders_are_two(tmp_path: Path) -> None:
    (tmp_path / "a.json").touch()
    (tmp_path / "sub").mkdir()
    check_outputs([tmp_path / "sub/a.json", None, tmp_path / "b.json"], [tmp_path / "a.json", None])
    (tmp_path / "sub/a.json").touch()
    check_outputs([tmp_path / "sub/a.json"], [tmp_path / "a.json"])
    with pytest.raises(UserError, match=TWICE):
        check_outputs([tmp_path / "c.json", tmp_path / "sub/../c.json"])
