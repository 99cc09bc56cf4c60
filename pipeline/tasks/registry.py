"""The tasks there are: the house's own, and those of other packages."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import packages
from pipeline.tasks.answer import Answer
from pipeline.tasks.base import Task
from pipeline.tasks.choose import Choose
from pipeline.tasks.describe import Describe
from pipeline.tasks.detect import Detect
from pipeline.tasks.fill import Fill
from pipeline.tasks.retrieve import Retrieve
from pipeline.texts.json_files import read_json

if TYPE_CHECKING:
    from pipeline.config import Config

_OWN: dict[str, type[Task[Any]]] = {task.name: task for task in (Answer, Describe, Choose, Retrieve, Fill, Detect)}
TASKS: dict[str, Task[Any]] = {
    name: task() for name, task in {**_OWN, **packages.brought(packages.TASKS, _OWN, Task)}.items()
}
"""By the name that an entry's `task` gives."""


def task_of(config: "Config", name: str) -> Task[Any]:
    """The task of the system ``name`` of a configuration."""
    return TASKS[config.systems[name].task]


def task_that_wrote(path: Path) -> Task[Any]:
    """The task whose files are of the `type` that the JSON file ``path`` says; answer where it says no such type."""
    content = read_json(path)
    said = content.get("type") if isinstance(content, dict) else None
    return next((task for task in TASKS.values() if task.file and task.file == said), TASKS[Answer.name])
