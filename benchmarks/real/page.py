"""docs/results.md from what finished: its figures are those of a record, and what is missing is named."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, stdev

from benchmarks.real.curve import PAPER_DIALOGS, Point, Points, fit
from benchmarks.real.epochs import Epoch
from benchmarks.real.found import Found
from benchmarks.real.order import Step, steps
from benchmarks.real.question import question_lines
from benchmarks.real.record import METRIC, Entry
from benchmarks.real.runs import MORE, PATIENCE, PLAIN, TIMES
from benchmarks.real.tables import (
    COSTS_NOTE,
    ORDER_NOTE,
    TAUGHT,
    TEST_SETS,
    TRIED,
    costs_lines,
    longer_lines,
    order_lines,
    trials_lines,
)
from pipeline.config import Config
from pipeline.report.formats import result_markdown
from pipeline.report.paper import ROWS, TABLE_TITLES
from pipeline.report.results import Scores
from pipeline.report.tables import result_table

PICTURE = "results.png"
LAST_EPOCHS = 5
"""Epochs at the end of a training that are taken together."""


@dataclass(frozen=True)
class Made:
    """What finished runs left.

    found: the experiment's systems. longer: those of them that learn for longer, with their configuration. curves: by
    test set and system, CIDEr over dialogs. deviations: by test set, of the CIDEr of such a system's seeds; 0 where
    none has several. trials: by what is changed, the system that was. students: those that learn in other ways, with
    their teacher. missing: by run, the test sets that systems are not scored on yet. notes: what there is to say of the
    runs. entries: all there are, of every run.
    """

    found: Mapping[str, Found]
    longer: Mapping[str, Found]
    longer_config: Config
    curves: Mapping[str, Mapping[str, Points]]
    deviations: Mapping[str, float]
    noise: Sequence[Epoch]
    trials: Mapping[str, Found]
    students: Mapping[str, Found]
    missing: Mapping[str, Mapping[str, Sequence[str]]]
    notes: str
    entries: Sequence[Entry]


def page(config: Config, made: Made) -> str:
    """The whole page."""
    shorter, longer = (
        {test_set: steps(found, test_set) for test_set in TEST_SETS} for found in (made.found, made.longer)
    )
    few, many = (f"{times * config.training.epochs} epochs" for times in (1, TIMES))
    lines = [*_head(config, made.found, made.entries), "", *_state(made.missing), "", "## The question", ""]
    lines += question_lines({few: shorter, many: longer})
    lines += ["", "## About these runs", "", made.notes] if made.notes else []
    for test_set in TEST_SETS:
        # What they are of stands above the first of them, how they are to be read below.
        first = test_set == TEST_SETS[0]
        lines += ["", f"## {TABLE_TITLES[test_set]}", *(["", _trained(many)] if first else []), ""]
        lines += [*_table(made.longer_config, made.longer, test_set), "", *order_lines(longer[test_set])]
        lines += ["", ORDER_NOTE] if first else []
    lines += ["", "## With half the epochs", "", *_shorter(config, made, shorter)]
    lines += ["", "## All seeds at once", "", *_together(config, made.found)]
    lines += ["", "## Over the number of dialogs", "", *_curves(config, made)]
    lines += ["", "## How much of it is noise", "", *_noise(config, made)]
    lines += ["", "## Trials", "", *trials_lines(TRIED, made.trials, next(iter(made.trials)))]
    lines += ["", *trials_lines(TAUGHT, made.students, PLAIN)]
    lines += ["", "## What it cost", "", f"With {many}:", "", *costs_lines(made.longer)]
    lines += ["", f"With {few}:", "", *costs_lines(made.found), "", COSTS_NOTE]
    return "\n".join(lines).rstrip() + "\n"


def _trained(epochs: str) -> str:
    return f"{epochs.capitalize()}, teachers and students alike; kept is the epoch that is best on the held-out tenth."


def _table(config: Config, found: Mapping[str, Found], test_set: str) -> list[str]:
    return [result_markdown(result_table(config, test_set, _scores(found, test_set))).strip()]


def _scores(found: Mapping[str, Found], test_set: str) -> dict[str, Scores]:
    """Scores of every seed, as tables want them: a single seed is not compared with another system's."""
    seeds = [seed for system in found.values() for seed in system.scores[test_set].items()]
    return {name: {**scores, "against": None} for name, scores in seeds}


