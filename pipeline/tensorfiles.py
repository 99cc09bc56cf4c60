"""Files of tensors, safetensors and PyTorch's: read without running code from them, and without believing their sizes.

Every tensor that comes out lies in memory whole, is of finite numbers, and all of them together are not larger than the
file can account for. Anything else is a `UserError` that names the file.
"""

import pickletools
import re
import struct
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save
from torch import Tensor

from pipeline.errors import UserError, refusal

MEND = "make it again"
HEADER_BYTES = 16 << 20
"""Of a safetensors file's list of tensors; 100,000 of them take half of it."""
SLACK = 4 << 20
"""Bytes that writing may take beside its copies."""
ACCOUNTED = 4
"""Tensors together may be so many times the bytes of their file: several names may share one."""
NAMED = re.compile(
    r"collections OrderedDict|_codecs encode|torch Size|torch \w+Storage|torch\.storage \w+Storage"
    r"|torch\._utils _rebuild_(tensor(_v2)?|parameter)|torch\.nn\.parameter Parameter"
    r"|torch (u?int\d+|b?float\d+|bool|half|double|float|long)"
)
"""What a file of PyTorch's may name, of what PyTorch's own list allows: tensors, and what holds them."""
DOS_FOLDER = 0x10
"""Attribute of a zip archive's member."""
PICKLES = 5
"""In a file of the older layout, before the numbers."""
Shape = tuple[int, ...]


def tensor_shapes(path: Path, what: str) -> dict[str, Shape]:
    """Names and shapes of the tensors in a safetensors file, of which nothing else is read."""
    with _reading(path, what):
        _check_header(path)
        with safe_open(path, "pt") as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118


def read_safetensors(path: Path, what: str) -> dict[str, Tensor]:
    """The tensors of a safetensors file, on the CPU. what: the file ought to be, for errors."""
    with _reading(path, what):
        _check_header(path)
        read: dict[str, Tensor] = load_file(path)
    _check_tensors(read, path, what, MEND)
    return read


def serialised(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> bytes:
    """What a safetensors file of ``tensors``, contiguous on the CPU, holds.

    As bytes, since what safetensors writes itself hides what the disk says. Raises `MemoryError` where there is no room
    for the two copies it makes: it would end the process itself.
    """
    size = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
    bytearray(2 * size + SLACK)
    content: bytes = save(dict(tensors), dict(metadata))
    return content


def read_metadata(path: Path, what: str) -> dict[str, str]:
    """What a safetensors file says of itself."""
    with _reading(path, what), safe_open(path, "pt") as file:
        return dict(file.metadata() or {})


def read_torch(path: Path, what: str, mend: str = MEND) -> Any:
    """The content of a file that `torch.save` wrote, on the CPU: containers, numbers, texts and tensors.

    mend: what to do about one that is no such file, for errors.
    """
    with _reading(path, what, mend):
        if zipfile.is_zipfile(path):
            _check_zip(path)
        else:
            with path.open("rb") as file:
                for _ in range(PICKLES):
                    _check_names(file)
        content = torch.load(path, map_location="cpu", weights_only=True)
    _check_tensors(dict(_tensors(content)), path, what, mend)
    return content


def _check_tensors(tensors: Mapping[str, Tensor], path: Path, what: str, mend: str) -> None:
    """Raises `UserError` for one that is none in memory, or not of finite numbers."""
    for name, tensor in tensors.items():
        if tensor.layout != torch.strided or tensor.device.type != "cpu" or tensor.is_quantized:
            raise UserError(f"{path}: not {what} ({name} is no plain tensor); {mend}")
    claimed = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
    if claimed > ACCOUNTED * path.stat().st_size:
        raise UserError(f"{path}: not {what} (its tensors take {claimed} bytes, more than it holds); {mend}")
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            raise UserError(f"{path}: {name} has values that are not finite numbers; {mend}")


@contextmanager
def _reading(path: Path, what: str, mend: str = MEND) -> Iterator[None]:
    """Whatever is raised within of the contents of ``path`` becomes a `UserError`."""
    if not path.is_file():
        raise UserError(f"{path}: no such file; expected {what}")
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # libraries raise what they please of bytes that are damaged
        if isinstance(error, OSError) and (refused := refusal(error)):
            raise UserError(f"{path}: cannot be read ({refused})") from None
        reason = next(iter(str(error).strip().splitlines()), "") or type(error).__name__
        raise UserError(f"{path}: not {what} ({reason[:200]}); {mend}") from None


def _check_header(path: Path) -> None:
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8).ljust(8, b"\0"))
    if length > HEADER_BYTES:
        raise ValueError(f"a list of tensors of {length} bytes, at most {HEADER_BYTES}")


def _check_zip(path: Path) -> None:
    """Whether the members are stored as they are, and as they were: PyTorch does not compare their checksums."""
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if any(member.compress_type != zipfile.ZIP_STORED for member in members):
            raise ValueError("its members are compressed, which PyTorch does not do")
        if any(member.external_attr & DOS_FOLDER for member in members):
            raise ValueError("it has folders, from which PyTorch would read what lies in memory by chance")
        if sum(member.file_size for member in members) > path.stat().st_size:
            raise ValueError("its members are larger than it is")
        if (damaged := archive.testzip()) is not None:
            raise ValueError(f"the checksum of {damaged} differs, it was damaged")
        for member in members:
            if member.filename.endswith("data.pkl"):
                with archive.open(member) as file:
                    _check_names(file)


def _check_names(file: IO[bytes]) -> None:
    """Raise `ValueError` when a pickle names what is no part of a tensor."""
    for operation, argument, _ in pickletools.genops(file):
        if operation.name in ("STACK_GLOBAL", "INST", "OBJ", "EXT1", "EXT2", "EXT4"):
            raise ValueError(f"a pickle that names things by {operation.name}")
        if operation.name == "GLOBAL" and not NAMED.fullmatch(str(argument)):
            raise ValueError(f"it names {str(argument).replace(' ', '.')}; only tensors are read")


def _tensors(content: Any) -> Iterator[tuple[str, Tensor]]:
    """Every tensor in mappings and lists with its place; what several places share is looked at once."""
    left, seen = [("", content)], set()
    while left:
        place, item = left.pop()
        if isinstance(item, Tensor):
            yield place.removeprefix("."), item
        elif isinstance(item, dict | list | tuple) and id(item) not in seen:
            seen.add(id(item))
            inside: Iterable[tuple[Any, Any]] = item.items() if isinstance(item, dict) else enumerate(item)
            left += [(f"{place}.{key}", value) for key, value in inside]
