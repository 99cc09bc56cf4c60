"""Both networks against plain NumPy, written from the equations of section 4, one turn and one word at a time."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from pipeline.networks.base import DialogNetwork
from pipeline.networks.inputs import Inputs
from pipeline.networks.registry import build_network
from pipeline.networks.sizes import AttentionSizes, NaiveFusionSizes
from pipeline.tensors import Sequences

Array = np.ndarray[Any, np.dtype[np.float64]]
Maker = Callable[..., tuple[Inputs, Sequences]]
DIMS = {"i3d_rgb": 6, "vggish": 5}
START = 2


def sigmoid(x: Array) -> Array:
    result: Array = 1 / (1 + np.exp(-x))
    return result


def softmax(x: Array) -> Array:
    shares = np.exp(x - x.max())
    result: Array = shares / shares.sum()
    return result


class Weights:
    """A network's parameters by name."""

    def __init__(self, network: DialogNetwork) -> None:
        self.all = {name: value.detach().numpy() for name, value in network.named_parameters()}

    def __call__(self, name: str) -> Array:
        return self.all[name]

    def cell(self, name: str, x: Array, h: Array, c: Array) -> tuple[Array, Array]:
        """One LSTM step: gates input, forget, candidate, output."""
        gates = self(f"{name}.weight_ih_l0") @ x + self(f"{name}.bias_ih_l0")
        gates = gates + self(f"{name}.weight_hh_l0") @ h + self(f"{name}.bias_hh_l0")
        i, f, g, o = np.split(gates, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        return sigmoid(o) * np.tanh(c), c

    def lstm(self, name: str, sequence: Sequence[Array], backwards: bool = False) -> list[Array]:
        size = self(f"{name}.weight_hh_l0").shape[1]
        h, c, states = np.zeros(size), np.zeros(size), []
        for x in reversed(sequence) if backwards else sequence:
            h, c = self.cell(name, x, h, c)
            states.append(h)
        return states[::-1] if backwards else states

    def layers(self, name: str, sequence: list[Array], layers: int, bidirectional: bool) -> list[Array]:
        for layer in range(layers):
            states = self.lstm(f"{name}.forwards.{layer}", sequence)
            if bidirectional:
                other = self.lstm(f"{name}.backwards.{layer}", sequence, backwards=True)
                states = [np.concatenate(pair) for pair in zip(states, other, strict=True)]
            sequence = states
        return sequence

    def words(self, name: str, ids: Sequence[int]) -> list[Array]:
        return [self(f"{name}.weight")[word] for word in ids]


def final(states: list[Array], bidirectional: bool) -> Array:
    """Forward last state beside backward first state."""
    half = len(states[0]) // 2
    return np.concatenate((states[-1][:half], states[0][half:])) if bidirectional else states[-1]


def tokens(sequences: Sequences, row: int) -> list[int]:
    return list(sequences.ids[row, : int(sequences.lengths[row])].tolist())


def history_of(weights: Weights, inputs: Inputs, turn: int, bidirectional: bool) -> list[Array]:
    vectors = []
    for pair in [place for place in inputs.history[turn].tolist() if place >= 0]:
        words = weights.words("history.words.embedding", tokens(inputs.pairs, pair))
        vectors.append(weights.layers("history.words.lstm", words, 2, False)[-1])
    return weights.layers("history.pairs", vectors, 1, bidirectional) if vectors else [weights("history.empty")]


def feature_of(inputs: Inputs, name: str, turn: int) -> list[Array]:
    dialog = int(inputs.dialog[turn])
    feature = inputs.features[name]
    return [step.numpy() for step in feature.values[dialog, : int(feature.lengths[dialog])]]


def ready(network: DialogNetwork) -> DialogNetwork:
    """Double precision, and no parameter left at a constant."""
    network.double().eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.5)
    return network


