"""Result files: which turns are answered, from what, and what stands beside the answers."""

import shutil
from typing import Any

import pytest
import torch

from pipeline.answers.generate import answer
from pipeline.answers.search import search
from pipeline.config import Config, merge, parse
from pipeline.config import load as load_config
from pipeline.corpus.dialogs import UNDISCLOSED, Dialog, Turn, read_dialogs, write_dialogs
from pipeline.dataset.dialogs import DialogDataset
from pipeline.errors import UserError
from pipeline.features.store import FeatureStore
from pipeline.layout import Layout
from pipeline.plan import Plan
from pipeline.scoring.matching import read_answers
from pipeline.systems.system import build as build_network
from pipeline.systems.system import load, save, view_of
from pipeline.texts import read_json
from pipeline.vocabulary.words import Vocabulary
from tests.answers.conftest import SIZES


def result(config: Config, name: str, test_set: str) -> dict[str, Any]:
    answer(config, name, test_set)
    content: dict[str, Any] = read_json(Layout(config.results).answers(name, test_set))
    return content


def generated(content: dict[str, Any]) -> dict[tuple[str, int], list[dict[str, Any]]]:
    return {
        (dialog["image_id"], number): turn["n_best"]
        for dialog in content["dialogs"]
        for number, turn in enumerate(dialog["dialog"])
        if turn.get("generated")
    }


def test_every_trial_turn_is_answered(config: Config) -> None:
    content = result(config, "told", "trial")
    source = read_dialogs(Layout(config.results).dialogs("trial"))
    assert [dialog["image_id"] for dialog in content["dialogs"]] == [dialog.video_id for dialog in source]
    for found, given in zip(content["dialogs"], source, strict=True):
        assert [turn["question"] for turn in found["dialog"]] == [turn.question for turn in given.turns]
        assert (found["caption"], found["summary"]) == (given.caption, given.summary)
    assert len(generated(content)) == sum(len(dialog.turns) for dialog in source)


def test_only_the_last_official_turn_is_answered(config: Config) -> None:
    content = result(config, "told", "official")
    source = read_dialogs(Layout(config.results).dialogs("official"))
    assert set(generated(content)) == {(dialog.video_id, len(dialog.turns) - 1) for dialog in source}
    for found, given in zip(content["dialogs"], source, strict=True):
        *before, last = found["dialog"]
        expected = [{"question": turn.question, "answer": turn.answer} for turn in given.turns[:-1]]
        assert before == expected
        assert last["answer"] != UNDISCLOSED


@pytest.mark.parametrize("test_set", ["trial", "official"])
def test_the_file_reads_back_as_a_result_file(config: Config, test_set: str) -> None:
    content = result(config, "told", test_set)
    read = read_answers(Layout(config.results).answers("told", test_set))
    assert read.marked
    assert read.answers == {key: answers[0]["answer"] for key, answers in generated(content).items()}


