"""What a user's names, texts and paths may be, before anything is made of them.

One definition of each, as types of the configuration's fields: `Name`, `Text`, `Question`, `Place`. A name becomes a
folder, a part of a file's name, a wildcard of the workflow and an argument of a command.
"""

import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema

NAME_BYTES = 100
"""Of a name in UTF-8: with what the workflow puts behind it, it still is one file's name."""
TEXT_CHARACTERS = 1000
PART_BYTES, PATH_BYTES = 255, 3000
"""Of one part of a path, as file systems have it, and of a whole one, so that what lies below it has room."""
FEW = 12
"""So many names are listed in an error."""

_NAME = re.compile(r"\w[\w-]*")
_NAME_PATTERN = {"type": "string", "pattern": r"^[\p{L}\p{N}_][\p{L}\p{N}_-]*$", "maxLength": NAME_BYTES}
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def check_name(value: str) -> str:
    """``value`` itself; `ValueError` unless it is safe as a file's name on every system and needs no quotes.

    >>> check_name("i3d_rgb")
    'i3d_rgb'
    >>> check_name("..")
    Traceback (most recent call last):
    ValueError: '..' cannot name files; use letters, digits, '_' and, not in front, '-', at most 100 bytes
    """
    if not _NAME.fullmatch(value) or len(value.encode()) > NAME_BYTES:
        raise ValueError(
            f"{shortened(value)} cannot name files; use letters, digits, '_' and, not in front, '-', at most "
            f"{NAME_BYTES} bytes"
        )
    return value


def check_text(value: str) -> str:
    """``value`` itself; `ValueError` unless it is one line of a usable length."""
    if found := _CONTROL.search(value):
        raise ValueError(f"{shortened(value)}: {found[0]!r} is a control character; take it out")
    if len(value) > TEXT_CHARACTERS:
        raise ValueError(f"{len(value)} characters, at most {TEXT_CHARACTERS} can be shown")
    return value


def check_words(value: str) -> str:
    """``value`` itself; `ValueError` where no word is in it."""
    if not value.strip():
        raise ValueError("is blank, expected words")
    return value


def check_place(value: Path) -> Path:
    """``value`` itself; `ValueError` for a path that no file system takes, or that is no line of text."""
    text = str(value)
    if found := _CONTROL.search(text):
        raise ValueError(f"{shortened(text)}: {found[0]!r} is a control character; give another path")
    if len(text.encode()) > PATH_BYTES:
        raise ValueError(f"a path of {len(text.encode())} bytes, at most {PATH_BYTES} are possible")
    if longest := [part for part in value.parts if len(part.encode()) > PART_BYTES]:
        found_bytes = len(longest[0].encode())
        raise ValueError(f"{shortened(longest[0])}: {found_bytes} bytes, a file's name has at most {PART_BYTES}")
    return value


def check_made_place(value: Path) -> Path:
    """`check_place` for a folder that the workflow writes to: braces would be wildcards in the names of its files."""
    if set("{}") & set(str(value)):
        raise ValueError(f"{shortened(str(value))}: braces are wildcards of the workflow; give another path")
    return check_place(value)


def check_apart(section: str, names: Iterable[str]) -> None:
    """Raises `ValueError` for two names that are one on systems which take capital and small letters for the same."""
    seen: dict[str, str] = {}
    for name in names:
        folded = unicodedata.normalize("NFKC", name).casefold()
        if folded in seen:
            raise ValueError(
                f"{section}: {seen[folded]} and {name} are one file's name where capitals do not count; rename one"
            )
        seen[folded] = name


def listed(names: Iterable[str]) -> str:
    """Names for an error: a few of them, and how many there are besides.

    >>> listed(map(str, range(15)))
    '0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 3 more'
    """
    found = list(names)
    return ", ".join(found[:FEW]) + (f" and {len(found) - FEW} more" if len(found) > FEW else "")


def shortened(value: object, most: int = 80) -> str:
    """``value`` as Python writes it, cut where it is long.

    >>> shortened("a" * 300, 20)
    "'aaaaaaaaaaaaaaaa..."
    """
    # What is cut anyway is not written out first: a list may be of a million.
    found = repr(value if not isinstance(value, str | list | tuple) else value[:most])
    whole = len(found) <= most and (not isinstance(value, str | list | tuple) or len(value) <= most)
    return found if whole else f"{found[: most - 3]}..."


Name = Annotated[str, AfterValidator(check_name), WithJsonSchema(_NAME_PATTERN)]
"""A safe file's name: letters, digits, `_`, and `-` but in front."""
Text = Annotated[str, AfterValidator(check_text), WithJsonSchema({"type": "string", "maxLength": TEXT_CHARACTERS})]
"""One line."""
Question = Annotated[Text, AfterValidator(check_words)]
"""One line of words: dialogs with a question of none could not be read again."""
Place = Annotated[Path, AfterValidator(check_place)]
"""A path that can be one."""
MadePlace = Annotated[Path, AfterValidator(check_made_place)]
"""The path of a folder that the workflow writes to."""
