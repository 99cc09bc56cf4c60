"""What a configuration asks for: shards, features, systems, test sets, and the settings each step depends on.

The rules take every list and every parameter from here; nothing here knows Snakemake. Building a `Plan` reads no
dialog and opens no video: it looks only at which files exist, so a whole run can be planned before the data are real.
"""

import json
import shlex
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from pipeline.config import TEST_SETS, Config, Dialogs, TestSet, parse
from pipeline.config.dependence import (
    answering_entries,
    corpus_values,
    feature_values,
    media_values,
    taught_entry,
    trained_entry,
    training_values,
)
from pipeline.corpus.importing import training_file
from pipeline.corpus.shards import by_shard, npy_in, shard_name
from pipeline.corpus.videos import Videos, find_videos
from pipeline.errors import UserError
from pipeline.layout import Layout, kinetics_path
from pipeline.versions import STAGES

MACHINE_KEYS = ("results", "resources", "device", "processes", "nodes", "videos", "videos_recursive")
"""Where a run happens and how: no result depends on these, so they are no reason to run a step again."""


class Plan:
    """The jobs a configuration implies. Raises `UserError` naming the first file of the user's that is missing."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.layout = Layout(config.results)
        self._check_files()

    @classmethod
    def of(cls, values: dict[str, Any]) -> Self:
        """The plan of a configuration given as a plain mapping."""
        return cls(parse(values))

    # ---- what is to be made -------------------------------------------------------------------------------------

    @cached_property
    def trained(self) -> list[str]:
        """Systems that are trained: those of `run`, the models they answer with, and teachers before students."""
        order: dict[str, None] = {}
        for name in self.config.run:
            for model in self.config.members(name):
                teacher = self.config.systems[model].teacher
                if teacher is not None:
                    order.setdefault(teacher)
                order.setdefault(model)
        return list(order)

    @cached_property
    def features(self) -> list[str]:
        """Features that are made: those of `extract` and those any trained system sees."""
        wanted = [*self.config.extract, *(f for name in self.trained for f in self.config.systems[name].features)]
        return list(dict.fromkeys(wanted))

    @cached_property
    def computed(self) -> list[str]:
        """Features computed from decoded videos."""
        return [name for name in self.features if self.config.features[name].npy is None]

    @cached_property
    def gathered(self) -> list[str]:
        """Features gathered from the user's npy files."""
        return [name for name in self.features if self.config.features[name].npy is not None]

    @cached_property
    def test_sets(self) -> list[TestSet]:
        """Test sets of the corpus."""
        if not self.config.run:
            return []
        if self.config.corpus.source == "scenes":
            return list(TEST_SETS)
        return [name for name in TEST_SETS if getattr(self.config.dialogs, name) is not None]

    @property
    def splits(self) -> list[str]:
        """Splits of the corpus that canonical dialogs are written of."""
        return ["training", "validation", *self.test_sets]

    @property
    def tables(self) -> list[str]:
        """The paper's tables: Table 1 of the corpus, Tables 2 and 3 of scores."""
        return ["table1", "table2", "table3"]

    @property
    def truth(self) -> list[Path]:
        """Ground truth of the dialogs, where there is one: generated scenes have it."""
        return [self.layout.scenes / "truth.json"] if self.config.corpus.source == "scenes" else []

    @property
    def gpu(self) -> int:
        """GPUs a job that can use one asks for: 1 with a CUDA device, or with `auto` on a machine that has one."""
        has_one = self.config.device == "auto" and Path("/dev/nvidia0").exists()
        return int(has_one or self.config.device.startswith("cuda"))

    def weights(self, feature: str) -> list[Path]:
        """Weights files a computed feature needs: fetched ones and the user's."""
        settings = self.config.features[feature]
        fetched = [kinetics_path(self.config.resources)] if getattr(settings, "weights", None) == "kinetics" else []
        return fetched + self._own_weights(feature)

    def scored(self, test_set: str) -> list[str]:
        """Systems of `run` that answer this test set."""
        return [name for name in self.config.run if test_set in self.config.systems[name].test_sets]

    def compared(self, test_set: str) -> list[Path]:
        """The answers that all others of this test set are compared with: one file, or none where it has none."""
        other = self.config.scoring.against
        return [self.layout.answers(other, test_set)] if other in self.scored(test_set) else []

    def compared_with(self, name: str, test_set: str) -> list[Path]:
        """The answers that those of the system ``name`` are compared with: one file, or none."""
        trials, own = self.config.scoring.randomisations, self.layout.answers(name, test_set)
        return [path for path in self.compared(test_set) if trials > 0 and path != own]

    @cached_property
    def answered(self) -> list[tuple[str, str]]:
        """Every (system, test set) pair; none where the corpus has no test set."""
        return [(name, test_set) for test_set in self.test_sets for name in self.scored(test_set)]

    @property
    def explained(self) -> tuple[str, str] | None:
        """The system and the test set whose attention the report shows; None where there is nothing to show.

        It takes the videos, and a network that sees features of them.
        """
        name = self.config.report.explain
        test_set = next((test_set for system, test_set in self.answered if system == name), None)
        if name is None or test_set is None or self.video_folder is None or not self.system_features(name):
            return None
        return name, test_set

    # ---- videos and shards --------------------------------------------------------------------------------------

    @property
    def video_folder(self) -> Path | None:
        """The folder that is decoded: the user's, or the generated one."""
        return self.layout.scenes / "videos" if self.config.corpus.source == "scenes" else self.config.videos

    @cached_property
    def _found(self) -> Videos | None:
        """What is in the user's folder of videos; None where there is none."""
        folder = self.config.videos
        if folder is None or self.config.corpus.source == "scenes":
            return None
        return find_videos(folder, self.config.videos_recursive)

    @cached_property
    def _videos(self) -> dict[str, list[Path]]:
        """The user's videos by shard."""
        return by_shard(self._found.files if self._found else {}, self.config.corpus.shards)

    @property
    def note(self) -> str | None:
        """One line about what a run leaves out of the user's folder of videos; None where it leaves nothing out."""
        return self._found.note if self.computed and self._found else None

    @cached_property
    def _npy(self) -> dict[str, dict[str, list[Path]]]:
        """Npy files of the gathered features by feature and shard."""
        return {name: by_shard(self._npy_in(name), self.config.corpus.shards) for name in self.gathered}

    def _npy_in(self, feature: str) -> dict[str, Path]:
        folder = self.config.features[feature].npy
        assert folder is not None
        try:
            return npy_in(folder)
        except UserError as error:
            raise UserError(f"features.{feature}.npy: {error}") from None

    def videos(self, shard: str) -> list[Path]:
        """The user's videos of a shard whose paths have no braces; for generated scenes the folder they are all in."""
        if self.config.corpus.source == "scenes":
            return [self.layout.scenes / "videos"]
        return [path for path in self._videos.get(shard, []) if not _braced(path)]

    def decoding(self, shard: str) -> int | list[int | str]:
        """What decoding a shard depends on besides its settings and `videos`: the stage's version.

        In the path of an input, braces would be wildcards. A video that has them counts by size and time of change.
        """
        others = [path for path in self._videos.get(shard, []) if _braced(path)]
        marks = [f"{path.name} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in others]
        return [STAGES["decode"], *marks] if marks else STAGES["decode"]

    def npy_files(self, feature: str, shard: str) -> list[Path]:
        """The npy files of a gathered feature that belong to a shard."""
        return self._npy[feature].get(shard, [])

    def shards(self, feature: str) -> list[str]:
        """The shards of a feature that hold anything."""
        if feature in self.gathered:
            return list(self._npy[feature])
        if self.config.corpus.source == "scenes":
            return [shard_name(index) for index in range(self.config.corpus.shards)]
        return list(self._videos)

    def feature_shards(self, features: Iterable[str]) -> list[Path]:
        """Every shard file of some features."""
        return [self.layout.feature_shard(name, shard) for name in features for shard in self.shards(name)]

    @property
    def unread(self) -> list[Path]:
        """Lists of unreadable videos, one a computed feature and shard."""
        return [self.layout.unread_shard(name, shard) for name in self.computed for shard in self.shards(name)]

    @property
    def quarantine(self) -> list[Path]:
        """Lists of unreadable videos, one a shard, of all computed features together."""
        shards = dict.fromkeys(shard for name in self.computed for shard in self.shards(name))
        return [self.layout.quarantine_shard(shard) for shard in shards]

    def system_features(self, name: str) -> list[str]:
        """Features a trained system's training or answering reads: its own and its teacher's."""
        system = self.config.trained(name)[1]
        teacher = () if system.teacher is None else self.config.systems[system.teacher].features
        return list(dict.fromkeys([*system.features, *teacher]))

    def training_files(self, name: str) -> list[Path]:
        """Files of the user's that a system's training reads beside the corpus, with its teacher's descriptions."""
        system = self.config.systems[name]
        seen = [system, *([] if system.teacher is None else [self.config.systems[system.teacher]])]
        described = [each.description.file("train") for each in seen]
        started = [] if system.init_from is None else [system.init_from / "model.safetensors"]
        return [*dict.fromkeys(path for path in described if path is not None), *started]

    def answer_files(self, name: str) -> list[Path]:
        """Files of the user's that answering with a system reads beside the corpus."""
        path = self.config.systems[name].description.file("test")
        return [] if path is None else [path]

    # ---- settings: exactly what a step's result depends on, as inline JSON ---------------------------------------

    def machine(self, name: str | None = None, feature: str | None = None) -> str:
        """Where things are, the device, how many bad videos are put up with.

        And what else a card says of the system ``name``, how large a batch of ``feature`` is. Inputs are followed as
        files, so no result depends on these settings.
        """
        places = {key: getattr(self.config, key) for key in MACHINE_KEYS}
        bad = {"media": {"max_bad_fraction": self.config.media.max_bad_fraction}}
        said = {} if name is None else {"systems": {name: self._said(name)}}
        batch = {} if feature is None else {"features": {feature: self._batch(feature)}}
        return _json({**places, **bad, **said, **batch, "videos": self.video_folder, "dialogs": self.dialog_files()})

    def _batch(self, feature: str) -> dict[str, Any]:
        settings = self.config.features[feature]
        return {"network": settings.network, "batch": settings.batch}

    def _said(self, name: str) -> dict[str, Any]:
        """What a model card says of a system beside what its weights depend on."""
        system = self.config.systems[name]
        return {"label": system.label, "description": {"test": system.description.test}}

    def scene_settings(self) -> str:
        """For `avsd corpus scenes`."""
        return _json({"corpus": {"scenes": self.config.corpus.scenes}})

    def corpus_settings(self) -> str:
        """For `avsd corpus import`."""
        return _json({"corpus": corpus_values(self.config)})

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

    def npy_settings(self, feature: str) -> str:
        """For `avsd features import`, as its arguments."""
        settings = self.config.features[feature]
        shards = self.config.corpus.shards
        return f"{shlex.quote(str(settings.npy))} --shards {shards} --dtype {settings.dtype}"

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
        return _json({"training": training_values(self.config, name), **self._with_features(entries)})

    def answer_settings(self, name: str) -> str:
        """For `avsd answer`."""
        return _json({"answers": self.config.answers, **self._with_features(answering_entries(self.config, name))})

    def explain_settings(self, name: str) -> str:
        """For `avsd explain`."""
        return _json(self._with_features(answering_entries(self.config, name)))

    def report_settings(self) -> str:
        """For `avsd tables` and `avsd report`: everything."""
        return _json(self.config.model_dump(exclude=set(MACHINE_KEYS)))

    def _with_features(self, entries: dict[str, dict[str, Any]]) -> dict[str, Any]:
        """Entries of systems, and the bare features they name."""
        names = dict.fromkeys(feature for entry in entries.values() for feature in entry.get("features", ()))
        return {"systems": entries, "features": {f: {"network": self.config.features[f].network} for f in names}}

    # ---- the user's files -----------------------------------------------------------------------------------------

    def generated_dialogs(self) -> dict[str, Path]:
        """Dialog files of the generated scenes, by key of `dialogs`."""
        return {key: self.layout.scenes / f"{key}.json" for key in Dialogs.model_fields}

    def dialog_files(self) -> dict[str, Path]:
        """Dialog files by key of `dialogs`: the user's, or the generated ones."""
        if self.config.corpus.source == "scenes":
            return self.generated_dialogs()
        given = self.config.dialogs.model_dump()
        return {key: path for key, path in given.items() if path is not None}

    def _check_files(self) -> None:
        if self.config.nodes > 1:
            raise UserError(
                f"nodes: {self.config.nodes}, but the workflow trains a system on one machine; train it by hand on "
                "several (`srun avsd train SYSTEM`), and the workflow goes on from its model"
            )
        for feature in self.gathered:
            self.shards(feature)  # which raises where there is nothing to gather
        if self.config.corpus.source == "files":
            if self.config.run:
                self._check_dialogs()
            if self.computed:
                self._check_videos()
        for feature in self.computed:
            for path in self._own_weights(feature):
                if not path.is_file():
                    raise UserError(f"{path}: no such weights file (features.{feature} in the configuration)")
        read = [(name, self.training_files(name)) for name in self.trained]
        read += [(name, self.answer_files(name)) for name in self.config.run]
        for name, paths in read:
            for path in paths:
                if not path.is_file():
                    raise UserError(f"{path}: no such file (systems.{name} in the configuration)")

    def _check_dialogs(self) -> None:
        training_file(self.config.dialogs)
        for key, path in self.dialog_files().items():
            if not path.is_file():
                raise UserError(f"{path}: no such file (dialogs.{key} in the configuration)")

    def _check_videos(self) -> None:
        if self.config.videos is None:
            names = ", ".join(self.computed)
            raise UserError(f"videos: not set; give the folder of videos that {names} are computed from")
        if not self._videos:
            note = f"; {self.note}" if self.note else ""
            raise UserError(f"{self.config.videos}: no video in this folder (videos in the configuration){note}")

    def _own_weights(self, feature: str) -> list[Path]:
        settings = self.config.features[feature]
        flow = getattr(settings, "flow", None) if settings.network == "i3d_flow" else None
        given = (getattr(settings, "weights", None), getattr(settings, "pca", None), getattr(flow, "weights", None))
        return [path for path in given if isinstance(path, Path)]


def _braced(path: Path) -> bool:
    return "{" in str(path)


def _json(value: Any) -> str:
    """Compact JSON of plain values, paths and configuration sections."""
    return json.dumps(value, default=_plain, sort_keys=True, separators=(",", ":"))


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, frozenset | set):
        return sorted(value)
    return value.model_dump(mode="json")