def _head(config: Config, found: Mapping[str, Found], entries: Sequence[Entry]) -> list[str]:
    learned = {f"{system.dialogs:,}" for system in found.values() if system.dialogs is not None}
    held_out = {f"{entry['dialogs'].get('validation', 0):,}" for entry in entries}
    dates = [scored["date"] for entry in entries for scored in entry["scores"].values()]
    cpus = sorted({entry["cpu"] for entry in entries})
    files = [f"`{path.name}`" for path in config.dialogs.model_dump().values() if path is not None]
    return [
        f"Learned from {' or '.join(sorted(learned)) or '?'} dialogs, where the paper has {PAPER_DIALOGS:,}, and "
        "without any video: these are not the paper's figures, and only their order can be compared.",
        "",
        "# Real dialogs",
        "",
        f"The systems of the paper on text alone, trained on the official validation set less the trial videos and "
        f"{' or '.join(sorted(held_out)) or '?'} dialogs held out to select on (`configs/avsd-reduced.yaml`). Made by",
        "",
        "```",
        "make results DATA=FOLDER RECORD=docs/results",
        "```",
        "",
        f"from runs scored by {max(dates, default='no day yet')} on {' and '.join(cpus) or 'no machine yet'}. What "
        "each came to is kept in docs/results, small enough to go on from on another machine; without `RECORD` all of "
        f"it is run again. FOLDER has {', '.join(files[:-1])} and {files[-1]}; for the largest "
        f"number of dialogs `{MORE}`, too.",
    ]


def _state(missing: Mapping[str, Mapping[str, Sequence[str]]]) -> list[str]:
    count = sum(len(test_sets) for systems in missing.values() for test_sets in systems.values())
    if not count:
        return ["All runs are finished."]
    lines = [f"**Not all of it has run.** {count} scores are missing, and no figure below rests on them:", ""]
    for run, systems in missing.items():
        each = [
            f"`{name}`" if len(test_sets) > 1 else f"`{name}` on {test_sets[0]}" for name, test_sets in systems.items()
        ]
        lines.append(f"* {'all dialogs' if run == 'all' else run}: {', '.join(each)}")
    return lines


def _shorter(config: Config, made: Made, order: Mapping[str, Sequence[Step]]) -> list[str]:
    """The systems with the fewer epochs: what the others gained, figures and order."""
    epochs = config.training.epochs
    lines = [
        f"The systems with {epochs} epochs, which all seeds at once and the trials have, too, and what those of "
        f"{TIMES * epochs} gained:",
        "",
        *longer_lines(made.found, made.longer),
    ]
    for test_set in TEST_SETS:
        lines += ["", *_table(config, made.found, test_set), "", *order_lines(order[test_set])]
    return lines


def _together(config: Config, found: Mapping[str, Found]) -> list[str]:
    lines = [
        "The mean of the seeds' word probabilities at every word of the search (`ensemble`), beside single seeds:",
        "",
        f"| system | {METRIC}, official, mean of seeds | together | trial, mean of seeds | together |",
        "|---|---:|---:|---:|---:|",
    ]
    rows = 0
    for name, system in found.items():
        if not config.systems[name].ensemble:
            continue
        single = found.get(config.members(name)[0])
        cells = []
        for test_set in TEST_SETS:
            both = ([] if single is None else single.values(test_set, METRIC), system.values(test_set, METRIC))
            cells += [f"{mean(values):.3f}" if values else "" for values in both]
        if any(system.values(test_set, METRIC) for test_set in TEST_SETS):
            lines.append(f"| {system.label} (`{name}`) | {' | '.join(cells)} |")
            rows += 1
    return lines if rows else ["None has answered yet: it takes all seeds of a system."]


def several(curves: Mapping[str, Points]) -> dict[str, Points]:
    """The systems that have learned from more than one number of dialogs."""
    return {name: points for name, points in curves.items() if len({point.dialogs for point in points}) > 1}


