"""Text as people write it, as the dialogs have it: lower case, words and marks apart."""

import re

_PIECES = re.compile(r"'[^\W_]+|\d+(?:[.,:]\d+)+|\w+(?:[-/]\w+)*|[^\w\s]")


def pieces(text: str) -> list[str]:
    """Words and marks of ``text`` in lower case, split as the dialogs are.

    >>> pieces("He doesn’t; it's a T-shirt (8.5)!")
    ['he', 'doesn', "'t", ';', 'it', "'s", 'a', 't-shirt', '(', '8.5', ')', '!']
    """
    return _PIECES.findall(text.lower().replace("’", "'"))


def as_in_dialogs(text: str, marks: bool = True) -> str:
    """``text`` as the dialogs have it; without ``marks`` only pieces that have a letter or a digit stay.

    What is in this form stays as it is.

    >>> as_in_dialogs("A man cooks, then he's off."), as_in_dialogs("A man cooks, then he's off.", marks=False)
    ("a man cooks , then he 's off .", "a man cooks then he 's off")
    """
    return " ".join(piece for piece in pieces(text) if marks or any(map(str.isalnum, piece)))
