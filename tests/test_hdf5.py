"""HDF5 files on file systems without locks and on full disks; errors say what failed."""

import errno
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from pipeline.errors import UserError, refusal
from pipeline.features.inspect import verify
from pipeline.features.store import problems, write_shard
from pipeline.hdf5 import MalformedError, open_hdf5

ROOT = Path(__file__).resolve().parents[1]
NO_LOCKS = """
#include <errno.h>
#include <stdlib.h>
int flock(int descriptor, int operation) { errno = atoi(getenv("FLOCK_ERRNO")); return -1; }
"""
USES = """
import os, sys
from pathlib import Path
import h5py, numpy as np
from pipeline.config import Media
from pipeline.features.store import FeatureStore, problems, write_shard
from pipeline.media.decode import decode_shard
from pipeline.media.decoded import DecodedShard
for number in map(int, sys.argv[2:]):
    folder = Path(sys.argv[1]) / str(number)
    folder.mkdir()
    os.environ["FLOCK_ERRNO"] = str(number)
    try:
        h5py.File(folder / "locked.h5", "w", locking=True)
        sys.exit("locks are to be had")
    except OSError as error:
        assert error.errno == number, error
    write_shard(folder / "f" / "0000.h5", [("v", np.ones((2, 3)), np.arange(2.0))], {}, 3, "float32")
    assert problems(folder / "f" / "0000.h5") == []
    assert FeatureStore(folder / "f").read("v").shape == (2, 3)
    decode_shard({}, Media(), folder / "d.h5", folder / "d.tsv", frames=True, sound=False)
    with DecodedShard(folder / "d.h5") as shard:
        assert shard.video_ids == []
"""


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library by which no file can be locked."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler to make a library that refuses locks")
    folder = tmp_path_factory.mktemp("shim")
    (folder / "flock.c").write_text(NO_LOCKS)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", folder / "flock.so", folder / "flock.c"], check=True)
    return folder / "flock.so"


def test_no_locks_are_needed(tmp_path, shim):
    environment = {**os.environ, "LD_PRELOAD": str(shim), "PYTHONPATH": str(ROOT)}
    environment.pop("HDF5_USE_FILE_LOCKING", None)
    command = [sys.executable, "-c", USES, str(tmp_path)]
    command += [str(number) for number in (errno.ENOLCK, errno.EOPNOTSUPP, errno.EAGAIN)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    path = tmp_path / "f" / "0000.h5"
    write_shard(path, [("v", np.ones((200, 3)), np.arange(200.0))], {}, 3, "float32")
    return path


@pytest.fixture
def few_files():
    """As many files may be open as are."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = max(int(path.name) for path in Path("/proc/self/fd").iterdir())
    held = [os.open("/dev/null", os.O_RDONLY) for _ in range(used)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(held) + 1, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)
    for descriptor in held:
        os.close(descriptor)


def test_what_the_system_refuses_is_not_the_shards_fault(shard, few_files):
    for use in (lambda: open_hdf5(shard, "a feature shard"), lambda: problems(shard), lambda: verify([shard])):
        with pytest.raises(UserError, match=r"0000\.h5: cannot be opened \(Too many open files\)") as raised:
            use()
        assert "make it again" not in str(raised.value) and "delete" not in str(raised.value)


def test_what_is_no_shard_says_so(tmp_path, shard):
    (tmp_path / "text.h5").write_text("text" * 1000)
    shard.write_bytes(shard.read_bytes()[:-500])
    for path in (tmp_path / "text.h5", shard):
        with pytest.raises(MalformedError, match=rf"{path.name}: not a feature shard \(.*\); make it again"):
            open_hdf5(path, "a feature shard")
        assert problems(path)[0].startswith("cannot be opened")
    with pytest.raises(UserError, match="Is a directory"):
        open_hdf5(tmp_path, "a feature shard")
    with pytest.raises(UserError, match=r"gone\.h5: no such file; expected a feature shard"):
        problems(tmp_path / "gone.h5")


def test_a_disk_that_does_not_give_the_values_is_not_the_shards_fault(shard, monkeypatch):
    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, f"file read failed: filename = '{shard}', error message = 'Input/output error'")

    monkeypatch.setattr(h5py.Dataset, "__getitem__", refuse)
    with pytest.raises(UserError, match=r"0000\.h5: cannot be read \(.*Input/output error\)"):
        problems(shard)


def test_refusals_and_bugs():
    assert refusal(MemoryError()) == "not enough memory; give the job more"
    assert refusal(OSError(errno.ENOSPC, "No space left on device", "a.json")) == "a.json: No space left on device"
    assert refusal(PermissionError(errno.EACCES, "Permission denied", "b")) == "b: Permission denied"
    assert refusal(FileNotFoundError(errno.ENOENT, "No such file", "c")) is None
    assert refusal(OSError("said by a library")) is None
