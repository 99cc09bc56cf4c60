"""Where the system of `report.explain` looked while it answered: pictures of some trial videos."""

from dataclasses import dataclass

from pipeline.answers.explain_answers import read_explained
from pipeline.config import Config
from pipeline.layout import Layout
from pipeline.report.attention import attention_figure
from pipeline.report.results import display_names


@dataclass(frozen=True)
class Looked:
    """A video, and of each explained answer the question, the answer and the picture (HTML)."""

    video: str
    answers: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True)
class LookedSection:
    """The system's name, and its videos."""

    system: str
    videos: tuple[Looked, ...]


def looked(config: Config) -> LookedSection | None:
    """What `avsd explain` left, drawn; None without it, or where an earlier run left it of a system not in this one."""
    path, name = Layout(config.results).explained, config.report.explain
    if name is None or name not in config.run or not path.is_file():
        return None
    videos = tuple(
        Looked(video, tuple((one.question, one.answer, attention_figure(one, clip)) for one in answers))
        for video, clip, answers in read_explained(path)
    )
    return LookedSection(display_names(config)[name], videos)
