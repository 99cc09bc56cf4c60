"""The tasks there are: the house's own, and those of other packages."""

from collections.abc import Iterator
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from pipeline.tasks.answer import Answer
from pipeline.tasks.base import Task
from pipeline.tasks.choose import Choose
from pipeline.tasks.describe import Describe
from pipeline.tasks.retrieve import Retrieve

if TYPE_CHECKING:
    from pipeline.config import Config

GROUP = "avsd.tasks"
"""Entry points of this group name a `Task` of another package."""


def _tasks() -> Iterator[Task]:
    yield Answer()
    yield Describe()
    yield Choose()
    yield Retrieve()
    for point in entry_points(group=GROUP):
        yield point.load()()


TASKS: dict[str, Task] = {task.name: task for task in _tasks()}
"""By the name that an entry's `task` gives."""


def task_of(config: "Config", name: str) -> Task:
    """The task of the system ``name`` of a configuration."""
    return TASKS[config.systems[name].task]
