"""The stages of a tiny run by hand, and what they leave, so that one of them may be disturbed and looked at."""

import csv
import gzip
import hashlib
import io
import json
import re
import shutil
from pathlib import Path

CONFIG = {
    "corpus": {
        "shards": 1,
        "scenes": {"counts": {"training": 4, "validation": 2, "trial": 2, "official": 2, "captions": 2}},
    },
    "vocabulary": {"min_count": 1},
    "run": ["ours_none_none"],
    "features": {"i3d_rgb": {"input_size": 32, "weights": "random"}},
    "systems": {"ours_none_none": {"features": ["i3d_rgb"]}},
    "training": {"epochs": 3, "batch_turns": 10},
    "scoring": {"bootstrap": 20, "randomisations": 20},
    "report": {"explain": None},
    "dialogs": {
        name: f"results/scenes/{name}.json" for name in ("training", "validation", "trial", "official", "references")
    },
    "videos": "results/scenes/videos",
    "device": "cpu",
}
GIVEN = ("--config", Path(__file__).resolve().parents[2] / "config.yaml", "--config", json.dumps(CONFIG))
SYSTEM = "ours_none_none"
SHARD = "results/decoded/i3d_rgb/0000.h5"
UNREAD = "results/quarantine/i3d_rgb/0000.tsv"
FEATURE = "results/features/i3d_rgb/0000.h5"
SECONDS = "results/seconds/i3d_rgb/0000.tsv"
ANSWERS = f"results/answers/{SYSTEM}/trial.json"
SCORES = f"results/scores/{SYSTEM}/trial.json"
REFERENCES = "results/corpus/references/trial.json"
STAGES = {
    "scenes": ("corpus", "scenes", "--workers", "2", *GIVEN, "--out", "results/scenes"),
    "corpus": ("corpus", "import", *GIVEN, "--out", "results/corpus"),
    "vocabulary": (
        *("vocabulary", *GIVEN, "--training", "results/corpus/training.json"),
        *("--out", "results/vocabulary.json"),
    ),
    "decode": ("decode", "i3d_rgb", *GIVEN, "--shard", "0", "--quarantine", UNREAD, "--out", SHARD),
    "extract": ("extract", "i3d_rgb", *GIVEN, "--decoded", SHARD, "--out", FEATURE, "--seconds", SECONDS),
    "train": ("train", SYSTEM, *GIVEN),
    "answer": ("answer", SYSTEM, "--test-set", "trial", *GIVEN),
    "score": (
        *("score", ANSWERS, "--references", REFERENCES, "--bootstrap", "20"),
        *("--paraphrases", "results/paraphrases", "--json", SCORES),
    ),
}
WRITES = {
    "scenes": ("results/scenes",),
    "corpus": ("results/corpus",),
    "vocabulary": ("results/vocabulary.json",),
    "decode": (SHARD, UNREAD),
    "extract": (FEATURE, SECONDS),
    "train": (f"results/models/{SYSTEM}", f"results/state/{SYSTEM}"),
    "answer": (ANSWERS,),
    "score": (SCORES,),
}
"""What each stage makes, and what is taken away before it runs again."""
IMPORTED = (
    *("lightning_fabric", "torch._dynamo", "torchvision.transforms.v2.functional", "pipeline.features.frames"),
    *("pipeline.training.train", "pipeline.answers.generate", "pipeline.scoring.score"),
)
"""What the stages import late: here once for all of them."""
TIMED = ("seconds", "turns_per_second", "data_wait", "peak_memory_mib")
"""Columns of curves.csv in which a time stands, or what the process held besides."""


class Stages:
    """A finished run in ``folder``; `again` makes one of its stages anew in a copy."""

    def __init__(self, folder, avsd_in):
        self.folder, self._avsd_in = folder, avsd_in
        self.walls = {}
        for name in STAGES:
            if name == "score":
                _few_paraphrases(folder / "results")
            self.walls[name] = self.run(folder, name).went_well_in()
        self.found = artefacts(folder / "results")

    def run(self, folder, name, *arguments, **how):
        """One stage, by hand."""
        return self.run_command(folder, (*STAGES[name], *arguments), **how)

    def run_command(self, folder, command, **how):
        """Any command, with all that stages import there already; however busy the machine is."""
        return self._avsd_in(folder, *command, **{"heavy": True, "imported": IMPORTED, "seconds": 900.0, **how})

    def before(self, name, folder):
        """A copy of the run in which the stage ``name`` has not run; later ones have."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        for path in (folder / each for each in WRITES[name]):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        return folder


def _few_paraphrases(results):
    """A table for METEOR that starts at once, whole for what is scored; its own is read for ten seconds."""
    texts = [results / "corpus/references/trial.json", *(results / "answers").rglob("*.json")]
    tokens = {token for path in texts for token in re.findall(r"[\w'.,?!-]+", path.read_text())}
    (results / "paraphrases").mkdir()
    table, text = gzip.compress(b"0.5\nbig\nlarge\n", mtime=0), "".join(f"{token}\n" for token in sorted(tokens))
    (results / "paraphrases/paraphrases.gz").write_bytes(table)
    signed = hashlib.sha256(table + text.encode()).hexdigest()
    (results / "paraphrases/tokens.txt").write_text(f"sha256 {signed}\n{text}")


def artefacts(results):
    """A digest of every file below ``results`` but logs and measurements, hidden ones among them; times are left out.

    Of the files in which times stand by their nature (how long extraction took, marks of videos, TensorBoard's events)
    only the names or the folders count.
    """
    found = {}
    for path in sorted(results.rglob("*")):
        name = path.relative_to(results)
        if path.is_dir() or (name.parts[0] in ("logs", "benchmarks") and not path.name.startswith(".")):
            continue
        if name.parts[0] in ("seconds", "videos") and not path.name.startswith("."):
            found[str(name)] = ""
        elif path.name.startswith("events.out.tfevents"):
            found[str(name.parent)] = ""
        else:
            found[str(name)] = hashlib.sha256(_timeless(path)).hexdigest()
    return found


def _timeless(path):
    content = path.read_bytes()
    if path.name == "curves.csv":
        rows = csv.DictReader(io.StringIO(content.decode()))
        content = json.dumps([{key: row[key] for key in row if key not in TIMED} for row in rows]).encode()
    for pattern in {
        # The hash is of all that the file says, the time with it.
        "system.json": (rb'"seconds": [0-9.]+', rb'\n "hash": "[0-9a-f]{64}"'),
        "README.md": (rb"\| seconds \| [0-9.]+ \|",),
        "report.html": (rb"written [0-9-]+ [0-9:]+ UTC", rb"[0-9.]+ min</small>"),
    }.get(path.name, ()):
        content, count = re.subn(pattern, b"", content)
        assert count >= 1, (path, pattern)
    return content


def different(found, wanted):
    """What is missing, too much, or of other content."""
    return sorted(name for name in {*found, *wanted} if found.get(name) != wanted.get(name))
