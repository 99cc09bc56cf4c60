"""`avsd corpus captions`: another corpus's captions as dialogs, so that a system can be pretrained on them."""

from collections.abc import Sequence
from pathlib import Path

from pipeline.corpus.captions.reading import caption_files, read_captions
from pipeline.corpus.dialogs import Dialog, Turn, write_dialogs
from pipeline.files import check_outputs
from pipeline.progress import log
from pipeline.texts import check_sentence, check_text


def convert_captions(path: Path, ids: Path | None, question: str, out: Path) -> None:
    """Write a dialog for each video of the captions ``path``: to ``question`` every sentence is an answer.

    ids: as for `read_captions`, with its errors; raises as `check_outputs` does, and for a question that dialogs cannot
    have.
    """
    check_sentence(check_text(question, f"--question {question!r}"), "--question")
    check_outputs([out], caption_files(path, ids))
    captions = read_captions(path, ids)
    write_dialogs(out, [caption_dialog(video, texts, question) for video, texts in captions.sentences.items()])
    log(f"{out}: {captions.count} captions of {len(captions.sentences)} videos")


def caption_dialog(video_id: str, sentences: Sequence[str], question: str | None, most: int | None = None) -> Dialog:
    """An entry with ``sentences`` as captions; with a ``question`` each, at most ``most``, is an answer."""
    turns = () if question is None else tuple(Turn(question, sentence) for sentence in sentences[:most])
    return Dialog(video_id, "", "", turns, tuple(sentences))
