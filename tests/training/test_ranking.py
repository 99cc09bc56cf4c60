"""Learning to rank: the hinge by hand, planted worlds that a matcher must see through, and the tasks end to end."""

import json
import random
from collections.abc import Callable
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pipeline.config import Config
from pipeline.corpus.candidates import reference_name, write_candidates
from pipeline.corpus.dialogs import read_dialogs
from pipeline.corpus.references import write_references
from pipeline.corpus.sentences import description_references
from pipeline.dataset.pairs import Pairs
from pipeline.errors import UserError
from pipeline.layout import Layout
from pipeline.networks.ct_san_pairs import CTSANChooser, CTSANFinder
from pipeline.networks.jsfusion import JSFusionFiller, JSFusionNetwork
from pipeline.networks.registry import build_network
from pipeline.networks.sizes import SIZES, JSFusionFillSizes, JSFusionSizes
from pipeline.plan import Plan
from pipeline.ranks import ranks
from pipeline.systems.pairs import encoded_texts, encoded_videos, score_all
from pipeline.tasks.registry import task_of
from pipeline.tensors import FeatureSequences, Sequences
from pipeline.training.materials import gather
from pipeline.training.ranking import RankingLearner, hinge
from pipeline.training.train import train

CPU = torch.device("cpu")
SMALL: dict[str, Any] = {
    "embedding": 16, "hidden": 16, "joint": 24, "tensor": 24, "channels": 16, "readout": (16, 16, 16), "dropout": 0.0,
}  # fmt: skip
PATTERNS = 8


def test_the_hinge_by_hand() -> None:
    scores = torch.tensor([[3.0, 1.0, 4.0], [0.0, -20.0, -5.0]])
    # Row 0: (1 - 3 + 10) + (4 - 3 + 10) = 19; row 1: 0 + (-5 + 10) = 5; six pairs.
    assert hinge(scores, 10.0).item() == pytest.approx(24 / 6)
    assert hinge(torch.tensor([[5.0, -5.0, -7.0]]), 10.0).item() == 0


@pytest.mark.parametrize("semantic", [True, False])
@pytest.mark.parametrize("name", ["ct_san_choose", "ct_san_find"])
def test_the_penalty_of_attention_is_the_mean_over_pairs(name: str, semantic: bool) -> None:
    torch.manual_seed(0)
    small = {"embedding": 6, "width": 5, "dropout": 0.0, "semantic": semantic, "lambda_semantic": 0.5}
    network = build_network(name, SIZES[name].model_validate(small), 12, {"seen": PATTERNS}, False)
    assert isinstance(network, CTSANChooser | CTSANFinder)
    texts, values = Sequences(torch.tensor([[5, 6], [7, 8]]), torch.tensor([2, 2])), torch.rand(2, 3, PATTERNS)
    concepts = Sequences(torch.tensor([[5, 9], [6, 0]]), torch.tensor([2, 1]))
    videos = network.videos({"seen": FeatureSequences(values, torch.tensor([3, 2]))}, concepts=concepts)
    network.videos = lambda features, count=None, concepts=None: videos  # type: ignore[method-assign, assignment]
    rows, columns = torch.tensor([[0, 0], [1, 1]]), torch.tensor([[0, 1], [1, 0]])
    batch = Pairs(texts, {}, rows, columns, (("v", 0), ("v", 1)))
    losses = RankingLearner(network, 1.0, 0.0)(batch)
    pairs = network.scored(network.texts(texts).select(rows.flatten()), videos.select(columns.flatten()))
    assert losses.learned["rank"].item() == pytest.approx(hinge(pairs.scores.view(2, 2), 1.0).item())
    assert ("attention" in losses.learned) is semantic
    if semantic:
        assert pairs.penalty is not None
        # One concept for both words of a pair with the second video: 0.5 (2 + 1 + 1).
        assert pairs.penalty[[1, 2]].tolist() == pytest.approx([2.0, 2.0])
        assert losses.learned["attention"].item() == pytest.approx(pairs.penalty.mean().item())
        losses.learned["attention"].backward()
        assert network.embedding.weight.grad is not None and network.embedding.weight.grad.any()


# ---- planted worlds --------------------------------------------------------------------------------------------------

World = list[tuple[int, ...]]


def features_of(world: World, generator: torch.Generator) -> dict[str, FeatureSequences]:
    """Each pattern is a vector of its own, with a little noise, two steps long."""
    table = torch.eye(PATTERNS)
    values = torch.stack([table[list(video)].repeat_interleave(2, 0) for video in world])
    noise = 0.1 * torch.randn(values.shape, generator=generator)
    return {"seen": FeatureSequences(values + noise, torch.full((len(world),), values.shape[1]))}


