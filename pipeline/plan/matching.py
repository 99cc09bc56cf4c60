"""The systems that compare sentences with videos as a run of their own over the same results."""

from pipeline.config import Config
from pipeline.errors import UserError
from pipeline.plan.checks import check_files
from pipeline.plan.settings import Settings


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
