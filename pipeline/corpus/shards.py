"""Which shard a video belongs to: a hash of its id, so that a new video touches one shard."""

import hashlib
from pathlib import Path

from pipeline.corpus.videos import usable
from pipeline.errors import UserError
from pipeline.files import finished_files
from pipeline.texts import check_text


def shard_of(video_id: str, shards: int) -> int:
    """The shard (0 .. shards - 1) of a video: SHA-256 of its id modulo the number of shards."""
    return int.from_bytes(hashlib.sha256(video_id.encode()).digest()[:8], "big") % shards


def shard_name(shard: int) -> str:
    """The name shards have in paths: four digits, five from 10,000 on."""
    return f"{shard:04d}"


def check_shard(shard: int, shards: int) -> None:
    """`UserError` for a number that none of ``shards`` shards has."""
    if not 0 <= shard < shards:
        raise UserError(f"shard {shard}: expected 0 to {shards - 1}, shards are counted from 0")


def npy_in(folder: Path) -> dict[str, Path]:
    """The npy files of ``folder`` and ``<folder>_testset`` by video id, sorted.

    Raises `UserError` for an id that is in both, and for a name that is no `usable` id.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder of <video id>.npy files")
    paths: dict[str, Path] = {}
    own = named(folder)
    for place in (folder, own.parent / f"{own.name}_testset"):
        for path in finished_files(place, ".npy"):
            check_text(path.stem, f"{place}: the file name {path.name!r}")
            if not usable(path.stem):
                raise UserError(f"{place}: {path.stem!r}, the name of a file, cannot be a video's id; rename it")
            if path.stem in paths:
                raise UserError(f"{path}: video {path.stem} is also in {folder}; keep one of them")
            paths[path.stem] = path
    if not paths:
        raise UserError(f"{folder}: no <video id>.npy files in it")
    return paths


def named(folder: Path) -> Path:
    """``folder`` by a path that ends with its name, which `.` and `x/..` do not have.

    >>> named(Path("/npy/i3d_rgb/..")), named(Path("i3d_rgb"))
    (PosixPath('/npy'), PosixPath('i3d_rgb'))
    """
    return folder.resolve() if folder.name in ("", "..") else folder


def by_shard(ids: dict[str, Path], shards: int) -> dict[str, list[Path]]:
    """Paths of ``ids`` by the name of their shard, sorted; only shards that have any."""
    found: dict[str, list[Path]] = {}
    for video_id, path in ids.items():
        found.setdefault(shard_name(shard_of(video_id, shards)), []).append(path)
    return dict(sorted(found.items()))


def in_shard(ids: dict[str, Path], shard: int, shards: int) -> dict[str, Path]:
    """Those of ``ids`` that belong to ``shard``."""
    return {video_id: path for video_id, path in ids.items() if shard_of(video_id, shards) == shard}
