"""A made-up corpus with features and tiny systems, in a folder of its own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.config import Config, merge, parse
from pipeline.corpus.dialogs import Dialog, Turn, write_dialogs
from pipeline.features.store import write_shard
from pipeline.layout import Layout
from pipeline.vocabulary.words import build

COLOURS = ("red", "green", "blue", "white")
THINGS = ("ball", "star", "box")
TINY = {
    "embedding": 6,
    "question_hidden": 5,
    "question_layers": 1,
    "history_hidden": 5,
    "history_layers": 1,
    "projection": {"i3d_rgb": 5, "vggish": 4},
    "attention": 4,
    "context": 6,
    "decoder_hidden": 7,
    "dropout": 0.3,
}
SETTINGS: dict[str, Any] = {
    "device": "cpu",
    "run": ["teacher", "plain", "st", "st_context", "joint", "fusion", "text"],
    "features": {"i3d_rgb": {"network": "i3d_rgb"}, "vggish": {"network": "vggish"}},
    "networks": {
        "attention": TINY,
        "naive_fusion": {"embedding": 6, "hidden": 5, "attention": 4, "fusion": 6, "output": 5, "dropout": 0.2},
    },
    "training": {"epochs": 2, "batch_turns": 6, "learning_rate": 0.01},
    "answers": {"beam": 3, "max_length": 8, "n_best": 2, "batch_turns": 4},
    "systems": {
        "teacher": {
            "label": "teacher",
            "network": "attention",
            "features": ["i3d_rgb", "vggish"],
            "description": {"train": "summary", "test": "summary"},
        },
        "plain": {"label": "plain", "network": "attention", "features": ["i3d_rgb", "vggish"]},
        "st": {"label": "st", "network": "attention", "features": ["i3d_rgb"], "loss": "st", "teacher": "teacher"},
        "st_context": {
            "label": "st'",
            "network": "attention",
            "features": ["i3d_rgb", "vggish"],
            "loss": "st_context",
            "teacher": "teacher",
        },
        "joint": {
            "label": "joint",
            "network": "attention",
            "features": ["i3d_rgb", "vggish"],
            "loss": "joint",
            "teacher": "teacher",
        },
        "fusion": {"label": "fusion", "network": "naive_fusion", "features": ["i3d_rgb"]},
        "text": {"label": "text", "network": "attention", "history": False},
        "deaf": {"label": "deaf", "model": "plain", "without": ["vggish", "history"]},
    },
}


def _dialogs(prefix: str, count: int, seed: int, withheld: bool = False) -> list[Dialog]:
    generator = np.random.default_rng(seed)
    dialogs = []
    for number in range(count):
        colour, thing = (str(generator.choice(words)) for words in (COLOURS, THINGS))
        turns = [
            Turn(f"what is the {thing} like ?", f"it is {colour} ."),
            Turn("is anything there ?", f"yes , a {thing} ."),
            Turn("and its colour ?", f"{colour} i think"),
        ][: 1 + number % 3]
        if withheld:
            turns[-1] = Turn(turns[-1].question, "__UNDISCLOSED__")
        dialogs.append(Dialog(f"{prefix}{number}", "", f"a {colour} {thing} is there .", tuple(turns)))
    return dialogs


def _project(root: Path, changes: dict[str, Any] | None = None) -> Config:
    config = parse(merge({**SETTINGS, "results": str(root)}, changes or {}))
    layout = Layout(config.results)
    splits = {
        "training": _dialogs("t", 12, 1),
        "validation": _dialogs("v", 5, 2),
        "trial": _dialogs("p", 4, 3),
        "official": _dialogs("o", 4, 4, withheld=True),
    }
    for split, dialogs in splits.items():
        write_dialogs(layout.dialogs(split), dialogs)
    build(splits["training"], frozenset({"summary"}), 1).write(layout.vocabulary)
    ids = [dialog.video_id for dialogs in splits.values() for dialog in dialogs]
    for feature, dims in (("i3d_rgb", 5), ("vggish", 3)):
        generator = np.random.default_rng(dims)
        items = []
        for place, video_id in enumerate(ids):
            # Every fourth video is silent.
            steps = 0 if feature == "vggish" and place % 4 == 0 else 1 + place % 3
            items.append((video_id, generator.normal(size=(steps, dims)), np.arange(steps, dtype=np.float64)))
        write_shard(layout.feature_shard(feature, "0000"), items, {"made": "up"}, dims, "float32")
    return config


@pytest.fixture
def project(tmp_path: Path) -> Callable[..., Config]:
    """Makes a corpus in ``tmp_path / name`` and gives its configuration: ``project(name, changes)``."""

    def make(name: str = "results", changes: dict[str, Any] | None = None) -> Config:
        return _project(tmp_path / name, changes)

    return make
