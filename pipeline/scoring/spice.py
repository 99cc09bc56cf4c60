"""SPICE by its jar, where the user has it: what the sentences say, not their words.

Anderson et al., "SPICE: Semantic Propositional Image Caption Evaluation" (ECCV 2016): F-score over the propositions of
the sentence's and the references' scene graphs. The jar reads a JSON file, `[{"image_id": .., "test": sentence, "refs":
[sentence, ..]}, ..]`, and writes one, `[{"image_id": .., "scores": {"All": {"f": .., ..}}}, ..]`.

The jar needs the folder `lib` beside it with the parser and its models, 400 MB that no Python package has; so it is the
user's to give: `avsd score --spice JAR`, or `scoring.spice`.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UserError
from pipeline.files import scratch_folder, write_json
from pipeline.scoring.java import run_java
from pipeline.texts import read_json

SPICE = "SPICE"
LIMIT_SECONDS = 7200.0
_PARSER = ("stanford-corenlp-*[0-9].jar", "stanford-corenlp-*-models.jar")


def check_jar(jar: Path) -> None:
    """Raise `UserError` where the jar, or the parser that it needs, is not there."""
    if not jar.is_file():
        raise UserError(f"{jar}: no such file; SPICE needs its jar, with the folder lib beside it")
    for pattern in _PARSER:
        if not any((jar.parent / "lib").glob(pattern)):
            raise UserError(f"{jar.parent / 'lib'}: no {pattern}; SPICE needs the parser of Stanford CoreNLP there")


def spice_items(jar: Path, hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> NDArray[np.float64]:
    """(N,) SPICE of each sentence against its references; a sentence that proposes nothing, as they do, has 0.

    Equal questions are asked once. The corpus score is the mean. Raises `UserError` when the jar fails, or does not
    answer what it was asked.
    """
    asked = [(hypothesis, tuple(texts)) for hypothesis, texts in zip(hypotheses, references, strict=True)]
    numbers = {question: number for number, question in enumerate(dict.fromkeys(asked))}
    content = [
        {"image_id": number, "test": hypothesis, "refs": list(texts)} for (hypothesis, texts), number in numbers.items()
    ]
    with scratch_folder("spice") as folder:
        given, written = folder / "given.json", folder / "scores.json"
        write_json(given, content)
        arguments = ["-Xmx8G", "-jar", str(jar.absolute()), str(given), "-out", str(written), "-silent"]
        run_java(arguments, "", LIMIT_SECONDS, SPICE, folder)
        if not written.is_file():
            raise UserError(f"{SPICE}: {jar} ended without a word and wrote no scores; is it the jar of SPICE 1.0?")
        found = _scores(read_json(written), jar)
    if found.keys() != set(numbers.values()):
        raise UserError(f"{SPICE}: {jar} was asked for {len(numbers)} scores and gave {len(found)}, or others")
    return np.array([found[numbers[question]] for question in asked])


def _scores(results: Any, jar: Path) -> dict[int, float]:
    """F-scores by the number of the question; the jar writes what it has divided by nothing as null."""
    try:
        given = {int(item["image_id"]): item["scores"]["All"]["f"] for item in results}
        return {number: 0.0 if score is None else float(score) for number, score in given.items()}
    except (KeyError, TypeError, ValueError):
        raise UserError(f"{SPICE}: {jar} wrote {json.dumps(results)[:80]}: not the scores of SPICE 1.0") from None
