"""`avsd score`: result files against references, as a table and as JSON."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from os.path import realpath
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline import __version__
from pipeline.corpus.references import Key, read_references
from pipeline.corpus.scenes.truth import Truth, read_truth
from pipeline.errors import UserError
from pipeline.files import write_json
from pipeline.inert import shown
from pipeline.progress import log
from pipeline.scoring import bootstrap as resampling
from pipeline.scoring import significance
from pipeline.scoring.filters import apply_filter, filter_named, filters_references
from pipeline.scoring.grounded import categories
from pipeline.scoring.java import versions
from pipeline.scoring.kinds import ANSWERS, Kind
from pipeline.scoring.matching import Matched, match, without_history
from pipeline.scoring.meteor import Meteor
from pipeline.scoring.metrics import Measured, measure_systems
from pipeline.scoring.paraphrases import Paraphrases, read_paraphrases
from pipeline.scoring.printing import print_scores
from pipeline.scoring.request import check_outs
from pipeline.scoring.spice import check_jar
from pipeline.scoring.tokenizer import tokenize
from pipeline.scoring.videos import numbered
from pipeline.texts import read_bytes

_ITEM_DIGITS = 6


@dataclass
class _System:
    """A result file, what of it is scored, and its scores. right: whether each answer is, where a truth is known."""

    path: Path
    found: Matched
    measured: Measured
    intervals: dict[str, list[float]]
    accuracy: dict[str, Any] | None = None
    right: NDArray[np.bool_] | None = None
    against: dict[str, Any] | None = None


def score_files(
    hypotheses: list[Path],
    references: Path,
    filter: str,
    truth: Path | None,
    bootstrap: int,
    partial: bool,
    json: list[Path],
    against: Path | None = None,
    randomisations: int = 1000,
    paraphrases: Path | None = None,
    spice: Path | None = None,
    kind: Kind = ANSWERS,
) -> None:
    """Score result files, print a table, and write one JSON file each where ``json`` names them.

    filter: `dstc7`, `dstc8` or `none` (see `filters`); goes over the references too where each item has a single one.
    truth: ground truth of generated scenes, for grounded accuracy. bootstrap: resamples for the intervals, 0 for none.
    against: the result file that the others are compared with, in ``randomisations`` trials, 0 for none; it is scored
    for that, and only shown where it is one of ``hypotheses``. paraphrases: METEOR's table cut down (see
    `paraphrases`); where it lacks a word of these texts, the whole one serves. spice: the jar of SPICE (see `spice`).
    kind: of result files.
    Raises `UserError` when files are malformed or answers and references do not fit (see `matching.match`).
    """
    filter = filter_named(filter)
    check_outs(hypotheses, json)
    if spice is not None:
        check_jar(spice)
    compared = None if against is None or randomisations == 0 else _position(against, hypotheses)
    known = _read_known(references)
    matched = []
    measured = [*hypotheses, *([against] if against is not None and compared == len(hypotheses) else [])]
    for path in measured:
        matched.append(match(path, kind.read(path, known), known, partial))
        _say_what_was_done(path, matched[-1], len(known))
    facts = None if truth is None else read_truth(truth)
    table = None if paraphrases is None else read_paraphrases(paraphrases)
    systems = _score(measured, matched, known, filter, bootstrap, table, spice)
    if facts is not None:
        for system in systems:
            system.accuracy, right = kind.accuracy(system.found.keys, system.found.hypotheses, facts, str(truth))
            system.right = None if right is None else np.array(right)
    if compared is not None:
        _compare(systems, systems[compared], facts, randomisations)
    signature = {
        "filter": filter,
        "filtered": _filtered(filter, known),
        "bootstrap": bootstrap,
        "seed": resampling.SEED,
        **versions(),
        **({} if spice is None else {"spice": spice.stem.removeprefix("spice-")}),
        "avsd": __version__,
        "references_sha256": hashlib.sha256(read_bytes(references)).hexdigest(),
    }
    results = [_result(system, signature) for system in systems[: len(hypotheses)]]
    for result, target in zip(results, json, strict=False):
        write_json(target, result)
    print_scores(results)


def _position(against: Path, hypotheses: Sequence[Path]) -> int:
    """Where among ``hypotheses`` the file stands, or behind them."""
    # Of links in a circle pathlib makes an error; here they are names, and their reading is one.
    paths, other = [realpath(path) for path in hypotheses], realpath(against)
    return paths.index(other) if other in paths else len(paths)


def _read_known(path: Path) -> dict[Key, list[str]]:
    given = read_references(path)
    known = without_history(given)
    if not known:
        raise UserError(f"{path}: no reference in it")
    if len(known) < len(given):
        log(
            f"{path}: {len(known)} last turns have several references and are scored; "
            f"the {len(given) - len(known)} turns before them are the history"
        )
    return known


def _say_what_was_done(path: Path, found: Matched, known: int) -> None:
    if found.moved:
        log(
            f"{path}: one turn of each dialog; {found.moved} are taken as the later turn that the references name, "
            "as in files of last turns alone"
        )
    if found.missing or found.extra:
        log(
            f"{path}: scored on {len(found.keys)} of {known} referenced turns "
            f"({found.missing} answers missing, {found.extra} without a reference left out)"
        )


def _score(
    paths: Sequence[Path],
    matched: Sequence[Matched],
    known: Mapping[Key, Sequence[str]],
    filter: str,
    bootstrap: int,
    table: Paraphrases | None,
    spice: Path | None,
) -> list[_System]:
    """The scores of each system; those with the same items, which are all of them but for `--partial`, at once."""
    over_references = filters_references(list(known.values()))
    same: defaultdict[tuple[Key, ...], list[int]] = defaultdict(list)
    for index, found in enumerate(matched):
        same[found.keys].append(index)
    scored: dict[int, _System] = {}
    sentences = [apply_filter(filter, answer) for found in matched for answer in found.hypotheses]
    texts = {key: [apply_filter(filter, text) if over_references else text for text in known[key]] for key in known}
    with _tokenized([*sentences, *(text for group in texts.values() for text in group)], table) as (given, meteor):
        tokens = iter(given)
        answers = [[next(tokens) for _ in found.keys] for found in matched]
        references = {key: [next(tokens) for _ in group] for key, group in texts.items()}
        for keys, members in same.items():
            asked = [references[key] for key in keys]
            measured = measure_systems([answers[i] for i in members], asked, meteor, spice)
            bounds = resampling.intervals(measured, bootstrap, videos=_videos(keys))
            for index, scores, ends in zip(members, measured, bounds, strict=True):
                scored[index] = _System(paths[index], matched[index], scores, ends)
    return [scored[index] for index in range(len(paths))]


@contextmanager
def _tokenized(sentences: Sequence[str], table: Paraphrases | None) -> Iterator[tuple[list[str], Meteor]]:
    """The tokens of each sentence, and METEOR with a table that is whole for them.

    METEOR loads its table while the sentences are tokenised.
    """
    with Meteor(table=None if table is None else table.table) as meteor:
        tokens = tokenize(sentences)
        if table is None or table.serve(tokens):
            yield tokens, meteor
            return
        meteor.kill()
    log(f"{table.table}: made without some of these words; METEOR takes the whole table")
    with Meteor() as meteor:
        yield tokens, meteor


def _compare(systems: Sequence[_System], other: _System, truth: Truth | None, trials: int) -> None:
    """Compare every other system with ``other``, where both answer the same items."""
    for system in systems:
        if system is other:
            continue
        if system.found.keys != other.found.keys:
            log(f"{system.path}: not compared with {other.path}, which answers other turns")
            continue
        accuracy, videos = None, _videos(system.found.keys)
        if truth is not None and system.right is not None and other.right is not None:
            parts = categories(system.found.keys, truth)
            accuracy = significance.compare_accuracy(system.right, other.right, parts, trials, videos)
        system.against = {
            "hypotheses": shown(other.path),
            "randomisations": trials,
            "seed": significance.SEED,
            "metrics": significance.compare_scores(system.measured, other.measured, trials, videos=videos),
            "grounded": accuracy,
        }


def _videos(keys: Sequence[Key]) -> NDArray[np.intp]:
    return numbered([video for video, _ in keys])


def _filtered(filter: str, known: Mapping[Key, Sequence[str]]) -> str:
    """What the filter goes over, in words."""
    if filter == "none":
        return "nothing"
    return "hypotheses and references" if filters_references(list(known.values())) else "hypotheses"


def _result(system: _System, signature: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a scores file."""
    found, measured = system.found, system.measured
    items = {
        f"{video}_{turn}": {
            metric: round(float(scores[row]), _ITEM_DIGITS) for metric, scores in measured.items.items()
        }
        for row, (video, turn) in enumerate(found.keys)
    }
    if system.right is not None:
        for item, right in zip(items.values(), system.right, strict=True):
            item["grounded"] = int(right)
    return {
        "hypotheses": shown(system.path),
        "metrics": measured.corpus,
        "intervals": system.intervals,
        "against": system.against,
        "grounded": system.accuracy,
        "lengths": {
            "hypotheses": _mean_words(found.hypotheses),
            "references": _mean_words([text for group in found.references for text in group]),
        },
        "signature": {
            "references": _per_item(found.references),
            "items": len(found.keys),
            "missing": found.missing,
            **signature,
        },
        "items": items,
    }


def _mean_words(sentences: Sequence[str]) -> float:
    """Mean number of white-space tokens, as written: before filter and tokenisation."""
    return sum(len(sentence.split()) for sentence in sentences) / len(sentences)


def _per_item(references: Sequence[Sequence[str]]) -> str:
    counts = {len(group) for group in references}
    return f"{min(counts)}-{max(counts)}" if len(counts) > 1 else str(min(counts))
