"""Concept words in tables: how well they are detected, and what systems that answer make of them."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.config import Config
from pipeline.config.systems import System
from pipeline.corpus.detected import read_detected
from pipeline.corpus.references import read_references
from pipeline.layout import Layout
from pipeline.plan.jobs import Jobs
from pipeline.report.formats import signed
from pipeline.report.measures import share
from pipeline.report.results import Scores, display_names, read_scores
from pipeline.report.rows import Column, FigureRow, FigureTable
from pipeline.report.tables import NOT_SCORED
from pipeline.scoring.names import DETECTED, METRICS
from pipeline.tasks.registry import TASKS

FREQUENT = "most frequent words"
SHOWN = 5
"""Videos whose words the page shows."""
RIGHT = "right (%)"


@dataclass(frozen=True)
class Words:
    """A video on the page. text: what people wrote. found: by system, its words and whether each is in the text."""

    video: str
    text: str
    found: tuple[tuple[str, tuple[tuple[str, bool], ...]], ...]


def detected_table(config: Config, test_set: str, scores: Mapping[str, Scores | None]) -> FigureTable:
    """Precision, recall, F1 and mAP of all words, F1 of each class, beside the most frequent words for every video."""
    names = display_names(config)
    known = {name: found for name, found in scores.items() if found}
    classes = list(dict.fromkeys(each for found in known.values() for each in found["classes"]))
    rows = [
        FigureRow(
            None, name, names[name], "" if found else NOT_SCORED, _shown(found, "metrics") if found else None, None
        )
        for name, found in scores.items()
    ]
    bases = {tuple(_shown(found, "base").items()) for found in known.values()}
    rows += [FigureRow(None, None, FREQUENT, "", dict(base), None) for base in sorted(bases)]
    columns = (*(Column(metric, ".3f") for metric in DETECTED), *(Column(f"F1, {each}s", ".3f") for each in classes))
    notes = []
    for name, found in known.items():
        signature = found["signature"]
        low, high = found["intervals"].get("F1", (None, None))
        notes.append(
            f"{names[name]}: {signature['k']} words of each of {signature['items']} videos, of "
            f"{signature['concept words']} concept words (classes by {signature['tagger']})"
            + ("." if low is None else f"; 95 % interval of F1 by resampling videos: {low:.3f} to {high:.3f}.")
        )
    title = f"{TASKS['detect'].title}, {test_set}"
    return FigureTable(f"matching_detect_{test_set}", "", title, columns, tuple(rows), tuple(notes))


def _shown(found: Scores, key: str) -> dict[str, float]:
    return {**found[key], **{f"F1, {each}s": part[key]["F1"] for each, part in found["classes"].items()}}


def answered_table(config: Config, test_set: str) -> FigureTable:
    """Systems that answer, with concept words and without: their scores and, on scenes, right answers by category."""
    names, jobs = display_names(config), Jobs(config)
    systems = [name for name, written in jobs.answered if written == test_set and _answers(config.systems[name])]
    scores = {name: read_scores(config, name, test_set) for name in systems}
    known = {name: found for name, found in scores.items() if found}
    parts = {name: found["grounded"] or {} for name, found in known.items()}
    categories = list(dict.fromkeys(category for found in parts.values() for category in found))
    rows = [
        FigureRow(
            None,
            name,
            names[name],
            "" if found else NOT_SCORED,
            None if not found else {**found["metrics"], **right_shares(parts[name])},
            None,
        )
        for name, found in scores.items()
    ]
    base = next((right_shares(found, "base_rate") for found in parts.values() if found), None)
    if base is not None:
        rows.append(FigureRow(None, None, "most frequent values", "", base, None))
    right = [RIGHT, *(f"{category} (%)" for category in categories)] if categories else []
    columns = (*(Column(metric, ".3f") for metric in METRICS), *(Column(name, ".1f") for name in right))
    title = f"Answers with concept words and without, {test_set}"
    notes = tuple(_notes(config, known))
    return FigureTable(f"matching_concepts_{test_set}", "", title, columns, tuple(rows), notes)


def _answers(entry: System) -> bool:
    """Whether its answers are its own: what a matcher makes of them stands in another table."""
    return entry.asked and entry.needs == "generate" and entry.rescored_by() is None


def right_shares(parts: Mapping[str, Mapping[str, Any]], key: str | None = None) -> dict[str, float | None]:
    """Per cent of right answers, of all and of each category; or what ``key`` has instead of right ones."""
    if not parts:
        return {}
    shares = {name: share(part) if key is None else part[key] for name, part in parts.items()}
    asked = sum(part["of"] for part in parts.values())
    whole = sum(shares[name] * part["of"] for name, part in parts.items()) / asked
    return {RIGHT: 100 * whole, **{f"{name} (%)": 100 * value for name, value in shares.items()}}


def _notes(config: Config, scores: Mapping[str, Scores]) -> list[str]:
    names, notes = display_names(config), []
    for name, found in scores.items():
        words = config.trained(name)[1].shown()
        hidden = "concepts" in config.systems[name].without
        if words is not None and not hidden:
            where = "as a modality" if words.place == "modality" else "in front of the question"
            notes.append(f"{names[name]}: {words.k} words of {words.system} {where}.")
        compared = (found.get("against") or {}).get("metrics", {}).get("CIDEr")
        if compared is not None and words is not None:
            notes.append(
                f"{names[name]}, CIDEr less that of the system of scoring.against: {signed(compared['difference'])} "
                f"(p = {compared['p']:.3f})."
            )
    return notes


def words_found(config: Config) -> list[Words]:
    """Some videos of the first test set that words were detected in, by a hash of their ids."""
    layout, jobs, names = Layout(config.results), Jobs(config), display_names(config)
    detecting = [pair for pair in jobs.answered if config.systems[pair[0]].detects and layout.answers(*pair).is_file()]
    if not detecting:
        return []
    test_set = detecting[0][1]
    path = layout.references(jobs.references(*detecting[0]))
    if not path.is_file():
        return []
    texts: dict[str, list[str]] = {}
    for (video, _), given in read_references(path).items():
        texts.setdefault(video, []).extend(given)
    systems = [system for system, written in detecting if written == test_set]
    found = {system: read_detected(layout.answers(system, test_set))["concepts"] for system in systems}
    videos = sorted(texts, key=lambda video: hashlib.sha256(video.encode()).digest())[:SHOWN]
    return [
        Words(
            video,
            " ".join(texts[video]),
            tuple((names[name], _marked(of.get(video, ()), texts[video])) for name, of in found.items()),
        )
        for video in videos
    ]


def _marked(words: Sequence[tuple[str, float]], texts: Sequence[str]) -> tuple[tuple[str, bool], ...]:
    true = {word for text in texts for word in text.split()}
    return tuple((word, word in true) for word, _ in words)
