"""`avsd explain`: where a system looked while it gave some of its answers, with the clips in little, for the report."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NotRequired

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter
from typing_extensions import TypedDict

from pipeline.answers.explain import Explanation, Modality, explanation
from pipeline.answers.explain_clip import Clip, ClipValues, clip_of_values, clip_values, read_clip
from pipeline.config import Config
from pipeline.corpus.dialogs import Dialog, read_dialogs
from pipeline.corpus.videos import find_videos
from pipeline.dataset.dialogs import DialogDataset
from pipeline.devices import resolve_device
from pipeline.errors import UserError
from pipeline.features.store import FeatureStore
from pipeline.files import check_outputs, write_json
from pipeline.layout import Layout
from pipeline.progress import progress
from pipeline.systems.answering import load_answering
from pipeline.systems.system import view_of
from pipeline.tasks.registry import TASKS
from pipeline.texts.typed import Number, read_typed
from pipeline.vocabulary.words import Vocabulary

TURNS = 3
"""Answers explained of each video, evenly over the dialog."""
_DIGITS = 4
_EXPECTED = "what `avsd explain` writes; explain the answers again"


class _Turn(TypedDict):
    answer: str
    generated: NotRequired[bool]


class _Dialog(TypedDict):
    image_id: str
    dialog: list[_Turn]


class _Answers(TypedDict):
    dialogs: list[_Dialog]


class _Modality(TypedDict):
    name: str
    weights: list[list[Number]]
    times: list[Number] | None
    steps: list[str]
    evenly: NotRequired[bool]


class _One(TypedDict):
    question: str
    answer: str
    words: list[str]
    modalities: list[_Modality]
    shares: list[list[Number]] | None


class _Video(TypedDict):
    video: str
    clip: ClipValues
    answers: list[_One]


class _Explained(TypedDict):
    videos: list[_Video]


def explain_answers(config: Config, name: str, test_set: str, videos: int, out: Path) -> None:
    """Explain the answers in the result file of ``name``: `TURNS` each of ``videos`` videos, chosen by a hash.

    Writes JSON: the system's name, and by video its clip (frames as JPEG in base64, sound level) and explanations.
    Raises `UserError` for anything missing, a video's file too, and for a system that answers no questions.
    """
    _check_answers(config, name)
    layout, device = Layout(config.results), resolve_device(config.device)
    if config.videos is None:
        raise UserError("videos: not set; give the folder of the videos that are to be shown")
    files = find_videos(config.videos, config.videos_recursive).files
    read = [layout.vocabulary, layout.answers(name, test_set), layout.dialogs(test_set)]
    check_outputs([out], [*read, *files.values()])
    vocabulary = Vocabulary.read(layout.vocabulary)
    network = load_answering(config, name, vocabulary, device).generator
    view = view_of(config, name, "test", [test_set])
    stores = {feature: FeatureStore(layout.feature(feature)) for feature in view.features}
    answers = _answers(layout.answers(name, test_set))
    dialogs = [dialog for dialog in read_dialogs(layout.dialogs(test_set)) if dialog.video_id in files]
    chosen = by_hash(dialogs)[:videos]
    dataset = DialogDataset(chosen, vocabulary, stores, {"model": view}, max_missing=1.0)
    found = []
    for place, dialog in enumerate(progress(chosen, len(chosen), f"{name}: explaining {test_set}", "videos")):
        clip = read_clip(files[dialog.video_id], config.media)
        there = {feature: store for feature, store in stores.items() if dialog.video_id in store}
        times = {feature: _seconds(store, dialog.video_id, clip.seconds) for feature, store in there.items()}
        evenly = [feature for feature, store in there.items() if not store.timed]
        explained = []
        turns = [turn for video, turn in answers if video == dialog.video_id]
        if turns and max(turns) >= len(dialog.turns):
            raise UserError(
                f"{layout.answers(name, test_set)}: dialog {dialog.video_id} has no turn {max(turns)} in "
                f"{layout.dialogs(test_set)}; answer again"
            )
        for turn in _spread(turns):
            inputs = dataset.batch([(place, [turn])], with_targets=False).to(device).views["model"]
            said = _said(dialog, turn) if view.history else ()
            described = dataset.description("model", place)
            answer = answers[dialog.video_id, turn]
            question = dialog.turns[turn].question
            found_words = dataset.words("model", place)
            explained.append(
                explanation(network, vocabulary, inputs, question, answer, described, said, times, found_words, evenly)
            )
        found.append(
            {"video": dialog.video_id, "clip": clip_values(clip), "answers": [_explanation(each) for each in explained]}
        )
    write_json(out, {"system": name, "test_set": test_set, "videos": found}, indent=None)


def _check_answers(config: Config, name: str) -> None:
    """`UserError` for a system that there is not, or that has no answers to explain."""
    if name not in config.systems:
        raise UserError(f"system {name!r} is not in the configuration ({', '.join(config.systems)})")
    entry = config.systems[name]
    if not entry.asked:
        answering = ", ".join(task.name for task in TASKS.values() if task.entry.asked)
        raise UserError(f"{name}: it {TASKS[entry.task].does}; what can be explained has task: {answering}")


def read_explained(path: Path) -> list[tuple[str, Clip, list[Explanation]]]:
    """What `explain_answers` wrote: video id, clip and explanations."""
    found = read_typed(path, TypeAdapter(_Explained), _EXPECTED)
    try:
        return [
            (video["video"], clip_of_values(video["clip"]), [_read_explanation(each) for each in video["answers"]])
            for video in found["videos"]
        ]
    except ValueError as error:  # numbers that are not a matrix, a picture that is no base64
        raise UserError(f"{path}: {error}; expected {_EXPECTED}") from None


def by_hash(dialogs: Sequence[Dialog]) -> list[Dialog]:
    """Dialogs in an order that has nothing to do with what they say: the first few stand for all."""
    return sorted(dialogs, key=lambda dialog: hashlib.sha256(dialog.video_id.encode()).hexdigest())


def _answers(path: Path) -> dict[tuple[str, int], str]:
    """Answers that a system generated, by video and turn."""
    return {
        (dialog["image_id"], number): turn["answer"]
        for dialog in read_typed(path, TypeAdapter(_Answers), "the answers of `avsd answer`; answer again")["dialogs"]
        for number, turn in enumerate(dialog["dialog"])
        if turn.get("generated")
    }


def _spread(turns: Sequence[int]) -> list[int]:
    """At most `TURNS` of them, evenly."""
    places = np.linspace(0, len(turns) - 1, min(TURNS, len(turns))).round().astype(int)
    return [turns[place] for place in places]


def _seconds(store: FeatureStore, video_id: str, seconds: float) -> NDArray[np.float64]:
    """The centres of a video's steps; where nobody knows them the middles of equal parts of its ``seconds``."""
    times = store.times(video_id)
    if not store.timed:
        times = np.linspace(0, seconds, 2 * len(times) + 1)[1::2]
    return times


