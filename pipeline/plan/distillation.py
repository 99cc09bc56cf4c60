"""The distilled captioner's experiment as a run of its own over the same results."""

from pipeline.config import Config
from pipeline.errors import UserError
from pipeline.plan.checks import check_files
from pipeline.plan.settings import Settings


def distillation(config: Config) -> Settings | None:
    """The jobs, files and settings of the experiment; None where there is none."""
    return None if config.distillation is None else Settings(experiment(config))


def experiment(config: Config) -> Config:
    """The configuration that runs the experiment's systems instead: over the same corpus, words and features.

    Raises `UserError` where there is no such section.
    """
    if config.distillation is None:
        raise UserError("distillation: not in the configuration; config.yaml has such a section")
    changes = {
        "run": config.distilled,
        "extract": (),
        "scoring": config.scoring.model_copy(update={"against": None}),
        "report": config.report.model_copy(update={"explain": None}),
    }
    return config.model_copy(update=changes)


def check_distillation(beside: Settings, planned: Settings) -> None:
    """Raises `UserError` where the experiment needs what the run beside it does not make, or a file that is missing."""
    assert planned.config.distillation is not None
    test_set = planned.config.distillation.test_set
    if test_set not in beside.test_sets:
        there = ", ".join(beside.test_sets) or "none; `run` names no system"
        raise UserError(f"distillation.test_set: the run has no test set {test_set} ({there})")
    if lacking := planned.config.descriptions() - beside.config.descriptions():
        names = ", ".join(sorted(lacking))
        raise UserError(f"distillation.target: words of {names} are not counted; add it to vocabulary.descriptions")
    check_files(planned)
