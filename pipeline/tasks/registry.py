"""The tasks there are: the house's own, and those of other packages."""

from typing import TYPE_CHECKING

from pipeline import packages
from pipeline.tasks.answer import Answer
from pipeline.tasks.base import Task
from pipeline.tasks.choose import Choose
from pipeline.tasks.describe import Describe
from pipeline.tasks.detect import Detect
from pipeline.tasks.fill import Fill
from pipeline.tasks.retrieve import Retrieve

if TYPE_CHECKING:
    from pipeline.config import Config

_OWN: dict[str, type[Task]] = {task.name: task for task in (Answer, Describe, Choose, Retrieve, Fill, Detect)}
TASKS: dict[str, Task] = {
    name: task() for name, task in {**_OWN, **packages.brought(packages.TASKS, _OWN, Task)}.items()
}
"""By the name that an entry's `task` gives."""


def task_of(config: "Config", name: str) -> Task:
    """The task of the system ``name`` of a configuration."""
    return TASKS[config.systems[name].task]
