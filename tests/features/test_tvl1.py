"""Batched TV-L1 against OpenCV's functions, the paper's equations in loops, and OpenCV's DualTVL1."""

import os
import subprocess
import sys
from itertools import pairwise
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
    return np.stack([algorithm.calc(a, b, None) for a, b in pairwise(grays)])


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
    on_a_cpu = tvl1.from_rows(tvl1.to_rows(x), x.shape[2:])
    UNFUSED._median(on_a_cpu)
    np.testing.assert_array_equal(on_a_cpu, found)


def test_warp_is_opencvs_remap() -> None:
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(1, 1, 30, 41, generator=generator) * 255
    # At any place, also where the flow leaves the image.
    flow = torch.randn(1, 2, 30, 41, generator=generator) * 4
    y, x = np.mgrid[:30, :41].astype(np.float32)
    expected = cv2.remap(image[0, 0].numpy(), x + flow[0, 0].numpy(), y + flow[0, 1].numpy(), cv2.INTER_CUBIC)
    found = tvl1.warp(tvl1.to_powers_of_two(image), tvl1.sampling_grid(flow, 32, 64))
    np.testing.assert_allclose(found[0, 0], expected, atol=2e-2)
    still = tvl1.warp(tvl1.to_powers_of_two(image), tvl1.sampling_grid(torch.zeros_like(flow), 32, 64))
    np.testing.assert_array_equal(still, image)


@pytest.mark.parametrize("size", [(224, 224), (61, 45), (112, 113), (97, 63)])
def test_pyramid_is_opencvs(size: tuple[int, int]) -> None:
    image = (np.random.default_rng(0).random(size) * 255).astype(np.float32)
    expected = [image]
    for scale in tvl1.pyramid(torch.from_numpy(image)[None, None])[1:]:
        expected.append(cv2.resize(expected[-1], None, fx=0.8, fy=0.8, interpolation=cv2.INTER_LINEAR))
        np.testing.assert_allclose(scale[0, 0], expected[-1], atol=1e-3)
    assert min(expected[-1].shape) >= 16


def test_pyramid_sides_are_rounded_and_never_tiny() -> None:
    assert [tuple(scale.shape[2:]) for scale in tvl1.pyramid(torch.zeros(1, 1, 224, 112))] == [
        (224, 112), (179, 90), (143, 72), (114, 58), (91, 46)
    ]  # fmt: skip
    assert [tuple(scale.shape[2:]) for scale in tvl1.pyramid(torch.zeros(1, 1, 64, 21))] == [(64, 21), (51, 17)]


