"""How much of a figure is the noise of training: CIDEr after every epoch, with last and with averaged weights.

`python -m benchmarks.real.noise RESULTS`, with the results folder of the experiment: trains the system without
description once more, keeps the weights of every epoch, and answers the held-out tenth and the official test set with
each. What is there already stays: an interrupted training goes on, and what is answered is not answered again.
"""

import argparse
import json
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch

from benchmarks.real.epochs import Epoch, write
from benchmarks.real.record import settings
from benchmarks.real.runs import CONFIGS, LOG, NOTED, ONE_THREAD
from benchmarks.real.together import Task
from benchmarks.shared.command import ended_well, ends_in_one_line
from pipeline.answers.generate import answer
from pipeline.config import Config, load
from pipeline.corpus.dialogs import read_dialogs
from pipeline.corpus.references import read_references, write_references
from pipeline.errors import UserError
from pipeline.files import write_json
from pipeline.layout import Layout
from pipeline.scoring.filters import apply_filter, filters_references
from pipeline.scoring.matching import match, read_answers
from pipeline.scoring.metrics import overlap_scores
from pipeline.scoring.tokenizer import tokenize
from pipeline.systems.system import load as load_system
from pipeline.systems.system import save
from pipeline.texts import read_json
from pipeline.training import train as training
from pipeline.training.curves import Board
from pipeline.training.evaluate import perplexity
from pipeline.training.loop import Loop
from pipeline.vocabulary.words import Vocabulary

FOLDER, FOUND = "noise", "noise.json"
LAST, AVERAGE = KINDS = ("last", "average")
HELD_OUT, OFFICIAL = TESTED = ("trial", "official")
"""The held-out tenth stands in the place of the trial test set."""


class Noted(Loop):
    """The training loop, which keeps the weights of every epoch beside its state."""

    def _end_epoch(self, board: Board | None) -> None:
        model, number = self.learner.model, self.position.epoch + 1
        torch.save(model.state_dict(), kept(self.folder, number, LAST))
        last = perplexity(self.fabric, model, self.validation, self.settings.batch_turns)
        with self.average.in_place():
            torch.save(model.state_dict(), kept(self.folder, number, AVERAGE))
        super()._end_epoch(board)
        write_json(self.folder / f"epoch{number}.json", {LAST: last, AVERAGE: self.rows[-1]["validation_perplexity"]})


def kept(state: Path, number: int, kind: str) -> Path:
    """Where the weights of an epoch are kept."""
    return state / f"epoch{number}.{kind}.pt"


@ends_in_one_line
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.real.noise", description="CIDEr by epoch.")
    parser.add_argument("results", type=Path, help="results folder of the experiment, whose corpus is made")
    parser.add_argument("--system", default=NOTED, help="the system to train (%(default)s)")
    chosen = parser.parse_args(arguments)
    measure(chosen.results, chosen.system)
    return 0


def task(results: Path) -> Task:
    """The command, for `NOTED`, in a process of its own."""
    log = results / FOLDER / LOG
    log.parent.mkdir(parents=True, exist_ok=True)
    return Task(
        "noise of training", log, lambda _: ended_well(["benchmarks.real.noise", str(results)], log, ONE_THREAD)
    )


def measure(results: Path, system: str) -> list[Epoch]:
    """Train, answer and score; what is found stands in RESULTS/noise/noise.json, too.

    What is there of other settings goes first.
    """
    layout = Layout(results / FOLDER)
    config = load([*map(str, CONFIGS), json.dumps({"results": str(layout.root), "device": "cpu"})])
    made_with, known = settings(config, system), layout.root / "settings.json"
    if layout.root.is_dir() and (read_json(known) if known.is_file() else made_with) != made_with:
        _clear(layout.root)
    write_json(known, made_with)
    _place(Layout(results), layout)
    with patch.object(training, "Loop", Noted):
        training.train(config, system)
    epochs = [_epoch(config, system, number) for number in range(1, config.training_of(system).epochs + 1)]
    write(found_at(results), made_with, epochs)
    return epochs


