"""What each part of JSFusion is worth: systems that have learned without it less the whole, and the paper's drops."""

from collections.abc import Iterator, Mapping

from pipeline.config import Config
from pipeline.errors import UserError
from pipeline.plan.ablations import FULL, ablated
from pipeline.report.matching_paper import BLANKS, CHOICE, LSMDC, MSR_VTT, RANKS, RETRIEVAL
from pipeline.report.results import Scores, display_names, read_scores
from pipeline.report.rows import Column, FigureRow, FigureTable
from pipeline.report.tables import NOT_SCORED
from pipeline.scoring.names import CHOSEN, FILLED, RETRIEVED
from pipeline.scoring.pooled import Items, compare_pooled
from pipeline.tasks.registry import TASKS

METRICS = {CHOSEN: ("accuracy",), RETRIEVED: ("R@1", "R@5", "R@10"), FILLED: ("accuracy",)}
"""Of each task those that the paper has, and that are shares."""
UNPRINTED = (LSMDC, "R@5")
"""What the paper prints for the whole, 11.2, and without sound, 10.9, look like misprints: no drop can be had."""
PAPER = (
    "Lines of the paper (Yu, Kim and Kim, ECCV 2018) are differences within its own tables: other videos, sentences "
    "and tests. They are not comparable with those of this run."
)
NO_DROP = f"{UNPRINTED[1]} of {UNPRINTED[0]} has no drop: the paper's 11.2 for {FULL} looks like a misprint of 21.2."
GATES = "Of JSFusion-noattention the paper's text says 2.1 and 2.2 points; what stands here is its table's."


def parts_table(config: Config, task: str, test_set: str) -> FigureTable:
    """Each ablation of a task less JSFusion, in points, by paired comparison; below it the paper's.

    config: that of `plan.matching.beside`, with such systems (`plan.ablations`).
    """
    found, metrics = ablated(config, task, test_set), TASKS[task].metrics
    assert found is not None
    names = display_names(config, (found.full, *found.parts))
    whole, rows, seeds = _seeds(config, found.full, test_set), [], set[int]()
    for name in found.parts:
        own = _seeds(config, name, test_set)
        figures = _less(config, own, whole, METRICS[metrics]) if own and whole else None
        seeds |= {len(own), len(whole)}
        rows.append(FigureRow(None, name, names[name], NOT_SCORED if figures is None else "", figures, None))
        rows += [
            FigureRow(label, None, label, "", None, {_points(metric): value for metric, value in drop.items()})
            for label, drop in drops(metrics, config.systems[name].label)
        ]
    compared = config.scoring.randomisations > 0
    columns = [
        column
        for metric in METRICS[metrics]
        for column in (Column(_points(metric), "+.1f"), *([Column(f"p, {metric}", ".3f")] if compared else []))
    ]
    title = f"What each part of {FULL} is worth: {(TASKS[task].title or task).lower()}, {test_set}"
    notes = tuple(_notes(config, names[found.full], metrics, max(seeds)))
    return FigureTable(f"matching_parts_{task}_{test_set}", "", title, tuple(columns), tuple(rows), notes)


def _seeds(config: Config, name: str, test_set: str) -> dict[int, Scores]:
    """The scores of a system, and of its further seeds that are run: those there are, by the seed's number."""
    run = {number: each for number, each in enumerate(config.seeds_of(name), 1) if each in {name, *config.run}}
    found = {number: read_scores(config, each, test_set) for number, each in run.items()}
    return {number: scores for number, scores in found.items() if scores is not None}


def _less(
    config: Config, own: Mapping[int, Scores], whole: Mapping[int, Scores], metrics: tuple[str, ...]
) -> dict[str, float]:
    trials = config.scoring.randomisations
    figures: dict[str, float] = {}
    for metric in metrics:
        both = [{number: _shares(scores, metric) for number, scores in side.items()} for side in (own, whole)]
        if len({frozenset(items) for side in both for items in side.values()}) > 1:
            files = " and ".join(next(iter(side.values()))["hypotheses"] for side in (own, whole))
            raise UserError(f"{files}: scored on other items, so that no difference is that of a part; ask them alike")
        found = compare_pooled(both[0], both[1], max(trials, 1))
        figures |= {_points(metric): 100 * found.difference} | ({f"p, {metric}": found.p} if trials else {})
    return figures


def _shares(scores: Scores, metric: str) -> Items:
    """Whether each item is right, by its video and turn: its mean is the metric."""
    most = 1 if metric == "accuracy" else int(metric.removeprefix("R@"))
    return {
        key: float(item["right"] if "right" in item else item["rank"] <= most) for key, item in scores["items"].items()
    }


def _points(metric: str) -> str:
    return f"{metric} (points)"


def drops(metrics: tuple[str, ...], label: str) -> Iterator[tuple[str, Mapping[str, float]]]:
    """Of an ablation its label with each corpus, and the paper's figures less those of the whole, in points.

    >>> dict(drops(CHOSEN, "JSTmean"))["JSTmean, MSR-VTT"]["accuracy"].__format__(".1f")
    '-3.4'
    """
    for corpus in (LSMDC, MSR_VTT):
        own, whole = _printed(metrics, corpus, label), _printed(metrics, corpus, FULL)
        less = {metric: own[metric] - whole[metric] for metric in METRICS[metrics] if metric in own}
        less = {metric: value for metric, value in less.items() if (corpus, metric) != UNPRINTED}
        if less:
            yield f"{label}, {corpus}", less


def _printed(metrics: tuple[str, ...], corpus: str, label: str) -> dict[str, float]:
    """The paper's figures of a system by metric; nothing where it has none."""
    place = (LSMDC, MSR_VTT).index(corpus)
    if metrics == FILLED:
        return {"accuracy": BLANKS[label]} if corpus == LSMDC and label in BLANKS else {}
    if metrics == CHOSEN:
        return {"accuracy": CHOICE[label][place]} if label in CHOICE else {}
    ranked = RETRIEVAL[label][place] if label in RETRIEVAL else None
    return {} if ranked is None else dict(zip(RANKS, ranked, strict=True))


def _notes(config: Config, whole: str, metrics: tuple[str, ...], seeds: int) -> Iterator[str]:
    said = f"Each line of this run: the system less {whole}, in points, negative where the part is of use"
    said += f"; means of up to {seeds} seeds" if seeds > 1 else ""
    if trials := config.scoring.randomisations:
        said += f"; p: paired approximate randomisation of videos, {trials:,} trials, each comparison by itself"
    yield f"{said}."
    yield PAPER
    if metrics == RETRIEVED:
        yield NO_DROP
    if metrics == CHOSEN:
        yield GATES
