"""Sections of the report that show figures: curves, accuracy by category, what an input is worth, lengths."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.config import TEST_SETS, Config
from pipeline.layout import Layout
from pipeline.report.charts import Bar, Series, bar_chart, legend_mark, line_chart
from pipeline.report.paper import TABLE_TITLES
from pipeline.report.results import Scores, display_names, read_curves, scored_systems
from pipeline.scoring.matching import read_answers

_NOT_PLOTTED = {"epoch", "seconds", "turns_per_second", "peak_memory_mib", "data_wait"}


@dataclass(frozen=True)
class Chart:
    """A drawn chart under its title."""

    title: str
    drawing: str


@dataclass(frozen=True)
class Section:
    """Charts with their legend (name and mark of each system), or the sentence that says why there is none."""

    charts: tuple[Chart, ...]
    legend: tuple[tuple[str, str], ...]
    missing: str


@dataclass(frozen=True)
class Drop:
    """A variant without an input. cells: by category, its accuracy and the difference to the model, in points."""

    name: str
    model: str
    cells: tuple[tuple[float, float] | None, ...]


@dataclass(frozen=True)
class Accuracy:
    """Grounded accuracy on a test set: a chart a category, and the variants without an input."""

    title: str
    charts: tuple[Chart, ...]
    categories: tuple[str, ...]
    drops: tuple[Drop, ...]


def curves_section(config: Config) -> Section:
    """A chart for each measured column (validation perplexity first), with a line for each trained system."""
    styles, names = _styles(config), display_names(config)
    read = {}
    for name in _trained(config):
        path = Layout(config.results).model(name) / "curves.csv"
        if path.is_file():
            read[name] = read_curves(path)
    columns = list(dict.fromkeys(column for curves in read.values() for column in curves))
    columns = [column for column in columns if column not in _NOT_PLOTTED]
    columns.sort(key=lambda column: "perplexity" not in column)
    charts = []
    for column in columns:
        series = [
            Series(names.get(name, config.systems[name].label), styles[name], points)
            for name, curves in read.items()
            if (points := _points(curves, column))
        ]
        if series:
            charts.append(Chart(_title(column), line_chart(series, "epoch", _title(column))))
    legend = tuple((names.get(name, config.systems[name].label), legend_mark(styles[name])) for name in read)
    missing = "" if charts else "No learning curves: no system of this run has been trained yet."
    return Section(tuple(charts), legend, missing)


def _points(curves: Mapping[str, Sequence[float | None]], column: str) -> tuple[tuple[float, float], ...]:
    """A column over the epochs; nothing where this system's loss has no such term."""
    pairs = zip(curves["epoch"], curves[column], strict=True) if column in curves else ()
    return tuple((x, y) for x, y in pairs if x is not None and y is not None)


def _title(column: str) -> str:
    return column.replace("_", " ")


def _trained(config: Config) -> list[str]:
    """Systems with a model of their own, those of `run` and their teachers, in the order of `run`."""
    trained: dict[str, None] = {}
    for name in config.run:
        model, system = config.trained(name)
        if system.teacher is not None:
            trained.setdefault(system.teacher)
        trained.setdefault(model)
    return list(trained)


def _styles(config: Config) -> dict[str, int]:
    """The colour, dash and marker of every system, the same in all charts."""
    return {name: index for index, name in enumerate(dict.fromkeys([*_trained(config), *config.run]))}


def accuracy_sections(config: Config) -> list[Accuracy]:
    """Grounded accuracy on each test set that has some; empty where there is no ground truth."""
    sections = []
    for test_set in TEST_SETS:
        scored = {name: scores for name, scores in scored_systems(config, test_set).items() if scores["grounded"]}
        if scored:
            sections.append(_accuracy(config, test_set, scored))
    return sections


def _accuracy(config: Config, test_set: str, scored: Mapping[str, Scores]) -> Accuracy:
    styles, names = _styles(config), display_names(config)
    categories = list(dict.fromkeys(category for scores in scored.values() for category in scores["grounded"]))
    charts = []
    for category in categories:
        parts = {name: scores["grounded"].get(category) for name, scores in scored.items()}
        whole = {n: part for n, part in parts.items() if part is not None and not config.systems[n].without}
        if whole:
            bars = [Bar(names[name], styles[name], share(part), f"{share(part):.1%}") for name, part in whole.items()]
            some = next(iter(whole.values()))
            title = f"{category}: {some['of']} questions"
            if "question_only" in some:
                title += f", {some['question_only']:.0%} by their words alone"
            charts.append(Chart(title, bar_chart(bars, some["base_rate"], f"accuracy, {title}")))
    variants = [name for name in scored if config.systems[name].without and config.trained(name)[0] in scored]
    drops = tuple(_drop(config, name, scored, categories, names) for name in variants)
    return Accuracy(TABLE_TITLES[test_set], tuple(charts), tuple(categories), drops)


def share(part: Mapping[str, Any]) -> float:
    """Right answers as a share of those asked for."""
    return float(part["right"] / part["of"])


def _drop(
    config: Config, name: str, scored: Mapping[str, Scores], categories: Sequence[str], names: Mapping[str, str]
) -> Drop:
    model = config.trained(name)[0]
    cells: list[tuple[float, float] | None] = []
    for category in categories:
        here, there = scored[name]["grounded"].get(category), scored[model]["grounded"].get(category)
        cells.append(None if here is None or there is None else (share(here), 100 * (share(here) - share(there))))
    without = ", ".join(config.systems[name].without)
    return Drop(f"without {without}", names[model], tuple(cells))


def lengths_section(config: Config) -> list[dict[str, Any]]:
    """Words an answer and how many different answers there are, by test set and system."""
    names, layout = display_names(config), Layout(config.results)
    lines = []
    for test_set in TEST_SETS:
        for name, scores in scored_systems(config, test_set).items():
            path = layout.answers(name, test_set)
            answers = list(read_answers(path).answers.values()) if path.is_file() else []
            lines.append(
                {
                    "test_set": test_set,
                    "name": names[name],
                    "words": scores["lengths"]["hypotheses"],
                    "references": scores["lengths"]["references"],
                    "longest": max((len(answer.split()) for answer in answers), default=None),
                    "different": len(set(answers)),
                    "of": len(answers),
                }
            )
    return lines