def sentences_of(world: World) -> Sequences:
    """Word i + 4 stands for pattern i, in the order of the video."""
    return Sequences(torch.tensor(world) + 4, torch.tensor([len(video) for video in world]))


def taught(sizes: JSFusionSizes, worlds: Callable[[random.Random], World], steps: int, shuffled: bool = False) -> Any:
    """A matcher after ``steps`` batches of 10 videos and their sentences, every pair of them."""
    torch.manual_seed(0)
    generator, draw = torch.Generator().manual_seed(1), random.Random(2)
    network = JSFusionNetwork(sizes, 4 + PATTERNS, {"seen": PATTERNS})
    learner = RankingLearner(network, 1.0, 0.0)
    optimizer = torch.optim.Adam(learner.learning(), lr=3e-3)
    for _ in range(steps):
        world = worlds(draw)
        count = len(world)
        rows = torch.arange(count).unsqueeze(1).expand(-1, count)
        columns = torch.stack(
            [torch.tensor([row, *(other for other in range(count) if other != row)]) for row in range(count)]
        )
        seen = world if not shuffled else draw.sample(world, count)
        batch = Pairs(
            sentences_of(world), features_of(seen, generator), rows, columns, tuple(("v", row) for row in range(count))
        )
        optimizer.zero_grad()
        losses = learner(batch)
        losses.learned["rank"].backward()
        optimizer.step()
    return network.eval()


def found(network: JSFusionNetwork, world: World) -> float:
    """R@1 among the videos of ``world``."""
    features = features_of(world, torch.Generator().manual_seed(9))
    with torch.no_grad():
        texts = encoded_texts(network, sentences_of(world), range(len(world)), CPU)
        videos = encoded_videos(network, features, range(len(world)), CPU)
    scores = score_all(network, [texts], [videos], "planted")
    return float((ranks(scores.numpy(), range(len(world))) == 1).mean())


def different(draw: random.Random) -> World:
    """Ten videos of three patterns each, no two of the same ones."""
    world: dict[frozenset[int], tuple[int, ...]] = {}
    while len(world) < 10:
        video = tuple(draw.sample(range(PATTERNS), 3))
        world.setdefault(frozenset(video), video)
    return list(world.values())


def reordered(draw: random.Random) -> World:
    """Six videos of the same three patterns: only their order tells them apart."""
    return list(permutations(draw.sample(range(PATTERNS), 3)))


def test_a_planted_world_is_seen_through_and_a_shuffled_one_is_not() -> None:
    network = taught(JSFusionSizes(**SMALL), different, 120)
    pools = [different(random.Random(seed)) for seed in range(100, 105)]
    assert [found(network, pool) for pool in pools] == [1.0] * 5
    chance = taught(JSFusionSizes(**SMALL), different, 60, shuffled=True)
    assert np.mean([found(chance, pool) for pool in pools]) < 0.4


def test_order_is_seen_by_the_tensor_better_than_by_final_states() -> None:
    pools = [reordered(random.Random(seed)) for seed in range(100, 110)]
    right = {
        name: float(np.mean([found(taught_network, pool) for pool in pools]))
        for name, taught_network in (
            ("tensor", taught(JSFusionSizes(**SMALL), reordered, 150)),
            ("states", taught(JSFusionSizes(**SMALL, fusion="states"), reordered, 150)),
        )
    }
    assert right["tensor"] > right["states"]
    assert right["tensor"] > 0.5  # one of six by chance


@pytest.mark.parametrize("mode", ["joint", "blank_only"])
def test_a_filler_learns_its_sentences_by_heart(mode: str) -> None:
    torch.manual_seed(0)
    sizes = JSFusionFillSizes(**{**SMALL, "readout": (16, 16)}, mode=mode)
    network = JSFusionFiller(sizes, 4 + PATTERNS, {"seen": PATTERNS})
    world = different(random.Random(1))
    features, sentences = features_of(world, torch.Generator().manual_seed(1)), sentences_of(world)
    wanted, places = sentences.ids.clone(), torch.arange(len(world)) % 3
    wanted = wanted[torch.arange(len(world)), places]
    blanked = sentences.ids.clone()
    blanked[torch.arange(len(world)), places] = 2
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    for _ in range(100):
        optimizer.zero_grad()
        logits = network.fill(network.texts(Sequences(blanked, sentences.lengths)), network.videos(features))
        torch.nn.functional.cross_entropy(logits, wanted).backward()
        optimizer.step()
    with torch.no_grad():
        logits = network.eval().fill(network.texts(Sequences(blanked, sentences.lengths)), network.videos(features))
    assert (logits.argmax(1) == wanted).all()