def test_all_seeds_answer_together(config: Config) -> None:
    """Two seeds whose models are the same answer as one does; with another second one they do not."""
    entries = {name: system.model_dump(exclude_unset=True) for name, system in config.systems.items()}
    entries["told"]["seeds"] = 2
    entries["both"] = {"label": "Both", "model": "told", "description": {"test": "summary"}, "ensemble": True}
    seeded = parse({**config.model_dump(), "run": ["both"], "systems": entries})
    layout, vocabulary = Layout(config.results), Vocabulary.read(Layout(config.results).vocabulary)
    assert Plan(seeded).trained == ["told", "told_s2"]
    one = generated(result(config, "told", "trial"))
    shutil.copytree(layout.model("told"), layout.model("told_s2"))
    # As the workflow gives the settings: exactly what the answers depend on.
    given = load_config([Plan(seeded).answer_settings("both"), Plan(seeded).machine("both")])
    content = result(given, "both", "trial")
    assert content["system"]["members"] == ["told", "told_s2"]
    # What stands there of models is of both: the second is a copy of the first.
    assert content["system"]["models"] == 2 * [result(config, "told", "trial")["system"]["model"]]
    same = generated(content)
    assert {key: found[0]["answer"] for key, found in same.items()} == {
        key: found[0]["answer"] for key, found in one.items()
    }
    torch.manual_seed(11)
    # Other dropout is no other size: training alone reads it.
    entry = {**entries["told"], "seeds": 1, "sizes": {**SIZES, "dropout": 0.3}}
    learned = parse({**config.model_dump(), "run": ["told_s2"], "systems": {"told_s2": entry}})
    network = build_network(learned, "told_s2", len(vocabulary), {"sound": 4})
    save(
        layout.model("told_s2"),
        network,
        config=learned,
        name="told_s2",
        vocabulary=vocabulary,
        feature_dims={"sound": 4},
        metrics={},
    )
    content = result(given, "both", "trial")
    assert generated(content) != same
    assert [each["system"] for each in content["system"]["models"]] == ["told", "told_s2"]


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"history": False}, "history is False, of .*told True"),
        ({"concepts": {"system": "detector"}}, "concepts is True, of .*told False"),
        # Of their contexts, 6 and 8 wide, each member was given 7 values: other answers than their mean's, no error.
        ({"sizes": {**SIZES, "context": 8}}, r"sizes\.context is 8, of .*told 6"),
    ],
)
def test_members_that_do_not_see_the_same_are_refused(config: Config, other: dict[str, Any], message: str) -> None:
    entries = {name: system.model_dump(exclude_unset=True) for name, system in config.systems.items()}
    entries["told"]["seeds"] = 2
    entries["both"] = {"label": "Both", "model": "told", "ensemble": True}
    seeded = parse({**config.model_dump(), "systems": entries})
    layout, vocabulary = Layout(config.results), Vocabulary.read(Layout(config.results).vocabulary)
    detector = {"label": "D", "task": "detect", "network": "temporal", "features": ["sound"]}
    systems = {"told": {**entries["told"], "seeds": 1, **other}, "detector": detector}
    blind = parse({**config.model_dump(), "systems": systems})
    network = build_network(blind, "told", len(vocabulary), {"sound": 4})
    save(
        layout.model("told_s2"),
        network,
        config=blind,
        name="told",
        vocabulary=vocabulary,
        feature_dims={"sound": 4},
        metrics={},
    )
    with pytest.raises(UserError, match=rf"told_s2: {message}; an ensemble needs members"):
        answer(seeded, "both", "trial")


def test_answers_are_those_of_a_search_of_the_turn_alone(config: Config) -> None:
    layout = Layout(config.results)
    vocabulary = Vocabulary.read(layout.vocabulary)
    network = load(layout.model("told"), vocabulary, "cpu").network
    source = read_dialogs(layout.dialogs("trial"))
    stores = {"sound": FeatureStore(layout.feature("sound"))}
    found = generated(result(config, "told", "trial"))
    for index, dialog in enumerate(source):
        for turn in range(len(dialog.turns)):
            # Cut off behind the turn, and its answer blotted out: nothing of it may have been used.
            cut = Dialog(
                dialog.video_id, "", dialog.summary, (*dialog.turns[:turn], Turn(dialog.turns[turn].question, "?"))
            )
            dataset = DialogDataset([cut], vocabulary, stores, {"model": view_of(config, "told", "test", ["trial"])})
            batch = dataset.batch([(0, [turn])], with_targets=False)
            [expected] = search(network, network.encode(batch.views["model"]), config.answers)
            answers = found[source[index].video_id, turn]
            assert [item["answer"] for item in answers] == [vocabulary.decode(item.ids) for item in expected]
            assert [item["score"] for item in answers] == pytest.approx([item.score for item in expected], abs=1e-4)


def test_batch_size_changes_nothing(config: Config) -> None:
    whole = generated(result(config, "told", "trial"))
    small = parse(merge(config.model_dump(mode="json"), {"answers": {"batch_turns": 1}}))
    for key, answers in generated(result(small, "told", "trial")).items():
        assert [item["answer"] for item in answers] == [item["answer"] for item in whole[key]]


