"""`avsd report`: one self-contained page."""

from datetime import UTC, datetime

from pipeline.config import Config
from pipeline.files import write_text
from pipeline.layout import Layout
from pipeline.progress import log
from pipeline.report import facts
from pipeline.report.described import described_sets
from pipeline.report.formats import mark, spread
from pipeline.report.looked import looked
from pipeline.report.measures import accuracy_sections, curves_section, lengths_section
from pipeline.report.paper import TABLE_NUMBERS
from pipeline.report.samples import samples
from pipeline.report.tables import corpus_table, paper_sets, result_table
from pipeline.report.templates import environment, part
from pipeline.scoring.names import METRICS


def write_report(config: Config) -> None:
    """Write report.html: what was run, the tables, curves, accuracy by category, lengths, dialogs with all answers.

    Everything is in the file: styles, script and charts; it asks for nothing from outside. What a run does not have
    is a sentence in its place.
    """
    features = facts.features(config)
    quarantined = facts.quarantine(config)
    unread = len({line["video"] for line in quarantined})
    page = (
        environment()
        .get_template("page.html")
        .render(
            written=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            style=part("colours.css") + part("page.css") + part("attention.css"),
            script=part("page.js"),
            source=config.corpus.source,
            warnings=facts.warnings(config, features, unread),
            software=facts.software(),
            features=features,
            text_only=not config.features,
            quarantined=quarantined,
            unread=unread,
            notes=facts.corpus_notes(config),
            systems=facts.systems(config),
            corpus=corpus_table(config),
            tables=[result_table(config, test_set) for test_set in paper_sets(config)],
            metrics=METRICS,
            mark=mark,
            spread=spread,
            described=described_sets(config),
            curves=curves_section(config),
            accuracies=accuracy_sections(config),
            lengths=lengths_section(config),
            table_numbers=TABLE_NUMBERS,
            samples=samples(config),
            looked=looked(config),
            configuration=facts.configuration(config),
        )
    )
    target = Layout(config.results).report
    write_text(target, page)
    log(f"report: {target} ({len(page) / 1024:.0f} KiB)")
