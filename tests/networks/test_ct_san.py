"""CT-SAN against plain NumPy, written from its equations, a word at a time; its masks and its search."""

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch

from pipeline.networks.matching import Filler
from pipeline.networks.registry import build_network
from pipeline.networks.sizes import SIZES
from pipeline.tensors import FeatureSequences, Sequences
from tests.networks.test_dialog_networks import losses, stepwise
from tests.networks.test_masks import check_padding, outcome, soil

Array = np.ndarray[Any, np.dtype[np.float64]]
VOCABULARY, BLANK, START = 11, 2, 2
VECTORS = {"i3d_rgb": 6, "vggish": 5}
MAPS = {"rgb": 2 * 6, "flow": 1 * 6}
SMALL = {"embedding": 5, "width": 4, "dropout": 0.0, "standardise": True, "lambda_semantic": 0.7}
GRID = {"grid": (2, 3), "pool": True}
OWN: dict[str, dict[str, Any]] = {"ct_san_find": {"sketch": 16, "hidden": 3, "pieces": 3}}
NAMES = ["ct_san_fill", "ct_san_choose", "ct_san_find"]
CHANGES: list[dict[str, Any]] = [{}, {"semantic": False}, {"layers": 1, **GRID}, {"layers": 3, "words": 3}]
CONCEPTS = Sequences(torch.tensor([[5, 9, 4], [7, 0, 0]]), torch.tensor([3, 1]))
"""Of the two videos of `make_inputs`."""


def made(name: str, changes: dict[str, Any]) -> Any:
    """In double precision, nothing left at a constant, which would hide mistakes."""
    torch.manual_seed(1)
    dims = MAPS if "grid" in changes else VECTORS
    sizes = SIZES[name].model_validate({**SMALL, **OWN.get(name, {}), **changes})
    network = build_network(name, sizes, VOCABULARY, dims, False).double().eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.5)
    assert network.standard is not None
    for feature, width in dims.items():
        network.standard.fit(feature, torch.randn(width), torch.rand(width) + 0.5)
    return network


# ---- by hand -------------------------------------------------------------------------------------------------------


def sigmoid(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-x)))


def softmax(x: Array) -> Array:
    shares = np.exp(x - x.max())
    return np.asarray(shares / shares.sum())


