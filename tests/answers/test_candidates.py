"""Candidates scored by the probability that a system that answers gives them."""

import json
import math
import random
from pathlib import Path
from typing import Any

import pytest
import torch

from pipeline.answers.candidates import candidate_scores
from pipeline.answers.generate import answer
from pipeline.answers.writing import open_system
from pipeline.config import Config, merge, parse
from pipeline.config import load as load_config
from pipeline.corpus.candidates import Candidates, read_candidates, write_candidates, write_given
from pipeline.corpus.dialogs import Dialog, Turn, read_dialogs
from pipeline.corpus.references import write_references
from pipeline.dataset.dialogs import DialogDataset
from pipeline.errors import UserError
from pipeline.features.store import FeatureStore
from pipeline.layout import Layout
from pipeline.networks.base import Generator
from pipeline.plan import Plan
from pipeline.scoring.request import Request
from pipeline.systems.system import load, view_of
from pipeline.tasks.registry import TASKS
from pipeline.texts import read_json
from pipeline.vocabulary import UNKNOWN
from pipeline.vocabulary.words import Vocabulary

CHOOSING = {
    "by_told": {
        "label": "By told",
        "task": "choose",
        "model": "told",
        "description": {"train": "summary", "test": "summary"},
    },
    "by_untold": {"label": "By untold", "task": "choose", "model": "told"},
    "by_deaf": {"label": "By deaf", "task": "choose", "model": "told", "without": ["sound", "history"]},
    "by_word": {"label": "By the word", "task": "choose", "model": "told", "per_word": True},
}


@pytest.fixture
def choosing(config: Config) -> Config:
    """Systems that choose by what `told` thinks, and candidates of the trial set; one has words that are not known."""
    layout = Layout(config.results)
    truth = {
        (dialog.video_id, turn): [each.answer]
        for dialog in read_dialogs(layout.dialogs("trial"))
        for turn, each in enumerate(dialog.turns)
    }
    write_references(layout.references("trial"), truth)
    path = layout.references("trial.candidates")
    write_candidates(layout.dialogs("trial"), layout.references("trial"), 3, 1, path)
    content = read_json(path)
    content["turns"][2]["candidates"][0] = "a zebra and a ball"
    path.write_text(json.dumps(content))
    return parse(merge(config.model_dump(mode="json"), {"systems": CHOOSING, "run": list(CHOOSING)}))


def chosen(config: Config, name: str) -> dict[tuple[str, int], list[float]]:
    TASKS["choose"].write(config, name, "trial")
    content = read_json(Layout(config.results).answers(name, "trial"))
    assert content["type"] == "candidate_scores"
    return {(turn["image_id"], turn["turn"]): turn["scores"] for turn in content["turns"]}


def one_at_a_time(config: Config, name: str) -> dict[tuple[str, int], list[float]]:
    """Each candidate by itself, its dialog cut off behind it, a softmax a word."""
    layout = Layout(config.results)
    vocabulary = Vocabulary.read(layout.vocabulary)
    network = load(layout.model("told"), vocabulary, "cpu").network
    assert isinstance(network, Generator)
    view, stores = view_of(config, name, "test", ["trial"]), {"sound": FeatureStore(layout.feature("sound"))}
    turns = {dialog.video_id: dialog for dialog in read_dialogs(layout.dialogs("trial"))}
    found: dict[tuple[str, int], list[float]] = {}
    for (video, turn), each in read_candidates(layout.references("trial.candidates")).items():
        own = turns[video]
        for text in each.answers:
            cut = Dialog(video, "", own.summary, (*own.turns[:turn], Turn(own.turns[turn].question, text)))
            batch = DialogDataset([cut], vocabulary, stores, {"model": view}).batch([(0, [turn])])
            assert batch.targets is not None
            with torch.no_grad():
                logits = network(batch.views["model"], batch.targets).logits.double()
            logs = logits - logits.logsumexp(1, keepdim=True)
            words = [float(logs[place, word]) for place, word in enumerate(batch.targets.ids[0].tolist())]
            mean = config.systems[name].mean_of_words()
            found.setdefault((video, turn), []).append(math.fsum(words) / (len(words) if mean else 1))
    return found


@pytest.mark.parametrize("name", CHOOSING)
def test_scores_are_those_of_one_candidate_at_a_time(choosing: Config, name: str) -> None:
    found, expected = chosen(choosing, name), one_at_a_time(choosing, name)
    assert found.keys() == expected.keys()
    for key, scores in expected.items():
        assert found[key] == pytest.approx(scores, abs=2e-5)
    assert UNKNOWN in Vocabulary.read(Layout(choosing.results).vocabulary).encode("zebra")


