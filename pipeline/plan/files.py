"""The files that jobs read of the user's and of each other: dialogs, videos and npy by shard, weights, descriptions."""

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Literal

from pipeline.config import TEST_SETS, Captions, Dialogs, TestSet
from pipeline.corpus.blanks import TEXTS
from pipeline.corpus.blanks import reference_name as blanks_name
from pipeline.corpus.candidates import reference_name
from pipeline.corpus.captions.reading import caption_files
from pipeline.corpus.shards import by_shard, npy_in, shard_name
from pipeline.corpus.videos import Videos, find_videos
from pipeline.errors import UserError
from pipeline.layout import fetched_weights
from pipeline.plan.jobs import Jobs
from pipeline.versions import STAGES

Asked = Literal["candidates", "blanks"]


class Files(Jobs):
    """The jobs, with the files each of them reads. A folder is looked through when first asked for."""

    def generated_dialogs(self) -> dict[str, Path]:
        """Dialog files of the generated scenes, by key of `dialogs`."""
        return {key: self.layout.scenes / f"{key}.json" for key in Dialogs.model_fields}

    def dialog_files(self) -> dict[str, Path]:
        """Dialog files by key of `dialogs`: the user's, or the generated ones."""
        if self.config.corpus.source == "scenes":
            return self.generated_dialogs()
        return _given(self.config.dialogs) if self.config.corpus.source == "files" else {}

    def caption_files(self) -> dict[str, Path]:
        """The user's caption files by key of `captions`; none where the corpus is another."""
        return _given(self.config.captions) if self.config.corpus.source == "captions" else {}

    def corpus_files(self) -> dict[str, Path | list[Path]]:
        """The files that canonical dialogs are made of, by key of `dialogs` or `captions`."""
        read = self.caption_files()
        ids = read.pop("ids", None)
        captions = {key: caption_files(path, ids if key == "training" else None) for key, path in read.items()}
        return {**self.dialog_files(), **captions}

    def given(self, kind: Asked) -> dict[TestSet, Path]:
        """By test set the user's files of sentences to choose from, or of blanks; of others these are drawn."""
        if kind == "blanks":
            return self.config.matching.blanks
        published = self.caption_files().get("choices")
        return {**self.config.matching.candidates, **({} if published is None else {"test": published})}

    def drawn(self, kind: Asked) -> list[TestSet]:
        """The test sets of which candidates, or blanks, are drawn."""
        return [test_set for test_set in TEST_SETS if test_set not in self.given(kind)]

    @property
    def given_references(self) -> dict[str, Path]:
        """Those files by the names of the references they become, whatever sentences the blanks are of."""
        candidates = {reference_name(test_set): path for test_set, path in self.given("candidates").items()}
        asked = [
            (blanks_name(test_set, text), path) for test_set, path in self.given("blanks").items() for text in TEXTS
        ]
        return {**candidates, **dict(asked)}

    @property
    def truth(self) -> list[Path]:
        """Ground truth of the dialogs, where there is one: generated scenes have it."""
        return [self.layout.scenes / "truth.json"] if self.config.corpus.source == "scenes" else []

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
    def video_count(self) -> int:
        """Videos that features are computed of."""
        counts = self.config.corpus.scenes.counts
        if self.config.corpus.source == "scenes":
            return counts.training + counts.validation + counts.trial + counts.official
        return sum(map(len, self._videos.values()))

    @property
    def note(self) -> str | None:
        """One line about what a run leaves out of the user's folder of videos; None where it leaves nothing out."""
        return self._found.note if self.computed and self._found else None

    def videos(self, shard: str) -> list[Path]:
        """The user's videos of a shard whose paths have no braces; for generated scenes the folder they are all in."""
        if self.config.corpus.source == "scenes":
            return [self.layout.scenes / "videos"]
        return [path for path in self._videos.get(shard, []) if not _braced(path)]

    def decoding(self, shard: str) -> int | list[int | str]:
        """What decoding a shard depends on besides its settings and `videos`: the stage's version.

        In the path of an input, braces would be wildcards. A video that has them counts by size and time of change.
        """
        return _version_with("decode", self._videos.get(shard, []))

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

    def npy_files(self, feature: str, shard: str) -> list[Path]:
        """The npy files of a gathered feature that belong to a shard, but for those whose paths have braces."""
        return [path for path in self._npy[feature].get(shard, []) if not _braced(path)]

    def gathering(self, feature: str, shard: str) -> int | list[int | str]:
        """What gathering a shard depends on besides its settings and `npy_files`, as `decoding` of videos."""
        return _version_with("extract", self._npy[feature].get(shard, []))

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
    def seconds(self) -> list[Path]:
        """Tables of how long extraction took, one a computed feature and shard."""
        return [self.layout.extraction_seconds(name, shard) for name in self.computed for shard in self.shards(name)]

    @property
    def unread(self) -> list[Path]:
        """Lists of unreadable videos, one a computed feature and shard."""
        return [self.layout.unread_shard(name, shard) for name in self.computed for shard in self.shards(name)]

    @property
    def quarantine(self) -> list[Path]:
        """Lists of unreadable videos, one a shard, of all computed features together."""
        shards = dict.fromkeys(shard for name in self.computed for shard in self.shards(name))
        return [self.layout.quarantine_shard(shard) for shard in shards]

    def weights(self, feature: str) -> list[Path]:
        """Weights files a computed feature needs: fetched ones and the user's."""
        settings = self.config.features[feature]
        fetched = fetched_weights(getattr(settings, "weights", None), self.config.resources)
        return fetched + self.own_weights(feature)

    def own_weights(self, feature: str) -> list[Path]:
        """Weights files of the user's that a computed feature needs."""
        settings = self.config.features[feature]
        flow = getattr(settings, "flow", None) if settings.network == "i3d_flow" else None
        given = (getattr(settings, "weights", None), getattr(settings, "pca", None), getattr(flow, "weights", None))
        return [path for path in given if isinstance(path, Path)]

    def start_model(self, name: str) -> Path | None:
        """Weights that the workflow makes first for a system to start from: another system's, or of a pretraining."""
        start = self.config.systems[name].init_from
        if start is None or start.model is not None:
            return None
        folder = self.layout.pretraining(name).model(name) if start.system is None else self.layout.model(start.system)
        return folder / "model.safetensors"

    def training_files(self, name: str) -> list[Path]:
        """Files of the user's that a system's training reads beside the corpus, with its teacher's descriptions."""
        system = self.config.systems[name]
        seen = [system, *([] if system.teacher is None else [self.config.systems[system.teacher]])]
        described = [each.told("train") for each in seen]
        start = None if system.init_from is None else system.init_from.model
        started = [] if start is None else [start / "model.safetensors"]
        return [*dict.fromkeys(path for path in described if isinstance(path, Path)), *started]

    def answer_files(self, name: str) -> list[Path]:
        """Files of the user's that answering with a system reads beside the corpus."""
        told = self.config.systems[name].told("test")
        return [told] if isinstance(told, Path) else []


def _given(section: Dialogs | Captions) -> dict[str, Path]:
    """The files of a section that are set."""
    return {key: path for key in type(section).model_fields if isinstance(path := getattr(section, key), Path)}


def _braced(path: Path) -> bool:
    return "{" in str(path)


def _version_with(stage: str, paths: Iterable[Path]) -> int | list[int | str]:
    """The version of a stage, and beside it each of ``paths`` that cannot be an input, as it lies there now."""
    marks = [f"{path.name} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in paths if _braced(path)]
    return [STAGES[stage], *marks] if marks else STAGES[stage]
