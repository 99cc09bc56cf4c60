"""Answers before and after a matcher put them in order again, as a table beside those of the matchers."""

from pipeline.config import Config
from pipeline.corpus.rescored import read_rescored
from pipeline.layout import Layout
from pipeline.plan.jobs import Jobs
from pipeline.report.concepts import RIGHT, right_shares
from pipeline.report.formats import signed
from pipeline.report.results import Scores, display_names, read_scores
from pipeline.report.rows import Column, FigureRow, FigureTable
from pipeline.report.tables import NOT_SCORED
from pipeline.scoring.names import METRICS

_COMPARED = ("CIDEr", "BLEU-4")


def rescored_table(config: Config, test_set: str) -> FigureTable:
    """The answers of systems that rescore, in front of each those it took.

    config: that of `plan.matching.beside`.
    """
    names = display_names(config)
    answered = [name for name, written in Jobs(config).answered if written == test_set]
    rescored = [name for name in answered if config.systems[name].rescored_by() is not None]
    shown = {*rescored, *(config.systems[name].model for name in rescored)}
    systems = [name for name in answered if name in shown]
    found = {name: read_scores(config, name, test_set) for name in systems}
    rows = tuple(
        FigureRow(None, name, names[name], "" if scores else NOT_SCORED, _figures(scores) if scores else None, None)
        for name, scores in found.items()
    )
    columns = [Column(metric, ".3f") for metric in METRICS]
    if any(scores and scores["grounded"] for scores in found.values()):
        columns.append(Column(RIGHT, ".1f"))
    notes = [f"{names[name]}: {note}" for name in systems for note in _notes(config, name, test_set, found[name])]
    return FigureTable(
        f"matching_answer_{test_set}", "", f"Answers rescored, {test_set}", tuple(columns), rows, tuple(notes)
    )


def _figures(scores: Scores) -> dict[str, float | None]:
    return {**scores["metrics"], **right_shares(scores["grounded"] or {})}


def _notes(config: Config, name: str, test_set: str, scores: Scores | None) -> list[str]:
    notes = []
    path, rescoring = Layout(config.results).answers(name, test_set), config.systems[name].rescored_by()
    if rescoring is not None and path.is_file():
        chosen = read_rescored(path)
        at = {point["weight"]: point[chosen["metric"]] for point in chosen["curve"]}
        notes.append(
            f"{rescoring.n} answers of a turn by {chosen['by']}, weight {chosen['weight']:g} of log P; on "
            f"{chosen['turns']} turns of validation {chosen['metric']} {at[chosen['weight']]:.3f}, the search's own "
            f"{chosen['own']:.3f}, of the best answer of each list {chosen['best_of_list']:.3f}."
        )
    if scores is None:
        return notes
    if "CIDEr" in scores["intervals"]:
        low, high = scores["intervals"]["CIDEr"]
        notes.append(f"95 % interval of CIDEr by resampling videos: {low:.3f} to {high:.3f}.")
    if rescoring is not None and scores["against"]:
        compared = scores["against"]["metrics"]
        said = ", ".join(
            f"{metric} {signed(compared[metric]['difference'])} (p = {compared[metric]['p']:.3f})"
            for metric in _COMPARED
        )
        notes.append(
            f"against the answers as they were: {said}; paired approximate randomisation of videos, "
            f"{scores['against']['randomisations']:,} trials."
        )
    return notes
