"""From a decoded shard's frames to rows of a feature: reduction, resize, flow, windows, network."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path

import h5py
import torch
from torch import Tensor

from pipeline.config import I3DFeature, ImageFeature, PackageFrames
from pipeline.errors import UserError
from pipeline.features.batching import Rows, Source, Watch, by_video, compute_in_batches, in_parts
from pipeline.features.flow import flow_method, stream_flow
from pipeline.features.frame_networks import load_network
from pipeline.features.prefetch import prefetched
from pipeline.features.reduce import kept_steps
from pipeline.features.windows import (
    Cut,
    Window,
    centre_times,
    cut_windows,
    in_pieces,
    join_windows,
    row_count,
    some,
    whole,
)
from pipeline.halving import Halving
from pipeline.hdf5 import Attribute
from pipeline.media.decoded import DecodedShard

PIECE, PIECE_BYTES = 32, 32 << 20
"""Frames of a clip that are read at once, and how large a piece of several may be: at 224 x 224 pixels it is 5 MB."""
AHEAD = 2
"""Pieces that are read ahead of their use."""
BATCH = {"cpu": 8, "cuda": 64}
"""Windows a batch where the configuration does not say."""


class FrameExtractor:
    """A feature of frames, of the videos of a decoded shard."""

    def __init__(
        self, feature: I3DFeature | ImageFeature | PackageFrames, resources: Path, device: torch.device
    ) -> None:
        self._feature, self._device = feature, device
        made = load_network(feature, resources, device)
        self.network, self.dims = made.network, made.dims
        self._size, self._network_of = made.size, made.compute
        self._halving = Halving(feature.network, "the feature's `batch`")
        self.attributes: dict[str, Attribute] = {
            **made.attributes,
            "input_size": made.size or "as decoded",
            "resize": "torchvision bilinear, antialias" if made.size else "none",
            "crop": feature.crop or "none",
        }
        self._flow: Callable[[Iterable[Tensor]], Iterator[Tensor]] | None = None
        if isinstance(feature, I3DFeature) and feature.network == "i3d_flow":
            method, flow_attributes = flow_method(feature.flow, device)
            self._flow = partial(stream_flow, method=method, bound=feature.flow.bound)
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
            yield video_id, parts, times[self._cut(shard, video_id).rows]

    def steps(self, shard: DecodedShard) -> list[int]:
        """Rows of each video of the shard."""
        return [len(self._cut(shard, video_id).rows) for video_id in shard.video_ids]

    def clip(
        self, shard: DecodedShard, video_id: str, size: int | None, crop: int | None, end: int
    ) -> Iterator[Tensor]:
        """The first ``end`` frames as the network takes them, in pieces on the device.

        Pieces are (frames, H, W, 3) uint8, or (fields, H, W, 2) float32 in [-1, 1] for flow.
        """
        runs = [range(min(end, len(shard.frames(video_id))))]
        return self._prepared(self._read(shard, video_id, runs), video_id, size, crop)

    def _cut(self, shard: DecodedShard, video_id: str) -> Cut:
        """The windows of a video that are computed: all of them, or those that the reduction leaves."""
        feature, frames = self._feature, len(shard.frames(video_id))
        reduction = feature.reduction("input")
        if reduction is None:
            return whole(frames, feature.stride)
        rows = kept_steps(row_count(frames, feature.stride), reduction.rate)
        return some(rows, frames, feature.window, feature.stride, after=0 if self._flow is None else 1)

    def _stretches(self, cut: Cut) -> list[tuple[range, ...]]:
        """What is read as one: flow is of neighbouring frames, so not across runs."""
        return [cut.runs] if self._flow is None else [(run,) for run in cut.runs]

    def _sources(self, shard: DecodedShard, watch: Watch | None) -> Iterator[Source[Window]]:
        cuts = {video_id: self._cut(shard, video_id) for video_id in shard.video_ids}
        # One reader for all videos, so that it is ahead also where one begins.
        read = (
            piece
            for video_id, cut in cuts.items()
            for runs in self._stretches(cut)
            for piece in self._read(shard, video_id, runs)
        )
        ahead = prefetched(read, AHEAD)
        for video_id, cut in cuts.items():
            windows: Iterable[Window] = cut_windows(
                self._frames(ahead, shard, video_id, cut), cut.begins, self._feature.window
            )
            rows = len(cut.rows)
            yield video_id, rows, windows if watch is None else watch(windows, rows)

    def _frames(self, ahead: Iterator[Tensor], shard: DecodedShard, video_id: str, cut: Cut) -> Iterator[Tensor]:
        """The frames of a video that ``ahead`` comes to, as the network takes them."""
        size = _piece(shard.frames(video_id))
        for runs in self._stretches(cut):
            pieces = islice(ahead, -(-sum(map(len, runs)) // size))
            yield from self._prepared(pieces, video_id, self._size, self._feature.crop)

    def _read(self, shard: DecodedShard, video_id: str, runs: Sequence[range]) -> Iterator[Tensor]:
        """The frames of ``runs`` in pieces, the last one shorter; for a GPU in page-locked memory."""
        stored = shard.frames(video_id)
        for parts in in_pieces(runs, _piece(stored)):
            count = sum(map(len, parts))
            piece = torch.empty(count, *stored.shape[1:], dtype=torch.uint8, pin_memory=self._device.type == "cuda")
            place = 0
            for part in parts:
                shard.read_frames(video_id, part, piece.numpy()[place : place + len(part)])
                place += len(part)
            yield piece

    def _prepared(
        self, pieces: Iterable[Tensor], video_id: str, size: int | None, crop: int | None
    ) -> Iterator[Tensor]:
        """Pieces as the network takes them, on the device."""
        frames = (resized(piece.to(self._device, non_blocking=True), size, crop, video_id) for piece in pieces)
        return frames if self._flow is None else self._flow(frames)

    def _compute(self, windows: Sequence[Window]) -> Tensor:
        with torch.inference_mode():
            return self._halving(windows, partial(in_parts, compute=lambda part: self._network_of(*join_windows(part))))


def _piece(frames: h5py.Dataset) -> int:
    """Frames (T, H, W, 3) that are read at once."""
    height, width, colours = frames.shape[1:]
    return max(1, min(PIECE, PIECE_BYTES // int(height * width * colours)))


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
