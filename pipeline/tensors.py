"""Dataclasses of tensors that move, select and pad together.

What shapes depend on, lengths above all, stays on the host wherever the rest goes: reading it back from a GPU would
wait for all the work given to it before.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

import torch
from torch import Tensor

HOST = "host"
ON_HOST = {HOST: True}
"""Metadata of a field of a `TensorGroup` that stays in the host's memory when the group goes to a device."""


def _map(value: Any, function: Any, host: bool) -> Any:
    if isinstance(value, Tensor):
        return function(value)
    if isinstance(value, TensorGroup):
        return value._mapped(function, host)
    if isinstance(value, dict):
        return {key: _map(item, function, host) for key, item in value.items()}
    if isinstance(value, tuple):
        return tuple(_map(item, function, host) for item in value)
    return value


class TensorGroup:
    """Base of dataclasses whose fields are tensors, groups, or tuples and dicts of them; others stay as they are."""

    def map(self, function: Any) -> Self:
        """A copy with ``function`` applied to every tensor inside."""
        return self._mapped(function, host=True)

    def _mapped(self, function: Any, host: bool) -> Self:
        """As `map`; without ``host`` what stays on the host stays as it is."""
        chosen = [item for item in fields(self) if host or not item.metadata.get(HOST)]  # type: ignore[arg-type]
        values = {item.name: _map(getattr(self, item.name), function, host) for item in chosen}
        return replace(self, **values)  # type: ignore[type-var]

    def to(self, device: torch.device | str) -> Self:
        """A copy on ``device``; what shapes depend on stays on the host."""
        return self._mapped(lambda tensor: tensor.to(device, non_blocking=True), host=False)

    def select(self, rows: Tensor) -> Self:
        """A copy with ``rows`` (N,) of every tensor's first dimension: beams are reordered with this.

        Rows on a device are waited for where a part of the group is on the host.
        """
        return self.map(lambda tensor: tensor.index_select(0, rows.to(tensor.device)))


@dataclass(frozen=True)
class Sequences(TensorGroup):
    """Padded token sequences.

    ids: (N, L) int64, padding id 0. lengths: (N,) int64 on the host, a length may be 0.
    """

    ids: Tensor
    lengths: Tensor = field(metadata=ON_HOST)

    def mask(self) -> Tensor:
        """(N, L) bool, true on real tokens, beside ``ids``."""
        (mask,) = sent_to(self.ids.device, length_mask(self.lengths, self.ids.shape[1]))
        return mask


@dataclass(frozen=True)
class FeatureSequences(TensorGroup):
    """Padded feature sequences, one a dialog.

    values: (B, L, D) float32. lengths: (B,) int64 on the host, 0: no step.
    """

    values: Tensor
    lengths: Tensor = field(metadata=ON_HOST)

    def mask(self) -> Tensor:
        """(B, L) bool, true on real steps, beside ``values``."""
        (mask,) = sent_to(self.values.device, length_mask(self.lengths, self.values.shape[1]))
        return mask


def length_mask(lengths: Tensor, size: int) -> Tensor:
    """(N, size) bool: true at positions below each of ``lengths`` (N,), beside these."""
    return torch.arange(size, device=lengths.device).unsqueeze(0) < lengths.unsqueeze(1)


def sent_to(device: torch.device, *made: Tensor) -> Sequence[Tensor]:
    """Tensors of one type and width that were made on the host, on ``device``: in one copy that nothing waits for.

    A copy from memory that is not page-locked would wait for all work on the GPU; many small ones cost a launch each.
    """
    together = torch.cat(made)
    if device.type == "cuda":
        together = together.pin_memory()
    return torch.split(together.to(device, non_blocking=True), [len(tensor) for tensor in made])


def full_precision(tensor: Tensor) -> Tensor:
    """A half-precision tensor as float32; any other as it is."""
    return tensor.float() if tensor.dtype in (torch.bfloat16, torch.float16) else tensor
