"""Text: UTF-8, without zero bytes."""

import math
import os
from pathlib import Path

from pipeline.errors import UserError
from pipeline.progress import log
from pipeline.texts.opening import opened, read_bytes

_BOM = b"\xef\xbb\xbf"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_ADVICE = "save it as UTF-8 text"
_END_BYTES = 1 << 16


def read_text(path: Path, kind: str = "a text file", most_mb: float | None = None) -> str:
    """The text of a UTF-8 file, line ends as they are; a byte order mark in front is left out, and the log says so.

    kind: what the file ought to be, for errors. most_mb: as for `read_bytes`.
    """
    data = read_bytes(path, most_mb)
    if data.startswith(_UTF_16):
        raise UserError(f"{path}: not {kind} (UTF-16, expected UTF-8); {_ADVICE}")
    if data.startswith(_BOM):
        log(f"{path}: begins with a byte order mark, which is left out")
    try:
        text = data.removeprefix(_BOM).decode()
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        byte = error.object[error.start]
        raise UserError(f"{path}: not {kind} (not UTF-8: byte 0x{byte:02x} in line {line}); {_ADVICE}") from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise UserError(f"{path}: not {kind} (a zero byte in line {line}); {_ADVICE}")
    return text


def read_end(path: Path) -> str:
    """The end of a log, however long it is and whatever is in it; "" where there is none."""
    if not path.is_file():
        return ""
    with opened(path, math.inf) as file:
        file.seek(-min(_END_BYTES, os.fstat(file.fileno()).st_size), os.SEEK_END)
        return file.read().decode(errors="replace")
