"""The measuring instruments against what is known: by hand, published figures, a second count."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from benchmarks.extraction import decoding, flows, sound, windows
from benchmarks.extraction.clips import find_clips, make_clip
from benchmarks.extraction.decoding import through_jpeg
from benchmarks.extraction.plain_i3d import PlainI3D, padded
from benchmarks.shared import charades, machine
from benchmarks.shared.results import Row, verdicts

CPU = torch.device("cpu")


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
