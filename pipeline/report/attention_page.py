"""`avsd ask --explain`: the answers of a conversation with their pictures of attention, one self-contained page."""

from pathlib import Path

from pipeline import __version__
from pipeline.asking.conversation import Told
from pipeline.files import write_text
from pipeline.inert import html
from pipeline.report.attention import attention_figure
from pipeline.report.templates import part

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""Nothing is loaded from outside: the page says so itself, and browsers keep to it."""


def write_page(target: Path, told: Told) -> None:
    """Write the page of all answers so far, the latest first."""
    style = "".join(part(name) for name in ("colours.css", "page.css", "attention.css"))
    sections = []
    for number in reversed(range(len(told.answers))):
        one = told.answers[number]
        sections.append(
            f'<section id="answer{number + 1}"><h2>{html(one.question)}</h2>'
            f"<p><b>{html(one.answer)}</b></p>{attention_figure(one, told.clip)}</section>"
        )
    write_text(
        target,
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f'<link rel="icon" href="data:,">\n<title>{html(told.video)}: questions and answers</title>\n'
        f"<style>\n{style}</style>\n</head>\n<body>\n<header><h1>{html(told.video)}</h1>"
        f'<p class="muted">Answered by {html(told.label)} (<code>{html(told.system)}</code>), '
        f"avsd {__version__}</p>"
        f"{_before(told)}</header>\n<main>\n{chr(10).join(sections)}\n</main>\n</body>\n</html>\n",
    )


def _before(told: Told) -> str:
    """The description and the turns that stood before the first question."""
    parts = [f"<p>Description: {html(told.description)}</p>"] if told.description else []
    if told.history:
        turns = "".join(f"<li>{html(turn.question)} <b>{html(turn.answer)}</b></li>" for turn in told.history)
        parts.append(
            f"<details><summary>The dialog before ({len(told.history)} turns)</summary><ol>{turns}</ol></details>"
        )
    return "".join(parts)
