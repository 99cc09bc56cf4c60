"""Optical flow: known motion, OpenCV's stored flow, RAFT's names, scaling, streaming."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from pipeline.config import FlowSettings
from pipeline.errors import UserError
from pipeline.features.flow import flow_method, raft_name, scale, stream_flow

CPU = torch.device("cpu")
METHODS = ["tvl1", "tvl1_opencv", "dis", "farneback", "raft_small"]


@pytest.fixture(autouse=True)
def _uncompiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiling is tested with TV-L1 itself; here it would only cost time."""
    monkeypatch.setattr("pipeline.features.flow.can_fuse", lambda device: False)


def settings(method: str, shared: Path) -> FlowSettings:
    weights = shared / "weights" / "raft-small.pth" if method == "raft_small" else None
    return FlowSettings.model_validate({"method": method, "weights": weights})


def moving(size: int, dx: int, dy: int) -> Tensor:
    """Two frames of a smooth random texture that moves by (dx, dy) pixels: (2, size, size, 3) uint8."""
    generator = torch.Generator().manual_seed(1)
    coarse = torch.rand(1, 3, size // 4, size // 4, generator=generator)
    texture = torch.nn.functional.interpolate(coarse, (size + 16, size + 16), mode="bicubic").clamp(0, 1)[0]
    frames = [texture[:, 8 - t * dy : 8 - t * dy + size, 8 - t * dx : 8 - t * dx + size] for t in (0, 1)]
    return (torch.stack(frames) * 255).to(torch.uint8).permute(0, 2, 3, 1)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", [64, 132])
def test_known_motion(method: str, size: int, shared: Path) -> None:
    flow = flow_method(settings(method, shared), CPU)[0](moving(size, 2, -1))
    assert flow.shape == (1, size, size, 2)
    assert flow.dtype == torch.float32
    middle = flow[0, 16:-16, 16:-16]
    np.testing.assert_allclose(middle.mean(dim=(0, 1)), [2, -1], atol=0.35)


@pytest.mark.parametrize("clip", ["vf", "cavmae"])
def test_tvl1_is_opencvs(clip: str, shared: Path) -> None:
    stored = np.load(shared / "data" / "reference" / "tvl1.npz")
    grays = np.stack([stored[f"{clip}_prev"], stored[f"{clip}_next"]])
    frames = torch.from_numpy(np.repeat(grays[..., None], 3, axis=3))
    flow = flow_method(settings("tvl1_opencv", shared), CPU)[0](frames)[0].numpy()
    assert np.linalg.norm(flow - stored[f"{clip}_flow"], axis=-1).mean() < 0.03  # versions differ by up to 0.022


def test_raft_agrees_with_tvl1_on_a_real_clip(shared: Path) -> None:
    stored = np.load(shared / "data" / "reference" / "tvl1.npz")
    frames = torch.from_numpy(np.repeat(np.stack([stored["vf_prev"], stored["vf_next"]])[..., None], 3, axis=3))
    flow = flow_method(settings("raft_small", shared), CPU)[0](frames)[0].numpy()
    assert np.corrcoef(flow.ravel(), stored["vf_flow"].ravel())[0, 1] > 0.9


def test_raft_names(shared: Path) -> None:
    from torchvision.models.optical_flow import raft_small

    theirs = set(raft_small(weights=None).state_dict())
    original = torch.load(shared / "weights" / "raft-small.pth", map_location="cpu", weights_only=True)
    assert {raft_name(name.removeprefix("module.")) for name in original} == theirs
    assert {raft_name(name) for name in theirs} == theirs


def test_raft_without_weights_says_so() -> None:
    with pytest.raises(UserError, match=r"flow\.weights: not set"):
        flow_method(FlowSettings(method="raft_small"), CPU)


def test_raft_weights_that_do_not_fit(tmp_path: Path) -> None:
    torch.save({"fnet.conv1.weight": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(UserError, match=r"other\.pth: not the weights of RAFT small: no parameter"):
        flow_method(FlowSettings(method="raft_small", weights=tmp_path / "other.pth"), CPU)


def test_scale_by_hand() -> None:
    assert scale(torch.tensor([-30.0, -20.0, 5.0, 0.0, 21.0]), 20).tolist() == [-1, -1, 0.25, 0, 1]


def differences(frames: Tensor) -> Tensor:
    """A stand-in for a method, whose field t can be told: x is frame t + 1, y is frame t."""
    first, second = frames[:-1, ..., :1].float(), frames[1:, ..., :1].float()
    return torch.cat([second, first], dim=-1)


@pytest.mark.parametrize("piece", [1, 2, 5, 9])
def test_stream_computes_each_pair_once_and_repeats_the_last(piece: int) -> None:
    pairs = 0

    def counted(frames: Tensor) -> Tensor:
        nonlocal pairs
        pairs += len(frames) - 1
        return differences(frames)

    clip = torch.arange(9, dtype=torch.uint8).view(9, 1, 1, 1).expand(9, 2, 2, 3)
    flow = torch.cat(list(stream_flow(torch.split(clip, piece), counted, 10)))
    assert flow.shape == (9, 2, 2, 2)
    assert pairs == 8
    np.testing.assert_allclose(flow[:, 0, 0, 0], [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.8])
    np.testing.assert_allclose(flow[:, 0, 0, 1], [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.7])


def test_one_frame_has_a_field_of_zeros() -> None:
    flow = list(stream_flow([torch.ones(1, 4, 6, 3, dtype=torch.uint8)], differences, 20))
    assert len(flow) == 1
    assert flow[0].shape == (1, 4, 6, 2)
    assert not flow[0].any()
