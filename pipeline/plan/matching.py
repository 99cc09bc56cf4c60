"""The systems that compare sentences with videos as a run of their own over the same results."""

from collections.abc import Mapping
from pathlib import Path

from pipeline.config import Config, TestSet
from pipeline.corpus.blanks import BlankText, reference_name
from pipeline.corpus.published.listed import Kind
from pipeline.corpus.published.own import kind_of
from pipeline.errors import UserError
from pipeline.names import listed
from pipeline.plan.checks import check, check_files
from pipeline.plan.settings import Settings

_HELD: dict[Kind, str] = {
    "choices": "sentences to choose from",
    "blanks": "sentences with a blank",
    "pairs": "texts to find videos by",
}


def matching(config: Config) -> Settings | None:
    """The jobs, files and settings of `matching.run`; None where it is empty."""
    return Settings(beside(config)) if config.matching.run else None


def beside(config: Config) -> Config:
    """The configuration that runs those systems instead: over the same corpus, words and features.

    Raises `UserError` where there are none.
    """
    if not config.matching.run:
        raise UserError("matching.run: empty, so there is nothing to make; configs/matching.yaml names some")
    changes = {
        "run": config.compared,
        "extract": (),
        "scoring": config.scoring.model_copy(update={"against": None}),
        "report": config.report.model_copy(update={"explain": None}),
    }
    return config.model_copy(update=changes)


def check_matching(run: Settings, planned: Settings) -> None:
    """Raises `UserError` where these systems need what the run beside them does not make, or a file that is missing."""
    if not planned.test_sets or set(planned.test_sets) - set(run.test_sets):
        # The corpus of a run without systems is written without them.
        raise UserError("matching.run: the run has no test set, or not all of them; name a system in `run`")
    if lacking := planned.config.descriptions() - run.config.descriptions():
        names = ", ".join(sorted(lacking))
        raise UserError(f"matching.run: words of {names} are not counted; add it to vocabulary.descriptions")
    check_files(planned)
    _check_given(planned)


def _check_given(planned: Settings) -> None:
    """Whether the files in place of what is drawn are there, are what they are given for, and go with the systems."""
    config = planned.config
    if "test" in config.matching.candidates and "choices" in planned.caption_files():
        raise UserError("matching.candidates.test: captions.choices is a file of them, too; give one of the two")
    given: dict[Kind, tuple[str, Mapping[TestSet, Path]]] = {
        "choices": ("candidates", config.matching.candidates),
        "blanks": ("blanks", config.matching.blanks),
    }
    for kind, (key, files) in given.items():
        for test_set, path in files.items():
            place = f"matching.{key}.{test_set}"
            if test_set not in planned.test_sets:
                raise UserError(f"{place}: the corpus has no such test set (it has {listed(planned.test_sets)})")
            check([path], place)
            found, text = kind_of(path)
            if found != kind:
                raise UserError(f"{path}: {_HELD[found]}, expected {_HELD[kind]} ({place} in the configuration)")
            if text is not None:
                _check_text(planned, test_set, text, f"{path} ({place})")


def _check_text(planned: Settings, test_set: TestSet, text: BlankText, where: str) -> None:
    for name in planned.scored(test_set):
        needed = planned.references(name, test_set)
        if planned.config.systems[name].needs == "fill" and needed != reference_name(test_set, text):
            raise UserError(f"{where}: blanks of text: {text}, and systems.{name} fills those of {needed}")
