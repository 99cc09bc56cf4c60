"""What overlapping windows have in common in a convolution over time, found by numbering.

A layer works on *maps*, the distinct pictures that occur at some time in some window, and a table says which maps make
each window. Outputs of a convolution with the same maps under the same taps are one output. Outputs that have only some
taps in common share the sum over these, since a convolution is a sum over its taps. Taps on the padding before and
after a window are left out. So every map under every tap is computed once, whatever windows and strides there are.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, groupby, pairwise

import torch
from torch import Tensor

from pipeline.features.i3d import same_padding
from pipeline.features.windows import Table
from pipeline.tensors import sent_to

PADDING = -1
Taps = tuple[int, ...]
"""The maps under the taps of a kernel, `PADDING` where there is none."""


@dataclass(frozen=True)
class Part:
    """S sums over K ``taps`` of the maps ``inputs`` (S, K), all different; output ``rows[i]`` takes ``sums[i]``.

    ``sums`` None: each sum is taken once, in order.
    """

    taps: range
    inputs: Tensor
    rows: Tensor
    sums: Tensor | None


@dataclass(frozen=True)
class Piece:
    """Outputs that are computed together: how many, the ``maps`` they need, and the parts that add up to them.

    The parts number maps and outputs within the piece.
    """

    outputs: int
    maps: Tensor
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Plan:
    """How a layer is computed: its pieces, and the windows in the outputs, which the pieces give in order.

    Every output has one part with tap ``base``; these are the first parts of a piece. The place of an output is that
    of its map under this tap.
    """

    pieces: tuple[Piece, ...]
    table: Table
    places: tuple[int, ...]
    base: int


@lru_cache(maxsize=32)
def make_plan(table: Table, places: tuple[int, ...], kernel: int, stride: int, most: int, device: torch.device) -> Plan:
    """Plan a convolution in time with SAME padding, ``kernel`` taps every ``stride``.

    ``table`` has the windows in the layer's maps and ``places`` the time of each map. A piece has up to ``most``
    outputs, or all those of one place: it is these that share sums (save for frames repeated past the end of a clip).
    Batches inside a long clip look alike, so plans are kept.
    """
    base, after = same_padding(len(table[0]), kernel, stride)
    windows = []
    for row in table:
        padded = (PADDING,) * base + row + (PADDING,) * after
        windows.append([padded[t : t + kernel] for t in range(0, len(row), stride)])
    outputs = sorted({taps for window in windows for taps in window}, key=lambda taps: (places[taps[base]], taps))
    number = {taps: i for i, taps in enumerate(outputs)}
    new_places = tuple(places[taps[base]] for taps in outputs)
    return Plan(
        tuple(_piece(chosen, base, device) for chosen in _together(outputs, new_places, most)),
        tuple(tuple(number[taps] for taps in window) for window in windows),
        new_places,
        base,
    )


def _together(outputs: Sequence[Taps], places: Sequence[int], most: int) -> Iterator[list[Taps]]:
    """Outputs in lists of up to ``most``; those of one place stay together."""
    chosen: list[Taps] = []
    for _, group in groupby(zip(places, outputs, strict=True), key=lambda pair: pair[0]):
        same = [taps for _, taps in group]
        if chosen and len(chosen) + len(same) > most:
            yield chosen
            chosen = []
        chosen += same
    yield chosen


def _piece(outputs: Sequence[Taps], base: int, device: torch.device) -> Piece:
    def tensor(numbers: object) -> Tensor:
        return sent_to(device, torch.tensor(numbers))[0]

    maps = sorted({number for taps in outputs for number in taps} - {PADDING})
    local = {number: i for i, number in enumerate(maps)}
    takers: dict[range, dict[Taps, list[int]]] = defaultdict(lambda: defaultdict(list))
    for row, (taps, spans) in enumerate(zip(outputs, _cut(outputs), strict=True)):
        for span in spans:
            takers[span][taps[span.start : span.stop]].append(row)
    parts = []
    for span in sorted(takers, key=lambda span: base not in span):
        inputs = [[local[number] for number in summed] for summed in takers[span]]
        rows = list(takers[span].values())
        sums = [i for i, taken in enumerate(rows) for _ in taken]
        once = len(sums) == len(inputs)
        parts.append(Part(span, tensor(inputs), tensor(list(chain(*rows))), None if once else tensor(sums)))
    return Piece(len(outputs), tensor(maps), tuple(parts))


def _cut(outputs: Sequence[Taps]) -> Iterator[list[range]]:
    """For each output, its taps in as few spans as let the outputs share all that is equal.

    Two neighbouring taps stay together when no output has one of their maps without the other.
    """
    after: dict[tuple[int, int], set[int]] = defaultdict(set)
    before: dict[tuple[int, int], set[int]] = defaultdict(set)
    for taps in outputs:
        for tap, (one, other) in enumerate(pairwise(taps)):
            after[tap, one].add(other)
            before[tap, other].add(one)
    for taps in outputs:
        ends = [
            tap + 1
            for tap, (one, other) in enumerate(pairwise(taps))
            if PADDING in (one, other) or len(after[tap, one]) > 1 or len(before[tap, other]) > 1
        ]
        spans = [range(begin, end) for begin, end in pairwise([0, *ends, len(taps)])]
        yield [span for span in spans if taps[span.start] != PADDING]