class ByHand:
    """One sentence of one video at a time."""

    def __init__(self, network: Any) -> None:
        self.all = {key: value.detach().numpy() for key, value in network.state_dict().items()}
        self.sizes, self.network = network.sizes, network
        self.used: dict[str, list[Array]] = {}

    def __call__(self, key: str) -> Array:
        return np.asarray(self.all[key])

    def linear(self, name: str, x: Array) -> Array:
        return np.asarray(self(f"{name}.weight") @ x + self.all.get(f"{name}.bias", 0))

    def norm(self, name: str, x: Array) -> Array:
        x = (x - x.mean()) / np.sqrt(x.var() + 1e-5)
        return np.asarray(x * self(f"{name}.weight") + self(f"{name}.bias"))

    def seen(self, features: dict[str, Array]) -> Array:
        """s_N; features of as many steps each, or of none."""
        count = max(1, *(len(values) for values in features.values()))
        U = self("video.forwards.0.weight_hh_l0")
        h = c = np.zeros(U.shape[1])
        for n in range(count):
            parts = []
            for name, values in features.items():
                scale = self(f"standard.{name}_mean"), self(f"standard.{name}_deviation")
                parts.append((values[n] - scale[0]) / scale[1] if len(values) else np.zeros_like(scale[0]))
            if self.sizes.grid is None:
                x = self.linear("projection", np.concatenate(parts))
            else:
                cells = np.concatenate([part.reshape(2, 3, -1) for part in parts], 2)
                pooled = np.pad(
                    np.stack([cells[:, :2].max((0, 1)), cells[:, 2:].max((0, 1))])[None], ((1, 1), (1, 1), (0, 0))
                )
                W = self("maps.convolution.weight")
                convolved = [np.einsum("ochw,hwc->o", W, pooled[0:3, k : k + 3]) for k in range(2)]
                x = np.mean(convolved, 0) + self("maps.convolution.bias")
            gates = self("video.forwards.0.weight_ih_l0") @ x + self("video.forwards.0.bias_ih_l0")
            i, f, g, o = np.split(gates + U @ h + self("video.forwards.0.bias_hh_l0"), 4)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
        return h

    def reads(self, word: int, concepts: list[int]) -> Array:
        """phi."""
        E = self("embedding.weight")
        e = E[word]
        if self.sizes.semantic and concepts:
            shares = softmax(np.array([e @ self("reading.match.weight") @ E[a] for a in concepts]))
            self.used.setdefault("gamma", []).append(shares)
            e = e + self("reading.scale") * sum(share * E[a] for share, a in zip(shares, concepts, strict=True))
        return self.linear("reading.entry", e)

    def speaks(self, h: Array, concepts: list[int]) -> Array:
        """psi."""
        if not (self.sizes.semantic and concepts):
            return h
        keys = [self("speaking.match.weight") @ np.tanh(self("embedding.weight")[a]) for a in concepts]
        shares = softmax(np.array([h @ key for key in keys]))
        self.used.setdefault("beta", []).append(shares)
        return np.asarray(h + self("speaking.scale") * sum(s * key for s, key in zip(shares, keys, strict=True)))

    def layer(self, name: str, xs: list[Array], start: Array) -> list[Array]:
        h, c, states = start, np.zeros_like(start), []
        for x in xs:
            gates = self.norm(f"{name}.enter_norm", self.linear(f"{name}.enter", x))
            i, f, g, o = np.split(gates + self.norm(f"{name}.recur_norm", self.linear(f"{name}.recur", h)), 4)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(self.norm(f"{name}.memory_norm", c))
            states.append(h)
        return states

    def layers(self, xs: list[Array], start: Array) -> list[Array]:
        for place in range(self.sizes.layers):
            states = self.layer(f"language.forwards.{place}", xs, start)
            if f"language.backwards.{place}.enter.weight" in self.all:
                back = self.layer(f"language.backwards.{place}", xs[::-1], start)[::-1]
                states = [np.concatenate(pair) for pair in zip(states, back, strict=True)]
            xs = states
        return xs

    def penalty(self) -> float:
        """lambda sum g, of what was attended to since it was last asked."""
        total = 0.0
        for rows in self.used.values():
            table = np.array(rows)
            total += np.sqrt((table.sum(0) ** 2).sum()) + (np.sqrt(table).sum(1) ** 2).sum()
        self.used = {}
        return self.sizes.lambda_semantic * total

    def scores(self, ids: list[int], seen: Array, concepts: list[int]) -> Array:
        """Of the heads that compare: () or (V,)."""
        filling, most = isinstance(self.network, Filler), self.sizes.words
        blank = ids.index(BLANK)
        begin = min(max(len(ids) - most, 0), blank if filling else len(ids))
        ids, blank = ids[begin : begin + most], blank - begin
        find = "pooling.signs" in self.all
        states = self.layers([self.reads(word, concepts) for word in ids], np.zeros_like(seen) if find else seen)
        if filling:
            return self.linear("output", self.speaks(np.tanh(self.linear("joined", states[blank])), concepts))
        if not find:
            return self.linear("score", np.maximum(self.linear("hidden", states[-1]), 0))[0]  # type: ignore[no-any-return]
        sketch = np.zeros(16)
        (h, k), (s, t) = self("pooling.places"), self("pooling.signs")
        for d, e in np.ndindex(len(seen), len(seen)):
            sketch[(h[d] + k[e]) % 16] += s[d] * t[e] * seen[d] * states[-1][e]
        return self.linear("score", self.linear("pieces", sketch).reshape(3, 3).max(1))[0]  # type: ignore[no-any-return]


def sequences(lengths: list[int], dims: int, padding: float = 0.0) -> FeatureSequences:
    values = torch.randn(len(lengths), max(lengths) + 1, dims, generator=torch.Generator().manual_seed(dims)).double()
    for row, length in enumerate(lengths):
        values[row, length:] = padding
    return FeatureSequences(values, torch.tensor(lengths))


def sides(
    network: Any, padding: float = 0.0, word: int = 0
) -> tuple[Sequences, dict[str, FeatureSequences], Sequences]:
    """Three sentences with a blank, three videos, one of them without a step and without a concept."""
    ids = torch.tensor([[4, 5, 2, 7, 10], [2, 0, 0, 0, 0], [6, 2, 8, 0, 0]])
    texts, concepts = Sequences(ids, torch.tensor([5, 1, 3])), torch.tensor([[5, 9, 4], [7, 0, 0], [0, 0, 0]])
    dims = MAPS if network.sizes.grid else VECTORS
    features = {name: sequences([4, 2, 0], width, padding) for name, width in dims.items()}
    words = Sequences(concepts, torch.tensor([3, 1, 0]))
    return (soil(texts, word), features, soil(words, word)) if word else (texts, features, words)


