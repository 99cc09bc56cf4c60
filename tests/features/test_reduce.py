"""The reduction: by hand, against NumPy's two-dimensional transform, and what must come through."""

import math

import numpy as np
import pytest
import torch

from pipeline.features.reduce import kept_steps, positions, reduced, reduced_count, reduced_times, spectral_pool

METHODS = ("downsample", "spectral", "mean", "max")
RATES = (0.2, 0.4, 0.6, 0.8)


def test_steps_kept_by_hand() -> None:
    assert kept_steps(10, 0.5).tolist() == [0, 2, 4, 6, 8]
    assert kept_steps(5, 0.6).tolist() == [0, 1, 3]
    assert kept_steps(7, 0.4).tolist() == [0, 2, 5]
    assert kept_steps(1, 0.2).tolist() == [0]
    assert kept_steps(4, 1).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("rate", [*RATES, 0.05, 0.3, 1 / 3, 0.7, 0.99, 1])
def test_kept_steps_stay_in_the_clip_and_never_repeat(rate: float) -> None:
    for count in range(1, 200):
        kept = kept_steps(count, rate)
        assert kept[0] == 0
        assert kept[-1] < count
        assert (np.diff(kept) >= 1).all()


@pytest.mark.parametrize("method", METHODS)
def test_lengths(method: str) -> None:
    for count in (1, 2, 5, 10, 15, 97):
        for rate, tenths in zip(RATES, (2, 4, 6, 8), strict=True):
            wanted = -(-count * tenths // 10)
            assert reduced_count(count, rate) == wanted
            assert reduced(torch.rand(count, 3), rate, method).shape == (wanted, 3)
            assert positions(count, rate, method).shape == (wanted,)


@pytest.mark.parametrize("method", METHODS)
def test_rate_one_is_the_identity(method: str) -> None:
    values = torch.rand(11, 4)
    assert torch.equal(reduced(values, 1, method), values)
    assert positions(11, 1, method).tolist() == list(range(11))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("rate", RATES)
def test_a_constant_stays(method: str, rate: float) -> None:
    for count in (10, 13, 96):
        values = torch.full((count, 3), -2.5, dtype=torch.float64)
        torch.testing.assert_close(
            reduced(values, rate, method), torch.full_like(values[: reduced_count(count, rate)], -2.5)
        )


def test_pooled_by_hand() -> None:
    values = torch.tensor([1.0, 5, 2, 8, 0, 3])
    assert reduced(values, 0.5, "mean").tolist() == [3, 5, 1.5]
    assert reduced(values, 0.5, "max").tolist() == [5, 8, 3]
    # Six into four: bins 0-1, 1-2, 3-4, 4-5.
    assert reduced(values, 0.6, "mean").tolist() == [3, 3.5, 4, 1.5]
    assert reduced(values, 0.6, "max").tolist() == [5, 5, 8, 3]
    assert positions(6, 0.6, "mean").tolist() == [0.5, 1.5, 3.5, 4.5]


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("count", [100, 101, 96])
def test_slow_sinusoids_survive_and_fast_ones_vanish(rate: float, count: int) -> None:
    left = reduced_count(count, rate)
    for cycles in (1, left // 2 - 1, left // 2 + 1, count // 2 - 1):
        phase = 2 * math.pi * cycles / count
        values = torch.sin(phase * torch.arange(count, dtype=torch.float64) + 0.4).unsqueeze(1)
        found = spectral_pool(values, rate)[:, 0]
        if cycles < left / 2:
            expected = torch.sin(phase * torch.from_numpy(positions(count, rate, "spectral")) + 0.4)
            torch.testing.assert_close(found, expected, atol=1e-9, rtol=0)
        elif cycles > left / 2:
            assert found.abs().max() < 1e-9


@pytest.mark.parametrize("norm", ["mean", "ortho"])
@pytest.mark.parametrize(("count", "rate"), [(20, 0.5), (20, 0.55), (21, 0.4), (21, 0.6), (64, 0.2)])
def test_equal_to_the_crop_of_a_two_dimensional_spectrum(count: int, rate: float, norm: str) -> None:
    values = np.random.default_rng(count).normal(size=(count, 7))
    left = math.ceil(round(count * rate, 9))
    transforms = (
        "ortho" if norm == "ortho" else "forward"
    )  # `forward` divides by the number of values, on the way there
    centred = np.fft.fftshift(np.fft.fft2(values, norm=transforms))
    begin = count // 2 - left // 2
    cropped = np.fft.ifftshift(centred[begin : begin + left])
    expected = np.fft.ifft2(cropped, norm=transforms).real
    found = spectral_pool(torch.from_numpy(values), rate, norm)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_gradients(method: str) -> None:
    values = torch.rand(11, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: reduced(x, 0.4, method), values)


def test_times_are_those_of_what_is_left() -> None:
    times = np.array([0.5, 1.5, 2.5, 3.5, 5.0])
    np.testing.assert_allclose(reduced_times(times, 0.6, "downsample"), [0.5, 1.5, 3.5])
    np.testing.assert_allclose(reduced_times(times, 0.4, "mean"), [1.5, 3.5])  # steps 0-2 and 2-4
    np.testing.assert_allclose(reduced_times(times, 0.4, "spectral"), [0.5, 3.0])  # 0 and 2.5
    assert reduced_times(np.zeros(0), 0.4, "mean").shape == (0,)


def test_more_dimensions_are_pooled_each_for_itself() -> None:
    values = torch.rand(9, 2, 3)
    for method in METHODS:
        found = reduced(values, 0.5, method)
        for row in range(2):
            torch.testing.assert_close(found[:, row], reduced(values[:, row], 0.5, method))
