"""Detecting concept words: L_con and the most likely words by hand, a planted world, the task end to end."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pipeline.answers.detect import detected, most_likely
from pipeline.answers.generate import answer
from pipeline.config import Config
from pipeline.config.concepts import ConceptWords
from pipeline.corpus.detected import read_all, read_detected
from pipeline.corpus.dialogs import read_dialogs
from pipeline.corpus.references import write_references
from pipeline.corpus.sentences import description_references, reference_name
from pipeline.dataset.labels import Labelled, LabelledVideos
from pipeline.errors import UserError
from pipeline.files import write_json
from pipeline.layout import Layout
from pipeline.networks.detecting import Detector
from pipeline.plan import Plan
from pipeline.scoring.request import Request
from pipeline.systems.system import view_of, weights_hash
from pipeline.tasks.registry import task_of
from pipeline.tensors import FeatureSequences
from pipeline.training.depends import depends
from pipeline.training.detecting import DetectingLearner, concept_error
from pipeline.training.materials import gather
from pipeline.training.train import train
from pipeline.vocabulary.concepts import Concept, Concepts, choose
from pipeline.vocabulary.words import Vocabulary

Project = Callable[..., Config]
SIZES = {"width": 8, "attention": 4, "heads": 2, "dropout": 0.2, "standardise": True}
DETECTOR: dict[str, Any] = {
    "label": "detector", "task": "detect", "network": "temporal", "features": ["i3d_rgb", "vggish"], "k": 3,
}  # fmt: skip
PLAIN: dict[str, Any] = {"label": "shown", "network": "attention", "features": ["i3d_rgb", "vggish"]}
CHANGES: dict[str, Any] = {
    "networks": {"temporal": SIZES},
    "concepts": {"min_count": 1},
    "systems": {
        "detector": DETECTOR,
        "shown": {**PLAIN, "concepts": {"system": "detector", "k": 2, "folds": 2}},
        "told": {**PLAIN, "concepts": {"system": "detector", "k": 2, "folds": 2, "place": "question"}},
        "taught": {
            **PLAIN,
            "concepts": {"system": "detector", "k": 2, "folds": 2},
            "loss": "joint",
            "teacher": "teacher",
        },
        "hidden": {"label": "hidden", "model": "shown", "without": ["concepts"]},
    },
    "run": ["detector", "shown", "told", "hidden"],
}


# ---- by hand ---------------------------------------------------------------------------------------------------------


def test_the_closed_form_of_l_con() -> None:
    generator = torch.Generator().manual_seed(0)
    scores = 3 * torch.randn(4, 7, dtype=torch.float64, generator=generator)
    labels = (torch.rand(4, 7, generator=generator) < 0.4).double()
    p = 1 / (1 + np.exp(-scores.numpy()))
    own = labels.numpy()
    written = -(own * np.log(p) + (1 - own) * np.log(1 - p)).sum(1) / 7
    assert concept_error(scores, labels).item() == pytest.approx(written.mean(), rel=1e-12)
    # Of certain scores, right and wrong, it is 0 and the score itself, where log(1 - p) would be log 0.
    certain = torch.tensor([[200.0, -200.0]])
    assert concept_error(certain, torch.tensor([[1.0, 0.0]])).item() == pytest.approx(0, abs=1e-12)
    assert concept_error(certain, torch.tensor([[0.0, 1.0]])).item() == pytest.approx(200)
    assert concept_error(torch.zeros(1, 5), torch.ones(1, 5)).item() == pytest.approx(math.log(2))


class Table(Detector):
    """A detector whose scores are a layer of the mean of a feature's steps."""

    def __init__(self, dims: int, concepts: int) -> None:
        super().__init__()
        self.standard, self.scores = None, nn.Linear(dims, concepts)

    def detect(self, features: Any, count: int | None = None) -> Tensor:
        scores: Tensor = self.scores(features["seen"].values.mean(1))
        return scores


def test_lambda_two_weighs_it() -> None:
    torch.manual_seed(0)
    batch = Labelled({"seen": FeatureSequences(torch.ones(2, 1, 3), torch.tensor([1, 1]))}, torch.eye(2, 5), ())
    network = Table(3, 5)
    one, half = (DetectingLearner(network, weight)(batch).learned["concepts"] for weight in (1.0, 0.5))
    assert half.item() == pytest.approx(one.item() / 2)


