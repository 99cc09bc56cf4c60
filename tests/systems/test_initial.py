"""Weights taken over from a model with other words, another seed, other features."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from pipeline.config import Config, merge, parse
from pipeline.errors import UserError
from pipeline.networks.base import Network
from pipeline.networks.registry import build_network
from pipeline.networks.sizes import SIZES
from pipeline.systems.initial import check_start, start_folder, take_over
from pipeline.systems.system import build, save
from pipeline.vocabulary.concepts import Concept, Concepts
from pipeline.vocabulary.words import Vocabulary

SPECIAL = ("<pad>", "<unk>", "<sos>", "<eos>")
HERE = Vocabulary((*SPECIAL, "yes", "no", "maybe"), 1)
THERE = Vocabulary((*SPECIAL, "cook", "maybe", "yes", "stir", "pan"), 1)
TINY = {
    "embedding": 4, "question_hidden": 3, "history_hidden": 3, "attention": 3, "context": 5, "decoder_hidden": 4,
    "projection_default": 4, "projection": {}, "standardise": True,
}  # fmt: skip

FUSED: dict[str, Any] = {"embedding": 5, "hidden": 4, "joint": 6, "tensor": 6, "channels": 3}
SMALL: dict[str, dict[str, Any]] = {
    "attention": {key: value for key, value in TINY.items() if key != "standardise"},
    "naive_fusion": {"embedding": 5, "hidden": 4, "projection": 5, "attention": 3, "fusion": 6, "output": 7},
    "hierarchical": {"embedding": 5, "question_hidden": 3, "projection": 6, "attention": 4, "context": 6},
    "captioner": {"width": 6},
    "jsfusion": {**FUSED, "readout": (4, 4, 4)},
    "jsfusion_fill": {**FUSED, "readout": (4,)},
    "tracing": {"grid": (3, 3), "width": 4},
    "temporal": {"width": 4},
    **{name: {"embedding": 5, "width": 6} for name in ("ct_san", "ct_san_fill", "ct_san_choose")},
    "ct_san_find": {"embedding": 5, "width": 6, "sketch": 16, "hidden": 3},
}
SHARED = {"tie_weights": True, "share_embeddings": True}
NETWORKS = [pytest.param(name, {}, id=name) for name in SIZES]
NETWORKS += [
    pytest.param(name, SHARED, id=f"{name} tied") for name in SIZES if "tie_weights" in SIZES[name].model_fields
]


def small(name: str, words: int, changes: dict[str, Any] | None = None) -> Network:
    """Any network, tiny."""
    sizes = SIZES[name].model_validate({**SMALL[name], **(changes or {})})
    return build_network(name, sizes, words, {"frames": 36 if name == "tracing" else 6}, SIZES[name].takes_history)


def words_of(name: str, *words: str) -> Vocabulary:
    """What a network's words are listed in: concept words of a detector, a vocabulary of others."""
    if SIZES[name].can == "detect":
        return Concepts([Concept(word, "noun", 5, 5) for word in words], "tagger")
    return Vocabulary((*SPECIAL, *words), 1)


def trained(folder: Path, network: Network, words: Vocabulary) -> Path:
    """A folder with the weights of ``network`` and its words."""
    folder.mkdir()
    save_file(dict(network.state_dict()), folder / "model.safetensors")
    words.write(folder / "vocabulary.json")
    return folder


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


@pytest.mark.parametrize(
    "there", [("dog", "tree", "cat"), ("stir", "cat", "tree", "pan", "dog")], ids=["as many", "more"]
)
@pytest.mark.parametrize(("name", "changes"), NETWORKS)
def test_of_every_network_each_word_has_what_it_had_there(
    tmp_path: Path, name: str, changes: dict[str, Any], there: tuple[str, ...]
) -> None:
    """Which parameters have a row a word is told by another number of words: these have another size."""
    torch.manual_seed(1)
    known, own = words_of(name, *there), words_of(name, "cat", "dog", "house")
    source, network, longer = (small(name, count, changes) for count in (len(known), len(own), len(own) + 1))
    before = {key: value.clone() for key, value in network.named_parameters()}
    given, sizes = dict(source.named_parameters()), {key: value.shape for key, value in longer.named_parameters()}
    taken = take_over(network, own, trained(tmp_path / "there", source, known))
    assert taken.fresh == () and taken.known == len(own) - 1
    for key, value in network.named_parameters():
        if value.shape == sizes[key]:
            assert torch.equal(value, given[key]), key
            continue
        for row, word in enumerate(own.words):
            expected = before[key][row] if word == "house" else given[key][known.words.index(word)]
            assert torch.equal(value[row], expected), (key, word)


@pytest.mark.parametrize(("name", "changes"), NETWORKS)
def test_of_every_network_all_that_is_saved_is_taken_but_for_the_corpus(
    tmp_path: Path, name: str, changes: dict[str, Any]
) -> None:
    """Running moments of normalisations and the draws of a sketch go with the weights."""
    words = words_of(name, "cat", "dog", "house")
    source, network = (small(name, len(words), {**changes, "standardise": True}) for _ in range(2))
    for key, value in source.named_buffers():
        value.add_(torch.ones_like(value))
        assert not torch.equal(network.get_buffer(key), value), key
    take_over(network, words, trained(tmp_path / "there", source, words))
    after = network.state_dict()
    for key, value in source.state_dict().items():
        assert torch.equal(after[key], value) is (key not in ("standard.frames_mean", "standard.frames_deviation")), key


def test_moments_alone_are_no_start(tmp_path: Path) -> None:
    words = words_of("jsfusion", "cat")
    source = small("jsfusion", len(words))
    folder = trained(tmp_path / "there", source, words)
    save_file(dict(source.named_buffers()), folder / "model.safetensors")
    with pytest.raises(UserError, match=r"there: no weight in it fits"):
        take_over(small("jsfusion", len(words)), words, folder)


def test_where_no_word_is_known_the_rest_is_taken(tmp_path: Path) -> None:
    known, own = words_of("temporal", "cat", "dog", "house"), words_of("temporal", "stir", "pan", "tree")
    source, network = small("temporal", 3), small("temporal", 3)
    before = {key: value.clone() for key, value in network.named_parameters()}
    taken = take_over(network, own, trained(tmp_path / "there", source, known))
    assert (taken.known, taken.fresh) == (0, ("scores.weight", "scores.bias"))
    given = dict(source.named_parameters())
    for key, value in network.named_parameters():
        assert torch.equal(value, (before if key in taken.fresh else given)[key]), key


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
