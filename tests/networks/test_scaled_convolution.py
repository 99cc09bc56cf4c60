"""The convolution of one map under many scalings: PyTorch's own of each scaled map, and finite differences."""

import pytest
import torch
from torch.nn import functional

from pipeline.networks.parts import scaled_convolution as part
from pipeline.networks.parts.scaled_convolution import ordered, scaled_convolution


def given(grid: tuple[int, int], channels: int = 5, outputs: int = 7) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(4)
    shapes = (3, channels, *grid), (3, 6, channels), (outputs, channels, 3, 3)
    return tuple(torch.randn(shape, generator=generator, dtype=torch.float64, requires_grad=True) for shape in shapes)


def plain(maps: torch.Tensor, scalings: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    scaled = (maps.unsqueeze(1) * scalings[..., None, None]).flatten(0, 1)
    return functional.conv2d(scaled, weight, padding=1).flatten(2).transpose(1, 2).unflatten(0, (3, -1))


def ours(maps: torch.Tensor, scalings: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    return scaled_convolution(maps, scalings, ordered(weight))


# Blocks of one channel, of two and a last one, all at once; and maps by twos, as a GPU with little room has them.
@pytest.mark.parametrize("cached", [1, 2 * 7 * 12, 1 << 20])
@pytest.mark.parametrize("grid", [(4, 3), (1, 1), (2, 2)])
def test_it_is_the_convolution_of_each_scaled_map(cached, grid, monkeypatch) -> None:
    monkeypatch.setattr(part, "CACHED", cached)
    tensors = given(grid)
    both = [function(*tensors) for function in (ours, plain)]
    torch.testing.assert_close(*both)
    gradients = [torch.autograd.grad(made.sin().sum(), tensors) for made in both]
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("held", [1, 2 * 5 * 7 * 12, 1 << 20])
def test_maps_together_as_on_a_gpu_give_the_same(held, monkeypatch) -> None:
    tensors = given((4, 3))
    expected = [plain(*tensors), *torch.autograd.grad(plain(*tensors).sin().sum(), tensors)]
    blocks = part._blocks

    class There:
        """Maps that say that they are on a GPU."""

        device = torch.device("cuda")

        def __init__(self, maps: torch.Tensor) -> None:
            self.shape = maps.shape

    monkeypatch.setattr(part, "HELD", held)
    monkeypatch.setattr(part, "_blocks", lambda maps, outputs: blocks(There(maps), outputs))  # type: ignore[arg-type]
    found = [ours(*tensors), *torch.autograd.grad(ours(*tensors).sin().sum(), tensors)]
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)


def test_finite_differences() -> None:
    assert torch.autograd.gradcheck(ours, given((2, 3), 3, 2))


def test_under_mixed_precision_it_runs_in_full() -> None:
    maps, scalings, weight = (tensor.float() for tensor in given((4, 3)))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = ours(maps.bfloat16(), scalings, weight)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, plain(maps.bfloat16().float(), scalings, weight), rtol=1e-4, atol=1e-4)
