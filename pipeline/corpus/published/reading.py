"""Published files read and checked: whatever is wrong with a line is an error that names it.

Nothing is left out: a test of which some questions are missing gives other figures than everybody's.
"""

import csv
import re
from dataclasses import dataclass
from pathlib import Path

from pipeline.corpus.blanks import MARK
from pipeline.corpus.dialogs import SAFE_ID, is_safe_id
from pipeline.corpus.published.listed import GAP, LAYOUTS, Item, Kind, Listed
from pipeline.corpus.published.lsmdc import is_lsmdc, listed_lines
from pipeline.corpus.published.named import is_named, listed_named
from pipeline.corpus.published.objects import is_question, listed_objects
from pipeline.corpus.wording import as_in_dialogs, pieces, worded
from pipeline.errors import UserError
from pipeline.progress import log
from pipeline.texts import Plain, numbered_rows, parse_json, quoted, read_text, sentence_fault

_GAP = re.compile(re.escape(GAP) + "{2,}")
_TAB, _COMMA = "\t", ","


@dataclass(frozen=True)
class Question:
    """A video and the sentences to choose from; ``right``, counted from 0, is about it."""

    video: str
    options: tuple[str, ...]
    right: int


@dataclass(frozen=True)
class Pair:
    """A video and the text to find it by."""

    video: str
    sentence: str


@dataclass(frozen=True)
class Blank:
    """A video, a sentence about it with `MARK` for one word, and the word."""

    video: str
    sentence: str
    word: str


@dataclass(frozen=True)
class Published:
    """What a file holds; two of the three are empty."""

    kind: Kind
    questions: tuple[Question, ...] = ()
    pairs: tuple[Pair, ...] = ()
    blanks: tuple[Blank, ...] = ()

    @property
    def videos(self) -> dict[str, None]:
        """The videos it is about, each once, in its order."""
        items: tuple[Question | Pair | Blank, ...] = (*self.questions, *self.pairs, *self.blanks)
        return dict.fromkeys(each.video for each in items)


def read_published(path: Path, marks: bool = False) -> Published:
    """Read a published test, whatever its layout (`LAYOUTS`); its sentences come in the dialogs' form.

    marks: whether punctuation stays. Raises `UserError` naming file and line for the first thing that is not as the
    layout has it: another number of columns, an answer that is none of the sentences, a blank sentence, an id that can
    be no file name or one of a question that stands twice, a text for a video that has one already.
    """
    listed = listed_in(read_text(path, "a published test"), str(path))
    if listed is None:
        raise UserError(f"{path}: no published test that is known; expected {LAYOUTS}")
    if listed.broken:
        more = len(listed.broken) - 1
        raise UserError(f"{path}: {listed.broken[0]}{f' (and {more} more that are broken)' if more else ''}")
    if not listed.items:
        raise UserError(f"{path}: nothing in it but names of columns")
    _check_ids(path, listed)
    made = [_made(path, item, listed.kind, marks) for item in listed.items]
    found = Published(
        listed.kind,
        tuple(each for each in made if isinstance(each, Question)),
        tuple(each for each in made if isinstance(each, Pair)),
        tuple(each for each in made if isinstance(each, Blank)),
    )
    _say(path, found, sum(len(pieces(item.word)) > 1 for item in listed.items))
    return found


def listed_in(text: str, source: str) -> Listed | None:
    """What a file lists, by what its first line is; None where that is nothing known."""
    first = next((line for line in text.split("\n") if line.strip()), "")
    if first.lstrip().startswith(("{", "[")):
        return _objects_in(text, first, source)
    for dialect, separator in ((Plain, _TAB), ("excel-tab", _TAB), ("excel", _COMMA)):
        if separator not in first:
            continue
        cells = _cells(first, source, dialect)
        if dialect is Plain and is_lsmdc(cells):
            return listed_lines(numbered_rows(text, source, dialect))
        if dialect is not Plain and is_named(cells):
            return listed_named(numbered_rows(text, source, dialect))
    return None