def _said(dialog: Dialog, turn: int) -> tuple[str, ...]:
    return tuple(f"{before.question} {before.answer}" for before in dialog.turns[:turn])


def _explanation(one: Explanation) -> dict[str, Any]:
    return {
        "question": one.question,
        "answer": one.answer,
        "words": one.words,
        "modalities": [
            {
                "name": each.name,
                "weights": _rounded(each.weights),
                "times": None if each.times is None else [round(float(time), 3) for time in each.times],
                "steps": each.steps,
                "evenly": each.evenly,
            }
            for each in one.modalities
        ],
        "shares": None if one.shares is None else _rounded(one.shares),
    }


def _read_explanation(values: _One) -> Explanation:
    modalities = tuple(
        Modality(
            each["name"],
            np.array(each["weights"], np.float32).reshape(len(values["words"]), -1),
            None if each["times"] is None else np.array(each["times"]),
            tuple(each["steps"]),
            each.get("evenly", False),
        )
        for each in values["modalities"]
    )
    shares = None if values["shares"] is None else np.array(values["shares"], np.float32)
    return Explanation(values["question"], values["answer"], tuple(values["words"]), modalities, shares)


def _rounded(values: np.ndarray[Any, Any]) -> list[list[float]]:
    return [[round(float(value), _DIGITS) for value in row] for row in values]
