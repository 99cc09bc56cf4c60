"""Systems that write a sentence about a video: their scores, which of the stated facts are true, some sentences."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.config import TEST_SETS, Config
from pipeline.corpus.descriptions import read_descriptions
from pipeline.corpus.references import read_references
from pipeline.layout import Layout
from pipeline.plan.jobs import Jobs
from pipeline.report.experiment import write_figure_tables
from pipeline.report.measures import share
from pipeline.report.results import Scores, display_names, read_scores
from pipeline.report.rows import Column, FigureRow, FigureTable
from pipeline.scoring.names import METRICS

NOT_SCORED = "not scored"
SHOWN = 5
"""Videos whose sentences the page shows, of each test set."""


@dataclass(frozen=True)
class Described:
    """A video: what people wrote about it, and what each system does, by its name."""

    video: str
    references: tuple[str, ...]
    sentences: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class DescribedSet:
    """A test set's table, and some of its videos."""

    table: FigureTable
    videos: tuple[Described, ...]


def description_tables(config: Config) -> list[FigureTable]:
    """A table of the describing systems of `run` for each test set that some of them describe."""
    tables = []
    for test_set in TEST_SETS:
        systems = describing(config, test_set)
        if systems:
            tables.append(_table(config, test_set, {name: read_scores(config, name, test_set) for name in systems}))
    return tables


def describing(config: Config, test_set: str) -> list[str]:
    """Systems of `run` that write about the videos of a test set unasked."""
    return [name for name, written in Jobs(config).answered if written == test_set and config.systems[name].describes]


def write_description_tables(config: Config, folder: Path) -> None:
    """Write `descriptions_TESTSET.md`, `.csv` and `.tex` of each table into ``folder``."""
    write_figure_tables(folder, description_tables(config))


def described_sets(config: Config) -> list[DescribedSet]:
    """The tables with some videos each, chosen by a hash of their ids."""
    found = []
    for table in description_tables(config):
        test_set = table.name.removeprefix("descriptions_")
        found.append(DescribedSet(table, tuple(_videos(config, test_set, describing(config, test_set)))))
    return found


def _table(config: Config, test_set: str, scores: Mapping[str, Scores | None]) -> FigureTable:
    names = display_names(config)
    categories = list(
        dict.fromkeys(category for found in scores.values() if found for category in found["grounded"] or ())
    )
    rows = []
    for name, found in scores.items():
        figures = None
        if found is not None:
            true = {f"{category} (%)": 100 * share(part) for category, part in (found["grounded"] or {}).items()}
            figures = {**found["metrics"], **true}
        rows.append(FigureRow(None, name, names[name], "" if found else NOT_SCORED, figures, None))
    if categories:
        rows.append(FigureRow(None, None, "most frequent values", "", _base_rates(scores, categories), None))
    columns = (*(Column(metric, ".3f") for metric in METRICS), *(Column(f"{each} (%)", ".1f") for each in categories))
    return FigureTable(
        f"descriptions_{test_set}",
        "",
        f"Descriptions of the {test_set} videos, against what people wrote about them",
        columns,
        tuple(rows),
        tuple(_notes(config, scores, categories)),
    )


def _base_rates(scores: Mapping[str, Scores | None], categories: Sequence[str]) -> dict[str, float | None]:
    """What always stating the most frequent value would reach."""
    parts = [found["grounded"] for found in scores.values() if found and found["grounded"]]
    return {f"{category} (%)": 100 * parts[0][category]["base_rate"] for category in categories}


def _notes(config: Config, scores: Mapping[str, Scores | None], categories: Sequence[str]) -> list[str]:
    notes = []
    for name, found in scores.items():
        if found:
            signature = found["signature"]
            several = "" if signature["references"] == "1" else "s"
            notes.append(
                f"{display_names(config)[name]}: filter {signature['filter']} on {signature['filtered']}; "
                f"{signature['references']} reference{several} a video, {signature['items']} videos."
            )
    if categories:
        notes.append(
            "Behind the scores: of the facts of each scene, the share that the sentence states, and states alone."
        )
    return list(dict.fromkeys(notes))


def _videos(config: Config, test_set: str, systems: Sequence[str]) -> list[Described]:
    layout, jobs, names = Layout(config.results), Jobs(config), display_names(config)
    written = {
        name: read_descriptions(layout.answers(name, test_set))
        for name in systems
        if layout.answers(name, test_set).is_file()
    }
    if not written:
        return []
    path = layout.references(jobs.references(systems[0], test_set))
    references = read_references(path) if path.is_file() else {}
    videos = sorted(next(iter(written.values())), key=lambda video: hashlib.sha256(video.encode()).hexdigest())[:SHOWN]
    return [
        Described(
            video,
            tuple(references.get((video, 0), ())),
            tuple((names[name], sentences[video]) for name, sentences in written.items() if video in sentences),
        )
        for video in videos
    ]
