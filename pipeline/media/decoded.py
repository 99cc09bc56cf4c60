"""Reading a decoded shard.

One HDF5 group a video, named by its id: `frames` (T, H, W, 3) uint8 rgb; `times` (T,) float64, the second at which each
frame begins to be shown; `sound` (N,) float32, mono, sample 0 at second 0, empty without a sound track. Attributes:
`fps`, `width`, `height` of the frames, `rate` (Hz) of the sound, and what the source was (`source_*`, `sound_*`);
`source_changes` where the picture changes in mid-stream: from when on it was what; `colour_fallback` where the matrix
that is stated has no conversion: which it is, and as which it was read.
The file's attributes hold the settings (`media`, JSON), how pictures became rgb (`conversion`) and versions.
"""

from pathlib import Path
from types import TracebackType
from typing import Self

import h5py
import numpy as np
from numpy.typing import NDArray

from pipeline.apart import UnreadableError, apart
from pipeline.errors import UserError
from pipeline.hdf5 import Attribute, FaultError, MalformedError, attributes, dataset, group, malformed, open_hdf5
from pipeline.versions import STAGES

WHAT = "a decoded shard"
MOST_RATE = 1 << 20
"""Hz and frames a second; no sound and no picture has more."""
SECONDS, BYTES_A_SECOND, MOST_SECONDS = 0.5, 2e5, 60.0
"""Of the processor, that the first look at a shard may take: so many, and more for a large file. What takes time is
attributes: 2 ms a video, and the smallest take up 2 kB; a core that others share takes twice as long, or more."""


class DecodedShard:
    """A decoded shard, open for reading; a context manager.

    Raises `UserError` when ``path`` is not one, or one that was damaged: all but the pictures and the sound themselves
    is looked at when it is opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            size = path.stat().st_size if path.is_file() else 0
            for _ in apart(_check, [path], min(SECONDS + size / BYTES_A_SECOND, MOST_SECONDS)):
                pass
        except UnreadableError as error:
            raise MalformedError(path, WHAT, error.what) from None
        self._file = open_hdf5(path, WHAT)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    @property
    def video_ids(self) -> list[str]:
        """Ids of the videos, sorted."""
        return sorted(self._file)

    @property
    def attributes(self) -> dict[str, Attribute]:
        """Attributes of the file: settings and versions."""
        with malformed(self._path, WHAT):
            return attributes(self._file)

    def stated(self, name: str) -> Attribute:
        """An attribute of the file. `UserError` when it is not there."""
        found = self.attributes
        if name not in found:
            raise UserError(f"{self._path}: not {WHAT} (without the attribute {name}); decode it again")
        return found[name]

    def video_attributes(self, video_id: str) -> dict[str, Attribute]:
        """Attributes of a video: rates, sizes, source."""
        with malformed(self._path, WHAT):
            return attributes(self._video(video_id))

    def frames(self, video_id: str) -> h5py.Dataset:
        """(T, H, W, 3) uint8 rgb, T at least 1; slices are read from the file when they are taken."""
        return self._dataset(video_id, "frames")

    def times(self, video_id: str) -> NDArray[np.float64]:
        """(T,) seconds at which each frame begins to be shown."""
        times: NDArray[np.float64] = self._dataset(video_id, "times")[:]
        return times

    def fps(self, video_id: str) -> float:
        """Frames a second (of variable-rate clips with `fps: source`: the mean)."""
        self._dataset(video_id, "frames")
        return float(self._video(video_id).attrs["fps"])

    def sound(self, video_id: str) -> tuple[NDArray[np.float32], int] | None:
        """Mono samples (N,) and their rate in Hz, the whole clip's; None when the video has no sound."""
        count = len(self.samples(video_id))
        return (self.read_samples(video_id, 0, count), self.rate(video_id)) if count else None

    def samples(self, video_id: str) -> h5py.Dataset:
        """(N,) float32 mono, N = 0 without sound; slices are read from the file when they are taken."""
        return self._dataset(video_id, "sound")

    def read_frames(self, video_id: str, frames: range, into: NDArray[np.uint8]) -> None:
        """Put frames that follow on each other, (n, H, W, 3), into ``into``. `UserError` when they are damaged."""
        with malformed(self._path, WHAT):
            self.frames(video_id).read_direct(into, slice(frames.start, frames.stop))

    def read_samples(self, video_id: str, begin: int, end: int) -> NDArray[np.float32]:
        """Samples from ``begin`` up to ``end`` of the sound. `UserError` when they are damaged."""
        with malformed(self._path, WHAT):
            samples: NDArray[np.float32] = self.samples(video_id)[begin:end]
            if not np.isfinite(samples).all():
                raise FaultError(f"{video_id}: sound that is not finite numbers")
            return samples

    def rate(self, video_id: str) -> int:
        """Samples a second, Hz; 0 of a video without a sound track."""
        self._dataset(video_id, "sound")
        return int(self._video(video_id).attrs["rate"])

    def _video(self, video_id: str) -> h5py.Group:
        if video_id not in self._file:
            raise UserError(f"{self._path}: no video {video_id!r} in this shard")
        return self._file[video_id]

    def _dataset(self, video_id: str, name: str) -> h5py.Dataset:
        video = self._video(video_id)
        if name not in video:
            wanted = "sound" if name == "sound" else "frames"
            raise UserError(f"{self._path}: decoded without {wanted}; run `avsd decode` for this feature")
        return video[name]


def _check(path: Path) -> None:
    """Raises `UserError` unless ``path`` is a decoded shard in all but pictures and sound."""
    with open_hdf5(path, WHAT) as file, malformed(path, WHAT):
        said = attributes(file)
        if not isinstance(said.get("media"), str):
            raise UserError(f"{path}: not {WHAT} (no attribute `media`); give a file that `avsd decode` wrote")
        stage = said.get("stage_version")
        if isinstance(stage, int) and stage > STAGES["decode"]:
            here = STAGES["decode"]
            raise UserError(f"{path}: made by a later version (stage_version {stage}, here {here}); decode it again")
        for video_id in file:
            try:
                _check_video(group(file, video_id))
            except FaultError as error:
                raise FaultError(f"{video_id}: {error}") from None


def _check_video(video: h5py.Group) -> None:
    said = attributes(video)
    if "frames" in video:
        frames = dataset(video, "frames", ["uint8"], "(frames, height, width, 3)")
        if 0 in frames.shape or frames.shape[3] != 3:
            raise FaultError(f"frames {frames.shape}, expected (frames, height, width, 3)")
        times = dataset(video, "times", ["float64"], "(frames,)")[:]
        if times.shape != frames.shape[:1]:
            raise FaultError(f"{len(times)} times for {len(frames)} frames")
        if not np.isfinite(times).all() or (np.diff(times) < 0).any():
            raise FaultError("times that do not rise")
        _rate(said, "fps", float, least=1 / MOST_RATE)
        for name, size in (("height", frames.shape[1]), ("width", frames.shape[2])):
            if said.get(name, size) != size:
                raise FaultError(f"{name} is {said[name]}, and frames are {frames.shape}")
    if "sound" in video:
        sound = dataset(video, "sound", ["float32"], "(samples,)")
        _rate(said, "rate", int, least=1 if len(sound) else 0)


def _rate(said: dict[str, Attribute], name: str, kind: type[int | float], least: float) -> None:
    found = said.get(name)
    if not isinstance(found, kind) or isinstance(found, bool) or not least <= found <= MOST_RATE:
        raise FaultError(f"{name} is {found!r}, expected a number from {least:g} to {MOST_RATE}")