# ---- end to end ------------------------------------------------------------------------------------------------------

Project = Callable[..., Config]
NETWORK = {**SMALL, "standardise": True, "readout": [16, 16, 16]}
SAYS = {"label": "s", "task": "describe", "network": "attention", "features": ["i3d_rgb"]}
CHOOSER: dict[str, Any] = {
    "label": "Chooser", "task": "choose", "network": "jsfusion", "features": ["i3d_rgb", "vggish"], "choices": 4,
    "training": {"epochs": 2, "batch_turns": 5},
}  # fmt: skip
RETRIEVER: dict[str, Any] = {
    "label": "Retriever", "task": "retrieve", "network": "jsfusion", "features": ["i3d_rgb"], "choices": 3,
    "training": {"epochs": 2, "batch_turns": 5},
}  # fmt: skip
BOTH = {"networks": {"jsfusion": NETWORK}, "systems": {"chooser": CHOOSER, "retriever": RETRIEVER}}


def scored(config: Config, name: str, references: Path) -> dict[str, Any]:
    """What the system writes for the trial set, scored."""
    from pipeline.scoring.request import Request

    layout, out = Layout(config.results), Layout(config.results).scores(name, "trial")
    task = task_of(config, name)
    task.write(config, name, "trial")
    task.score(Request([layout.answers(name, "trial")], references, "none", None, 50, False, [out]))
    content: dict[str, Any] = json.loads(out.read_text())
    return content


@pytest.mark.parametrize("history", [False, True])
def test_choosing_from_the_configuration_to_scores(project: Project, history: bool) -> None:
    systems = {"chooser": {**CHOOSER, "history": history}}
    config = project(changes={**BOTH, "systems": systems, "matching": {"run": ["chooser"]}})
    layout = Layout(config.results)
    trial = read_dialogs(layout.dialogs("trial"))
    truth = {(d.video_id, n): [turn.answer] for d in trial for n, turn in enumerate(d.turns)}
    write_references(layout.references("trial"), truth)
    candidates = layout.references(reference_name("trial"))
    write_candidates(layout.dialogs("trial"), layout.references("trial"), 2, 1, candidates)
    train(config, "chooser")
    scores = scored(config, "chooser", candidates)
    written = json.loads(layout.answers("chooser", "trial").read_text())
    drawn = json.loads(candidates.read_text())["turns"]
    assert [len(turn["scores"]) for turn in written["turns"]] == [3] * len(truth)
    places = [
        sum(score >= turn["scores"][at["right"]] for score in turn["scores"])
        for turn, at in zip(written["turns"], drawn, strict=True)
    ]
    assert scores["metrics"]["mean rank"] == pytest.approx(np.mean(places))
    assert scores["metrics"]["accuracy"] == pytest.approx(np.mean([place == 1 for place in places]))
    assert scores["chance"]["accuracy"] == pytest.approx(1 / 3)
    info = json.loads((layout.model("chooser") / "system.json").read_text())
    assert info["task"] == "choose"
    assert 0 <= info["metrics"]["validation_mrr"] <= 1
    # Trained again, it is the same model and stays as it is.
    before = (layout.model("chooser") / "model.safetensors").read_bytes()
    train(config, "chooser")
    assert (layout.model("chooser") / "model.safetensors").read_bytes() == before


@pytest.mark.parametrize("query", ["summary", "dialog"])
def test_retrieving_from_the_configuration_to_scores(project: Project, query: str) -> None:
    config = project(changes={**BOTH, "systems": {"retriever": {**RETRIEVER, "query": query, "pool": 3}}})
    layout = Layout(config.results)
    trial = read_dialogs(layout.dialogs("trial"))
    references = layout.references("trial.summary")
    write_references(references, description_references(trial, "summary"))
    train(config, "retriever")
    scores = scored(config, "retriever", references)
    written = json.loads(layout.answers("retriever", "trial").read_text())
    # Three of the four videos, each with the scores of all three.
    assert len(written["videos"]) == 3
    assert {len(row) for row in written["scores"].values()} == {3}
    own = {video: row[written["videos"].index(video)] for video, row in written["scores"].items()}
    places = [sum(score >= own[video] for score in row) for video, row in written["scores"].items()]
    assert scores["metrics"]["median rank"] == np.median(places)
    assert scores["metrics"]["R@5"] == 1.0
    assert scores["chance"]["mean rank"] == 2.0


