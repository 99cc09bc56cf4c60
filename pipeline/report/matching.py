"""`avsd matching`: tables of systems that choose, retrieve, fill, detect, and read what was detected; their page."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.config import Config
from pipeline.config.systems import CONCEPTS
from pipeline.corpus.candidates import read_candidates
from pipeline.corpus.dialogs import read_dialogs, turns_of
from pipeline.layout import Layout
from pipeline.plan.jobs import PARTS, Jobs
from pipeline.report import matching_paper
from pipeline.report.blanks import fillings
from pipeline.report.concepts import answered_table, detected_table, words_found
from pipeline.report.experiment import write_experiment
from pipeline.report.matching_parts import parts_table
from pipeline.report.rescored import rescored_table
from pipeline.report.results import Scores, display_names, read_scores
from pipeline.report.rows import Column, FigureRow, FigureTable
from pipeline.report.tables import NOT_SCORED
from pipeline.scoring.chosen import read_scores_of
from pipeline.scoring.names import CHOSEN, DETECTED
from pipeline.tasks.registry import TASKS

SHOWN = 6
"""Questions on the page."""
_SPECS = {"median rank": ".1f", "mean rank": ".2f", "MRR": ".3f"}


@dataclass(frozen=True)
class Question:
    """A turn on the page. answers: each candidate, whether it is right, and which systems chose it."""

    video: str
    question: str
    answers: tuple[tuple[str, bool, tuple[str, ...]], ...]


def write_matching(config: Config) -> None:
    """Write `tables/matching_TASK_TESTSET` in every format, and matching.html.

    config: that of `plan.matching.beside`.
    """
    page, tables = Layout(config.results).matching, matching_tables(config)
    write_experiment(
        config, page, tables, questions=questions(config), fillings=fillings(config), words=words_found(config)
    )


def matching_tables(config: Config) -> list[FigureTable]:
    """A table for each task and test set, with what chance, or the commonest word, would have as its last rows; one of
    the systems that answer, with concept words and without; and what each part of JSFusion is worth.
    """
    jobs, tables = Jobs(config), []
    for name in jobs.matching_tables:
        task, _, test_set = name.rpartition("_")
        if task.startswith(PARTS):
            tables.append(parts_table(config, task.removeprefix(PARTS), test_set))
            continue
        if task == CONCEPTS or TASKS[task].sentences:
            tables.append((answered_table if task == CONCEPTS else rescored_table)(config, test_set))
            continue
        systems = [
            system for system, written in jobs.answered if written == test_set and config.systems[system].task == task
        ]
        scores = {system: read_scores(config, system, test_set) for system in systems}
        detected = TASKS[task].metrics == DETECTED
        tables.append(detected_table(config, test_set, scores) if detected else _table(config, task, test_set, scores))
    return tables


def _table(config: Config, task: str, test_set: str, scores: Mapping[str, Scores | None]) -> FigureTable:
    names, metrics = display_names(config, list(scores)), TASKS[task].metrics
    rows = [
        FigureRow(
            None, name, names[name], "" if found else NOT_SCORED, _shown(found["metrics"]) if found else None, None
        )
        for name, found in scores.items()
    ]
    rows += _bases([found for found in scores.values() if found])
    notes = _notes(names, scores)
    papers = [
        FigureRow(label, None, label, "", None, {_column(metric): value for metric, value in figures.items()})
        for label, figures in matching_paper.rows(metrics, {config.trained(name)[1].network for name in scores})
    ]
    notes += [matching_paper.NOTE] if papers else []
    columns = tuple(Column(_column(metric), _SPECS.get(metric, ".1f")) for metric in metrics)
    title = f"{TASKS[task].title or task}, {test_set}"
    return FigureTable(f"matching_{task}_{test_set}", "", title, columns, (*rows, *papers), tuple(notes))


def _bases(scored: Sequence[Scores]) -> list[FigureRow]:
    """Rows of what can be reached without looking; told apart by what is scored where that differs."""
    rates = {
        (label, found["signature"]["of"], tuple(sorted(figures.items())))
        for found in scored
        for label, figures in (found.get("base_rates") or {"by chance": found["chance"]}).items()
    }
    labels = Counter(label for label, _, _ in rates)
    return [
        FigureRow(None, None, label if labels[label] == 1 else f"{label}, {of}", "", _shown(dict(figures)), None)
        for label, of, figures in sorted(rates)
    ]


def _column(metric: str) -> str:
    return metric if metric in _SPECS else f"{metric} (%)"


def _shown(metrics: Mapping[str, float]) -> dict[str, float]:
    return {_column(name): value if name in _SPECS else 100 * value for name, value in metrics.items()}


def _notes(names: Mapping[str, str], scores: Mapping[str, Scores | None]) -> list[str]:
    notes = ["Ties count against the system."]
    for name, found in scores.items():
        if not found:
            continue
        signature = found["signature"]
        asked = f"word classes by {signature['tagger']}" if "tagger" in signature else ""
        if "candidates" in signature:
            asked = f"{', '.join(map(str, signature['candidates']))} to choose from"
        ends = [f"{metric} {low:.3f} to {high:.3f}" for metric, (low, high) in list(found["intervals"].items())[:1]]
        notes.append(
            f"{names[name]}: {signature['items']} {signature['of']}, {asked}"
            + (f"; 95 % interval by resampling videos: {ends[0]}." if ends else ".")
        )
    return notes


def questions(config: Config) -> list[Question]:
    """Some turns of the first test set that something was chosen for, by a hash of their videos."""
    layout, jobs, names = Layout(config.results), Jobs(config), display_names(config)
    choosing = [pair for pair in jobs.answered if TASKS[config.systems[pair[0]].task].metrics == CHOSEN]
    if not choosing:
        return []
    test_set = choosing[0][1]
    path = layout.references(jobs.references(*choosing[0]))
    systems = [
        system for system, written in choosing if written == test_set and layout.answers(system, written).is_file()
    ]
    if not path.is_file() or not systems:
        return []
    candidates = read_candidates(path)
    given = {system: read_scores_of(layout.answers(system, test_set)) for system in systems}
    asked = {dialog.video_id: turns_of(dialog) for dialog in read_dialogs(layout.dialogs(test_set))}
    keys = sorted(candidates, key=lambda key: hashlib.sha256(f"{key}".encode()).digest())[:SHOWN]
    found = []
    for key in keys:
        best = {system: _best(scores[key]) for system, scores in given.items() if key in scores}
        answers = tuple(
            (text, place == candidates[key].right, tuple(names[system] for system in best if best[system] == place))
            for place, text in enumerate(candidates[key].answers)
        )
        given_with = candidates[key].question
        question = asked[key[0]][key[1]].question if given_with is None else given_with
        found.append(Question(key[0], question, answers))
    return found


def _best(scores: Sequence[float]) -> int:
    return max(range(len(scores)), key=lambda place: scores[place])
