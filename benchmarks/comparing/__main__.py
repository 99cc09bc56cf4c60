"""Do the networks learn to compare, by the number of questions they learn from? `python -m benchmarks.comparing`.

A guess names another value each time ("is the motion slow ?", "do you find the motion fast ?"); a proposition of
scenes is always the same about a fact. The attention network of config.yaml learns yes/no questions of one kind alone,
with the default run's settings: from the description without a feature, and from features that are the facts themselves
without a description. Printed is how often the answer to questions about further scenes begins with the right word.

    python -m benchmarks.comparing --scenes 420 4200
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from benchmarks.comparing.asking import GUESS, PROPOSITION, Facts, ask
from benchmarks.comparing.learning import learn
from benchmarks.shared.command import expect
from benchmarks.shared.own_process import ROOT
from pipeline.config import SceneCounts, Scenes, load
from pipeline.corpus.scenes.generate import tell

COLUMNS = ("learned from", "question", "turns", "epochs", "right", "of", "CPU s")
DESCRIPTION, FEATURES = "description", "features"
FEATURE_OF = {"picture": "i3d_rgb", "motion": "i3d_flow"}
"""Whose place the facts of a category take."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    chosen = _parse(arguments)
    torch.set_num_threads(1)
    config = load([str(ROOT / "config.yaml")])
    settings = config.training.model_copy(update={"epochs": chosen.epochs or config.training.epochs})
    print(
        "| learned from | question | turns | epochs | right | of | CPU s |\n|---|---|---|---|---|---|---|", flush=True
    )
    for count in chosen.scenes:
        told = tell(Scenes(counts=SceneCounts(training=count, validation=70, trial=chosen.tested)))
        scenes = [each.scene for split in told.values() for each in split]
        facts = {name: Facts(category, scenes) for category, name in FEATURE_OF.items()}
        for source in chosen.sources:
            for kind in chosen.kinds:
                dialogs = {split: ask(told[split], kind) for split in ("training", "validation", "trial")}
                begun = time.process_time()
                with tempfile.TemporaryDirectory(prefix="avsd-comparing-") as folder:
                    right = learn(dialogs, config, settings, facts if source == FEATURES else {}, Path(folder))
                seconds = time.process_time() - begun
                turns, share = sum(len(dialog.turns) for dialog in dialogs["training"]), sum(right) / len(right)
                cells = (source, kind, turns, settings.epochs, f"{share:.2f}", len(right), f"{seconds:.0f}")
                print(f"| {' | '.join(map(str, cells))} |", flush=True)
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.comparing", description="Yes/no questions of two kinds, and how much is learned."
    )
    sources, kinds = (DESCRIPTION, FEATURES), (GUESS, PROPOSITION)
    parser.add_argument("--scenes", type=int, nargs="+", default=[420, 4200], help="training scenes, two turns each")
    parser.add_argument("--sources", nargs="+", choices=sources, default=sources, help="what is learned from")
    parser.add_argument("--kinds", nargs="+", choices=kinds, default=kinds, help="of question")
    parser.add_argument("--epochs", type=int, help="default: config.yaml's")
    parser.add_argument("--tested", type=int, default=300, help="scenes that are asked about at the end")
    chosen = parser.parse_args(arguments)
    expect(parser, chosen, 1, "epochs", "tested")
    if min(chosen.scenes) < 1:
        parser.error(f"--scenes {min(chosen.scenes)}: expected 1 or more")
    return chosen


if __name__ == "__main__":
    sys.exit(main())