def test_the_most_likely_words_are_those_of_brute_force() -> None:
    generator = np.random.default_rng(2)
    scores = generator.integers(0, 6, (50, 12)).astype(np.float32)  # many ties
    values, places = most_likely(torch.from_numpy(scores), 5)
    for row, found, value in zip(scores, places.tolist(), values.tolist(), strict=True):
        assert found == sorted(range(12), key=lambda place, row=row: (-row[place], place))[:5]
        assert value == row[found].tolist()
    assert most_likely(torch.zeros(1, 3), 5)[1].tolist() == [[0, 1, 2]]
    words = Concepts([Concept(word, "noun", 1, 1) for word in ("ball", "star", "box")], "lists")
    network = Table(3, 3)
    with torch.no_grad():
        network.scores.weight.copy_(torch.eye(3))
        network.scores.bias.zero_()
    seen = {"seen": FeatureSequences(torch.tensor([[[0.0, 2.0, -1.0]]]), torch.tensor([1]))}
    (found,) = detected(network, words, seen, 1, 2, torch.device("cpu"))
    assert [word for word, _ in found] == ["star", "ball"]
    assert [p for _, p in found] == pytest.approx([1 / (1 + math.exp(-2)), 0.5])


# ---- labels ----------------------------------------------------------------------------------------------------------


def with_words(config: Config) -> Concepts:
    layout = Layout(config.results)
    concepts = choose(read_dialogs(layout.dialogs("training")), Vocabulary.read(layout.vocabulary), config.concepts)
    concepts.write(layout.concepts)
    return concepts


def test_labels_are_the_words_of_a_videos_texts(project: Project) -> None:
    config = project(changes=CHANGES)
    concepts = with_words(config)
    examples = gather(config, "detector").training.dataset
    assert isinstance(examples, LabelledVideos)
    batch = examples.batch([(0, None), (3, None)])
    for dialog, labels in zip((examples.dialogs[0], examples.dialogs[3]), batch.labels, strict=True):
        words = {concepts.words[place] for place in labels.nonzero().flatten().tolist()}
        assert words == set(dialog.summary.split()) & set(concepts.words) and words
    assert batch.keys == ((examples.dialogs[0].video_id, 0), (examples.dialogs[3].video_id, 0))
    said = LabelledVideos(examples.dialogs, concepts, {}, (), "answers").batch([(1, None)]).labels[0]
    answers = " ".join(turn.answer for turn in examples.dialogs[1].turns).split()
    assert {concepts.words[place] for place in said.nonzero().flatten().tolist()} == set(answers) & set(concepts.words)


# ---- end to end ------------------------------------------------------------------------------------------------------


def write(config: Config, name: str, split: str) -> Path:
    task_of(config, name).write(config, name, split)
    return Layout(config.results).answers(name, split)


def detectors(config: Config) -> None:
    """The words of every split, as the plan has them made."""
    with_words(config)
    plan = Plan(config)
    train(config, "detector")
    for name in ("detector_fold1of2", "detector_fold2of2"):
        assert name in plan.trained
        train(config, name)
    for name, split in plan.written:
        if config.systems[name].detects:
            write(config, name, split)


