"""A small corpus, and a system that answers, untrained."""

from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.config import Config, parse
from pipeline.corpus.dialogs import UNDISCLOSED, Dialog, Turn, write_dialogs
from pipeline.features.store import write_shard
from pipeline.layout import Layout
from pipeline.systems.system import build as build_network
from pipeline.systems.system import save
from pipeline.vocabulary.words import build as build_vocabulary

SIZES = {
    "embedding": 6,
    "question_hidden": 5,
    "question_layers": 1,
    "history_hidden": 5,
    "history_layers": 1,
    "projection_default": 4,
    "projection": {},
    "attention": 4,
    "context": 6,
    "decoder_hidden": 7,
}
WORDS = ("yes", "no", "a", "red", "green", "ball", "star", "is", "there", "what", "colour", "it", "and", "left")


def dialogs(prefix: str, withheld: bool) -> list[Dialog]:
    generator = np.random.default_rng(1)

    def sentence(longest: int) -> str:
        return " ".join(generator.choice(WORDS, size=generator.integers(1, longest)))

    made = []
    for number in range(6):
        turns = [Turn(sentence(8), sentence(9)) for _ in range(1 + number % 4)]
        if withheld:
            turns[-1] = Turn(turns[-1].question, UNDISCLOSED)
        made.append(Dialog(f"{prefix}{number}", sentence(5), "" if number == 2 else sentence(12), tuple(turns)))
    return made


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A corpus, a feature, and the model of `told`, untrained: enough to answer with."""
    made = parse(
        {
            "results": str(tmp_path),
            "device": "cpu",
            "features": {"sound": {"network": "vggish"}},
            "answers": {"beam": 3, "max_length": 7, "n_best": 3, "batch_turns": 5},
            "systems": {
                "told": {
                    "label": "Told",
                    "network": "attention",
                    "sizes": SIZES,
                    "features": ["sound"],
                    "description": {"train": "summary", "test": "summary"},
                },
                "untold": {"label": "Untold", "model": "told"},
                "deaf": {"label": "Deaf", "model": "told", "without": ["sound", "history"]},
            },
        }
    )
    layout = Layout(made.results)
    sets = {"trial": dialogs("p", withheld=False), "official": dialogs("o", withheld=True)}
    for test_set, content in sets.items():
        write_dialogs(layout.dialogs(test_set), content)
    vocabulary = build_vocabulary([*sets["trial"], *sets["official"]], frozenset({"summary"}), 1)
    vocabulary.write(layout.vocabulary)
    generator = np.random.default_rng(2)
    ids = [dialog.video_id for content in sets.values() for dialog in content]
    items = [(v, generator.normal(size=(i % 3, 4)) * 3, np.arange(i % 3, dtype=np.float64)) for i, v in enumerate(ids)]
    write_shard(layout.feature_shard("sound", "0000"), items, {}, 4, "float32")
    torch.manual_seed(3)
    network = build_network(made, "told", len(vocabulary), {"sound": 4})
    with torch.no_grad():
        # Far from uniform, so that inputs decide the words.
        for weight in network.parameters():
            weight.mul_(3.0)
    save(
        layout.model("told"),
        network,
        config=made,
        name="told",
        vocabulary=vocabulary,
        feature_dims={"sound": 4},
        metrics={},
    )
    return made
