"""What a configuration asks for: the jobs, the files each of them reads, and the settings it depends on.

The rules take every list and every parameter from here; nothing here knows Snakemake. Building a `Plan` reads no
dialog and opens no video: it looks only at which files exist, so a whole run can be planned before the data are real.
"""

from functools import cached_property
from typing import Any, Self

from pipeline.config import Config, parse
from pipeline.plan.checks import check_files
from pipeline.plan.distillation import check_distillation, distillation
from pipeline.plan.left import left_notes
from pipeline.plan.maps import map_notes
from pipeline.plan.matching import check_matching, matching
from pipeline.plan.settings import Settings

__all__ = ["Plan"]


class Plan(Settings):
    """The jobs a configuration implies (`jobs`), with their files (`files`) and settings (`settings`).

    Raises `UserError` naming the first file of the user's that is missing. check: False where a job plans itself again,
    which has only the files it reads.
    """

    def __init__(self, config: Config, check: bool = True) -> None:
        super().__init__(config)
        if check:
            check_files(self)

    @classmethod
    def of(cls, values: dict[str, Any], check: bool = True) -> Self:
        """The plan of a configuration given as a plain mapping."""
        return cls(parse(values), check)

    @cached_property
    def distillation(self) -> Settings | None:
        """The distilled captioner's experiment, beside this run and on request alone; None where there is none."""
        return distillation(self.config)

    @cached_property
    def matching(self) -> Settings | None:
        """The systems that compare sentences with videos, likewise; None where there are none."""
        return matching(self.config)

    @property
    def runs(self) -> list[Settings]:
        """This run and the experiments: what rules make is of one of them."""
        return [self, *(each for each in (self.distillation, self.matching) if each is not None)]

    @cached_property
    def pretrainings(self) -> dict[str, Settings]:
        """By system, the pretrainings on captions of all of them."""
        return {name: own for run in self.runs for name, own in run.pretraining.items()}

    @property
    def notes(self) -> list[str]:
        """Lines to print when a run is planned: what it leaves out, what others have left, what large features take."""
        left_out = [] if self.note is None else [self.note]
        return [*left_out, *left_notes(self), *dict.fromkeys(note for run in self.runs for note in map_notes(run))]

    def checked_distillation(self) -> Settings:
        """The experiment, for jobs of its own; `UserError` where something is missing for it."""
        assert self.distillation is not None
        check_distillation(self, self.distillation)
        return self.distillation

    def checked_matching(self) -> Settings:
        """Those systems, for jobs of their own; `UserError` where something is missing for them."""
        assert self.matching is not None
        check_matching(self, self.matching)
        return self.matching
