"""The networks against plain NumPy, written from their equations, one turn and one word at a time."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from pipeline.networks.base import Generator
from pipeline.networks.inputs import Inputs
from pipeline.networks.registry import build_network
from pipeline.networks.sizes import AttentionSizes, CaptionerSizes, HierarchicalSizes, NaiveFusionSizes
from pipeline.tensors import Sequences

Array = np.ndarray[Any, np.dtype[np.float64]]
Maker = Callable[..., tuple[Inputs, Sequences]]
DIMS = {"i3d_rgb": 6, "vggish": 5}
START = 2
SHARED = {"tie_weights": True, "share_embeddings": True}


def sigmoid(x: Array) -> Array:
    result: Array = 1 / (1 + np.exp(-x))
    return result


def softmax(x: Array) -> Array:
    shares = np.exp(x - x.max())
    result: Array = shares / shares.sum()
    return result


class Weights:
    """A network's parameters by name."""

    def __init__(self, network: Generator) -> None:
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

    def gru_cell(self, name: str, x: Array, h: Array, suffix: str = "") -> Array:
        """One GRU step: gates reset, update, candidate; the reset gate acts behind the recurrent product."""
        enter = self(f"{name}.weight_ih{suffix}") @ x + self(f"{name}.bias_ih{suffix}")
        recur = self(f"{name}.weight_hh{suffix}") @ h + self(f"{name}.bias_hh{suffix}")
        (r_x, z_x, n_x), (r_h, z_h, n_h) = np.split(enter, 3), np.split(recur, 3)
        z = sigmoid(z_x + z_h)
        result: Array = (1 - z) * np.tanh(n_x + sigmoid(r_x + r_h) * n_h) + z * h
        return result

    def gru(self, name: str, sequence: list[Array], layers: int) -> list[Array]:
        """Bidirectional layers."""
        for layer in range(layers):
            ways = []
            for way in ("", "_reverse"):
                suffix = f"_l{layer}{way}"
                h, states = np.zeros(self(f"{name}.weight_hh{suffix}").shape[1]), []
                for x in reversed(sequence) if way else sequence:
                    h = self.gru_cell(name, x, h, suffix)
                    states.append(h)
                ways.append(states[::-1] if way else states)
            sequence = [np.concatenate(pair) for pair in zip(*ways, strict=True)]
        return sequence

    def words(self, name: str, ids: Sequence[int]) -> list[Array]:
        """Embedded words; the decoder's embedding where there is none of this name, which is then shared."""
        table = self.all.get(f"{name}.weight", self("embedding.weight"))
        return [table[word] for word in ids]

    def scores(self, x: Array) -> Array:
        """The output layer: its own weights, or the embedding's, behind a layer where widths differ."""
        if "output.weight" in self.all:
            return self("output.weight") @ x + self("output.bias")
        if len(x) != self("embedding.weight").shape[1]:
            x = self("bridge.weight") @ x + self("bridge.bias")
        return self("embedding.weight") @ x + self("output.bias")

    def attended(self, k: int, name: str, s: Array, steps: list[Array]) -> Array:
        """c_k, equation 6; zero without a step. Rows k of the queries are W_k (A, H)."""
        V, b = self(f"attention.keys.{name}.weight"), self(f"attention.keys.{name}.bias")
        W = self("attention.query.weight").reshape(-1, len(V), len(s))[k]
        if not steps:
            return np.zeros(V.shape[1])
        scores = [self("attention.score")[k] @ np.tanh(W @ s + V @ step + b) for step in steps]
        result: Array = softmax(np.array(scores)) @ np.array(steps)
        return result


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


Moments = dict[str, tuple[Array, Array]]


def feature_of(inputs: Inputs, name: str, turn: int, moments: Moments) -> list[Array]:
    dialog = int(inputs.dialog[turn])
    feature = inputs.features[name]
    mean, deviation = moments[name]
    return [(step.numpy() - mean) / deviation for step in feature.values[dialog, : int(feature.lengths[dialog])]]