def test_attention_network(make_inputs: Maker) -> None:
    torch.manual_seed(3)
    sizes = AttentionSizes(
        embedding=5, question_hidden=3, history_hidden=4, projection={"i3d_rgb": 7, "vggish": 3}, attention=4,
        context=6, decoder_hidden=5, dropout=0.5,
    )  # fmt: skip
    network = ready(build_network("attention", sizes, 11, DIMS, history=True))
    inputs, targets = make_inputs()
    weights = Weights(network)
    names = ["question", "i3d_rgb", "vggish", "history"]
    logits, contexts = [], []
    for turn in range(5):
        question = weights.words("question.embedding", tokens(inputs.questions, turn))
        h: dict[str, list[Array]] = {"question": weights.layers("question.lstm", question, 2, True)}
        for name in DIMS:
            weight, bias = weights(f"features.{name}.linear.weight"), weights(f"features.{name}.linear.bias")
            h[name] = [np.tanh(weight @ x + bias) for x in feature_of(inputs, name, turn)]
        h["history"] = history_of(weights, inputs, turn, True)
        start = weights("start_state.weight") @ final(h["question"], True) + weights("start_state.bias")
        s, cell = np.split(start, 2)
        for word in tokens(targets, turn):
            queries = weights("attention.query.weight").reshape(5, 4, 5)  # W_1 .. W_4 and W_B, each (A, H)
            d, energies = [], []
            for k, name in enumerate(names):
                V, b = weights(f"attention.keys.{name}.weight"), weights(f"attention.keys.{name}.bias")
                W_c, V_B = weights(f"attention.mixes.{name}.weight")[:6], weights(f"attention.mixes.{name}.weight")[6:]
                c = np.zeros(V.shape[1])
                if h[name]:
                    scores = [
                        weights("attention.score")[k] @ np.tanh(queries[k] @ s + V @ step + b) for step in h[name]
                    ]
                    c = softmax(np.array(scores)) @ np.array(h[name])  # (6)
                d.append(W_c @ c + weights("attention.content")[k])  # (8)
                hidden = np.tanh(queries[4] @ s + V_B @ c + weights("attention.offset")[k])
                energies.append(weights("attention.balance") @ hidden)
            g = np.tanh(softmax(np.array(energies)) @ np.array(d))  # (7)
            logits.append(weights("output.weight") @ np.concatenate((s, g)) + weights("output.bias"))  # (3)
            contexts.append(g)
            entry = np.concatenate((weights("embedding.weight")[word], g))
            s, cell = weights.cell("decoder.forwards.0", entry, s, cell)  # (5)
    decoded = network(inputs, targets)
    np.testing.assert_allclose(decoded.logits.detach().numpy(), np.array(logits), atol=1e-12)
    np.testing.assert_allclose(decoded.context.detach().numpy(), np.array(contexts), atol=1e-12)


def test_naive_fusion(make_inputs: Maker) -> None:
    torch.manual_seed(4)
    sizes = NaiveFusionSizes(embedding=5, hidden=4, attention=3, fusion=6, output=5)
    network = ready(build_network("naive_fusion", sizes, 11, DIMS, history=True))
    inputs, targets = make_inputs()
    weights = Weights(network)
    logits, contexts = [], []
    for turn in range(5):
        words = weights.words("question.embedding", tokens(inputs.questions, turn))
        question = weights.layers("question.lstm", words, 2, False)[-1]
        history = history_of(weights, inputs, turn, False)[-1]
        total = np.zeros(6)
        for name, dims in DIMS.items():
            c, steps = np.zeros(dims), feature_of(inputs, name, turn)
            if steps:
                query = weights(f"attention.{name}.query.weight") @ question + weights(f"attention.{name}.keys.bias")
                hidden = [np.tanh(weights(f"attention.{name}.keys.weight") @ x + query) for x in steps]
                c = softmax(np.array(hidden) @ weights(f"attention.{name}.score.weight")[0]) @ np.array(steps)
            total = total + weights(f"projections.{name}.weight") @ c + weights(f"projections.{name}.bias")
        fused = np.tanh(total)
        answer = tokens(targets, turn)
        fed = [
            np.concatenate((word, question, history, fused))
            for word in weights.words("embedding", [START, *answer[:-1]])
        ]
        for state in weights.layers("decoder", fed, 2, False):
            squeezed = weights("squeeze.weight") @ state + weights("squeeze.bias")
            logits.append(weights("output.weight") @ squeezed + weights("output.bias"))
            contexts.append(fused)
    decoded = network(inputs, targets)
    np.testing.assert_allclose(decoded.logits.detach().numpy(), np.array(logits), atol=1e-12)
    np.testing.assert_allclose(decoded.context.detach().numpy(), np.array(contexts), atol=1e-12)
