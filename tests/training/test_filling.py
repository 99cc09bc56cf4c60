"""Learning to fill blanks: the loss by hand, sentences by heart, and the task from the configuration to its scores."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pipeline.config import Config
from pipeline.corpus.blanking import draw_and_write
from pipeline.corpus.blanks import MARK, BlankText, read_blanks, reference_name, write_given
from pipeline.corpus.dialogs import UNDISCLOSED, read_dialogs
from pipeline.corpus.references import write_references
from pipeline.corpus.word_classes import tagger
from pipeline.dataset.blanks import Blanked, BlankExamples
from pipeline.errors import UserError
from pipeline.layout import Layout
from pipeline.networks.jsfusion import JSFusionFiller
from pipeline.networks.sizes import JSFusionFillSizes
from pipeline.plan import Plan
from pipeline.scoring.request import Request
from pipeline.systems.blanks import word_scores
from pipeline.tasks.registry import task_of
from pipeline.tensors import FeatureSequences, Sequences
from pipeline.training.filling import FillingLearner
from pipeline.training.materials import gather
from pipeline.training.starting import make_learner
from pipeline.training.train import train
from pipeline.vocabulary import BLANK
from pipeline.vocabulary.words import Vocabulary

Project = Callable[..., Config]
NETWORK = {
    "embedding": 16, "hidden": 16, "joint": 24, "tensor": 24, "channels": 16, "readout": [16, 16], "dropout": 0.0,
    "standardise": True,
}  # fmt: skip
FILLER: dict[str, Any] = {
    "label": "Filler", "task": "fill", "network": "jsfusion_fill", "features": ["i3d_rgb", "vggish"],
    "training": {"epochs": 2, "batch_turns": 5, "batch_by": "turn"},
}  # fmt: skip
BLIND = {**FILLER, "features": []}


def changes(**entry: Any) -> dict[str, Any]:
    return {"networks": {"jsfusion_fill": NETWORK}, "systems": {"filler": {**FILLER, **entry}}}


class Plain(JSFusionFiller):
    """Scores that are given, whatever is asked."""

    def __init__(self, scores: torch.Tensor) -> None:
        super().__init__(JSFusionFillSizes(**{**NETWORK, "standardise": False}), scores.shape[1], {"seen": 2})
        self.scores = scores

    def fill(self, texts: Any, videos: Any) -> torch.Tensor:
        return self.scores


def test_the_loss_by_hand() -> None:
    scores = np.array([[1.0, 0.0, 2.0, -1.0, 0.5, 0.0], [0.0, 3.0, 0.0, 0.0, 1.0, 0.0], [0.0] * 6])
    words = [4, 1, 5]
    batch = Blanked(
        Sequences(torch.tensor([[5, BLANK], [BLANK, 0], [BLANK, 4]]), torch.tensor([2, 1, 2])),
        torch.tensor([1, 0, 0]),
        torch.tensor(words),
        {"seen": FeatureSequences(torch.ones(2, 3, 2), torch.tensor([3, 1]))},
        torch.tensor([0, 1, 0]),
        (("a", 0), ("b", 0), ("a", 1)),
    )
    learner = FillingLearner(Plain(torch.tensor(scores, dtype=torch.float32)), 0.25)
    losses = learner(batch)
    lost = [math.log(sum(math.exp(each) for each in row)) - row[word] for row, word in zip(scores, words, strict=True)]
    assert losses.learned["blank"].item() == pytest.approx(sum(lost) / 3)
    squares = sum(float((weights.detach().double() ** 2).sum()) for weights in learner.model.parameters())
    assert losses.learned["l2"].item() == pytest.approx(0.25 * squares, rel=1e-5)
    assert losses.monitored["right"].item() == pytest.approx(1 / 3)


def learned_by_heart(config: Config, steps: int) -> float:
    """The share of the training's blanks that a network names after ``steps`` of the same batch."""
    torch.manual_seed(0)
    materials = gather(config, "filler")
    learner = make_learner(config, "filler", materials)
    batch = materials.training.read(range(len(materials.training.units)))
    optimizer = torch.optim.Adam(learner.learning(), lr=1e-2)
    for _ in range(steps):
        optimizer.zero_grad()
        learner(batch).learned["blank"].backward()
        optimizer.step()
    with torch.no_grad():
        return float(learner.eval()(batch).monitored["right"])


