"""`avsd score`: result files against references, as a table and as JSON."""

import hashlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from pipeline import __version__
from pipeline.corpus.references import Key, read_references
from pipeline.corpus.scenes.truth import read_truth
from pipeline.errors import UserError
from pipeline.files import write_json
from pipeline.progress import log
from pipeline.scoring.bootstrap import SEED, intervals
from pipeline.scoring.filters import apply_filter, check_filter, filters_references
from pipeline.scoring.grounded import grounded
from pipeline.scoring.java import versions
from pipeline.scoring.matching import Matched, match, read_answers
from pipeline.scoring.meteor import Meteor
from pipeline.scoring.metrics import METRICS, measure
from pipeline.scoring.tokenizer import tokenize

_ITEM_DIGITS = 6
_LOG_WIDTH = 120


def score_files(
    hypotheses: list[Path],
    references: Path,
    filter: str,
    truth: Path | None,
    bootstrap: int,
    partial: bool,
    json: list[Path],
) -> None:
    """Score result files, print a table, and write one JSON file each where ``json`` names them.

    filter: `organisers`, `punctuation` or `none`; goes over the references too where each item has a single one.
    truth: ground truth of generated scenes, for grounded accuracy. bootstrap: resamples for the intervals, 0 for none.
    Raises `UserError` when files are malformed or answers and references do not fit (see `matching.match`).
    """
    check_filter(filter)
    if json and len(json) != len(hypotheses):
        raise UserError(f"--json: {len(json)} given for {len(hypotheses)} result files; give one for each, in order")
    known = read_references(references)
    if not known:
        raise UserError(f"{references}: no reference in it")
    matched = []
    for path in hypotheses:
        matched.append(match(path, read_answers(path), known, partial))
        _say_what_is_left_out(path, matched[-1], len(known))
    results = _score(hypotheses, matched, known, filter, bootstrap)
    for result in results:
        result["signature"]["references_sha256"] = hashlib.sha256(references.read_bytes()).hexdigest()
    if truth is not None:
        _add_grounded(results, matched, truth)
    for result, target in zip(results, json, strict=False):
        write_json(target, result)
    # A log file has no width of its own, and the table does not fit into the 80 columns it would be given.
    print_scores(results, Console(width=None if sys.stdout.isatty() else _LOG_WIDTH))


def _say_what_is_left_out(path: Path, found: Matched, known: int) -> None:
    if found.missing or found.extra:
        log(
            f"{path}: scored on {len(found.keys)} of {known} referenced turns "
            f"({found.missing} answers missing, {found.extra} without a reference left out)"
        )


def _score(
    paths: Sequence[Path], matched: Sequence[Matched], known: Mapping[Key, Sequence[str]], filter: str, bootstrap: int
) -> list[dict[str, Any]]:
    over_references = filters_references(list(known.values()))
    filtered = "hypotheses and references" if over_references else "hypotheses"
    if filter == "none":
        filtered = "nothing"
    results = []
    # METEOR loads its tables while the sentences are tokenised.
    with Meteor() as meteor:
        sentences = [apply_filter(filter, answer) for found in matched for answer in found.hypotheses]
        texts = {key: [apply_filter(filter, text) if over_references else text for text in known[key]] for key in known}
        tokens = iter(tokenize([*sentences, *(text for group in texts.values() for text in group)]))
        answers = [[next(tokens) for _ in found.keys] for found in matched]
        references = {key: [next(tokens) for _ in group] for key, group in texts.items()}
        outside = versions()
        for path, found, system in zip(paths, matched, answers, strict=True):
            measured = measure(system, [references[key] for key in found.keys], meteor)
            results.append(
                {
                    "hypotheses": str(path),
                    "metrics": measured.corpus,
                    "intervals": intervals(measured, bootstrap),
                    "grounded": None,
                    "lengths": {
                        "hypotheses": _mean_words(found.hypotheses),
                        "references": _mean_words([text for group in found.references for text in group]),
                    },
                    "signature": {
                        "filter": filter,
                        "filtered": filtered,
                        "references": _per_item(found.references),
                        "items": len(found.keys),
                        "missing": found.missing,
                        "bootstrap": bootstrap,
                        "seed": SEED,
                        **outside,
                        "avsd": __version__,
                    },
                    "items": {
                        f"{video}_{turn}": {m: round(float(measured.items[m][row]), _ITEM_DIGITS) for m in METRICS}
                        for row, (video, turn) in enumerate(found.keys)
                    },
                }
            )
    return results


def _mean_words(sentences: Sequence[str]) -> float:
    """Mean number of white-space tokens, as written: before filter and tokenisation."""
    return sum(len(sentence.split()) for sentence in sentences) / len(sentences)


def _per_item(references: Sequence[Sequence[str]]) -> str:
    counts = {len(group) for group in references}
    return f"{min(counts)}-{max(counts)}" if len(counts) > 1 else str(min(counts))


def _add_grounded(results: Sequence[dict[str, Any]], matched: Sequence[Matched], path: Path) -> None:
    truth = read_truth(path)
    for result, found in zip(results, matched, strict=True):
        result["grounded"], right = grounded(found.keys, found.hypotheses, truth, str(path))
        for (video, turn), correct in zip(found.keys, right, strict=True):
            result["items"][f"{video}_{turn}"]["grounded"] = int(correct)


def signature_line(signature: Mapping[str, Any]) -> str:
    """The signature on one line: two scores may be compared when theirs are equal."""
    parts = {
        "filter": signature["filter"],
        "filtered": signature["filtered"],
        "refs": signature["references"],
        "items": signature["items"],
        "refsha": signature["references_sha256"][:12],
        "tok": signature["tokenizer"],
        "pycocoevalcap": signature["pycocoevalcap"],
        "meteor": signature["meteor"],
        "java": signature["java"],
        "avsd": signature["avsd"],
    }
    return "|".join(f"{name}:{value}" for name, value in parts.items())


def print_scores(results: Sequence[dict[str, Any]], console: Console) -> None:
    """Print metrics with their intervals, grounded accuracy where there is some, and each different signature."""
    table = Table(title="Scores", title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("answers", overflow="fold")
    for metric in METRICS:
        table.add_column(metric, justify="right", no_wrap=True)
    for result in results:
        bounds = result["intervals"]
        cells = [
            f"{value:.4f}" + (f"\n±{(bounds[metric][1] - bounds[metric][0]) / 2:.4f}" if bounds else "")
            for metric, value in result["metrics"].items()
        ]
        table.add_row(_label(result), *cells)
    console.print(table)
    _print_grounded(results, console)
    if any(result["intervals"] for result in results):
        console.print("± half the width of the 95 % interval (bootstrap over items)", markup=False)
    for line in dict.fromkeys(signature_line(result["signature"]) for result in results):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _label(result: Mapping[str, Any]) -> str:
    """The end of the result file's path: `answers/jst/trial.json` reads `jst/trial`."""
    return "/".join(Path(result["hypotheses"]).with_suffix("").parts[-2:])


def _print_grounded(results: Sequence[dict[str, Any]], console: Console) -> None:
    scored = [result for result in results if result["grounded"]]
    if not scored:
        return
    categories = list(dict.fromkeys(category for result in scored for category in result["grounded"]))
    title = "Grounded accuracy: right of asked (share of the most frequent value)"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("answers", overflow="fold")
    for category in categories:
        table.add_column(category, justify="right")
    for result in scored:
        cells = []
        for category in categories:
            part = result["grounded"].get(category)
            cells.append("-" if part is None else f"{part['right']}/{part['of']}\n({part['base_rate']:.2f})")
        table.add_row(_label(result), *cells)
    console.print(table)
