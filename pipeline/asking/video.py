"""Features of one video file, made as they were for training and kept in memory."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.config import Config, Feature, I3DFeature, Inputs, Media
from pipeline.errors import UserError
from pipeline.features.extract import Extractors, extract_shard
from pipeline.features.index import read_indexes
from pipeline.features.store import FeatureStore, may_differ
from pipeline.features.weights import weights_file
from pipeline.files import finished_files, scratch_folder
from pipeline.hdf5 import Attribute
from pipeline.layout import Layout
from pipeline.media.decode import decode_video
from pipeline.media.faults import UnreadableError
from pipeline.media.gate import require_file
from pipeline.progress import log, tell

VIDEO = "video"
"""Id of the one video."""
NO_MATTER = ("precision", "input_folder")
"""Attributes that may differ between training and here: bfloat16 of a GPU and float32 give nearly the same values."""


@dataclass
class VideoFeature:
    """A feature of one video: a store (`pipeline.dataset.features.Store`) of nothing else.

    dims: D. values: (steps, D). times: (steps,) seconds, the windows' centres. attributes: what the values come from.
    """

    dims: int
    values: NDArray[np.float32]
    times: NDArray[np.float64]
    attributes: Mapping[str, Attribute]

    def __contains__(self, video_id: str) -> bool:
        return video_id == VIDEO

    def read(self, video_id: str) -> NDArray[np.float32]:
        """(steps, D)."""
        assert video_id in self
        return self.values


def check_features(config: Config, dims: Mapping[str, int]) -> None:
    """Raise `UserError` unless the configuration says how to compute every feature of ``dims``, a model's."""
    for name in dims:
        if name not in config.features:
            raise UserError(
                f"feature {name!r}, which the model was trained with, is not in the configuration "
                f"({', '.join(config.features)}); give the configuration of the training with --config"
            )
        if config.features[name].npy is not None:
            overlay = f'{{"features": {{"{name}": {{"npy": null}}}}}}'
            raise UserError(
                f"features.{name}.npy is set, so nobody knows how it was computed; if the other settings of "
                f"features.{name} are the same, take it out with --config '{overlay}'"
            )


def check_video(path: Path) -> None:
    """Raise `UserError` for what cannot be opened as a file, before anything long begins."""
    try:
        require_file(path)
    except UnreadableError as error:
        raise UserError(f"{path}: {error.reason}") from None


def video_features(
    path: Path, config: Config, dims: Mapping[str, int], kept: Extractors | None = None
) -> dict[str, VideoFeature]:
    """Every feature of ``dims`` (by name, the dimensions that the model expects) of the video in ``path``.

    Values pass through a shard, as in training: its checks and its precision are the same. What is decoded, and the
    shards, lie in a temporary folder that is gone at the end. kept: networks that were loaded for other videos with
    this configuration; those of this one are added. Raises `UnusableVideoError` for a video that cannot be used,
    `UserError` for missing weights, and for settings that give other dimensions.
    """
    check_features(config, dims)
    for settings in (config.features[name] for name in dims):
        # Before anything is decoded: nothing would come of it.
        if isinstance(settings, I3DFeature) and settings.network != "i3d_r50":
            weights_file(settings.weights, config.resources)
    found: dict[str, VideoFeature] = {}
    with scratch_folder("ask") as folder:
        for inputs, media, features in _by_decoding(config, dims):
            decoded = folder / f"{features[0]}.decoded.h5"
            log(f"{path.name}: decoding {inputs}")
            tell(inputs, 0, 0)
            decode_video(VIDEO, path, media, decoded, frames=inputs == "frames", sound=inputs == "sound")
            for feature in features:
                tell(feature, 0, 0)
                found[feature] = _extracted(config, feature, decoded, folder / feature, path, kept)
            decoded.unlink()
    for feature, wanted in dims.items():
        if found[feature].dims != wanted:
            raise UserError(
                f"features.{feature} gives {found[feature].dims} values a step, the model was trained with {wanted}; "
                "give the configuration of the training with --config"
            )
    return {feature: found[feature] for feature in dims}


def steps_of(config: Config, dims: Mapping[str, int]) -> Iterator[str]:
    """The steps of `video_features`, as `pipeline.progress.tell` has them: what is decoded, and each feature."""
    for inputs, _, features in _by_decoding(config, dims):
        yield inputs
        yield from features


def warn_of_other_settings(config: Config, features: Mapping[str, VideoFeature]) -> None:
    """Log a line for each feature that the training shards of the results folder have of other settings or weights."""
    for name, feature in features.items():
        shards = finished_files(Layout(config.results).feature(name), ".h5")
        if not shards:
            continue
        (index,) = read_indexes(shards[:1])
        trained = {"dims": index.dims, **index.attributes}
        here = {"dims": feature.dims, **feature.attributes}
        keys = sorted(key for key in trained.keys() | here.keys() if not may_differ(key) and key not in NO_MATTER)
        differing = [key for key in keys if trained.get(key) != here.get(key)]
        if differing:
            parts = [f"{key} {here.get(key)!r}, there {trained.get(key)!r}" for key in differing]
            log(f"warning: {name} is made with other settings than {shards[0].parent}: {'; '.join(parts)}")


def _by_decoding(config: Config, names: Mapping[str, int]) -> Iterator[tuple[Inputs, Media, Sequence[str]]]:
    """Features that can share what is decoded: what, how, and their names. Sound is decoded alike for all."""
    groups: dict[tuple[Inputs, str], list[str]] = {}
    for name in names:
        inputs = config.features[name].inputs
        settings = config.media_of(name).model_dump_json() if inputs == "frames" else ""
        groups.setdefault((inputs, settings), []).append(name)
    for (inputs, _), features in groups.items():
        yield inputs, config.media_of(features[0]), features


def _extracted(
    config: Config, name: str, decoded: Path, folder: Path, path: Path, kept: Extractors | None
) -> VideoFeature:
    with _threads(config.features[name]):
        extract_shard(
            name,
            config.features[name],
            decoded,
            folder / "0000.h5",
            resources=config.resources,
            device=config.device,
            by_window=True,
            kept=kept,
        )
    store = FeatureStore(folder)
    try:
        feature = VideoFeature(store.dims, store.read(VIDEO), store.times(VIDEO), store.attributes)
    finally:
        store.close()
    if not len(feature.values):
        log(f"{path.name}: no sound, so nothing of {name}")
    return feature


@contextmanager
def _threads(feature: Feature) -> Iterator[None]:
    """One thread while TV-L1 computes, all of them for anything else.

    TV-L1 on a CPU is thousands of small steps a pair. Threads that meet after each cost more than they bring as soon as
    another program wants a core: two of them on two busy cores took ten times as long as one.
    """
    before = torch.get_num_threads()
    if isinstance(feature, I3DFeature) and feature.network == "i3d_flow" and feature.flow.method == "tvl1":
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
