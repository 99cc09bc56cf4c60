"""JSFusion against plain NumPy, written from its equations, one pair and one cell at a time; and its masks."""

from itertools import product
from typing import Any

import numpy as np
import pytest
import torch

from pipeline.networks.jsfusion import Encoded, JSFusionFiller, JSFusionNetwork
from pipeline.networks.matching import Comparing
from pipeline.networks.parts.dense import Dense
from pipeline.networks.parts.gated_convolutions import GatedConvolutions
from pipeline.networks.registry import build_network
from pipeline.networks.sizes import SIZES
from pipeline.tensors import FeatureSequences, Sequences

Array = np.ndarray[Any, np.dtype[np.float64]]
VOCABULARY, BLANK = 11, 2
DIMS = {"i3d_rgb": 6, "vggish": 5}
SMALL = {"embedding": 5, "hidden": 4, "joint": 6, "tensor": 7, "channels": 3, "dropout": 0.0, "standardise": True}
MATCHER = {**SMALL, "readout": [4, 5, 3]}
FILLER = {**SMALL, "readout": [4, 5]}
CASES: list[tuple[str, dict[str, Any]]] = [
    ("jsfusion", {**MATCHER, "encoder": encoder, "pooling": pooling})
    for encoder, pooling in product(("blstm", "lstm", "dense"), ("conv", "mean", "max"))
] + [
    ("jsfusion", {**MATCHER, "gates": False}),
    ("jsfusion", {**MATCHER, "fusion": "states"}),
    ("jsfusion", {**MATCHER, "fusion": "states", "encoder": "lstm"}),
    ("jsfusion", {**MATCHER, "steps": 8, "words": 3}),
    ("jsfusion", {**MATCHER, "text_term": True}),
    ("jsfusion", {**MATCHER, "text_term": True, "fusion": "states"}),
    ("jsfusion_fill", FILLER),
    ("jsfusion_fill", {**FILLER, "pooling": "max", "encoder": "lstm"}),
    ("jsfusion_fill", {**FILLER, "mode": "blank_only"}),
    ("jsfusion_fill", {**FILLER, "mode": "blank_only", "gates": False}),
    ("jsfusion_fill", {**FILLER, "words": 3}),
]


def label(case: tuple[str, dict[str, Any]]) -> str:
    base = MATCHER if case[0] == "jsfusion" else FILLER
    return "-".join([case[0], *(f"{key}={value}" for key, value in case[1].items() if base.get(key) != value)])


@pytest.fixture(params=CASES, ids=label)
def network(request: pytest.FixtureRequest) -> JSFusionNetwork | JSFusionFiller:
    return made(*request.param)


def made(name: str, sizes: dict[str, Any]) -> Any:
    """In double precision, nothing left at a constant, which would hide mistakes."""
    torch.manual_seed(1)
    network = build_network(name, SIZES[name].model_validate(sizes), VOCABULARY, DIMS, False).double().eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
        for key, buffer in network.named_buffers():
            if key.endswith("running_mean"):
                buffer.normal_(std=0.3)
            elif key.endswith("running_var"):
                buffer.uniform_(0.5, 2)
    assert network.standard is not None
    for feature, width in DIMS.items():
        network.standard.fit(feature, torch.randn(width), torch.rand(width) + 0.5)
    return network


def given() -> tuple[Sequences, dict[str, FeatureSequences]]:
    """Four sentences, one of them of a single word; four videos, one silent and short, one that has nothing at all."""
    generator = torch.Generator().manual_seed(3)
    ids = torch.zeros(4, 9, dtype=torch.int64)
    lengths, blanks = torch.tensor([8, 1, 3, 9]), [6, 0, 1, 2]
    for row, (length, blank) in enumerate(zip(lengths.tolist(), blanks, strict=True)):
        ids[row, :length] = torch.randint(4, VOCABULARY, (length,), generator=generator)
        ids[row, blank] = BLANK
    features = {
        "i3d_rgb": sequences(generator, [11, 2, 4, 0], 6),
        "vggish": sequences(generator, [5, 0, 9, 0], 5),
    }
    return Sequences(ids, lengths), features


