"""Features of overlapping windows, computed together, against the network on windows cut out one by one."""

import pytest
import torch
from torch import Tensor

from pipeline.features import i3d, shared_i3d
from pipeline.features.i3d import I3D
from pipeline.features.shared_i3d import window_features
from pipeline.features.weights import random_i3d
from pipeline.features.windows import Table

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def rgb() -> I3D:
    return random_i3d(3).prepare(CPU)


@pytest.fixture(scope="module")
def flow() -> I3D:
    return random_i3d(2).prepare(CPU)


def clip(frames: int, size: tuple[int, int]) -> Tensor:
    """Colours that change in time and place."""
    generator = torch.Generator().manual_seed(frames)
    coarse = torch.rand(1, 3, frames, 5, 6, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, (frames, *size), mode="trilinear")[0]
    return (smooth * 255).to(torch.uint8).permute(1, 2, 3, 0).contiguous()


def table(window: int, stride: int, frames: int) -> Table:
    rows = range(0, max(1, frames // stride) * stride, stride)
    return tuple(tuple(t if t < frames else first for t in range(first, first + window)) for first in rows)


def check(network: I3D, frames: Tensor, windows: Table) -> None:
    """Every window to 3e-5 of its length. A random network widens float32's rounding: the plain one, with windows in
    batches or alone, differs from itself by 1e-5; one wrong frame makes 0.3."""
    with torch.inference_mode():
        found = window_features(network, frames, windows)
        expected = torch.cat([network.features(frames[list(row)].unsqueeze(0)) for row in windows])
    assert found.shape == expected.shape
    assert expected.std() > 0.01 * expected.abs().max()
    lengths = torch.linalg.vector_norm(expected, dim=1)
    assert (torch.linalg.vector_norm(found - expected, dim=1) < 3e-5 * lengths).all()


@pytest.mark.parametrize(
    ("window", "stride", "frames"),
    [
        (16, 4, 41),
        (16, 2, 24),
        (16, 6, 40),
        (16, 5, 31),
        (16, 16, 32),
        (16, 20, 40),
        (13, 4, 30),
        (8, 4, 16),
        (2, 1, 5),
    ],
)
def test_windows_and_strides(rgb: I3D, window: int, stride: int, frames: int) -> None:
    check(rgb, clip(frames, (40, 48)), table(window, stride, frames))


@pytest.mark.parametrize("size", [(64, 64), (45, 52), (33, 38)])
def test_sizes(rgb: I3D, size: tuple[int, int]) -> None:
    """Even and odd sizes: SAME padding of either kind in every layer."""
    check(rgb, clip(28, size), table(16, 4, 28))


def test_a_gpus_form_of_the_first_layer(rgb: I3D, flow: I3D, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(i3d.PICTURES, "cpu", True)
    check(rgb, clip(28, (45, 52)), table(16, 4, 28))
    check(flow, (clip(24, (33, 38))[..., :2].float() - 128) / 128, table(16, 2, 24))


def test_flow(flow: I3D) -> None:
    fields = (clip(36, (40, 40))[..., :2].float() - 128) / 128
    check(flow, fields, table(16, 4, 36))


def test_clips_of_one_batch_do_not_mix(rgb: I3D) -> None:
    frames = torch.cat([clip(9, (40, 40)), clip(1, (40, 40)), clip(22, (40, 40))])
    parts = [(9, 0), (1, 9), (22, 10)]
    windows = tuple(tuple(begin + number for number in row) for count, begin in parts for row in table(16, 4, count))
    check(rgb, frames, windows)


def test_one_window(rgb: I3D) -> None:
    check(rgb, clip(16, (40, 40)), table(16, 16, 16))


@pytest.mark.parametrize("most", [1, 200_000, 1_000_000])
def test_pieces_do_not_matter(rgb: I3D, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setitem(shared_i3d.PIECE_BYTES, "cpu", most)
    check(rgb, clip(40, (40, 48)), table(16, 4, 40))


def errors(network: I3D, device: torch.device, exact: Tensor) -> tuple[float, float]:
    """Relative errors of the plain network and of shared windows of the same clip."""
    frames, windows = clip(40, (40, 48)), table(16, 4, 40)
    length = torch.linalg.vector_norm
    with torch.inference_mode():
        plain = network.features(torch.stack([frames[list(row)] for row in windows]).to(device)).cpu()
        shared = window_features(network, frames.to(device), windows).cpu()
    return float(length(plain - exact) / length(exact)), float(length(shared - exact) / length(exact))


@pytest.fixture(scope="module")
def exact(rgb: I3D) -> Tensor:
    """Features of that clip in float32."""
    frames, windows = clip(40, (40, 48)), table(16, 4, 40)
    with torch.inference_mode():
        return rgb.features(torch.stack([frames[list(row)] for row in windows]))


def test_bfloat16_rounds_no_more_than_without_sharing(rgb: I3D, exact: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    """The precision of GPUs, on the CPU."""
    monkeypatch.setattr(i3d, "has_bfloat16", lambda device: True)
    plain, shared = errors(rgb, CPU, exact)
    assert 1e-3 < plain < 0.1
    assert shared < 1.2 * plain


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_gpu_rounds_no_more_than_without_sharing(exact: Tensor) -> None:
    device = torch.device("cuda")
    plain, shared = errors(random_i3d(3).prepare(device), device, exact)
    assert plain < 0.1
    assert shared < 1.2 * plain + 1e-5