def _clear(folder: Path) -> None:
    """Everything but the log, which whoever started this run writes."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != LOG:
            path.unlink()


def found_at(results: Path) -> Path:
    """The file of what `measure` found."""
    return results / FOLDER / FOUND


def _place(source: Layout, target: Layout) -> None:
    """Corpus and words, the held-out tenth as the trial test set."""
    if not source.vocabulary.is_file():
        raise UserError(f"{source.vocabulary}: no such file; run the experiment up to its words first")
    target.references("x").parent.mkdir(parents=True, exist_ok=True)
    files = {source.dialogs(split): target.dialogs(split) for split in ("training", "validation", OFFICIAL)}
    files[source.references(OFFICIAL)] = target.references(OFFICIAL)
    files[source.vocabulary] = target.vocabulary
    for path, place in files.items():
        _link(path, place)
    _link(source.dialogs("validation"), target.dialogs(HELD_OUT))
    dialogs = read_dialogs(target.dialogs(HELD_OUT))
    answers = {(d.video_id, number): [turn.answer] for d in dialogs for number, turn in enumerate(d.turns)}
    write_references(target.references(HELD_OUT), answers)


def _link(path: Path, place: Path) -> None:
    if not place.exists():
        os.link(path, place)


def _epoch(config: Config, system: str, number: int) -> Epoch:
    state = Layout(config.results).state(system)
    found = {test_set: tuple(_cider(config, system, number, kind, test_set) for kind in KINDS) for test_set in TESTED}
    perplexities = read_json(state / f"epoch{number}.json")
    one, other = (perplexities[kind] for kind in KINDS)
    return Epoch(number, (one, other), _pair(found[HELD_OUT]), _pair(found[OFFICIAL]))


def _pair(values: tuple[float, ...]) -> tuple[float, float]:
    one, other = values
    return one, other


def _cider(config: Config, system: str, number: int, kind: str, test_set: str) -> float:
    """CIDEr of a test set's answers with the weights of an epoch."""
    whole = Layout(config.results)
    own = config.model_copy(update={"results": whole.root / f"epoch{number}.{kind}"})
    layout = Layout(own.results)
    if not layout.answers(system, test_set).is_file():
        layout.corpus.mkdir(parents=True, exist_ok=True)
        _link(whole.dialogs(test_set), layout.dialogs(test_set))
        _link(whole.vocabulary, layout.vocabulary)
        _model(whole, own, system, torch.load(kept(whole.state(system), number, kind), weights_only=True))
        answer(own, system, test_set)
    known = read_references(whole.references(test_set))
    path, filter = layout.answers(system, test_set), config.scoring.filter
    found = match(path, read_answers(path), known, partial=False)
    over_references = filters_references(list(known.values()))
    texts = [apply_filter(filter, text) if over_references else text for group in found.references for text in group]
    tokens = iter(tokenize([*(apply_filter(filter, text) for text in found.hypotheses), *texts]))
    hypotheses = [next(tokens) for _ in found.hypotheses]
    references = [[next(tokens) for _ in group] for group in found.references]
    return float(overlap_scores([hypotheses], references)[0].cider.mean())


def _model(whole: Layout, own: Config, system: str, weights: dict[str, Any]) -> None:
    """The trained system's folder, with the weights of an epoch."""
    vocabulary = Vocabulary.read(whole.vocabulary)
    trained = load_system(whole.model(system), vocabulary, "cpu")
    trained.network.load_state_dict(weights)
    dims = trained.info["feature_dims"]
    folder = Layout(own.results).model(system)
    save(folder, trained.network, config=own, name=system, vocabulary=vocabulary, feature_dims=dims, metrics={})


if __name__ == "__main__":
    sys.exit(main())
