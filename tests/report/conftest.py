"""A made-up run: what the stages before leave in the results folder, small and complete."""

import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from pipeline.config import Config, parse
from pipeline.corpus.dialogs import Dialog, Turn, write_dialogs
from pipeline.corpus.references import write_references
from pipeline.files import write_json, write_text
from pipeline.layout import Layout

CATEGORIES = ("picture", "motion", "sound", "history", "yesno")
METRICS = ("BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "METEOR", "ROUGE-L", "CIDEr")
SYSTEMS = {
    "baseline": {"label": "AVSD baseline", "row": "baseline", "network": "naive_fusion", "features": ["i3d_rgb"]},
    "teacher": {
        "label": "Our system",
        "row": "ours_man_man",
        "network": "attention",
        "features": ["i3d_rgb", "vggish"],
        "description": {"train": "summary", "test": "summary"},
    },
    "blind": {
        "label": "Our system",
        "row": "ours_man_none",
        "model": "teacher",
        "description": {"train": "summary", "test": "none"},
    },
    "plain": {
        "label": "Our system",
        "row": "ours_none_none",
        "network": "attention",
        "features": ["i3d_rgb", "vggish"],
    },
    "student": {
        "label": "Student-teacher L_ST",
        "row": "st",
        "network": "attention",
        "features": ["i3d_rgb", "vggish"],
        "loss": "st",
        "teacher": "teacher",
    },
    "deaf": {
        "label": "Our system without vggish",
        "model": "plain",
        "without": ["vggish"],
        "test_sets": ["trial"],
    },
    "joint": {
        "label": "Student-teacher L_JST",
        "row": "jst",
        "network": "attention",
        "loss": "joint",
        "teacher": "teacher",
    },
}


def configuration(results: Path, **changes: object) -> Config:
    """The made-up run's configuration: `joint` is configured but not run."""
    values = {
        "results": str(results),
        "run": ["baseline", "teacher", "blind", "plain", "student", "deaf"],
        "features": {"i3d_rgb": {"network": "i3d_rgb"}, "vggish": {"network": "vggish"}},
        "systems": SYSTEMS,
        "scoring": {"against": "plain"},
        **changes,
    }
    return parse(values)


def scores(level: float, test_set: str, items: dict[str, dict[str, float]], grounded: bool) -> dict[str, object]:
    """Scores whose metrics all follow from ``level``: BLEU-1 is level, CIDEr is twice level."""
    metrics = dict.fromkeys(METRICS, level) | {"CIDEr": 2 * level}
    right = {
        c: {"right": round(level * 40), "of": 40, "base_rate": 0.25, "question_only": 0.3, "kinds": {}}
        for c in CATEGORIES
    }
    return {
        "hypotheses": f"answers/x/{test_set}.json",
        "metrics": metrics,
        "intervals": {metric: [value - 0.01, value + 0.03] for metric, value in metrics.items()},
        "grounded": right if grounded else None,
        "lengths": {"hypotheses": 8.5, "references": 9.25},
        "signature": {
            "filter": "dstc7",
            "filtered": "hypotheses and references" if test_set == "trial" else "hypotheses",
            "references": "1" if test_set == "trial" else "6",
            "references_sha256": "ab" * 32,
            "items": len(items),
            "missing": 0,
        },
        "against": None,
        "items": items,
    }


def compared(scores: dict[str, object]) -> dict[str, object]:
    """The same scores, of a system that was compared with `plain`: CIDEr differs, nothing else does."""
    differences = {metric: {"difference": 0.1, "p": 0.4} for metric in METRICS} | {
        "CIDEr": {"difference": 0.2, "p": 0.01}
    }
    found = {"hypotheses": "answers/plain.json", "randomisations": 1000, "metrics": differences, "grounded": None}
    return {**scores, "against": found}


def dialogs(test_set: str) -> list[Dialog]:
    """Ten dialogs of three turns; the official ones end undisclosed."""
    made = []
    for number in range(10):
        turns = [Turn(f"what colour is figure {turn} ?", "it is <b>red</b> & round .") for turn in range(3)]
        if test_set == "official":
            turns[-1] = Turn(turns[-1].question, "__UNDISCLOSED__")
        made.append(Dialog(f"{test_set}{number}", "a script", f"a summary of {test_set} {number} .", tuple(turns)))
    return made


@pytest.fixture
def configure() -> Callable[..., Config]:
    """`configuration`, for tests that change it."""
    return configuration


@pytest.fixture
def run(tmp_path: Path) -> Config:
    """A complete run on generated scenes."""
    config = configuration(tmp_path)
    layout = Layout(tmp_path)
    counts = {
        split: {"dialogs": 10 * i, "turns": 600 * i, "words": 5000 * i}
        for i, split in enumerate(("training", "validation", "trial", "official"), 1)
    }
    taken_out = {"trial_from_validation": 40, "test_from_training": 0}
    write_json(
        layout.corpus / "statistics.json",
        {**counts, "taken_out": taken_out, "keep_trial_in_validation": False, "limit": None},
    )
    levels = dict(zip(config.run, (0.27, 0.62, 0.31, 0.45, 0.55, 0.33), strict=True))
    for test_set in ("trial", "official"):
        known = dialogs(test_set)
        write_dialogs(layout.dialogs(test_set), known)
        wanted = [(d.video_id, n) for d in known for n in range(3) if test_set == "trial" or n == 2]
        truth = ["it is red & round ."] * (1 if test_set == "trial" else 6)
        write_references(layout.references(test_set), dict.fromkeys(wanted, truth))
        for name, level in levels.items():
            if test_set in config.systems[name].test_sets:
                items = {f"{v}_{n}": dict.fromkeys(METRICS, level) | {"grounded": n % 2} for v, n in wanted}
                found = scores(level, test_set, items, grounded=True)
                write_json(layout.scores(name, test_set), compared(found) if name == "student" else found)
                write_text(layout.answers(name, test_set), _answers(name, known, set(wanted)))
    for number, name in enumerate(("baseline", "teacher", "plain", "student")):
        lines = [
            f"{e},{5 / e + number / 3},{60 / e + 3 + number},{0.001 * 0.5 ** (e // 4)},90,55.5,800" for e in range(1, 9)
        ]
        loss = "train_st" if name == "student" else "train_ce"
        header = f"epoch,{loss},validation_perplexity,learning_rate,seconds,turns_per_second,peak_memory_mib"
        write_text(layout.model(name) / "curves.csv", "\n".join([header, *lines]) + "\n")
    with h5py.File(_made(layout.feature_shard("vggish", "0000")), "w") as file:
        file["video_ids"] = np.array(["trial0", "trial1"], dtype=h5py.string_dtype())
        file.attrs["weights"] = "random (seed 1)"
        file.attrs["window"] = 96
    lines = [
        "video\tfeatures\tstage\treason\tdecoder's words",
        "broken7\ti3d_rgb\tframes\tno frames\tinvalid NAL",
        "broken7\tvggish\tsound\tstuck\t",
        "broken8\ti3d_rgb,vggish\tprobe\tnot a readable media file\tmoov not found",
    ]
    write_text(layout.quarantine_shard("0000"), "".join(f"{line}\n" for line in lines))
    return config


def _made(path: Path) -> Path:
    path.parent.mkdir(parents=True)
    return path


def _answers(name: str, known: list[Dialog], wanted: set[tuple[str, int]]) -> str:
    content = [
        {
            "image_id": dialog.video_id,
            "dialog": [
                {"question": turn.question, "answer": f"{name} says turn {n} .", "generated": True}
                if (dialog.video_id, n) in wanted
                else {"question": turn.question, "answer": turn.answer}
                for n, turn in enumerate(dialog.turns)
            ],
        }
        for dialog in known
    ]
    return json.dumps({"dialogs": content})
