"""Tables as Markdown, CSV and LaTeX."""

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence

from pipeline.inert import cells, latex, markdown, markdown_line
from pipeline.report.rows import CorpusTable, FigureRow, FigureTable, ResultRow, ResultTable
from pipeline.scoring.names import METRICS
from pipeline.scoring.significance import SIGNIFICANT

COLUMNS = ("", "_low", "_high", "_deviation", "_paper", "_difference", "_against", "_p")
"""Of each metric in CSV: this run, its interval, its deviation over seeds, the paper, run less paper, run less the
system compared with, p."""
RUN, PAPER, DIFFERENCE = "this run", "paper", "difference"
_DASH = "-"


def _figures(row: ResultRow) -> list[tuple[str, list[str]]]:
    """The lines a row is printed on: name of the source, and a cell a metric."""
    run = [_number(row.run, metric) + mark(row, metric) + spread(row, metric) for metric in METRICS]
    source = RUN if row.seeds == 1 else f"{RUN}, {row.seeds} seeds"
    lines = [(source, run if row.run is not None else [row.status, *[""] * (len(METRICS) - 1)])]
    lines.append((PAPER, [_number(row.paper, metric) for metric in METRICS]))
    if row.difference is not None:
        lines.append((DIFFERENCE, [signed(row.difference[metric]) for metric in METRICS]))
    return lines


def signed(value: float, digits: int = 3) -> str:
    """A difference with its sign; what rounds to nothing is +0.000, never -0.000."""
    return f"{round(value, digits) + 0.0:+.{digits}f}"


def mark(row: ResultRow, metric: str) -> str:
    """`*` after a figure that differs from that of the system compared with."""
    return "*" if row.compared is not None and row.compared[metric]["p"] < SIGNIFICANT else ""


def _number(scores: Mapping[str, float] | None, metric: str) -> str:
    return _DASH if scores is None else f"{scores[metric]:.3f}"


def spread(row: ResultRow, metric: str) -> str:
    """What stands behind a figure: ± its deviation over seeds, or half its interval; nothing where neither is known."""
    if row.spread is not None:
        return f" ±{row.spread[metric]:.3f}"
    if row.intervals is None:
        return ""
    low, high = row.intervals[metric]
    return f" ±{(high - low) / 2:.3f}"


def result_markdown(table: ResultTable) -> str:
    """Two or three lines a row: this run, the paper, the difference."""
    head = ["System", "desc. train", "desc. test", "", *METRICS]
    lines = [f"**Table {table.number}.** {markdown(table.title)}", "", _pipes(head)]
    lines.append("|---|---|---|---|" + "---:|" * len(METRICS))
    for row in table.rows:
        for index, (source, figures) in enumerate(_figures(row)):
            first = [row.label, row.train, row.test] if index == 0 else ["", "", ""]
            lines.append(_pipes([*first, source, *figures]))
    return "\n".join([*lines, *_notes(table.notes)]) + "\n"


def corpus_markdown(table: CorpusTable) -> str:
    """Counts of this run and of the paper."""
    lines = [f"**Table {table.number}.** {markdown(table.title)}", "", _pipes(["", "", RUN, PAPER])]
    lines.append("|---|---|---:|---:|")
    lines += [_pipes([split, quantity, _count(run), _count(paper)]) for split, quantity, run, paper in table.rows]
    return "\n".join([*lines, *_notes(table.notes)]) + "\n"


def _pipes(line: Sequence[str]) -> str:
    return "| " + " | ".join(map(markdown, line)) + " |"


def _notes(notes: Iterable[str]) -> list[str]:
    return ["", *(f"{markdown_line(note)}  " for note in notes)]


def _count(value: int | None) -> str:
    return _DASH if value is None else f"{value:,}"


def result_csv(table: ResultTable) -> str:
    """One line a row with all its figures, to six digits, and what they were scored with."""
    head = ["row", "system", "label", "desc_train", "desc_test", "seeds", "status", "filter", "references", "items"]
    head += [f"{metric}{kind}" for metric in METRICS for kind in COLUMNS]
    lines: list[list[object]] = [[*head]]
    for row in table.rows:
        line: list[object] = [row.row, row.system or "", row.label, row.train, row.test, row.seeds, row.status]
        line += [(row.signature or {}).get(key, "") for key in ("filter", "references", "items")]
        for metric in METRICS:
            low, high = row.intervals[metric] if row.intervals else (None, None)
            run, paper, difference = (
                None if source is None else source[metric] for source in (row.run, row.paper, row.difference)
            )
            against = row.compared[metric] if row.compared else {"difference": None, "p": None}
            spread = row.spread[metric] if row.spread else None
            figures = (run, low, high, spread, paper, difference, against["difference"], against["p"])
            line += ["" if value is None else round(value, 6) for value in figures]
        lines.append(line)
    return _csv(lines)


