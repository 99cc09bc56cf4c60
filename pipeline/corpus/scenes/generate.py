"""`avsd corpus scenes`: clips with sound, dialogs about them, references, and the truth behind every answer."""

import multiprocessing
import os
import shutil
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from pipeline import stopping
from pipeline.config import Scenes
from pipeline.corpus.dialogs import UNDISCLOSED, Dialog, Turn, write_dialogs
from pipeline.corpus.references import write_references
from pipeline.corpus.scenes.clips import make_clip
from pipeline.corpus.scenes.description import caption, summary
from pipeline.corpus.scenes.dialog import Interviewer, Question, references, word
from pipeline.corpus.scenes.guessing import base_rates, question_only
from pipeline.corpus.scenes.language import FORMS
from pipeline.corpus.scenes.truth import Truth, TurnTruth, write_truth
from pipeline.corpus.scenes.world import Scene, SceneSampler
from pipeline.files import write_json
from pipeline.progress import log, progress

REFERENCES = 6
CAPTIONS = 2
"""Of each scene that has captions alone."""
_SPLITS = ("training", "validation", "trial", "official")


@dataclass(frozen=True)
class Told:
    """A scene, the dialog about it, what its turns ask, and the references of its last turn."""

    scene: Scene
    dialog: Dialog
    questions: tuple[Question, ...]
    references: tuple[str, ...]

    @property
    def asked(self) -> list[tuple[str, TurnTruth]]:
        """The questions as worded, with what they ask."""
        return [(turn.question, q.truth) for turn, q in zip(self.dialog.turns, self.questions, strict=True)]


def generate(settings: Scenes, out: Path, workers: int) -> None:
    """Write the corpus into ``out``; everything in it follows from ``settings``, whatever the number of ``workers``.

    Files: {training,validation,trial,official}.json (dialogs; validation also holds the trial scenes, as the real one
    does; the last answers of official are undisclosed), references.json (six a last turn of official, the natural one
    first), truth.json, and videos/<id>.mp4.
    """
    told = tell(settings)
    everything = [each for split in told.values() for each in split]
    _make_clips(settings, [each.scene for each in everything], out / "videos", workers)
    dialogs = {split: [each.dialog for each in contents] for split, contents in told.items()}
    dialogs["validation"] = [*dialogs["validation"], *dialogs["trial"]]
    dialogs["official"] = [_undisclosed(dialog) for dialog in dialogs["official"]]
    for split, contents in dialogs.items():
        write_dialogs(out / f"{split}.json", contents)
    last = {(each.dialog.video_id, len(each.questions) - 1): list(each.references) for each in told["official"]}
    write_references(out / "references.json", last)
    truth = _truth(told, everything)
    _log_rates(truth)
    write_truth(out / "truth.json", truth)


def tell(settings: Scenes) -> dict[str, list[Told]]:
    """Sample the scenes of every split and tell their dialogs, without drawing anything."""
    told: dict[str, list[Told]] = {}
    number = 0
    for index, split in enumerate(_SPLITS):
        # Streams of their own, so that other words do not make other scenes.
        sampler = SceneSampler(np.random.default_rng((settings.seed, index, 0)))
        rng = np.random.default_rng((settings.seed, index, 1))
        interviewer = Interviewer(rng)
        told[split] = []
        for _ in range(getattr(settings.counts, split)):
            number += 1
            told[split].append(_tell(sampler.sample(f"scene{number:04d}"), interviewer, rng))
    return told


def _tell(scene: Scene, interviewer: Interviewer, rng: np.random.Generator) -> Told:
    questions = interviewer.ask(scene)
    turns = tuple(word(scene, question, rng) for question in questions)
    wordings = references(scene, questions[-1], turns[-1].answer, REFERENCES, rng)
    dialog = Dialog(scene.video_id, caption(scene, rng), summary(scene, rng), turns)
    return Told(scene, dialog, tuple(questions), tuple(wordings))


def generate_captions(settings: Scenes, out: Path) -> None:
    """Write captions of `counts.captions` further scenes, which have neither clip nor dialog: JSON, a list by id.

    Each has `CAPTIONS` wordings of all that happens.
    """
    stream = len(_SPLITS)  # none of a split's
    sampler = SceneSampler(np.random.default_rng((settings.seed, stream, 0)))
    rng = np.random.default_rng((settings.seed, stream, 1))
    scenes = (sampler.sample(f"caption{number:04d}") for number in range(1, settings.counts.captions + 1))
    write_json(out, {scene.video_id: [summary(scene, rng) for _ in range(CAPTIONS)] for scene in scenes})


def _undisclosed(dialog: Dialog) -> Dialog:
    turns = (*dialog.turns[:-1], Turn(dialog.turns[-1].question, UNDISCLOSED))
    return Dialog(dialog.video_id, dialog.caption, dialog.summary, turns)


def _make_clips(settings: Scenes, scenes: list[Scene], folder: Path, workers: int) -> None:
    """Make the clips in ``workers`` processes; ``folder`` then holds these clips and no other."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    # Spawned processes: forking is not safe where a library has started threads. Left alone, they would outlive this
    # one when it is killed.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, initializer=stopping.end_with, initargs=(os.getpid(),))
    try:
        with stopping.children_not_told():
            jobs = [
                pool.submit(make_clip, scene, settings, (settings.seed, len(_SPLITS) + number), folder / _file(scene))
                for number, scene in enumerate(scenes)
            ]
        for job in progress(as_completed(jobs), len(jobs), "clips"):
            job.result()
    finally:
        pool.shutdown(cancel_futures=True)  # of what is not begun


def _file(scene: Scene) -> str:
    return f"{scene.video_id}.mp4"


def _truth(told: dict[str, list[Told]], everything: Iterable[Told]) -> Truth:
    training = [asked for each in told["training"] for asked in each.asked]
    test = [asked for split in ("trial", "official") for each in told[split] for asked in each.asked]
    return Truth(
        kinds=FORMS,
        turns={each.scene.video_id: tuple(question.truth for question in each.questions) for each in everything},
        scenes={each.scene.video_id: asdict(each.scene) for each in everything},
        base_rates=base_rates(test),
        question_only=question_only(training, test),
    )


def _log_rates(truth: Truth) -> None:
    """Say how often an answer can be guessed, by category."""
    for category, rate in truth.base_rates.items():
        guess = truth.question_only[category]
        log(
            f"{category}: most frequent value right {rate.accuracy:.1%}, best guess from the question alone "
            f"{guess.accuracy:.1%} ({guess.questions} test questions)"
        )
