"""The GRU against `nn.GRU` and `nn.GRUCell` one sequence and one row at a time."""

import pytest
import torch
from torch import nn

from pipeline.devices import resolve_device
from pipeline.networks.parts import gru
from pipeline.networks.parts.packed_gru import packed_gru
from pipeline.networks.parts.packing import Packing


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("lengths", [[3, 5, 0, 5, 1], [1], [0, 2], [0, 0]])
def test_packed_sequences_equal_single_ones(layers, bidirectional, lengths):
    torch.manual_seed(0)
    network = gru.GRU(4, 3, layers, bidirectional).double()
    values = torch.randn(len(lengths), 6, 4, dtype=torch.float64, requires_grad=True)
    packing = Packing.of(torch.tensor(lengths), 6)
    states = network(packing.pack(values), packing)[packing.row_major()]
    assert states.shape == (sum(lengths), network.outputs)
    if not sum(lengths):
        return
    expected = torch.cat(
        [network.cells(row[:length])[0] for row, length in zip(values, lengths, strict=True) if length]
    )
    torch.testing.assert_close(states, expected)
    weights, wrt = torch.randn_like(states), [values, *network.parameters()]
    ours, theirs = (torch.autograd.grad((found * weights).sum(), wrt) for found in (states, expected))
    for our, their in zip(ours, theirs, strict=True):
        torch.testing.assert_close(our, their)


def test_a_step_equals_the_cell():
    torch.manual_seed(0)
    cell = nn.GRUCell(4, 3).double()
    values, state = torch.randn(5, 4, dtype=torch.float64), torch.randn(5, 3, dtype=torch.float64)
    torch.testing.assert_close(gru.step(cell, gru.product(cell, values), state), cell(values, state))


def test_a_layer_steps_as_a_cell_of_its_weights_does():
    torch.manual_seed(0)
    layer, cell = nn.GRU(4, 3).double(), nn.GRUCell(4, 3).double()
    cell.load_state_dict({key.removesuffix("_l0"): value for key, value in layer.state_dict().items()})
    values, state = torch.randn(5, 4, dtype=torch.float64), torch.randn(5, 3, dtype=torch.float64)
    torch.testing.assert_close(gru.step(layer, gru.product(layer, values), state), cell(values, state))


@pytest.mark.parametrize("lengths", [[3, 5, 0, 5, 1], [1], [0, 2]])
def test_packed_sequences_from_given_states_equal_single_ones(lengths):
    torch.manual_seed(0)
    layer = gru.GRU(4, 3, 1).double()
    values = torch.randn(len(lengths), 6, 4, dtype=torch.float64)
    start = torch.randn(len(lengths), 3, dtype=torch.float64, requires_grad=True)
    packing = Packing.of(torch.tensor(lengths), 6)
    states = layer(packing.pack(values), packing, start)[packing.row_major()]
    alone = [(row[:length], first) for row, length, first in zip(values, lengths, start, strict=True) if length]
    expected = torch.cat([layer.cells(steps, first.unsqueeze(0))[0] for steps, first in alone])
    torch.testing.assert_close(states, expected)
    ours, theirs = (torch.autograd.grad(found.square().sum(), start)[0] for found in (states, expected))
    torch.testing.assert_close(ours, theirs)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_equals_the_cpu():
    torch.manual_seed(0)
    network = gru.GRU(4, 3, 2, True)
    packing = Packing.of(torch.tensor([3, 5, 0, 1]), 6)
    values = torch.randn(4, 6, 4)
    expected = network(packing.pack(values), packing)
    # float32 as the project computes it: left alone, cuDNN would take TF32.
    device = Packing.of(torch.tensor([3, 5, 0, 1]), 6, resolve_device("cuda"))
    found = network.cuda()(device.pack(values.cuda()), device)
    torch.testing.assert_close(found.cpu(), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("sizes", [(3, 3, 2, 1), (4,), (2, 1, 1, 1, 1)])
def test_the_gradient_of_a_packed_layer_is_that_of_finite_differences(sizes):
    torch.manual_seed(0)
    shapes = [(sum(sizes), 3), (sizes[0] + 1, 2), (6, 3), (6, 2), (6,), (6,)]
    given = [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]
    assert torch.autograd.gradcheck(lambda *tensors: packed_gru(sizes, *tensors), given)
