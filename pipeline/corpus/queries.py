"""Texts by which the video of a dialog is to be found."""

from typing import Literal

from pipeline.corpus import sentences
from pipeline.corpus.dialogs import UNDISCLOSED, Dialog

Query = Literal["summary", "caption", "both", "dialog", "captions"]
QUERIES: tuple[Query, ...] = ("summary", "caption", "both", "dialog", "captions")
"""What there is of dialogs, the last of a corpus of captions."""


def query(dialog: Dialog, kind: Query) -> str:
    """The text about a dialog's video; "" where it has none.

    `dialog`: all questions and disclosed answers in turn; `captions`: the first one.

    >>> from pipeline.corpus.dialogs import Turn
    >>> asked = Dialog("v1", "a script", "", (Turn("what is it ?", "a cat"), Turn("why ?", UNDISCLOSED)))
    >>> query(asked, "dialog"), query(asked, "both"), query(asked, "summary")
    ('what is it ? a cat why ?', 'a script', '')
    """
    if kind == "captions":
        return next(iter(dialog.captions), "")
    if kind != "dialog":
        return " ".join(sentences.sentences(dialog, kind))
    said = [text for turn in dialog.turns for text in (turn.question, turn.answer) if text != UNDISCLOSED]
    return " ".join(said)


def queries(dialog: Dialog, kind: Query) -> list[str]:
    """All texts to learn from: of `captions` each of them, else the one there is."""
    texts = dialog.captions if kind == "captions" else (query(dialog, kind),)
    return [text for text in texts if text]


def reference_name(test_set: str, kind: Query) -> str:
    """What the file of references is called that has texts of this kind: a dialog's are the test set's own."""
    return test_set if kind == "dialog" else sentences.reference_name(test_set, kind)
