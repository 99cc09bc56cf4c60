"""`avsd answer` of a system that rescores: another one's n best answers in an order that a matcher has a say in.

Of an answer of a turn's list,

    score = w G / g + (1 - w) S / s,

G: what the search gave it, log P + bonus x (words + 1), `<eos>` being a word too (`search`): of length nothing else is
made up for. S: the matcher's score of question, answer and video, which has no bounds and no unit. g, s: how far both
spread, so that w means the same whatever margin the matcher learned by: the root mean square difference from the mean
of a turn's list, over all lists of validation, or of the turn's own list (`Scale`). Of equal scores the one that the
search had in front wins. So with w = 1 the answers are the search's own, in its order.

w is chosen where nobody is tested: by the mean CIDEr of the validation dialogs, whose only references are their
answers. CIDEr, since it is a mean over turns: one answer's figure does not depend on the other turns' answers, so that
each answer of each list is scored once, whatever is chosen; BLEU-4 is a ratio of counts over a whole test set, and of
answers of fewer than four words it counts nothing. The file of validation says what was chosen, and the test sets'
answers follow it.

Legend: T turns, n answers of a list, which may be fewer than asked for.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.answers.candidates import candidate_scores
from pipeline.answers.generate import check_known, searched, write_answers
from pipeline.answers.writing import Key, Opened, open_system
from pipeline.config import SPLITS, Config
from pipeline.config.needs import VALIDATION
from pipeline.config.rescoring import Rescoring, Scale
from pipeline.corpus.dialogs import Dialog, read_dialogs
from pipeline.corpus.rescored import read_rescored
from pipeline.errors import UserError
from pipeline.layout import Layout
from pipeline.networks.base import Generator
from pipeline.progress import log

METRIC = "CIDEr"
Judge = Callable[[Sequence[Sequence[str]], Sequence[str], str], list[list[float]]]
"""The metric of each answer of T lists, beside the T answers of a person, with a filter: `scoring.listed.ciders`."""


@dataclass(frozen=True)
class Scored:
    """A turn's answers, as the search has ordered them. found: G of each. fits: S of each."""

    answers: tuple[str, ...]
    found: tuple[float, ...]
    fits: tuple[float, ...]


@dataclass(frozen=True)
class Spreads:
    """What G and S are divided by."""

    found: float
    fits: float


def rescore(config: Config, name: str, test_set: str, judge: Judge) -> None:
    """Answer ``test_set`` with the system ``name``, which rescores, and write its result file.

    Beside each answer stand its `score`, the search's (`found`) and the matcher's (`fit`). For validation the weight is
    chosen, and stands with the curve it was chosen from under `system`, `rescored`; for a test set it is read there.
    Raises `UserError` for anything missing, and where validation was rescored with other settings or another model.
    """
    check_known(config, name, test_set, [split for split in SPLITS if split != "training"])
    rescoring = config.systems[name].rescored_by()
    assert rescoring is not None
    layout, opened = Layout(config.results), open_system(config, name, test_set)
    opened = replace(opened, settings=opened.settings.model_copy(update={"n_best": rescoring.n}))
    matcher = open_system(config, rescoring.system, test_set)
    made_of = _made_of(config, rescoring, opened, matcher)
    said = None if test_set == VALIDATION else _chosen_before(layout.answers(name, VALIDATION), name, made_of)
    dialogs = read_dialogs(layout.dialogs(test_set))
    scored = _scored(config, opened, matcher, dialogs)
    if said is None:
        people = {(dialog.video_id, n): turn.answer for dialog in dialogs for n, turn in enumerate(dialog.turns)}
        lists = list(scored.values())
        judged = judge([each.answers for each in lists], [people[key] for key in scored], config.scoring.filter)
        said = choose_weight(lists, judged, rescoring)
    weight, spreads = said["weight"], Spreads(**said["spreads"])
    kept = config.answers_of(name).n_best
    n_best = {key: listed(each, weight, rescoring.scale, spreads)[:kept] for key, each in scored.items()}
    moved = sum(each.answers[0] != n_best[key][0]["answer"] for key, each in scored.items())
    log(f"{name}: {test_set}: weight {weight:g}; {moved} of {len(scored)} answers are not the search's best")
    said = {**said, "by": rescoring.system, "made_of": made_of}
    write_answers(layout.answers(name, test_set), {**opened.provenance(config), "rescored": said}, dialogs, n_best)


def choose_weight(lists: Sequence[Scored], judged: Sequence[Sequence[float]], rescoring: Rescoring) -> dict[str, Any]:
    """What T lists of validation say: the weight, the spreads, and the metric that each weight would have given.

    judged: the metric of each answer of each list. Beside the curve stand the metric of the search's own best answers
    (`own`), and of the best of each list (`best_of_list`), which no order can surpass.
    """
    spreads = Spreads(spread([each.found for each in lists]), spread([each.fits for each in lists]))
    curve = []
    for weight in sorted(set(rescoring.weights)):
        orders = (order(each, weight, rescoring.scale, spreads) for each in lists)
        taken = [judged[row][places[0]] for row, places in enumerate(orders)]
        curve.append({"weight": weight, METRIC: math.fsum(taken) / len(taken)})
    # Of equal ones the last, which is nearest to the search.
    chosen = max(curve, key=lambda point: (point[METRIC], point["weight"]))
    log(
        ", ".join(f"{point['weight']:g}: {point[METRIC]:.4f}" for point in curve)
        + f" ({METRIC} of validation by weight)"
    )
    return {
        "weight": chosen["weight"],
        "spreads": asdict(spreads),
        "metric": METRIC,
        "turns": len(lists),
        "curve": curve,
        "own": math.fsum(each[0] for each in judged) / len(judged),
        "best_of_list": math.fsum(map(max, judged)) / len(judged),
    }