def ready(network: Generator) -> Moments:
    """Double precision, no parameter left at a constant; the moments of features (0 and 1 if not standardised)."""
    network.double().eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.5)
    moments = {name: (np.zeros(dims), np.ones(dims)) for name, dims in DIMS.items()}
    if network.standard is not None:
        generator = np.random.default_rng(5)
        moments = {name: (generator.normal(size=d), generator.uniform(0.5, 2, d)) for name, d in DIMS.items()}
        for name, values in moments.items():
            network.standard.fit(name, *(torch.from_numpy(value) for value in values))
    return moments


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"decoder_layers": 2, "standardise": True},
        SHARED,
        {"tie_weights": True, "embedding": 11, "decoder_layers": 2},  # H + G = 11: no layer in between.
        {"share_embeddings": True, "question_layers": 1},
    ],
)
@pytest.mark.parametrize("concepts", [False, True])
def test_attention_network(changes: dict[str, Any], concepts: bool, make_inputs: Maker) -> None:
    torch.manual_seed(3)
    sizes = AttentionSizes.model_validate({
        "embedding": 5, "question_hidden": 3, "history_hidden": 4, "projection": {"i3d_rgb": 7, "vggish": 3},
        "attention": 4, "context": 6, "decoder_hidden": 5, "dropout": 0.5, **changes,
    })  # fmt: skip
    network = build_network("attention", sizes, 11, DIMS, history=True, concepts=concepts)
    assert isinstance(network, Generator)
    moments, weights = ready(network), Weights(network)
    inputs, targets = make_inputs()
    names = ["question", "i3d_rgb", "vggish", "history", *(["concepts"] if concepts else [])]
    if concepts:  # Three words of the first video, one of the second.
        detected = Sequences(torch.tensor([[4, 9, 6], [7, 0, 0]]), torch.tensor([3, 1]))
        inputs = replace(inputs, concepts=detected)
    logits, contexts = [], []
    for turn in range(5):
        question = weights.words("question.embedding", tokens(inputs.questions, turn))
        h: dict[str, list[Array]] = {"question": weights.layers("question.lstm", question, sizes.question_layers, True)}
        for name in DIMS:
            weight, bias = weights(f"features.{name}.linear.weight"), weights(f"features.{name}.linear.bias")
            h[name] = [np.tanh(weight @ x + bias) for x in feature_of(inputs, name, turn, moments)]
        h["history"] = history_of(weights, inputs, turn, True)
        if concepts:
            W, b = weights("concepts.linear.weight"), weights("concepts.linear.bias")
            h["concepts"] = [
                np.tanh(W @ a + b) for a in weights.words("embedding", tokens(detected, [0, 0, 0, 1, 1][turn]))
            ]
        start = weights("start_state.weight") @ final(h["question"], True) + weights("start_state.bias")
        s, cell = (list(part) for part in np.split(start.reshape(-1, 10), 2, axis=1))  # h_0 beside c_0 of every layer.
        for word in tokens(targets, turn):
            W_B = weights("attention.query.weight")[-4:]
            d, energies = [], []
            for k, name in enumerate(names):
                W_c, V_B = weights(f"attention.mixes.{name}.weight")[:6], weights(f"attention.mixes.{name}.weight")[6:]
                c = weights.attended(k, name, s[-1], h[name])  # (6)
                d.append(W_c @ c + weights("attention.content")[k])  # (8)
                hidden = np.tanh(W_B @ s[-1] + V_B @ c + weights("attention.offset")[k])
                energies.append(weights("attention.balance") @ hidden)
            g = np.tanh(softmax(np.array(energies)) @ np.array(d))  # (7)
            logits.append(weights.scores(np.concatenate((s[-1], g))))  # (3)
            contexts.append(g)
            entry = np.concatenate((weights("embedding.weight")[word], g))
            for layer in range(sizes.decoder_layers):  # (5)
                s[layer], cell[layer] = weights.cell(f"decoder.forwards.{layer}", entry, s[layer], cell[layer])
                entry = s[layer]
    decoded = network(inputs, targets)
    np.testing.assert_allclose(decoded.logits.detach().numpy(), np.array(logits), atol=1e-12)
    np.testing.assert_allclose(decoded.context.detach().numpy(), np.array(contexts), atol=1e-12)


@pytest.mark.parametrize("changes", [{}, {"standardise": True}, SHARED, {**SHARED, "output": 7}])
def test_naive_fusion(changes: dict[str, Any], make_inputs: Maker) -> None:
    torch.manual_seed(4)
    sizes = NaiveFusionSizes.model_validate(
        {"embedding": 5, "hidden": 4, "projection": 5, "attention": 3, "fusion": 6, "output": 5, **changes}
    )
    network = build_network("naive_fusion", sizes, 11, DIMS, history=True)
    moments, weights = ready(network), Weights(network)
    inputs, targets = make_inputs()
    logits, contexts = [], []
    for turn in range(5):
        words = weights.words("question.embedding", tokens(inputs.questions, turn))
        question = weights.layers("question.lstm", words, 2, False)[-1]
        history = history_of(weights, inputs, turn, False)[-1]
        total = np.zeros(6)
        for name in DIMS:
            P, b_P = (weights(f"attention.{name}.projection.linear.{part}") for part in ("weight", "bias"))
            c, steps = np.zeros(5), [np.tanh(P @ x + b_P) for x in feature_of(inputs, name, turn, moments)]
            if steps:
                query = weights(f"attention.{name}.query.weight") @ question + weights(f"attention.{name}.keys.bias")
                hidden = [np.tanh(weights(f"attention.{name}.keys.weight") @ x + query) for x in steps]
                c = softmax(np.array(hidden) @ weights(f"attention.{name}.score.weight")[0]) @ np.array(steps)
            total = total + weights(f"attention.{name}.content.weight") @ c + weights(f"attention.{name}.content.bias")
        fused = np.tanh(total)
        answer = tokens(targets, turn)
        fed = [
            np.concatenate((word, question, history, fused))
            for word in weights.words("embedding", [START, *answer[:-1]])
        ]
        for state in weights.layers("decoder", fed, 2, False):
            squeezed = weights("squeeze.weight") @ state + weights("squeeze.bias")
            logits.append(weights.scores(squeezed))
            contexts.append(fused)
    decoded = network(inputs, targets)
    np.testing.assert_allclose(decoded.logits.detach().numpy(), np.array(logits), atol=1e-12)
    np.testing.assert_allclose(decoded.context.detach().numpy(), np.array(contexts), atol=1e-12)


