"""How large dialogs are, counted as Table 1 counts them."""

from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from pipeline.corpus.dialogs import Dialog, read_dialogs
from pipeline.errors import UserError


def statistics(dialogs: Iterable[Dialog]) -> dict[str, int]:
    """Dialogs, turns and words (Table 1).

    A question and its answer count as one turn each. Words are white-space tokens of questions and answers; an
    undisclosed answer counts as a turn and a word.
    """
    counted = list(dialogs)
    turns = [turn for dialog in counted for turn in dialog.turns]
    words = sum(len(turn.question.split()) + len(turn.answer.split()) for turn in turns)
    return {"dialogs": len(counted), "turns": 2 * len(turns), "words": words}


def print_statistics(files: list[Path]) -> None:
    """Print a table of dialogs, turns and words of dialog files to stdout."""
    if not files:
        raise UserError("no dialog file given; name at least one")
    table = Table("file", title="Dialogs as Table 1 counts them", title_justify="left")
    for column in ("dialogs", "turns", "words"):
        table.add_column(column, justify="right")
    for path in files:
        table.add_row(path.name, *(f"{count:,}" for count in statistics(read_dialogs(path)).values()))
    Console().print(table)
