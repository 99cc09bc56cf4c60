"""Systems that describe videos: a table a test set, and what they say about some videos."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.config import Config
from pipeline.corpus.descriptions import read_descriptions
from pipeline.layout import Layout
from pipeline.layout import described_table as described_table_name
from pipeline.report.paper import TABLE_TITLES
from pipeline.report.results import Scores, display_names, scored_systems
from pipeline.report.rows import Column, FigureRow, FigureTable
from pipeline.scoring.names import METRICS

_FREQUENT = "most frequent value"
_NOTE = "Scored against what people wrote: filter {filter}, {references} sentences a video, {items} videos."
_FACTS = (
    "{names}: the share of a scene's facts that a description states, and states alone. The last line always states "
    "the most frequent value of each."
)
NOT_SCORED = "not scored"


@dataclass(frozen=True)
class Said:
    """A system's sentence about a video."""

    name: str
    sentence: str


def described_sets(config: Config) -> list[str]:
    """Test sets of which a system of `run` describes the videos."""
    return [test_set for test_set in config.test_sets() if _describers(config, test_set)]


def described_table(config: Config, test_set: str) -> FigureTable:
    """A row a system: the metrics and, on generated scenes, the facts that it states, beside the base rates."""
    known = scored_systems(config, test_set)
    scored = {name: known[name] for name in _describers(config, test_set) if name in known}
    names, facts = display_names(config), _facts(scored)
    rows = [_row(name, names[name], scored.get(name)) for name in _describers(config, test_set)]
    if facts:
        frequent = {fact: part["base_rate"] for fact, part in next(iter(scored.values()))["grounded"].items()}
        rows.append(FigureRow(None, None, _FREQUENT, "", frequent, None))
    return FigureTable(
        name=described_table_name(test_set),
        number=f"of descriptions, {test_set}",
        title=TABLE_TITLES[test_set].split(",")[0],
        columns=tuple(Column(name, ".3f") for name in (*METRICS, *facts)),
        rows=tuple(rows),
        notes=tuple(_notes(scored, facts)),
    )


def said_about(config: Config, test_set: str) -> Mapping[str, Sequence[Said]]:
    """By video, the sentences of all systems that describe the test set's videos."""
    names, layout = display_names(config), Layout(config.results)
    found: dict[str, list[Said]] = {}
    for name in _describers(config, test_set):
        path = layout.answers(name, test_set)
        if path.is_file():
            for video, sentence in read_descriptions(path).items():
                found.setdefault(video, []).append(Said(names[name], sentence))
    return found


def _describers(config: Config, test_set: str) -> list[str]:
    """Systems of `run` that write about the videos of a test set."""
    entries = {name: config.systems[name] for name in config.run}
    return [name for name, entry in entries.items() if not entry.asked and test_set in entry.test_sets]


def _row(name: str, label: str, scores: Scores | None) -> FigureRow:
    if scores is None:
        return FigureRow(None, name, label, NOT_SCORED, None, None)
    return FigureRow(None, name, label, "", _figures(scores), None)


def _facts(scored: Mapping[str, Scores]) -> list[str]:
    return list(dict.fromkeys(fact for scores in scored.values() for fact in scores["grounded"] or {}))


def _figures(scores: Scores) -> dict[str, float | None]:
    facts = {fact: part["right"] / part["of"] for fact, part in (scores["grounded"] or {}).items()}
    return {**{metric: scores["metrics"].get(metric) for metric in METRICS}, **facts}


def _notes(scored: Mapping[str, Scores], facts: Sequence[str]) -> list[str]:
    notes = dict.fromkeys(_NOTE.format(**scores["signature"]) for scores in scored.values())
    return [*notes, *([_FACTS.format(names=", ".join(facts).capitalize())] if facts else [])]
