"""The measuring instruments against what is known: by hand, published figures, a second count."""

import math
import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from benchmarks import charades, decoding, flows, machine, sound, windows
from benchmarks.clips import find_clips, make_clip
from benchmarks.decoding import through_jpeg
from benchmarks.peaks import peak_memory
from benchmarks.plain_i3d import PlainI3D, padded
from benchmarks.results import Goal, Row, table, verdicts
from benchmarks.timing import interleaved, one_core, quiet
from pipeline.errors import UserError

CPU = torch.device("cpu")


def test_turns_are_taken_and_the_fastest_counts() -> None:
    order: list[str] = []
    waits = {"a": [0.1, 0.0, 0.1], "b": [0.0, 0.1, 0.1]}

    def call(name: str) -> None:
        time.sleep(waits[name][order.count(name)])
        order.append(name)

    times = interleaved({"a": lambda: call("a"), "b": lambda: call("b")}, 3, CPU)
    assert order == ["a", "b"] * 3
    assert max(times.values()) < 0.1


def test_one_core_holds_children_and_is_given_back() -> None:
    before = (os.sched_getaffinity(0), torch.get_num_threads())
    with one_core():
        assert len(os.sched_getaffinity(0)) == 1
        assert torch.get_num_threads() == 1
    assert (os.sched_getaffinity(0), torch.get_num_threads()) == before


def test_log_lines_are_kept_back_unless_something_fails(capsys: pytest.CaptureFixture[str]) -> None:
    with quiet():
        print("fine", file=sys.stderr)
    with pytest.raises(UserError), quiet():
        print("why", file=sys.stderr)
        raise UserError("it failed")
    assert capsys.readouterr().err == "why\n"


def test_operations_by_hand() -> None:
    # 5 x 5 outputs of 4 channels, each of 2 x 3 x 3 products; then 100 values times 7.
    def network() -> nn.Module:
        return nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(100, 7))

    assert machine.flop_count(network, 3, 2, 5, 5) == 3 * 2 * (25 * 4 * 18 + 100 * 7)


def test_operations_of_i3d_from_the_shapes_of_its_layers() -> None:
    with torch.device("meta"):
        network, clip = PlainI3D().eval(), torch.empty(2, 3, 16, 224, 224)
    products = []

    def count(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        assert isinstance(layer, nn.Conv3d)
        products.append(output.numel() * layer.in_channels * math.prod(layer.kernel_size))

    for layer in network.modules():
        if isinstance(layer, nn.Conv3d):
            layer.register_forward_hook(count)
    network(clip)
    assert len(products) == 3 + 9 * 6
    assert machine.flop_count(PlainI3D, 2, 3, 16, 224, 224) == 2 * sum(products)


def test_yardsticks_by_brute_force() -> None:
    product = machine.matrix_product(8, CPU, torch.float32)
    assert product.flop == 2 * 8 * 8 * 8
    layer = machine.convolution(2, 16, CPU, torch.float32)
    assert layer.flop == machine.flop_count(lambda: nn.Conv3d(64, 192, 3, padding=1), 2, 64, 8, 4, 4)
    assert layer.call().shape == (2, 192, 8, 4, 4)
    half = machine.shares(
        100.0, 2.0, {"matrix product": machine.Yardstick(lambda: None, 300.0)}, {"matrix product": 3.0}
    )
    assert half == {"matrix product": 0.5}


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "before", "after"),
    [(16, 7, 2, 2, 3), (15, 7, 2, 3, 3), (5, 3, 1, 1, 1), (4, 2, 2, 0, 0), (5, 2, 2, 0, 1), (6, 1, 1, 0, 0)],
)
def test_same_padding_as_tensorflow_has_it(size: int, kernel: int, stride: int, before: int, after: int) -> None:
    x = torch.ones(1, 1, size, 1, 1)
    expected = [0.0] * before + [1.0] * size + [0.0] * after
    assert padded(x, (kernel, 1, 1), (stride, 1, 1)).flatten().tolist() == expected


