"""What was computed of videos that were asked about before, kept on disk up to a size."""

import hashlib
import json
import os
import threading
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from pipeline import __version__
from pipeline.answers.explain_clip import Clip, ClipValues, clip_of_values, clip_values
from pipeline.asking.video import VIDEO, VideoFeature
from pipeline.config import Config
from pipeline.config.dependence import feature_values, media_values
from pipeline.errors import UserError
from pipeline.features.checkpoints import file_sha256
from pipeline.features.store import problems, write_shard
from pipeline.files import write_json
from pipeline.hdf5 import attributes, open_hdf5
from pipeline.media.faults import UnusableVideoError
from pipeline.progress import log
from pipeline.texts.typed import read_typed
from pipeline.versions import STAGES

CLIP = "clip"
"""What an entry is of that holds no feature but a clip in little."""

_CLIP = TypeAdapter(ClipValues)


def content_of(path: Path) -> str:
    """SHA-256 of a video file, by which it is kept. Raises `UnusableVideoError` for one that is gone or not given."""
    try:
        return file_sha256(path)
    except OSError as error:
        raise UnusableVideoError(f"{path}: cannot be read: {error.strerror}") from None


class Cache:
    """Features of videos and clips in little, a file each in ``folder``, at most ``limit`` bytes of them.

    An entry belongs to the content of a video and to everything that its values depend on: settings, the content of
    files of weights, versions. Where there is no room the entries go that were not used for longest. A damaged one
    counts as none, and the log says so.
    """

    def __init__(self, folder: Path, config: Config, limit: int) -> None:
        self._folder, self._config, self._limit = folder, config, limit
        self._lock = threading.Lock()

    def feature(self, content: str, name: str) -> VideoFeature | None:
        """The feature ``name`` of the video with this `content_of`."""
        path = self._path(content, name)
        if not path.is_file():
            return None
        try:
            if found := problems(path):
                raise UserError(f"{path}: {'; '.join(found)}")
            with open_hdf5(path, "a feature shard") as file:
                values, times = file["values"][:].astype(np.float32, copy=False), file["times"][:]
                read = VideoFeature(values.shape[1], values, times, attributes(file))
        except UserError as error:
            self._drop(path, error)
            return None
        os.utime(path)
        return read

    def keep_feature(self, content: str, name: str, feature: VideoFeature) -> None:
        """Keep a feature."""
        path = self._path(content, name)
        dtype = self._config.features[name].dtype
        write_shard(path, [(VIDEO, feature.values, feature.times)], feature.attributes, feature.dims, dtype)
        self._make_room()

    def clip(self, content: str) -> Clip | None:
        """The clip in little."""
        path = self._path(content, CLIP)
        if not path.is_file():
            return None
        try:
            read = clip_of_values(read_typed(path, _CLIP, "a clip in little"))
        except (UserError, ValueError) as error:
            self._drop(path, error)
            return None
        os.utime(path)
        return read

    def keep_clip(self, content: str, clip: Clip) -> None:
        """Keep a clip in little."""
        write_json(self._path(content, CLIP), clip_values(clip), indent=None)
        self._make_room()

    def _path(self, content: str, what: str) -> Path:
        depends: list[Any] = [content, what, __version__, STAGES["decode"]]
        if what == CLIP:
            suffix = ".json"
        else:
            suffix, settings = ".h5", self._config.features[what]
            depends += [STAGES["extract"], feature_values(self._config, what), _weights(settings.model_dump())]
            depends += [media_values(self._config, what)] if settings.inputs == "frames" else []
        digest = hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()
        return self._folder / f"{digest}{suffix}"

    def _drop(self, path: Path, error: Exception) -> None:
        log(f"{path}: damaged, made again ({error})")
        path.unlink(missing_ok=True)

    def _make_room(self) -> None:
        with self._lock:
            found = []
            for path in self._folder.iterdir():
                try:
                    state = path.stat()
                except FileNotFoundError:
                    continue  # another process made room
                if not path.name.startswith("."):
                    found.append((state.st_mtime_ns, state.st_size, path))
            there = sum(size for _, size, _ in found)
            for _, size, path in sorted(found):
                if there <= self._limit:
                    return
                path.unlink(missing_ok=True)
                there -= size


def _weights(settings: Any) -> list[str]:
    """SHA-256 of every file that settings name."""
    if isinstance(settings, dict):
        return [each for key in sorted(settings) for each in _weights(settings[key])]
    if not isinstance(settings, Path) or not settings.is_file():
        return []
    state = settings.stat()
    return [_hash_of(settings, state.st_size, state.st_mtime_ns)]


@lru_cache
def _hash_of(path: Path, _size: int, _time: int) -> str:
    """`file_sha256`, once as long as the file stays as it is."""
    return file_sha256(path)
