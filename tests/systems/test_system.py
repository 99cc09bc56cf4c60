"""Systems from configuration to folder and back."""

import stat
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from pipeline.config import Config, parse
from pipeline.dataset.views import View
from pipeline.errors import UserError
from pipeline.files import write_json
from pipeline.leftovers import temporary_name
from pipeline.networks.base import Generator
from pipeline.networks.inputs import Inputs
from pipeline.systems.system import build, finished, load, parameters, parts, recover, save, view_of, weights_hash
from pipeline.tensors import FeatureSequences, Sequences
from pipeline.texts import read_json
from pipeline.vocabulary.words import Vocabulary

TINY = {"embedding": 4, "question_hidden": 3, "history_hidden": 3, "attention": 3, "context": 5, "decoder_hidden": 4}
VOCABULARY = Vocabulary(("<pad>", "<unk>", "<sos>", "<eos>", "yes", "no"), 1)
DIMS = {"i3d_rgb": 6, "vggish": 5, "unused": 7}


@pytest.fixture
def config() -> Config:
    return parse(
        {
            "features": {"i3d_rgb": {"network": "i3d_rgb"}, "vggish": {"network": "vggish"}},
            "networks": {"attention": {**TINY, "projection": {"i3d_rgb": 4, "vggish": 2}}},
            "systems": {
                "teacher": {
                    "label": "Ours", "network": "attention", "features": ["i3d_rgb", "vggish"],
                    "description": {"train": "summary", "test": "summary"}, "training": {"seed": 7},
                },
                "blind": {"label": "Blind", "model": "teacher", "without": ["i3d_rgb", "history"]},
                "text": {"label": "Text", "network": "naive_fusion", "history": False},
            },
        }
    )  # fmt: skip


def inputs() -> Inputs:
    words = Sequences(torch.tensor([[4, 5, 1], [5, 0, 0]]), torch.tensor([3, 1]))
    return Inputs(
        questions=words,
        pairs=words,
        history=torch.tensor([[-1], [0]]),
        features={
            name: FeatureSequences(torch.randn(1, 2, DIMS[name]), torch.tensor([2])) for name in ("i3d_rgb", "vggish")
        },
        dialog=torch.tensor([0, 0]),
    )


def store(folder: Path, config: Config, name: str = "teacher", **more: Any) -> Generator:
    torch.manual_seed(0)
    network = build(config, name, len(VOCABULARY), DIMS)
    save(
        folder, network, config=config, name=name, vocabulary=VOCABULARY, feature_dims=DIMS,
        metrics={"perplexity": 17.25, "epoch": 3}, **more,
    )  # fmt: skip
    return network


def test_views(config: Config) -> None:
    both = ("i3d_rgb", "vggish")
    assert view_of(config, "teacher", "train", ["trial"]) == View(both, "summary", True)
    assert view_of(config, "teacher", "test", ["trial"]) == View(both, "summary", True)
    assert view_of(config, "blind", "train", ["trial"]) == View(both, "summary", True)
    assert view_of(config, "blind", "test", ["trial"]) == View(("vggish",), "none", False)
    assert view_of(config, "text", "test", ["trial"]) == View((), "none", False)


def test_round_trip(config: Config, tmp_path: Path) -> None:
    network = store(tmp_path / "models" / "teacher", config, texts={"curves.csv": "epoch\n1\n"})
    folder = tmp_path / "models" / "teacher"
    loaded = load(folder, VOCABULARY, "cpu")
    given, targets = inputs(), Sequences(torch.tensor([[4, 3], [3, 0]]), torch.tensor([2, 1]))
    assert not loaded.network.training
    torch.testing.assert_close(loaded.network(given, targets).logits, network.eval()(given, targets).logits)
    assert sorted(path.name for path in folder.iterdir()) == [
        "README.md",
        "curves.csv",
        "model.safetensors",
        "system.json",
        "vocabulary.json",
    ]
    assert [path.name for path in folder.parent.iterdir()] == ["teacher"]
    assert stat.S_IMODE(folder.stat().st_mode) & 0o500 == 0o500
    info = loaded.info
    assert info == read_json(folder / "system.json")
    assert info["feature_dims"] == {"i3d_rgb": 6, "vggish": 5}
    assert (info["training"]["seed"], info["vocabulary"]["hash"]) == (7, VOCABULARY.hash)
    assert info["metrics"] == {"perplexity": 17.25, "epoch": 3}
    assert {"torch", "python", "avsd"} <= info["versions"].keys()


