"""The files of the Large Scale Movie Description Challenge: tab-separated, no line of names, no quoting.

As the challenge's own README files of 2016 have it (Movie Description, Movie Annotation and Retrieval, Movie
Multiple-Choice Test, Movie Fill-In-The-Blank), every line begins with

    <CLIP_ID> <START_ALIGNED> <END_ALIGNED> <START_EXTRACTED> <END_EXTRACTED>

and goes on with

* <SENTENCE>: LSMDC16_annos_training.csv and the like, in which a clip may stand several times, and
  LSMDC16_challenge_1000_publictect.csv, the thousand clips of retrieval, in which none does;
* <SENTENCE> <PARAPHRASED SENTENCE>: LSMDC16_paraphrased_test.txt; by the paraphrase, 3 to 10 words, is searched;
* <SENTENCE> <FILL_IN> <BLANK>: LSMDC16_annos_test_FIB.csv; <FILL_IN> is the sentence with _____ for what is missing;
* <CORRECT_SENTENCE> and four <DISTRACTOR_SENTENCE>: LSMDC16_multiple_choice_train.csv, ..._valid.csv;
* five <SENTENCE> and <ANSWER_INDEX>, from 1 to 5: LSMDC16_multiple_choice_test_randomized.csv.
"""

import re
from collections.abc import Sequence

from pipeline.corpus.published.listed import Item, Kind, Listed
from pipeline.texts import quoted

TIMES = 5
"""The clip and its four times stand in front."""
_KINDS: dict[int, tuple[Kind, str]] = {
    6: ("pairs", "a sentence"),
    7: ("pairs", "a sentence and its paraphrase"),
    8: ("blanks", "a sentence, the sentence with a blank and what is missing"),
    10: ("choices", "five sentences, the right one first"),
    11: ("choices", "five sentences and the number of the right one"),
}
_TIME = re.compile(r"[0-9.:,]*")
Rows = Sequence[tuple[int, Sequence[str]]]
"""Cells by the number of their line, counted from 1."""


def is_lsmdc(cells: Sequence[str]) -> bool:
    """Whether a line is one of the challenge's: so many columns, and times behind the clip."""
    return len(cells) in _KINDS and all(_TIME.fullmatch(cell.strip()) for cell in cells[1:TIMES])


def listed_lines(rows: Rows) -> Listed:
    """The items of a file whose first line is one of the challenge's."""
    columns = len(rows[0][1])
    kind, what = _KINDS[columns]
    items, broken = [], []
    for number, cells in rows:
        where = f"line {number}"
        if len(cells) != columns:
            broken.append(f"{where}: {len(cells)} columns, expected {columns}: clip, four times, {what}")
        elif columns == 11 and cells[-1].strip() not in ("1", "2", "3", "4", "5"):
            broken.append(f"{where}: the answer is {quoted(cells[-1])}, expected a number from 1 to 5")
        else:
            items.append(_item(where, cells))
    return Listed(kind, tuple(items), broken)


def _item(where: str, cells: Sequence[str]) -> Item:
    video, said = cells[0].strip(), cells[TIMES:]
    if len(said) == 3:
        return Item(where, video, said[0], gapped=said[1], word=said[2])
    if len(said) < 3:
        return Item(where, video, said[-1])
    right = int(said[5]) - 1 if len(said) == 6 else 0
    return Item(where, video, said[right], options=tuple(said[:5]), right=right)