@pytest.mark.parametrize("changes", CHANGES, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_heads_beside_sentences_by_hand(name: str, changes: dict[str, Any]) -> None:
    network = made(name, changes)
    texts, features, concepts = sides(network)
    rows = torch.tensor(list(product(range(3), range(3))))
    pair = network.texts(texts).select(rows[:, 0]), network.videos(features, concepts=concepts).select(rows[:, 1])
    scored = network.scored(*pair)
    plain = network.fill(*pair) if isinstance(network, Filler) else network.match(*pair)
    assert torch.equal(plain, scored.scores)
    by_hand = ByHand(network)
    for place, (row, video) in enumerate(rows.tolist()):
        ids = texts.ids[row, : int(texts.lengths[row])].tolist()
        words = concepts.ids[video, : int(concepts.lengths[video])].tolist()
        seen = by_hand.seen(
            {key: each.values[video, : int(each.lengths[video])].numpy() for key, each in features.items()}
        )
        expected = by_hand.scores(ids, seen, words)
        np.testing.assert_allclose(scored.scores[place].detach().numpy(), expected, atol=1e-10)
        penalty = by_hand.penalty()
        if network.sizes.semantic:
            assert scored.penalty is not None
            np.testing.assert_allclose(scored.penalty[place].detach().numpy(), penalty, atol=1e-10)
    assert (scored.penalty is None) is not network.sizes.semantic


@pytest.mark.parametrize("changes", [{}, {"semantic": False}, {"layers": 1, **GRID}, {"tie_weights": True}], ids=str)
def test_describing_by_hand(changes: dict[str, Any], make_inputs: Any) -> None:
    network = made("ct_san", changes)
    inputs, targets = make_inputs()
    concepts = Sequences(torch.tensor([[5, 9, 4], [0, 0, 0]]), torch.tensor([3, 0]))
    if "grid" in changes:
        inputs = replace(inputs, features={name: sequences([4, 2], width) for name, width in MAPS.items()})
    else:  # As many steps of each, so that nothing is interpolated.
        inputs = replace(inputs, features={name: sequences([4, 2], width) for name, width in VECTORS.items()})
    inputs = replace(inputs, concepts=concepts)
    decoded, by_hand = network(inputs, targets), ByHand(network)
    logits, contexts, penalties = [], [], []
    for turn, video in enumerate(inputs.dialog.tolist()):
        words = concepts.ids[video, : int(concepts.lengths[video])].tolist()
        seen = by_hand.seen(
            {key: each.values[video, : int(each.lengths[video])].numpy() for key, each in inputs.features.items()}
        )
        ids = targets.ids[turn, : int(targets.lengths[turn])].tolist()
        states = by_hand.layers([by_hand.reads(word, words) for word in [START, *ids[:-1]]], seen)
        for h in states:
            spoken = by_hand.speaks(h, words)
            if network.sizes.tie_weights:
                logits.append(by_hand("embedding.weight") @ by_hand.linear("bridge", spoken) + by_hand("output.bias"))
            else:
                logits.append(by_hand.linear("output", spoken))
            contexts.append(seen)
        penalties.append(by_hand.penalty())
    np.testing.assert_allclose(decoded.logits.detach().numpy(), np.array(logits), atol=1e-10)
    np.testing.assert_allclose(decoded.context.detach().numpy(), np.array(contexts), atol=1e-10)
    if network.sizes.semantic:
        np.testing.assert_allclose(decoded.penalty.detach().numpy(), np.array(penalties), atol=1e-10)
        assert decoded.penalty[0] > 0 and not decoded.penalty[3:].any()
    else:
        assert decoded.penalty is None


# ---- masks and search ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("word", "value"), [(9, 1e30), (10**6, float("nan"))])
def test_padding_changes_nothing_of_a_description(word: int, value: float, make_inputs: Any) -> None:
    network = made("ct_san", {})
    inputs, targets = make_inputs()
    check_padding(network, replace(inputs, concepts=CONCEPTS), targets, word, value)
    clean, gradients = outcome(network, replace(inputs, concepts=CONCEPTS), targets)
    dirty, dirty_gradients = outcome(network, replace(inputs, concepts=soil(CONCEPTS, word)), targets)
    torch.testing.assert_close(dirty.logits, clean.logits, rtol=0.0, atol=1e-12)
    torch.testing.assert_close(dirty.penalty, clean.penalty, rtol=0.0, atol=1e-12)
    for key, gradient in gradients.items():
        torch.testing.assert_close(dirty_gradients[key], gradient, rtol=1e-9, atol=1e-12, msg=key)
    # The concept words reach the embedding, and say something.
    assert gradients["reading.match.weight"].any() and gradients["embedding.weight"][CONCEPTS.ids[0]].any()
    assert not torch.allclose(network(inputs, targets).logits, clean.logits)


@pytest.mark.parametrize("changes", CHANGES, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_padding_changes_no_score_beside_sentences(name: str, changes: dict[str, Any]) -> None:
    network = made(name, changes)
    outcomes = []
    for padding, word in ((0.0, 0), (float("nan"), 10**6)):
        texts, features, concepts = sides(network, padding, word)
        scored = network.scored(network.texts(texts), network.videos(features, concepts=concepts))
        loss = scored.scores.sin().sum() + (0 if scored.penalty is None else scored.penalty.sum())
        outcomes.append((*scored, *torch.autograd.grad(loss, list(network.parameters()))))
    for one, other in zip(*outcomes, strict=True):
        if one is not None:
            torch.testing.assert_close(other, one, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_pairs_are_scored_alone_as_together_and_without_anything(name: str) -> None:
    network = made(name, {})
    texts, features, concepts = sides(network)
    together = network.scored(network.texts(texts), network.videos(features, concepts=concepts)).scores
    for row in range(3):
        own = {
            key: FeatureSequences(each.values[row : row + 1], each.lengths[row : row + 1])
            for key, each in features.items()
        }
        words, text = (Sequences(each.ids[row : row + 1], each.lengths[row : row + 1]) for each in (concepts, texts))
        alone = network.scored(network.texts(text), network.videos(own, concepts=words)).scores
        torch.testing.assert_close(alone, together[row : row + 1])
    nothing = Sequences(torch.zeros(3, 1, dtype=torch.int64), torch.tensor([0, 0, 0]))
    found = network.scored(network.texts(nothing), network.videos({}, 3, nothing)).scores
    assert found.isfinite().all()
    torch.testing.assert_close(network.scored(network.texts(nothing), network.videos({}, 3)).scores, found)
    if not isinstance(network, Filler):
        looks = network.looks(network.texts(texts), network.videos(features))
        assert torch.equal(looks, torch.ones(3, 1).double())


@pytest.mark.parametrize("changes", [{}, {"layers": 1, "tie_weights": True}], ids=str)
def test_a_search_walks_as_teacher_forcing_does(changes: dict[str, Any], make_inputs: Any) -> None:
    network = made("ct_san", changes)
    inputs, targets = make_inputs()
    inputs = replace(inputs, concepts=CONCEPTS)
    whole, steps = network(inputs, targets), stepwise(network, inputs, targets)
    torch.testing.assert_close(whole.logits, steps.logits)
    torch.testing.assert_close(whole.context, steps.context)
    parameters = dict(network.named_parameters())
    gradients = [
        torch.autograd.grad(losses(decoded, targets).sum(), list(parameters.values())) for decoded in (whole, steps)
    ]
    for key, fast, plain in zip(parameters, *gradients, strict=True):
        torch.testing.assert_close(fast, plain, msg=key)
        assert fast.abs().sum() > 0, key


@pytest.mark.parametrize("name", ["ct_san", *NAMES])
def test_mixed_precision_trains(name: str, make_inputs: Any) -> None:
    network = made(name, {}).float().train()
    inputs, targets = make_inputs(torch.float32)
    outcomes = []
    for mixed in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
            if name == "ct_san":
                decoded = network(replace(inputs, concepts=CONCEPTS), targets)
                outcomes.append((decoded.logits, decoded.penalty))
            else:
                texts, features, concepts = sides(network)
                seen = {key: FeatureSequences(each.values.float(), each.lengths) for key, each in features.items()}
                outcomes.append(network.scored(network.texts(texts), network.videos(seen, concepts=concepts)))
    (scores, penalty), (mixed_scores, mixed_penalty) = outcomes
    scale = scores.abs().max()
    torch.testing.assert_close(mixed_scores.float() / scale, scores / scale, atol=0.1, rtol=0)
    torch.testing.assert_close(mixed_penalty, penalty, atol=0.1, rtol=0.05)
    (mixed_scores.float().sum() + mixed_penalty.sum()).backward()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in network.parameters())


def test_hypotheses_keep_their_rows_concepts(make_inputs: Any) -> None:
    network = made("ct_san", {})
    inputs, _ = make_inputs()
    encoded = network.encode(replace(inputs, concepts=CONCEPTS))
    copies = torch.arange(5).repeat_interleave(2)
    words = torch.arange(10) % 7 + 4
    shared, copied = network.start(encoded).select(copies), network.start(encoded.select(copies))
    for _ in range(2):
        ours, theirs = network.predict(encoded, shared), network.predict(encoded.select(copies), copied)
        torch.testing.assert_close(ours.logits, theirs.logits)
        torch.testing.assert_close(ours.context, theirs.context)
        every = torch.arange(10)
        shared, copied = (network.advance(each, ours.passed_on(every), words) for each in (shared, copied))
