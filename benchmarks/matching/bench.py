"""What is measured: steps of training beside the plain implementation, and the time of a pair at test."""

import torch
from torch import Tensor

from benchmarks.matching.plain import scores
from benchmarks.matching.tracing import tracing
from benchmarks.shared.differences import gradients, relative_difference
from benchmarks.shared.machine import MATRIX, matrix_product, shares
from benchmarks.shared.results import Goal, Row
from benchmarks.shared.timing import interleaved
from pipeline.networks.jsfusion import JSFusionNetwork
from pipeline.networks.sizes import JSFusionSizes
from pipeline.systems.pairs import encoded_texts, encoded_videos, score_all
from pipeline.tensors import FeatureSequences, Sequences

WORDS = 16_824
FEATURES = {"resnet": 2048, "vggish": 128}
CPU = torch.device("cpu")
HALF = Goal("at most", 0.5)


class Bench:
    """A network of the paper's sizes, or a tiny one, and full pairs for it."""

    def __init__(self, quick: bool, repeats: int) -> None:
        torch.manual_seed(0)
        tiny = {"embedding": 8, "hidden": 8, "joint": 8, "tensor": 8, "channels": 8, "steps": 9, "words": 8}
        self.sizes = JSFusionSizes.model_validate(tiny if quick else {})
        self.network = JSFusionNetwork(self.sizes, 50 if quick else WORDS, FEATURES)
        self.repeats, self.quick = repeats, quick

    def videos(self, count: int, kind: torch.dtype = torch.float32) -> dict[str, FeatureSequences]:
        """Features of videos that are as long as they may be."""
        lengths = torch.full((count,), self.sizes.steps)
        return {
            name: FeatureSequences(torch.randn(count, self.sizes.steps, dims, dtype=kind), lengths)
            for name, dims in FEATURES.items()
        }

    def texts(self, count: int) -> Sequences:
        """Sentences that are as long as they may be."""
        words = self.network.embedding.num_embeddings
        ids = torch.randint(4, words, (count, self.sizes.words))
        return Sequences(ids, torch.full((count,), self.sizes.words))

    def ours(self, videos: dict[str, FeatureSequences], texts: Sequences, rows: Tensor, columns: Tensor) -> Tensor:
        """Scores of pairs, each side encoded once."""
        encoded = self.network.texts(texts).select(rows), self.network.videos(videos).select(columns)
        return self.network.match(*encoded)

    def plain(self, videos: dict[str, FeatureSequences], texts: Sequences, rows: Tensor, columns: Tensor) -> Tensor:
        """The same, each side repeated for every pair."""
        steps = torch.cat([each.values for each in videos.values()], 2)
        return scores(self.network, steps.index_select(0, columns), texts.ids.index_select(0, rows))


def step(bench: Bench) -> list[Row]:
    """Forward and backward of 10 pairs: full ones of one video and of 10, and pairs as long as LSMDC17's."""
    full, count = torch.full((10,), bench.sizes.words), bench.sizes.steps
    # Clips of 4 to 5 seconds at 5 frames a second; 5 to 14 words. A plain implementation computes what masks then hide.
    short, few = torch.arange(5, 15).clamp(max=bench.sizes.words), min(count, 23)
    cases = {
        "10 sentences of one video": (1, full, count),
        "10 sentences, 10 videos": (10, full, count),
        "the same, 23 steps and 5 to 14 words each": (10, short, few),
    }
    return [_step(bench, what, *case) for what, case in cases.items()]


def _step(bench: Bench, what: str, videos: int, words: Tensor, steps: int) -> Row:
    given, texts = bench.videos(videos), bench.texts(10)
    features = {
        name: FeatureSequences(each.values[:, :steps], each.lengths * 0 + steps) for name, each in given.items()
    }
    rows, columns = torch.arange(10), torch.arange(10) % videos

    def ours() -> None:
        bench.network.zero_grad()
        bench.ours(features, Sequences(texts.ids, words), rows, columns).sum().backward()  # type: ignore[no-untyped-call]

    def plain() -> None:
        bench.network.zero_grad()
        bench.plain(given, texts, rows, columns).sum().backward()  # type: ignore[no-untyped-call]

    times = interleaved({"ours": ours, "plain": plain}, bench.repeats, CPU)
    goal = None if bench.quick else HALF
    return Row("step", f"{what}: forward and backward", "s", times["ours"], times["plain"], goal)


def agreement(bench: Bench) -> list[Row]:
    """How far gradients of the two are apart, in double precision, normalised by the batch, without dropout."""
    network = JSFusionNetwork(bench.sizes.model_copy(update={"dropout": 0.0}), 50, FEATURES).double()
    double = Bench(bench.quick, 1)
    double.network = network
    videos, texts = double.videos(2, torch.float64), double.texts(2)
    rows, columns = torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 0, 1])
    results = [
        gradients(network, (score(videos, texts, rows, columns).sin()).sum()) for score in (double.ours, double.plain)
    ]
    # A normalisation takes away what a bias before it adds: its gradient is rounding alone.
    named = [key for key, each in results[1].items() if float(each.norm()) > 1e-9]
    most = max(relative_difference(results[0][key], results[1][key]) for key in named)
    return [Row("agreement", "largest relative difference of a gradient", "1", most, None, Goal("below", 1e-6, "ours"))]


def pairs(bench: Bench) -> list[Row]:
    """Seconds of a pair at test, all of 12 x 12 full ones, beside what the machine's matrix rate would take."""
    count = 2 if bench.quick else 12
    network = bench.network.eval()
    with torch.no_grad():
        texts = encoded_texts(network, bench.texts(count), range(count), CPU)
        videos = encoded_videos(network, bench.videos(count), range(count), CPU)
    stick = matrix_product(256 if bench.quick else 2048, CPU, torch.float32)
    calls = {"pairs": lambda: score_all(network, [texts], [videos], "pairs"), MATRIX: stick.call}
    times = interleaved(calls, bench.repeats, CPU)
    network.train()
    flop = pair_flop(bench.sizes)
    share = shares(flop * count**2, times["pairs"], {MATRIX: stick}, times)
    note = f"{flop / 1e9:.2f} GFLOP a pair"
    return [Row("pairs", "one pair at test", "ms", 1e3 * times["pairs"] / count**2, None, None, share, note)]


def pair_flop(sizes: JSFusionSizes) -> float:
    """Floating-point operations of the part that no side has alone, two a multiplication with its addition."""
    n, m, width, channels = sizes.steps, sizes.words, sizes.tensor, sizes.channels
    found = 2.0 * n * m * width * (2 * sizes.joint + width)
    inputs = width
    for stride in (1, 1, 2):
        n, m = (n - 3) // stride + 1, (m - 3) // stride + 1
        found += 2.0 * n * m * 9 * inputs * (channels + sizes.gates)
        inputs = channels
    return found


def traces(bench: Bench) -> list[Row]:
    """Tracing LSTMs beside a plain implementation."""
    return tracing(bench.quick, bench.repeats)


SECTIONS = {"step": step, "agreement": agreement, "pairs": pairs, "tracing": traces}
