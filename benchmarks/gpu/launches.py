"""What a call asks of the device: kernels that are launched, and how often the host waits for it."""

import warnings
from collections.abc import Callable

import torch
from torch.profiler import ProfilerActivity, profile

VIEWS = {
    "view", "reshape", "_unsafe_view", "slice", "select", "split", "unsafe_split", "chunk", "unbind", "narrow", "t",
    "expand", "expand_as", "squeeze", "unsqueeze", "transpose", "numpy_T", "permute", "flatten", "diagonal", "real",
    "as_strided", "detach", "alias", "empty", "new_empty", "resize", "to", "set_data", "is_pinned", "result_type",
    "lift_fresh", "item", "_local_scalar_dense", "resolve_conj", "resolve_neg", "split_with_sizes",
}  # fmt: skip
"""Operations that compute nothing: they cost the host time, and launch no kernel."""


def launches(call: Callable[[], object], device: torch.device) -> int:
    """Kernels of one run of ``call``; on a CPU its operations that compute something, which would be one each."""
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if device.type == "cuda" else [])]
    with profile(activities=activities) as seen:
        call()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
    events = seen.events()
    assert events is not None
    if device.type == "cuda":
        return sum(event.name.startswith(("cudaLaunchKernel", "cuLaunchKernel")) for event in events)
    return sum(_count(event) for event in events if event.cpu_parent is None)


def _count(event: "torch.autograd.profiler_util.FunctionEvent") -> int:
    """Operations inside it that compute something; one where it does so itself."""
    inner = sum(map(_count, event.cpu_children))
    name = event.name.removeprefix("aten::").removesuffix("_")
    return inner or int(event.name.startswith("aten::") and not _is_view(name))


def _is_view(name: str) -> bool:
    return name in VIEWS or name.removesuffix("_like") in VIEWS or name.removesuffix("_strided") in VIEWS


def waits(call: Callable[[], object]) -> int:
    """How often one run of ``call`` waits for a GPU, as PyTorch warns of it."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            call()
        finally:
            torch.cuda.set_sync_debug_mode("default")
    # Switching this on is warned of too, as a prototype.
    return sum(str(warning.message).startswith("called a synchronizing") for warning in said)
