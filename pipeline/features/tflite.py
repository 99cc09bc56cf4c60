"""Weights in a TensorFlow Lite file, read from its flatbuffer without TensorFlow.

The file is a tree of tables (schema version 3 of TensorFlow Lite). A table begins with the distance to its vtable,
which holds its own size and the table's, and for each field its place in the table, 0 where it is left out. Vectors and
tables are reached by a distance from where it stands. All numbers are little-endian.
"""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UserError

MAGIC = b"TFL3"
CODES, GRAPHS, BUFFERS = 1, 2, 4
"""Fields of the model."""
TENSORS, OPERATORS = 0, 3
"""Fields of a graph."""
SHAPE, KIND, BUFFER, NAME, QUANTISATION = 0, 1, 2, 3, 4
"""Fields of a tensor."""
SCALE, ZERO, AXIS = 2, 3, 6
"""Fields of a quantisation."""
MOST_TABLES = 10_000
"""In a vector; YAMNet has 116."""
MOST_WIDER = 8
"""Weights made real take so many times the bytes of the file at most; a byte makes a number of four."""
KINDS = {0: "<f4", 2: "<i4", 9: "i1"}
"""Types of the tensors that are read: float32, int32, int8."""
WEIGHTED = {3: "convolution", 4: "depthwise", 9: "dense"}
"""Operators that have weights and biases."""


@dataclass(frozen=True)
class Layer:
    """An operator with weights: its kind, its weights (float32, in the file's layout) and bias (float32)."""

    kind: str
    weights: NDArray[np.float32]
    bias: NDArray[np.float32]


def read_layers(path: Path) -> list[Layer]:
    """The weighted operators of a model of one graph, in the order they run, with quantised values made real.

    Raises `UserError` when the file is missing or is no TensorFlow Lite model.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such weights file")
    content = path.read_bytes()
    if content[4:8] != MAGIC:
        raise UserError(f"{path}: not a TensorFlow Lite model")
    try:
        return _layers(content)
    except (struct.error, ValueError, IndexError, KeyError, TypeError, OverflowError) as error:
        raise UserError(f"{path}: a TensorFlow Lite model that cannot be read ({error})") from None


def _layers(content: bytes) -> list[Layer]:
    model = _Table(content, _number(content, "<I", 0))
    graph = model.tables(GRAPHS)[0]
    # The operator's number stands in an older field of one byte, or, above 127, in a newer one.
    codes = [max(code.number(0, "<b"), code.number(3, "<i")) for code in model.tables(CODES)]
    tensors, buffers = graph.tables(TENSORS), model.tables(BUFFERS)
    layers = []
    for operator in graph.tables(OPERATORS):
        kind = WEIGHTED.get(codes[operator.number(0, "<I")])
        if kind is not None:
            _, weights, bias = (tensors[number] for number in operator.vector(1, "<i4"))
            layers.append(Layer(kind, _values(weights, buffers), _values(bias, buffers)))
            if not (np.isfinite(layers[-1].weights).all() and np.isfinite(layers[-1].bias).all()):
                raise ValueError(f"layer {len(layers)} has weights that are not finite numbers")
            if sum(layer.weights.nbytes + layer.bias.nbytes for layer in layers) > MOST_WIDER * len(content):
                raise ValueError("its layers have more weights than it holds")
    return layers


def _values(tensor: "_Table", buffers: list["_Table"]) -> NDArray[np.float32]:
    """(stored - zero) x scale, for the whole tensor or along one axis; float32 as it is."""
    # A buffer is a vector of bytes, whatever they stand for.
    held = buffers[tensor.number(BUFFER, "<I")].vector(0, "u1")
    stored = held.view(KINDS[tensor.number(KIND, "<b")])
    values = stored.reshape(tensor.vector(SHAPE, "<i4")).astype(np.float32)
    quantisation = tensor.table(QUANTISATION)
    scale = np.zeros(0) if quantisation is None else quantisation.vector(SCALE, "<f4")
    if quantisation is None or len(scale) == 0:
        return values
    along = [1] * values.ndim
    along[quantisation.number(AXIS, "<i")] = -1
    zero = quantisation.vector(ZERO, "<i8").astype(np.float32)
    real: NDArray[np.float32] = (values - zero.reshape(along)) * scale.reshape(along)
    return real


class _Table:
    """A table of a flatbuffer. Fields that are left out are 0, or empty."""

    def __init__(self, content: bytes, place: int) -> None:
        self._content, self._place = content, place
        fields = place - _number(content, "<i", place)
        count = (_number(content, "<H", fields) - 4) // 2
        self._fields = struct.unpack_from(f"<{count}H", content, fields + 4)

    def _at(self, field: int) -> int | None:
        offset = self._fields[field] if field < len(self._fields) else 0
        return self._place + offset if offset else None

    def number(self, field: int, kind: str) -> int:
        """A number of the `struct` kind."""
        at = self._at(field)
        return 0 if at is None else _number(self._content, kind, at)

    def table(self, field: int) -> "_Table | None":
        """A table, None where it is left out."""
        at = self._at(field)
        return None if at is None else _Table(self._content, at + _number(self._content, "<I", at))

    def tables(self, field: int) -> list["_Table"]:
        """A vector of tables."""
        begin, count = self._vector(field)
        if count > MOST_TABLES:
            raise ValueError(f"a vector of {count} tables, at most {MOST_TABLES}")
        places = range(begin, begin + 4 * count, 4)
        return [_Table(self._content, place + _number(self._content, "<I", place)) for place in places]

    def vector(self, field: int, kind: str) -> NDArray[Any]:
        """A vector of numbers of the NumPy type."""
        begin, count = self._vector(field)
        return np.frombuffer(self._content, kind, count, begin)

    def _vector(self, field: int) -> tuple[int, int]:
        at = self._at(field)
        if at is None:
            return 0, 0
        begin = at + _number(self._content, "<I", at)
        return begin + 4, _number(self._content, "<I", begin)


def _number(content: bytes, kind: str, place: int) -> int:
    return int(struct.unpack_from(kind, content, place)[0])