def test_the_same_weights_give_the_same_file(config: Config, tmp_path: Path) -> None:
    files = set()
    for number in range(8):
        store(tmp_path / str(number), config, texts={"curves.csv": f"{number}\n"})
        files.add((tmp_path / str(number) / "model.safetensors").read_bytes())
    assert len(files) == 1


def test_a_finished_model_is_known_by_what_it_was_made_with_and_by_its_tensors(config: Config, tmp_path: Path) -> None:
    folder, made_with = tmp_path / "teacher", {"training.seed": 7, "vocabulary": VOCABULARY.hash}
    network = store(folder, config, made_with=made_with)
    assert finished(folder, made_with)
    assert not finished(folder, {**made_with, "training.seed": 8})
    assert not finished(folder, {})
    assert not finished(tmp_path / "none", made_with)
    weights = folder / "model.safetensors"
    known, content = weights_hash(folder), weights.read_bytes()
    # Another file with the same tensors is the same model; one changed value is not.
    save_file(network.state_dict(), weights, metadata={"written": "elsewhere"})
    assert weights.read_bytes() != content
    assert weights_hash(folder) == known
    assert finished(folder, made_with)
    first = next(iter(network.parameters()))
    with torch.no_grad():
        first.flatten()[0] += 1
    save_file(network.state_dict(), weights)
    assert weights_hash(folder) != known
    assert not finished(folder, made_with)
    weights.write_bytes(content[:-3])
    assert not finished(folder, made_with)


def test_a_model_that_stepped_aside_for_one_that_never_came_is_put_back(config: Config, tmp_path: Path) -> None:
    """As a kill leaves it between the two renames."""
    folder = tmp_path / "models" / "teacher"
    store(folder, config)
    content = (folder / "model.safetensors").read_bytes()
    folder.rename(folder.parent / ".teacher.0123abcd.old")
    *mine, start, random = temporary_name("teacher").split("-")
    (folder.parent / "-".join([*mine, str(int(start) + 1), random])).mkdir()  # of another process with this number
    recover(folder)
    assert [path.name for path in folder.parent.iterdir()] == ["teacher"]
    assert (folder / "model.safetensors").read_bytes() == content


def test_card_and_parameter_counts(config: Config, tmp_path: Path) -> None:
    network = store(tmp_path / "teacher", config)
    counted = sum(value.numel() for value in network.state_dict().values())
    assert parameters(network) == counted
    counts = parts(network)
    assert counts["total"] == counted == sum(count for part, count in counts.items() if part != "total")
    assert counts["features"] == 6 * 4 + 4 + 5 * 2 + 2
    assert counts["output"] == (4 + 5) * 6 + 6
    card = (tmp_path / "teacher" / "README.md").read_text()
    assert card.startswith("# Ours\n")
    for line in (
        "| features | 40 |",
        "| output | 60 |",
        f"| total | {counted:,} |",
        "| perplexity | 17.25 |",
        "| Seed | 7 |",
    ):
        assert line in card