def test_what_is_seen_matters_and_the_file_says_it(choosing: Config) -> None:
    told, untold, deaf = (chosen(choosing, name) for name in ("by_told", "by_untold", "by_deaf"))
    assert told != untold != deaf
    said = {
        name: read_json(Layout(choosing.results).answers(name, "trial"))["system"]["sees"]
        for name in ("by_told", "by_deaf")
    }
    assert said["by_told"] == {"features": ["sound"], "description": "summary", "history": True}
    assert said["by_deaf"] == {"features": [], "description": "none", "history": False}


def test_an_answer_of_the_search_is_as_probable_as_the_search_said(choosing: Config) -> None:
    layout = Layout(choosing.results)
    answer(choosing, "told", "trial")
    content = read_json(layout.answers("told", "trial"))
    listed = {
        (dialog["image_id"], number): turn["n_best"]
        for dialog in content["dialogs"]
        for number, turn in enumerate(dialog["dialog"])
    }
    bonus, dialogs = choosing.answers.bonus, read_dialogs(layout.dialogs("trial"))
    candidates = {key: [item["answer"] for item in items] for key, items in listed.items()}
    scores = candidate_scores(choosing, open_system(choosing, "by_told", "trial"), dialogs, candidates)
    for key, items in listed.items():
        expected = [item["score"] - bonus * (len(item["answer"].split()) + 1) for item in items]
        assert scores[key] == pytest.approx(expected, abs=1e-4)


def test_they_are_scored_as_those_of_matchers(choosing: Config, tmp_path: Path) -> None:
    layout, scores = Layout(choosing.results), chosen(choosing, "by_told")
    out, path = tmp_path / "scores.json", layout.references("trial.candidates")
    TASKS["choose"].score(
        Request(
            [layout.answers("by_told", "trial")],
            path,
            filter="none",
            truth=None,
            partial=False,
            json=[out],
            bootstrap=0,
        )
    )
    given = read_candidates(path)
    right = [scores[key].index(max(scores[key])) == each.right for key, each in given.items()]
    assert json.loads(out.read_text())["metrics"]["accuracy"] == pytest.approx(sum(right) / len(right))


