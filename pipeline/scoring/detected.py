"""Concept words of videos as what is scored: precision, recall, F1 and mAP of the k words that a system writes.

Legend: N videos, C classes of words and all of them together.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.corpus.detected import read_detected
from pipeline.corpus.references import read_references
from pipeline.errors import UserError
from pipeline.files import write_json
from pipeline.inert import shown
from pipeline.progress import log
from pipeline.scoring.bootstrap import SEED, drawable, resampled_sums, with_interval
from pipeline.scoring.names import DETECTED
from pipeline.scoring.request import Request
from pipeline.versions import STAGES

Array = NDArray[np.float64]
ALL = "all"
"""What the words of every class are called together."""


def score_detected(request: Request) -> None:
    """Compare the words of each file with those of the references, all of them and class by class."""
    true: dict[str, set[str]] = {}
    for (video, _), texts in read_references(request.references).items():
        true.setdefault(video, set()).update(word for text in texts for word in text.split())
    for path, out in zip(request.hypotheses, request.outs, strict=True):
        content = _score(path, true, request.references, request.bootstrap)
        for name, value in content["metrics"].items():
            found = with_interval(value, content["intervals"], name)
            log(f"{path}: {name} {found}, most frequent words {content['base'][name]:.3f}")
        if out is not None:
            write_json(out, content)


def _score(path: Path, true: Mapping[str, set[str]], references: Path, resamples: int) -> dict[str, Any]:
    content = read_detected(path)
    classes = {each["word"]: each["word_class"] for each in content["vocabulary"]}
    frequent, k = list(classes)[: content["k"]], content["k"]
    videos = [video for video in content["concepts"] if video in true]
    if missing := [video for video in true if video not in content["concepts"]]:
        raise UserError(f"{path}: no words of {len(missing)} videos of {references} ({missing[0]}); answer again")
    if not videos:
        raise UserError(f"{path}: none of its videos is in {references}; are these the texts of the same test set?")
    draws = resamples if drawable(len(videos), resamples) else 0
    found: dict[str, dict[str, Any]] = {}
    for name in (ALL, *sorted(set(classes.values()))):
        own = {word for word, word_class in classes.items() if name in (ALL, word_class)}
        pairs = [([word for word, _ in content["concepts"][video]], true[video]) for video in videos]
        values, base = counted(pairs, own, k), counted([(frequent, words) for _, words in pairs], own, k)
        found[name] = {
            "metrics": _named(measure(values.sum(0))),
            "intervals": intervals(values, draws),
            "base": _named(measure(base.sum(0))),
            "words": len(own),
            "videos": int(values[:, 4].sum()),
        }
    return {
        "hypotheses": shown(path),
        **{key: found[ALL][key] for key in ("metrics", "intervals", "base")},
        "classes": {name: each for name, each in found.items() if name != ALL},
        "signature": {
            "items": len(videos),
            "of": "videos",
            "k": k,
            "concept words": len(classes),
            "tagger": content.get("tagger"),
            "bootstrap": resamples,
            "stage": STAGES["scoring"],
        },
    }


def counted(pairs: Sequence[tuple[Sequence[str], set[str]]], words: set[str], k: int) -> Array:
    """(N, 5) of each video: its words that were written, that are true, both; its average precision; 1 if any is true.

    pairs: the ``k`` words written of a video, the best first, and those of its texts; only ``words`` count. The average
    precision at k: the mean, over as many of the video's as k words can hold, of the share of right words up to each
    that was found; of a video without any it is 0.

    >>> counted([(["red", "ball", "big"], {"big", "red", "sky"})], {"red", "ball", "big", "sky"}, 3)
    array([[3.        , 3.        , 2.        , 0.55555556, 1.        ]])
    """
    rows = []
    for written, texts in pairs:
        given, own = [word for word in written if word in words], texts & words
        hits = np.array([word in own for word in given], np.float64)
        precision = float((hits * hits.cumsum() / np.arange(1, len(hits) + 1)).sum())
        most = min(len(own), k)
        rows.append([len(given), len(own), hits.sum(), precision / most if most else 0.0, float(bool(own))])
    return np.array(rows)


def measure(sums: Array) -> Array:
    """(..., 4) precision, recall, F1 and mAP from sums of `counted` over videos, (..., 5); 0 where there is nothing.

    Over all words of all videos together (micro); mAP is the mean over videos that have such a word.
    """
    given, own, both, precisions, videos = np.moveaxis(np.asarray(sums, np.float64), -1, 0)
    shares = [both / np.maximum(given, 1), both / np.maximum(own, 1), 2 * both / np.maximum(given + own, 1)]
    return np.stack([*shares, precisions / np.maximum(videos, 1)], -1)


def intervals(values: Array, resamples: int) -> dict[str, list[float]]:
    """The 2.5 and 97.5 % points of the metrics, had other videos been drawn; empty without resamples."""
    if resamples == 0:
        return {}
    (sums,) = resampled_sums([values], resamples, SEED)
    ends = np.percentile(measure(sums), [2.5, 97.5], axis=0)
    return {name: [float(low), float(high)] for name, low, high in zip(DETECTED, *ends, strict=True)}


def _named(values: Array) -> dict[str, float]:
    return dict(zip(DETECTED, map(float, values), strict=True))
