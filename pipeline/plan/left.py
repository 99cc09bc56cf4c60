"""What earlier runs have left where this one reads: shards that hold no video of its own. Nothing is opened."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from pipeline.files import finished_files
from pipeline.names import listed
from pipeline.plan.files import Files


def left_notes(files: Files) -> Iterator[str]:
    """A line for each folder that has shards, or lists of unreadable videos, which the run neither makes nor replaces.

    Whoever reads a feature reads its whole folder, so they count with the rest: those of videos that are gone, and
    where there were more shards before, those whose videos are in others now, which no training takes.
    """
    for name in files.features:
        yield from _left(files.layout.feature(name), ".h5", files.feature_shards([name]))
    if files.quarantine:
        yield from _left(files.layout.quarantine, ".tsv", files.quarantine)


def _left(folder: Path, suffix: str, made: Iterable[Path]) -> Iterator[str]:
    ours = {path.name for path in made}
    # A file that is named in another way is a user's own.
    found = [path.name for path in finished_files(folder, suffix) if path.stem.isdecimal()]
    if ours and (left := [name for name in found if name not in ours]):
        yield (
            f"{folder}: {listed(left)}: from an earlier run, with other videos or more shards (`corpus.shards`), and "
            "read with the rest; delete what is out of date"
        )
