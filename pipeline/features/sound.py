"""From a decoded shard's sound to rows of the VGGish feature."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice

import torch
from torch import Tensor

from pipeline.config import VGGishFeature
from pipeline.features.batching import Rows, Source, Watch, by_video, compute_in_batches
from pipeline.features.checkpoints import file_sha256
from pipeline.features.logmel import (
    RATE,
    RESAMPLERS,
    patch_count,
    patch_times,
    resampled_count,
    stream_patches,
    stream_resampled,
)
from pipeline.features.prefetch import prefetched
from pipeline.features.vggish import DIMS, load_quantiser, load_vggish
from pipeline.hdf5 import Attribute
from pipeline.media.decoded import DecodedShard

PIECE = 1 << 18
"""Samples of a sound that are read at once."""
AHEAD = 2
"""Pieces that are read ahead of their use."""


class SoundExtractor:
    """`vggish` of the videos of a decoded shard; a video without sound has no rows."""

    dims = DIMS

    def __init__(self, feature: VGGishFeature, device: torch.device) -> None:
        loaded = load_vggish(feature.weights)
        self._feature, self._device = feature, device
        self._network = loaded.network.prepare(device)
        self._quantiser = None if feature.pca is None else load_quantiser(feature.pca).to(device)
        self.attributes: dict[str, Attribute] = {
            "weights": loaded.label,
            "weights_sha256": loaded.sha256,
            "rate": RATE,
            "resampler": f"{RESAMPLERS[feature.resampler]} where the decoded rate is not {RATE} Hz",
            "relu": feature.relu,
            "pca_sha256": "" if feature.pca is None else file_sha256(feature.pca),
            "precision": "float32",
        }

    def rows(self, shard: DecodedShard, watch: Watch | None = None) -> Iterator[Rows]:
        """Yield (video id, values (patches, 128) float32 in parts, times (patches,) seconds) for each video.

        watch: sees the patches of each video that has sound.
        """
        results = compute_in_batches(self._sources(shard, watch), self._feature.batch, self.dims, self._compute)
        for video_id, parts in by_video(results):
            yield video_id, parts, patch_times(self._patches(shard, video_id))

    def _patches(self, shard: DecodedShard, video_id: str) -> int:
        samples = len(shard.samples(video_id))
        return patch_count(resampled_count(samples, shard.rate(video_id), self._feature.resampler)) if samples else 0

    def _sources(self, shard: DecodedShard, watch: Watch | None) -> Iterator[Source[Tensor]]:
        counts = {video_id: len(shard.samples(video_id)) for video_id in shard.video_ids}
        # One reader for all videos, so that it is ahead also where one begins.
        read = (piece for video_id in counts for piece in self._read(shard, video_id))
        ahead = prefetched(read, AHEAD)
        for video_id, count in counts.items():
            pieces = islice(ahead, -(-count // PIECE))
            if count == 0:
                yield video_id, 0, ()
                continue
            patches = self._patches(shard, video_id)
            inputs = self._inputs(pieces, count, shard.rate(video_id))
            yield video_id, patches, inputs if watch is None else watch(inputs, patches)

    def _read(self, shard: DecodedShard, video_id: str) -> Iterator[Tensor]:
        """The sound in pieces of `PIECE` samples, the last one shorter."""
        samples = shard.samples(video_id)
        for begin in range(0, len(samples), PIECE):
            yield torch.from_numpy(samples[begin : begin + PIECE])

    def _inputs(self, pieces: Iterable[Tensor], samples: int, rate: int) -> Iterator[Tensor]:
        """Patches (96, 64) of a sound that comes in pieces."""
        method = self._feature.resampler
        # Decoded AAC may go beyond 1; the published front end reads 16-bit files, which clip.
        sound = (piece.to(self._device).clamp(-1, 1) for piece in pieces)
        heard = stream_resampled(sound, samples, rate, method)
        patches = stream_patches(heard, resampled_count(samples, rate, method))
        return chain.from_iterable(piece.unbind(0) for piece in patches)

    def _compute(self, patches: Sequence[Tensor]) -> Tensor:
        with torch.inference_mode():
            embeddings: Tensor = self._network(torch.stack(list(patches)))
            if self._feature.relu:
                embeddings = embeddings.relu()
            if self._quantiser is not None:
                embeddings = self._quantiser(embeddings)
            return embeddings
