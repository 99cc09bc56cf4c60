"""`avsd score`, `avsd paraphrases`, and what is made of scores: tables, pages, a release.

Heavy imports stay inside the commands, as in `pipeline.cli`.
"""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli_groups import DEFAULT, Configuration, Out, check_files
from pipeline.config import load
from pipeline.errors import UserError
from pipeline.scoring.names import OPTIONS
from pipeline.tasks.registry import TASKS, task_that_wrote

scoring_app = typer.Typer()


@scoring_app.command()
def score(
    hypotheses: Annotated[list[Path], typer.Argument(help="Result files: dialogs with the answers filled in.")],
    references: Annotated[Path, typer.Option(help="References: COCO layout, or dialogs.")],
    filter: Annotated[
        str, typer.Option(help="dstc7 (or organisers), dstc8 (or punctuation) or none: see above.")
    ] = OPTIONS["filter"],
    truth: Annotated[Path | None, typer.Option(help="Ground truth of generated scenes, for grounded accuracy.")] = None,
    bootstrap: Annotated[int, typer.Option(min=0, help="Resamples for 95 % intervals; 0: none.")] = 1000,
    against: Annotated[
        Path | None, typer.Option(help="A result file that the others are compared with: is the difference chance?")
    ] = None,
    randomisations: Annotated[int, typer.Option(min=0, help="Trials of each comparison; 0: none.")] = OPTIONS[
        "randomisations"
    ],
    partial: Annotated[bool, typer.Option(help="Score what is there when answers are missing.")] = False,
    task: Annotated[
        str, typer.Option(help=f"What the files hold: {', '.join(TASKS)}; default: what the first says it is.")
    ] = "",
    paraphrases: Annotated[
        Path | None, typer.Option(help="Folder of `avsd paraphrases`: METEOR starts faster, scores are the same.")
    ] = None,
    spice: Annotated[
        Path | None, typer.Option(help="The jar of SPICE 1.0, its folder lib beside it: SPICE is scored too.")
    ] = None,
    json: Annotated[list[Path] | None, typer.Option(help="Where to write each file's scores, in order.")] = None,
) -> None:
    """Score answers: BLEU, METEOR, ROUGE-L, CIDEr, and SPICE where you have its jar; of other tasks their own scores.

    Answers and references are matched by video and turn. Several result files share one METEOR, so they take little
    longer than one; with `--against` every other one is compared with that one by paired approximate randomisation.

    Files of systems that choose, retrieve, fill or detect have scores and intervals (`--bootstrap`) of their own.
    Filter, truth, comparison, `--partial`, paraphrases and SPICE are nothing to these: where one is asked for, none is
    scored.

    **Filters**: `dstc7` drops every one-character token ("a", "2", "."), as all DSTC7 figures have it and the paper's
    Tables 2 and 3 (baseline: CIDEr .7334); `dstc8` drops `,` and `.` alone, as all DSTC8 figures have it (.7691).

    For example:

        avsd score answers.json --references references.json --json scores.json

        avsd score answers/*/official.json --references references.json --against answers/ours_none_none/official.json

        avsd score answers/chooser/trial.json --references corpus/references/trial.candidates.json
    """
    from pipeline.scoring.paraphrases import TABLE, TOKENS
    from pipeline.scoring.request import Request

    tables = [] if paraphrases is None else [paraphrases / TABLE, paraphrases / TOKENS]
    check_files(json or [], [*hypotheses, references, truth, against, spice, *tables])
    if task and task not in TASKS:
        raise UserError(f"--task: {task!r} is not known ({', '.join(TASKS)})")
    wanted = TASKS[task] if task else task_that_wrote(hypotheses[0])
    request = Request(
        hypotheses,
        references,
        filter,
        truth,
        bootstrap,
        partial,
        json or [],
        against,
        randomisations,
        paraphrases,
        spice,
    )
    request.check_read(wanted.name, wanted.scored_with)
    wanted.score(request)


@scoring_app.command()
def paraphrases(
    references: Annotated[Path, typer.Option(help="References that answers will be scored against.")],
    vocabulary: Annotated[Path, typer.Option(help="Words that the answers are made of.")],
    out: Out,
) -> None:
    """Keep those of METEOR's paraphrases that answers and references can use: `avsd score --paraphrases`.

    Worth it where systems are scored one by one: METEOR otherwise reads five million paraphrases at every start.
    """
    from pipeline.corpus.references import read_references
    from pipeline.progress import log
    from pipeline.scoring.paraphrases import TABLE, TOKENS, write_paraphrases
    from pipeline.scoring.tokenizer import tokenize
    from pipeline.vocabulary.words import Vocabulary

    check_files([out / TABLE, out / TOKENS], [references, vocabulary])
    texts = [text for group in read_references(references).values() for text in group]
    kept = write_paraphrases(out, tokenize([*texts, *Vocabulary.read(vocabulary).words]))
    log(f"{out}: {kept} of METEOR's paraphrases kept")


@scoring_app.command()
def tables(config: Configuration = DEFAULT) -> None:
    """Write Table 2 and Table 3, this run beside the paper."""
    from pipeline.report.tables import write_tables

    write_tables(load(config))


@scoring_app.command()
def report(config: Configuration = DEFAULT) -> None:
    """Write report.html: tables, curves, accuracy by category, dialogs."""
    from pipeline.report.page import write_report

    write_report(load(config))


@scoring_app.command()
def distillation(config: Configuration = DEFAULT) -> None:
    """Write the distilled captioner's tables of scores, times and gains, and distillation.html."""
    from pipeline.plan.distillation import experiment
    from pipeline.report.distilled import write_distillation

    write_distillation(experiment(load(config)))


@scoring_app.command()
def matching(config: Configuration = DEFAULT) -> None:
    """Write tables of systems that choose, retrieve, fill, detect, and read what was detected; and matching.html."""
    from pipeline.plan.matching import beside
    from pipeline.report.matching import write_matching

    write_matching(beside(load(config)))


@scoring_app.command()
def release(
    out: Out,
    config: Configuration = DEFAULT,
    partial: Annotated[bool, typer.Option("--partial", help="Leave out what is not finished.")] = False,
) -> None:
    """Write the answers of all systems as one zip to hand out, with scores, model cards and the tables."""
    from pipeline.report.release import write_release

    check_files([out], [], config)
    write_release(load(config), out, partial)
