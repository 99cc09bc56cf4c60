"""Text as people write it, as the dialogs have it: lower case, words and marks apart."""

import re
import unicodedata
from functools import cache
from typing import Any

from pipeline.texts import quoted, sentence_fault

_APART = r"'{letter}+|\d+(?:[.,:]\d+)+|\w{within}*(?:[-/]\w{within}*)*|[^\w\s]"
_ASCII = re.compile(_APART.format(letter=r"[^\W_]", within=r"\w"))
_SET_ON = (0x300, 0x20000)
"""Where in Unicode the characters are that are set on others; behind it are signs that choose how one is drawn."""
_JOINED = "[\u200c\u200d](?=\\w)"
"""What joins letters, or keeps them from it, within a word: Persian and the scripts of India write it."""


def pieces(text: str) -> list[str]:
    """Words and marks of ``text`` in lower case, split as the dialogs are.

    Letters keep what is set on them: vowel signs, tones, accents that are characters of their own (NFC has fewer).

    >>> pieces("He doesn’t; it's a T-shirt (8.5)!")
    ['he', 'doesn', "'t", ';', 'it', "'s", 'a', 't-shirt', '(', '8.5', ')', '!']
    >>> pieces("दो कुत्ते।") == ["दो", "कुत्ते", "।"]
    True
    """
    written = unicodedata.normalize("NFC", text.lower()).replace("’", "'")
    return (_ASCII if written.isascii() else _any_script()).findall(written)


def ends_with_word(text: str) -> bool:
    """Whether the last character belongs to a word.

    >>> ends_with_word("what is it"), ends_with_word("what is it ?"), ends_with_word("यह क्या है"), ends_with_word("")
    (True, False, True, False)
    """
    return text[-1:].isalnum() or _is_set_on(text[-1:])


def as_in_dialogs(text: str, marks: bool = True) -> str:
    """``text`` as the dialogs have it; without ``marks`` only pieces that have a letter or a digit stay.

    What is in this form stays as it is.

    >>> as_in_dialogs("A man cooks, then he's off."), as_in_dialogs("A man cooks, then he's off.", marks=False)
    ("a man cooks , then he 's off .", "a man cooks then he 's off")
    """
    return " ".join(piece for piece in pieces(text) if marks or any(map(str.isalnum, piece)))


def worded(text: Any, marks: bool) -> tuple[str, str | None]:
    """A sentence `as_in_dialogs`, and what is wrong with it, as the rest of a line; None: nothing.

    Words and marks that stand apart take more room: what is written must be no longer than what is read again.

    >>> worded("He nods.", marks=True), worded("!", marks=False)
    (('he nods .', None), ('', "is '!', expected words"))
    """
    if fault := sentence_fault(text):
        return "", fault
    words = as_in_dialogs(text, marks)
    if not words:
        return "", f"is {quoted(text)}, expected words"
    fault = sentence_fault(words)
    return words, fault and f"with words and marks apart {fault}"


def _is_set_on(character: str) -> bool:
    return bool(character) and unicodedata.category(character).startswith("M")


@cache
def _any_script() -> re.Pattern[str]:
    """Python's letters are without what is set on them. Made when a text needs it, as it looks at many characters."""
    found = [code for code in range(*_SET_ON) if _is_set_on(chr(code))]
    begins = [code for code in found if not _is_set_on(chr(code - 1))]
    ends = [code for code in found if not _is_set_on(chr(code + 1))]
    set_on = "".join(f"{chr(begin)}-{chr(end)}" for begin, end in zip(begins, ends, strict=True))
    letter, within = (f"(?:{kind}|[{set_on}]|{_JOINED})" for kind in (r"[^\W_]", r"\w"))
    return re.compile(_APART.format(letter=letter, within=within))