def spread(lists: Sequence[Sequence[float]]) -> float:
    """The root mean square difference of numbers from the mean of their list; 1 where those of each list are equal.

    >>> spread([[1.0, 3.0], [5.0, 5.0]]), spread([[2.0]]), spread([[0.1, 0.1, 0.1]])
    (0.7071067811865476, 1.0, 1.0)
    """
    # The mean of equal numbers may differ from them in the last digit, and what is divided by that is of no size.
    differences = np.concatenate([np.subtract(each, np.mean(each) if np.ptp(each) else each) for each in lists])
    return float(np.sqrt(np.mean(differences**2))) or 1.0


def combined(each: Scored, weight: float, scale: Scale, spreads: Spreads) -> list[float]:
    """The score of each answer of a list."""
    if scale != "validation":
        own = scale == "list"
        spreads = Spreads(spread([each.found]), spread([each.fits])) if own else Spreads(1.0, 1.0)
    pairs = zip(each.found, each.fits, strict=True)
    return [weight * found / spreads.found + (1 - weight) * fit / spreads.fits for found, fit in pairs]


def order(each: Scored, weight: float, scale: Scale, spreads: Spreads) -> list[int]:
    """Places in the search's list, the best first, of equal ones the search's first."""
    scores = combined(each, weight, scale, spreads)
    return sorted(range(len(scores)), key=lambda place: -scores[place])


def listed(each: Scored, weight: float, scale: Scale, spreads: Spreads) -> list[dict[str, Any]]:
    """A list in its new order, as result files have it."""
    scores = combined(each, weight, scale, spreads)
    return [
        {
            "answer": each.answers[place],
            "score": round(scores[place], 5),
            "found": round(each.found[place], 5),
            "fit": round(each.fits[place], 5),
        }
        for place in order(each, weight, scale, spreads)
    ]


def _scored(config: Config, opened: Opened, matcher: Opened, dialogs: Sequence[Dialog]) -> dict[Key, Scored]:
    """The search's answers of every turn that is answered, with both scores."""
    found = searched(opened, dialogs)
    answers = {key: tuple(opened.vocabulary.decode(item.ids) for item in items) for key, items in found.items()}
    fits = candidate_scores(config, matcher, dialogs, answers)
    return {
        key: Scored(answers[key], tuple(item.score for item in items), tuple(fits[key])) for key, items in found.items()
    }


def _made_of(config: Config, rescoring: Rescoring, opened: Opened, matcher: Opened) -> dict[str, Any]:
    """What the choice of a weight depends on: settings, the filter of the metric, weights, and what is seen."""
    seen = {"sees": _seen(config, opened), "matcher_sees": _seen(config, matcher)}
    if isinstance(matcher.network, Generator):
        # What of a matcher nothing more is to be said, of what answers is how it is asked.
        seen["asked"] = config.systems[rescoring.system].tested_with()
    return {
        "answers": opened.settings.model_dump(mode="json"),
        "rescore": rescoring.model_dump(mode="json", exclude={"system"}),
        "filter": config.scoring.filter,
        "model": _weights(opened),
        "matcher": _weights(matcher),
        **{key: value for key, value in seen.items() if value},
    }


def _weights(opened: Opened) -> Any:
    """The hash of a model's weights; of an ensemble those of all members."""
    found = [info["weights"] for info in (opened.info, *opened.others)]
    return found if opened.others else found[0]


def _seen(config: Config, opened: Opened) -> dict[str, Any]:
    """Of what a system sees at test what its weights do not say: a description, concept words, what is taken away."""
    sees = opened.made_by(config)["sees"]
    without = sorted(config.systems[opened.name].without)
    given = {"description": sees["description"], "concepts": sees.get("concepts"), "without": without}
    return {key: value for key, value in given.items() if value not in ("none", None, [])}


def _chosen_before(path: Path, name: str, made_of: Mapping[str, Any]) -> dict[str, Any]:
    """What validation has chosen, when it was rescored just so."""
    advice = f"run `avsd answer {name} --test-set {VALIDATION}` first, which chooses the weight"
    if not path.is_file():
        raise UserError(f"{path}: no such file; {advice}")
    chosen = read_rescored(path, advice)
    # Older versions wrote the filter beside the rest.
    then = {"filter": chosen.get("filter"), **chosen["made_of"]}
    other = sorted(key for key in then.keys() | made_of.keys() if then.get(key) != made_of.get(key))
    if other:
        raise UserError(f"{path}: written with another value of {', '.join(other)}; {advice}")
    return dict(chosen)
