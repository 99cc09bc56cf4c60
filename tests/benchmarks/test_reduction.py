"""The benchmark of the reduction: less to do takes less time, and what it prints."""

import argparse
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from torch import nn

from benchmarks.reduction.__main__ import features, main, table
from benchmarks.reduction.rates import RATES, Spent, seconds_by_rate
from pipeline.config import ImageFeature
from pipeline.features import frame_networks
from pipeline.features.checkpoints import Loaded


class ToyNetwork(nn.Module):
    """A fixed small CNN in place of the network of pictures; it takes a second a frame, by a clock of its own."""

    size = 48

    def __init__(self) -> None:
        super().__init__()
        self.mean = self.deviation = torch.zeros(3)
        self.layers = nn.Sequential(nn.Conv2d(3, 32, 5), nn.ReLU())
        self.clock = 0.0

    def prepare(self, device: torch.device) -> "ToyNetwork":
        return self.eval().requires_grad_(False)

    def features(self, frames: torch.Tensor) -> torch.Tensor:
        self.clock += len(frames)
        return self.layers(frames.permute(0, 3, 1, 2).float()).mean(dim=(2, 3))


def test_seconds_rise_with_the_rate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded = tmp_path / "decoded.h5"
    with h5py.File(decoded, "w") as file:
        file.attrs.update(
            {"media": "{}", "conversion": "none", "stage_version": 1, "ffmpeg_version": "7", "av_version": "1"}
        )
        for name in ("a", "b"):
            group = file.create_group(name)
            group.attrs["fps"] = 10.0
            group["frames"] = np.random.default_rng(0).integers(0, 256, (80, 48, 48, 3), np.uint8)
            group["times"] = np.arange(80) / 10
    network = ToyNetwork()
    monkeypatch.setattr(frame_networks, "load_image", lambda *_: Loaded(network, "toy", ""))
    monkeypatch.setattr(time, "perf_counter", lambda: network.clock)
    rows = seconds_by_rate(ImageFeature(network="image"), decoded, tmp_path, torch.device("cpu"), repeats=3)
    assert [row.rate for row in rows] == list(RATES)
    assert all(row.videos == 2 for row in rows)
    assert [row.a_video for row in rows] == [16, 32, 48, 64, 80]


def test_the_table_by_hand() -> None:
    rows = [Spent(rate, seconds, 100, "cpu", 1) for rate, seconds in ((0.2, 2.77), (1.0, 13.28))]
    assert table("teacher", rows).splitlines() == [
        "teacher: 100 videos",
        "rate  seconds a video  saved",
        "0.2             2.770  79.1%",
        "1              13.280   0.0%",
    ]


def test_what_is_measured_is_what_was_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chosen = argparse.Namespace(fps=2, size=96, image="resnet18", sound="vggish")
    (image, feature, media), (sound, heard, _) = features(chosen)
    assert (image, sound) == ("resnet18, frames", "vggish, log-mel")
    assert (feature.inputs, heard.inputs) == ("frames", "sound")
    assert (media.fps, media.size) == (2, 96)
    assert main([str(tmp_path / "none")]) == 1
    assert "none: no such folder" in capsys.readouterr().err
