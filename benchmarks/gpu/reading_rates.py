"""Step fast: from decoded shards to rows, frames and sound, and how long the device waits for them."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from unittest import mock

import h5py
import numpy as np
from torch import Tensor

from benchmarks.gpu.card import Card
from benchmarks.gpu.goals import FAST
from benchmarks.shared import charades
from benchmarks.shared.results import Row
from benchmarks.shared.timing import interleaved
from pipeline.config import I3DFeature, VGGishFeature
from pipeline.features.frames import FrameExtractor
from pipeline.features.sound import SoundExtractor
from pipeline.media.decoded import DecodedShard

FPS = 24
SOUND_RATE, SOUND_SECONDS = 44100, 30
DENSE = f"I3D from shards, stride {charades.DENSE}"
SOUND = "VGGish from shards"
WAITING = "shards to the card: waiting"


def measure(card: Card) -> Iterator[Row]:
    """`FrameExtractor` on a shard of made clips, with random weights."""
    path = frames_shard(card)
    feature = I3DFeature(network="i3d_rgb", weights="random", stride=charades.DENSE)
    extractor = FrameExtractor(feature, card.folder, card.device)
    with DecodedShard(path) as shard:
        read = {name: list(extractor._read(shard, name, [range(len(shard.frames(name)))])) for name in shard.video_ids}

        def at_hand(_shard: DecodedShard, video_id: str, _runs: Sequence[range]) -> Iterator[Tensor]:
            yield from read[video_id]

        def extract() -> int:
            return sum(len(times) for _, _, times in extractor.rows(shard))

        with mock.patch.object(extractor, "_read", at_hand):
            times = interleaved({"at hand": extract}, card.sizes.repeats, card.device)
        times |= interleaved({"read": extract}, card.sizes.repeats, card.device)
        count = extract()
    took = times["read"]
    yield card.fast(Row(FAST, DENSE, "windows/s", count / took, note=f"{took:.1f} s"))
    yield card.fast(Row(FAST, WAITING, "share", max(0.0, 1 - times["at hand"] / took), note="beside frames in memory"))
    yield from card.peak("I3D from shards")


def measure_sound(card: Card) -> Iterator[Row]:
    """`SoundExtractor`: resampling from 44.1 kHz, log-mel and the network with random weights."""
    extractor = SoundExtractor(VGGishFeature(network="vggish"), card.device)
    with DecodedShard(sound_shard(card)) as shard:
        count = sum(len(times) for _, _, times in extractor.rows(shard))
        calls = {"sound": lambda: list(extractor.rows(shard))}
        took = interleaved(calls, card.sizes.repeats, card.device)["sound"]
    yield Row(FAST, SOUND, "patches/s", count / took, note=f"{count} patches")
    yield from card.peak("VGGish")


def frames_shard(card: Card) -> Path:
    """A decoded shard of clips made on the device."""
    path, sizes = card.folder / "frames.h5", card.sizes
    with h5py.File(path, "w") as file:
        file.attrs["media"] = "{}"
        for clip in range(sizes.clips):
            group = file.create_group(f"made{clip:02d}")
            values = card.frames(sizes.clip_frames, sizes.timed_side, clip).cpu().numpy()
            group.create_dataset("frames", data=values, chunks=(min(32, len(values)), *values.shape[1:]))
            group.create_dataset("times", data=np.arange(len(values)) / FPS)
            group.attrs["fps"] = float(FPS)
    return path


def sound_shard(card: Card) -> Path:
    """A decoded shard of noise."""
    path, generator = card.folder / "sound.h5", np.random.default_rng(1)
    with h5py.File(path, "w") as file:
        file.attrs["media"] = "{}"
        for sound in range(card.sizes.sounds):
            group = file.create_group(f"made{sound:02d}")
            length = SOUND_RATE * (2 if card.quick else SOUND_SECONDS)
            group.create_dataset("sound", data=generator.standard_normal(length, np.float32) * 0.1)
            group.attrs["rate"] = SOUND_RATE
    return path
