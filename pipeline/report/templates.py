"""The page's templates, styles and script, which lie beside this module."""

from importlib.resources import files
from typing import Any

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup

from pipeline.inert import lines
from pipeline.report.formats import signed

TEMPLATES = ("page.html", "experiment.html", "distillation.html", "matching.html", "figures.html", "warnings.html")


def environment() -> Environment:
    """Templates that escape what is put in and fail on a name that is not there."""
    made = Environment(
        loader=DictLoader({name: part(name) for name in TEMPLATES}),
        autoescape=True,
        finalize=_inert,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["count"] = lambda value: "–" if value is None else f"{value:,}"
    made.filters["figure"] = lambda value: f"{value:.3f}"
    made.filters["signed"] = lambda value, digits=3: signed(value, digits).replace("-", "−")
    return made


def _inert(value: Any) -> Any:
    """What is put in, before it is escaped: a text without what steers, a piece of the page as it is."""
    return lines(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def part(name: str) -> str:
    """The text of a file of this folder."""
    return files("pipeline.report").joinpath(name).read_text(encoding="utf-8")