def test_a_training_that_was_interrupted_ends_with_the_same_weights(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which wrong pairs are drawn depends on the batch alone, and the moments of normalisations are in the state."""
    from pipeline.training.loop import Loop

    config = project("whole", changes=BOTH)
    other = project("halted", changes=BOTH)
    train(config, "chooser")
    learn = Loop._learn
    done = 0

    def halted(self: Loop, step: Any) -> None:
        nonlocal done
        learn(self, step)
        done += 1
        self.due = True
        if done == 3:
            self._save()
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Loop, "_learn", halted)
        with pytest.raises(KeyboardInterrupt):
            train(other, "chooser")
    train(other, "chooser")
    weights = [(Layout(each.results).model("chooser") / "model.safetensors").read_bytes() for each in (config, other)]
    assert weights[0] == weights[1]


def test_wrong_pairs_are_new_in_each_batch_and_the_same_in_each_validation(project: Project) -> None:
    config = project(changes=BOTH)
    training = gather(config, "chooser").training
    first, again, other = (training.read(units) for units in ([0, 1], [0, 1], [1, 0]))
    assert torch.equal(first.texts.ids, again.texts.ids)
    assert sorted(first.keys) == sorted(other.keys)
    assert first.texts.ids.tolist() != other.texts.ids.tolist()
    dialogs = training.dataset.dialogs
    videos: Any = training.dataset
    for (dialog, turn), pairs in zip([(0, 0), (1, 0)], videos.pairs([(0, 0), (1, 0)], random.Random(1)), strict=True):
        answers = {text.removeprefix(dialogs[dialog].turns[turn].question + " ") for text, _ in pairs}
        assert pairs[0][0].endswith(dialogs[dialog].turns[turn].answer)
        assert len(answers) == 4
        assert {video for _, video in pairs} == {dialog}
    queries: Any = gather(config, "retriever").training.dataset
    for row, pairs in zip((0, 4), queries.pairs([(0, 0), (4, 0)], random.Random(1)), strict=True):
        assert [text for text, _ in pairs] == [queries.queries[row]] * 3
        shown = [video for _, video in pairs]
        assert shown[0] == row
        assert len(set(shown)) == 3
        assert shown[1] in (0, 4)  # the other one of the batch is encoded anyway


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"systems": {"chooser": {**CHOOSER, "network": "attention"}}},
            "attention does not go with task choose .*jsfusion",
        ),
        (
            {"systems": {"plain": {"label": "p", "network": "jsfusion", "features": ["i3d_rgb"]}}},
            "does not go with task answer",
        ),
        ({"systems": {"chooser": {**CHOOSER, "features": []}}}, "nothing to compare with"),
        ({"systems": {"chooser": {**CHOOSER, "loss": "ce"}}}, r"systems\.chooser\.loss"),
        ({"systems": {"chooser": {**CHOOSER, "teacher": "plain"}}}, "teacher goes with every loss but"),
        ({"systems": {"chooser": {**CHOOSER, "query": "summary"}}}, r"systems\.chooser\.query"),
        ({"matching": {"run": ["says"]}, "systems": {"says": SAYS}}, r"matching\.run: 'says' describes videos"),
        ({"matching": {"run": ["nobody"]}}, r"matching\.run: 'nobody' is not in systems"),
        ({"networks": {"jsfusion": {"tie_weights": True}}}, "tie_weights"),
    ],
)
def test_entries_that_do_not_fit(project: Project, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        project(changes={"run": ["plain"], "networks": {"jsfusion": NETWORK}, **changes})


def test_what_a_matcher_depends_on_is_all_that_its_steps_are_told(project: Project) -> None:
    config = project(changes={**BOTH, "run": [], "matching": {"run": ["chooser", "retriever"]}})

    def settings(changes: dict[str, Any]) -> tuple[Any, ...]:
        from pipeline.config import merge

        planned = Plan.of(merge(config.model_dump(mode="json"), changes), check=False).matching
        assert planned is not None
        return tuple(
            json.loads(text) for text in (planned.training_settings("chooser"), planned.answer_settings("chooser"))
        )

    base = settings({})
    assert base[0]["training"]["margin"] == 10
    assert settings({"systems": {"chooser": {"label": "another"}}}) == base
    assert settings({"training": {"label_smoothing": 0.1}}) == base
    assert settings({"matching": {"distractors": 9}}) == base
    for changes, changed in (
        ({"systems": {"chooser": {"choices": 7}}}, (True, False)),
        ({"systems": {"chooser": {"history": True}}}, (True, True)),
        ({"training": {"margin": 2}}, (True, False)),
        ({"networks": {"jsfusion": {"gates": False}}}, (True, False)),
    ):
        assert tuple(a != b for a, b in zip(settings(changes), base, strict=True)) == changed, changes
    # No other system's model depends on what only these read.
    plain = Plan.of(config.model_dump(mode="json"), check=False).training_settings("plain")
    assert not {"margin", "l2"} & set(json.loads(plain)["training"])
