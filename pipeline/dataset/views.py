"""What a network sees of a dialog."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline.config.systems import Manual
from pipeline.corpus import detected
from pipeline.corpus.descriptions import read_all
from pipeline.corpus.dialogs import Dialog
from pipeline.dataset.features import lacking


@dataclass(frozen=True)
class Shown:
    """Concept words: the ``k`` most likely of each video, where they stand.

    source: files of detecting systems, read as one; or the words by video id.
    """

    source: tuple[Path, ...] | Mapping[str, Sequence[str]]
    k: int
    place: Literal["modality", "question"]


@dataclass(frozen=True)
class View:
    """Features by name, which description stands in front of the question, and whether the dialog so far is seen.

    description: a person's (`both` is the caption followed by the summary), or files of automatic ones, read as one.
    asked: whether there is a question; where there is none, `<sos>` stands for it, alone.
    concepts: the words that were detected in the video, where they are shown.
    """

    features: tuple[str, ...]
    description: Manual | tuple[Path, ...]
    history: bool
    asked: bool = True
    concepts: Shown | None = None


class Describer:
    """The descriptions that some views show, as text.

    Files of automatic ones are read at once. A dialog whose video a file lacks stands without a description, and is
    warned of; more than the share ``most`` of ``dialogs`` is a `UserError`.
    """

    def __init__(self, views: Iterable[View], dialogs: Iterable[Dialog], most: float) -> None:
        video_ids = [dialog.video_id for dialog in dialogs]
        found = dict.fromkeys(view.description for view in views if not isinstance(view.description, str))
        self._automatic = {paths: read_all(paths) for paths in found}
        for paths, sentences in self._automatic.items():
            lacking(
                sentences,
                video_ids,
                most,
                said=(f"{', '.join(map(str, paths))}: no description of ", ""),
                mend="describe them",
                otherwise="their questions stand alone",
            )

    def text(self, description: Manual | tuple[Path, ...], dialog: Dialog) -> str:
        """The description of a dialog's video, "" where there is none."""
        if not isinstance(description, str):
            return self._automatic[description].get(dialog.video_id, "")
        parts = {
            "none": (),
            "summary": (dialog.summary,),
            "caption": (dialog.caption,),
            "both": (dialog.caption, dialog.summary),
        }
        return " ".join(parts[description])


def shown_words(shown: Shown, dialogs: Iterable[Dialog], most: float) -> Mapping[str, Sequence[str]]:
    """The concept words of each video, the most likely first.

    A video that the files lack has none, and is warned of; more than the share ``most`` of all is a `UserError`.
    """
    if isinstance(shown.source, Mapping):
        return {video_id: words[: shown.k] for video_id, words in shown.source.items()}
    found = detected.read_all(shown.source, shown.k)
    lacking(
        found,
        [dialog.video_id for dialog in dialogs],
        most,
        said=(f"{', '.join(map(str, shown.source))}: no concept words of ", ""),
        mend="detect them",
        otherwise="no words are shown of them",
    )
    return found
