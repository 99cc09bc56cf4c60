"""Descriptions as what is scored: how their files are read, and on scenes which of their facts are true."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.corpus.descriptions import read_descriptions
from pipeline.corpus.references import Key
from pipeline.corpus.scenes.stated import FACTS, stated
from pipeline.corpus.scenes.truth import Truth
from pipeline.errors import UserError
from pipeline.progress import log
from pipeline.scoring.kinds import Kind
from pipeline.scoring.matching import Answers


def read(path: Path, references: Mapping[Key, Sequence[str]]) -> Answers:
    """The descriptions of a file, each a video's turn 0. Videos nobody described are left out, and counted."""
    given = read_descriptions(path)
    alone = [video_id for video_id in given if (video_id, 0) not in references]
    if alone:
        more = ", ..." if len(alone) > 3 else ""
        log(f"{path}: {len(alone)} videos have no reference and are left out ({', '.join(alone[:3])}{more})")
    kept = {(video_id, 0): text for video_id, text in given.items() if (video_id, 0) in references}
    return Answers(kept, (), True, {video_id: 1 for video_id, _ in kept})


def accuracy(
    keys: Sequence[Key], hypotheses: Sequence[str], truth: Truth, source: str
) -> tuple[dict[str, dict[str, Any]], None]:
    """How many of the facts of each scene its description states, and states alone, by category of `FACTS`.

    A fact that a scene does not have (the sound of a silent one) is right where nothing is stated of it. `base_rate`:
    what always stating the most frequent value would reach. Raises `UserError` naming ``source`` and a video that it
    does not know.
    """
    counts: dict[str, dict[str, Any]] = {}
    unknown = [video for video, _ in keys if video not in truth.scenes]
    if unknown:
        raise UserError(f"{source}: no facts of {unknown[0]}; give the truth.json of the same scenes")
    said = [stated(hypothesis, truth.kinds) for hypothesis in hypotheses]
    for category, facts in FACTS.items():
        kinds = {}
        for fact in facts:
            true = [truth.scenes[video][fact] for video, _ in keys]
            right = sum(found[fact] == ({value} if value else set()) for found, value in zip(said, true, strict=True))
            frequent = Counter(true).most_common(1)[0][1]
            kinds[fact] = {"right": right, "of": len(keys), "base_rate": frequent / len(keys)}
        counts[category] = {
            "right": sum(part["right"] for part in kinds.values()),
            "of": sum(part["of"] for part in kinds.values()),
            "base_rate": sum(part["base_rate"] for part in kinds.values()) / len(kinds),
            "kinds": kinds,
        }
    return counts, None


DESCRIPTIONS = Kind(read, accuracy)
