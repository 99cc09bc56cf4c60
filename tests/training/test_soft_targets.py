"""Soft targets computed once teach what those computed anew do."""

from collections.abc import Callable

import pytest
import torch
from safetensors.torch import load_file

from pipeline.config import Config
from pipeline.errors import UserError
from pipeline.layout import Layout
from pipeline.training import learner
from pipeline.training.train import train

Project = Callable[..., Config]


@pytest.mark.parametrize("name", ["st", "st_context"])
@pytest.mark.parametrize("by", ["dialog", "turn"])
def test_the_student_is_the_same(project: Project, monkeypatch: pytest.MonkeyPatch, name: str, by: str) -> None:
    found, passes = {}, []
    quiet = learner._quiet

    def counted(*arguments: object) -> object:
        passes.append(1)
        return quiet(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(learner, "_quiet", counted)
    for most in (0, 1):
        changes = {
            "training": {"batch_by": by, "epochs": 3},
            "systems": {name: {"training": {"cache_soft_targets": most}}},
        }
        config = project(f"{most}", changes)
        train(config, "teacher")
        passes.clear()
        train(config, name)
        found[most] = (load_file(Layout(config.results).model(name) / "model.safetensors"), len(passes))
    for key, value in found[0][0].items():
        torch.testing.assert_close(found[1][0][key], value, rtol=1e-4, atol=1e-5)
    # Once through all turns, not in each of three epochs.
    assert found[1][1] < found[0][1] / 2


def test_more_than_there_is_room_for_is_refused(project: Project) -> None:
    config = project(changes={"systems": {"st": {"training": {"cache_soft_targets": 1}}}})
    train(config, "teacher")
    learner_of = learner.Learner.remember
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(learner.Learner, "remember", lambda self, *args, most: learner_of(self, *args, most=0))
        with pytest.raises(UserError, match=r"training.cache_soft_targets: 0 MiB, but .* words take 0 MiB"):
            train(config, "st")
