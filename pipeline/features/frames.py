"""From a decoded shard's frames to rows of a feature: resize, flow, windows, network."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import h5py
import torch
from torch import Tensor

from pipeline.config import I3DFeature
from pipeline.errors import UserError
from pipeline.features.batching import Rows, Source, Watch, by_video, compute_in_batches
from pipeline.features.checkpoints import Loaded
from pipeline.features.flow import flow_method, stream_flow
from pipeline.features.i3d import I3D, has_bfloat16
from pipeline.features.prefetch import prefetched
from pipeline.features.r50 import DIMS, I3DR50, load_r50
from pipeline.features.shared_i3d import window_features
from pipeline.features.weights import load_i3d
from pipeline.features.windows import Window, centre_times, cut_windows, join_windows, row_count
from pipeline.hdf5 import Attribute
from pipeline.media.decoded import DecodedShard
from pipeline.tensors import sent_to

PIECE, PIECE_BYTES = 32, 32 << 20
"""Frames of a clip that are read at once, and how large a piece of several may be: at 224 x 224 pixels it is 5 MB."""
AHEAD = 2
"""Pieces that are read ahead of their use."""
BATCH = {"cpu": 8, "cuda": 64}
"""Windows a batch where the configuration does not say."""


class FrameExtractor:
    """`i3d_rgb`, `i3d_flow` or `i3d_r50` of the videos of a decoded shard."""

    def __init__(self, feature: I3DFeature, resources: Path, device: torch.device) -> None:
        self._feature, self._device = feature, device
        loaded = _load(feature, resources)
        self.network = loaded.network.prepare(device)
        self.dims = DIMS if isinstance(self.network, I3DR50) else self.network.dims(feature.window)
        self.attributes: dict[str, Attribute] = {
            "weights": loaded.label,
            "weights_sha256": loaded.sha256,
            "window": feature.window,
            "stride": feature.stride,
            "input_size": feature.input_size or "as decoded",
            "resize": "torchvision bilinear, antialias" if feature.input_size else "none",
            "crop": feature.crop or "none",
            "past_the_end": "repeats the window's first frame",
            "precision": "bfloat16" if isinstance(self.network, I3D) and has_bfloat16(device) else "float32",
        }
        self._flow = None
        if feature.network == "i3d_flow":
            self._flow, flow_attributes = flow_method(feature.flow, device)
            self.attributes |= flow_attributes

    def rows(self, shard: DecodedShard, watch: Watch | None = None) -> Iterator[Rows]:
        """Yield (video id, values (rows, dims) float32 in parts, times (rows,) seconds) for each video of the shard.

        watch: sees the windows of each video as they are cut.
        """
        feature = self._feature
        results = compute_in_batches(
            self._sources(shard, watch), feature.batch or BATCH[self._device.type], self.dims, self._compute
        )
        for video_id, parts in by_video(results):
            times = centre_times(shard.times(video_id), feature.window, feature.stride, shard.fps(video_id))
            yield video_id, parts, times

    def clip(
        self, shard: DecodedShard, video_id: str, size: int | None, crop: int | None, end: int
    ) -> Iterator[Tensor]:
        """The first ``end`` frames as the network takes them, in pieces on the device.

        Pieces are (frames, H, W, 3) uint8, or (fields, H, W, 2) float32 in [-1, 1] for flow.
        """
        return self._prepared(self._read(shard, video_id, end), video_id, size, crop)

    def _sources(self, shard: DecodedShard, watch: Watch | None) -> Iterator[Source[Window]]:
        feature = self._feature
        counts = {video_id: len(shard.frames(video_id)) for video_id in shard.video_ids}
        # One reader for all videos, so that it is ahead also where one begins.
        read = (piece for video_id, count in counts.items() for piece in self._read(shard, video_id, count))
        ahead = prefetched(read, AHEAD)
        for video_id, count in counts.items():
            pieces = islice(ahead, -(-count // _piece(shard.frames(video_id))))
            prepared = self._prepared(pieces, video_id, feature.input_size, feature.crop)
            rows = row_count(count, feature.stride)
            windows: Iterable[Window] = cut_windows(prepared, count, feature.window, feature.stride)
            yield video_id, rows, windows if watch is None else watch(windows, rows)

    def _read(self, shard: DecodedShard, video_id: str, end: int) -> Iterator[Tensor]:
        """The first ``end`` frames in pieces, the last one shorter; for a GPU in page-locked memory."""
        stored = shard.frames(video_id)
        size = _piece(stored)
        for begin in range(0, min(end, len(stored)), size):
            count = min(size, end - begin, len(stored) - begin)
            piece = torch.empty(count, *stored.shape[1:], dtype=torch.uint8, pin_memory=self._device.type == "cuda")
            stored.read_direct(piece.numpy(), slice(begin, begin + count))
            yield piece

    def _prepared(
        self, pieces: Iterable[Tensor], video_id: str, size: int | None, crop: int | None
    ) -> Iterator[Tensor]:
        """Pieces as the network takes them, on the device."""
        frames = (resized(piece.to(self._device, non_blocking=True), size, crop, video_id) for piece in pieces)
        return frames if self._flow is None else stream_flow(frames, self._flow, self._feature.flow.bound)

    def _compute(self, windows: Sequence[Window]) -> Tensor:
        frames, table = join_windows(windows)
        with torch.inference_mode():
            if isinstance(self.network, I3D):
                return window_features(self.network, frames, table)
            (numbers,) = sent_to(frames.device, torch.tensor(table))
            return self.network.features(frames[numbers])


def _piece(frames: h5py.Dataset) -> int:
    """Frames (T, H, W, 3) that are read at once."""
    height, width, colours = frames.shape[1:]
    return max(1, min(PIECE, PIECE_BYTES // int(height * width * colours)))


def _load(feature: I3DFeature, resources: Path) -> Loaded[I3D] | Loaded[I3DR50]:
    if feature.network == "i3d_r50":
        return load_r50(feature.weights)
    return load_i3d(feature.weights, resources, "flow" if feature.network == "i3d_flow" else "rgb")


def resized(frames: Tensor, size: int | None, crop: int | None, video_id: str) -> Tensor:
    """(T, H, W, 3) uint8 resized to a square of ``size``, then the ``crop`` pixels of its centre, on its device.

    The resize is torchvision's, bilinear with antialiasing; None leaves a step out. Raises `UserError` when there are
    fewer pixels than the crop wants.
    """
    if size is not None and tuple(frames.shape[1:3]) != (size, size):
        # Imported here: frames of the right size have no use for it.
        import torchvision.transforms.v2.functional as transforms

        channels_first = frames.permute(0, 3, 1, 2)
        frames = transforms.resize(channels_first, [size, size], antialias=True).permute(0, 2, 3, 1)
    if crop is not None:
        height, width = frames.shape[1:3]
        if min(height, width) < crop:
            raise UserError(f"{video_id}: frames of {width}x{height} pixels are smaller than crop {crop}; lower `crop`")
        top, left = (height - crop) // 2, (width - crop) // 2
        frames = frames[:, top : top + crop, left : left + crop]
    return frames.contiguous()