@pytest.mark.parametrize("mode", ["joint", "blank_only"])
def test_a_filler_learns_a_small_corpus_by_heart_and_the_text_alone_does_not(project: Project, mode: str) -> None:
    """The colours of the corpus are drawn by chance: nothing but the video's features tells one from another."""
    assert learned_by_heart(project(changes=changes(sizes={"mode": mode})), 50) == 1.0
    assert learned_by_heart(project(changes=changes(sizes={"mode": mode}, features=[])), 50) < 0.9


def test_without_features_the_video_changes_nothing(project: Project) -> None:
    config = project(changes=changes(features=[]))
    network: Any = make_learner(config, "filler", gather(config, "filler")).model.eval()
    texts = Sequences(torch.tensor([[5, BLANK, 6], [7, 8, BLANK]]), torch.tensor([3, 3]))
    seen = {"i3d_rgb": FeatureSequences(torch.randn(2, 4, 5), torch.tensor([4, 2]))}
    with torch.no_grad():
        found = [network.fill(network.texts(texts), network.videos(given, 2)) for given in ({}, seen)]
        # W w_b + c of the blank's word, and nothing else.
        by_hand = network.output(network.texts(texts).own)
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], by_hand)
    assert {name.split(".")[0] for name, _ in network.named_parameters()} == {"embedding", "text", "output"}


# ---- examples --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("history", [False, True])
def test_what_is_read_is_the_question_and_the_sentence_less_one_word(project: Project, history: bool) -> None:
    materials = gather(project(changes=changes(history=history)), "filler")
    split, words = materials.training, materials.vocabulary
    dialogs = {dialog.video_id: dialog for dialog in materials.dialogs["training"]}
    batch: Blanked = split.read(range(len(split.units)))
    assert len(batch.keys) == len(set(batch.keys)) == sum(split.turns)
    for row, (video, turn) in enumerate(batch.keys):
        said = dialogs[video].turns
        before = " ".join(f"{each.question} {each.answer}" for each in said[:turn]) if history else ""
        whole = words.encode(f"{before} {said[turn].question} {said[turn].answer}")
        ids = batch.texts.ids[row][: batch.texts.lengths[row]].tolist()
        (place,) = [number for number, each in enumerate(ids) if each == BLANK]
        assert place == int(batch.blanks[row]) >= len(whole) - len(said[turn].answer.split())
        assert [*ids[:place], int(batch.words[row]), *ids[place + 1 :]] == whole
        # The word is neither elsewhere in the sentence nor in the question.
        asked = words.encode(f"{said[turn].question} {said[turn].answer}")
        assert asked.count(int(batch.words[row])) == 1
    assert [batch.keys[row][0] for row in range(3)] == [
        split.dataset.dialogs[split.units[row][0]].video_id for row in range(3)
    ]


def test_blanks_are_new_in_each_batch_and_the_same_in_each_validation(project: Project) -> None:
    split = gather(project(changes=changes(text="summary")), "filler").training
    assert sum(split.turns) == len(split.units) == 12  # a summary each
    first, again, other = (split.read(units) for units in ([0, 1, 2, 3], [0, 1, 2, 3], [3, 2, 1, 0]))
    assert torch.equal(first.texts.ids, again.texts.ids)
    assert dict(zip(first.keys, first.words.tolist(), strict=True)) != dict(
        zip(other.keys, other.words.tolist(), strict=True)
    )
    drawn = {
        word for start in range(12) for word in split.read([(start + each) % 12 for each in range(12)]).words.tolist()
    }
    assert len(drawn) > 4  # colours and things: each sentence has both


def test_a_mark_in_a_dialog_is_a_word_like_any_other() -> None:
    from pipeline.corpus.dialogs import Dialog, Turn

    words = Vocabulary(("<pad>", "<unk>", "<sos>", "<eos>", "red", "star", "a"), 1)
    dialog = Dialog("v", "", "", (Turn(f"a {MARK} ?", f"a {MARK} star"), Turn("what ?", "a red thing")))
    examples = BlankExamples([dialog], words, {}, (), text="answer", history=True)
    (row,) = examples.batch([(0, None)]).texts.ids.tolist()
    assert row.count(BLANK) == 1
    assert row[-2:] == [BLANK, 1]
    with pytest.raises(UserError, match="could be blanked in any summary"):
        BlankExamples([dialog], words, {}, (), text="summary", history=False)


