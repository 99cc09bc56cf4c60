"""The device a job computes on."""

from functools import cache

import torch
from torch import Tensor

from pipeline.errors import UserError
from pipeline.gpus import visible
from pipeline.progress import log


def resolve_device(name: str) -> torch.device:
    """The device called ``name``: `auto` is CUDA where there is one, else the CPU.

    Where a GPU was given to this job and PyTorch finds none, the log says so.

    From here on float32 is float32: left alone, convolutions and LSTM layers on a GPU would compute in TF32. Raises
    `UserError` for a name PyTorch does not know and for a CUDA device this machine does not have.
    """
    torch.backends.cudnn.allow_tf32 = False
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        if gpus := visible():
            _warn(", ".join(gpus))
        return torch.device("cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UserError(f"device: {name!r} is not a device; give auto, cpu, cuda or cuda:<number>") from None
    if device.type not in ("cpu", "cuda"):
        raise UserError(f"device: {name!r} is not supported; give auto, cpu, cuda or cuda:<number>")
    if device.type == "cuda":
        found = torch.cuda.device_count()
        if (device.index or 0) >= found:
            raise UserError(f"device: {name!r} is asked for, this machine has {found} CUDA devices; give auto or cpu")
    return device


@cache
def _warn(gpus: str) -> None:
    """Once a process."""
    log(f"warning: GPU {gpus} is there, and PyTorch finds none that works: the CPU computes, many times slower")


def can_compile(device: torch.device) -> bool:
    """Whether `torch.compile` works for ``device`` here: it needs a C++ compiler. Where it does not, the log says why.

    Tried rather than looked up: a compiler may be there without the headers it needs.
    """

    def probe(x: Tensor) -> Tensor:
        return x.relu() + 1

    try:
        torch.compile(probe)(torch.zeros(8, device=device))
    except RuntimeError as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        log(f"warning: torch.compile does not work here, so this runs several times slower ({reason[0]})")
        return False
    return True
