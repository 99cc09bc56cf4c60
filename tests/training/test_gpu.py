"""Training on a CUDA device."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from pipeline.config import Config
from pipeline.layout import Layout
from pipeline.training import loop
from pipeline.training.train import train

Project = Callable[..., Config]
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]


def weights(config: Config, name: str) -> dict[str, torch.Tensor]:
    return load_file(Layout(config.results).model(name) / "model.safetensors")


def test_bfloat16_is_the_default_and_learns(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    if not torch.cuda.is_bf16_supported(including_emulation=False):
        pytest.skip("this GPU computes no bfloat16")
    config = project(changes={"device": "cuda", "training": {"epochs": 4}})
    for name in ("teacher", "st", "joint", "fusion"):
        train(config, name)
        said = capsys.readouterr().err
        assert "cuda:0, bf16-mixed" in said
        lines = (Layout(config.results).model(name) / "curves.csv").read_text().splitlines()
        place = lines[0].split(",").index("validation_perplexity")
        perplexities = [float(line.split(",")[place]) for line in lines[1:]]
        assert min(perplexities[1:]) < perplexities[0]
        assert all(weight.dtype == torch.float32 for weight in weights(config, name).values())


def test_a_gpu_learns_what_a_cpu_learns(project: Project) -> None:
    still = {"networks": {"attention": {"dropout": 0.0}}, "training": {"precision": "float32", "learning_rate": 0.001}}
    found = []
    for device in ("cpu", "cuda"):
        config = project(device, {**still, "device": device})
        train(config, "plain")
        found.append(weights(config, "plain"))
    for key, weight in found[0].items():
        torch.testing.assert_close(found[1][key], weight, rtol=0, atol=1e-3)


def test_a_training_stopped_on_a_gpu_goes_on(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not bit for bit: sums on a GPU are added up in any order."""
    changes = {"device": "cuda", "training": {"precision": "float32", "learning_rate": 0.001}}
    calm, harried = project("calm", changes), project("harried", changes)
    train(calm, "plain")
    learn, steps = loop.Loop._learn, [0]

    def stopping(self: loop.Loop, step: Any) -> None:
        steps[0] += 1
        if steps[0] == 3:
            raise KeyboardInterrupt
        learn(self, step)

    monkeypatch.setattr(loop, "SAVE_EVERY_SECONDS", 0.0)
    with monkeypatch.context() as patch:
        patch.setattr(loop.Loop, "_learn", stopping)
        with pytest.raises(KeyboardInterrupt):
            train(harried, "plain")
    train(harried, "plain")
    found, expected = weights(harried, "plain"), weights(calm, "plain")
    for key, weight in expected.items():
        torch.testing.assert_close(found[key], weight, rtol=0, atol=1e-4)