def test_from_a_training_to_what_another_system_reads(project: Project) -> None:
    config = project(changes=CHANGES)
    detectors(config)
    layout = Layout(config.results)
    content = read_detected(layout.answers("detector", "trial"))
    assert list(content["concepts"]) == ["p0", "p1", "p2", "p3"]
    assert all(len(words) == 3 for words in content["concepts"].values())
    assert content["k"] == 3 and content["system"]["name"] == "detector"
    for words in content["concepts"].values():
        assert [p for _, p in words] == sorted((p for _, p in words), reverse=True)
    # Of the training videos each fold has its own part, and together they are all of them.
    parts = [layout.answers(f"detector_fold{part}of2", "training") for part in (1, 2)]
    videos = [set(read_detected(path)["concepts"]) for path in parts]
    assert not videos[0] & videos[1]
    assert videos[0] | videos[1] == {f"t{place}" for place in range(12)}
    learned = {dialog.video_id for dialog in gather(config, "detector_fold1of2").training.dataset.dialogs}
    assert learned == videos[1]
    # Scores.
    dialogs = read_dialogs(layout.dialogs("trial"))
    references = layout.references(reference_name("trial", "summary"))
    write_references(references, description_references(dialogs, "summary"))
    assert task_of(config, "detector").references(config.systems["detector"], "trial") == "trial.summary"
    out = layout.scores("detector", "trial")
    request = Request([layout.answers("detector", "trial")], references, "none", None, 20, False, [out])
    task_of(config, "detector").score(request)
    assert json.loads(out.read_text())["signature"]["items"] == 4
    # What reads them.
    words = read_all(parts, 2)
    for name, where in (("shown", "modality"), ("told", "question")):
        materials = gather(config, name)
        batch = materials.training.dataset.batch([(0, None), (5, None)])
        inputs = batch.views["model"]
        ids = [materials.vocabulary.encode(" ".join(words[f"t{place}"])) for place in (0, 5)]
        if where == "modality":
            assert inputs.concepts is not None
            assert inputs.concepts.ids.tolist() == ids and inputs.concepts.lengths.tolist() == [2, 2]
        else:
            assert inputs.concepts is None
            question = materials.vocabulary.encode(
                "what is the " + read_dialogs(layout.dialogs("training"))[0].turns[0].question.split()[3]
            )
            assert inputs.questions.ids[0].tolist()[: 2 + len(question)] == ids[0] + question
        train(config, name)
        answer(config, name, "trial")
    assert view_of(config, "hidden", "test", ["trial"]).concepts is None
    assert view_of(config, "shown", "test", ["trial"]).concepts is not None
    answer(config, "hidden", "trial")
    said = {name: json.loads(layout.answers(name, "trial").read_text())["dialogs"] for name in ("shown", "hidden")}
    assert [each["image_id"] for each in said["hidden"]] == [each["image_id"] for each in said["shown"]]


def test_a_student_sees_words_that_its_teacher_does_not(project: Project) -> None:
    config = project(changes={**CHANGES, "run": ["taught"]})
    detectors(config)
    train(config, "teacher")
    views = gather(config, "taught").training.dataset.batch([(0, None)]).views
    assert views["model"].concepts is not None and views["teacher"].concepts is None
    train(config, "taught")


def test_weights_depend_on_the_words_alone(project: Project) -> None:
    config = project(changes=CHANGES)
    detectors(config)
    layout = Layout(config.results)

    def values() -> dict[str, Any]:
        return dict(depends(config, "shown", gather(config, "shown"), torch.device("cpu"), "32-true"))

    before, path = values(), layout.answers("detector_fold1of2", "training")
    content = json.loads(path.read_text())
    video = next(iter(content["concepts"]))
    third = {**content["concepts"], video: content["concepts"][video][:2]}
    path.write_text(json.dumps({**content, "system": {}, "concepts": third}))
    assert values() == before  # the third word is not read, nor who wrote it
    swapped = {**content["concepts"], video: content["concepts"][video][1::-1]}
    path.write_text(json.dumps({**content, "concepts": swapped}))
    changed = {key for key, value in values().items() if before[key] != value}
    assert changed == {"model.concepts"}
    concepts = Concepts.read(layout.concepts)
    Concepts(concepts.concepts[:-1], "lists").write(layout.concepts)
    found = depends(config, "detector", gather(config, "detector"), torch.device("cpu"), "32-true")
    assert found["vocabulary"] != concepts.hash and found["model.target"] == "summary"


