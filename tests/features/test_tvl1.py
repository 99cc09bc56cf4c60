"""Batched TV-L1 against OpenCV's functions, the paper's equations in loops, and OpenCV's DualTVL1."""

import itertools
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad

from pipeline.features import tvl1
from pipeline.features.tvl1 import TVL1

UNFUSED = TVL1(fused=False)


def textures(count: int, height: int, width: int, shift: float = 1.5) -> Tensor:
    """Frames (count, height, width, 3) uint8 of a texture of waves that moves to the right and breathes."""
    y, x = np.mgrid[:height, :width].astype(np.float64)
    frames = []
    for t in range(count):
        waves = np.sin((x - shift * t) / 5) + np.cos((y + x * 0.3 - shift * t) / 7) + np.sin((x + 2 * y + t) / 11)
        frames.append(np.stack([127 + 40 * waves, 120 + 35 * waves, 110 + 30 * np.sin(y / 9) * waves], axis=-1))
    return torch.from_numpy(np.stack(frames).clip(0, 255).astype(np.uint8))


def opencv_flow(frames: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Flow between neighbours of (T, H, W, 3) frames by OpenCV's DualTVL1 with its defaults: (T - 1, H, W, 2)."""
    algorithm: Any = cv2.optflow.DualTVL1OpticalFlow.create()
    grays = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]
    return np.stack([algorithm.calc(a, b, None) for a, b in itertools.pairwise(grays)])