# ---- end to end ------------------------------------------------------------------------------------------------------


def ask(config: Config, text: BlankText) -> Path:
    """The trial set's blanks, as the rule draws them."""
    layout = Layout(config.results)
    trial, out = read_dialogs(layout.dialogs("trial")), layout.references(reference_name("trial", text))
    truth = {(d.video_id, n): [turn.answer] for d in trial for n, turn in enumerate(d.turns)}
    write_references(layout.references("trial"), truth)
    references = layout.references("trial") if text == "answer" else None
    known = Vocabulary.read(layout.vocabulary).known
    draw_and_write(layout.dialogs("trial"), references, layout.dialogs("training"), known, text, 1, out)
    return out


def scored(config: Config, name: str, references: Path) -> dict[str, Any]:
    layout, task = Layout(config.results), task_of(config, name)
    out = layout.scores(name, "trial")
    task.write(config, name, "trial")
    task.score(Request([layout.answers(name, "trial")], references, "none", None, 50, False, [out]))
    content: dict[str, Any] = json.loads(out.read_text())
    return content


@pytest.mark.parametrize(
    "entry",
    [{}, {"history": True}, {"text": "summary", "sizes": {"mode": "blank_only"}}, {"features": [], "text": "summary"}],
    ids=["answer", "history", "summary", "text alone"],
)
def test_filling_from_the_configuration_to_scores(project: Project, entry: dict[str, Any]) -> None:
    config = project(changes={**changes(**entry), "matching": {"run": ["filler"]}})
    layout = Layout(config.results)
    references = ask(config, entry.get("text", "answer"))
    train(config, "filler")
    scores = scored(config, "filler", references)
    asked = read_blanks(references).blanks
    written = json.loads(layout.answers("filler", "trial").read_text())["blanks"]
    assert [(each["image_id"], each["turn"]) for each in written] == list(asked)
    words = Vocabulary.read(layout.vocabulary)
    for each in written:
        assert len(each["words"]) == 5
        assert set(each["words"]) <= words.known
        assert each["scores"] == sorted(each["scores"], reverse=True)
    right = [each["words"][0] == asked[each["image_id"], each["turn"]].word for each in written]
    assert scores["metrics"]["accuracy"] == pytest.approx(np.mean(right))
    info = json.loads((layout.model("filler") / "system.json").read_text())
    assert (info["task"], info["made_with"]["word classes"]) == ("fill", tagger())
    assert 0 < info["metrics"]["validation_mrr"] <= 1
    # Trained again, it is the same model and stays as it is.
    before = (layout.model("filler") / "model.safetensors").read_bytes()
    train(config, "filler")
    assert (layout.model("filler") / "model.safetensors").read_bytes() == before


def test_what_is_written_is_what_the_network_says_of_each_blank_alone(project: Project) -> None:
    """However blanks stand together, and with an answer that the dialogs withhold."""
    from pipeline.answers.writing import open_system
    from pipeline.dataset.blanks import GivenBlanks

    config = project(changes=changes())
    layout = Layout(config.results)
    train(config, "filler")
    given = [("o0", "it is <blank> .", "red"), ("o1", "yes , a <blank> .", "star"), ("o1", "<blank> it is", "nowhere")]
    path = layout.references(reference_name("official", "answer"))
    write_given(path, given, "answer")
    official = read_dialogs(layout.dialogs("official"))
    assert official[0].turns[0].answer == UNDISCLOSED
    task_of(config, "filler").write(config, "filler", "official")
    written = json.loads(layout.answers("filler", "official").read_text())["blanks"]
    opened = open_system(config, "filler", "official")
    network: Any = opened.network.eval()
    blanks = read_blanks(path).blanks
    for each in written:
        key = (each["image_id"], each["turn"])
        dialogs = [dialog for dialog in official if dialog.video_id == key[0]]
        one = GivenBlanks(
            dialogs, opened.vocabulary, opened.stores, opened.view.features,
            blanks={key: blanks[key]}, text="answer", history=False,
        )  # fmt: skip
        with torch.no_grad():
            scores = word_scores(network, one.batch([(0, None)]))[0]
        assert scores.exp().sum().item() == pytest.approx(1, abs=1e-5)
        by_hand = sorted(zip(scores.tolist(), opened.vocabulary.words, strict=True), reverse=True)
        best = [(word, score) for score, word in by_hand if word in opened.vocabulary.known][:5]
        assert each["words"] == [word for word, _ in best]
        assert each["scores"] == pytest.approx([score for _, score in best], abs=1e-4)
    # A word of no vocabulary is wrong, and nothing breaks.
    assert scored_by_hand(config, path)["items"]["o1_1"]["right"] == 0


