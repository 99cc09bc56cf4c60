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

from pipeline.errors import UserError
from pipeline.hdf5 import Attribute, attributes, open_hdf5


class DecodedShard:
    """A decoded shard, open for reading; a context manager. Raises `UserError` when ``path`` is not one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = open_hdf5(path, "a decoded shard")
        if "media" not in self._file.attrs:
            self._file.close()
            raise UserError(f"{path}: not a decoded shard (no attribute `media`); give a file that `avsd decode` wrote")

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
        return attributes(self._file)

    def video_attributes(self, video_id: str) -> dict[str, Attribute]:
        """Attributes of a video: rates, sizes, source."""
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
        samples = self.samples(video_id)
        return (samples[:], self.rate(video_id)) if len(samples) else None

    def samples(self, video_id: str) -> h5py.Dataset:
        """(N,) float32 mono, N = 0 without sound; slices are read from the file when they are taken."""
        return self._dataset(video_id, "sound")

    def rate(self, video_id: str) -> int:
        """Samples a second, Hz; 0 of a video without a sound track."""
        self._dataset(video_id, "sound")
        return int(self._video(video_id).attrs["rate"])

    def _video(self, video_id: str) -> h5py.Group:
        if video_id not in self._file:
            raise UserError(f"{self._path}: no video {video_id!r} in this shard")
        return self._file[video_id]

    def _dataset(self, video_id: str, name: str) -> h5py.Dataset:
        group = self._video(video_id)
        if name not in group:
            wanted = "sound" if name == "sound" else "frames"
            raise UserError(f"{self._path}: decoded without {wanted}; decode it again with --{wanted}")
        return group[name]