def end_point_difference(ours: Tensor, theirs: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.linalg.norm(ours.numpy() - theirs, axis=-1).mean(axis=(1, 2))


def test_gray_is_opencvs() -> None:
    frames = torch.randint(0, 256, (3, 40, 50, 3), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    expected = np.stack([cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames.numpy()])
    np.testing.assert_array_equal(tvl1.gray(frames), expected)


def test_median_by_sorting() -> None:
    x = torch.randn(2, 2, 19, 23, generator=torch.Generator().manual_seed(0))
    padded = pad(x, (2, 2, 2, 2), mode="replicate")
    windows = padded.unfold(2, 5, 1).unfold(3, 5, 1).flatten(4)
    found = tvl1.median_of_columns(*tvl1.sorted_columns(padded))
    np.testing.assert_array_equal(found, windows.sort(dim=-1).values[..., 12])
    np.testing.assert_array_equal(found[1, 0], cv2.medianBlur(x[1, 0].numpy(), 5))


def test_warp_is_opencvs_remap() -> None:
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(1, 1, 30, 41, generator=generator) * 255
    # OpenCV tabulates its kernel every 1/32 pixel: at such places both agree, also where the flow leaves the image.
    flow = torch.randint(-200, 200, (1, 2, 30, 41), generator=generator) / 32
    y, x = np.mgrid[:30, :41].astype(np.float32)
    expected = cv2.remap(image[0, 0].numpy(), x + flow[0, 0].numpy(), y + flow[0, 1].numpy(), cv2.INTER_CUBIC)
    np.testing.assert_allclose(tvl1.warp(image, flow)[0, 0], expected, atol=2e-2)


def test_pyramid_sides_are_rounded_and_never_tiny() -> None:
    assert [tuple(scale.shape[2:]) for scale in tvl1.pyramid(torch.zeros(1, 1, 224, 112))] == [
        (224, 112), (179, 90), (143, 72), (114, 58), (91, 46)
    ]  # fmt: skip
    assert [tuple(scale.shape[2:]) for scale in tvl1.pyramid(torch.zeros(1, 1, 64, 21))] == [(64, 21), (51, 17)]


def test_a_step_by_the_papers_equations() -> None:
    """Thresholding (three cases), u = v + theta div p, p = (p + tau/theta grad u) / (1 + tau/theta |grad u|)."""
    height, width = 6, 7
    draw = np.random.default_rng(0).normal
    u, p = draw(size=(2, height, width)), draw(size=(2, 2, height, width)) * 0.3
    gradient, u0, difference = draw(size=(2, height, width)), draw(size=(2, height, width)), draw(size=(height, width))
    gradient[:, 2, 3] = 0
    p[:, 0, :, -1] = p[:, 1, -1, :] = 0
    tau, lam, theta = 0.25, 0.15, 0.3
    new_u = np.empty_like(u)
    for i in range(height):
        for j in range(width):
            g = gradient[:, i, j]
            power = g @ g
            rho = difference[i, j] + g @ (u[:, i, j] - u0[:, i, j])
            if rho < -lam * theta * power:
                v = u[:, i, j] + lam * theta * g
            elif rho > lam * theta * power:
                v = u[:, i, j] - lam * theta * g
            else:
                v = u[:, i, j] - (rho / power * g if power > 0 else 0)
            for k in range(2):
                left = p[k, 0, i, j - 1] if j else 0
                above = p[k, 1, i - 1, j] if i else 0
                new_u[k, i, j] = v[k] + theta * (p[k, 0, i, j] - left + p[k, 1, i, j] - above)
    new_p = np.empty_like(p)
    for k in range(2):
        for i in range(height):
            for j in range(width):
                right = new_u[k, i, j + 1] - new_u[k, i, j] if j + 1 < width else 0
                below = new_u[k, i + 1, j] - new_u[k, i, j] if i + 1 < height else 0
                shrink = 1 + tau / theta * np.hypot(right, below)
                new_p[k, :, i, j] = (p[k, :, i, j] + tau / theta * np.array([right, below])) / shrink
    power = (gradient**2).sum(axis=0)
    inverse = np.divide(1, power, out=np.zeros_like(power), where=power > 0)
    offset = -(difference - (gradient * u0).sum(axis=0)) * inverse
    given = [torch.from_numpy(x)[None] for x in (u, p[:, 0], p[:, 1], gradient, -gradient * inverse, offset[None])]
    flow, dual_x, dual_y = tvl1.step(*given)
    np.testing.assert_allclose(flow[0], new_u, atol=1e-12)
    np.testing.assert_allclose(dual_x[0], new_p[:, 0], atol=1e-12)
    np.testing.assert_allclose(dual_y[0], new_p[:, 1], atol=1e-12)


def test_linearised_difference_vanishes_where_it_should() -> None:
    """A ramp that moved by 0.75 pixels: from any flow the linear difference is zero at 0.75 along x."""
    x = torch.arange(40.0).expand(1, 1, 30, 40) * 3
    first, second = x, x - 0.75 * 3
    image_and_gradient = torch.cat([second, tvl1.central_gradient(second)], dim=1)
    flow = torch.full((1, 2, 30, 40), 0.5)
    gradient, slope, offset = tvl1.linearise(flow, first, image_and_gradient)
    solution = torch.tensor([0.75, 0.0]).view(1, 2, 1, 1)
    inside = (..., slice(4, -4), slice(4, -4))
    np.testing.assert_allclose(gradient[inside][:, 0], 3, atol=1e-4)
    np.testing.assert_allclose(((slope * solution).sum(1, keepdim=True) + offset)[inside], 0, atol=1e-4)


@pytest.mark.parametrize(("height", "width"), [(96, 128), (61, 45)])
def test_close_to_opencv_on_textures(height: int, width: int) -> None:
    frames = textures(4, height, width)
    ours = UNFUSED(frames)
    assert ours.shape == (3, height, width, 2)
    assert ours.dtype == torch.float32
    assert end_point_difference(ours, opencv_flow(frames.numpy())).max() < 0.1


@pytest.mark.parametrize("clip", ["vf", "cavmae"])
def test_close_to_opencvs_stored_flow(clip: str, shared: Path) -> None:
    stored = np.load(shared / "data" / "reference" / "tvl1.npz")
    grays = np.stack([stored[f"{clip}_prev"], stored[f"{clip}_next"]])
    ours = UNFUSED(torch.from_numpy(np.repeat(grays[..., None], 3, axis=3)))
    assert end_point_difference(ours, stored[f"{clip}_flow"][None])[0] < 0.1


def test_close_to_opencv_on_real_clips(shared: Path) -> None:
    differences = []
    for path in sorted((shared / "data" / "videos").iterdir()):
        capture = cv2.VideoCapture(str(path))
        capture.set(cv2.CAP_PROP_POS_FRAMES, capture.get(cv2.CAP_PROP_FRAME_COUNT) // 2)
        frames = np.stack([cv2.resize(capture.read()[1][..., ::-1], (112, 112)) for _ in range(2)])
        differences.append(end_point_difference(UNFUSED(torch.from_numpy(frames)), opencv_flow(frames))[0])
    assert len(differences) == 12
    assert np.mean(differences) < 0.1
    assert np.median(differences) < 0.05
    assert max(differences) < 0.5  # frames that are 1/6 s apart


@pytest.mark.parametrize("size", [(16, 16), (17, 40), (9, 5)])
def test_tiny_frames(size: tuple[int, int]) -> None:
    flow = UNFUSED(textures(2, *size))
    assert flow.shape == (1, *size, 2)
    assert flow.isfinite().all()


def test_batches_do_not_change_a_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = textures(6, 48, 40)
    one_by_one = UNFUSED(frames)
    for size in (2, 3, 64):
        monkeypatch.setitem(tvl1.PAIRS, "cpu", size)
        np.testing.assert_allclose(UNFUSED(frames), one_by_one, atol=1e-4)


def test_nothing_moves() -> None:
    still = textures(1, 40, 40).expand(3, -1, -1, -1)
    np.testing.assert_allclose(UNFUSED(still), 0, atol=1e-2)
    np.testing.assert_array_equal(UNFUSED(torch.full((2, 40, 40, 3), 7, dtype=torch.uint8)), 0)


@pytest.mark.slow
def test_fused_equals_unfused() -> None:
    fused = TVL1(fused=True)
    generator = torch.Generator().manual_seed(0)
    with torch.inference_mode():
        for height, width in ((40, 52), (31, 33)):
            given = [torch.randn(1, channels, height, width, generator=generator) for channels in (2, 2, 2, 2, 2, 1)]
            for found, expected in zip(fused._steps(*given), tvl1.steps(*given), strict=True):
                np.testing.assert_allclose(found, expected, atol=1e-4)
            columns = tvl1.sorted_columns(given[0])
            np.testing.assert_array_equal(
                fused._median(*fused._sort_columns(given[0])), tvl1.median_of_columns(*columns)
            )
    # Near the border a rounding error can decide which 1/32 of a pixel is sampled: compare means.
    frames = textures(3, 72, 80)
    assert end_point_difference(fused(frames), UNFUSED(frames).numpy()).max() < 1e-2


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_gives_the_same() -> None:
    frames = textures(9, 112, 112)
    expected = UNFUSED(frames)
    for fused in (False, True):
        found = TVL1(fused=fused)(frames.cuda()).cpu()
        assert (found - expected).norm(dim=-1).mean() < 1e-2
