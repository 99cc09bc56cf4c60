"""From a decoded shard's sound to rows of a feature: resampling, log-mel frames, reduction, network."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.config import CNN10Feature, PackageSound, Reduce, VGGishFeature, YAMNetFeature
from pipeline.features.batching import Rows, Source, Watch, by_video, compute_in_batches, in_parts
from pipeline.features.prefetch import prefetched
from pipeline.features.reduce import positions, reduced, reduced_count
from pipeline.features.resampling import RESAMPLERS, resampled_count, stream_resampled
from pipeline.features.sound_networks import load_network
from pipeline.halving import Halving
from pipeline.hdf5 import Attribute
from pipeline.media.decoded import DecodedShard

PIECE = 1 << 18
"""Samples of a sound that are read at once."""
AHEAD = 2
"""Pieces that are read ahead of their use."""


class SoundExtractor:
    """A feature of sound, of the videos of a decoded shard; a video without sound has no rows."""

    def __init__(
        self, feature: VGGishFeature | CNN10Feature | YAMNetFeature | PackageSound, device: torch.device
    ) -> None:
        self._feature, self._device = feature, device
        made = load_network(feature, device)
        self._hearing, self._network_of, self.dims = made.hearing, made.compute, made.dims
        self._halving = Halving(feature.network, "the feature's `batch`")
        rate = made.hearing.rate
        self.attributes: dict[str, Attribute] = {
            **made.attributes,
            "rate": rate,
            "resampler": f"{RESAMPLERS[feature.resampler]} where the decoded rate is not {rate} Hz",
            "precision": "float32",
        }

    def rows(self, shard: DecodedShard, watch: Watch | None = None) -> Iterator[Rows]:
        """Yield (video id, values (rows, dims) float32 in parts, times (rows,) seconds) for each video.

        watch: sees the inputs (patches, stretches) of each video that has sound, with the number of its rows.
        """
        results = compute_in_batches(self._sources(shard, watch), self._feature.batch, self.dims, self._compute)
        for video_id, parts in by_video(results):
            seconds = self._heard(shard, video_id) / self._hearing.rate
            yield video_id, parts, self._hearing.times(self._positions(shard, video_id), seconds)

    def steps(self, shard: DecodedShard) -> list[int]:
        """Rows of each video of the shard."""
        return [self._hearing.rows(len(self._positions(shard, video_id))) for video_id in shard.video_ids]

    def _heard(self, shard: DecodedShard, video_id: str) -> int:
        """Samples of a video at the network's rate."""
        samples = len(shard.samples(video_id))
        return (
            resampled_count(samples, shard.rate(video_id), self._hearing.rate, self._feature.resampler)
            if samples
            else 0
        )

    def _positions(self, shard: DecodedShard, video_id: str) -> NDArray[np.float64]:
        """Where the frames lie that the network is given, in frames of the sound."""
        frames = self._hearing.count(self._heard(shard, video_id))
        reduction = self._feature.reduction("input")
        if reduction is None:
            return np.arange(frames, dtype=np.float64)
        return positions(frames, reduction.rate, reduction.method)

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
            rows = self._hearing.rows(len(self._positions(shard, video_id)))
            inputs = self._inputs(pieces, shard, video_id)
            yield video_id, rows, inputs if watch is None else watch(inputs, rows)

    def _read(self, shard: DecodedShard, video_id: str) -> Iterator[Tensor]:
        """The sound in pieces of `PIECE` samples, the last one shorter."""
        count = len(shard.samples(video_id))
        for begin in range(0, count, PIECE):
            yield torch.from_numpy(shard.read_samples(video_id, begin, min(begin + PIECE, count)))

    def _inputs(self, pieces: Iterable[Tensor], shard: DecodedShard, video_id: str) -> Iterator[Tensor]:
        """What the network is given of a sound that comes in pieces: (frames, bands) each."""
        rate, hearing = shard.rate(video_id), self._hearing
        # Decoded AAC may go beyond 1; the published front ends read 16-bit files, which clip.
        sound = (piece.to(self._device).clamp(-1, 1) for piece in pieces)
        heard = stream_resampled(sound, len(shard.samples(video_id)), rate, hearing.rate, self._feature.resampler)
        samples = self._heard(shard, video_id)
        frames = hearing.log_mel(heard, samples)
        return hearing.stretches(*self._reduced(frames, hearing.count(samples)))

    def _reduced(self, frames: Iterator[Tensor], count: int) -> tuple[Iterable[Tensor], int]:
        """The frames that are left of ``count``, and how many."""
        reduction = self._feature.reduction("input")
        if reduction is None:
            return frames, count
        return _at_once(frames, reduction), reduced_count(count, reduction.rate)

    def _compute(self, inputs: Sequence[Tensor]) -> Tensor:
        with torch.inference_mode():
            return self._halving(
                inputs, partial(in_parts, compute=lambda part: self._network_of(torch.stack(list(part))))
            )


def _at_once(frames: Iterable[Tensor], reduction: Reduce) -> Iterator[Tensor]:
    """The reduction of all frames (n, bands) of a sound together: a spectrum is that of the whole."""
    every = list(frames)
    if every:
        yield reduced(torch.cat(every), reduction.rate, reduction.method, reduction.norm)
