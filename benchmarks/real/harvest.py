"""From a results folder into a record: what has finished there."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from benchmarks.real.record import Cost, Entry, Record, Scored, models, packed, settings
from benchmarks.real.runs import Run
from benchmarks.shared.machine import facts
from pipeline.answers.writing import described
from pipeline.config.dependence import sizes_values, training_values
from pipeline.corpus.statistics import read_statistics
from pipeline.layout import Layout
from pipeline.plan.settings import Settings
from pipeline.report.results import read_if_there
from pipeline.scoring.written import read_scores_file
from pipeline.systems.system import INFO
from pipeline.texts import read_records
from pipeline.versions import STAGES


def harvest(run: Run, record: Record) -> None:
    """Put down every system of the run that is scored, with the scores that are finished."""
    layout = Layout(run.results)
    if not _imported_so(run, layout):
        return
    counts = read_statistics(layout.corpus / "statistics.json")
    dialogs: dict[str, int] = {
        split: counts[split]["dialogs"] for split in ("training", "validation") if split in counts
    }
    scored: dict[str, dict[str, Scored]] = {}
    for name, test_set in run.answered():
        path = layout.scores(name, test_set)
        # While a job makes them again, the old ones are still there; and so they are before a run with other settings.
        if not path.is_file() or not layout.finished(path).exists():
            continue
        scores = read_scores_file(path)
        if _trained_so(run, layout, name) and _answered_so(run, layout, name, test_set, scores["signature"]):
            scored.setdefault(name, {})[test_set] = _scored(layout, name, test_set, scores)
    cpu: str = facts(torch.device("cpu"), 1)["cpu"] if scored else ""
    for name, sets in scored.items():
        entry = Entry(
            settings=settings(run.config, name), cpu=cpu, dialogs=dialogs, cost=_cost(layout, name), scores=sets
        )
        record.write(run, name, entry)


def _imported_so(run: Run, layout: Layout) -> bool:
    """Whether corpus and words were made as the run has it now, as far as they say."""
    statistics = read_if_there(layout.corpus / "statistics.json")
    corpus = json.loads(Settings(run.config).corpus_settings())["corpus"]
    if any((statistics or {}).get(key, value) != value for key, value in corpus.items()):
        return False
    words = read_if_there(layout.vocabulary)
    return words is None or words["min_count"] == run.config.vocabulary.min_count


def _trained_so(run: Run, layout: Layout, name: str) -> bool:
    """Whether the models that are there were trained as the run has it now, as far as they say."""
    for model in models(run.config, name):
        info = read_if_there(layout.model(model) / INFO)
        if info is not None and info["versions"].get("training_stage", STAGES["training"]) != STAGES["training"]:
            return False
        wanted = {"training": training_values(run.config, model), "sizes": sizes_values(run.config, model)}
        if info is not None and any(
            info[part].get(key) != value for part in wanted for key, value in wanted[part].items()
        ):
            return False
    return True


def _answered_so(run: Run, layout: Layout, name: str, test_set: str, signature: Mapping[str, Any]) -> bool:
    """Whether the answers were searched for as the run does it now, with its descriptions, and scored so."""
    wanted = run.config.scoring.model_dump(mode="json", include={"filter", "bootstrap"})
    if any(signature.get(key, value) != value for key, value in wanted.items()):
        return False
    answers = read_if_there(layout.answers(name, test_set))
    if answers is None:
        return True
    made_by = answers["system"]
    if made_by.get("stage", STAGES["answers"]) != STAGES["answers"]:
        return False
    # The size of a batch changes no answer.
    wanted = run.config.answers_of(name).model_dump(mode="json", exclude={"batch_turns"})
    return made_by["sees"]["description"] == described(run.config, name) and all(
        made_by["answers"].get(key) == value for key, value in wanted.items()
    )


def _scored(layout: Layout, name: str, test_set: str, scores: Mapping[str, Any]) -> Scored:
    path = layout.scores(name, test_set)
    return Scored(
        metrics=scores["metrics"],
        intervals=scores["intervals"],
        signature=scores["signature"],
        answers=packed(scores["items"]),
        seconds=_processor(layout, f"{name}.{test_set}"),
        date=datetime.fromtimestamp(path.stat().st_mtime, UTC).date().isoformat(),
    )


def _cost(layout: Layout, name: str) -> Cost | None:
    folder = layout.model(name)
    info = read_if_there(folder / INFO)
    if info is None or not layout.finished(folder / "model.safetensors").exists():
        return None
    rates = [float(line["turns_per_second"] or "nan") for line in read_records(folder / "curves.csv")]
    known: Mapping[str, float] = info["metrics"]
    return Cost(
        seconds=known["seconds"],
        epochs=int(known["epochs"]),
        best_epoch=int(known["best_epoch"]),
        perplexity=known["validation_perplexity"],
        turns=max(rates),
        torch=info["versions"]["torch"],
    )


def _processor(layout: Layout, answers: str) -> float | None:
    """Seconds on a core that writing answers took, as Snakemake wrote them down."""
    path: Path = layout.root / "benchmarks" / "answer" / f"{answers}.tsv"
    if not path.is_file():
        return None
    text = read_records(path, "excel-tab")[0]["cpu_time"]
    try:
        return float(text)
    except ValueError:  # "-" or "NA" of a job that was over before it was looked at
        return None
