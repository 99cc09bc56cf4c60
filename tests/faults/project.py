"""A tiny project with a trained system, and a state to go on from, for tests that damage its files."""

import json
from unittest import mock

import numpy as np

from pipeline.config import parse
from pipeline.corpus.dialogs import Dialog, Turn, write_dialogs
from pipeline.features.store import write_shard
from pipeline.layout import Layout
from pipeline.vocabulary.words import build

SIZES = {
    "embedding": 6,
    "question_hidden": 5,
    "question_layers": 1,
    "history_hidden": 5,
    "history_layers": 1,
    "attention": 4,
    "context": 6,
    "decoder_hidden": 7,
    "projection": {"vggish": 4},
}
SEES = {"network": "attention", "features": ["vggish"]}
SETTINGS = {
    "device": "cpu",
    "run": ["plain"],
    "results": "results",
    "features": {"vggish": {"network": "vggish"}},
    "networks": {"attention": SIZES},
    "training": {"epochs": 2, "batch_turns": 6},
    "answers": {"beam": 2, "max_length": 4, "n_best": 1},
    "systems": {
        "plain": {"label": "plain", **SEES},
        "other": {"label": "other", **SEES, "init_from": "results/models/plain"},
        "st": {"label": "st", **SEES, "loss": "st", "teacher": "plain"},
    },
}
CONFIG = json.dumps(SETTINGS)


def make_project(root):
    """In ``root``/results: dialogs, words, one feature, the trained system `plain`, and the state of its training."""
    from pipeline.training import train

    config = parse({**SETTINGS, "results": str(root / "results")})
    layout = Layout(config.results)
    dialogs = {split: _dialogs(split, count) for split, count in (("training", 6), ("validation", 2), ("trial", 2))}
    for split, made in dialogs.items():
        write_dialogs(layout.dialogs(split), made)
    build(dialogs["training"], frozenset({"summary"}), 1).write(layout.vocabulary)
    draw = np.random.default_rng(0).standard_normal
    items = [(dialog.video_id, draw((3, 5)), np.arange(3.0)) for made in dialogs.values() for dialog in made]
    write_shard(layout.feature_shard("vggish", "0000"), items, {"made": "up"}, 5, "float32")
    with mock.patch("pipeline.training.loop.forget"):
        train.train(config, "plain")


def _dialogs(prefix, count):
    turns = (Turn("what colour is the ball ?", "it is red ."), Turn("is it there ?", "yes , a ball ."))
    return [Dialog(f"{prefix}{number}", "", "a red ball is there .", turns) for number in range(count)]
