"""What the fresh weights of the hierarchical network are for."""

import pytest
import torch
from torch import nn

from pipeline.networks.inputs import Inputs
from pipeline.networks.registry import build_network
from pipeline.networks.sizes import HierarchicalSizes
from pipeline.tensors import Sequences

WORDS, TURNS, LONG = 60, 16, 20


def first_steps(kaiming: bool, steps: int) -> tuple[float, float]:
    """How far s_0 varies over the turns, and how large g is, behind ``steps`` of answers that are mostly the same.

    The last word of a question decides the first of its answer; the words before it are as many as a description's.
    """
    torch.manual_seed(0)
    # As on real dialogs.
    sizes = HierarchicalSizes(attention=256, context=512, kaiming_normal=kaiming)
    network = build_network("hierarchical", sizes, WORDS, {}, history=False)
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-3)
    none = Sequences(torch.zeros(0, 1, dtype=torch.int64), torch.zeros(0, dtype=torch.int64))
    history, dialog = torch.zeros(TURNS, 0, dtype=torch.int64), torch.zeros(TURNS, dtype=torch.int64)
    for _ in range(steps):
        words = torch.randint(4, WORDS, (TURNS, LONG))
        answers = torch.tensor([10, 11, 12, 13, 14, 2]).repeat(TURNS, 1)
        answers[:, 0] += 20 * (words[:, -1] % 2)
        inputs = Inputs(Sequences(words, torch.full((TURNS,), LONG)), none, history, {}, dialog)
        decoded = network(inputs, Sequences(answers, torch.full((TURNS,), 6)))
        loss = nn.functional.cross_entropy(decoded.logits, answers.flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 5)
        optimizer.step()
    with torch.no_grad():
        encoded = network.encode(inputs)
        seen = network.predict(encoded, network.start(encoded))
    return encoded.start.std(0).mean().item(), seen.context.abs().mean().item()


@pytest.mark.slow
def test_what_all_answers_share_is_learnt_without_losing_what_tells_questions_apart():
    varies, context = first_steps(kaiming=True, steps=20)
    assert varies > 0.1
    assert context < 0.5
    # What it would be without: on real dialogs it did not come back from there in ten epochs.
    varies, context = first_steps(kaiming=False, steps=20)
    assert varies < 0.03
    assert context > 3


def test_fresh_weights_are_those_of_the_toolkit():
    torch.manual_seed(0)
    network = build_network("hierarchical", HierarchicalSizes(), 500, {"i3d_r50": 300}, history=False)
    for name, values in network.named_parameters():
        if values.dim() > 1:
            assert values.std().item() == pytest.approx((2 / values[0].numel()) ** 0.5, rel=0.1), name
    balance = network.attention.balance
    assert balance.std().item() == pytest.approx((2 / len(balance)) ** 0.5, rel=0.25)
