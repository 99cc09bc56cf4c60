"""Several hypotheses of a turn side by side: the same as with a copy of the turn's memories for each."""

import pytest
import torch

from pipeline.networks.parts import additive


@pytest.mark.parametrize("values", [2**17, 1])  # All turns at once, and one turn at a time.
@pytest.mark.parametrize("gradients", [False, True])
def test_hypotheses_of_a_turn_read_its_one_memory(case, values, gradients, build, make_inputs, monkeypatch):
    monkeypatch.setattr(additive, "WORKING_VALUES", values)
    network = build(*case).eval()
    inputs, _ = make_inputs()
    turns, width = len(inputs.dialog), 3
    copies = torch.arange(turns).repeat_interleave(width)
    with torch.set_grad_enabled(gradients):
        encoded = network.encode(inputs)
        # Each hypothesis has come another way: two words of its own.
        words = torch.arange(2 * turns * width).view(2, -1) % 7 + 4
        shared, copied = network.start(encoded).select(copies), network.start(encoded.select(copies))
        for following in words:
            ours, theirs = network.predict(encoded, shared), network.predict(encoded.select(copies), copied)
            torch.testing.assert_close(ours.logits, theirs.logits)
            torch.testing.assert_close(ours.context, theirs.context)
            for name, share in theirs.attention.items():
                torch.testing.assert_close(ours.attention[name], share)
            if theirs.modality is not None:
                torch.testing.assert_close(ours.modality, theirs.modality)
            # Nothing but the context is needed to go on.
            every = torch.arange(turns * width)
            shared = network.advance(shared, ours.passed_on(every), following)
            copied = network.advance(copied, theirs, following)
        assert not torch.allclose(ours.logits[0], ours.logits[1])
        assert turns > 1 and not torch.allclose(ours.logits[0], ours.logits[width])


def test_passed_on_is_the_context_of_the_rows(case, build, make_inputs):
    network = build(*case).eval()
    inputs, _ = make_inputs()
    encoded = network.encode(inputs)
    prediction = network.predict(encoded, network.start(encoded))
    passed = prediction.passed_on(torch.tensor([1, 1, 0]))
    torch.testing.assert_close(passed.context, prediction.context[[1, 1, 0]])
    assert (len(passed.logits), passed.attention, passed.modality) == (0, {}, None)
