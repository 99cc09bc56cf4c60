"""What results depend on, of the configuration: validated values, and nothing besides.

The one list of it. The workflow passes these values to a stage (`pipeline.plan`), so that only their change is a reason
to run it again; the training compares them with what a state or a finished model was made with (`training.depends`).
A value that was typed another way (`3e-1`), or a default spelled out, is the same value here.
"""

from collections.abc import Mapping
from typing import Any

from pipeline.config.corpus import Dialogs
from pipeline.config.frame_features import I3DFeature, MappedFeature
from pipeline.config.media import FrameMedia
from pipeline.config.root import Config
from pipeline.config.starts import Start

LOSSES: dict[str, tuple[str, ...]] = {
    "lambda_context": ("st_context", "joint"),
    "lambda_representation": ("rep", "rep_ce"),
    "temperature": ("st", "st_context", "joint"),
    "lambda_hard": ("st", "st_context", "joint"),
    "lambda_concepts": ("concepts",),
    "margin": ("ranking",),
    "l2": ("ranking", "blank"),
    "label_smoothing": ("ce", "joint", "rep_ce"),
    "cache_soft_targets": ("st", "st_context"),
    "student_from_teacher": ("st", "st_context", "joint"),
    "joint_teacher_from_scratch": ("joint",),
    "joint_shared_pass": ("joint",),
}
"""Settings of the loop that only some losses read."""
NEUTRAL: dict[str, Any] = {"temperature": 1.0, "lambda_hard": 0.0}
"""Values that change nothing: a model made before there was such a setting is one made with it."""
NEUTRAL_SIZES: dict[str, Any] = {"text_term": False, "kaiming_normal": False}
"""The same of a network's sizes."""
JUDGED = ("semantic",)
"""Sizes by which `config.fitting` judges whether an entry goes with its inputs; who reads the entry must know them."""


def corpus_values(config: Config) -> dict[str, Any]:
    """Settings that the canonical dialogs depend on beside the files."""
    if config.corpus.source == "captions":
        return _captions_values(config)
    scenes = config.corpus.source == "scenes"
    given = {key for key in Dialogs.model_fields if scenes or getattr(config.dialogs, key) is not None}
    unread = {"scenes", "shards"}
    unread |= {"holdout"} if "validation" in given else set()
    unread |= set() if "trial" in given else {"keep_trial_in_validation"}
    return {"corpus": config.corpus.model_dump(mode="json", exclude=unread)}


def _captions_values(config: Config) -> dict[str, Any]:
    captions = config.captions
    all_given = captions.validation is not None and (captions.test is not None or not captions.tested)
    unread = {"scenes", "shards", "keep_trial_in_validation", *(["holdout"] if all_given else [])}
    files = {"training", "validation", "test", "ids", "choices"}
    return {
        "corpus": config.corpus.model_dump(mode="json", exclude=unread),
        "captions": captions.model_dump(mode="json", exclude=files),
    }


def media_values(config: Config, feature: str) -> dict[str, Any]:
    """Settings that the frames decoded for a feature depend on."""
    media = config.media_of(feature)
    unread = {"size"} if media.resize == "source" else set()
    return media.model_dump(mode="json", include=set(FrameMedia.model_fields) - unread)


def feature_values(config: Config, feature: str) -> dict[str, Any]:
    """The entry of a computed feature, as far as its values depend on it beside what is decoded.

    The size of a batch is not in it: values differ by rounding at most. Nor is a reduction that leaves every step.
    """
    settings = config.features[feature]
    unread = {"media", "npy", "batch"}
    if settings.reduce is None or settings.reduce.rate == 1:
        unread.add("reduce")
    if isinstance(settings, I3DFeature) and settings.network != "i3d_flow":
        unread.add("flow")
    if isinstance(settings, MappedFeature) and settings.pool == "global":
        unread |= {"pool", "layer", "grid"}
    values = settings.model_dump(mode="json", exclude=unread)
    if isinstance(settings, I3DFeature) and settings.pool == "none":
        values["layer"] = settings.layer_name
    if "flow" in values and values["flow"]["method"] != "raft_small":
        del values["flow"]["weights"]
    if "reduce" in values and values["reduce"]["method"] != "spectral":
        del values["reduce"]["norm"]
    return values