def corpus_csv(table: CorpusTable) -> str:
    """Split, quantity, this run, the paper."""
    return _csv([["split", "quantity", "run", "paper"], *table.rows])


def _csv(lines: Sequence[Sequence[object]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(map(cells, lines))
    return buffer.getvalue()


def result_latex(table: ResultTable) -> str:
    """A `tabular` with the rules of booktabs."""
    head = ["System", "desc.\\ train", "desc.\\ test", "", *METRICS]
    body = []
    for row in table.rows:
        for index, (source, figures) in enumerate(_figures(row)):
            first = [row.label, row.train, row.test] if index == 0 else ["", "", ""]
            body.append(_ampersands([*map(latex, first), source, *map(latex, figures)]))
    return _latex(table.number, table.title, "lll@{\\quad}l" + "r" * len(METRICS), head, body, table.notes)


def corpus_latex(table: CorpusTable) -> str:
    """A `tabular` with the rules of booktabs."""
    body = [_ampersands([split, quantity, _count(run), _count(paper)]) for split, quantity, run, paper in table.rows]
    return _latex(table.number, table.title, "llrr", ["", "", RUN, PAPER], body, table.notes)


def _figure_lines(table: FigureTable, row: FigureRow) -> list[list[str]]:
    """The lines a row is printed on: label, source, a cell a column; this run's and the paper's where they have one."""
    known = [(RUN, row.run, row.run is not None or row.status), (PAPER, row.paper, row.paper is not None)]
    sources = [(source, figures) for source, figures, there in known if there]
    lines = []
    for place, (source, figures) in enumerate(sources):
        found = [row.status, *[""] * (len(table.columns) - 1)]
        if figures is not None:
            found = [column.shown(figures) for column in table.columns]
        lines.append([row.label if place == 0 else "", source, *found])
    return lines


def figure_markdown(table: FigureTable) -> str:
    """One or two lines a row: this run, the paper."""
    title = markdown(table.title)
    heading = f"**Table {table.number}.** {title}" if table.number else f"**{title}**"
    lines = [heading, "", _pipes(["System", "", *(c.name for c in table.columns)])]
    lines.append("|---|---|" + "---:|" * len(table.columns))
    lines += [_pipes(line) for row in table.rows for line in _figure_lines(table, row)]
    return "\n".join([*lines, *_notes(table.notes)]) + "\n"


def figure_csv(table: FigureTable) -> str:
    """One line a row: which it is, then this run's figures to six digits, then the paper's."""
    names = [column.name for column in table.columns]
    lines: list[list[object]] = [["row", "system", "label", "status", *names, *(f"{name}_paper" for name in names)]]
    for row in table.rows:
        values = [(figures or {}).get(name) for figures in (row.run, row.paper) for name in names]
        first = [row.row or "", row.system or "", row.label, row.status]
        lines.append([*first, *("" if value is None else round(value, 6) for value in values)])
    return _csv(lines)


def figure_latex(table: FigureTable) -> str:
    """A `tabular` with the rules of booktabs."""
    head = ["System", "", *(latex(column.name) for column in table.columns)]
    body = [_ampersands(map(latex, line)) for row in table.rows for line in _figure_lines(table, row)]
    columns = "l@{\\quad}l" + "r" * len(table.columns)
    return _latex(table.number, table.title, columns, head, body, table.notes)


def _latex(
    number: int | str, title: str, columns: str, head: Sequence[str], body: Sequence[str], notes: Sequence[str]
) -> str:
    which = f"Table {number} of the paper: " if number else ""
    return "\n".join(
        [
            "% needs \\usepackage{booktabs}",
            "\\begin{table}",
            f"\\caption{{{latex(f'{which}{title}. ' + ' '.join(notes))}}}",
            f"\\begin{{tabular}}{{{columns}}}",
            "\\toprule",
            _ampersands(head),
            "\\midrule",
            *body,
            "\\bottomrule",
            "\\end{tabular}",
            "\\end{table}",
            "",
        ]
    )


def _ampersands(line: Iterable[str]) -> str:
    return " & ".join(line) + " \\\\"


RESULT_FORMATS: dict[str, Callable[[ResultTable], str]] = {
    "md": result_markdown,
    "csv": result_csv,
    "tex": result_latex,
}
CORPUS_FORMATS: dict[str, Callable[[CorpusTable], str]] = {
    "md": corpus_markdown,
    "csv": corpus_csv,
    "tex": corpus_latex,
}
FIGURE_FORMATS: dict[str, Callable[[FigureTable], str]] = {
    "md": figure_markdown,
    "csv": figure_csv,
    "tex": figure_latex,
}
