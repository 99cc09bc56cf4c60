"""A convolution of one map under many scalings of its channels, without a map for each of them.

Legend: B maps, L scalings of each, P cells of rows x columns, C channels in, O out, K = 9 places of a kernel.

    y_l = Conv(v * h_l),   y_l(p)[o] = sum_c h_l[c] M(p)[o, c],   M(p)[o, c] = sum_k W_k[o, c] v(p + k)[c]

What stands in M is the same for all scalings: 9 P C O multiplications once and P C O for each scaling, where a
convolution of each scaled map takes 9 P C O for each: 5.8 times as many with 16 scalings. M is made block by block of
channels, small enough to stay in a CPU's cache, and made again for the gradient, which is written out: it would be by
far the largest thing that is kept (16 MB a map at 4 x 4 cells and 500 channels).

>>> maps, scalings, kernel = torch.rand(2, 3, 4, 5), torch.rand(2, 7, 3), torch.rand(6, 3, 3, 3)
>>> found = scaled_convolution(maps, scalings, ordered(kernel))
>>> plain = torch.nn.functional.conv2d(maps[1] * scalings[1, 2, :, None, None], kernel, padding=1)
>>> torch.allclose(found[1, 2].view(4, 5, 6), plain.permute(1, 2, 0), atol=1e-5)
True
"""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from pipeline.tensors import full_precision

SIDE = 3
"""Of the kernel; the map is padded by one cell of zeros around it."""
CACHED = 1 << 17
"""Values of M in a block on a CPU: 512 KB."""
HELD = 1 << 26
"""The same on a GPU, where few large products are better: 256 MB."""


def ordered(kernel: Tensor) -> Tensor:
    """The kernel (C, K, O) as `scaled_convolution` reads it, of a convolution's weight (O, C, 3, 3)."""
    return kernel.flatten(2).permute(1, 2, 0).contiguous()


def scaled_convolution(maps: Tensor, scalings: Tensor, kernel: Tensor) -> Tensor:
    """The maps y (B, L, P, O), without a bias, padded so that it has as many cells.

    maps: v (B, C, rows, columns). scalings: h (B, L, C). kernel: (C, K, O) of `ordered`. Under automatic mixed
    precision it runs in float32.
    """
    with torch.autocast(maps.device.type, enabled=False):
        given = (full_precision(tensor) for tensor in (maps, scalings, kernel))
        made: Tensor = _ScaledConvolution.apply(*given)
        return made


class _ScaledConvolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, maps: Tensor, scalings: Tensor, kernel: Tensor) -> Tensor:
        ctx.save_for_backward(maps, scalings, kernel)
        outputs = kernel.shape[2]
        made = maps.new_zeros(*scalings.shape[:2], maps.shape[2] * maps.shape[3] * outputs)
        for rows, blocks in _blocks(maps, outputs):
            columns, result, scaling = _columns(maps[rows]), made[rows], scalings[rows]
            room = _room(columns, blocks, outputs)
            for block in blocks:
                mixed = torch.bmm(columns[block], kernel[block], out=room[: block.stop - block.start])
                result.baddbmm_(scaling[:, :, block], _by_map(mixed, result))
        return made.view(*made.shape[:2], -1, outputs)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        maps, scalings, kernel = ctx.saved_tensors
        outputs, given = kernel.shape[2], gradient.flatten(2)
        of_maps, of_scalings, of_kernel = torch.empty_like(maps), torch.empty_like(scalings), torch.zeros_like(kernel)
        for rows, blocks in _blocks(maps, outputs):
            columns, result, scaling = _columns(maps[rows]), given[rows], scalings[rows]
            room, of_columns = (
                _room(columns, blocks, outputs),
                columns.new_empty(len(columns), SIDE**2, columns.shape[1]),
            )
            for block in blocks:
                made = room[: block.stop - block.start]
                mixed = torch.bmm(columns[block], kernel[block], out=made)
                of_scalings[rows, :, block] = torch.bmm(result, _by_map(mixed, result).transpose(1, 2))
                # From here on the room holds the gradient of M.
                torch.bmm(scaling[:, :, block].transpose(1, 2), result, out=_by_map(made, result))
                of_kernel[block].baddbmm_(columns[block].transpose(1, 2), made)
                torch.bmm(kernel[block], made.transpose(1, 2), out=of_columns[block])
            of_maps[rows] = _folded(of_columns, maps[rows].shape)
        return of_maps, of_scalings, of_kernel


def _blocks(maps: Tensor, outputs: int) -> Iterator[tuple[slice, list[slice]]]:
    """Maps that are taken together, on a CPU one at a time, and blocks of their channels."""
    count, channels, rows, columns = maps.shape
    on_host = maps.device.type == "cpu"
    one, most = rows * columns * outputs, CACHED if on_host else HELD
    together = 1 if on_host else max(1, most // (one * channels))
    size = min(channels, max(1, most // (one * min(together, count))))
    blocks = [slice(begin, min(begin + size, channels)) for begin in range(0, channels, size)]
    for begin in range(0, count, together):
        yield slice(begin, min(begin + together, count)), blocks


def _room(columns: Tensor, blocks: Sequence[slice], outputs: int) -> Tensor:
    """Where M of a block is made: (channels of the first and largest, B x P, O)."""
    return columns.new_empty(blocks[0].stop, columns.shape[1], outputs)


def _by_map(mixed: Tensor, like: Tensor) -> Tensor:
    """M (C, B x P, O) as a view (B, C, P x O), beside results (B, L, P x O)."""
    return mixed.view(len(mixed), len(like), -1).transpose(0, 1)


def _columns(maps: Tensor) -> Tensor:
    """(C, B x P, K): for each cell its neighbours and itself."""
    rows, channels, *_ = maps.shape
    columns = functional.unfold(maps, SIDE, padding=1).view(rows, channels, SIDE**2, -1)
    return columns.permute(1, 0, 3, 2).reshape(channels, -1, SIDE**2)


def _folded(columns: Tensor, shape: torch.Size) -> Tensor:
    """The gradient of maps of ``shape`` (B, C, rows, columns) from that of `_columns`, (C, K, B x P)."""
    rows, channels, height, width = shape
    by_map = columns.view(channels, SIDE**2, rows, -1).permute(2, 0, 1, 3).reshape(rows, channels * SIDE**2, -1)
    return functional.fold(by_map, (height, width), SIDE, padding=1)