def training_values(config: Config, name: str) -> dict[str, Any]:
    """Settings of the loop that the weights of the system ``name`` depend on."""
    loss = config.systems[name].loss
    values = config.training_of(name).model_dump(mode="json")
    return _telling({key: value for key, value in values.items() if loss in LOSSES.get(key, (loss,))}, NEUTRAL)


def sizes_values(config: Config, name: str) -> dict[str, Any]:
    """All sizes of a trained system's network, those of other systems' features left out."""
    sizes = config.sizes(name).of_features(config.systems[name].features)
    return _telling(sizes.model_dump(mode="json"), NEUTRAL_SIZES)


def _telling(values: dict[str, Any], neutral: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the values that change something."""
    return {key: value for key, value in values.items() if key not in neutral or value != neutral[key]}


def trained_entry(config: Config, name: str) -> dict[str, Any]:
    """The entry of a trained system, as far as its weights depend on it."""
    system = config.systems[name]
    return {
        **_network(config, name),
        **system.learned_from(),
        "loss": system.loss,
        "teacher": system.teacher,
        "init_from": _start(system.init_from),
        "sizes": sizes_values(config, name),
        **({"freeze": sorted(set(system.freeze))} if system.freeze else {}),
    }


def taught_entry(config: Config, name: str) -> dict[str, Any]:
    """The entry of a teacher, as far as its student's weights depend on it; its own weights are a file."""
    return {
        **_network(config, name),
        **config.systems[name].learned_from(),
        "sizes": sizes_values(config, name),
    }


def started_entry(config: Config, name: str) -> dict[str, Any]:
    """The entry of a system that another one starts from: its weights are a file, the rest is in no result's way.

    Its features stand there where it cannot be without: it sees nothing else.
    """
    left_out = {"features"} if config.systems[name].asked else set()
    return {key: value for key, value in _network(config, name).items() if key not in left_out}


def _start(start: Start | None) -> dict[str, str] | None:
    """Where weights come from; of a pretraining only that it is one: its captions and settings are in its model."""
    if start is None:
        return None
    if start.captions is not None:
        return {"captions": "captions"}
    return {"model": str(start.model)} if start.system is None else {"system": start.system}


def answering_entries(config: Config, name: str) -> dict[str, dict[str, Any]]:
    """The entries of the system ``name`` and of the one it answers with, as far as answers depend on them."""
    system, (model, _) = config.systems[name], config.trained(name)
    own: dict[str, Any] = {**system.tested_with(), "without": sorted(system.without)}
    if model == name:
        return {name: {**own, **_network(config, name)}}
    rescoring = system.rescored_by()
    others = {} if rescoring is None else answering_entries(config, rescoring.system)
    if system.ensemble:
        members = {seed: {**_network(config, seed), "seed_of": model} for seed in config.members(name)[1:]}
        own = {**own, **system.kind(), "model": model, "ensemble": True}
        return {**others, name: own, model: _network(config, model), **members}
    return {**others, name: {**own, **system.kind(), "model": model}, model: _network(config, model)}


def _network(config: Config, name: str) -> dict[str, Any]:
    """What an entry cannot be without. The label is in no result's way; it must be something."""
    system, sizes = config.systems[name], config.sizes(name)
    fields = type(sizes).model_fields
    other = {key for key in JUDGED if key in fields and getattr(sizes, key) != fields[key].default}
    return {
        **system.kind(),
        "label": name,
        "network": system.network,
        "features": list(system.features),
        **system.made_of(),
        **({"sizes": sizes.model_dump(mode="json", include=other)} if other else {}),
    }


def concept_values(config: Config) -> dict[str, Any]:
    """Settings that the concept words depend on beside the training dialogs and the vocabulary."""
    values = config.concepts.model_dump(mode="json")
    return {"concepts": {**values, **{key: sorted(set(values[key])) for key in ("texts", "classes", "leave_out")}}}
