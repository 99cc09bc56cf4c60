"""Section vggish: patches a second, from decoded sound to embeddings."""

import torch

from benchmarks.extraction.clips import Bench, make_sound
from benchmarks.shared import charades, machine
from benchmarks.shared.results import Row
from benchmarks.shared.timing import interleaved, place
from pipeline.config import VGGishFeature
from pipeline.features.sound import SoundExtractor
from pipeline.features.vggish import VGGish
from pipeline.media.decoded import DecodedShard

SECTION, PATCHES = charades.PATCHES
OURS = "ours"


def measure(bench: Bench) -> list[Row]:
    """Resampling from 44.1 kHz, log-mel and the network with random weights; the share counts the network alone."""
    path = make_sound(bench.folder / "sound.m4a", bench.sizes.sound_seconds)
    decoded = bench.decode("sounds", {f"sound{i}": path for i in range(bench.sizes.sounds)}, frames=False)
    extractor = SoundExtractor(VGGishFeature(network="vggish"), bench.device)
    yardsticks = {machine.MATRIX: machine.matrix_product(bench.sizes.matrix, bench.device, torch.float32)}
    with place(bench.device), DecodedShard(decoded) as shard:
        patches = sum(len(times) for _, _, times in extractor.rows(shard))
        calls = {OURS: lambda: list(extractor.rows(shard))}
        sticks = {name: stick.call for name, stick in yardsticks.items()}
        times = interleaved({**calls, **sticks}, bench.repeats, bench.device)
    flop = machine.flop_count(VGGish, patches, 96, 64)
    shares = machine.shares(flop, times[OURS], yardsticks, times)
    note = f"{flop / patches / 1e9:.2f} GFLOP a patch, {patches} patches"
    return [Row(SECTION, PATCHES, "patches/s", patches / times[OURS], shares=shares, note=note)]
