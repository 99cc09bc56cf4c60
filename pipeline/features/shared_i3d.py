"""I3D on windows that overlap: what neighbouring windows have in common is computed once, and nothing is approximated.

Windows are padded with zeros in time, so two of them that begin an even number of frames apart agree in the middle of
the first layers and differ towards their ends. Of windows of 16 frames, one every 4, each costs 14 of the 56 taps of
`Conv3d_1a_7x7` and 13 of the 24 taps of `Conv3d_2c_3x3` (see `sharing`), and the layers between the two see 5 maps
instead of 8. Behind them 7 of 8 maps are a window's own, and behind `Mixed_3b` all, so sharing ends there.

Shapes: F frames, P maps, S sums over K taps, N windows of T frames, H and W pixels, C channels.
"""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.features.i3d import I3D, LAST, STAGES, Unit3D, autocast, few_channels, same_padding, scaled
from pipeline.features.sharing import Part, Piece, make_plan
from pipeline.features.windows import Table
from pipeline.tensors import sent_to

PIECE_BYTES = {"cpu": 12 << 20, "cuda": 1 << 30}
"""Largest result computed at once. The C library returns freed memory beyond some ten MiB to the system, and getting
it anew costs more time than a pooling layer; PyTorch's CUDA allocator keeps its memory."""
WIDEST = sum(STAGES["Mixed_3c"][branch] for branch in (0, 2, 4, 5))
"""Channels of the largest result behind the shared layers, that of `Mixed_3c`."""


def window_features(
    network: I3D, frames: Tensor, table: Table, layer: str = LAST, read: Callable[[Tensor], Tensor] = I3D.pool
) -> Tensor:
    """Features (N, 1024 x T/8) of windows: ``frames`` (F, H, W, C), uint8 or scaled, and the table of windows in them.

    ``network`` is prepared. To rounding, the same as `I3D.features` of the windows. layer, read: the Inception module
    whose map (N, C', T', H', W') is taken, and what is made of it.
    """
    first = [network.MaxPool3d_2a_3x3, network.Conv3d_2b_1x1]
    with autocast(frames.device):
        maps, table, places = _layer(network.Conv3d_1a_7x7, first, frames, table, tuple(range(len(frames))))
        maps, table, _ = _layer(network.Conv3d_2c_3x3, [network.MaxPool3d_3a_3x3], maps, table, places)
    (numbers,) = sent_to(maps.device, torch.tensor(table))
    size = numbers.shape[1] * maps[0, ..., 0].numel() * WIDEST * maps.element_size()
    # Two windows at least: PyTorch computes convolutions of a single input without oneDNN, several times slower.
    pieces = max(1, min(len(table) // 2, len(table) * size // PIECE_BYTES[maps.device.type]))
    rows = []
    for chosen in numbers.tensor_split(pieces):
        windows = _select(maps, chosen).permute(0, 4, 1, 2, 3)
        rows.append(read(network.mixed(windows, layer)))
    return torch.cat(rows)


def _layer(
    unit: Unit3D, then: Sequence[nn.Module], maps: Tensor, table: Table, places: tuple[int, ...]
) -> tuple[Tensor, Table, tuple[int, ...]]:
    """Maps (P, H, W, C) through ``unit`` and the modules after it, which do not look along time.

    Takes and gives the maps, the windows in them, and the place of each map (see `sharing.make_plan`).
    """
    conv = unit.conv3d
    height, width = _sizes(maps, conv)
    most = max(1, PIECE_BYTES[maps.device.type] // (height * width * conv.out_channels * 4))
    plan = make_plan(table, places, conv.kernel_size[0], conv.stride[0], most, maps.device)
    results = []
    for piece in plan.pieces:
        x = unit.activation(_convolution(conv, plan.base, maps, piece)).permute(0, 3, 1, 2).unsqueeze(2)
        for module in then:
            x = module(x)
        results.append(x.squeeze(2).permute(0, 2, 3, 1))
    return torch.cat(results), plan.table, plan.places


def _sizes(maps: Tensor, conv: nn.Conv3d) -> tuple[int, int]:
    """Height and width of what a convolution with SAME padding makes of maps (P, H, W, C)."""
    return -(-maps.shape[1] // conv.stride[1]), -(-maps.shape[2] // conv.stride[2])


def _convolution(conv: nn.Conv3d, base: int, maps: Tensor, piece: Piece) -> Tensor:
    """The piece's outputs, (outputs, H', W', C'): the sums of its parts, added up in float32."""
    x = scaled(maps.index_select(0, piece.maps))
    sizes = zip(x.shape[1:3], conv.kernel_size[1:], conv.stride[1:], strict=True)
    (top, bottom), (left, right) = (same_padding(*dims) for dims in sizes)
    sides = [0, top, left]
    if (top, left) != (bottom, right):
        x = F.pad(x, (0, 0, left, right, top, bottom))
        sides = [0, 0, 0]
    outputs = x.new_empty(piece.outputs, *_sizes(maps, conv), conv.out_channels, dtype=torch.float32)
    for part in piece.parts:
        # The first part of an output, and only this one, has tap ``base``: it brings the bias.
        first = base in part.taps
        sums = _sums(conv, x, part, sides, conv.bias if first else None)
        taken = sums if part.sums is None else _select(sums, part.sums)
        put = outputs.flatten(1).index_copy_ if first else outputs.flatten(1).index_add_
        put(0, part.rows, taken.float().flatten(1))
    return outputs.to(sums.dtype)


def _sums(conv: nn.Conv3d, maps: Tensor, part: Part, sides: Sequence[int], bias: Tensor | None) -> Tensor:
    """The sums of a part over its taps: (S, H', W', C')."""
    x = _select(maps, part.inputs)
    weight = conv.weight[:, :, part.taps.start : part.taps.stop]
    if few_channels(x, conv) or (len(x) == 1 and max(conv.kernel_size[1:]) <= 3):
        # Its taps become channels of a picture: on a CPU conv3d is slow for a single input unless the kernel is large.
        picture = x.permute(0, 2, 3, 1, 4).flatten(3).permute(0, 3, 1, 2)
        y = F.conv2d(picture, weight.transpose(1, 2).flatten(1, 2), bias, conv.stride[1:], sides[1:])
        return y.permute(0, 2, 3, 1)
    y = F.conv3d(x.permute(0, 4, 1, 2, 3), weight, bias, conv.stride, sides)
    return y.squeeze(2).permute(0, 2, 3, 1)


def _select(maps: Tensor, numbers: Tensor) -> Tensor:
    """Maps (P, H, W, C) by number, (A, ...) -> (A, ..., H, W, C)."""
    return maps.flatten(1).index_select(0, numbers.flatten()).view(*numbers.shape, *maps.shape[1:])
