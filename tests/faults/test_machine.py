"""Machines that are full, closed, or have another idea of the time, and folders of any name."""

import os
import shutil
import subprocess

import pytest

from tests.faults.stages import FEATURE, SHARD, SYSTEM, WRITES, artefacts, different

WRITING = ("decode", "extract", "train", "answer", "score")
MODEL = f"results/models/{SYSTEM}"


def files(folder):
    """Every file below a folder, hidden ones too, with its content."""
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def goes_on(stages, stage, folder):
    """Check that the stage, run again, makes everything as the undisturbed run has it, and leaves nothing else."""
    stages.run(folder, stage).went_well()
    assert different(artefacts(folder / "results"), stages.found) == []


FULL = ("Disks", "a full disk, in every stage", "one line naming the file; nothing half-written stays; it goes on")


@pytest.mark.fault(*FULL)
@pytest.mark.parametrize(
    ("stage", "size"),
    [
        *((stage, 1000) for stage in ("decode", "extract", "train")),
        *(pytest.param(stage, size, marks=pytest.mark.more) for stage in WRITING for size in (5000, 20_000)),
    ],
)
def test_no_file_may_be_larger(stages, tmp_path, stage, size):
    folder = stages.before(stage, tmp_path)
    before = files(folder)
    done = stages.run(folder, stage, file_bytes=size)
    if done.status != 0:  # 0: so much was enough
        done.refused("results", seconds=None, memory=None)
        left = [name for name in files(folder).keys() - before.keys() if name.name.startswith(".")]
        assert left == []
    goes_on(stages, stage, folder)


@pytest.fixture
def disk(tmp_path):
    """`disk(folder, size)` puts a disk of so many KiB there, with what was in the folder on it."""
    mounted = []

    def mount(folder, kib):
        folder.mkdir(parents=True, exist_ok=True)
        kept = tmp_path / "kept"
        shutil.copytree(folder, kept)
        command = ["mount", "-t", "tmpfs", "-o", f"size={kib}k", "none", str(folder)]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("no disk may be mounted here")
        mounted.append(folder)
        shutil.copytree(kept, folder, dirs_exist_ok=True)
        shutil.rmtree(kept)

    yield mount
    for folder in mounted:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.fault(*FULL)
@pytest.mark.parametrize(
    ("stage", "kib"),
    [
        ("decode", 40),
        ("train", 40),
        *(pytest.param(stage, kib, marks=pytest.mark.more) for stage in WRITING for kib in (4, 16, 64, 300)),
    ],
)
def test_a_disk_runs_full(stages, tmp_path, disk, stage, kib):
    folder = stages.before(stage, tmp_path / "run")
    # The folders of this stage's files are small disks; what else is there fits.
    for written in {(folder / path).parent for path in WRITES[stage]}:
        size = sum(path.stat().st_size for path in written.rglob("*") if path.is_file())
        disk(written, kib + 2 * size // 1024)
    before = files(folder)
    done = stages.run(folder, stage)
    if done.status != 0:
        done.refused("results", seconds=None, memory=None)
        assert [name for name in files(folder).keys() - before.keys() if name.name.startswith(".")] == []
        assert {name: files(folder)[name] for name in before} == before


@pytest.mark.fault("Disks", "a results folder that may only be read", "one line naming the place")
@pytest.mark.parametrize("stage", ["decode", "train", *(pytest.param(s, marks=pytest.mark.more) for s in WRITING)])
def test_a_closed_results_folder(stages, tmp_path, stage):
    folder = stages.before(stage, tmp_path)
    before = files(folder)
    folders = [folder / "results", *(path for path in (folder / "results").rglob("*") if path.is_dir())]
    for path in folders:
        path.chmod(0o555)
    try:
        done = stages.run(folder, stage, unprivileged=True)
        assert files(folder) == before
    finally:
        for path in folders:
            path.chmod(0o755)
    done.refused("results", "ermission denied", seconds=None, memory=None)


CUT = {
    "a decoded shard": ("extract", SHARD),
    "a feature shard": ("train", FEATURE),
    "a feature shard at test": ("answer", FEATURE),
    "a model": ("answer", f"{MODEL}/model.safetensors"),
    "what is said of a model": ("answer", f"{MODEL}/system.json"),
    "the vocabulary": ("train", "results/vocabulary.json"),
    "dialogs": ("train", "results/corpus/training.json"),
    "answers": ("score", f"results/answers/{SYSTEM}/trial.json"),
    "references": ("score", "results/corpus/references/trial.json"),
}


@pytest.mark.fault("Disks", "a file cut short between two stages", "one line naming it")
@pytest.mark.parametrize(
    ("what", "share"),
    [
        pytest.param(what, share, marks=() if (what, share) in ALWAYS else pytest.mark.more)
        for ALWAYS in [{("a decoded shard", 0.9), ("a feature shard", 0.5), ("a model", 0.5)}]
        for what in CUT
        for share in (0, 0.1, 0.5, 0.9, 0.999)
    ],
)
def test_a_file_cut_short(stages, tmp_path, what, share):
    stage, name = CUT[what]
    folder = stages.before(stage, tmp_path)
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: int(share * len(content))])
    named = name if name.endswith((".h5", "safetensors", "json")) else folder
    stages.run(folder, stage).refused(named, seconds=None, memory=None)
    assert not [folder / path for path in WRITES[stage] if (folder / path).is_file()]