def test_batches_and_the_order_of_turns_change_nothing(choosing: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    found = chosen(choosing, "by_told")
    monkeypatch.setattr("pipeline.answers.candidates.PAIRS", 4)
    for key, scores in chosen(choosing, "by_told").items():
        assert scores == pytest.approx(found[key], abs=1e-5)
    # Turns of several dialogs mixed, with several numbers of candidates.
    monkeypatch.setattr("pipeline.answers.candidates.PAIRS", 9)
    given = read_candidates(Layout(choosing.results).references("trial.candidates"))
    shuffled = random.Random(1).sample(sorted(given), len(given))
    lists = {key: given[key].answers[: 1 + place % 4] for place, key in enumerate(shuffled)}
    dialogs = read_dialogs(Layout(choosing.results).dialogs("trial"))
    mixed = candidate_scores(choosing, open_system(choosing, "by_told", "trial"), dialogs, lists)
    for key, texts in lists.items():
        assert mixed[key] == pytest.approx(found[key][: len(texts)], abs=1e-5)


def test_published_questions_have_no_dialog_in_front_of_them(choosing: Config) -> None:
    layout = Layout(choosing.results)
    given = [("p3", ("a red ball", "no"), 0), ("p3", ("yes", "there"), 1)]
    write_given(layout.references("trial.candidates"), given, "what is there ?", "test")
    found = chosen(choosing, "by_untold")
    write_given(layout.references("trial.candidates"), given[1:], "what is there ?", "test")
    assert chosen(choosing, "by_untold")["p3", 0] == pytest.approx(found["p3", 1], abs=1e-5)


def test_a_score_that_is_no_number_names_the_dialog(choosing: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = open_system(choosing, "by_told", "trial")
    with torch.no_grad():
        for parameter in opened.network.parameters():
            parameter.fill_(3e38)
    dialogs = read_dialogs(Layout(choosing.results).dialogs("trial"))
    with pytest.raises(UserError, match=r"^by_told: dialog p0: a score is not a finite number"):
        candidate_scores(choosing, opened, dialogs, {("p0", 0): ["yes", "no"]})


def test_the_plan_trains_nothing_for_it_and_passes_what_it_depends_on(choosing: Config) -> None:
    plan = Plan(choosing)
    assert plan.trained == ["told"]
    layout = plan.layout
    assert plan.references_read("by_told", "trial") == [layout.references("trial.candidates")]
    assert plan.system_features("by_told") == ["sound"]
    assert choosing.descriptions() == {"summary"}
    found = chosen(choosing, "by_word")
    given = load_config([plan.answer_settings("by_word"), plan.machine("by_word")])
    assert chosen(given, "by_word") == found
    settings = {name: json.loads(plan.answer_settings(name))["systems"][name] for name in CHOOSING}
    assert settings["by_told"]["description"] == {"test": "summary"}
    assert "description" not in settings["by_untold"]
    assert "per_word" not in settings["by_untold"]
    assert settings["by_word"]["per_word"] is True


MATCHER = {"label": "M", "task": "choose", "network": "jsfusion", "features": ["sound"]}
OTHERS = {
    "matcher": MATCHER,
    "finder": {"label": "F", "task": "retrieve", "network": "jsfusion", "features": ["sound"]},
    "teller": {"label": "D", "task": "describe", "network": "attention", "features": ["sound"]},
}


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"model": "teller"}, r"systems\.x\.model: 'teller' has another task \(describe\)"),
        ({"model": "finder"}, r"systems\.x\.model: 'finder' has another task \(retrieve\)"),
        ({"model": "matcher", "per_word": True}, "'matcher' answers no questions: per_word goes with the model"),
        (
            {"model": "matcher", "description": {"test": "summary"}},
            "'matcher' answers no questions: description goes with the model of a system that does",
        ),
        ({**MATCHER, "per_word": True}, "per_word goes with model: a system that answers"),
        ({"model": "told", "without": ["smell"]}, "'smell' is not an input of the model"),
        ({"model": "told", "ensemble": True}, "'told' has one seed"),
        ({"model": "matcher", "ensemble": True}, "'matcher' has one seed"),
    ],
)
def test_what_does_not_fit_is_named(config: Config, entry: dict[str, Any], message: str) -> None:
    systems = {**OTHERS, "x": {"label": "X", "task": "choose", **entry}}
    with pytest.raises(UserError, match=message):
        parse(merge(config.model_dump(mode="json"), {"systems": systems, "run": ["x"]}))


def test_a_teacher_still_has_the_students_task(config: Config) -> None:
    student = {"label": "S", "network": "attention", "loss": "st", "teacher": "teller"}
    with pytest.raises(UserError, match=r"systems\.s\.teacher: 'teller' has another task"):
        parse(merge(config.model_dump(mode="json"), {"systems": {**OTHERS, "s": student}}))


def test_another_generator_puts_answers_in_order(choosing: Config) -> None:
    """By itself alone (weight 0) the order is that of its log P."""
    entry = {"label": "R", "model": "told", "rescore": {"system": "by_told", "n": 3, "weights": [0.0]}}
    made = parse(merge(choosing.model_dump(mode="json"), {"systems": {"again": entry}, "run": ["again"]}))
    layout = Layout(made.results)
    (layout.dialogs("validation")).write_text(layout.dialogs("trial").read_text())
    TASKS["answer"].write(made, "again", "validation")
    TASKS["answer"].write(made, "again", "trial")
    content = read_json(layout.answers("again", "trial"))
    assert "asked" in content["system"]["rescored"]["made_of"]
    dialogs = read_dialogs(layout.dialogs("trial"))
    lists = {
        (dialog["image_id"], number): turn["n_best"]
        for dialog in content["dialogs"]
        for number, turn in enumerate(dialog["dialog"])
    }
    texts = {key: [item["answer"] for item in items] for key, items in lists.items()}
    scores = candidate_scores(made, open_system(made, "by_told", "trial"), dialogs, texts)
    for key, items in lists.items():
        assert [item["fit"] for item in items] == pytest.approx(scores[key], abs=2e-5)
        assert scores[key] == sorted(scores[key], reverse=True)


def test_candidates_of_other_numbers_stay_apart() -> None:
    from pipeline.answers.candidates import _batches

    given = {("a", n): Candidates(("x",) * (2 + n % 2), 0).answers for n in range(5)}
    assert _batches(given) == [[("a", 0), ("a", 2), ("a", 4)], [("a", 1), ("a", 3)]]
