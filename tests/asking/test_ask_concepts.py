"""Asked about any video, a system sees the concept words that its detector finds in it, as it does of a test set."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pipeline.answers.explain import NO_WORDS
from pipeline.asking.conversation import Conversation
from pipeline.asking.detecting import words_of
from pipeline.asking.opening import converse, gather
from pipeline.asking.system import open_answerer, open_detector
from pipeline.asking.video import VIDEO, VideoFeature
from pipeline.config import Config, parse
from pipeline.corpus.dialogs import Dialog, Turn
from pipeline.dataset.dialogs import DialogDataset
from pipeline.dataset.views import Shown, View
from pipeline.errors import UserError
from pipeline.layout import Layout
from pipeline.networks.detecting import Detector
from pipeline.tensors import FeatureSequences
from pipeline.vocabulary.concepts import Concept, Concepts
from pipeline.vocabulary.words import Vocabulary, build
from pipeline.web.desk import answering
from tests.asking.world import SIZES, WORDS, save_untrained

CPU = torch.device("cpu")
CONCEPTS = {"system": "detector", "k": 3}
SEES: dict[str, Any] = {"network": "attention", "sizes": SIZES, "features": ["seen"]}
DIMS = {"seen": 6, "heard": 4}


def parsed(folder: Path) -> Config:
    systems = {
        "detector": {
            "label": "Detector",
            "task": "detect",
            "network": "temporal",
            "sizes": {"width": 8, "attention": 4, "heads": 2},
            "features": ["heard"],
        },
        "shown": {"label": "Shown", **SEES, "concepts": CONCEPTS},
        "asked": {"label": "Asked", **SEES, "concepts": {**CONCEPTS, "place": "question"}},
        "hidden": {"label": "Hidden", "model": "shown", "without": ["concepts"]},
    }
    features = {"seen": {"network": "i3d_rgb", "weights": "random"}, "heard": {"network": "vggish"}}
    return parse({"results": str(folder), "device": "cpu", "features": features, "systems": systems})


@pytest.fixture
def config(tmp_path: Path) -> Config:
    config = parsed(tmp_path)
    vocabulary = build([Dialog("v", "", "", (Turn(" ".join(WORDS), " ".join(WORDS)),))], frozenset(), 1)
    concepts = Concepts([Concept(word, "noun", 1, 1) for word in ("ball", "red", "left", "colour", "no")], "lists")
    save_untrained(config, "detector", concepts, {"heard": 4}, 2.0)
    for name in ("shown", "asked"):
        save_untrained(config, name, vocabulary, {"seen": 6}, 2.0)
    return config


def features(seed: int = 1) -> dict[str, VideoFeature]:
    generator = np.random.default_rng(seed)
    return {
        name: VideoFeature(dims, generator.normal(size=(5, dims)).astype(np.float32), np.arange(5.0), {})
        for name, dims in DIMS.items()
    }


def conversation(config: Config, name: str) -> Conversation:
    party = gather(config, open_answerer(config, name, False, CPU), None, "clip", CPU)
    assert party.dims == (DIMS if name != "hidden" else {"seen": 6})
    return converse(config, party, features(), [], CPU)


def test_the_words_are_found_in_the_video_and_shown(config: Config) -> None:
    detector = open_detector(config, "detector", CPU)
    words = words_of(detector, features(), 3, CPU)
    network = detector.system.network
    assert isinstance(network, Detector)
    with torch.no_grad():
        values = torch.from_numpy(features()["heard"].values).unsqueeze(0)
        scores = network.detect({"heard": FeatureSequences(values, torch.tensor([5]))}, 1)[0].tolist()
    order = sorted(range(5), key=lambda place: -scores[place])[:3]
    assert list(words) == [detector.vocabulary.words[place] for place in order]

    reply = conversation(config, "shown").ask("what colour is it ?", explain=True)
    assert reply.explanation is not None
    found = {each.name: each for each in reply.explanation.modalities}
    assert found["concepts"].steps == words and found["concepts"].times is None
    assert found["concepts"].weights.shape == (len(reply.explanation.words), 3)
    np.testing.assert_allclose(found["concepts"].weights.sum(1), 1, rtol=1e-5)
    assert reply.explanation.shares is not None and reply.explanation.shares.shape[1] == 4

    in_front = conversation(config, "asked").ask("what colour is it ?", explain=True).explanation
    assert in_front is not None
    steps = {each.name: each.steps for each in in_front.modalities}
    assert steps["question"] == (*words, "what", "colour", "is", "it", "?")

    blind = conversation(config, "hidden").ask("what colour is it ?", explain=True).explanation
    assert blind is not None
    hidden = {each.name: each for each in blind.modalities}["concepts"]
    assert hidden.steps == (NO_WORDS,) and not hidden.weights.any()


def test_the_batch_of_a_test_set_is_the_same(config: Config) -> None:
    asked = conversation(config, "shown")
    inputs = asked._inputs("what is it ?")
    words = words_of(open_detector(config, "detector", CPU), features(), 3, CPU)
    vocabulary = Vocabulary.read(Layout(config.results).model("shown") / "vocabulary.json")
    view = View(("seen",), "none", True, True, Shown({VIDEO: words}, 3, "modality"))
    dialog = Dialog(VIDEO, "", "", (Turn("what is it ?", "no"),))
    batch = DialogDataset([dialog], vocabulary, features(), {"model": view}).batch([(0, [0])]).views["model"]
    assert inputs.concepts is not None and batch.concepts is not None
    assert inputs.concepts.ids.tolist() == batch.concepts.ids.tolist() == [vocabulary.encode(" ".join(words))]


def test_a_detector_that_is_not_there(config: Config) -> None:
    assert answering(config) == ["shown", "asked", "hidden"]
    folder = Layout(config.results).model("detector")
    for path in folder.iterdir():
        path.unlink()
    assert answering(config) == ["hidden"]
    with pytest.raises(UserError, match=r"models/detector: detector has no trained model there"):
        gather(config, open_answerer(config, "shown", False, CPU), None, "clip", CPU)
    with pytest.raises(UserError, match="detector: it answers nothing, it says which concept words a video shows"):
        open_answerer(config, "detector", False, CPU)
