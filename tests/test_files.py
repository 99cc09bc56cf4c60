"""Temporary files: whose they are, and when they go."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline import leftovers
from pipeline.errors import UserError, refusal
from pipeline.files import atomic_path, finished_files, scratch_folder, write_text
from pipeline.leftovers import remove_leftovers, temporary_name
from pipeline.progress import one_line_errors

ROOT = Path(__file__).resolve().parents[1]


def run(code: str, *arguments: object) -> "subprocess.Popen[str]":
    """A Python process that prints `ready` and waits, or does what ``code`` says."""
    code = f"import os, sys, time\nfrom pathlib import Path\nfrom pipeline.files import *\n{code}"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)], env=environment, stdout=subprocess.PIPE, text=True
    )


WRITING = """
with atomic_path(Path(sys.argv[1])) as temporary:
    temporary.write_text("half")
    print("ready", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def writer(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """Another process in the middle of writing `shard.h5`."""
    process = run(WRITING, tmp_path / "shard.h5")
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    yield process
    process.kill()
    process.communicate()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def hidden(folder: Path) -> list[Path]:
    return sorted(folder.glob(".*"))


def test_a_living_writer_keeps_its_file_a_dead_one_does_not(tmp_path, writer):
    write_text(tmp_path / "shard.h5", "whole")
    write_text(tmp_path / "other.h5", "whole")
    assert [path.read_text() for path in hidden(tmp_path)] == ["half"]
    writer.kill()
    writer.wait()
    write_text(tmp_path / "other.h5", "again")
    assert names(tmp_path) == ["other.h5", "shard.h5"]
    assert (tmp_path / "shard.h5").read_text() == "whole"


def test_dead_but_not_yet_waited_for_is_dead(tmp_path, writer):
    os.kill(writer.pid, signal.SIGKILL)
    while Path(f"/proc/{writer.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
        time.sleep(0.01)
    remove_leftovers(tmp_path)
    assert names(tmp_path) == []


def test_a_number_given_out_again_is_another_process(tmp_path):
    """This process lives, and began at another time than the one that had its number then."""
    mine = tmp_path / temporary_name("a.h5", ".h5")
    parts = mine.name.split("-")
    parts[-2] = str(int(parts[-2]) + 1)
    mine.touch()
    (tmp_path / "-".join(parts)).touch()
    remove_leftovers(tmp_path)
    assert hidden(tmp_path) == [mine]


def uptime_hours():
    return float(Path("/proc/uptime").read_text().split()[0]) / 3600


@pytest.mark.parametrize(
    ("changed", "age_hours", "stays"),
    [
        ({"machine": "other"}, 1, True),  # who can know?
        ({"machine": "other"}, 25, False),
        ({"space": "7"}, 1, True),  # another container here
        ({"space": "7"}, 25, False),
        ({"boot": "other"}, lambda: uptime_hours() + 0.1, False),  # from before the machine went down
        ({"boot": "other"}, lambda: min(uptime_hours(), 24) - 0.01, True),  # another machine of this name
        ({}, 1000, True),  # slow, and alive
    ],
)
def test_other_machines_are_judged_by_age(tmp_path, monkeypatch, changed, age_hours, stays):
    here = leftovers._here()
    there = leftovers._Here(
        *(
            leftovers._short(changed[key]) if key in changed and key != "space" else getattr(here, key)
            for key in ("machine", "boot")
        ),
        changed.get("space", here.space),
    )
    with monkeypatch.context() as patch:
        patch.setattr(leftovers, "_here", lambda: there)
        path = tmp_path / temporary_name("a.h5", ".h5")
    path.touch()
    then = time.time() - (age_hours() if callable(age_hours) else age_hours) * 3600
    os.utime(path, (then, then))
    remove_leftovers(tmp_path)
    assert path.exists() == stays


def test_folders_of_the_dead_go_and_what_is_not_ours_stays(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    run("with scratch_folder('ask') as folder:\n (folder / 'decoded.h5').touch()\n os._exit(9)").wait()
    assert len(hidden(tmp_path)) == 1
    others = [".shard.h5.abc.h5", ".DS_Store", ".avsd-notes", "video.avsd-1-2.mp4"]
    for name in others:
        (tmp_path / name).touch()
    with scratch_folder("ask") as folder:
        assert [path for path in hidden(tmp_path) if path.is_dir()] == [folder]
    assert names(tmp_path) == sorted(others)


def test_long_names_are_cut_between_bytes(tmp_path):
    target = tmp_path / ("ä" * 125 + ".npy")
    with atomic_path(target) as temporary:
        assert len(os.fsencode(temporary.name)) <= 255
        temporary.write_text("x")
    assert names(tmp_path) == [target.name]


def test_a_folder_is_not_listed_for_each_of_many_files(tmp_path, monkeypatch):
    calls = []

    def slowly(folder):
        calls.append(folder)
        time.sleep(0.01)
        return 300

    monkeypatch.setattr(leftovers, "remove_leftovers", slowly)
    for index in range(100):
        leftovers.sweep(tmp_path / str(index // 99))
    assert calls == [tmp_path / "0", tmp_path / "1"]


def test_a_disk_that_takes_no_more_is_named(tmp_path):
    with pytest.raises(OSError, match="No space left") as raised, atomic_path(tmp_path / "a.json"):
        Path("/dev/full").write_text("x")
    assert refusal(raised.value) == f"{tmp_path / 'a.json'}: No space left on device"
    assert names(tmp_path) == []


def test_permissions_are_the_umasks_even_when_a_library_replaces_the_file(tmp_path):
    with atomic_path(tmp_path / "a") as temporary:
        temporary.unlink()
        temporary.touch(mode=0o600)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask() -> int:
    return int(re.search(r"Umask:\s*(\d+)", Path("/proc/self/status").read_text())[1], 8)


@pytest.mark.parametrize("linked", [False, True])
@pytest.mark.parametrize("kind", ["pipe", "folder"])
def test_what_is_no_file_is_not_replaced(tmp_path, kind, linked):
    place = tmp_path / "place"
    os.mkfifo(place) if kind == "pipe" else place.mkdir()
    before = place.stat()
    target = tmp_path / "link" if linked else place
    if linked:
        target.symlink_to(place)
    there = "a pipe or a device" if kind == "pipe" else "a folder"
    with pytest.raises(UserError, match=f"^{re.escape(str(target))}: {there}, and a file is to be written"):
        write_text(target, "x")
    assert place.stat() == before and target.is_symlink() == linked
    assert hidden(tmp_path) == []


@pytest.mark.parametrize("target", [".", "", "sub/..", "..", "/"])
def test_a_place_without_a_name_is_no_files(tmp_path, monkeypatch, target):
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path / "sub")
    with pytest.raises(UserError, match=f"^{re.escape(str(Path(target)))}: no file's name"):
        write_text(Path(target), "x")
    assert hidden(tmp_path) == hidden(tmp_path / "sub") == []


@pytest.mark.parametrize("target", ["/proc/self/x", "/proc/self/x/y", "/proc/self/fd/987654"])
def test_folders_of_the_system_take_no_file(target):
    with pytest.raises(UserError, match=f"^{target}: no file can be made there"):
        write_text(Path(target), "x")


def test_a_link_to_a_file_is_replaced_and_the_file_stays(tmp_path):
    (tmp_path / "file").write_text("old")
    (tmp_path / "link").symlink_to("file")
    write_text(tmp_path / "link", "new")
    assert (tmp_path / "file").read_text() == "old"
    assert (tmp_path / "link").read_text() == "new" and not (tmp_path / "link").is_symlink()


def test_errors_name_the_target_and_not_the_temporary_file(tmp_path):
    with pytest.raises(OSError, match="File name too long") as raised:
        write_text(tmp_path / ("a" * 256), "x")
    assert refusal(raised.value) == f"{tmp_path / ('a' * 256)}: File name too long"
    with pytest.raises(PermissionError) as closed, atomic_path(tmp_path / "b") as temporary:
        raise PermissionError(13, "Permission denied", str(temporary))
    assert closed.value.filename == str(tmp_path / "b")
    other = tmp_path / "other"
    with pytest.raises(FileNotFoundError) as missing, atomic_path(tmp_path / "b"):
        other.read_text()
    assert missing.value.filename in (other, str(other))
    assert names(tmp_path) == []


def test_finished_files_and_a_folder_that_may_not_be_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("b.h5", "a.h5", ".c.h5", "d.tsv"):
        (tmp_path / name).touch()
    assert finished_files(tmp_path, ".h5") == [tmp_path / "a.h5", tmp_path / "b.h5"]
    assert finished_files(tmp_path / "none", ".h5") == finished_files(tmp_path / "d.tsv", ".h5") == []

    def refused(folder: object) -> object:  # as to anyone but root, whom nothing is refused
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr(os, "scandir", refused)
    with pytest.raises(UserError, match=rf"^{tmp_path}: cannot be listed: Permission denied; give this user"):
        finished_files(tmp_path, ".h5")


def test_what_this_user_may_not_touch_is_no_matter_of_writing_alone(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit), one_line_errors():
        raise PermissionError(13, "Permission denied", "m/models/system.json")
    advice = "give this user the permission to read or write there, or another place"
    assert capsys.readouterr().err == f"error: m/models/system.json: Permission denied; {advice}\n"
