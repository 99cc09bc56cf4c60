"""What other packages bring: tasks, networks and features, each by an entry point under the name it is called by.

A package that is installed beside this one is asked when the configuration is first imported. Its code is no file that
a run reads, and yet results depend on it: a section of another package has the hash of that code among its values
(`Sourced`), so that it travels with the settings, into parameters of rules, models and shards.
"""

import ast
import hashlib
from collections.abc import Collection, Iterator
from functools import cache
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from pipeline.errors import UserError
from pipeline.names import check_name
from pipeline.section import Section
from pipeline.texts import read_bytes

TASKS, NETWORKS, FEATURES = "avsd.tasks", "avsd.networks", "avsd.features"
"""Groups of entry points: each names a `Task`, the `PackageSizes` of a network, a `PackageFrames` or `PackageSound`."""


@cache
def _points() -> Any:
    return entry_points()


def brought(group: str, own: Collection[str], *kinds: type) -> dict[str, Any]:
    """The classes that other packages bring for ``group``, of one of ``kinds``, by name; ``own``: names taken here.

    Raises `UserError`, which names the package, for one that cannot be imported or that is of no such kind.
    """
    found: dict[str, Any] = {}
    for point in _points().select(group=group):
        where = f"package {point.dist.name if point.dist else '?'}, entry point {group} {point.name} = {point.value}"
        try:
            check_name(point.name)
            loaded = point.load()
        except Exception as error:  # whatever a package does when it is imported
            advice = "mend it, or uninstall the package"
            if "partially initialized module" in str(error):
                advice = "`import pipeline.config` before it, which imports it itself"
            raise UserError(f"{where}: {type(error).__name__}: {' '.join(str(error).split())}; {advice}") from error
        if point.name in own or point.name in found:
            raise UserError(f"{where}: {point.name} is there already; call it otherwise")
        if not (isinstance(loaded, type) and issubclass(loaded, kinds)):
            expected = " or ".join(f"{kind.__module__}.{kind.__name__}" for kind in kinds)
            raise UserError(f"{where}: expected a subclass of {expected}")
        found[point.name] = loaded
    return found


@cache
def source_hash(module: str) -> str:
    """The hash of a module's file and of all files of its package that it imports: 16 hex digits of a SHA-256.

    Of whole files, comments too: of a stranger's code nothing else is known. Imports are read, wherever they stand, and
    nothing is imported for it; one under a name that is made while the code runs is not seen.
    """
    package, found, left = module.partition(".")[0], {}, [module]
    while left:
        name = left.pop()
        path = _file_of(name)
        if name in found or path is None:
            continue
        data = found[name] = read_bytes(path)
        named = _imported(ast.parse(data), name if path.name == "__init__.py" else name.rpartition(".")[0])
        left += [each for each in (*named, name.rpartition(".")[0]) if each.partition(".")[0] == package]
    if not found:
        raise ValueError(f"the code of {module} is not to be found")
    digest = hashlib.sha256()
    for name, data in sorted(found.items()):
        digest.update(hashlib.sha256(name.encode()).digest() + hashlib.sha256(data).digest())
    return digest.hexdigest()[:16]


def _file_of(module: str) -> Path | None:
    """The file of a module of Python code; None where there is none, as of a name that is no module."""
    package, *parts = module.split(".")
    top = find_spec(package)
    if top is None:
        return None
    if not top.submodule_search_locations:
        return Path(str(top.origin)) if top.origin and not parts else None
    places = [Path(folder, *parts) for folder in top.submodule_search_locations]
    files = [path for place in places for path in (place / "__init__.py", place.with_suffix(".py"))]
    return next((path for path in files if path.is_file()), None)


def _imported(code: ast.Module, package: str) -> Iterator[str]:
    """What a module of ``package`` imports, anywhere in it: modules, and names that may be modules."""
    for node in ast.walk(code):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - max(0, node.level - 1)] if node.level else []
            source = ".".join([*above, *([node.module] if node.module else [])])
            yield source
            yield from (f"{source}.{each.name}" for each in node.names)


class Sourced(Section):
    """A section of another package: with the hash of the code that its class is made of."""

    source: str = Field(
        "",
        validate_default=True,
        description="hash of its code; filled in, and that of other code is refused",
    )

    @field_validator("source", mode="after")
    @classmethod
    def _that_of_the_code(cls, value: str) -> str:
        found = source_hash(cls.__module__)
        if value not in ("", found):
            raise ValueError(f"{value} is that of other code than {cls.__module__} has now, {found}")
        return found
