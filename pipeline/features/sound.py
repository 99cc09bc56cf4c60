"""From a decoded shard's sound to rows of the VGGish feature."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.config import VGGishFeature
from pipeline.features.batching import Source, Watch, compute_in_batches
from pipeline.features.checkpoints import file_sha256
from pipeline.features.logmel import RATE, RESAMPLERS, log_mel_patches, patch_times, resampled
from pipeline.features.prefetch import prefetched
from pipeline.features.vggish import DIMS, load_quantiser, load_vggish
from pipeline.hdf5 import Attribute
from pipeline.media.decoded import DecodedShard

AHEAD = 1
"""Sounds that are read ahead of their use."""


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

    def rows(self, shard: DecodedShard, watch: Watch | None = None) -> Iterator[tuple[str, NDArray[Any], NDArray[Any]]]:
        """Yield (video id, values (patches, 128) float32, times (patches,) seconds) for each video of the shard.

        watch: sees the patches of each video that has sound.
        """
        results = compute_in_batches(self._sources(shard, watch), self._feature.batch, self.dims, self._compute)
        for video_id, values in results:
            yield video_id, values.numpy(), patch_times(len(values))

    def _sources(self, shard: DecodedShard, watch: Watch | None) -> Iterator[Source[Tensor]]:
        for video_id, found in prefetched(((name, shard.sound(name)) for name in shard.video_ids), AHEAD):
            if found is None:
                yield video_id, 0, ()
            else:
                samples, rate = found
                # Decoded AAC may go beyond 1; the published front end reads 16-bit files, which clip.
                sound = torch.from_numpy(samples).to(self._device).clamp(-1, 1)
                patches = log_mel_patches(resampled(sound, rate, self._feature.resampler))
                inputs = patches.unbind(0)
                yield video_id, len(inputs), inputs if watch is None else watch(inputs, len(inputs))

    def _compute(self, patches: Sequence[Tensor]) -> Tensor:
        with torch.inference_mode():
            embeddings: Tensor = self._network(torch.stack(list(patches)))
            if self._feature.relu:
                embeddings = embeddings.relu()
            if self._quantiser is not None:
                embeddings = self._quantiser(embeddings)
            return embeddings
