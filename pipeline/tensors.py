"""Dataclasses of tensors that move, select and pad together."""

from dataclasses import dataclass, fields, replace
from typing import Any, Self

import torch
from torch import Tensor


def _map(value: Any, function: Any) -> Any:
    if isinstance(value, Tensor):
        return function(value)
    if isinstance(value, TensorGroup):
        return value.map(function)
    if isinstance(value, dict):
        return {key: _map(item, function) for key, item in value.items()}
    if isinstance(value, tuple):
        return tuple(_map(item, function) for item in value)
    return value


class TensorGroup:
    """Base of dataclasses whose fields are tensors, groups, or tuples and dicts of them; others stay as they are."""

    def map(self, function: Any) -> Self:
        """A copy with ``function`` applied to every tensor inside."""
        values = {field.name: _map(getattr(self, field.name), function) for field in fields(self)}  # type: ignore[arg-type]
        return replace(self, **values)  # type: ignore[type-var]

    def to(self, device: torch.device | str) -> Self:
        """A copy on ``device``."""
        return self.map(lambda tensor: tensor.to(device, non_blocking=True))

    def select(self, rows: Tensor) -> Self:
        """A copy with ``rows`` (N,) of every tensor's first dimension: beams are reordered with this."""
        return self.map(lambda tensor: tensor.index_select(0, rows))


@dataclass(frozen=True)
class Sequences(TensorGroup):
    """Padded token sequences. ids (N, L) int64, padding id 0; lengths (N,) int64, a length may be 0."""

    ids: Tensor
    lengths: Tensor

    def mask(self) -> Tensor:
        """(N, L) bool, true on real tokens."""
        return length_mask(self.lengths, self.ids.shape[1])


@dataclass(frozen=True)
class FeatureSequences(TensorGroup):
    """Padded feature sequences, one a dialog. values (B, L, D) float32; lengths (B,) int64, 0: no step."""

    values: Tensor
    lengths: Tensor

    def mask(self) -> Tensor:
        """(B, L) bool, true on real steps."""
        return length_mask(self.lengths, self.values.shape[1])


def length_mask(lengths: Tensor, size: int) -> Tensor:
    """(N, size) bool: true at positions below each of ``lengths`` (N,)."""
    return torch.arange(size, device=lengths.device).unsqueeze(0) < lengths.unsqueeze(1)


def full_precision(tensor: Tensor) -> Tensor:
    """A half-precision tensor as float32; any other as it is."""
    return tensor.float() if tensor.dtype in (torch.bfloat16, torch.float16) else tensor
