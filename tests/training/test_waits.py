"""A step of training reads nothing back from the device it computes on: a GPU is never waited for.

Found out without a GPU: what was sent to the device, and all that is computed from it, is followed through the step.
"""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakTensorKeyDictionary

from pipeline.config import Config, network_sizes
from pipeline.networks.base import Generator
from pipeline.networks.registry import build_network
from pipeline.tensors import Sequences
from pipeline.training.evaluate import perplexity
from pipeline.training.learner import Learner
from pipeline.training.losses import total
from pipeline.training.materials import Materials, gather
from pipeline.training.processes import Place, make_fabric
from pipeline.training.starting import make_learner

SMALL: dict[str, dict[str, Any]] = {
    "attention": {"attention": 4, "context": 6, "decoder_hidden": 7, "question_layers": 1},
    "naive_fusion": {"hidden": 5, "fusion": 6, "output": 5},
    "hierarchical": {"context": 6, "decoder_hidden": 7},
    "ct_san": {"embedding": 5, "width": 6},
}
READS = ("tolist", "item", "cpu", "numpy", "nonzero", "masked_select", "unique")
READS += ("__bool__", "__int__", "__float__", "__index__")


class Followed(TorchFunctionMode):
    """Notes every reading of a value that was sent to the device or computed there."""

    def __init__(self) -> None:
        super().__init__()
        self.there = WeakTensorKeyDictionary()
        self.read: list[str] = []

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = [leaf for leaf in tree_leaves((args, kwargs or {})) if isinstance(leaf, Tensor)]
        name = getattr(function, "__name__", "")
        found = function(*args, **(kwargs or {}))
        device = any(leaf in self.there for leaf in given)
        if device and name in READS:
            self.read.append(name)
        if device and name in ("__getitem__", "__setitem__") and any(leaf.dtype == torch.bool for leaf in given[1:]):
            self.read.append("a mask")
        if device or name == "to":
            for leaf in [*tree_leaves(found), *given[: name == "__setitem__"]]:
                if isinstance(leaf, Tensor):
                    self.there[leaf] = True
        return found


def network(name: str, materials: Materials) -> Generator:
    sizes = network_sizes(name, SMALL[name])
    return build_network(name, sizes, len(materials.vocabulary), materials.dims("model"), sizes.takes_history)


def test_what_is_read_is_noticed() -> None:
    with Followed() as followed:
        sent = torch.tensor([3, 1, 2]).to("cpu")
        torch.tensor([3, 1, 2]).tolist()
        assert followed.read == []
        (sent + 1).sum().item()
        sent[sent > 1]
        (2 * sent).cpu()
    assert followed.read == ["item", "a mask", "cpu"]


@pytest.mark.parametrize("name", ["attention", "naive_fusion", "hierarchical", "ct_san"])
@pytest.mark.parametrize("loss", ["ce", "st_context", "joint"])
def test_a_step_waits_for_nothing(project: Callable[..., Config], name: str, loss: Any) -> None:
    materials = gather(project(), "joint")
    learner = Learner(loss, network(name, materials), None if loss == "ce" else network(name, materials))
    batch = materials.training.read([0, 1, 2])
    with Followed() as followed:
        there = batch.to("cpu")
        terms = learner(there)
        total(terms.learned, 1.0).backward()
    assert followed.read == []
    assert isinstance(there.targets, Sequences) and there.targets.ids in followed.there


def test_where_blanks_are_is_not_read_back(project: Callable[..., Config]) -> None:
    """Of a network that compares: it picks its pairs by rows of the host, which reads where device and host are one."""
    sizes = {"embedding": 5, "hidden": 4, "joint": 6, "tensor": 6, "channels": 3, "words": 6, "readout": [4, 4]}
    entry = {"label": "l", "task": "fill", "network": "jsfusion_fill", "sizes": sizes, "features": ["i3d_rgb"]}
    config = project(changes={"systems": {"filler": entry}})
    materials = gather(config, "filler")
    learner, batch = make_learner(config, "filler", materials), materials.training.read([0, 1, 2])
    with Followed() as followed:
        there = batch.to("cpu")
        total(learner(there).learned, 1.0).backward()
    assert there.texts.ids in followed.there
    assert "cpu" not in followed.read


def test_a_validation_waits_once(project: Callable[..., Config]) -> None:
    materials, fabric = gather(project(), "plain"), make_fabric("cpu", Place(), "32-true")
    measured = network("attention", materials)
    with Followed() as followed:
        perplexity(fabric, measured, materials.validation, 4)
    assert followed.read == ["tolist"]
