"""The page's templates, styles and script, which lie beside this module."""

from importlib.resources import files

from jinja2 import DictLoader, Environment, StrictUndefined

from pipeline.report.formats import signed

TEMPLATES = ("page.html", "distillation.html", "figures.html")


def environment() -> Environment:
    """Templates that escape what is put in and fail on a name that is not there."""
    made = Environment(
        loader=DictLoader({name: part(name) for name in TEMPLATES}),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["count"] = lambda value: "–" if value is None else f"{value:,}"
    made.filters["figure"] = lambda value: f"{value:.3f}"
    made.filters["signed"] = lambda value, digits=3: signed(value, digits).replace("-", "−")
    return made


def part(name: str) -> str:
    """The text of a file of this folder."""
    return files("pipeline.report").joinpath(name).read_text(encoding="utf-8")
