"""Matchers trained on captions and tested on what others have published: from the challenge's files to figures."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.config import Config, parse
from pipeline.corpus.candidates import read_candidates, write_candidates
from pipeline.corpus.captions.importing import import_captions
from pipeline.corpus.dialogs import read_dialogs
from pipeline.corpus.published.writing import write_published
from pipeline.errors import UserError
from pipeline.features.store import write_shard
from pipeline.layout import Layout
from pipeline.plan import Plan
from pipeline.scoring.request import Request
from pipeline.tasks.registry import task_of
from pipeline.training.materials import gather
from pipeline.training.train import train
from pipeline.vocabulary.words import build

WORDS = ("runs", "sits", "jumps", "sleeps", "sings", "falls")
NETWORK = {
    "embedding": 16, "hidden": 16, "joint": 24, "tensor": 24, "channels": 16, "readout": [16, 16, 16], "dropout": 0.0,
}  # fmt: skip
FITTING = {"epochs": 25, "batch_turns": 10, "learning_rate": 3.0e-3, "average": 0, "margin": 1.0}


def clip(number: int) -> str:
    return f"{1000 + number}_A_MOVIE_00.{number:02d}.16.065-00.{number:02d}.21.941"


def line(number: int, *said: str) -> str:
    return "\t".join([clip(number), *["00.00.01.000"] * 4, *said])


def sentence(number: int) -> str:
    """A clip's place among the words is what is to be seen in it."""
    return f"SOMEONE {WORDS[number % 6]}."


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """60 clips of the challenge, whose features say which of six words their sentences have; 6 are to be found."""
    data = tmp_path / "data"
    data.mkdir()
    for name, numbers in (("training", range(48)), ("validation", range(48, 54)), ("test", range(54, 60))):
        lines = [line(number, sentence(number)) for number in numbers]
        if name == "training":
            # Some clips have two sentences, and one belongs to a question below.
            lines += [line(number, f"He {WORDS[number % 6]} again.") for number in range(6)]
        (data / f"{name}.csv").write_text("\n".join(lines) + "\n")
    questions = []
    for number in (47, *range(60, 66)):
        wrong = [f"SOMEONE {word}." for word in WORDS if word != WORDS[number % 6]][:4]
        place = number % 5
        questions.append(line(number, *wrong[:place], sentence(number), *wrong[place:], f"{place + 1}"))
    (data / "choices.csv").write_text("\n".join(questions) + "\n")
    matcher = {"network": "jsfusion", "features": ["seen"], "training": FITTING}
    config = parse(
        {
            "results": str(tmp_path / "results"),
            "device": "cpu",
            "corpus": {"source": "captions"},
            "captions": {name: str(data / f"{name}.csv") for name in ("training", "validation", "test", "choices")},
            "features": {"seen": {"network": "i3d_rgb"}},
            "networks": {"jsfusion": NETWORK, "jsfusion_fill": {**NETWORK, "readout": [16, 16]}},
            "systems": {
                "finder": {**matcher, "label": "Finder", "task": "retrieve", "query": "captions", "choices": 6},
                "chooser": {**matcher, "label": "Chooser", "task": "choose", "choices": 5},
                "filler": {
                    **matcher,
                    "network": "jsfusion_fill",
                    "label": "Filler",
                    "task": "fill",
                    "text": "captions",
                    "training": {**FITTING, "l2": 0.0},
                },
            },
            "run": ["finder"],
            "matching": {"run": ["finder", "chooser"]},
        }
    )
    layout = Layout(config.results)
    import_captions(config.corpus, config.captions, layout.corpus)
    build(read_dialogs(layout.dialogs("training")), frozenset({"captions"}), 1).write(layout.vocabulary)
    generator = np.random.default_rng(1)
    items = []
    for number in range(66):
        values = np.eye(6)[[number % 6] * 3] + 0.1 * generator.normal(size=(3, 6))
        items.append((clip(number), values, np.arange(3, dtype=np.float64)))
    write_shard(layout.feature_shard("seen", "0000"), items, {"made": "up"}, 6, "float32")
    return config


def scored(config: Config, name: str, references: Path) -> dict[str, Any]:
    layout, out = Layout(config.results), Layout(config.results).scores(name, "test")
    task = task_of(config, name)
    task.write(config, name, "test")
    task.score(Request([layout.answers(name, "test")], references, "none", None, 50, False, [out]))
    content: dict[str, Any] = json.loads(out.read_text())
    return content


