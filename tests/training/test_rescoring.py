"""Answers rescored from the configuration to files and scores: planned, written, chosen by validation alone."""

import json
import shutil
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from pycocoevalcap.cider.cider import Cider
from typer.testing import CliRunner

from pipeline.asking.system import open_answerer, trained_systems
from pipeline.cli import app
from pipeline.config import Config
from pipeline.corpus.dialogs import read_dialogs
from pipeline.errors import UserError
from pipeline.layout import Layout
from pipeline.plan import Plan
from pipeline.scoring.matching import read_answers
from pipeline.systems.answering import load_answering
from pipeline.systems.system import weights_hash
from pipeline.tasks.answer import rescored_entry
from pipeline.tasks.registry import task_of
from pipeline.training.train import train
from pipeline.vocabulary.words import Vocabulary

Project = Callable[..., Config]
SMALL: dict[str, Any] = {
    "embedding": 8, "hidden": 8, "joint": 8, "tensor": 8, "channels": 8, "readout": [8, 8, 8], "dropout": 0.0,
    "standardise": True,
}  # fmt: skip
CHOOSER: dict[str, Any] = {
    "label": "Chooser", "task": "choose", "network": "jsfusion", "features": ["i3d_rgb", "vggish"], "choices": 4,
    "history": True, "training": {"epochs": 1, "batch_turns": 5},
}  # fmt: skip
RESCORED = {"label": "Rescored", "model": "plain", "rescore": {"system": "chooser", "n": 6}}


def changes(**rescored: Any) -> dict[str, Any]:
    return {
        "run": ["plain"],
        "networks": {"jsfusion": SMALL},
        "systems": {"chooser": CHOOSER, "rescored": {**RESCORED, **rescored}},
        "matching": {"run": ["rescored"]},
        "scoring": {"filter": "none", "against": "plain"},
    }


def written(config: Config, name: str, test_set: str) -> dict[str, Any]:
    task_of(config, name).write(config, name, test_set)
    content: dict[str, Any] = json.loads(Layout(config.results).answers(name, test_set).read_text())
    return content


def test_from_the_configuration_to_answers(project: Project) -> None:
    config = project(changes=changes())
    train(config, "plain")
    train(config, "chooser")
    layout = Layout(config.results)
    with pytest.raises(UserError, match=r"validation\.json: no such file; run `avsd answer rescored --test-set valida"):
        task_of(config, "rescored").write(config, "rescored", "trial")
    validation = written(config, "rescored", "validation")
    said = validation["system"]["rescored"]
    assert (said["by"], said["turns"], said["metric"]) == ("chooser", 9, "CIDEr")
    # What is said of the chosen weight is what its answers have.
    given = read_answers(layout.answers("rescored", "validation")).answers
    people = {
        (d.video_id, n): turn.answer
        for d in read_dialogs(layout.dialogs("validation"))
        for n, turn in enumerate(d.turns)
    }
    assert given.keys() == people.keys()
    plain = [
        {f"{key}": [text.replace(" .", "").replace(" ,", "")] for key, text in each.items()} for each in (people, given)
    ]
    at = {point["weight"]: point["CIDEr"] for point in said["curve"]}
    assert at[said["weight"]] == pytest.approx(Cider().compute_score(*plain)[0], abs=1e-9)
    assert at[said["weight"]] == max(at.values())
    assert len(at) == 11
    # The trial set follows it: each list in the order of its own figures, its fits those of the matcher alone.
    trial = written(config, "rescored", "trial")
    assert trial["system"]["rescored"] == said
    weight, spreads = said["weight"], said["spreads"]
    turns = [turn for dialog in trial["dialogs"] for turn in dialog["dialog"]]
    for turn in turns:
        scores = [each["score"] for each in turn["n_best"]]
        assert turn["answer"] == turn["n_best"][0]["answer"]
        assert scores == sorted(scores, reverse=True)
        assert len(scores) == 2  # as many as `answers.n_best` keeps
        for each in turn["n_best"]:
            combined = weight * each["found"] / spreads["found"] + (1 - weight) * each["fit"] / spreads["fits"]
            assert each["score"] == pytest.approx(combined, abs=1e-3)
    dialog = trial["dialogs"][1]
    shown = {turn["question"]: turn for turn in dialog["dialog"]}
    last = list(shown.values())[-1]["n_best"][0]
    assert last["fit"] == pytest.approx(
        fit(config, dialog["image_id"], len(dialog["dialog"]) - 1, last["answer"]), abs=1e-4
    )

    # By hand the same comes of it, without an entry.
    given = json.dumps(config.model_dump(mode="json"))
    by_hand = ["rescore", "plain", "--by", "chooser", "--n", "6", "--test-set", "trial", "--config", given]
    assert CliRunner().invoke(app, by_hand).exit_code == 0
    made = json.loads(layout.answers("plain_by_chooser", "trial").read_text())
    assert made["dialogs"] == trial["dialogs"]