def _curves(config: Config, made: Made) -> list[str]:
    epochs, lines = config.training.epochs, []
    for test_set in TEST_SETS:
        curves, deviation = several(made.curves.get(test_set, {})), made.deviations.get(test_set, 0.0)
        if not curves:
            continue
        numbers = sorted({point.dialogs for points in curves.values() for point in points})
        lines += [
            f"{test_set.capitalize()} {METRIC} of one seed (in brackets the epochs it took), and where it goes on to:",
            "",
        ]
        lines.append(
            f"| system | {' | '.join(f'{number:,.0f}' for number in numbers)} | at {PAPER_DIALOGS:,} | 95 % | paper |"
        )
        lines.append("|---|" + "---:|" * (len(numbers) + 1) + "---|---:|")
        for name, points in curves.items():
            label = f"{made.found[name].label} (`{name}`)"
            lines.append(f"| {label} | {' | '.join(_curve(points, numbers, deviation))} | {_paper(name, test_set)} |")
        lines += ["", f"Seeds lie {deviation:.3f} apart (standard deviation).", ""]
    if not lines:
        return ["No other number of training dialogs has run yet."]
    note = (
        "The interval is that of all curves a - b n^-c, c from 0 (as much with every doubling) to 2, as far as these "
        "points allow them, each within what seeds lie apart. That CIDEr follows such a curve over further doublings "
        f"is an assumption. Shares learn for as many steps as all dialogs do in {epochs} epochs, all dialogs for "
        f"{TIMES * epochs} epochs, where that has run. On the trial test set there are more than all: with those of "
        f"`{MORE}` that have a description (they are about the videos of the official test set), for {epochs} epochs, "
        f"which are more steps still. Shares and what is more than all end after {PATIENCE} epochs in a row that bring "
        "nothing. The paper's systems see the videos, too."
    )
    return [f"![CIDEr over training dialogs]({PICTURE})", "", *lines, note]


def _curve(points: Points, numbers: Sequence[float], deviation: float) -> list[str]:
    """Cells of a system: its points, the curve at the paper's number, and the interval."""
    known, curve = {point.dialogs: point for point in points}, fit(points, deviation)
    cells = [_point(known.get(number)) for number in numbers]
    if curve is None:
        return [*cells, "", ""]
    middle, low, high = curve.at(PAPER_DIALOGS)
    return [*cells, f"{middle:.3f}", f"{low:.3f} to {high:.3f}"]


def _point(point: Point | None) -> str:
    if point is None:
        return ""
    return f"{point.cider:.3f}" + ("" if point.epochs is None else f" ({point.epochs})")


def _paper(name: str, test_set: str) -> str:
    figures = ROWS[name].figures(test_set)
    return "" if figures is None else f"{figures[METRIC]:.3f}"


def _noise(config: Config, made: Made) -> list[str]:
    lines, noise = [], made.noise
    spread = [
        (times * config.training.epochs, system, test_set, system.values(test_set, METRIC))
        for times, found in ((TIMES, made.longer), (1, made.found))
        for system in found.values()
        for test_set in TEST_SETS
        if len(system.values(test_set, METRIC)) > 1
    ]
    if spread:
        lines += ["By seed:", "", f"| epochs | system | test set | {METRIC} of each seed | mean | deviation |"]
        lines.append("|---:|---|---|---|---:|---:|")
        for epochs, system, test_set, values in spread:
            each = ", ".join(f"{value:.3f}" for value in values)
            row = f"| {epochs} | `{system.name}` | {test_set} | {each} | {mean(values):.3f} | {stdev(values):.3f} |"
            lines.append(row)
        lines.append("")
    if not noise:
        return [*lines, "By epoch: not measured yet (`python -m benchmarks.real.noise`)."]
    lines += [
        "By epoch, of one training of the system without description: CIDEr with the weights at the epoch's end, and "
        "with their average over steps (`training.average`). The held-out tenth has one reference an answer, the "
        "official set six.",
        "",
        "| epoch | perplexity | average | held out | average | official | average |",
        "|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for epoch in noise:
        cells = [f"{value:.2f}" for value in epoch.perplexity] + [
            f"{v:.3f}" for v in (*epoch.held_out, *epoch.official)
        ]
        lines.append(f"| {epoch.number} | {' | '.join(cells)} |")
    return [*lines, "", _settled(noise[-LAST_EPOCHS:])]


def _settled(epochs: Sequence[Epoch]) -> str:
    """Official CIDEr over the last epochs, in a sentence."""
    if len(epochs) < LAST_EPOCHS:
        return f"Fewer than {LAST_EPOCHS} epochs: nothing is said of their spread."
    last, average = ([epoch.official[kind] for epoch in epochs] for kind in (0, 1))
    return (
        f"Over the last {LAST_EPOCHS} epochs the official {METRIC} is {mean(last):.3f} (deviation {stdev(last):.3f}) "
        f"with the last weights and {mean(average):.3f} ({stdev(average):.3f}) with the average."
    )
