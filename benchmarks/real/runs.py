"""The runs of the workflow behind docs/results.md.

The experiment, its systems learning for longer, other numbers of dialogs, trials on the held-out tenth.

All are `configs/avsd-reduced.yaml` with something laid over it, each in a results folder of its own below the
experiment's. What is finished stays, an interrupted training goes on: the workflow sees to that.
"""

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from benchmarks.shared.command import ended_well
from pipeline.config import Config, load, merge
from pipeline.corpus.dialogs import read_dialogs, write_dialogs
from pipeline.errors import UserError
from pipeline.plan.jobs import Jobs

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = (ROOT / "config.yaml", ROOT / "configs" / "avsd-reduced.yaml")
CURVE = ("ours_man_man", "ours_none_none", "st")
"""Systems of the learning curve."""
FRACTIONS = (1 / 8, 1 / 4, 1 / 2)
MORE = "extra_test_video_dialogs.json"
"""Dialogs about the videos of the official test set, its own among them: for scores on the trial test set alone."""
PATIENCE = 3
"""Epochs in a row without improvement that end a training of another number of dialogs."""
LONG = ("baseline", "best", "ours_man_man", "ours_man_none", "ours_none_none", "st", "jst")
"""Systems that learn for longer, too: the paper's, without L'_ST, which is L_ST to .004 of CIDEr."""
TIMES = 2
"""How many times as many epochs they have."""
PLAIN = "ours_none_none"
"""The system that trials change: the cheapest, and the one no other is needed for."""
NOTED = f"{PLAIN}_s2"
"""Its seed that is trained with the weights of every epoch kept."""
ONE_THREAD = {"OMP_NUM_THREADS": "1"}
"""Several trainings of one thread, not one in several threads, fill a machine."""
LOG = "run.log"
"""What a run beside others says, in its folder."""
TRIALS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "nothing tied, as in the paper": {"networks": {"attention": {"share_embeddings": False, "tie_weights": False}}},
    "last weights, not their average": {"training": {"average": 0.0}},
    "average over ten times as many steps": {"training": {"average": 0.999}},
    "20 epochs": {"training": {"epochs": 20}},
    "learning rate halved, 20 epochs": {"training": {"learning_rate": 1.0e-3, "epochs": 20}},
    "batches of 30 turns": {"training": {"batch_turns": 30, "learning_rate": 1.0e-3}},
    "label smoothing 0.1": {"training": {"label_smoothing": 0.1}},
    "dropout 0.3": {"networks": {"attention": {"dropout": 0.3}}},
    "bonus 0.5": {"answers": {"bonus": 0.5}},
}
"""What is laid over the experiment, by what it is called; judged on the held-out tenth alone."""
TAUGHT = "ours_man_man"
"""The teacher of all students."""
LONGER = f"{TAUGHT}_longer"
"""The same, trained for as many epochs as the teacher of L_JST is: its own, and those of the student."""


@dataclass(frozen=True)
class Student:
    """A student that learns in another way: what it is called, its loss, its teacher, what its training changes."""

    label: str
    loss: str = "st"
    teacher: str = TAUGHT
    training: Mapping[str, Any] = field(default_factory=dict)


STUDENT_TRIALS = {
    "st": Student("L_ST as it is"),
    "st_temperature_2": Student("L_ST, temperature 2", training={"temperature": 2.0}),
    "st_hard": Student("L_ST, half of the true words' cross entropy besides", training={"lambda_hard": 0.5}),
    "st_started": Student("L_ST, from the teacher's weights", training={"student_from_teacher": True}),
    "st_longer": Student("L_ST, of a teacher trained longer", teacher=LONGER),
    "jst": Student("L_JST as it is", loss="joint"),
    "jst_scratch": Student("L_JST, its teacher from scratch", "joint", training={"joint_teacher_from_scratch": True}),
}
"""By the system's name; judged on the held-out tenth."""


@dataclass(frozen=True)
class Run:
    """A run of the workflow: what it is called, its results folder, and what is laid over the configuration.

    held_out: the held-out tenth stands in the place of the trial test set, and there is no other. needs: a
    file that not every folder of dialogs has. prepared: what is to be made of it before it can run.
    """

    name: str
    results: Path
    overlay: Mapping[str, Any] = field(default_factory=dict)
    held_out: bool = False
    needs: Path | None = None
    prepared: Callable[[], None] | None = None

    @cached_property
    def config(self) -> Config:
        """The validated configuration."""
        return load([*map(str, CONFIGS), json.dumps(self._values())])

    @property
    def slug(self) -> str:
        """What it is called, as the name of a folder."""
        return _slug(self.name)

    def answered(self) -> list[tuple[str, str]]:
        """Every system and test set that it scores."""
        return Jobs(self.config).answered

    def go(
        self, cores: str, target: str = "scores", systems: Sequence[str] | None = None, log: Path | None = None
    ) -> bool:
        """Run the workflow up to ``target``, for ``systems`` alone where given; whether all of it came to an end.

        log: a file that has what it says, after what earlier runs said.
        """
        if self.prepared is not None:
            self.prepared()
        values = self._values() if systems is None else {**self._values(), "run": list(systems)}
        command = ["snakemake", target, "--snakefile", str(ROOT / "Snakefile")]
        command += ["--directory", str(_made(self.results)), "--cores", cores, "--keep-going", "--rerun-incomplete"]
        command += ["--quiet", "host", "reason", "--configfile", *map(str, CONFIGS[1:])]
        command += ["--config", *(f"{key}={json.dumps(value)}" for key, value in values.items())]
        return ended_well(command, log, ONE_THREAD)

    def _values(self) -> dict[str, Any]:
        return merge({"results": str(self.results)}, dict(self.overlay))


