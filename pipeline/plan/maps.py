"""What feature maps will take on the disk, said before any is made. No video is opened."""

from collections.abc import Iterator
from math import prod
from pathlib import Path

from pipeline.config.frame_features import I3DFeature, ImageFeature
from pipeline.plan.files import Files
from pipeline.sizes import VALUE_BYTES, free_bytes, in_bytes

SECONDS = 30.0
"""How long the user's videos are taken to be, as those of Charades are on average."""


def map_notes(files: Files) -> Iterator[str]:
    """A line for each feature of maps of which shards are still to be made."""
    for name in files.computed:
        feature = files.config.features[name]
        made = all(path.is_file() for path in files.feature_shards([name]))
        if not made and isinstance(feature, I3DFeature | ImageFeature) and feature.pool == "none":
            yield f"{name}: {_said(files, name, feature)}"


def _said(files: Files, name: str, feature: I3DFeature | ImageFeature) -> str:
    shape = feature.map_shape()
    if shape is None:
        return "maps; how many bytes they take is in the log of each shard before it is computed"
    step = prod(shape) * VALUE_BYTES[feature.dtype]
    said = f"maps of {' x '.join(map(str, shape))} {feature.dtype} take {in_bytes(step)} a step"
    free = f"{in_bytes(free_bytes(Path(files.layout.root)))} are free"
    seconds, fps = _clip(files, name)
    if fps is None:
        return f"{said}; {free}"
    rate = 1.0 if feature.reduce is None else feature.reduce.rate
    steps = max(1, seconds * fps // feature.stride) * rate
    total = in_bytes(files.video_count * steps * step)
    return f"{said}, {files.video_count} videos of {seconds:g} s take {total}; {free}"


def _clip(files: Files, name: str) -> tuple[float, float | None]:
    """Seconds of a video, taken or known, and its frames a second, None where they are the video's own."""
    fps, scenes = files.config.media_of(name).fps, files.config.corpus.scenes
    if files.config.corpus.source == "scenes":
        return scenes.seconds, float(scenes.fps if fps == "source" else fps)
    return SECONDS, None if fps == "source" else float(fps)
