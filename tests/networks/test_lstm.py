"""The LSTM against `nn.LSTM` on the same parameters."""

import pytest
import torch
from torch import nn

from pipeline.networks.parts.lstm import LSTM
from pipeline.networks.parts.packing import Packing, pick


def reference(lstm: LSTM, row: torch.Tensor) -> torch.Tensor:
    """Top-layer states of one unpadded sequence by one `nn.LSTM` holding the same parameters."""
    layers, bidirectional = len(lstm.forwards), lstm.directions == 2
    whole = nn.LSTM(row.shape[1], lstm.hidden, layers, bidirectional=bidirectional).double()
    mine = {}
    for layer in range(layers):
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            mine[f"{name}_l{layer}"] = getattr(lstm.forwards[layer], f"{name}_l0")
            if bidirectional:
                mine[f"{name}_l{layer}_reverse"] = getattr(lstm.backwards[layer], f"{name}_l0")
    output: torch.Tensor = torch.func.functional_call(whole, mine, (row.unsqueeze(1),))[0]
    return output.squeeze(1)


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("lengths", [[3, 5, 0, 5, 1], [1], [4, 4], [0, 2], [6, 1, 1, 1, 1, 1]])
def test_outputs_and_gradients_equal_nn_lstm(layers: int, bidirectional: bool, lengths: list[int]) -> None:
    torch.manual_seed(0)
    lstm = LSTM(4, 3, layers, bidirectional).double()
    values = torch.randn(len(lengths), 6, 4, dtype=torch.float64, requires_grad=True)
    packing = Packing.of(torch.tensor(lengths), 6)
    states = lstm(packing.pack(values), packing)
    last = lstm.last(states, packing)
    weights = torch.randn(sum(lengths), lstm.outputs, dtype=torch.float64)
    last_weights = torch.randn_like(last)

    expected, expected_last = [], torch.zeros_like(last)
    for row, length in enumerate(lengths):
        if length:
            expected.append(reference(lstm, values[row, :length]))
            expected_last[row, :3] = expected[-1][-1, :3]
            expected_last[row, 3:] = expected[-1][0, 3:]
    ordered = states[packing.row_major()]
    torch.testing.assert_close(ordered, torch.cat(expected))
    torch.testing.assert_close(last, expected_last)

    wrt = [values, *lstm.parameters()]
    ours = torch.autograd.grad((ordered * weights).sum() + (last * last_weights).sum(), wrt)
    theirs = torch.autograd.grad((torch.cat(expected) * weights).sum() + (expected_last * last_weights).sum(), wrt)
    for name, our, their in zip(["values", *dict(lstm.named_parameters())], ours, theirs, strict=True):
        torch.testing.assert_close(our, their, msg=name)


def test_chunks_hold_every_step_and_little_padding() -> None:
    packing = Packing.of(torch.tensor([1, 9, 3, 3, 9, 2]), 10)
    chunks = packing.chunks(3)
    assert torch.cat([chunk.gather[chunk.keep] for chunk in chunks]).tolist() == list(range(27))
    # Running: 6 5 4 2 2 2 2 2 2. Padding of the first block: 0 + 1 + 2; a fourth step would make it 7.
    assert [(chunk.steps, chunk.rows) for chunk in chunks] == [(3, 6), (6, 2)]


def test_no_sequence_at_all() -> None:
    lstm = LSTM(4, 3, 2, True)
    packing = Packing.of(torch.zeros(0, dtype=torch.int64), 1)
    states = lstm(packing.pack(torch.zeros(0, 1, 4)), packing)
    assert states.shape == (0, 6)
    assert lstm.last(states, packing).shape == (0, 6)


def test_packing_by_hand() -> None:
    packing = Packing.of(torch.tensor([1, 3, 0, 2]), 4)
    assert packing.sizes == (3, 2, 1)
    values = torch.arange(16.0).view(4, 4, 1)
    assert packing.pack(values).flatten().tolist() == [4, 12, 0, 5, 13, 6]
    assert packing.pad(packing.pack(values)).squeeze(2).tolist() == [
        [0, 0, 0, 0],
        [4, 5, 6, 0],
        [0, 0, 0, 0],
        [12, 13, 0, 0],
    ]
    assert packing.slices == [(0, 3), (3, 5), (5, 6)]
    assert pick(packing.pack(values), packing.last).flatten().tolist() == [0, 6, 0, 13]
    assert pick(packing.pack(values) + 1, packing.first).flatten().tolist() == [1, 5, 0, 13]
    assert packing.pack(values)[packing.row_major()].flatten().tolist() == [0, 4, 5, 6, 12, 13]


def test_mixed_precision_runs() -> None:
    torch.manual_seed(0)
    lstm = LSTM(8, 6, 1)
    values = torch.randn(3, 5, 8)
    packing = Packing.of(torch.tensor([5, 2, 4]), 5)
    full = lstm(packing.pack(values), packing)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = lstm(packing.pack(values), packing)
    torch.testing.assert_close(mixed.float(), full, atol=0.02, rtol=0.02)
    mixed.sum().backward()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in lstm.parameters())