def sequences(generator: torch.Generator, lengths: list[int], dims: int) -> FeatureSequences:
    values = torch.randn(len(lengths), max(lengths), dims, generator=generator, dtype=torch.float64)
    return FeatureSequences(values, torch.tensor(lengths))


def compared(network: Any, texts: Sequences, features: dict[str, FeatureSequences]) -> torch.Tensor:
    """Every sentence with every video, (S, B, ...)."""
    rows = torch.tensor(list(product(range(len(texts.lengths)), range(4))))
    sides = network.texts(texts).select(rows[:, 0]), network.videos(features).select(rows[:, 1])
    found = network.match(*sides) if isinstance(network, JSFusionNetwork) else network.fill(*sides)
    return found.unflatten(0, (-1, 4))  # type: ignore[no-any-return]


# ---- by hand -------------------------------------------------------------------------------------------------------


def sigmoid(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-x)))


class ByHand:
    """One pair at a time."""

    def __init__(self, network: Any) -> None:
        self.all = {key: value.detach().numpy() for key, value in network.state_dict().items()}
        self.sizes, self.blank_only = network.sizes, network.blank_only

    def __call__(self, key: str) -> Array:
        return np.asarray(self.all[key])

    def dense(self, name: str, x: Array) -> Array:
        y = self(f"{name}.linear.weight") @ x + self(f"{name}.linear.bias")
        y = (y - self(f"{name}.norm.running_mean")) / np.sqrt(self(f"{name}.norm.running_var") + 1e-5)
        return np.tanh(y * self(f"{name}.norm.weight") + self(f"{name}.norm.bias"))

    def lstm(self, name: str, xs: list[Array]) -> list[Array]:
        U = self(f"{name}.weight_hh_l0")
        h = c = np.zeros(U.shape[1])
        states = []
        for x in xs:
            gates = self(f"{name}.weight_ih_l0") @ x + self(f"{name}.bias_ih_l0") + U @ h + self(f"{name}.bias_hh_l0")
            i, f, g, o = np.split(gates, 4)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
            states.append(h)
        return states

    def side(self, name: str, xs: list[Array], kind: str) -> list[Array]:
        """D1 of each step, or the final states alone."""
        base = f"{name}.encoder"
        if kind == "dense":
            states = [self.dense(f"{base}.dense", x) for x in xs]
        elif kind == "conv":
            W, b = self(f"{base}.conv.weight"), self(f"{base}.conv.bias")
            none = np.zeros(len(xs[0]))
            around = [none, *xs, none]
            states = [np.tanh(b + sum(W[:, :, k] @ around[n + k] for k in range(3))) for n in range(len(xs))]
        else:
            states = self.lstm(f"{base}.lstm.forwards.0", xs)
            last = states[-1]
            if kind == "blstm":
                back = self.lstm(f"{base}.lstm.backwards.0", xs[::-1])[::-1]
                last = np.concatenate((last, back[0]))
                states = [np.concatenate(pair) for pair in zip(states, back, strict=True)]
            if self.sizes.fusion == "states":
                return [last]
        return [self.dense(f"{name}.projection", np.concatenate(pair)) for pair in zip(states, xs, strict=True)]

    def words(self, ids: list[int]) -> tuple[list[Array], int]:
        """The last `words` of a sentence, and where its blank is: the blank stays."""
        blank = ids.index(BLANK)
        most = self.sizes.words
        begin = max(len(ids) - most, 0)
        if isinstance(self.sizes, SIZES["jsfusion_fill"]):
            begin = min(begin, blank)
        return [self("embedding.weight")[word] for word in ids[begin : begin + most]], blank - begin

    def steps(self, features: dict[str, Array]) -> list[Array]:
        """Every feature standardised, and interpolated at the middles of equal parts."""
        count = min(max([1, *(len(values) for values in features.values())]), self.sizes.steps)
        rows = []
        for n in range(count):
            row = []
            for name, values in features.items():
                if len(values) == 0:
                    row.append(np.zeros(DIMS[name]))
                    continue
                scaled = (values - self(f"standard.{name}_mean")) / self(f"standard.{name}_deviation")
                time = (n + 0.5) / count * len(values) - 0.5
                row.append(np.array([np.interp(time, np.arange(len(values)), column) for column in scaled.T]))
            rows.append(np.concatenate(row))
        return rows

    def convolved(self, cells: Array, rows: int, columns: int) -> Array:
        """cells: (N, M, C) of the real ones; the mean over the last layer's."""
        for k, stride in enumerate((1, 1, 2)):
            W, b = self(f"convolutions.layers.{k}.weight"), self(f"convolutions.layers.{k}.bias")
            across = W.shape[3] == 3
            rows_after = max(1, (rows - 3) // stride + 1)
            columns_after = max(1, (columns - 3) // stride + 1) if across else 1
            after = np.zeros((rows_after, columns_after, len(b)))
            padded = np.pad(cells, ((0, 9), (0, 9), (0, 0)))
            for n, m in np.ndindex(rows_after, columns_after):
                window = padded[n * stride : n * stride + 3, m * stride : m * stride + W.shape[3]]
                after[n, m] = np.tanh(np.einsum("ochw,hwc->o", W, window) + b)
                if self.sizes.gates:
                    V, c = self(f"convolutions.gates.{k}.weight"), self(f"convolutions.gates.{k}.bias")
                    gate = sigmoid(np.einsum("ochw,hwc->o", V, window) + c)[0]
                    assert 0 < gate < 1
                    after[n, m] *= gate
            cells, rows, columns = after, rows_after, columns_after
        return np.asarray(cells.mean((0, 1)))

    def pair(self, ids: list[int], features: dict[str, Array]) -> Array:
        embedded, blank = self.words(ids)
        text = self.side("text", embedded, self.sizes.encoder)
        video = self.side("video", self.steps(features), "conv" if self.blank_only else self.sizes.encoder)
        if self.sizes.fusion == "states":
            top = text[0] * video[0]
        else:
            at_blank = text[blank] if isinstance(self.sizes, SIZES["jsfusion_fill"]) else None
            if self.blank_only:
                text = [text[blank]]
            cells = np.array([[self.cell(v * w) for w in text] for v in video])
            if self.sizes.pooling == "conv":
                top = self.convolved(cells, len(video), len(text))
            else:
                top = cells.mean((0, 1)) if self.sizes.pooling == "mean" else cells.max((0, 1))
        layer = 0
        while f"readout.{layer}.linear.weight" in self.all:
            top = self.dense(f"readout.{layer}", top)
            layer += 1
        if "score.weight" in self.all:
            score = np.asarray(self("score.weight") @ top + self("score.bias"))[0]
            if "text_score.weight" in self.all:
                score = score + (self("text_score.weight") @ text[-1])[0]
            return np.asarray(score)
        assert at_blank is not None
        joined = (top + at_blank) / (2 if self.blank_only else 1)
        return np.asarray(self("output.weight") @ joined + self("output.bias"))

    def cell(self, t: Array) -> Array:
        gate = sigmoid(self("tensor.score.weight") @ self.dense("tensor.gating", t))
        assert 0 < gate[0] < 1
        return np.asarray(gate * self.dense("tensor.second", self.dense("tensor.first", t)))


def test_every_variant_is_its_equations(network: Any) -> None:
    texts, features = given()
    by_hand = ByHand(network)
    found = compared(network, texts, features).detach().numpy()
    for row, video in product(range(4), range(4)):
        seen = {name: each.values[video, : int(each.lengths[video])].numpy() for name, each in features.items()}
        wanted = by_hand.pair(texts.ids[row, : int(texts.lengths[row])].tolist(), seen)
        np.testing.assert_allclose(found[row, video], wanted, rtol=1e-9, atol=1e-9)


# ---- masks ---------------------------------------------------------------------------------------------------------


def soiled(texts: Sequences, features: dict[str, FeatureSequences], value: float) -> tuple[Any, Any]:
    """More places, and garbage in all that is padding: a word that there is none of, values that are no numbers."""
    wider = torch.nn.functional.pad(texts.ids, (0, 5))
    dirty = Sequences(wider.masked_fill(~Sequences(wider, texts.lengths).mask(), 10**6), texts.lengths)
    videos = {}
    for name, each in features.items():
        values = torch.nn.functional.pad(each.values, (0, 0, 0, 4))
        mask = FeatureSequences(values, each.lengths).mask().unsqueeze(2)
        videos[name] = FeatureSequences(values.masked_fill(~mask, value), each.lengths)
    return dirty, videos


@pytest.mark.parametrize(("training", "value"), [(False, float("nan")), (True, 1e30), (True, float("inf"))])
def test_padding_is_never_read(network: Any, training: bool, value: float) -> None:
    texts, features = given()
    network.train(training)
    outcomes = []
    for given_texts, given_features in ((texts, features), soiled(texts, features, value)):
        network.zero_grad()
        found = compared(network, given_texts, given_features)
        (found.square().sum() + found.sin().sum()).backward()
        outcomes.append((found.detach(), [p.grad.clone() for p in network.parameters() if p.grad is not None]))
    (clean, gradients), (dirty, dirty_gradients) = outcomes
    torch.testing.assert_close(dirty, clean, rtol=0, atol=1e-10)
    torch.testing.assert_close(dirty_gradients, gradients, rtol=1e-8, atol=1e-8)


def test_a_pair_scores_the_same_alone(network: Any) -> None:
    texts, features = given()
    together = compared(network, texts, features)
    for row, video in product(range(4), range(4)):
        length = int(texts.lengths[row])
        text = network.texts(Sequences(texts.ids[row : row + 1, :length], texts.lengths[row : row + 1]))
        own = {
            name: FeatureSequences(
                each.values[video : video + 1, : max(int(each.lengths[video]), 1)], each.lengths[video : video + 1]
            )
            for name, each in features.items()
        }
        videos = network.videos(own)
        alone = network.match(text, videos) if isinstance(network, JSFusionNetwork) else network.fill(text, videos)
        torch.testing.assert_close(alone[0], together[row, video], rtol=0, atol=1e-10)


def test_an_empty_sentence_and_a_feature_taken_away_are_no_error(network: Any) -> None:
    _, features = given()
    empty = Sequences(torch.zeros(2, 1, dtype=torch.int64), torch.tensor([0, 0]))
    found = compared(network, empty, {"i3d_rgb": features["i3d_rgb"]})
    assert found.isfinite().all()
    silent = {**features, "vggish": FeatureSequences(features["vggish"].values, torch.zeros(4, dtype=torch.int64))}
    torch.testing.assert_close(compared(network, empty, silent), found)
    blind = network.videos({}, 4)
    nothing = {
        name: FeatureSequences(each.values, torch.zeros(4, dtype=torch.int64)) for name, each in features.items()
    }
    for one, other in zip((blind.values, blind.lengths), (network.videos(nothing).values, torch.ones(4)), strict=True):
        torch.testing.assert_close(one, other, check_dtype=False)


def test_where_a_score_comes_from_are_the_gates_of_each_step(network: Any) -> None:
    if not isinstance(network, JSFusionNetwork) or network.tensor is None:
        return
    texts, features = given()
    rows = torch.tensor(list(product(range(4), range(4))))
    encoded = network.texts(texts), network.videos(features)
    found = network.looks(encoded[0].select(rows[:, 0]), encoded[1].select(rows[:, 1]))
    by_hand = ByHand(network)
    for (row, video), shares in zip(rows.tolist(), found.detach().numpy(), strict=True):
        words = encoded[0].values[row, : int(encoded[0].lengths[row])].detach().numpy()
        steps = encoded[1].values[video, : int(encoded[1].lengths[video])].detach().numpy()
        score = by_hand("tensor.score.weight")
        gates = [sum(sigmoid(score @ by_hand.dense("tensor.gating", v * w))[0] for w in words) for v in steps]
        np.testing.assert_allclose(shares[: len(steps)], np.array(gates) / sum(gates), rtol=1e-9)
        assert not shares[len(steps) :].any()


# ---- sizes ---------------------------------------------------------------------------------------------------------


def test_the_papers_sizes_are_those_of_its_table(monkeypatch: pytest.MonkeyPatch) -> None:
    with torch.device("meta"):
        network = build_network("jsfusion", SIZES["jsfusion"](), 100, {"resnet": 2048, "vggish": 128}, False)
        shapes = []
        layer = GatedConvolutions._layer

        def seen(self: GatedConvolutions, *given: Any) -> torch.Tensor:
            made = layer(self, *given)
            shapes.append(tuple(made.shape))
            return made

        monkeypatch.setattr(GatedConvolutions, "_layer", seen)
        convolutions = network.get_submodule("convolutions")
        assert isinstance(convolutions, GatedConvolutions)
        full = torch.full((10,), 40, device="cpu")
        out = convolutions(torch.empty(10, 512, 40, 40), full, full)
    assert shapes == [(10, 256, 38, 38), (10, 256, 36, 36), (10, 256, 17, 17)]
    assert out.shape == (10, 256)
    weights = {key: value.numel() for key, value in network.named_parameters()}
    assert round((sum(weights.values()) - weights["embedding.weight"]) / 1e6, 1) == 20.0
    parts = dict(network.named_modules())
    assert [parts[f"readout.{n}.linear"].out_features for n in range(3)] == [256, 256, 128]  # type: ignore[union-attr]


def test_what_does_not_go_together_is_refused() -> None:
    with pytest.raises(ValueError, match="final states, which encoder: dense has none of"):
        SIZES["jsfusion"].model_validate({"fusion": "states", "encoder": "dense"})
    with pytest.raises(ValueError, match="no place for a blank"):
        SIZES["jsfusion_fill"].model_validate({"fusion": "states"})
    with pytest.raises(ValueError, match="blank's word has its own term"):
        SIZES["jsfusion_fill"].model_validate({"text_term": True})
    with pytest.raises(ValueError, match="readout"):
        SIZES["jsfusion"].model_validate({"readout": []})
    assert build_network(
        "jsfusion_fill", SIZES["jsfusion_fill"](**{**SMALL, "readout": ()}), VOCABULARY, {"f": 6}, False
    )
    with pytest.raises(ValueError, match="compares sentences with features: give at least one"):
        build_network("jsfusion", SIZES["jsfusion"](), VOCABULARY, {}, False)


def test_each_side_is_encoded_without_the_other(network: Any) -> None:
    """What retrieval relies on: rows of encoded sides can be picked into any pairs."""
    assert isinstance(network, Comparing)
    texts, _ = given()
    encoded = network.texts(texts)
    assert isinstance(encoded, Encoded)
    again = network.texts(Sequences(texts.ids[[2, 0]], texts.lengths[[2, 0]]))
    for row, place in enumerate((2, 0)):
        length = int(encoded.lengths[place])
        assert int(again.lengths[row]) == length
        torch.testing.assert_close(again.values[row, :length], encoded.values[place, :length])


def test_one_row_alone_is_normalised_by_those_before() -> None:
    """As a last batch of one sentence is. By NumPy: one row has no moments of its own."""
    torch.manual_seed(2)
    dense = Dense(3, 2)
    dense(torch.randn(20, 3))
    known = {name: value.clone() for name, value in dense.state_dict().items()}
    row = torch.randn(1, 3, requires_grad=True)
    given = dense.train()(row)
    affine = row.detach().numpy() @ known["linear.weight"].numpy().T + known["linear.bias"].numpy()
    spread = np.sqrt(known["norm.running_var"].numpy() + 1e-5)
    wanted = np.tanh((affine - known["norm.running_mean"].numpy()) / spread)
    np.testing.assert_allclose(given.detach().numpy(), wanted, rtol=1e-5)
    given.sum().backward()
    assert row.grad is not None and bool((row.grad != 0).all())
    assert all(torch.equal(value, known[name]) for name, value in dense.state_dict().items())
