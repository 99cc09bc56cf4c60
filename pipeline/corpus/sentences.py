"""What is written about a dialog's video: the sentences that a describing system learns and is scored against."""

from collections.abc import Sequence
from typing import Literal

from pipeline.corpus.dialogs import Dialog
from pipeline.corpus.references import Key

Target = Literal["summary", "caption", "both", "captions"]
TARGETS: tuple[Target, ...] = ("summary", "caption", "both")
"""What there is of dialogs; of a corpus of captions there are `captions` alone."""


def sentences(dialog: Dialog, target: Target) -> list[str]:
    """The sentences of a dialog's video; none where the file gives none. `both`: the caption and the summary."""
    fields = {
        "summary": (dialog.summary,),
        "caption": (dialog.caption,),
        "both": (dialog.caption, dialog.summary),
        "captions": dialog.captions,
    }
    return [text for text in fields[target] if text.strip()]


def description_references(dialogs: Sequence[Dialog], target: Target) -> dict[Key, list[str]]:
    """References for descriptions of the videos that have any, as those of answers: a video's only turn is 0."""
    found = {dialog.video_id: sentences(dialog, target) for dialog in dialogs}
    return {(video_id, 0): texts for video_id, texts in found.items() if texts}


def reference_name(test_set: str, target: Target) -> str:
    """What the file of references is called that descriptions of a test set are scored against."""
    return f"{test_set}.{target}"
