"""The average of the weights: its values by hand, and what a training does with it."""

from collections.abc import Callable

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from pipeline.config import Config
from pipeline.layout import Layout
from pipeline.training import loop
from pipeline.training.average import Average
from pipeline.training.train import train

Project = Callable[..., Config]


def test_the_average_of_five_steps_by_hand() -> None:
    network = nn.Linear(1, 1, bias=False)
    network.weight.data.fill_(1.0)
    average = Average(network, 0.25)
    expected = 1.0
    for step, value in enumerate((4.0, -2.0, 8.0, 0.5, 3.0), 1):
        network.weight.data.fill_(value)
        average.update()
        kept = min(0.25, step / (step + 9))  # 1/10, 2/11, 1/4, 1/4, 1/4
        expected = kept * expected + (1 - kept) * value
    with average.in_place():
        assert network.weight.item() == pytest.approx(expected, rel=1e-6)
    assert network.weight.item() == 3.0


def test_without_a_share_the_last_weights_stay() -> None:
    network = nn.Linear(1, 1, bias=False)
    average = Average(network, 0.0)
    network.weight.data.fill_(7.0)
    average.update()
    with average.in_place():
        assert network.weight.item() == 7.0


def test_an_average_taken_up_goes_on() -> None:
    network = nn.Linear(2, 3)
    whole, first = Average(network, 0.5), Average(network, 0.5)
    values = torch.randn(6, 3, 2)
    for value in values[:3]:
        network.weight.data.copy_(value)
        whole.update()
        first.update()
    second = Average(network, 0.5)
    second.take_up(first.state())
    for value in values[3:]:
        network.weight.data.copy_(value)
        whole.update()
        second.update()
    assert all(
        torch.equal(one, other) for one, other in zip(*(a.state()["weights"] for a in (whole, second)), strict=True)
    )


def weights(config: Config, name: str) -> dict[str, torch.Tensor]:
    return load_file(Layout(config.results).model(name) / "model.safetensors")


def test_the_average_of_the_steps_is_the_model(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside it: the same training without one, its weights noted after every step."""
    seen: list[dict[str, torch.Tensor]] = []
    learn = loop.Loop._learn

    def noting(self: loop.Loop, step: loop.Step) -> None:
        if not seen:
            seen.append({key: value.clone() for key, value in self.learner.model.state_dict().items()})
        learn(self, step)
        seen.append({key: value.clone() for key, value in self.learner.model.state_dict().items()})

    # One epoch: the perplexity of a second would set another learning rate with the average than without.
    averaged = project("averaged", {"training": {"average": 0.4, "epochs": 1}})
    train(averaged, "plain")
    monkeypatch.setattr(loop.Loop, "_learn", noting)
    train(project("plain", {"training": {"epochs": 1}}), "plain")
    for key, value in weights(averaged, "plain").items():
        expected = seen[0][key]
        for step, found in enumerate(seen[1:], 1):
            kept = min(0.4, step / (step + 9))
            expected = kept * expected + (1 - kept) * found[key]
        torch.testing.assert_close(value, expected, rtol=1e-5, atol=1e-6)
    assert not torch.equal(seen[-1]["output.weight"], weights(averaged, "plain")["output.weight"])