def one_step_by_loops(
    u: NDArray[np.float64], p: NDArray[np.float64], g: NDArray[np.float64], constant: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """u (2, H, W), p (2, 2, H, W) by component and direction, g (2, H, W) and the constant part of the difference.

    Thresholding (three cases), u = v + theta div p, p = (p + tau/theta grad u) / (1 + tau/theta |grad u|).
    """
    height, width = constant.shape
    tau, lam, theta = 0.25, 0.15, 0.3
    new_u, new_p = np.empty_like(u), np.empty_like(p)
    for i in range(height):
        for j in range(width):
            power = g[:, i, j] @ g[:, i, j]
            rho = constant[i, j] + g[:, i, j] @ u[:, i, j]
            if rho < -lam * theta * power:
                v = u[:, i, j] + lam * theta * g[:, i, j]
            elif rho > lam * theta * power:
                v = u[:, i, j] - lam * theta * g[:, i, j]
            else:
                v = u[:, i, j] - (rho / power * g[:, i, j] if power > 0 else 0)
            for k in range(2):
                left = p[k, 0, i, j - 1] if j else 0
                above = p[k, 1, i - 1, j] if i else 0
                new_u[k, i, j] = v[k] + theta * (p[k, 0, i, j] - left + p[k, 1, i, j] - above)
    for k in range(2):
        for i in range(height):
            for j in range(width):
                right = new_u[k, i, j + 1] - new_u[k, i, j] if j + 1 < width else 0
                below = new_u[k, i + 1, j] - new_u[k, i, j] if i + 1 < height else 0
                shrink = 1 + tau / theta * np.hypot(right, below)
                new_p[k, :, i, j] = (p[k, :, i, j] + tau / theta * np.array([right, below])) / shrink
    return new_u, new_p


@pytest.mark.parametrize("until", [0, 1, 2, 4, 9])
def test_steps_by_the_papers_equations(until: int) -> None:
    """Three pairs: the second stops with its first change that is small enough, the third has stopped before."""
    size = torch.Size((6, 7))
    draw = np.random.default_rng(0).normal
    u, p = draw(size=(3, 2, *size)), draw(size=(3, 2, 2, *size)) * 0.3
    g, constant = draw(size=(3, 2, *size)), draw(size=(3, *size))
    g[:, :, 2, 3] = 0
    p[:, :, 0, :, -1] = p[:, :, 1, -1, :] = 0
    histories = []
    for n in range(3):
        history = [(u[n], p[n])]
        for _ in range(tvl1.BLOCK):
            history.append(one_step_by_loops(*history[-1], g[n], constant[n]))
        histories.append(history)
    changes = np.array([[((b[0] - a[0]) ** 2).sum() for a, b in pairwise(history)] for history in histories])
    enough = -1.0 if until >= tvl1.BLOCK else changes[1, until] * (1 + 1e-9)
    taken = [next((i + 1 for i, change in enumerate(row) if change <= enough), tvl1.BLOCK) for row in changes]
    taken[2] = 0
    power = (g**2).sum(axis=1)
    inverse = -np.divide(1, power, out=np.zeros_like(power), where=power > 0)
    state = tvl1.to_rows(torch.from_numpy(np.concatenate([u, p[:, :, 0], p[:, :, 1]], axis=1)).transpose(0, 1))
    linear = tvl1.to_rows(torch.from_numpy(np.concatenate([g, constant[:, None], inverse[:, None]], 1)).transpose(0, 1))
    sizes = torch.tensor([0.15 * 0.3, 0.3, 0.25 / 0.3, enough], dtype=torch.float64)
    edges = tvl1.inner_edges(*size, torch.device("cpu")).double()
    active = tvl1.steps(state, torch.tensor([[1.0], [1.0], [0.0]]).double(), linear, edges, sizes, size[1] + 1)
    found = tvl1.from_rows(state, size).transpose(0, 1)
    for n, count in enumerate(taken):
        expected_u, expected_p = histories[n][count]
        np.testing.assert_allclose(found[n, :2], expected_u, atol=1e-12)
        np.testing.assert_allclose(found[n, 2:4], expected_p[:, 0], atol=1e-12)
        np.testing.assert_allclose(found[n, 4:], expected_p[:, 1], atol=1e-12)
        assert bool(active[n]) == (n < 2 and not (changes[n] <= enough).any())


def test_linearised_difference_vanishes_where_it_should() -> None:
    """A ramp that moved by 0.75 pixels: from any flow the linear difference is zero at 0.75 along x."""
    x = torch.arange(40.0).expand(1, 1, 30, 40) * 3
    first, second = x, x - 0.75 * 3
    image_and_gradient = tvl1.to_powers_of_two(torch.cat([second, tvl1.central_gradient(second)], dim=1))
    flow = torch.full((1, 2, 30, 40), 0.5)
    parts = tvl1.linearise(tvl1.warp(image_and_gradient, tvl1.sampling_grid(flow, 32, 64)), flow, first)
    across, down, difference, inverse = torch.stack(parts)[:, 0, 4:-4, 4:-4]
    np.testing.assert_allclose(across, 3, atol=1e-4)
    np.testing.assert_allclose(down, 0, atol=1e-4)
    np.testing.assert_allclose(difference + across * 0.75, 0, atol=1e-3)
    np.testing.assert_allclose(inverse, -1 / 9, atol=1e-4)


@pytest.mark.parametrize(("height", "width"), [(96, 128), (61, 45)])
def test_close_to_opencv_on_textures(height: int, width: int) -> None:
    frames = textures(3, height, width)
    ours = UNFUSED(frames)
    assert ours.shape == (2, height, width, 2)
    assert ours.dtype == torch.float32
    assert end_point_difference(ours, opencv_flow(frames.numpy())).max() < 0.1


@pytest.mark.parametrize("clip", ["vf", "cavmae"])
def test_close_to_opencvs_stored_flow(clip: str, shared: Path) -> None:
    stored = np.load(shared / "data" / "reference" / "tvl1.npz")
    grays = np.stack([stored[f"{clip}_prev"], stored[f"{clip}_next"]])
    ours = UNFUSED(torch.from_numpy(np.repeat(grays[..., None], 3, axis=3)))
    assert end_point_difference(ours, stored[f"{clip}_flow"][None])[0] < 0.02


def scenery(size: int) -> NDArray[np.float64]:
    """(size, size), 0 to 255: noise at four scales, smooth enough to be sampled between pixels."""
    draw = np.random.default_rng(3).normal
    noise = sum(cv2.GaussianBlur(draw(size=(size, size)), None, sigma) * sigma for sigma in (1.5, 3, 6, 12))
    return np.clip(128 + 40 * noise / noise.std(), 0, 255)


MOTIONS = {
    "shift 4": np.float64([[1, 0, 4], [0, 1, -1], [0, 0, 1]]),
    "shift 9": np.float64([[1, 0, -5], [0, 1, 7.5], [0, 0, 1]]),
    "zoom": np.float64([[1.12, 0, 0], [0, 1.12, 0], [0, 0, 1]]),
    "turn": np.float64([[np.cos(0.1), -np.sin(0.1), 0], [np.sin(0.1), np.cos(0.1), 0], [0, 0, 1]]),
    "zoom and turn": np.float64([[0.92, -0.08, 2], [0.08, 0.92, -2], [0, 0, 1]]),
}
"""Where a point goes, from the middle of the picture, pixels: up to some ten pixels at 128 x 128."""


@pytest.mark.parametrize("motion", MOTIONS)
def test_fast_made_motion_beside_the_truth_and_opencv(motion: str) -> None:
    """The second frame holds what the first held where it came from, so the flow of every pixel is known."""
    size = 128
    world = scenery(size * 2)
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    moves = MOTIONS[motion]
    back = np.linalg.inv(moves)
    sources = [(x, y), tuple(back[k, 0] * x + back[k, 1] * y + back[k, 2] for k in range(2))]
    middle = world.shape[0] / 2
    frames = [cv2.remap(world, *(np.float32(c + middle) for c in at), cv2.INTER_LANCZOS4) for at in sources]
    rgb = np.repeat(np.stack(frames).round().clip(0, 255).astype(np.uint8)[..., None], 3, axis=3)
    truth = np.stack([(moves[k, 0] * x + moves[k, 1] * y + moves[k, 2]) - at for k, at in ((0, x), (1, y))], axis=-1)
    theirs, ours = opencv_flow(rgb), UNFUSED(torch.from_numpy(rgb))
    stay = (np.abs(truth[..., 0] + x) < size / 2) & (np.abs(truth[..., 1] + y) < size / 2)
    far = [float(np.linalg.norm(flow[0] - truth, axis=-1)[stay].mean()) for flow in (ours.numpy(), theirs)]
    assert 3 < np.linalg.norm(truth, axis=-1).mean() < 10
    assert far[0] <= 1.2 * far[1]
    assert end_point_difference(ours, theirs).max() < 0.1


def test_close_to_opencv_on_real_clips(shared: Path) -> None:
    differences = []
    for path in sorted((shared / "data" / "videos").iterdir()):
        capture = cv2.VideoCapture(str(path))
        capture.set(cv2.CAP_PROP_POS_FRAMES, capture.get(cv2.CAP_PROP_FRAME_COUNT) // 2)
        frames = np.stack([cv2.resize(capture.read()[1][..., ::-1], (80, 80)) for _ in range(2)])
        differences.append(end_point_difference(UNFUSED(torch.from_numpy(frames)), opencv_flow(frames))[0])
    assert len(differences) == 12
    assert np.mean(differences) < 0.02
    assert max(differences) < 0.1


def test_a_cut_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two pictures that have nothing to do with each other: no warp takes more steps than OpenCV allows itself."""
    taken = []

    def counted(state: Tensor, active: Tensor, linear: Tensor, edges: Tensor, sizes: Tensor, stride: int) -> Tensor:
        taken.append(tvl1.BLOCK)
        return tvl1.steps(state, active, linear, edges, sizes, stride)

    cut = torch.randint(0, 256, (2, 20, 20, 3), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    flow = TVL1(fused=False)
    monkeypatch.setattr(flow, "_steps", counted)
    assert flow(cut).isfinite().all()
    assert len(tvl1.pyramid(torch.zeros(1, 1, 20, 20))) == 2
    assert 0 < sum(taken) <= 2 * 5 * 300


@pytest.mark.parametrize("size", [(16, 16), (17, 40), (9, 5)])
def test_tiny_frames(size: tuple[int, int]) -> None:
    flow = UNFUSED(textures(2, *size))
    assert flow.shape == (1, *size, 2)
    assert flow.isfinite().all()


def test_batches_do_not_change_a_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pairs of a batch stop at different steps: slow ones, a fast one and a cut."""
    fast, other = textures(2, 32, 24, shift=7)[1:], textures(3, 32, 24, shift=-3)[2:].flip(1)
    frames = torch.cat([textures(3, 32, 24), fast, other, other.roll(1, 2)])
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
            edges = tvl1.inner_edges(height, width, torch.device("cpu"))
            state, linear = (
                tvl1.to_rows(torch.randn(channels, 1, height, width, generator=generator)) for channels in (6, 4)
            )
            given = torch.ones(1, 1), linear, edges, torch.tensor([0.045, 0.3, 0.25 / 0.3, 0.0]), width + 1
            found, expected = state.clone(), state.clone()
            assert fused._steps(found, *given) == tvl1.steps(expected, *given) == 1
            np.testing.assert_allclose(found, expected, atol=1e-3)
            field = tvl1.from_rows(state[:2], torch.Size((height, width)))
            columns = tvl1.sorted_columns(field)
            sorted_fused = fused._sort_columns(field)
            np.testing.assert_array_equal(fused._median_of_columns(*sorted_fused), tvl1.median_of_columns(*columns))
    # Near the border rounding errors grow from warp to warp: compare means.
    frames = textures(3, 72, 80)
    assert end_point_difference(fused(frames), UNFUSED(frames).numpy()).max() < 1e-2


INTERPRETED = """
import sys, torch
from pipeline.features import tvl1, tvl1_kernels
given = torch.load(sys.argv[1])
size, numbers = torch.Size(given["size"]), tuple(given["numbers"])
tvl1_kernels.LOOK, tvl1_kernels.PIXELS, tvl1_kernels.MEDIANS = 3, 128, 256
median = tvl1_kernels.Buffers(given["state"].clone(), given["linear"], size)
median.median()
tvl1_kernels.settle(given["state"], given["linear"], size, numbers, (2, 5))
torch.save({"median": median.current, "settled": given["state"]}, sys.argv[1])
"""


@pytest.mark.slow
def test_a_gpus_kernels_in_tritons_interpreter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two pairs, of which one is done after a step of each round, and one never."""
    pytest.importorskip("triton", reason="PyTorch brings Triton along on Linux alone")
    draw = torch.Generator().manual_seed(0)
    size = torch.Size((7, 20))  # more places than a program has
    linear = torch.randn(4, 2, *size, generator=draw)
    linear[3] = -1 / (linear[0] ** 2 + linear[1] ** 2)
    linear[:, 0] *= 1e-3
    linear[3, 0] = 0
    fields = torch.cat([torch.randn(2, 2, *size, generator=draw), torch.zeros(4, 2, *size)])
    fields[:2, 0] = 0
    state, rows = tvl1.to_rows(fields), tvl1.to_rows(linear)
    numbers = (0.045, 0.3, 0.25 / 0.3, 0.01)
    monkeypatch.setattr(tvl1, "ROUNDS", 2)
    monkeypatch.setattr(tvl1, "ROUND", 5)
    path = tmp_path / "given.pt"
    torch.save({"state": state, "linear": rows, "size": tuple(size), "numbers": numbers}, path)
    command = [sys.executable, "-c", INTERPRETED, str(path)]
    subprocess.run(command, check=True, env={**os.environ, "TRITON_INTERPRET": "1"})
    found, taken = torch.load(path), []

    def counted(state: Tensor, active: Tensor, *given: Any) -> Tensor:
        active = tvl1.steps(state, active, *given)
        taken.append(int(active.sum()))
        return active

    middle = state.clone()
    UNFUSED._median(tvl1.from_rows(middle[:2], size))
    np.testing.assert_array_equal(found["median"], middle)
    eager = TVL1(fused=False)
    monkeypatch.setattr(eager, "_steps", counted)
    eager._settle(state, rows, size, numbers)
    assert taken == [1, 1]
    np.testing.assert_allclose(found["settled"], state, atol=1e-5)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_gives_the_same() -> None:
    frames = textures(9, 112, 112)
    expected = TVL1(fused=False, exact=True)(frames)
    rounding = (UNFUSED(frames) - expected).norm(dim=-1).mean()
    assert tvl1.can_fuse(torch.device("cuda"))
    for fused in (False, True):
        found = TVL1(fused=fused)(frames.cuda()).cpu()
        assert (found - expected).norm(dim=-1).mean() < 1.5 * rounding + 1e-3