def test_parameters_of_the_paper_by_hand() -> None:
    """Sizes of section 4 at the paper's 3,910 words."""
    config = parse(
        {
            "features": {name: {"network": name} for name in ("i3d_rgb", "i3d_flow", "vggish")},
            "systems": {
                "ours": {"label": "Ours", "network": "attention", "features": ["i3d_rgb", "i3d_flow", "vggish"]}
            },
        }
    )
    network = build(config, "ours", 3910, {"i3d_rgb": 2048, "i3d_flow": 2048, "vggish": 128})

    def lstm(inputs: int, hidden: int) -> int:
        return 4 * hidden * (inputs + hidden + 2)

    words = 3910 * 200
    widths = (512, 512, 512, 64, 512)
    assert parts(network) == {
        "question": words + 2 * lstm(200, 256) + 2 * lstm(512, 256),
        "features": 2 * (2048 + 1) * 512 + (128 + 1) * 64,
        "history": words + lstm(200, 256) + lstm(256, 256) + 2 * lstm(256, 256) + 512,
        # A modality: V_k, b_k, w_k; W_ck, b_ck; V_Bk, b_Bk; W_k. Once: W_B, w_B.
        "attention": sum(width * 128 + 2 * 128 + width * 256 + 256 + width * 128 + 128 + 256 * 128 for width in widths)
        + 256 * 128
        + 128,
        "start_state": (512 + 1) * 512,
        "embedding": words,
        "decoder": lstm(200 + 256, 256),
        "output": (256 + 256 + 1) * 3910,
        "total": parameters(network),
    }


def test_model_without_its_inputs_still_answers(config: Config, tmp_path: Path) -> None:
    store(tmp_path / "teacher", config)
    network = load(tmp_path / "teacher", VOCABULARY, "cpu").network
    whole = inputs()
    view = view_of(config, "blind", "test", ["trial"])
    less = Inputs(
        whole.questions,
        Sequences(torch.zeros(0, 1, dtype=torch.int64), torch.zeros(0, dtype=torch.int64)),
        torch.zeros(2, 0, dtype=torch.int64),
        {name: whole.features[name] for name in view.features},
        whole.dialog,
    )
    encoded = network.encode(less)
    prediction = network.predict(encoded, network.start(encoded))
    assert prediction.logits.isfinite().all()
    assert (prediction.attention["i3d_rgb"] == 0).all()


def test_saving_again_takes_the_place_of_the_old_folder(config: Config, tmp_path: Path) -> None:
    store(tmp_path / "teacher", config, texts={"curves.csv": "old"})
    store(tmp_path / "teacher", config)
    assert not (tmp_path / "teacher" / "curves.csv").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["teacher"]


def test_failure_leaves_nothing_and_keeps_the_old_folder(config: Config, tmp_path: Path) -> None:
    store(tmp_path / "teacher", config, texts={"curves.csv": "old"})
    with pytest.raises(ValueError, match="JSON compliant"):
        save(
            tmp_path / "teacher", build(config, "teacher", 6, DIMS), config=config, name="teacher",
            vocabulary=VOCABULARY, feature_dims=DIMS, metrics={"perplexity": float("nan")},
        )  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["teacher"]
    assert (tmp_path / "teacher" / "curves.csv").read_text() == "old"


def test_what_load_refuses(config: Config, tmp_path: Path) -> None:
    folder = tmp_path / "teacher"
    with pytest.raises(UserError, match=r"no system\.json"):
        load(folder, VOCABULARY, "cpu")
    store(folder, config)
    with pytest.raises(UserError, match="another vocabulary"):
        load(folder, Vocabulary((*VOCABULARY.words, "maybe"), 1), "cpu")
    info = read_json(folder / "system.json")
    write_json(folder / "system.json", {**info, "sizes": {**info["sizes"], "context": 6}})
    with pytest.raises(UserError, match="not the weights"):
        load(folder, VOCABULARY, "cpu")
    write_json(folder / "system.json", info)
    (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:-9])
    with pytest.raises(UserError, match="not the weights"):
        load(folder, VOCABULARY, "cpu")
    (folder / "model.safetensors").unlink()
    with pytest.raises(UserError, match=r"no model\.safetensors"):
        load(folder, VOCABULARY, "cpu")
    write_json(folder / "system.json", {"network": "attention"})
    (folder / "model.safetensors").write_bytes(b"")
    with pytest.raises(UserError, match="expected network, sizes"):
        load(folder, VOCABULARY, "cpu")