def scored_by_hand(config: Config, references: Path) -> dict[str, Any]:
    layout = Layout(config.results)
    out = layout.scores("filler", "official")
    answers = [layout.answers("filler", "official")]
    task_of(config, "filler").score(Request(answers, references, "none", None, 0, False, [out]))
    content: dict[str, Any] = json.loads(out.read_text())
    return content


def test_blanks_of_other_dialogs_are_refused(project: Project) -> None:
    config = project(changes=changes())
    train(config, "filler")
    path = Layout(config.results).references(reference_name("trial", "answer"))
    for video, count in (("nobody", 1), ("p0", 4)):
        write_given(path, [(video, "a <blank>", "star")] * count, "answer")
        with pytest.raises(UserError, match=f"dialog {video}, turn .: not in the test set"):
            task_of(config, "filler").write(config, "filler", "trial")


def test_a_training_that_was_interrupted_ends_with_the_same_weights(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which words are missing depends on the batch alone."""
    from pipeline.training.loop import Loop

    config, other = project("whole", changes=changes()), project("halted", changes=changes())
    train(config, "filler")
    learn, done = Loop._learn, 0

    def halted(self: Loop, step: Any) -> None:
        nonlocal done
        learn(self, step)
        done += 1
        self.due = True
        if done == 6:
            self._save()
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Loop, "_learn", halted)
        with pytest.raises(KeyboardInterrupt):
            train(other, "filler")
    train(other, "filler")
    weights = [(Layout(each.results).model("filler") / "model.safetensors").read_bytes() for each in (config, other)]
    assert weights[0] == weights[1]


def test_word_classes_of_another_tagger_make_another_model(
    project: Project, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from pipeline.tasks.fill import Fill

    config = project(changes=changes())
    ask(config, "answer")
    with monkeypatch.context() as patch:
        patch.setattr(Fill, "made_by", lambda self: {"word classes": "another tagger"})
        train(config, "filler")
    task_of(config, "filler").write(config, "filler", "trial")
    assert f"learned with word classes by another tagger; of {config.results}" in capfd.readouterr().err
    before = (Layout(config.results).model("filler") / "system.json").read_bytes()
    train(config, "filler")
    assert (Layout(config.results).model("filler") / "system.json").read_bytes() != before


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"network": "jsfusion"}, "jsfusion does not go with task fill .*jsfusion_fill"),
        ({"task": "choose"}, "does not go with task choose"),
        ({"text": "summary", "history": True}, "history goes with text: answer"),
        ({"text": "caption"}, r"systems\.filler\.text"),
        ({"loss": "ce"}, r"systems\.filler\.loss"),
        ({"choices": 3}, r"systems\.filler\.choices"),
        ({"seeds": 2}, r"systems\.all\.ensemble: of systems that write word by word alone"),
    ],
)
def test_what_does_not_go_together(project: Project, entry: dict[str, Any], message: str) -> None:
    given = changes(**entry)
    if "seeds" in entry:
        given["systems"]["all"] = {"label": "all", "task": "fill", "model": "filler", "ensemble": True}
    with pytest.raises(UserError, match=message):
        project(changes=given)


def test_the_workflows_settings_are_what_its_model_depends_on(project: Project) -> None:
    config = project(changes={**changes(), "matching": {"run": ["filler"]}, "run": ["plain"]})
    plan = Plan(config, check=False)
    assert plan.matching is not None
    settings = json.loads(plan.training_settings("filler"))
    assert settings["systems"]["filler"]["text"] == "answer"
    assert "l2" in settings["training"]
    assert "margin" not in settings["training"]
    with_margin = project(changes={**changes(), "training": {"margin": 3}})
    assert Plan(with_margin, check=False).training_settings("filler") == plan.training_settings("filler")