def test_a_training_that_goes_on_ends_with_the_same_weights(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline.training import loop

    whole = project("whole", {**CHANGES, "training": {"epochs": 3, "batch_turns": 4, "learning_rate": 0.01}})
    with_words(whole)
    train(whole, "detector")
    broken = project("broken", {**CHANGES, "training": {"epochs": 3, "batch_turns": 4, "learning_rate": 0.01}})
    with_words(broken)
    monkeypatch.setattr(loop, "SAVE_EVERY_SECONDS", 0)
    learn, steps = loop.Loop._learn, []

    def stops(self: Any, step: Any) -> None:
        if len(steps) == 4:
            raise KeyboardInterrupt
        steps.append(step)
        learn(self, step)

    monkeypatch.setattr(loop.Loop, "_learn", stops)
    with pytest.raises(KeyboardInterrupt):
        train(broken, "detector")
    assert Layout(broken.results).state("detector").is_dir()
    monkeypatch.setattr(loop.Loop, "_learn", learn)
    train(broken, "detector")
    hashes = [weights_hash(Layout(each.results).model("detector")) for each in (whole, broken)]
    assert hashes[0] == hashes[1]


def test_a_planted_world_is_seen_through(project: Project) -> None:
    """Each concept is a direction of a feature: what has it shows the word."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(1)
    from pipeline.networks.registry import build_network
    from pipeline.networks.sizes import TemporalSizes

    network = build_network("temporal", TemporalSizes(width=24, attention=8, dropout=0), 8, {"seen": 8}, False)
    assert isinstance(network, Detector)
    learner = DetectingLearner(network)
    optimizer = torch.optim.Adam(learner.learning(), lr=5e-3)

    def world(count: int) -> Labelled:
        labels = (torch.rand(count, 8, generator=generator) < 0.3).float()
        # At each step one of the eight may show, if the video has it at all.
        shows = torch.eye(8).repeat(count, 1, 1) * labels.unsqueeze(1)
        return Labelled({"seen": FeatureSequences(shows, torch.full((count,), 8))}, labels, ())

    for _ in range(150):
        optimizer.zero_grad()
        learner(world(32)).learned["concepts"].backward()
        optimizer.step()
    learner.eval()
    tested = world(200)
    with torch.no_grad():
        f1 = learner(tested).monitored["f1_half"].item()
        shuffled = learner(replace(tested, labels=tested.labels.flip(0))).monitored["f1_half"].item()
    assert f1 > 0.95 and shuffled < 0.5


# ---- entries that do not fit -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("systems", "message"),
    [
        (
            {"shown": {**PLAIN, "concepts": {"system": "nobody"}}},
            r"systems\.shown\.concepts\.system: 'nobody' is not in",
        ),
        ({"shown": {**PLAIN, "concepts": {"system": "plain"}}}, r"'plain' detects no words; name a system with task"),
        ({"shown": {**PLAIN, "concepts": {"system": "detector", "k": 4}}}, r"concepts\.k: 4, but 'detector' writes 3"),
        (
            {"shown": {**PLAIN, "network": "naive_fusion", "concepts": {"system": "detector", "k": 2}}},
            r"naive_fusion attends to no concept words \(such do: attention\); give question",
        ),
        (
            {"shown": {"label": "s", "model": "plain", "concepts": {"system": "detector"}}},
            "shown.concepts: says otherwise than 'plain'",
        ),
        ({"shown": {**PLAIN, "without": ["concepts"]}}, "'concepts' is not an input of the model"),
        ({"detector": {**DETECTOR, "network": "attention"}}, r"attention does not go with task detect .*temporal"),
        ({"detector": {**DETECTOR, "features": []}}, "nothing can be detected"),
        ({"detector": {**DETECTOR, "concepts": {"system": "detector"}}}, r"systems\.detector\.concepts: no such key"),
        ({"detector": {**DETECTOR, "teacher": "plain"}}, "teacher goes with every loss but"),
    ],
)
def test_entries_that_do_not_fit(project: Project, systems: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        project(changes={**CHANGES, "run": ["shown", "detector"], "systems": {**CHANGES["systems"], **systems}})


def test_words_in_front_of_a_question_that_nobody_asks(project: Project) -> None:
    says = {**PLAIN, "label": "says", "task": "describe", "concepts": {"system": "detector", "place": "question"}}
    with pytest.raises(UserError, match=r"systems\.says.*concepts\.place: question, but it is asked none"):
        project(changes={**CHANGES, "systems": {**CHANGES["systems"], "says": says}})


def test_a_describer_sees_words_too(project: Project) -> None:
    says = {
        **PLAIN, "label": "says", "task": "describe", "concepts": {"system": "detector", "k": 2, "folds": 2},
    }  # fmt: skip
    config = project(changes={**CHANGES, "systems": {**CHANGES["systems"], "says": says}, "run": ["says"]})
    detectors(config)
    inputs = gather(config, "says").training.dataset.batch([(0, None)]).views["model"]
    assert inputs.concepts is not None and inputs.concepts.lengths.tolist() == [2]
    train(config, "says")
    write(config, "says", "trial")


def test_systems_that_compare_see_words_too(project: Project) -> None:
    sizes = {"embedding": 6, "width": 8}
    finds = {
        "label": "finds", "task": "retrieve", "network": "ct_san_find", "sizes": sizes, "features": ["i3d_rgb"],
        "choices": 3, "concepts": {"system": "detector", "k": 2, "folds": 2},
    }  # fmt: skip
    hidden = {"label": "hidden", "task": "retrieve", "model": "finds", "without": ["concepts"]}
    systems = {**CHANGES["systems"], "finds": finds, "finds_hidden": hidden}
    config = project(changes={**CHANGES, "systems": systems, "run": ["finds", "finds_hidden"]})
    detectors(config)
    materials = gather(config, "finds")
    words = read_all([Layout(config.results).answers(f"detector_fold{part}of2", "training") for part in (1, 2)], 2)
    batch = materials.training.dataset.batch([(0, None), (4, None)])
    assert batch.concepts is not None
    assert batch.concepts.ids[0].tolist() == materials.vocabulary.encode(" ".join(words["t0"]))
    assert len(batch.concepts.ids) == len(next(iter(batch.features.values())).lengths)
    train(config, "finds")
    scores = [json.loads(write(config, name, "trial").read_text())["scores"] for name in ("finds", "finds_hidden")]
    assert scores[0].keys() == scores[1].keys() and scores[0] != scores[1]


def test_systems_that_fill_blanks_see_words_too(project: Project) -> None:
    sizes = {"embedding": 6, "width": 8}
    fills = {
        "label": "fills", "task": "fill", "network": "ct_san_fill", "sizes": sizes, "features": ["i3d_rgb"],
        "concepts": {"system": "detector", "k": 2, "in_sample": True}, "text": "summary",
    }  # fmt: skip
    config = project(changes={**CHANGES, "systems": {**CHANGES["systems"], "fills": fills}, "run": ["fills"]})
    concepts, path = with_words(config), Layout(config.results).answers("detector", "training")
    words = {f"t{place}": list(concepts.words[place % 3 : place % 3 + 2]) for place in range(12)}
    found = {video: [[word, 0.5] for word in each] for video, each in words.items()}
    vocabulary = [{"word": each.word, "word_class": each.word_class} for each in concepts.concepts]
    for split in ("training", "validation"):
        given = found if split == "training" else {f"v{place}": found["t0"] for place in range(5)}
        content = {"type": "video_concepts", "k": 2, "vocabulary": vocabulary, "concepts": given}
        write_json(path.with_stem(split), content)
    materials = gather(config, "fills")
    batch = materials.training.dataset.batch([(3, None), (1, None)])
    ids = [materials.vocabulary.encode(" ".join(words[video])) for video, _ in batch.keys]
    assert batch.concepts is not None and batch.concepts.ids[batch.video_rows].tolist() == ids


def test_a_network_that_reads_words_is_shown_some(project: Project) -> None:
    finds = {"label": "f", "task": "retrieve", "network": "ct_san_find", "features": ["i3d_rgb"]}
    with pytest.raises(UserError, match=r"systems\.finds\.network: ct_san_find reads concept words"):
        project(changes={**CHANGES, "systems": {**CHANGES["systems"], "finds": finds}})
    project(changes={**CHANGES, "systems": {**CHANGES["systems"], "finds": {**finds, "sizes": {"semantic": False}}}})


def test_default_concept_words_are_the_papers() -> None:
    assert (ConceptWords().count, ConceptWords().classes) == (2000, ("noun", "verb", "adjective"))
