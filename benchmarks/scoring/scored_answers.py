"""What the scorer is timed on: result files of several systems and six references an item, made or the user's."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.config import SceneCounts, Scenes
from pipeline.corpus.references import read_references, write_references
from pipeline.corpus.scenes.generate import tell
from pipeline.errors import UserError
from pipeline.files import write_json
from pipeline.scoring.matching import match, read_answers, without_history


@dataclass(frozen=True)
class ScoredAnswers:
    """N answers of each system, and the references of the N items. made: how many of the systems are made up."""

    systems: tuple[tuple[str, ...], ...]
    references: tuple[tuple[str, ...], ...]
    made: int

    def write(self, folder: Path) -> tuple[list[Path], Path]:
        """Result files and their reference file, in the layouts that `avsd score` reads."""
        references = folder / "references.json"
        write_references(references, {(f"item{n}", 0): group for n, group in enumerate(self.references)})
        paths = []
        for number, answers in enumerate(self.systems):
            turns = [[{"question": "?", "answer": answer}] for answer in answers]
            paths.append(folder / f"system{number}.json")
            write_json(paths[-1], {"dialogs": [{"image_id": f"item{n}", "dialog": t} for n, t in enumerate(turns)]})
        return paths, references


def read(hypotheses: Sequence[Path], references: Path, systems: int, seed: int) -> ScoredAnswers:
    """The user's result files, the first ``systems`` of them; where there are fewer, variants of the first one."""
    known = without_history(read_references(references))
    given = [match(path, read_answers(path), known, partial=False) for path in hypotheses[:systems]]
    if not given:
        raise UserError("--hypotheses: no result file given; give one at least, or neither files nor references")
    answers = [found.hypotheses for found in given]
    missing = systems - len(answers)
    return ScoredAnswers((*answers, *variants(answers[0], missing, seed)), given[0].references, missing)


def make(items: int, systems: int, seed: int) -> ScoredAnswers:
    """Answers about made scenes, without their clips.

    Two answers of a dialog in a row make one here, which is then as long as the official ones (10.6 words; 10.5).
    """
    counts = SceneCounts(training=1, validation=1, trial=1, official=items)
    told = tell(Scenes(counts=counts, seed=seed))["official"]
    references = [tuple(f"{each.dialog.turns[-2].answer} {last}" for last in each.references) for each in told]
    # What one person would say: the last of the wordings, in place of the first.
    base = tuple(variants([group[-1] for group in references], 1, seed + 1)[0])
    return ScoredAnswers((base, *variants(base, systems - 1, seed)), tuple(references), systems)


def variants(answers: Sequence[str], count: int, seed: int) -> list[tuple[str, ...]]:
    """``count`` systems like the one that gave ``answers``.

    Of its answers 30 % stay, 40 % end as another item's does, 30 % are another item's: more differ than between real
    systems, so that little can be computed once for all.
    """
    generator = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        kinds = generator.choice(3, size=len(answers), p=(0.3, 0.4, 0.3))
        others = generator.integers(0, len(answers), size=len(answers))
        made.append(tuple(_variant(answer, answers[o], k) for answer, o, k in zip(answers, others, kinds, strict=True)))
    return made


def _variant(answer: str, other: str, kind: int) -> str:
    own, strange = answer.split(), other.split()
    return " ".join((own, own[: len(own) // 2] + strange[len(strange) // 2 :], strange)[kind])


def command_line(paths: Sequence[Path], references: Path, out: Path) -> list[str]:
    """Arguments of `avsd score` for these result files, each with a scores file, all compared with the first."""
    targets = [argument for n in range(len(paths)) for argument in ("--json", str(out / f"scores{n}.json"))]
    against = ["--against", str(paths[0])] if len(paths) > 1 else []
    return ["score", *map(str, paths), "--references", str(references), *targets, *against]