@pytest.mark.parametrize("changes", [{}, {"standardise": True, "question_layers": 2}, SHARED])
def test_hierarchical(changes: dict[str, Any], make_inputs: Maker) -> None:
    torch.manual_seed(5)
    sizes = HierarchicalSizes.model_validate({
        "embedding": 5, "question_hidden": 3, "projection": 7, "attention": 4, "context": 6, "decoder_hidden": 5,
        **changes,
    })  # fmt: skip
    network = build_network("hierarchical", sizes, 11, DIMS, history=False)
    moments, weights = ready(network), Weights(network)
    inputs, targets = make_inputs()
    logits, contexts = [], []
    for turn in range(5):
        question = weights.words("question_embedding", tokens(inputs.questions, turn))
        h = {"question": weights.gru("question.cells", question, sizes.question_layers)}
        for name in DIMS:
            U, b = weights(f"projections.{name}.weight"), weights(f"projections.{name}.bias")
            h[name] = [U @ x + b for x in feature_of(inputs, name, turn, moments)]
        last = final(h["question"], True)
        s = np.tanh(weights("start_state.weight") @ last + weights("start_state.bias"))
        for word in [START, *tokens(targets, turn)[:-1]]:
            proposal = weights.gru_cell("first", weights("embedding.weight")[word], s)
            projected, energies = [], []
            for k, name in enumerate(["question", *DIMS]):
                c = weights.attended(k, name, proposal, h[name])
                U_c, U_b = weights(f"attention.mixes.{name}.weight")[:6], weights(f"attention.mixes.{name}.weight")[6:]
                hidden = np.tanh(
                    weights("attention.query.weight")[-4:] @ proposal + U_b @ c + weights("attention.offset")
                )
                energies.append(weights("attention.balance") @ hidden)
                projected.append(U_c @ c)
            g = softmax(np.array(energies)) @ np.array(projected)
            s = weights.gru_cell("second", g, proposal)
            logits.append(weights.scores(np.tanh(weights("squeeze.weight") @ s + weights("squeeze.bias"))))
            contexts.append(g)
    decoded = network(inputs, targets)
    np.testing.assert_allclose(decoded.logits.detach().numpy(), np.array(logits), atol=1e-12)
    np.testing.assert_allclose(decoded.context.detach().numpy(), np.array(contexts), atol=1e-12)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"standardise": True, "adaptor": True, "adaptor_hidden": 4},
        {"inject": "init", "adaptor": True, "adaptor_residual": True, "layers": 3},
        {"inject": "concat", "layers": 1},
        {"inject": "concat", "layers": 3, **SHARED},
    ],
)
def test_captioner(changes: dict[str, Any], make_inputs: Maker) -> None:
    torch.manual_seed(6)
    sizes = CaptionerSizes.model_validate({"width": 6, **changes})
    network = build_network("captioner", sizes, 11, DIMS, history=False)
    moments, weights = ready(network), Weights(network)
    inputs, targets = make_inputs()

    def linear(name: str, x: Array) -> Array:
        result: Array = weights(f"{name}.weight") @ x + weights(f"{name}.bias")
        return result

    logits, contexts = [], []
    for turn in range(5):
        z = []
        for name, dims in DIMS.items():
            steps = feature_of(inputs, name, turn, moments)
            z.append(sum(steps, np.zeros(dims)) / max(len(steps), 1))
        pooled = np.concatenate(z)
        if sizes.adaptor:
            hidden = np.maximum(linear("adaptor.second", np.maximum(linear("adaptor.first", pooled), 0)), 0)
            pooled = linear("adaptor.last", hidden) + (pooled if sizes.adaptor_residual else 0)
        np.testing.assert_allclose(network.represent(inputs)[turn].detach().numpy(), pooled, atol=1e-12)
        x_0 = linear("latent", pooled)
        states = [np.tanh(x_0) if sizes.inject == "init" else np.zeros(6) for _ in range(sizes.layers)]
        for word in [START, *tokens(targets, turn)[:-1]]:
            embedded = weights("embedding.weight")[word]
            entry = embedded + x_0 if sizes.inject == "add" else embedded
            for layer in range(sizes.layers):
                given = np.concatenate((entry, x_0)) if layer == 0 and sizes.inject == "concat" else entry
                name = f"language.layers.{layer}.cells"
                states[layer] = weights.gru_cell(name, given, states[layer], "_l0")
                entry = states[layer] + entry
            logits.append(weights.scores(entry))
            contexts.append(x_0)
    decoded = network(inputs, targets)
    np.testing.assert_allclose(decoded.logits.detach().numpy(), np.array(logits), atol=1e-12)
    np.testing.assert_allclose(decoded.context.detach().numpy(), np.array(contexts), atol=1e-12)