def _cells(line: str, source: str, dialect: str | type[csv.Dialect]) -> list[str]:
    """The cells of a line that stands for itself, so that nothing further on can be wrong with it.

    None of what is no line of a table: a sentence may have a quotation mark behind a comma.
    """
    try:
        ((_, cells),) = numbered_rows(line, source, dialect) or [(0, [])]
    except UserError:
        return []
    return cells


def _objects_in(text: str, first: str, source: str) -> Listed | None:
    """Lines of objects, or a list of them; None for another JSON file."""
    try:
        alone = is_question(parse_json(first, source))
    except UserError:
        alone = False
    if alone:
        lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
        return listed_objects((f"line {n}", parse_json(line, f"{source}: line {n}")) for n, line in lines)
    content = parse_json(text, source)
    if isinstance(content, list) and content and is_question(content[0]):
        return listed_objects((f"question {place}, counted from 0", each) for place, each in enumerate(content))
    return None


def _check_ids(path: Path, listed: Listed) -> None:
    keys: dict[str, str] = {}
    videos: dict[str, str] = {}
    for item in listed.items:
        if not is_safe_id(item.video):
            raise UserError(f"{path}: {item.where}: unsafe id {quoted(item.video)}; expected {SAFE_ID}")
        if item.key and keys.setdefault(item.key, item.where) is not item.where:
            raise UserError(f"{path}: {item.where}: key {quoted(item.key)} stands twice, first in {keys[item.key]}")
        if listed.kind == "pairs" and videos.setdefault(item.video, item.where) is not item.where:
            raise UserError(
                f"{path}: {item.where}: video {item.video} stands twice, first in {videos[item.video]}; each is to be "
                "found by one text"
            )


def _made(path: Path, item: Item, kind: Kind, marks: bool) -> Question | Pair | Blank:
    where = f"{path}: {item.where}"
    if kind == "pairs":
        return Pair(item.video, _words(where, "the sentence", item.sentence, marks))
    if kind == "choices":
        options = [_words(where, f"sentence {n}", text, marks) for n, text in enumerate(item.options, 1)]
        return Question(item.video, tuple(options), item.right)
    gaps = _GAP.findall(item.gapped)
    if len(gaps) != 1:
        raise UserError(f"{where}: {len(gaps)} blanks ({5 * GAP}) in {quoted(item.gapped)}, expected one")
    around = [as_in_dialogs(part, marks) for part in _GAP.split(item.gapped)]
    sentence = " ".join(part for part in (around[0], MARK, around[1]) if part)
    if fault := sentence_fault(sentence):
        raise UserError(f"{where}: the sentence with a blank {fault}")
    missing = pieces(item.word)
    if not missing or not any(map(str.isalnum, missing[0])):
        raise UserError(f"{where}: what is missing is {quoted(item.word)}, expected a word")
    return Blank(item.video, sentence, missing[0])


def _words(where: str, what: str, text: object, marks: bool) -> str:
    words, fault = worded(text, marks)
    if fault:
        raise UserError(f"{where}: {what} {fault}")
    return words


def _say(path: Path, found: Published, longer: int) -> None:
    """longer: blanks for more than one word."""
    counts = {"questions": found.questions, "texts": found.pairs, "sentences with a blank": found.blanks}
    said = ", ".join(f"{len(items)} {name}" for name, items in counts.items() if items)
    log(f"{path}: {said} about {len(found.videos)} videos")
    if longer:
        log(f"{path}: in {longer} of these several words are missing; the first is asked for, as by JSFusion's authors")
    twice = sum(each.options.count(each.options[each.right]) > 1 for each in found.questions)
    if twice:
        log(
            f"{path}: in {twice} of these the right sentence stands among the wrong ones too: a tie, and ties are wrong"
        )
