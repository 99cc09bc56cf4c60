"""Text from outside: every file of text that a user has is read here.

Whatever cannot be read, or is no text, is a `UserError` of one line that names the file and the fault.
"""

import csv
import io
import json
import re
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

import yaml

from pipeline.errors import UserError
from pipeline.inert import shown
from pipeline.progress import log

_BOM = b"\xef\xbb\xbf"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_ADVICE = "save it as UTF-8 text"
# Half of a pair that stands for one character in UTF-16: alone it is none, and no file can be written with it.
_SURROGATE = re.compile("[\ud800-\udfff]")
_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def read_bytes(path: Path) -> bytes:
    """The content of a file; a missing one, a folder and one without permission are named."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise UserError(f"{path}: a folder, expected a file") from None
    except PermissionError:
        raise UserError(f"{path}: no permission to read it") from None
    except (OSError, ValueError) as error:
        # Too long a name, a name with a zero byte, a disk that fails.
        raise UserError(f"{path}: cannot be read ({error})") from None


def read_text(path: Path, kind: str = "a text file") -> str:
    """The text of a UTF-8 file, line ends as they are; a byte order mark in front is left out, and the log says so.

    kind: what the file ought to be, for errors.
    """
    data = read_bytes(path)
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


def read_json(path: Path) -> Any:
    """The content of a JSON file."""
    return parse_json(read_text(path, "a JSON file"), str(path))


def parse_json(text: str, source: str) -> Any:
    """The content of a JSON ``text``; ``source`` names it in errors."""
    try:
        content = json.loads(text)
    except RecursionError:
        raise UserError(f"{source}: not a JSON file that can be read (nested too deeply)") from None
    except ValueError as error:
        raise UserError(f"{source}: not a JSON file ({error})") from None
    if _ESCAPED_SURROGATE.search(text):
        check_content(content, source)
    return content


def read_yaml(path: Path) -> Any:
    """The content of a YAML file."""
    text = read_text(path, "YAML")
    try:
        return yaml.safe_load(text)
    except RecursionError:
        raise UserError(f"{path}: not YAML that can be read (nested too deeply)") from None
    except (yaml.YAMLError, ValueError) as error:
        raise UserError(f"{path}: not YAML ({' '.join(str(error).split())})") from None


def read_table(path: Path, dialect: str = "excel") -> list[list[str]]:
    """The lines of a table, comma-separated or of another csv ``dialect``."""
    try:
        return list(csv.reader(io.StringIO(read_text(path, "a table"), newline=""), dialect=dialect))
    except csv.Error as error:
        raise UserError(f"{path}: not a table ({error})") from None


def read_records(path: Path, dialect: str = "excel") -> list[dict[str, str]]:
    """The lines of a table by the names of its first line; a cell that is not there is empty."""
    names, *lines = read_table(path, dialect) or [[]]
    return [dict(zip_longest(names, line[: len(names)], fillvalue="")) for line in lines if line]


def check_text(text: str, where: str) -> str:
    """``text`` itself; a `UserError` that begins with ``where`` when it holds what is no character.

    That is half of a surrogate pair: from an escape in JSON, or a byte of a command line that is not UTF-8.
    """
    found = _SURROGATE.search(text)
    if found:
        raise UserError(f"{where}: {shown(found[0])} is no character (half of a pair, or not UTF-8); take it out")
    return text


def check_content(content: Any, source: str) -> None:
    """`check_text` for every text of lists and mappings; the error names the one, as in `dialogs[3].caption`."""
    try:
        for place, text in _texts(content, ""):
            check_text(text, f"{source}: {place.removeprefix('.')}" if place else source)
    except RecursionError:
        raise UserError(f"{source}: nested too deeply, or a mapping that holds itself") from None


def _texts(content: Any, place: str) -> Iterator[tuple[str, str]]:
    """Every text of ``content``, keys too, with its place."""
    if isinstance(content, str):
        yield place, content
    elif isinstance(content, list | tuple):
        for number, item in enumerate(content):
            yield from _texts(item, f"{place}[{number}]")
    elif isinstance(content, dict):
        for key, item in content.items():
            yield place, str(key)
            yield from _texts(item, f"{place}.{key}")