def experiment(data: Path, results: Path) -> Run:
    """The systems of the paper, on all training dialogs there are."""
    for name in load([*map(str, CONFIGS), json.dumps({"data": str(data)})]).dialogs.model_dump().values():
        if name is not None and not name.is_file():
            raise UserError(f"{name}: no such file; give the folder of the challenge's dialogs (docs/results.md)")
    return Run("all", results.resolve(), {"data": str(data.resolve())})


def longer(whole: Run) -> Run:
    """The systems with `TIMES` the epochs; all their seeds, teachers and students alike.

    The weights of the epoch are kept that is best on the held-out tenth, so that none learns too long.
    """
    config, epochs = whole.config, TIMES * whole.config.training.epochs
    own = [name for name in LONG if "epochs" in config.systems[name].training]
    systems = {name: {"training": {"epochs": TIMES * config.training_of(name).epochs}} for name in own}
    changed = {"run": list(LONG), "training": {"epochs": epochs}, "systems": systems}
    overlay = merge(dict(whole.overlay), changed)
    return Run(f"all, {epochs} epochs", whole.results / "longer", overlay)


def fractions(whole: Run) -> list[tuple[float, Run]]:
    """Shares of the training dialogs, one seed each of the systems of the learning curve, on the same test sets.

    As many steps as on all dialogs, so more epochs; where they are too many, patience ends them.
    """
    runs, epochs = [], whole.config.training.epochs
    for share in FRACTIONS:
        overlay = {
            "corpus": {"training_fraction": share},
            "run": list(CURVE),
            "systems": one_seed(whole),
            "training": {"epochs": round(epochs / share), "patience": PATIENCE},
        }
        run = Run(f"{share:g}", whole.results / "fractions" / f"{share:g}", merge(dict(whole.overlay), overlay))
        runs.append((share, run))
    return runs


def more(whole: Run) -> Run:
    """The systems with and without description on the dialogs of `MORE` besides, those that have one.

    They are scored on the trial test set alone. As many epochs as ``whole``, which are more steps than those of
    `longer`, or until patience ends them.
    """
    results = whole.results / "more"
    overlay = {
        **_corpus_files(whole, results / "dialogs.json", whole.config.dialogs.trial),
        "run": [TAUGHT, PLAIN],
        "systems": one_seed(whole),
        "training": {"patience": PATIENCE},
    }
    needs = Path(whole.overlay["data"]) / MORE
    prepared = partial(_write_more, whole, needs, results / "dialogs.json")
    return Run("more dialogs", results, merge(dict(whole.overlay), overlay), needs=needs, prepared=prepared)


def _write_more(whole: Run, source: Path, target: Path) -> None:
    """The dialogs that ``whole`` learns from, and those of ``source`` with a description."""
    further = [dialog for dialog in read_dialogs(source, answered=True) if dialog.summary]
    dialogs = [*read_dialogs(whole.results / "corpus" / "training.json"), *further]
    # Written again it would be newer than all that was made of it.
    if not target.is_file() or read_dialogs(target) != dialogs:
        write_dialogs(target, dialogs)


def trials(whole: Run) -> list[Run]:
    """One run for each of `TRIALS`."""
    held_out = {**_held_out(whole), "run": [PLAIN], "systems": one_seed(whole)}
    return [
        Run(name, whole.results / "trials" / _slug(name), merge(held_out, overlay), held_out=True)
        for name, overlay in TRIALS.items()
    ]


def _held_out(whole: Run) -> dict[str, Any]:
    """The held-out tenth in the place of the trial test set, and no other."""
    corpus = whole.results / "corpus"
    files = _corpus_files(whole, corpus / "training.json", corpus / "validation.json")
    return {**files, "corpus": {"keep_trial_in_validation": True}}


def _corpus_files(whole: Run, training: Path, trial: Path | None) -> dict[str, Any]:
    """Laid over the files of dialogs: selected on the held-out tenth, tested on ``trial`` alone."""
    dialogs = {"training": training, "validation": whole.results / "corpus" / "validation.json", "trial": trial}
    named = {split: str(path) for split, path in dialogs.items()}
    return {"data": None, "dialogs": {**named, "official": None, "references": None}}


def student_trials(whole: Run) -> Run:
    """Students of one teacher that learn in other ways, beside that teacher and the system without description."""
    overlay = _held_out(whole)
    taught_longer = {
        "label": "Our system, trained longer",
        "description": {"train": "summary", "test": "summary"},
        "training": {"epochs": 2 * whole.config.training.epochs},
    }
    students = {name: dataclasses.asdict(student) for name, student in STUDENT_TRIALS.items()}
    entries = {name: {"network": "attention", **entry} for name, entry in {LONGER: taught_longer, **students}.items()}
    run = [TAUGHT, LONGER, PLAIN, *STUDENT_TRIALS]
    overlay = merge(overlay, {"run": run, "systems": merge(one_seed(whole), entries)})
    results = whole.results / "trials" / "students"
    return Run("students", results, merge(dict(whole.overlay), overlay), held_out=True)


def one_seed(whole: Run) -> dict[str, dict[str, Any]]:
    """Laid over `systems`: one seed of each, and so none that answers with all of them."""
    config = whole.config
    # Further seeds and folds are written out again.
    made = {name for name, system in config.systems.items() if system.seed_of or getattr(system, "fold", None)}
    named = {name: system for name, system in config.systems.items() if name not in made}
    return {name: {"ensemble": False} if system.ensemble else {"seeds": 1} for name, system in named.items()}


def _slug(name: str) -> str:
    return name.replace(" ", "_").replace(",", "")


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
