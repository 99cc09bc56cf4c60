"""How large files may be, and how a user who has larger ones raises that."""

import math
import os
from pathlib import Path

from pipeline.errors import UserError

VARIABLE = "AVSD_LARGEST_FILE_MB"
"""Environment variable: the largest file of text or numbers that is read, in megabytes."""
MEGABYTE = 1_000_000
TEXT_MB = 100
"""The largest text. COCO's captions of 118,000 pictures have 92 MB."""
ARRAY_MB = 1000
"""The largest npy. A day of I3D features at a stride of 16 frames has 1.1 GB."""
SETTINGS_MB = 0.25
"""The largest YAML; ten times that takes a second to read."""
TABLE_MB = 16
VALUES_PER_MB = 50_000
"""How many values the largest JSON may have, for every megabyte that it may have; each takes about 100 bytes."""
LARGEST_NUMBER = 1 << 63
LONGEST_SENTENCE = 5_000
"""Characters of a question, an answer, a caption or a description: five times the longest in AVSD's files. METEOR's
time and memory grow with every pair of equal words; what is long and repeats a few ends by its own limit of time."""


def text_mb() -> float:
    """The largest text, in megabytes."""
    return _raised() or TEXT_MB


def array_mb() -> float:
    """The largest npy, in megabytes."""
    return max(_raised() or 0.0, ARRAY_MB)


def check_size(path: Path | str, size: int, most_mb: float) -> None:
    """Raise a `UserError` that says how to read a file of ``size`` bytes all the same, where it is too large."""
    if size <= most_mb * MEGABYTE:
        return
    raised = most_mb in (text_mb(), array_mb())
    advice = f"; {raise_to(size / MEGABYTE)}" if raised else "; is it the right file?"
    raise UserError(f"{path}: {size / MEGABYTE:,.1f} MB, expected at most {most_mb:,g} MB{advice}")


def raise_to(megabytes: float) -> str:
    """Advice to let files be so large."""
    return f"to read it all the same, set the environment variable {VARIABLE}={math.ceil(megabytes)}"


def _raised() -> float | None:
    """What the user has set."""
    given = os.environ.get(VARIABLE, "")
    if not given:
        return None
    if not given.isascii() or not given.isdecimal() or not 0 < len(given) < 10 or int(given) == 0:
        raise UserError(f"environment variable {VARIABLE}: {given[:20]!r}, expected a whole number of megabytes")
    return float(given)
