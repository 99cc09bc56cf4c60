"""What the machine is and what it can do: the yardsticks of the shares."""

import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.shared.timing import Call
from pipeline import __version__

PACKAGES = ("torch", "numpy", "opencv-contrib-python-headless", "av", "h5py")
MATRIX, CONVOLUTION = "matrix product", "conv3d"


@dataclass(frozen=True)
class Yardstick:
    """A plain operation of known size: run it, divide ``flop`` by the seconds."""

    call: Call
    flop: float


def matrix_product(size: int, device: torch.device, dtype: torch.dtype) -> Yardstick:
    """The product of two square matrices of ``size``."""
    left, right = (torch.rand(size, size, device=device).to(dtype) for _ in range(2))
    return Yardstick(lambda: left @ right, 2.0 * size**3)


def convolution(windows: int, side: int, device: torch.device, dtype: torch.dtype) -> Yardstick:
    """`Conv3d_2c_3x3` of I3D, the layer with the most work: 64 to 192 channels, 3x3x3, channels last.

    Of ``windows`` windows of 16 frames of ``side`` pixels it sees 8 positions in time and ``side`` / 4 in space.
    """
    form = torch.channels_last_3d
    maps = torch.rand(windows, 64, 8, side // 4, side // 4, device=device).to(dtype, memory_format=form)
    kernel = torch.rand(192, 64, 3, 3, 3, device=device).to(dtype, memory_format=form)
    return Yardstick(lambda: F.conv3d(maps, kernel, padding=1), 2.0 * kernel.numel() * maps[:, 0].numel())


def flop_count(network: Callable[[], nn.Module], *shape: int) -> float:
    """Floating-point operations of a network on an input of ``shape``, two a multiplication with its addition.

    Matrix products and convolutions count, on shapes alone: nothing is computed.
    """
    with torch.device("meta"), torch.inference_mode(), FlopCounterMode(display=False) as counter:
        made = network().eval()
        made(torch.empty(*shape))
    return float(counter.get_total_flops())


def shares(flop: float, took: float, yardsticks: dict[str, Yardstick], times: dict[str, float]) -> dict[str, float]:
    """``flop`` in ``took`` seconds, as a part of the rate of each yardstick, whose seconds are in ``times``."""
    return {name: (flop / took) / (stick.flop / times[name]) for name, stick in yardsticks.items()}


def facts(device: torch.device, cores: int) -> dict[str, Any]:
    """Processor, GPU, date, and versions; None of what is not installed."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": _cpu_name(),
        "cores": cores,
        "device": str(device),
        "gpu": torch.cuda.get_device_name(device) if device.type == "cuda" else None,
        "cuda": torch.version.cuda if device.type == "cuda" else None,
        "platform": platform.platform(),
        "python": platform.python_version(),
        "ffmpeg": _ffmpeg_version(),
        "pipeline": __version__,
        **{package: _version(package) for package in PACKAGES},
    }


def heading(facts: dict[str, Any], cores: str) -> str:
    """The facts in one line, ``cores`` as it says how many are used."""
    gpu = facts["gpu"] or "no GPU"
    return f"{facts['cpu']}, {cores} cores, {gpu}, PyTorch {facts['torch']}, {facts['date']}"


def available_cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0))


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _ffmpeg_version() -> str | None:
    try:
        from pipeline.media import ffmpeg
    except ImportError:
        return None
    return ffmpeg.version()


def _cpu_name() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