@pytest.mark.fault("Disks", "a state of a training cut short", "one line naming it, or the training begins anew")
@pytest.mark.parametrize("share", [0.5, *(pytest.param(each, marks=pytest.mark.more) for each in (0, 0.1, 0.9, 0.999))])
def test_a_state_cut_short(stages, tmp_path, share):
    folder = stages.before("train", tmp_path)
    state = folder / f"results/state/{SYSTEM}/state.pt"
    for part in (0.5, 0.7, 0.8, 0.9, 0.95):
        stages.run(folder, "train", seconds=part * stages.walls["train"])
        if state.exists():
            break
    else:
        pytest.skip("too fast to be killed between its epochs")
    state.write_bytes(state.read_bytes()[: int(share * state.stat().st_size)])
    done = stages.run(folder, "train")
    if done.status != 0:
        done.refused("state.pt", seconds=None, memory=None)
        state.unlink()
    goes_on(stages, "train", folder)


NAMES = (
    *("-dash", " blank ", "quotes ' and \"", "ünïcode 日本", "{braces}", "{}", "100%d", "$HOME `ls`"),
    *("semi;colon", "#hash", "back\\slash", "st*r?[a]", "~", "a,b=c"),
)


@pytest.mark.fault("Disks", "folders of any name, relative and linked ones", "the same result")
@pytest.mark.parametrize("name", [NAMES[2], *(pytest.param(name, marks=pytest.mark.more) for name in NAMES)])
@pytest.mark.parametrize("how", ["in it", pytest.param("videos", marks=pytest.mark.more)])
def test_a_folder_of_any_name(stages, tmp_path, name, how):
    folder = stages.before("decode", tmp_path / (name if how == "in it" else "run"))
    if how == "videos":
        os.renames(folder / "results/scenes/videos", folder / name / "videos")
        videos = ["--videos", f"{name}/videos"] if not name.startswith("-") else [f"--videos={name}/videos"]
        stages.run(folder, "decode", *videos).went_well()
        os.renames(folder / name / "videos", folder / "results/scenes/videos")
    else:
        stages.run(folder, "decode").went_well()
    assert different(artefacts(folder / "results"), stages.found) == []


@pytest.mark.fault("Disks", "folders of any name, relative and linked ones", "the same result")
@pytest.mark.parametrize("link", ["folder", pytest.param("files", marks=pytest.mark.more)])
def test_linked_videos(stages, tmp_path, link):
    folder = stages.before("decode", tmp_path / "run")
    videos = folder / "results/scenes/videos"
    kept = tmp_path / "elsewhere"
    shutil.move(videos, kept)
    if link == "folder":
        videos.symlink_to("../../../elsewhere")
    else:
        videos.mkdir()
        for path in kept.iterdir():
            (videos / path.name).symlink_to(path)
    stages.run(folder, "decode").went_well()
    assert (folder / SHARD).read_bytes() == (stages.folder / SHARD).read_bytes()


@pytest.mark.fault("Disks", "files of tomorrow: the clock was set back", "the same result")
@pytest.mark.parametrize("stage", ["train", *(pytest.param(s, marks=pytest.mark.more) for s in WRITING)])
def test_files_of_tomorrow(stages, tmp_path, stage):
    folder = stages.before(stage, tmp_path)
    for path in folder.rglob("*"):
        later = path.stat().st_mtime + 86400
        os.utime(path, (later, later))
    goes_on(stages, stage, folder)