def fit(config: Config, video: str, turn: int, answer: str) -> float:
    """The matcher's score of one pair, with what stands in front of the answer put together here."""
    from pipeline.dataset.features import FeatureReader
    from pipeline.features.store import FeatureStore
    from pipeline.tensors import Sequences

    layout = Layout(config.results)
    vocabulary = Vocabulary.read(layout.vocabulary)
    network: Any = load_answering(config, "chooser", vocabulary, "cpu").network
    (dialog,) = (each for each in read_dialogs(layout.dialogs("trial")) if each.video_id == video)
    before = [text for each in dialog.turns[:turn] for text in (each.question, each.answer)]
    ids = vocabulary.encode(" ".join([*before, dialog.turns[turn].question, answer]))
    features = {
        name: FeatureReader(FeatureStore(layout.feature(name)), 1 << 20).batch([video])
        for name in ("i3d_rgb", "vggish")
    }
    with torch.no_grad():
        texts = network.texts(Sequences(torch.tensor([ids]), torch.tensor([len(ids)])))
        return float(network.match(texts, network.videos(features, 1)).item())


@pytest.mark.parametrize("test_set", ["trial", "official"])
def test_with_the_weight_one_the_answers_are_the_systems_own(project: Project, test_set: str) -> None:
    config = project(changes=changes(rescore={"system": "chooser", "n": 6, "weights": [1]}))
    train(config, "plain")
    train(config, "chooser")
    own = written(config, "plain", test_set)
    written(config, "rescored", "validation")
    rescored = written(config, "rescored", test_set)
    for before, after in zip(own["dialogs"], rescored["dialogs"], strict=True):
        assert [turn["answer"] for turn in before["dialog"]] == [turn["answer"] for turn in after["dialog"]]
        for each, other in zip(before["dialog"], after["dialog"], strict=True):
            found = [(item["answer"], item["found"]) for item in other.get("n_best", [])]
            assert [(item["answer"], item["score"]) for item in each.get("n_best", [])] == found


def test_validation_of_other_settings_is_refused(project: Project) -> None:
    config = project(changes=changes())
    train(config, "plain")
    train(config, "chooser")
    written(config, "rescored", "validation")
    other = project(changes=changes(rescore={"system": "chooser", "n": 3}))
    with pytest.raises(UserError, match="with another value of answers, rescore; run `avsd answer rescored"):
        written(other, "rescored", "trial")
    path = Layout(config.results).answers("rescored", "validation")
    path.write_text('{"system": {}}')
    with pytest.raises(UserError, match=r"validation\.json: system\.rescored: Field required; expected answers that"):
        written(config, "rescored", "trial")
    with pytest.raises(UserError, match="'training' is not known; give one of validation, trial"):
        written(config, "rescored", "training")
    assert "rescored" not in trained_systems(config)
    with pytest.raises(UserError, match=r"rescores answers of a test set \(`avsd answer`\); ask plain"):
        open_answerer(config, "rescored", False, torch.device("cpu"))


def test_validation_by_another_filter_is_refused(project: Project) -> None:
    config, other = project(changes=changes()), project(changes={**changes(), "scoring": {"filter": "dstc7"}})
    train(config, "plain")
    train(config, "chooser")
    validation = written(config, "rescored", "validation")
    refused = "written with another value of filter; run `avsd answer rescored --test-set validation` first"
    with pytest.raises(UserError, match=refused):
        written(other, "rescored", "trial")
    # A file of an older version says it beside the rest.
    said = validation["system"]["rescored"]
    assert said["made_of"]["filter"] == "none"
    said["filter"] = said["made_of"].pop("filter")
    Layout(config.results).answers("rescored", "validation").write_text(json.dumps(validation))
    with pytest.raises(UserError, match=refused):
        written(other, "rescored", "trial")
    assert written(config, "rescored", "trial")["system"]["rescored"]["weight"] == said["weight"]


@pytest.mark.parametrize("without", [["vggish"], ["history"]])
def test_validation_that_saw_more_or_less_is_refused(project: Project, without: list[str]) -> None:
    whole, cut = project(changes=changes()), project(changes=changes(without=without))
    train(whole, "plain")
    train(whole, "chooser")
    for before, after in ((whole, cut), (cut, whole)):
        written(before, "rescored", "validation")
        with pytest.raises(UserError, match="with another value of sees; run `avsd answer rescored"):
            written(after, "rescored", "trial")


