"""A task of another package: the example of docs/architecture.md, through configuration, plan, training and scores."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline.corpus.dialogs import Dialog, Turn, write_dialogs
from pipeline.layout import Layout
from pipeline.vocabulary.words import build

ROOT = Path(__file__).resolve().parents[2]
TINY = {
    "embedding": 6,
    "question_hidden": 5,
    "question_layers": 1,
    "attention": 4,
    "context": 6,
    "decoder_hidden": 7,
    "dropout": 0.0,
}
# Everything in a process of its own: tasks are looked for when the package is imported.
RUN = """
import json, sys
sys.path.insert(0, sys.argv[1])
from pipeline.cli import app
from pipeline.config import load
from pipeline.layout import Layout
from pipeline.plan.settings import Settings
from pipeline.training.train import train

inline = sys.argv[2]
config, layout = load([inline]), Layout(load([inline]).results)
plan = Settings(config)
assert plan.trained == ["guesser"], plan.trained
assert plan.written == [("guesser", "trial")], plan.written
assert plan.score_options("guesser") == "--task guess"
settings = [plan.training_settings("guesser"), plan.machine("guesser")]
train(load(settings), "guesser")
answering = [each for text in (plan.answer_settings("guesser"), plan.machine("guesser")) for each in ("-c", text)]
app(["answer", "guesser", "--test-set", "trial", *answering], standalone_mode=False)
references = layout.references(plan.references("guesser", "trial"))
out = layout.scores("guesser", "trial")
written = str(layout.answers("guesser", "trial"))
app(["score", written, "--task", "guess", "--references", str(references), "--json", str(out)], standalone_mode=False)
"""


def example() -> str:
    """The module that docs/architecture.md shows."""
    text = (ROOT / "docs" / "architecture.md").read_text()
    found = re.search(r"^```python\n(\"\"\"Does an answer begin.*?)^```$", text, re.DOTALL | re.MULTILINE)
    assert found, "docs/architecture.md shows no task"
    return found[1]


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The module as an installed package names it."""
    folder = tmp_path / "site"
    about = folder / "guessing-1.0.dist-info"
    about.mkdir(parents=True)
    (folder / "guessing.py").write_text(example())
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: guessing\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[avsd.tasks]\nguess = guessing:Guess\n")
    return folder


def corpus(layout: Layout) -> None:
    """Dialogs in which the question tells whether the answer begins with yes."""
    generator = np.random.default_rng(1)
    for split, count in (("training", 40), ("validation", 10), ("trial", 12)):
        dialogs = []
        for number in range(count):
            asked, answer = (("is it", "yes it is"), ("was it", "no never"))[int(generator.integers(2))]
            dialogs.append(Dialog(f"{split}{number}", "", "", (Turn(asked, answer),)))
        write_dialogs(layout.dialogs(split), dialogs)
        if split == "training":
            build(dialogs, frozenset(), 1).write(layout.vocabulary)
        if split == "trial":
            truth = {dialog.video_id: dialog.turns[0].answer.startswith("yes") for dialog in dialogs}
            layout.references("trial.guess").parent.mkdir(parents=True, exist_ok=True)
            layout.references("trial.guess").write_text(json.dumps(truth))


def test_a_task_of_another_package_needs_no_other_file(package: Path, tmp_path: Path) -> None:
    layout = Layout(tmp_path / "results")
    corpus(layout)
    entry = {"label": "Guesser", "task": "guess", "network": "attention", "test_sets": ["trial"]}
    config = {
        "results": str(layout.root),
        "device": "cpu",
        "run": ["guesser"],
        "corpus": {"source": "files"},
        "dialogs": {"training": "t.json", "trial": "t.json"},
        "networks": {"attention": TINY},
        "training": {"epochs": 12, "batch_turns": 4, "learning_rate": 0.02},
        "systems": {"guesser": entry},
    }
    command = [sys.executable, "-c", RUN, str(package), json.dumps(config)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    info = json.loads((layout.model("guesser") / "system.json").read_text())
    assert info["task"] == "guess"
    assert info["metrics"]["validation_accuracy"] == 1.0
    assert "guesses how an answer begins" in (layout.model("guesser") / "README.md").read_text()
    # The question tells: a network that has learned it is always right, chance is about a half.
    assert json.loads(layout.scores("guesser", "trial").read_text())["metrics"] == {"accuracy": 1.0}
    header = (layout.model("guesser") / "curves.csv").read_text().splitlines()[0]
    assert "validation_accuracy" in header.split(",")
    assert "validation accuracy 1.000" in done.stderr


def test_the_example_is_short() -> None:
    assert len(example().splitlines()) < 70
