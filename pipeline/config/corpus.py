"""Dialogs, splits and words: the sections `dialogs`, `corpus` and `vocabulary`."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from pipeline.config.base import Seed
from pipeline.names import Place, Question
from pipeline.section import Section


class SceneCounts(Section):
    """How many scenes of each split the generator makes."""

    training: int = Field(240, ge=1, le=1_000_000, description="training scenes")
    validation: int = Field(
        40, ge=1, le=1_000_000, description="validation scenes, apart from the trial scenes it also holds"
    )
    trial: int = Field(40, ge=1, le=1_000_000, description="trial scenes: also part of validation, as in the real data")
    official: int = Field(40, ge=1, le=1_000_000, description="official test scenes")
    captions: int = Field(
        0, ge=0, le=10_000_000, description="further scenes of which captions are made: no clip, no dialog"
    )


class Scenes(Section):
    """The corpus the project makes itself."""

    counts: SceneCounts = Field(SceneCounts(), description="scenes per split")
    seed: Seed = Field(1, description="the corpus is a function of this number and the settings here")
    size: int = Field(96, ge=32, le=2048, multiple_of=2, description="width and height of a clip, pixels")
    fps: int = Field(12, ge=4, le=240, description="frames per second of a clip")
    seconds: float = Field(4.0, ge=2, le=600, description="length of a clip")


class Dialogs(Section):
    """The user's dialog files, in the AVSD challenge's JSON format."""

    training: Place | None = Field(None, description="train_set4DSTC7-AVSD.json")
    validation: Place | None = Field(
        None, description="valid_set4DSTC7-AVSD.json; without one, `corpus.holdout` of the training dialogs serve"
    )
    trial: Place | None = Field(None, description="test_set.json, the trial (prototype) test set")
    official: Place | None = Field(None, description="test_set4DSTC7-AVSD.json")
    references: Place | None = Field(
        None, description="the official set's six references (COCO layout, or dialogs with several answers a turn)"
    )


class Captions(Section):
    """The user's captions: JSON of {video: sentence or sentences}, COCO's or MSR-VTT's, or How2's text files.

    Broken entries are named, counted and left out. A video that its file puts into a split (MSR-VTT: train, validate,
    test) belongs there, whatever key the file is given for; test videos are taken out of the other splits.
    """

    training: Place | None = Field(None, description="file of captions, or a folder with How2's")
    validation: Place | None = Field(
        None, description="likewise; where no file has any, `corpus.holdout` of the training videos serve"
    )
    test: Place | None = Field(None, description="likewise")
    ids: Place | None = Field(
        None, description="How2's ids of `training`, where that is a text file of sentences alone"
    )
    choices: Place | None = Field(
        None,
        description="sentences to choose from that others have published, LSMDC's or MSR-VTT's: what is asked of the "
        "test set instead of candidates drawn here; their videos are taken out of training and validation",
    )
    tested: bool = Field(True, description="whether there is a test set; false: a pretraining, whose test videos go")
    question: Question | None = Field(
        None, description="what each sentence answers in a turn of its own, for systems that answer; null: no turns"
    )
    marks: bool = Field(False, description="whether punctuation stays, as in dialogs")


def in_data_folder(values: dict[str, Any]) -> dict[str, Any]:
    """A configuration with the paths of `dialogs` as `data` has them; what is none yet is left for validation to name.

    >>> in_data_folder({"data": "d", "dialogs": {"training": "t.json", "trial": "/t.json", "official": None}})
    {'data': None, 'dialogs': {'training': 'd/t.json', 'trial': '/t.json', 'official': None}}
    """
    folder, dialogs = values.get("data"), values.get("dialogs")
    if folder is None or not isinstance(dialogs, dict):
        return values
    placed = {key: path if path is None else str(Path(str(folder)) / str(path)) for key, path in dialogs.items()}
    return {**values, "data": None, "dialogs": placed}


class Corpus(Section):
    """Where dialogs and videos come from and how they are split."""

    source: Literal["scenes", "files", "captions"] = Field(
        "scenes", description="the generator, the user's dialogs (`dialogs`), or the user's captions (`captions`)"
    )
    scenes: Scenes = Field(Scenes(), description="settings of the generator")
    keep_trial_in_validation: bool = Field(
        False, description="the paper's literal setting: select the model on videos that are then tested on"
    )
    holdout: float = Field(
        0.1,
        gt=0,
        lt=1,
        description="share of training that becomes validation, of captions the test set too, if none is given",
    )
    training_fraction: float = Field(
        1.0,
        gt=0,
        le=1,
        description="share of the training dialogs that is learned from, for curves over their number: those whose ids "
        "have the lowest hashes, so that a smaller share is part of a larger one",
    )
    limit: int | None = Field(
        None, ge=1, le=1_000_000_000, description="keep only the first so many training dialogs (a quick try)"
    )
    shards: int = Field(8, ge=1, le=99_999, description="feature shards; a video's shard is a hash of its id")


class Vocabulary(Section):
    """Words and ids."""

    min_count: int = Field(4, ge=1, le=1_000_000, description="a word must occur this often in the training text")
    descriptions: tuple[Literal["summary", "caption", "captions"], ...] = Field(
        (),
        description="counted in any case, beside those that systems of `run` read: then the words, and so the models, "
        "are the same whatever else is run",
    )
