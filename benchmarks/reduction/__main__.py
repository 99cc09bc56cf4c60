"""Seconds of feature extraction a video by rate, decoding left out, as Table II of the distilled captioner has them.

    python -m benchmarks.reduction FOLDER                     EfficientNet-Lite2 on frames, CNN10 on log-mel
    python -m benchmarks.reduction FOLDER --image inception_v3 --sound cnn10 --json reduction.json

Weights are random: times do not depend on them. On a CPU one core computes, and of `--repeats` runs in turn the fastest
counts.
"""

import argparse
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.reduction.rates import Spent, seconds_by_rate
from benchmarks.shared import command
from pipeline.config import Feature, Media, parse
from pipeline.corpus.videos import find_videos
from pipeline.devices import resolve_device
from pipeline.media.decode import decode_shard


def measure(chosen: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Decode once for each feature, extract at every rate, print the table."""
    device = resolve_device(chosen.device)
    found: dict[str, list[Spent]] = {}
    for name, feature, media in features(chosen):
        decoded = folder / f"{name}.h5"
        sound = feature.inputs == "sound"
        videos = find_videos(chosen.videos, recursive=False).files
        decode_shard(videos, media, decoded, folder / "unread.tsv", frames=not sound, sound=sound)
        found[name] = seconds_by_rate(feature, decoded, folder, device, chosen.repeats)
        print(table(name, found[name]), flush=True)
    return {name: [asdict(row) for row in rows] for name, rows in found.items()}


def features(chosen: argparse.Namespace) -> list[tuple[str, Feature, Media]]:
    """The two features that are measured: their names, entries at full rate, and what is decoded for them."""
    media = {"fps": chosen.fps, "resize": "direct", "size": chosen.size}
    image = {"network": "image", "architecture": chosen.image, "weights": "random", "input_size": chosen.size}
    config = parse({"features": {"image": image, "sound": {"network": chosen.sound}}, "media": media})
    names = {"image": f"{chosen.image}, frames", "sound": f"{chosen.sound}, log-mel"}
    return [(names[key], feature, config.media_of(key)) for key, feature in config.features.items()]


def table(name: str, rows: list[Spent]) -> str:
    """Rate, seconds a video, and what is saved of the seconds at rate 1."""
    whole = rows[-1].a_video
    lines = [f"{name}: {rows[-1].videos} videos", "rate  seconds a video  saved"]
    lines += [f"{row.rate:<4g}  {row.a_video:>15.3f}  {1 - row.a_video / whole:>5.1%}" for row in rows]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reduction", description=__doc__.splitlines()[0])
    parser.add_argument("videos", type=Path, help="folder of videos")
    parser.add_argument("--image", default="efficientnet_lite2", help="network of frames")
    parser.add_argument("--sound", default="cnn10", choices=("cnn10", "vggish"), help="network of sound")
    parser.add_argument("--fps", type=float, default=2, help="frames a second")
    parser.add_argument("--size", type=int, default=260, help="pixels of the square frames")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    return command.run(measure, parser.parse_args(arguments))


if __name__ == "__main__":
    sys.exit(main())
