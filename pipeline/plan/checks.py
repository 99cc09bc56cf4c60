"""Whether the files of the user's that a plan names are there. None is opened."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.corpus.captions.reading import caption_files
from pipeline.corpus.importing import training_file
from pipeline.errors import UserError
from pipeline.plan.settings import Settings


def check_files(files: Settings) -> None:
    """Raises `UserError` naming the first file of the user's that is missing, or that Snakemake cannot name.

    Or a place where no folder can be made, or a device that no job can be told.
    """
    _check_names(files.config.model_dump(exclude={"videos"}))
    for key, folder in (("results", files.config.results), ("resources", files.config.resources)):
        _check_folder(folder, key)
    device = files.config.device
    if device.startswith("cuda:"):
        raise UserError(
            f"device: {device!r} is one GPU, and the workflow gives each job one of its own; give cuda, and "
            f"leave it the one alone with CUDA_VISIBLE_DEVICES={device.removeprefix('cuda:')}"
        )
    for feature in files.gathered:
        files.shards(feature)  # which raises where there is nothing to gather
    if files.config.corpus.source != "scenes":
        if files.config.run:
            _check_corpus(files)
        if files.computed:
            _check_videos(files)
    if files.config.scoring.spice is not None:
        check([files.config.scoring.spice], "scoring.spice", "jar")
    for feature in files.computed:
        check(files.own_weights(feature), f"features.{feature}", "weights file")
    for name in files.trained:
        check(files.training_files(name), f"systems.{name}")
    for name in files.config.run:
        files.config.answers_of(name)  # which raises for lengths that no answer has
        check(files.answer_files(name), f"systems.{name}")
    _check_sentences(files)
    for name in files.pretrained:
        _check_captions(files, name)
        _check_npy(files, name)


def _check_names(section: Mapping[str, Any], above: str = "") -> None:
    """In a path that Snakemake reads, braces would be wildcards. The plan looks after those of videos."""
    for key, value in section.items():
        if isinstance(value, Mapping):
            _check_names(value, f"{above}{key}.")
        elif isinstance(value, Path) and {"{", "}"} & set(str(value)):
            raise UserError(f"{above}{key}: {value}: Snakemake takes braces in a path for wildcards; name it otherwise")


def _check_folder(folder: Path, key: str) -> None:
    """Whether ``folder`` is one, or can be made: what is above it may be a file, too."""
    there = next((path for path in (folder, *folder.parents) if path.exists()), None)
    if there is not None and not there.is_dir():
        raise UserError(f"{there}: no folder ({key} in the configuration); give another place")


def check(paths: list[Path], key: str, kind: str = "file") -> None:
    """`UserError` for the first of ``paths`` that is no file, which ``key`` names."""
    for path in paths:
        if not path.is_file():
            raise UserError(f"{path}: no such {kind} ({key} in the configuration)")


def _check_corpus(files: Settings) -> None:
    if files.config.corpus.source == "files":
        training_file(files.config.dialogs)
        for key, path in files.dialog_files().items():
            check([path], f"dialogs.{key}")
        return
    if files.config.captions.training is None:
        raise UserError("captions.training: not set; give a file of captions, or a folder with How2's")
    for key, path in files.caption_files().items():
        if not path.exists():
            raise UserError(f"{path}: no such file or folder (captions.{key} in the configuration)")


def _check_sentences(files: Settings) -> None:
    """Whether the corpus has the descriptions that systems read or write, and the questions that they answer."""
    config = files.config
    captions = config.corpus.source == "captions"
    for name in files.trained:
        lacking = config.systems[name].counted() - ({"captions"} if captions else {"summary", "caption"})
        if lacking:
            names = ", ".join(sorted(lacking))
            raise UserError(f"systems.{name}: corpus.source {config.corpus.source} has no {names} to read or to write")
        if captions and config.systems[name].asked and config.captions.question is None:
            raise UserError(f"systems.{name}: it answers, and captions.question is not set; give what captions answer")


def _check_captions(files: Settings, name: str) -> None:
    """Of what a system is pretrained on."""
    start = files.config.systems[name].init_from
    assert start is not None and start.captions is not None
    key, corpus = f"systems.{name}.init_from.captions", files.config.corpus
    if start.made:
        if corpus.source != "scenes":
            raise UserError(f"{key}: no scenes are made (corpus.source is {corpus.source}); give a file of captions")
        if not corpus.scenes.counts.captions:
            raise UserError(f"{key}: corpus.scenes.counts.captions is 0, so no captions are made; give a number")
        return
    if not start.captions.exists():
        raise UserError(f"{start.captions}: no such file or folder ({key} in the configuration)")
    check(caption_files(start.captions, start.ids), key)


def _check_npy(files: Settings, name: str) -> None:
    """Of the videos that the captions are about."""
    own = files.pretraining[name]
    for feature in own.gathered:
        try:
            own.shards(feature)
        except UserError as error:
            raise UserError(f"systems.{name}.init_from: {error}") from None


def _check_videos(files: Settings) -> None:
    if files.config.videos is None:
        names = ", ".join(files.computed)
        unasked = [name for name in files.trained if not files.config.systems[name].asked]
        who = f" ({', '.join(unasked)} is about videos, and text alone is none)" if unasked else ""
        raise UserError(f"videos: not set; give the folder of videos that {names} are computed from{who}")
    if not any(files.shards(feature) for feature in files.computed):
        note = f"; {files.note}" if files.note else ""
        raise UserError(f"{files.config.videos}: no video in this folder (videos in the configuration){note}")
