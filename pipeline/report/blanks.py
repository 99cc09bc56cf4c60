"""Blanks on the page of systems that compare sentences with videos: what was asked, and what each system named."""

import hashlib
from dataclasses import dataclass

from pipeline.config import Config
from pipeline.corpus.blanks import read_blanks
from pipeline.layout import Layout
from pipeline.plan.jobs import Jobs
from pipeline.report.results import display_names
from pipeline.scoring.filled import read_named
from pipeline.scoring.names import FILLED
from pipeline.tasks.registry import TASKS

SHOWN = 8
"""Blanks on the page."""


@dataclass(frozen=True)
class Filling:
    """A blank on the page. named: each system, its likeliest word, and whether that is the one."""

    video: str
    sentence: str
    word: str
    named: tuple[tuple[str, str, bool], ...]


def fillings(config: Config) -> list[Filling]:
    """Some blanks of the first test set that was filled, chosen by a hash of their videos and turns."""
    layout, jobs, names = Layout(config.results), Jobs(config), display_names(config)
    filling = [pair for pair in jobs.answered if TASKS[config.systems[pair[0]].task].metrics == FILLED]
    if not filling:
        return []
    test_set, reference = filling[0][1], jobs.references(*filling[0])
    path = layout.references(reference)
    systems = [
        system
        for system, written in filling
        if written == test_set
        and jobs.references(system, written) == reference
        and layout.answers(system, written).is_file()
    ]
    if not path.is_file() or not systems:
        return []
    blanks, given = read_blanks(path).blanks, {name: read_named(layout.answers(name, test_set)) for name in systems}
    keys = sorted(blanks, key=lambda key: hashlib.sha256(f"{key}".encode()).digest())[:SHOWN]
    return [
        Filling(
            key[0],
            blanks[key].sentence,
            blanks[key].word,
            tuple(
                (names[system], named[key].words[0], named[key].words[0] == blanks[key].word)
                for system, named in given.items()
                if key in named
            ),
        )
        for key in keys
    ]
