"""The benchmark of JSFusion: both implementations compute the same, and the command says what it found."""

import pytest
import torch

from benchmarks.matching.__main__ import main
from benchmarks.matching.bench import Bench, agreement, pair_flop
from benchmarks.matching.tracing import agreement as agreement_of_traces
from benchmarks.matching.tracing import plain
from pipeline.networks.parts.packing import Packing
from pipeline.networks.parts.tracing import Tracing
from pipeline.networks.sizes import JSFusionSizes


def test_the_plain_implementation_gives_the_same_scores_and_gradients() -> None:
    bench = Bench(True, 1)
    bench.network.eval()
    with torch.no_grad():
        for parameter in bench.network.parameters():
            parameter.mul_(3)
    videos, texts = bench.videos(3), bench.texts(2)
    rows, columns = torch.tensor([0, 0, 0, 1, 1, 1]), torch.tensor([0, 1, 2, 0, 1, 2])
    both = [score(videos, texts, rows, columns) for score in (bench.ours, bench.plain)]
    torch.testing.assert_close(*both, rtol=1e-4, atol=1e-5)
    assert both[0].std() > 1e-4
    (row,) = agreement(bench)
    assert row.ours < 1e-9


def test_the_work_of_a_pair_by_hand() -> None:
    sizes = JSFusionSizes(steps=7, words=8, joint=3, tensor=5, channels=2)
    cells = 7 * 8 * 2 * (3 * 5 + 3 * 5 + 5 * 5)
    maps = 2 * 9 * (5 * 6 * 5 * 3 + 3 * 4 * 2 * 3 + 1 * 1 * 2 * 3)
    assert pair_flop(sizes) == cells + maps


def test_plain_traces_are_ours() -> None:
    torch.manual_seed(2)
    network, maps = Tracing(6, (3, 4)), torch.randn(2, 5, 6, 3, 4)
    packing = Packing.of(torch.tensor([5, 5]), 5)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(2)
    torch.testing.assert_close(network(packing.pack(maps), packing).states, plain(network, maps))
    assert agreement_of_traces() < 1e-9


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--quick", "--repeats", "1", "--sections", "pairs", "agreement", "tracing"]) == 0
    told = capsys.readouterr().out
    assert "one pair at test" in told
    assert "met     agreement" in told
    assert "met     tracing, largest relative difference of a gradient" in told
