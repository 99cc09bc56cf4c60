"""Weights taken over from a model with other words, another seed, other features."""

from pathlib import Path
from typing import Any

import pytest
import torch

from pipeline.config import Config, merge, parse
from pipeline.errors import UserError
from pipeline.systems.initial import check_start, start_folder, take_over
from pipeline.systems.system import build, save
from pipeline.vocabulary.words import Vocabulary

SPECIAL = ("<pad>", "<unk>", "<sos>", "<eos>")
HERE = Vocabulary((*SPECIAL, "yes", "no", "maybe"), 1)
THERE = Vocabulary((*SPECIAL, "cook", "maybe", "yes", "stir", "pan"), 1)
TINY = {
    "embedding": 4, "question_hidden": 3, "history_hidden": 3, "attention": 3, "context": 5, "decoder_hidden": 4,
    "projection_default": 4, "projection": {}, "standardise": True,
}  # fmt: skip


def config(**overlay: Any) -> Config:
    base = {
        "features": {name: {"network": name} for name in ("i3d_rgb", "vggish")},
        "networks": {"attention": TINY},
        "systems": {"one": {"label": "One", "network": "attention", "features": ["i3d_rgb"], "history": False}},
    }
    return parse(merge(base, overlay))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(1)
    other = config()
    network = build(other, "one", len(THERE), {"i3d_rgb": 6})
    assert network.standard is not None
    network.standard.fit("i3d_rgb", torch.full((6,), 9.0), torch.full((6,), 9.0))
    save(
        tmp_path / "pretrained", network, config=other, name="one", vocabulary=THERE, feature_dims={"i3d_rgb": 6},
        metrics={},
    )  # fmt: skip
    return tmp_path / "pretrained"


def test_words_go_by_spelling_and_the_rest_by_name_and_size(folder: Path) -> None:
    torch.manual_seed(2)
    here = config(systems={"one": {"features": ["i3d_rgb", "vggish"], "history": True}})
    network = build(here, "one", len(HERE), {"i3d_rgb": 6, "vggish": 5})
    before = {name: value.clone() for name, value in network.state_dict().items()}
    torch.manual_seed(1)
    source = build(config(), "one", len(THERE), {"i3d_rgb": 6}).state_dict()
    taken = take_over(network, HERE, folder)
    after = network.state_dict()
    assert taken.known == 6
    for name in ("question.embedding.weight", "embedding.weight", "output.weight", "output.bias"):
        assert name in taken.taken
        for row, word in enumerate(HERE.words):
            expected = before[name][row] if word == "no" else source[name][THERE.words.index(word)]
            assert torch.equal(after[name][row], expected), (name, word)
    for name in ("features.i3d_rgb.linear.weight", "decoder.forwards.0.weight_hh_l0"):
        assert torch.equal(after[name], source[name]) and not torch.equal(after[name], before[name])
    assert {name.split(".")[0] for name in taken.fresh} == {"features", "history", "attention"}
    assert all(torch.equal(after[name], before[name]) for name in taken.fresh)
    assert torch.equal(after["standard.i3d_rgb_mean"], torch.zeros(6))


def test_a_model_of_other_sizes_is_refused_where_nothing_fits(folder: Path) -> None:
    here = config(
        features={"r50": {"network": "i3d_r50"}},
        networks={"attention": {name: 7 for name in TINY if isinstance(TINY[name], int)} | {"standardise": False}},
        systems={"one": {"features": ["r50"]}},
    )
    network = build(here, "one", len(HERE), {"r50": 8})
    for module in (network.get_submodule("output"),):
        module.register_parameter("bias", None)
    with pytest.raises(UserError, match=r"pretrained: no weight in it fits"):
        take_over(network, HERE, folder)


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    network = build(config(), "one", len(HERE), {"i3d_rgb": 6})
    with pytest.raises(UserError, match=r"nothing: no model\.safetensors, so no trained model to start from"):
        take_over(network, HERE, tmp_path / "nothing")


@pytest.mark.parametrize(
    ("start", "place", "message"),
    [
        (
            "gone",
            "gone",
            r"gone: no model\.safetensors, so no trained model to start from \(systems\.one\.init_from\)$",
        ),
        ({"system": "two"}, "results/models/two", "train it first: `avsd train two`"),
        (
            {"captions": "c.json"},
            "results/captions/one/models/one",
            "the workflow makes it: `snakemake results/captions/",
        ),
    ],
)
def test_what_a_system_starts_from_must_be_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: Any, place: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    two = {"label": "Two", "network": "attention", "features": ["i3d_rgb"]}
    here = config(systems={"one": {"init_from": start}, "two": two})
    assert start_folder(here, "one") == Path(place)
    with pytest.raises(UserError, match=message):
        check_start(here, "one")
    Path(place).mkdir(parents=True)
    (Path(place) / "model.safetensors").touch()
    check_start(here, "one")
