r"""A user's text as the characters it is, wherever it is written: one function for each language that is written.

Nothing in a text is markup, a command or a formula there, and nothing steers how what stands beside it is shown.
Characters that cannot be seen and steer (controls, marks and overrides of direction, zero-width spaces) stand there as
escapes, `\x1b`; joiners stay, since scripts and emoji are made with them.
"""

import re
from collections.abc import Iterable
from html import escape

_STEERING = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls, but tab and line feed
    "\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # directions, zero width, annotations
    "\ud800-\udfff"  # halves of pairs
)
_IN_LINES = re.compile(f"[{_STEERING}]")
_ON_A_LINE = re.compile(f"[\t\n{_STEERING}]")


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()


def shown(value: object) -> str:
    r"""``value`` on one line of a terminal, a log or an error.

    >>> shown("a\x1b[31m\n\u202eb [bold]")
    'a\\x1b[31m\\n\\u202eb [bold]'
    """
    return _ON_A_LINE.sub(_escaped, str(value))


def lines(value: object) -> str:
    r"""``value`` as plain text of several lines: tabs and line feeds are what they are.

    >>> lines("a\n\x00")
    'a\n\\x00'
    """
    return _IN_LINES.sub(_escaped, str(value))


def html(value: object) -> str:
    r"""``value`` for HTML and SVG: between tags, and in quoted attributes.

    >>> html('<b onclick="x">')
    '&lt;b onclick=&quot;x&quot;&gt;'
    """
    return escape(lines(value))


_MARKDOWN = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    "|": "&#124;",
    "{": "&#123;",
    "}": "&#125;",
    "~": "&#126;",
    "$": "&#36;",
}
_MARKDOWN |= {character: f"\\{character}" for character in "\\`*[]#"}
_UNDERSCORE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")  # within a word it is one
_LINK = re.compile(r":(?=\w|//)")  # http://, mailto: and, where they are known, :pictures:
_BLOCK = re.compile(r"\s*(\d*)([-+=.)])(?=\s|[-+=]|$)")


def markdown(value: object) -> str:
    r"""``value`` within a line of Markdown, a heading or a table's cell too.

    What Markdown dialects differ in escaping (HTML, pipes, template braces, links that need no brackets) is written as
    entities, which all of them know.

    >>> markdown("<i>|a_b| _c_")
    '&lt;i&gt;&#124;a_b&#124; \\_c\\_'
    """
    found = "".join(_MARKDOWN.get(character, character) for character in shown(value))
    return _UNDERSCORE.sub(r"\\_", _LINK.sub("&#58;", found))


def markdown_line(value: object) -> str:
    r"""``value`` as a line of Markdown of its own, which begins no list, rule or indented block.

    >>> markdown_line("  1. no list")
    '1\\. no list'
    """
    text = markdown(value).lstrip()
    return _BLOCK.sub(r"\1\\\2", text, count=1) if _BLOCK.match(text) else text


_LATEX = {"\\": "\\textbackslash{}", "±": "$\\pm$", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}"}
_LATEX |= {"<": "\\textless{}", ">": "\\textgreater{}", "|": "\\textbar{}", '"': "\\textquotedbl{}"}
_LATEX |= {"`": "\\textasciigrave{}", "'": "\\textquotesingle{}"}
_LATEX |= {character: "\\" + character for character in "&%$#_{}"}
_DASHES = re.compile("-(?=-)")


def latex(value: object) -> str:
    r"""``value`` in LaTeX's text.

    >>> latex("\\input{x} 50%")
    '\\textbackslash{}input\\{x\\} 50\\%'
    """
    found = "".join(_LATEX.get(character, character) for character in shown(value))
    # Two dashes would become a long one; behind the end of a row, a bracket or a star would be the row's.
    return ("{}" if found.startswith(("[", "*")) else "") + _DASHES.sub("-{}", found)


_FORMULA = re.compile(r"\s*([=+@]|-(?![\w.-]*$)).")


def cells(values: Iterable[object]) -> list[object]:
    r"""A line of a table of ours that people open in spreadsheets (CSV, TSV): numbers as they are, texts on one line.

    A text that a spreadsheet would take for a formula gets an apostrophe in front, as spreadsheets themselves write a
    text that looks like one. Numbers and ids with a dash in front are none.

    >>> cells(["=cmd|' /C calc'!A0", -1.5, "-", "a\nb"])
    ["'=cmd|' /C calc'!A0", -1.5, '-', 'a\\nb']
    """
    return [_cell(value) if isinstance(value, str) else value for value in values]


def _cell(text: str) -> str:
    line = shown(text)
    return f"'{line}" if _FORMULA.match(line) else line