def test_the_challenges_retrieval(config: Config) -> None:
    layout = Layout(config.results)
    training: Any = gather(config, "finder").training.dataset
    # Each sentence is a text to learn from; the clip of a question is not among them.
    assert [training.rows(dialog) for dialog in range(len(training.dialogs))] == [2] * 6 + [1] * 41
    assert clip(47) not in {dialog.video_id for dialog in training.dialogs}
    train(config, "finder")
    scores = scored(config, "finder", layout.references("test.captions"))
    written = json.loads(layout.answers("finder", "test").read_text())
    assert written["videos"] == [clip(number) for number in range(54, 60)]
    assert scores["metrics"]["R@1"] == scores["metrics"]["MRR"] == 1.0
    assert scores["chance"]["R@1"] == pytest.approx(1 / 6)
    assert (scores["signature"]["items"], scores["signature"]["candidates"]) == (6, [6])
    assert scores["metrics"]["median rank"] == 1.0


def test_the_challenges_choices(config: Config) -> None:
    layout = Layout(config.results)
    assert config.captions.choices is not None
    write_published(config.captions.choices, layout.corpus, "test")
    train(config, "chooser")
    candidates = layout.references("test.candidates")
    scores = scored(config, "chooser", candidates)
    assert scores["signature"]["items"] == 7
    assert scores["metrics"]["accuracy"] == 1.0
    assert scores["chance"]["accuracy"] == pytest.approx(1 / 5)
    # Where there is no such file, they are drawn of the test set's captions.
    drawn = layout.references("drawn")
    write_candidates(layout.dialogs("test"), layout.references("test.captions"), 4, 1, drawn)
    of_captions = read_candidates(drawn)
    assert list(of_captions) == [(clip(number), 0) for number in range(54, 60)]
    for (video, _), each in of_captions.items():
        assert each.answers[each.right] == f"someone {WORDS[(int(video[:4]) - 1000) % 6]}"
        assert len(set(each.answers)) == 5 and each.question is None
    published = candidates.read_bytes()
    candidates.write_bytes(drawn.read_bytes())
    assert scored(config, "chooser", candidates)["metrics"]["accuracy"] == 1.0
    candidates.write_bytes(published)
    # None of the published clips is in the test set; without features too many are an error.
    found = json.loads(candidates.read_text())
    for turn, number in zip(found["turns"], range(100, 107), strict=True):
        turn["image_id"] = clip(number)
    candidates.write_text(json.dumps(found))
    with pytest.raises(UserError, match=r"feature seen: 7 of 7 .*1100_A_MOVIE"):
        task_of(config, "chooser").write(config, "chooser", "test")


def test_the_challenges_blanks(config: Config, tmp_path: Path) -> None:
    """Two sentences of each of six clips that are in no test set: the verb is missing, or a word nobody learned."""
    layout, path = Layout(config.results), tmp_path / "blanks.csv"
    lines = [line(number, sentence(number), "SOMEONE _____.", WORDS[number % 6]) for number in range(60, 66)]
    lines += [line(60, "Unheard of.", "Unheard _____.", "of")]
    path.write_text("\n".join(lines) + "\n")
    write_published(path, layout.corpus, "test")
    train(config, "filler")
    scores = scored(config, "filler", layout.references("test.blanks.captions"))
    assert scores["signature"]["items"] == 7
    assert scores["metrics"]["accuracy"] == pytest.approx(6 / 7)
    told = {(each["image_id"], each["turn"]): each["words"][0] for each in written_blanks(layout)}
    assert [told[clip(number), 0] for number in range(60, 66)] == [WORDS[number % 6] for number in range(60, 66)]


def written_blanks(layout: Layout) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(layout.answers("filler", "test").read_text())["blanks"]
    return found


def test_the_jobs_of_published_choices(config: Config) -> None:
    plan = Plan(config, check=False)
    assert plan.given("candidates") == {"test": config.captions.choices}
    assert plan.published_settings() == "--question '' --no-marks"
    assert plan.corpus_files()["choices"] == [config.captions.choices]
    assert plan.drawn_beside("test") == plan.layout.references("test.captions")
    made = plan.matching
    assert made is not None
    assert made.references_read("chooser", "test") == [plan.layout.references("test.candidates")]
    assert made.matching_tables == ["retrieve_test", "choose_test"]
    asked = config.model_copy(
        update={"captions": config.captions.model_copy(update={"question": "what ?", "choices": None})}
    )
    plan = Plan(asked, check=False)
    assert (plan.given("candidates"), plan.drawn_beside("test").name) == ({}, "test.json")
