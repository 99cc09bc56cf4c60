"""What was run: software, data, features, systems, and what a reader should know before believing the figures."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import yaml

from pipeline import __version__
from pipeline.config import Config
from pipeline.corpus.shards import shard_name
from pipeline.corpus.statistics import read_statistics
from pipeline.features.index import WHAT
from pipeline.features.quarantine import read_gathered
from pipeline.files import finished_files
from pipeline.hdf5 import attributes, dataset, malformed, open_hdf5
from pipeline.layout import Layout
from pipeline.report.results import descriptions, display_names, read_curves
from pipeline.systems.info import Measured, read_info
from pipeline.systems.provenance import git_commit

_PACKAGES = (
    *("torch", "torchvision", "torchaudio", "lightning-fabric"),
    *("h5py", "av", "pycocoevalcap", "snakemake", "numpy"),
)
_TAKEN_OUT = {
    "trial_from_validation": "videos of the trial test set were taken out of validation",
    "official_from_validation": "videos of the official test set were taken out of validation",
    "test_from_training": "videos of the test sets were taken out of training",
    "validation_from_training": "videos of validation were taken out of training",
    "held_out": "training dialogs were held out as validation",
    "broken_captions": "entries of the caption files were broken and left out",
    "test_from_validation": "videos of the test set were taken out of validation",
    "held_out_for_test": "training videos were held out as test set",
    "over_fraction": "training dialogs were left out by corpus.training_fraction",
    "over_limit": "training dialogs were left out by corpus.limit",
}
_SHOWN_ATTRIBUTES = ("extractor", "flow_method", "window", "stride", "input_size", "crop", "rate", "source")


@dataclass(frozen=True)
class FeatureFacts:
    """A feature's shards: how many, their videos, and the attributes they say where they come from with."""

    name: str
    shards: int
    videos: int
    weights: str
    attributes: tuple[tuple[str, str], ...]


def software() -> list[tuple[str, str]]:
    """Versions of the project, Python and the packages that matter, and the commit where there is one."""
    facts = [("avsd", __version__)]
    commit = git_commit()
    if commit:
        facts.append(("commit", commit))
    facts += [("Python", platform.python_version()), ("platform", f"{platform.system()} {platform.machine()}")]
    for package in _PACKAGES:
        try:
            facts.append((package, version(package)))
        except PackageNotFoundError:
            continue
    return facts


def features(config: Config) -> list[FeatureFacts]:
    """The features whose shards are there."""
    layout = Layout(config.results)
    found = []
    for name in config.features:
        shards = finished_files(layout.feature(name), ".h5")
        if shards:
            found.append(_feature(name, shards))
    return found


def _feature(name: str, shards: list[Path]) -> FeatureFacts:
    videos = 0
    said: dict[str, str] = {}
    for path in shards:
        with open_hdf5(path, WHAT) as file, malformed(path, WHAT):
            videos += len(dataset(file, "video_ids", ["text"], "(videos,)"))
            said = {key: str(value) for key, value in attributes(file).items()}
    shown = tuple((key, said[key]) for key in _SHOWN_ATTRIBUTES if key in said)
    return FeatureFacts(name, len(shards), videos, said.get("weights", "not stated (precomputed)"), shown)


def quarantine(config: Config) -> list[dict[str, str]]:
    """Videos that could not be read for some feature: one mapping a line of the shards' lists."""
    layout = Layout(config.results)
    lines = []
    for path in (layout.quarantine_shard(shard_name(shard)) for shard in range(config.corpus.shards)):
        if path.is_file():
            lines += read_gathered(path)
    return lines


def systems(config: Config) -> list[dict[str, Any]]:
    """Every system of `run`: name, what it is made of, and what its trained model says about itself.

    models: the systems whose models it answers with, where they are others; the parameters are those of them all.
    """
    names, layout = display_names(config), Layout(config.results)
    lines = []
    for name in config.run:
        trained, members = config.trained(name)[1], config.members(name)
        paths = [layout.model(member) / "system.json" for member in members]
        counts = [_parameters(read_info(path, Measured)) if path.is_file() else None for path in paths]
        train, test = descriptions(config, name)
        lines.append(
            {
                "key": name,
                "name": names[name],
                "network": trained.network,
                "models": [] if members == [name] else members,
                "without": ", ".join(config.systems[name].without),
                "features": ", ".join(trained.features) or "text only",
                "history": trained.looks_back(),
                "loss": trained.loss,
                "teacher": trained.teacher or "",
                "train": train,
                "test": test,
                "parameters": None if None in counts else sum(each for each in counts if each is not None),
                "training": _training(layout.model(name) / "curves.csv") if members == [name] else None,
            }
        )
    return lines


def _training(path: Path) -> dict[str, float] | None:
    """Epochs, minutes and the best validation perplexity of a training; None when it left no curves."""
    curves = read_curves(path) if path.is_file() else {}
    perplexities = [value for value in curves.get("validation_perplexity", []) if value is not None]
    if not perplexities:
        return None
    seconds = sum(value or 0 for value in curves.get("seconds", []))
    return {"epochs": len(perplexities), "minutes": seconds / 60, "perplexity": min(perplexities)}


def _parameters(info: Mapping[str, Any]) -> int | None:
    found = info.get("parameters")
    if isinstance(found, Mapping):
        found = found.get("total", sum(found.values()))
    return int(found) if isinstance(found, int) else None


def warnings(config: Config, found: list[FeatureFacts], unread: int) -> list[str]:
    """Plain sentences on what makes figures of this run other than they look."""
    lines = []
    if config.corpus.source == "scenes":
        lines.append("The corpus is generated scenes: the figures measure the pipeline, not the paper's task.")
    for feature in found:
        if "random" in feature.weights.lower():
            lines.append(f"Feature {feature.name} was computed with random weights ({feature.weights}).")
        elif "no flow weights" in feature.weights.lower():
            lines.append(f"Feature {feature.name}: {feature.weights}.")
    if config.corpus.keep_trial_in_validation:
        lines.append("Trial videos were kept in validation: models were chosen on answers they are then scored on.")
    if unread:
        videos = "1 video" if unread == 1 else f"{unread} videos"
        lines.append(f"{videos} could not be read for some feature: dialogs about them go without it (see Data).")
    return lines


def corpus_notes(config: Config) -> list[str]:
    """What the import did to the splits, as sentences."""
    statistics = read_statistics(Layout(config.results).corpus / "statistics.json")
    if config.corpus.keep_trial_in_validation:
        notes = ["Trial videos were kept in validation (the paper's literal setting)."]
    else:
        notes = ["Trial videos were taken out of validation, so that no model is chosen on answers it is scored on."]
    for reason, count in statistics.get("taken_out", {}).items():
        if count:
            notes.append(f"{count:,} {_TAKEN_OUT.get(reason, reason)}.")
    return notes


def configuration(config: Config) -> str:
    """The whole configuration as YAML."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=100)