@pytest.mark.parametrize("role", ["model", "matcher"])
def test_validation_with_another_member_of_an_ensemble_is_refused(project: Project, role: str) -> None:
    """The first member stays as it is; what a person would call another model is another second one."""
    given = changes(ensemble=role == "model", rescore={"system": "all" if role == "matcher" else "chooser", "n": 6})
    given["systems"]["plain"] = {"seeds": 2}
    given["systems"]["all"] = {"label": "All", "task": "choose", "model": "plain", "ensemble": True}
    config = project(changes=given)
    layout = Layout(config.results)
    for name in ("plain", "plain_s2", "chooser"):
        train(config, name)
    said = written(config, "rescored", "validation")["system"]["rescored"]
    members = [layout.model(name) for name in ("plain", "plain_s2")]
    assert said["made_of"][role] == [weights_hash(member) for member in members]
    assert written(config, "rescored", "trial")["system"]["rescored"] == said
    shutil.rmtree(members[1])
    shutil.copytree(members[0], members[1])
    with pytest.raises(UserError, match=f"with another value of {role}; run `avsd answer rescored"):
        written(config, "rescored", "trial")
    # An older version's file says the first member's alone: nobody knows what the second was.
    validation = written(config, "rescored", "validation")
    validation["system"]["rescored"]["made_of"][role] = weights_hash(members[0])
    layout.answers("rescored", "validation").write_text(json.dumps(validation))
    with pytest.raises(UserError, match=f"with another value of {role}; run `avsd answer rescored"):
        written(config, "rescored", "trial")


def test_the_jobs_follow_from_the_entry(project: Project) -> None:
    plan = Plan(project(changes=changes(test_sets=["trial"])), check=False)
    made = plan.matching
    assert made is not None
    layout = plan.layout
    assert made.config.run == ("plain", "rescored")
    assert made.trained == ["plain", "chooser"]
    assert plan.config.answers_with("rescored") == ["plain", "chooser"]
    assert plan.system_features("rescored") == ["i3d_rgb", "vggish"]
    assert [tuple(each) for each in plan.read_at_test("rescored", "trial")] == [("rescored", "validation")]
    assert plan.read_at_test("rescored", "validation") == []
    assert ("rescored", "validation") in made.written and ("rescored", "validation") not in made.answered
    assert plan.compared_with("rescored", "trial") == [layout.answers("plain", "trial")]
    assert not set(plan.trained) & {"chooser"} and "rescored" not in plan.report_settings()


def test_another_weight_answers_again_and_another_label_does_not(project: Project) -> None:
    def settings(**rescored: Any) -> str:
        return Plan(project(changes=changes(**rescored)), check=False).answer_settings("rescored")

    assert settings() == settings(label="Other")
    assert settings() != settings(rescore={"system": "chooser", "n": 6, "weights": [0.5]})


def test_an_entry_made_by_hand_is_the_system_as_it_is_tested(project: Project) -> None:
    config = project(changes={**changes(), "systems": {"chooser": CHOOSER}, "matching": {"run": []}})
    assert rescored_entry(config, "deaf", "chooser", 9) == {
        "description": {"test": "none"},
        "label": "deaf, rescored by chooser",
        "model": "plain",
        "ensemble": False,
        "without": ["vggish", "history"],
        "answers": {},
        "rescore": {"system": "chooser", "n": 9},
    }
    assert rescored_entry(config, "teacher", "chooser", 9)["description"] == {"test": "summary"}
    with pytest.raises(UserError, match="chooser: there are no answers of its own"):
        rescored_entry(config, "chooser", "chooser", 9)
    with pytest.raises(UserError, match="system 'nobody' is not in the configuration"):
        rescored_entry(config, "nobody", "chooser", 9)


@pytest.mark.parametrize(
    ("rescored", "message"),
    [
        ({"rescore": {"system": "plain"}}, r"rescore\.system: 'plain' scores no answers \(task: answer\)"),
        ({"rescore": {"system": "nobody"}}, r"rescore\.system: 'nobody' is not in systems"),
        ({"rescore": {"system": "chooser", "n": 1}}, r"rescored\.rescore\.n"),
        ({"rescore": {"system": "chooser", "weights": []}}, r"rescored\.rescore\.weights"),
        ({"rescore": {"system": "chooser", "weights": [1.5]}}, r"rescored\.rescore\.weights"),
        ({"model": None, "network": "attention"}, "rescore goes with model"),
        ({"task": "describe", "model": "plain"}, r"rescored\.rescore"),
    ],
)
def test_entries_that_do_not_fit(project: Project, rescored: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        project(changes=changes(**rescored))


def test_seeds_are_rescored_by_seeds(project: Project) -> None:
    given = changes(seeds=2)
    given["systems"]["chooser"] = {**CHOOSER, "seeds": 2}
    given["systems"]["plain"] = {"seeds": 2}
    config = project(changes=given)
    rescoring = config.systems["rescored_s2"].rescored_by()
    assert rescoring is not None
    assert (config.systems["rescored_s2"].model, rescoring.system) == ("plain_s2", "chooser_s2")
    assert np.isclose(sum(rescoring.weights), 5.5)