def test_n_best_answers_are_ordered_and_differ(config: Config) -> None:
    for answers in generated(result(config, "told", "trial")).values():
        assert len(answers) == 3
        assert len({item["answer"] for item in answers}) == 3
        scores = [item["score"] for item in answers]
        assert scores == sorted(scores, reverse=True)


def test_variants_see_less_and_the_file_says_so(config: Config) -> None:
    told, untold, deaf = (result(config, name, "trial") for name in ("told", "untold", "deaf"))
    assert told["system"]["sees"] == {"features": ["sound"], "description": "summary", "history": True}
    assert untold["system"]["sees"] == {"features": ["sound"], "description": "none", "history": True}
    assert deaf["system"]["sees"] == {"features": [], "description": "none", "history": False}
    assert generated(told) != generated(untold) != generated(deaf)
    # Without a summary the question stands alone: with or without description, the answer is the same.
    assert [a for (v, _), a in generated(told).items() if v == "p2"] == [
        a for (v, _), a in generated(untold).items() if v == "p2"
    ]


def test_the_file_says_what_made_it(config: Config) -> None:
    system = result(config, "untold", "trial")["system"]
    assert (system["name"], system["label"], system["test_set"]) == ("untold", "Untold", "trial")
    assert system["model"]["system"] == "told"
    assert system["vocabulary"]["hash"] == Vocabulary.read(Layout(config.results).vocabulary).hash
    assert system["answers"] == config.answers.model_dump()


@pytest.mark.parametrize(
    ("changes", "name", "test_set", "message"),
    [
        ({}, "nobody", "trial", "'nobody' is not in the configuration"),
        ({}, "told", "training", "trial, official"),
        ({"answers": {"min_length": 9}}, "told", "trial", r"answers\.min_length is 9 and answers\.max_length 7"),
        (
            {"systems": {"told": {"answers": {"min_length": 9}}}},
            "told",
            "trial",
            r"answers\.min_length is 9 and answers\.max_length 7 \(of told\)",
        ),
        ({"systems": {"new": {"label": "x", "network": "attention"}}}, "new", "trial", "avsd train new"),
    ],
)
def test_errors_are_one_line(config: Config, changes: dict[str, Any], name: str, test_set: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        answer(parse(merge(config.model_dump(mode="json"), changes)), name, test_set)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("test_set", ["trial", "official"])
def test_where_nothing_is_asked_nothing_is_answered(config: Config, test_set: str) -> None:
    """Of a dialog of captions alone; of a test set of nothing else that is said."""
    path = Layout(config.results).dialogs(test_set)
    given, alone = read_dialogs(path), [Dialog(f"c{n}", "", "", (), ("a ball is left",)) for n in range(7)]
    expected = set(generated(result(config, "deaf", test_set)))
    write_dialogs(path, [*alone, *given])
    assert set(generated(result(config, "deaf", test_set))) == expected
    assert set(read_answers(Layout(config.results).answers("deaf", test_set)).answers) == expected
    write_dialogs(path, alone)
    with pytest.raises(UserError, match=rf"^deaf: test set {test_set}: no dialog of it asks anything; give dialogs"):
        answer(config, "deaf", test_set)


def test_a_model_whose_scores_are_no_numbers_names_the_dialogs(config: Config) -> None:
    layout = Layout(config.results)
    vocabulary = Vocabulary.read(layout.vocabulary)
    network = load(layout.model("told"), vocabulary, "cpu").network
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(3e38)  # a number, whose sums are none
    save(
        layout.model("told"),
        network,
        config=config,
        name="told",
        vocabulary=vocabulary,
        feature_dims={"sound": 4},
        metrics={},
    )
    with pytest.raises(UserError, match=r"dialogs .*p[0-5].*not finite"):
        answer(config, "told", "trial")
