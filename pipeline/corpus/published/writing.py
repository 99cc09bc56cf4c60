"""`avsd corpus published`: a published test as the files that this project's tasks read."""

from pathlib import Path

from pipeline.corpus import blanks, candidates
from pipeline.corpus.captions.dialogs import caption_dialog
from pipeline.corpus.dialogs import write_dialogs
from pipeline.corpus.published.own import taken_over
from pipeline.corpus.published.reading import Published, read_published
from pipeline.corpus.references import write_references
from pipeline.corpus.sentences import description_references, reference_name
from pipeline.files import check_outputs
from pipeline.progress import log
from pipeline.texts import check_sentence, check_text


def write_published(path: Path, out: Path, name: str, question: str = "", marks: bool = False) -> None:
    """Write the published test ``path`` into the corpus folder ``out``, as the test set ``name``.

    Questions become candidates (references/NAME.candidates.json); texts to find videos by the captions of a test set
    (NAME.json, references/NAME.captions.json); sentences with a blank references/NAME.blanks.captions.json.
    What is in this project's own layouts already is checked, and taken over as it is.
    question: what stands in front of every sentence, as in the training (`captions.question`). marks: whether
    punctuation stays. Errors as of `read_published` and `check_outputs`.
    """
    if question:
        check_sentence(check_text(question, f"--question {question!r}"), "--question")
    if (own := taken_over(path, out, name)) is not None:
        log(f"{own}: written")
        return
    found = read_published(path, marks)
    written = {"choices": _choices, "pairs": _pairs, "blanks": _blanks}
    for each in written[found.kind](found, out, name, question, path):
        log(f"{each}: written")


def _choices(found: Published, out: Path, name: str, question: str, source: Path) -> list[Path]:
    path = out / "references" / f"{candidates.reference_name(name)}.json"
    given = ((each.video, each.options, each.right) for each in found.questions)
    check_outputs([path], [source])
    candidates.write_given(path, given, question, source.name)
    return [path]


def _blanks(found: Published, out: Path, name: str, question: str, source: Path) -> list[Path]:  # noqa: ARG001, nothing stands in front of a caption
    path = out / "references" / f"{blanks.reference_name(name, 'captions')}.json"
    check_outputs([path], [source])
    blanks.write_given(path, ((each.video, each.sentence, each.word) for each in found.blanks))
    return [path]


def _pairs(found: Published, out: Path, name: str, question: str, source: Path) -> list[Path]:
    dialogs = [caption_dialog(each.video, [each.sentence], question or None) for each in found.pairs]
    references = description_references(dialogs, "captions")
    written = [out / f"{name}.json", out / "references" / f"{reference_name(name, 'captions')}.json"]
    written += [out / "references" / f"{name}.json"] if question else []
    check_outputs(written, [source])
    write_dialogs(written[0], dialogs)
    for each in written[1:]:
        write_references(each, references)
    return written
