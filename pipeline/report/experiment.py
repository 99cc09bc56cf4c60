"""What an experiment beside the run leaves: its tables in every format, and a page of them."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.config import Config
from pipeline.files import write_text
from pipeline.layout import Layout
from pipeline.progress import log
from pipeline.report import facts
from pipeline.report.formats import FIGURE_FORMATS
from pipeline.report.measures import curves_section
from pipeline.report.rows import FigureTable
from pipeline.report.templates import environment, part


def write_experiment(config: Config, page: Path, tables: Sequence[FigureTable], prefix: str = "", **own: Any) -> None:
    """Write the tables, and a page of them with the template that is called as the page is.

    config: the experiment's own. prefix: of the tables' names. own: what the template shows beside what all do.
    """
    write_figure_tables(Layout(config.results).tables, tables, prefix)
    unread = len({line["video"] for line in facts.quarantine(config)})
    template = environment().get_template(page.name)
    text = template.render(
        written=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        style=part("colours.css") + part("page.css"),
        source=config.corpus.source,
        software=facts.software(),
        warnings=facts.warnings(config, facts.features(config), unread),
        tables=section(tables),
        curves=curves_section(config),
        configuration=facts.configuration(config),
        **own,
    )
    write_text(page, text)
    log(f"{page.stem}: {page} ({len(text) / 1024:.0f} KiB)")


def write_figure_tables(folder: Path, tables: Iterable[FigureTable], prefix: str = "") -> None:
    """Write `PREFIXNAME.md`, `.csv` and `.tex` of each table into ``folder``."""
    for table in tables:
        for suffix, render in FIGURE_FORMATS.items():
            write_text(folder / f"{prefix}{table.name}.{suffix}", render(table))


def section(tables: Sequence[FigureTable]) -> str:
    """The tables as a piece of a page."""
    return environment().get_template("figures.html").render(tables=tables)
