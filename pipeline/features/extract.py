"""One decoded shard to one shard of a feature."""

from collections.abc import Iterable, Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import __version__
from pipeline.config import Feature, I3DFeature, ImageFeature, PackageFrames, PackageSound
from pipeline.devices import resolve_device
from pipeline.errors import UserError
from pipeline.features.index import grid_of
from pipeline.features.maps import check_room
from pipeline.features.reduce import reduced_count
from pipeline.features.seconds import Stopwatch, write_seconds
from pipeline.features.steps import fewer_steps
from pipeline.features.store import write_shard
from pipeline.hdf5 import Attribute
from pipeline.media.decoded import DecodedShard
from pipeline.progress import log, progress
from pipeline.versions import STAGES

if TYPE_CHECKING:
    from pipeline.features.frames import FrameExtractor
    from pipeline.features.sound import SoundExtractor

Extractors = dict[str, "FrameExtractor | SoundExtractor"]
"""By feature: networks that are loaded once for many shards."""
PACKAGES = {
    "i3d_rgb": ("torch", "torchvision"),
    "i3d_flow": ("torch", "torchvision", "opencv-contrib-python-headless"),
    "i3d_r50": ("torch", "torchvision", "pytorchvideo"),
    "image": ("torch", "torchvision"),
    "vggish": ("torch", "torchaudio"),
    "cnn10": ("torch", "torchaudio"),
    "yamnet": ("torch", "torchaudio"),
}
"""Packages that a feature's values depend on."""
DECODER = ("ffmpeg_version", "av_version")
"""Attributes of the decoded shard that the feature shard repeats."""
FRAMES = ("media", "conversion")
"""Those it repeats besides where frames were decoded."""


def extract_shard(
    name: str,
    feature: Feature,
    decoded: Path,
    out: Path,
    *,
    resources: Path,
    device: str,
    seconds: Path | None = None,
    show_predictions: bool = False,
    by_window: bool = False,
    kept: Extractors | None = None,
) -> None:
    """Compute feature ``name`` of every video in ``decoded`` and write the feature shard ``out``.

    ``resources`` holds the fetched weights; ``device`` is a name `resolve_device` knows. With ``show_predictions`` the
    Kinetics classes of each video are printed first; with ``by_window`` progress counts the windows of each video, not
    the videos. ``seconds`` is the table that `write_seconds` makes. ``kept``: extractors that were made before, by
    feature, with the same settings; this one is added. Raises `UserError` for weights that are missing or do not fit, a
    device that is not there, and a shard decoded without what the feature needs.
    """
    if feature.npy is not None:
        raise UserError(f"features.{name}.npy is set: gather it with `avsd features import`, or take `npy` out")
    with DecodedShard(decoded) as shard:
        kept = {} if kept is None else kept
        if name not in kept:
            kept[name] = _extractor(feature, resources, device)
        extractor = kept[name]
        if show_predictions:
            _predict(name, extractor, shard)
        if (grid := grid_of(extractor.attributes)) is not None:
            check_room(name, grid, extractor.dims, _steps(feature, extractor, shard), feature.dtype, out.parent)
        log(f"{name}: {feature.network}, weights: {extractor.attributes['weights']}")
        attributes = {**_provenance(feature, shard), **extractor.attributes, **_reduction(feature)}
        watch = partial(_windows, name) if by_window else None
        rows = fewer_steps(extractor.rows(shard, watch), feature.reduction("steps"))
        if not by_window:
            rows = progress(rows, len(shard.video_ids), f"{name} {decoded.stem}", "videos")
        stopwatch = Stopwatch(rows)
        write_shard(out, stopwatch, attributes, extractor.dims, feature.dtype)
        if seconds is not None:
            write_seconds(seconds, len(shard.video_ids), stopwatch.seconds, resolve_device(device))


def _windows(name: str, windows: Iterable[Any], count: int) -> Iterator[Any]:
    return progress(windows, count, name, "windows")


def _extractor(feature: Feature, resources: Path, device: str) -> "FrameExtractor | SoundExtractor":
    """The extractor of a feature. What only the other kind needs is not imported: it would cost a job seconds."""
    place = resolve_device(device)
    if not isinstance(feature, I3DFeature | ImageFeature | PackageFrames):
        from pipeline.features.sound import SoundExtractor

        return SoundExtractor(feature, place)
    from pipeline.features.frames import FrameExtractor

    return FrameExtractor(feature, resources, place)


def _predict(name: str, extractor: "FrameExtractor | SoundExtractor", shard: DecodedShard) -> None:
    from pipeline.features.frames import FrameExtractor
    from pipeline.features.predictions import print_predictions

    if not isinstance(extractor, FrameExtractor):
        raise UserError(f"--show-predictions: {name} has no classifier; only i3d_rgb, i3d_flow and image have one")
    print_predictions(name, extractor, shard)


def _steps(feature: Feature, extractor: "FrameExtractor | SoundExtractor", shard: DecodedShard) -> list[int]:
    """Steps that are stored of each video."""
    steps, reduction = extractor.steps(shard), feature.reduction("steps")
    return steps if reduction is None else [reduced_count(count, reduction.rate) for count in steps]


def _reduction(feature: Feature) -> dict[str, Attribute]:
    """How time steps were reduced; nothing where all are there."""
    found = feature.reduction("input") or feature.reduction("steps")
    if found is None:
        return {}
    norm = {"reduce_norm": found.norm} if found.method == "spectral" else {}
    return {"reduce_rate": found.rate, "reduce_method": found.method, "reduce_at": found.at, **norm}


def _provenance(feature: Feature, shard: DecodedShard) -> dict[str, Attribute]:
    """What the values come from, besides the extractor's own settings."""
    attributes: dict[str, Attribute] = {"extractor": feature.network, "stage_version": STAGES["extract"]}
    attributes["decode_stage"] = shard.stated("stage_version")
    if feature.inputs == "frames":
        attributes |= {key: shard.stated(key) for key in FRAMES}
    attributes |= {key: shard.stated(key) for key in DECODER}
    attributes["package_version"] = __version__
    if isinstance(feature, PackageFrames | PackageSound):
        attributes["source"] = feature.source
    packages = PACKAGES.get(feature.network, ("torch",))
    attributes |= {f"{package.split('-', 1)[0]}_version": version(package) for package in packages}
    return attributes
