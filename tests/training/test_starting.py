"""What a training starts with where normalisations have running moments: those of the model that it starts from."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from pipeline.config import Config
from pipeline.errors import UserError
from pipeline.layout import Layout
from pipeline.systems.system import load
from pipeline.tensors import FeatureSequences
from pipeline.training.train import train
from pipeline.vocabulary.words import Vocabulary

Project = Callable[..., Config]
SIZES = {
    "embedding": 5, "hidden": 4, "joint": 6, "tensor": 6, "channels": 3, "readout": [4, 4, 4], "dropout": 0.0,
    "standardise": True,
}  # fmt: skip
MATCHER: dict[str, Any] = {
    "label": "s", "network": "jsfusion", "features": ["i3d_rgb"], "choices": 3,
    "training": {"epochs": 2, "batch_turns": 5},
}  # fmt: skip
RETRIEVER = {**MATCHER, "task": "retrieve"}
FROZEN = {**MATCHER, "task": "choose", "freeze": ["embedding", "text", "video", "tensor"]}
MOMENTS = ("running_mean", "running_var", "num_batches_tracked")


def made(project: Project, **start: Any) -> Config:
    """A trained retriever, and a chooser that has its parts and learns its own readout."""
    systems = {"retriever": RETRIEVER, "chooser": {**FROZEN, **start}}
    config = project(changes={"networks": {"jsfusion": SIZES}, "systems": systems, "matching": {"run": ["chooser"]}})
    if not (Layout(config.results).model("retriever") / "system.json").exists():
        train(config, "retriever")
    return config


def test_frozen_parts_compute_what_they_did(project: Project) -> None:
    config = made(project, init_from={"system": "retriever"})
    train(config, "chooser")
    layout = Layout(config.results)
    vocabulary = Vocabulary.read(layout.vocabulary)
    source, started = (load(layout.model(name), vocabulary, "cpu").network for name in ("retriever", "chooser"))
    moments = {key: value for key, value in source.named_buffers() if key.endswith(MOMENTS)}
    assert moments["video.projection.norm.running_mean"].any()
    assert all(torch.equal(started.get_buffer(key), value) for key, value in moments.items() if "readout" not in key)
    clip = {"i3d_rgb": FeatureSequences(torch.randn(1, 4, 5), torch.tensor([4]))}
    with torch.no_grad():
        found, expected = (network.videos(clip).values for network in (started, source))  # type: ignore[operator]
    assert expected.any() and torch.equal(found, expected)


def test_frozen_parts_without_moments_are_named(project: Project, tmp_path: Path) -> None:
    """A file of another program may hold weights alone: its parts cannot be what they were."""
    bare = tmp_path / "bare"
    config = made(project, init_from=str(bare))
    source = Layout(config.results).model("retriever")
    weights = load_file(source / "model.safetensors")
    bare.mkdir()
    save_file({key: value for key, value in weights.items() if not key.endswith(MOMENTS)}, bare / "model.safetensors")
    (bare / "vocabulary.json").write_bytes((source / "vocabulary.json").read_bytes())
    with pytest.raises(
        UserError, match=r"nothing has learned \(video\.projection\.norm\.running_mean, .*tensor\."
    ) as said:
        train(config, "chooser")
    assert "readout" not in str(said.value) and "\n" not in str(said.value)
