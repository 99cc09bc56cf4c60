"""What is to be made: features, trained systems, answers and their test sets, tables."""

from functools import cached_property
from pathlib import Path

from pipeline.config import CHALLENGE, Config, TestSet
from pipeline.config.needs import needed, read_at_test, read_in_training
from pipeline.config.readings import Reading
from pipeline.config.systems import CONCEPTS
from pipeline.corpus.sentences import TARGETS, reference_name
from pipeline.layout import Layout
from pipeline.plan.ablations import ablated
from pipeline.tasks.registry import TASKS

PARTS = "parts_"
"""What the name of a table begins with that says what each part of a system is worth."""


class Jobs:
    """Lists of what a configuration asks for. They follow from it alone; no file of the user's is looked at."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.layout = Layout(config.results)

    @cached_property
    def trained(self) -> list[str]:
        """Systems that are trained: those of `run` and whatever these need, each after what it needs."""
        order: dict[str, None] = {}
        for name in self.config.run:
            read = [r.system for test_set in self.test_sets for r in self.read_at_test(name, test_set)]
            for model in [model for each in (*read, name) for model in self.config.answers_with(each)]:
                for each in (*needed(self.config, model), model):
                    order.setdefault(each)
        return list(order)

    def read_in_training(self, name: str) -> list[Reading]:
        """What a system's training reads of what others have written, with its teacher's."""
        return read_in_training(self.config, name)

    def read_at_test(self, name: str, test_set: str) -> list[Reading]:
        """What a system reads of what others have written when it writes for a test set."""
        return read_at_test(self.config, name, test_set)

    @cached_property
    def written(self) -> list[tuple[str, str]]:
        """Every system and split that something is written for: what is answered, and what others read."""
        read = [reading for name in self.trained for reading in self.read_in_training(name)]
        at_test = [reading for name, test_set in self.answered for reading in self.read_at_test(name, test_set)]
        # What one writes for validation, to choose by, may itself read what another writes.
        read += [*at_test, *(other for reading in at_test for other in self.read_at_test(*reading))]
        return list(dict.fromkeys([*self.answered, *((reading.system, reading.split) for reading in read)]))

    def references(self, name: str, test_set: str) -> str:
        """What the system's task is scored against."""
        entry = self.config.systems[name]
        return TASKS[entry.task].references(entry, test_set)

    def references_read(self, name: str, test_set: str) -> list[Path]:
        """Files of references that the system reads to write for a test set: candidates, not what is right."""
        entry = self.config.systems[name]
        return [self.layout.references(each) for each in TASKS[entry.task].reads(entry, test_set)]

    def drawn_beside(self, test_set: str) -> Path:
        """References of what candidates of a test set are drawn for: answers, or where nothing is asked captions."""
        captions = self.config.corpus.source == "captions" and self.config.captions.question is None
        return self.layout.references(reference_name(test_set, "captions") if captions else test_set)

    def scored_with(self, name: str, option: str) -> bool:
        """Whether the system's scores go by an option of `avsd score` that not every task reads."""
        return option in TASKS[self.config.systems[name].task].scored_with

    @cached_property
    def reference_files(self) -> list[Path]:
        """All references of the corpus: of answers, where questions are asked, and of descriptions."""
        if self.config.corpus.source == "captions":
            asked = self.test_sets if self.config.captions.question is not None else []
            written = [reference_name(test_set, "captions") for test_set in self.test_sets]
            return [self.layout.references(name) for name in [*asked, *written]]
        descriptions = [reference_name(test_set, target) for test_set in self.test_sets for target in TARGETS]
        return [self.layout.references(name) for name in [*self.test_sets, *descriptions]]

    @cached_property
    def features(self) -> list[str]:
        """Features that are made: those of `extract` and those any trained system sees."""
        wanted = [*self.config.extract, *(f for name in self.trained for f in self.config.systems[name].features)]
        return list(dict.fromkeys(wanted))

    @cached_property
    def computed(self) -> list[str]:
        """Features computed from decoded videos."""
        return [name for name in self.features if self.config.features[name].npy is None]

    @cached_property
    def gathered(self) -> list[str]:
        """Features gathered from the user's npy files."""
        return [name for name in self.features if self.config.features[name].npy is not None]

    def words(self, name: str) -> Path:
        """The file of the words that a system's network is made for."""
        return TASKS[self.config.systems[name].task].words(self.layout)

    def system_features(self, name: str) -> list[str]:
        """Features a system's training or answering reads: its own, its teacher's, and those of who rescores it."""
        system, rescoring = self.config.trained(name)[1], self.config.systems[name].rescored_by()
        teacher = () if system.teacher is None else self.config.systems[system.teacher].features
        others = () if rescoring is None else self.config.trained(rescoring.system)[1].features
        return list(dict.fromkeys([*system.features, *teacher, *others]))

    @property
    def video_folder(self) -> Path | None:
        """The folder that is decoded: the user's, or the generated one."""
        return self.layout.scenes / "videos" if self.config.corpus.source == "scenes" else self.config.videos

    @cached_property
    def test_sets(self) -> list[TestSet]:
        """Test sets of the corpus."""
        if not self.config.run:
            return []
        if self.config.corpus.source == "captions":
            return ["test"] if self.config.captions.tested else []
        scenes = self.config.corpus.source == "scenes"
        return [name for name in CHALLENGE if scenes or getattr(self.config.dialogs, name) is not None]

    @property
    def splits(self) -> list[str]:
        """Splits of the corpus that canonical dialogs are written of."""
        return ["training", "validation", *self.test_sets]

    @property
    def pretrained(self) -> list[str]:
        """Systems that are trained and start from a pretraining on captions."""
        starts = {name: self.config.systems[name].init_from for name in self.trained}
        return [name for name, start in starts.items() if start is not None and start.captions is not None]

    def scored(self, test_set: str) -> list[str]:
        """Systems of `run` that answer this test set."""
        return [name for name in self.config.run if test_set in self.config.systems[name].test_sets]

    @cached_property
    def answered(self) -> list[tuple[str, str]]:
        """Every (system, test set) pair; none where the corpus has no test set."""
        return [(name, test_set) for test_set in self.test_sets for name in self.scored(test_set)]

    def compared(self, test_set: str) -> list[Path]:
        """The answers that all others of this test set are compared with: one file, or none where it has none."""
        other = self.config.scoring.against
        return [self.layout.answers(other, test_set)] if other in self.scored(test_set) else []

    def compared_with(self, name: str, test_set: str) -> list[Path]:
        """The answers that those of the system ``name`` are compared with: one file, or none.

        Those of one that rescores with the answers as they were.
        """
        if not self.scored_with(name, "against"):
            return []
        trials, own, entry = (
            self.config.scoring.randomisations,
            self.layout.answers(name, test_set),
            self.config.systems[name],
        )
        if entry.rescored_by() is not None and entry.model is not None:
            return [self.layout.answers(entry.model, test_set)] if trials > 0 else []
        other = self.config.scoring.against
        if other is None or self.references(other, test_set) != self.references(name, test_set):
            return []
        return [path for path in self.compared(test_set) if trials > 0 and path != own]

    @property
    def explained(self) -> tuple[str, str] | None:
        """The system and the test set whose attention the report shows; None where there is nothing to show.

        It takes the videos, and a network that sees features of them.
        """
        name = self.config.report.explain
        test_set = next((test_set for system, test_set in self.answered if system == name), None)
        if name is None or test_set is None or self.video_folder is None or not self.system_features(name):
            return None
        return name, test_set

    @property
    def tables(self) -> list[str]:
        """Table 1, the paper's Tables 2 and 3 where there are dialogs, and those of what is written unasked."""
        papers = [] if self.config.corpus.source == "captions" else ["table2", "table3"]
        unasked = [test_set for name, test_set in self.answered if self.config.systems[name].describes]
        return ["table1", *papers, *(f"descriptions_{test_set}" for test_set in dict.fromkeys(unasked))]

    @property
    def matching_tables(self) -> list[str]:
        """Tables of systems beside the run: one a task and test set of those that do not say anything themselves; of
        those that answer one with concept words and without, and one of those that are rescored; and of those that
        have learned without a part of JSFusion one of what each part is worth.
        """
        entries = [(self.config.systems[name], test_set) for name, test_set in self.answered]
        compared = [f"{entry.task}_{test_set}" for entry, test_set in entries if entry.needs != "generate"]
        said = [(entry, test_set) for entry, test_set in entries if entry.asked and entry.needs == "generate"]
        rescored = [f"{entry.task}_{test_set}" for entry, test_set in said if entry.rescored_by() is not None]
        shown = any(entry.shown() is not None for entry, _ in said)
        told = [f"{CONCEPTS}_{test_set}" for _, test_set in said if shown]
        parts = [
            f"{PARTS}{entry.task}_{test_set}"
            for entry, test_set in entries
            if ablated(self.config, entry.task, test_set) is not None
        ]
        return list(dict.fromkeys([*compared, *rescored, *told, *parts]))

    @property
    def gpu(self) -> int | None:
        """GPUs that a job which can use one asks for: 1, or None, of no use, where `device` says cpu.

        Whether there is one shows where the job runs, which need not be here.
        """
        return None if self.config.device == "cpu" else 1

    @property
    def training_gpus(self) -> int | None:
        """GPUs of a training, on all its machines together."""
        return None if self.gpu is None else self.gpu * self.config.processes * self.config.nodes
