"""The settings each step depends on, and those it does not, as inline JSON for the commands."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from pipeline.config.dependence import (
    answering_entries,
    concept_values,
    corpus_values,
    feature_values,
    media_values,
    started_entry,
    taught_entry,
    trained_entry,
    training_values,
)
from pipeline.config.folds import ANSWER
from pipeline.config.media import Limits
from pipeline.config.needs import needed
from pipeline.plan.files import Files
from pipeline.plan.jobs import Jobs
from pipeline.plan.pretraining import pretraining
from pipeline.scoring.names import OPTIONS

MACHINE_KEYS = ("results", "resources", "device", "processes", "nodes", "videos", "videos_recursive")
"""Where a run happens and how: no result depends on these, so they are no reason to run a step again."""


class Settings(Files):
    """The jobs, with exactly the settings that the result of each depends on (`config.dependence`)."""

    def machine(self, name: str | None = None, feature: str | None = None, below: Path = Path()) -> str:
        """Where things are, the device, which videos are put up with.

        And what else a card says of the system ``name``, how large a batch of ``feature`` is. Inputs are followed as
        files, so no result depends on these settings. below: the folder in which a job finds everything that the
        configuration names by a relative path.
        """
        places = _below(below, {key: getattr(self.config, key) for key in MACHINE_KEYS})
        limits = {"media": self.config.media.model_dump(include=set(Limits.model_fields))}
        said = {} if name is None else {"systems": {name: self._said(name)}}
        batch = {} if feature is None else {"features": {feature: self._batch(feature)}}
        files = {"dialogs": _below(below, self.dialog_files()), "captions": _below(below, self.caption_files())}
        videos = _below(below, {"videos": self.video_folder})
        return _json({**places, **limits, **said, **batch, **videos, **files})

    def _batch(self, feature: str) -> dict[str, Any]:
        settings = self.config.features[feature]
        return {"network": settings.network, "batch": settings.batch}

    def _said(self, name: str) -> dict[str, Any]:
        """What a model card says of a system beside what its weights depend on.

        Where it starts from a pretraining, with the features that made an entry of it. One with `model` starts nowhere.
        """
        system = self.config.systems[name]
        said = {**system.kind(), "label": system.label, **system.tested_with()}
        start = system.init_from
        if start is None or start.captions is None or system.model is not None:
            return said
        return {**said, "init_from": {"captions": start.captions, "npy": start.npy}}

    def concept_settings(self) -> str:
        """For `avsd concepts`: which words are taken."""
        return _json(concept_values(self.config))

    def scene_settings(self) -> str:
        """For `avsd corpus scenes`."""
        scenes = self.config.corpus.scenes.model_dump(mode="json", exclude={"counts": {"captions"}})
        return _json({"corpus": {"scenes": scenes}})

    def scene_captions_settings(self) -> str:
        """For `avsd corpus scene-captions`."""
        scenes = self.config.corpus.scenes.model_dump(mode="json", include={"seed": True, "counts": {"captions"}})
        return _json({"corpus": {"scenes": scenes}})

    def corpus_settings(self) -> str:
        """For `avsd corpus import`."""
        return _json(corpus_values(self.config))

    def published_settings(self) -> str:
        """For `avsd corpus published`, as its arguments: what stands in front of sentences, and their marks."""
        captions = self.config.captions
        return f"--question {shlex.quote(captions.question or '')} --{'' if captions.marks else 'no-'}marks"

    def decode_settings(self, feature: str) -> str:
        """For `avsd decode`: of the feature only its network, which says whether it needs frames or sound."""
        settings = {"network": self.config.features[feature].network}
        return _json({**self._decoded(feature), "features": {feature: settings}})

    def extract_settings(self, feature: str) -> str:
        """For `avsd extract`: what was decoded belongs to it, since the decoded shard may be gone."""
        return _json({**self._decoded(feature), "features": {feature: feature_values(self.config, feature)}})

    def _decoded(self, feature: str) -> dict[str, Any]:
        """Settings that a decoded shard depends on: its videos and, for frames, the feature's media settings."""
        decoded: dict[str, Any] = {"corpus": {"shards": self.config.corpus.shards}}
        if self.config.features[feature].inputs == "frames":
            decoded["media"] = media_values(self.config, feature)
        return decoded

    def npy_settings(self, feature: str, below: Path = Path()) -> str:
        """For `avsd features import`, as its arguments."""
        settings = self.config.features[feature]
        shards = self.config.corpus.shards
        assert settings.npy is not None
        folder = str(below / settings.npy)
        folder = f"./{folder}" if folder.startswith("-") else folder  # which would be an option
        return f"{shlex.quote(folder)} --shards {shards} --dtype {settings.dtype}"

    def vocabulary_settings(self) -> str:
        """For `avsd vocabulary`: the minimum count, and what is counted."""
        counted = {**self.config.vocabulary.model_dump(), "descriptions": sorted(self.config.descriptions())}
        return _json({"vocabulary": counted})

    def training_settings(self, name: str) -> str:
        """For `avsd train`."""
        teacher = self.config.systems[name].teacher
        entries = {name: trained_entry(self.config, name)}
        if teacher is not None:
            entries[teacher] = taught_entry(self.config, teacher)
        start = self.config.systems[name].init_from
        if start is not None and start.system is not None:
            entries.setdefault(start.system, started_entry(self.config, start.system))
        return _json({"training": training_values(self.config, name), **self._with_features(entries)})

    def answer_settings(self, name: str) -> str:
        """For `avsd answer`: with the metric's filter where it chooses by its scores."""
        entries, rescoring = answering_entries(self.config, name), self.config.systems[name].rescored_by()
        scoring = {} if rescoring is None else {"scoring": {"filter": self.config.scoring.filter}}
        return _json({"answers": self.config.answers_of(name), **scoring, **self._with_features(entries)})

    def score_options(self, name: str) -> str:
        """What `avsd score` must be told of a system's files: nothing of answers."""
        task = self.config.systems[name].task
        return "" if task == ANSWER else f"--task {task}"

    def score_filter(self, name: str) -> str:
        """For `avsd score`: the stop filter; where a system's scores go by none the one that stands for not asking."""
        return self.config.scoring.filter if self.scored_with(name, "filter") else str(OPTIONS["filter"])

    def explain_settings(self, name: str) -> str:
        """For `avsd explain`."""
        return _json(self._with_features(answering_entries(self.config, name)))

    def report_settings(self) -> str:
        """For the commands that write tables and pages: everything, but what only a run beside this one has."""
        config = self.config
        values = config.model_dump(exclude=set(MACHINE_KEYS))
        experiments = {
            "distillation": (config.distilled, config.distilled),
            "matching": (config.compared, config.matching.run),
        }
        for key, (run, names) in experiments.items():
            if config.run != run:
                del values[key]
                beside = Jobs(config.model_copy(update={"run": names})).trained
                named = [each for each in (config.report.explain, config.scoring.against) if each is not None]
                models = [model for each in named for model in config.answers_with(each)]
                needs = [other for model in models for other in needed(config, model)]
                kept = {*config.run, *self.trained, *named, *models, *needs}
                _leave_out(values["systems"], self._apart({*names, *beside}, kept))
        if not any(config.systems[name].detects for name in self.trained):
            del values["concepts"]
        if "distillation" not in values and config.distillation is not None:
            _leave_out(values["features"], set(config.distillation.reduced()) - set(self.features))
        return _json(values)

    def _apart(self, names: set[str], kept: set[str]) -> set[str]:
        """Those of the systems of a run beside this one that this one has nothing of, and all that cannot be without.

        What the workflow's run has too is none of them: it answers by itself, and sees no concept words.
        """
        config, systems = self.config, self.config.systems
        apart = {
            name
            for name in names - kept
            if name in config.distilled
            or systems[name].needs != "generate"
            or systems[name].rescored_by() is not None
            or config.trained(name)[1].shown() is not None
        }
        while more := {name for name, entry in systems.items() if name not in apart | kept and apart & entry.names()}:
            apart |= more
        return apart

    @cached_property
    def pretraining(self) -> dict[str, Settings]:
        """By system, the pretraining on captions that it starts from: a run of its own below the results."""
        return {name: Settings(pretraining(self.config, name)) for name in self.pretrained}

    def _with_features(self, entries: dict[str, dict[str, Any]]) -> dict[str, Any]:
        """Entries of systems, and the bare features they name."""
        names = dict.fromkeys(feature for entry in entries.values() for feature in entry.get("features", ()))
        return {"systems": entries, "features": {f: {"network": self.config.features[f].network} for f in names}}


def _below(folder: Path, values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: folder / value if isinstance(value, Path) else value for key, value in values.items()}


def _leave_out(values: dict[str, Any], names: set[str]) -> None:
    for name in names:
        del values[name]


def _json(value: Any) -> str:
    """Compact JSON of plain values, paths and configuration sections."""
    return json.dumps(value, default=_plain, sort_keys=True, separators=(",", ":"))


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, frozenset | set):
        return sorted(value)
    return value.model_dump(mode="json")
