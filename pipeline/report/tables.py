"""Tables 1, 2 and 3: this run beside the paper."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace

from pipeline.config import CHALLENGE, Config, TestSet
from pipeline.corpus.statistics import read_statistics
from pipeline.errors import UserError
from pipeline.files import write_text
from pipeline.layout import Layout
from pipeline.report import formats
from pipeline.report.described import write_description_tables
from pipeline.report.paper import CORPUS, ROWS, TABLE_NUMBERS, TABLE_TITLES
from pipeline.report.results import Scores, descriptions, display_names, scored_systems
from pipeline.report.rows import CorpusTable, ResultRow, ResultTable
from pipeline.scoring.names import METRICS
from pipeline.scoring.significance import SIGNIFICANT

SCENES_NOTE = (
    "The paper's figures were measured on Charades videos with AVSD dialogs. This run is on generated scenes: the two "
    "are not comparable, the paper's column means nothing beside them, and no difference is given."
)
NOT_THERE, NOT_RUN, NOT_SCORED = "not yet there", "not run", "not scored"
_UNCOUNTED = "The corpus of this run has no statistics yet."
_STATUS_NOTES = {
    NOT_THERE: "not yet there: no system of the configuration stands for this row.",
    NOT_RUN: "not run: the configuration has such a system, but its list of systems to run does not name it.",
    NOT_SCORED: "not scored: the system was run, but there are no scores of it on this test set.",
}


def write_tables(config: Config) -> None:
    """Write table1, table2 and table3, and those of descriptions, as Markdown, CSV and LaTeX.

    A test set without scores still has its table: the paper's rows, each saying why there is no figure beside it.
    """
    folder = Layout(config.results).tables
    for test_set in paper_sets(config):
        table = result_table(config, test_set)
        for suffix, render in formats.RESULT_FORMATS.items():
            write_text(folder / f"table{table.number}.{suffix}", render(table))
    write_description_tables(config, folder)
    corpus = corpus_table(config)
    for suffix, render_corpus in formats.CORPUS_FORMATS.items():
        write_text(folder / f"table{corpus.number}.{suffix}", render_corpus(corpus))


def paper_sets(config: Config) -> tuple[TestSet, ...]:
    """Test sets that the paper has a table of; a corpus of captions has none."""
    return () if config.corpus.source == "captions" else CHALLENGE


def result_table(config: Config, test_set: str, known: Mapping[str, Scores] | None = None) -> ResultTable:
    """The table of a test set: the paper's rows in its order, with the systems of this run that stand for them.

    known: scores by system, where they are not to be read from the results folder.
    """
    for name in config.run:
        row = config.systems[name].row
        if row is not None and row not in ROWS:
            raise UserError(f"systems.{name}.row: {row!r} is no row of the paper's tables ({', '.join(ROWS)})")
    scores = scored_systems(config, test_set) if known is None else known
    rows = tuple(row for name in ROWS for row in _rows(config, test_set, name, scores))
    return ResultTable(
        number=TABLE_NUMBERS[test_set],
        title=TABLE_TITLES[test_set],
        test_set=test_set,
        rows=rows,
        notes=tuple(_notes(config, rows, scores)),
    )


def _rows(config: Config, test_set: str, row: str, scores: Mapping[str, Scores]) -> list[ResultRow]:
    paper = ROWS[row]
    figures = paper.figures(test_set)
    systems = [name for name in config.run if config.systems[name].row == row and not _counted(config, name)]
    systems = [name for name in systems if test_set in config.systems[name].test_sets]
    if not systems:
        known = any(system.row == row for system in config.systems.values())
        status = NOT_RUN if known else NOT_THERE
        empty = ResultRow(
            row, None, paper.label, paper.train, paper.test, status, None, None, figures, None, None, None
        )
        return [] if figures is None else [empty]
    return [_row(config, row, name, scores, figures) for name in systems]


def _counted(config: Config, name: str) -> bool:
    """Whether a system is a further seed of one that is run, and so counted with that one."""
    return config.systems[name].seed_of in config.run


def _row(
    config: Config, row: str, name: str, known: Mapping[str, Scores], figures: Mapping[str, float] | None
) -> ResultRow:
    train, test = descriptions(config, name)
    seeds = [known[other] for other in config.seeds_of(name) if other in known and other in config.run]
    if len(seeds) > 1:
        return _seeds_row(config, row, name, seeds, figures)
    scores = seeds[0] if seeds else None
    run = None if scores is None else scores["metrics"]
    comparable = run is not None and figures is not None and config.corpus.source != "scenes"
    # What rescores is compared with its own model, not with the system that the notes name.
    against = None if scores is None or config.systems[name].rescored_by() is not None else scores["against"]
    return ResultRow(
        row=row,
        system=name,
        label=config.systems[name].label,
        train=train,
        test=test,
        status=NOT_SCORED if scores is None else "",
        run=run,
        intervals=None if scores is None else scores["intervals"] or None,
        paper=figures,
        difference={m: run[m] - figures[m] for m in METRICS} if comparable and run and figures else None,
        signature=None if scores is None else scores["signature"],
        compared=None if against is None else against["metrics"],
    )


def _seeds_row(
    config: Config, row: str, name: str, scores: Sequence[Scores], figures: Mapping[str, float] | None
) -> ResultRow:
    """The row of a system of several seeds; how a single one of them compares with another system is left out."""
    one = _row(config, row, name, {name: scores[0]}, figures)
    values = {metric: [each["metrics"][metric] for each in scores] for metric in METRICS}
    run = {metric: statistics.mean(found) for metric, found in values.items()}
    return replace(
        one,
        run=run,
        spread={metric: statistics.stdev(found) for metric, found in values.items()},
        intervals=None,
        difference=None if one.difference is None or figures is None else {m: run[m] - figures[m] for m in METRICS},
        compared=None,
        seeds=len(scores),
    )


def _notes(config: Config, rows: Sequence[ResultRow], scores: Mapping[str, Scores]) -> list[str]:
    notes = []
    if config.corpus.source == "scenes":
        notes.append(SCENES_NOTE)
    settings = {row.system: _settings(row.signature) for row in rows if row.signature is not None}
    if len(set(settings.values())) == 1:
        notes.append(f"This run: {next(iter(settings.values()))}.")
    else:
        notes += [f"This run, {name}: {text}." for name, text in settings.items()]
    if any(row.spread for row in rows):
        counts = " and ".join(str(count) for count in sorted({row.seeds for row in rows if row.spread}))
        notes.append(f"Rows of {counts} seeds are their mean, ± their standard deviation on these videos.")
    if any(row.intervals for row in rows):
        where = "in other rows " if any(row.spread for row in rows) else ""
        notes.append(f"± is {where}half the width of the 95 % interval over other videos (bootstrap over videos).")
    compared = next((found["against"] for found in scores.values() if found["against"]), None)
    if compared is not None and config.scoring.against is not None and any(row.compared for row in rows):
        label = display_names(config)[config.scoring.against]
        notes.append(
            f"* differs from {label} (p < {SIGNIFICANT}; paired approximate randomisation of videos, "
            f"{compared['randomisations']:,} trials, not corrected for several comparisons)."
        )
    for status, note in _STATUS_NOTES.items():
        if any(row.status == status for row in rows):
            notes.append(note)
    return notes


def _settings(signature: Mapping[str, object]) -> str:
    count = signature["references"]
    missing = f", {signature['missing']} answers missing" if signature["missing"] else ""
    return (
        f"filter {signature['filter']} on {signature['filtered']}; "
        f"{count} reference{'' if count == '1' else 's'} an answer; {signature['items']} answers{missing}"
    )


def corpus_table(config: Config) -> CorpusTable:
    """Table 1 of the corpus in use; of captions with quantities of their own, and nothing of the paper."""
    counts = read_statistics(Layout(config.results).corpus / "statistics.json")
    if config.corpus.source == "captions":
        return _captions_table(config, counts)
    rows = tuple(
        (split, quantity, counts.get(split, {}).get(quantity), CORPUS[split][quantity])
        for split in CORPUS
        for quantity in ("dialogs", "turns", "words")
    )
    notes = ["A question and an answer count as one turn each; words are white-space tokens of both."]
    if config.corpus.source == "scenes":
        notes.insert(0, "This run is on generated scenes, the paper on Charades videos with AVSD dialogs.")
    if not counts:
        notes.append(_UNCOUNTED)
    return CorpusTable(number=1, title="The corpus", rows=rows, notes=tuple(notes))


def _captions_table(config: Config, counts: Mapping[str, Mapping[str, int]]) -> CorpusTable:
    quantities = {"videos": "dialogs", "captions": "captions", "words": "caption_words"}
    splits = ("training", "validation", *(["test"] if config.captions.tested else []))
    rows = tuple(
        (split, quantity, counts.get(split, {}).get(key), None)
        for split in splits
        for quantity, key in quantities.items()
    )
    notes = ["Captions of the user's; the paper has none.", *([] if counts else [_UNCOUNTED])]
    return CorpusTable(number=1, title="The corpus", rows=rows, notes=tuple(notes))
