"""How large dialogs are, counted as Table 1 counts them."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import TypeAdapter
from rich.table import Column, Table

from pipeline.corpus.dialogs import Dialog, read_entries
from pipeline.errors import UserError
from pipeline.progress import console
from pipeline.texts.typed import Count, Number, read_typed

_STATISTICS: TypeAdapter[dict[str, dict[str, Count] | bool | Number | None]]
_STATISTICS = TypeAdapter(dict[str, dict[str, Count] | bool | Number | None])


def statistics(dialogs: Iterable[Dialog]) -> dict[str, int]:
    """Dialogs, turns and words (Table 1); with captions, how many sentences these are, and their words.

    A question and its answer count as one turn each. Words are white-space tokens of questions and answers; an
    undisclosed answer counts as a turn and a word.
    """
    entries = list(dialogs)
    counts = _count([[(turn.question, [turn.answer]) for turn in dialog.turns] for dialog in entries])
    captions = [caption for dialog in entries for caption in dialog.captions]
    if captions:
        counts |= {"captions": len(captions), "caption_words": sum(len(caption.split()) for caption in captions)}
    return counts


def read_statistics(path: Path) -> dict[str, dict[str, int]]:
    """What an import counted (statistics.json): by split, and what it took out (`taken_out`); {} without the file."""
    if not path.is_file():
        return {}
    found = read_typed(path, _STATISTICS, "the statistics of `avsd corpus import`; import the corpus again")
    return {name: counts for name, counts in found.items() if isinstance(counts, dict)}


def _count(dialogs: Sequence[Sequence[tuple[str, Sequence[str]]]]) -> dict[str, int]:
    turns = [turn for dialog in dialogs for turn in dialog]
    words = sum(len(text.split()) for question, answers in turns for text in (question, *answers))
    return {"dialogs": len(dialogs), "turns": 2 * len(turns), "words": words}


def print_statistics(files: list[Path]) -> None:
    """Print a table of dialogs, turns and words of dialog files to stdout.

    Several answers to one question (the references of DSTC10's last turns) are one turn, and all their words count.
    """
    if not files:
        raise UserError("no dialog file given; name at least one")
    table = Table(Column("file", overflow="fold"), title="Dialogs as Table 1 counts them", title_justify="left")
    for column in ("dialogs", "turns", "words"):
        table.add_column(column, justify="right")
    for path in files:
        counts = _count([entry.turns for entry in read_entries(path)])
        table.add_row(path.name, *(f"{count:,}" for count in counts.values()))
    console().print(table)