def test_differences_by_hand() -> None:
    flow = torch.tensor([[[3.0, 4.0], [1.0, 1.0]]])
    reference = torch.tensor([[[0.0, 0.0], [1.0, 0.0]]])
    assert flows.end_point_difference(flow, reference) == pytest.approx((5 + 1) / 2)
    assert windows.relative_difference(torch.tensor([3.0, 1.0]), torch.tensor([3.0, 4.0])) == pytest.approx(3 / 5)


def test_peak_memory_is_the_commands_own() -> None:
    def peak(megabytes: int) -> float:
        return peak_memory([sys.executable, "-c", f"x = bytearray({megabytes} << 20)"])

    ballast = bytearray(b"1" * (300 << 20))  # the size of this process must not count
    assert peak(200) - peak(10) == pytest.approx(190, abs=10)
    assert peak(10) < 100
    del ballast


def test_a_command_that_fails_is_named() -> None:
    with pytest.raises(UserError, match=r"import nothing_of_this_name: failed \(ModuleNotFoundError"):
        peak_memory([sys.executable, "-c", "import nothing_of_this_name"])


def test_jpeg_files_hold_the_frames(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "red.mp4", "color=red:size=64x48:rate=12", 1)
    frames = through_jpeg(clip, 32, tmp_path)
    assert frames.shape == (24, 32, 32, 3)
    assert np.abs(frames.mean(axis=(0, 1, 2)) - [0, 0, 254]).max() < 3  # OpenCV: blue first
    assert find_clips(tmp_path) == {"red": clip}


def rates() -> list[Row]:
    return [
        Row(decoding.SECTION, decoding.FRAMES, "frames/s", 849.0),
        Row(decoding.SECTION, decoding.SOUND, "s of sound/s", 98.0),
        Row(windows.STRIDE, windows.DENSE_RATE, "windows/s", 849.0),
        Row(flows.SECTION, flows.total("tvl1"), "pairs/s", 849.0),
        Row(sound.SECTION, sound.PATCHES, "patches/s", 100.0),
    ]


def test_charades_by_hand() -> None:
    # Seconds: frames 2 x 10,000; sound 3,600; networks 2,500 each; flow 10,000; VGGish 367,500 patches.
    cpu = {row.what: row.ours for row in charades.whole(rates(), 2, gpu=False)}
    assert cpu[charades.TOTAL] == pytest.approx((20000 + 3600 + 5000 + 10000 + 3675) / 2 / 3600)
    rows = charades.whole(rates(), 16, gpu=True)
    assert rows[-1].ours == pytest.approx((5000 + 10000 + 3675) / 3600)
    assert "slowest: i3d_flow, stride 4: flow tvl1" in rows[-1].note
    assert verdicts(rows) == ["missed  charades, all stages: h 5.188, wanted at most 1"]
    assert charades.whole(rates()[1:], 2, gpu=False) == []
    assert charades.missing(rates()[1:]) == ["decode frames, all clips"]


def test_goals_and_table() -> None:
    rows = [
        Row("decode", "one", "frames/s", 1500.0, 1000.0, Goal("at least", 1.5), {"decoding alone": 0.5}),
        Row("memory", "two", "MiB", 111.0, 100.0, Goal("at most", 1.1)),
        Row("stride", "three", "s", 4.0, 1.0, Goal("below", 4)),
        Row(
            "i3d",
            "four",
            "windows/s",
            9.0,
            3.0,
            Goal("at least", 0.4, "share", "matrix product"),
            {"matrix product": 0.41},
        ),
    ]
    assert [line[:6].strip() for line in verdicts(rows)] == ["met", "missed", "missed", "met"]
    lines = table(rows).splitlines()
    assert "1,500" in lines[1] and "| 1.5 " in " ".join(lines[1].split()) and "50% of decoding alone" in lines[1]
    assert rows[1].record()["met"] is False and rows[1].record()["ratio"] == pytest.approx(1.11)
