"""YAML: each key once in its mapping, aliases that do not multiply.

What is nested deeply would end libyaml's composer, and Python with it; so the text is first gone through flat.
"""

from pathlib import Path
from typing import Any

import yaml

from pipeline.errors import UserError
from pipeline.texts.checking import quoted
from pipeline.texts.limits import LARGEST_NUMBER, SETTINGS_MB
from pipeline.texts.plain import read_text

DEEPEST = 64
"""Mappings and lists within one another."""
MOST = 50_000
"""Values, those that aliases stand for counted each time."""
_LONGEST_NUMBER = 100
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Settings(_Loader):  # type: ignore[misc]  # whichever of the two there is
    """Settings: numbers that a computer has."""

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        value = int(super().construct_yaml_int(node)) if len(node.value) <= _LONGEST_NUMBER else LARGEST_NUMBER
        if abs(value) >= LARGEST_NUMBER:
            raise yaml.constructor.ConstructorError(None, None, "a number that is too large", node.start_mark)
        return value


_Settings.add_constructor("tag:yaml.org,2002:int", _Settings.construct_yaml_int)


def read_yaml(path: Path) -> Any:
    """The content of a YAML file."""
    text = read_text(path, "YAML", SETTINGS_MB)
    try:
        _check_depth(text, path)
        loader = _Settings(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            _Graph(path).check(node)
            return loader.construct_document(node)
        finally:
            loader.dispose()
    except RecursionError:
        raise _too_deep(path) from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        raise UserError(f"{path}: not YAML ({' '.join(str(error).split())[:300]})") from None


def _check_depth(text: str, path: Path) -> None:
    depth = 0
    for event in yaml.parse(text, _Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise _too_deep(path)


def _too_deep(path: Path) -> UserError:
    return UserError(f"{path}: not YAML that can be read (nested too deeply)")


class _Graph:
    """The nodes of a document, an alias the node that it stands for."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: dict[int, tuple[int, int] | None] = {}
        """Of each node, how many values it stands for and how deeply they are nested; None while it is gone through."""

    def check(self, node: yaml.Node) -> tuple[int, int]:
        """Whether what a node stands for can be had; how many values that are, and how deeply they are nested."""
        if id(node) in self._seen:
            known = self._seen[id(node)]
            if known is None:
                raise UserError(f"{self._path}: {_line(node)}: holds itself by an alias; write it out")
            return known
        self._seen[id(node)] = None
        children = [self.check(child) for child in self._children(node)]
        size, depth = 1 + sum(size for size, _ in children), 1 + max((depth for _, depth in children), default=0)
        if size > MOST:
            raise UserError(f"{self._path}: {_line(node)}: more than {MOST:,} values; do aliases multiply them?")
        if depth > DEEPEST + 1:
            raise _too_deep(self._path)
        self._seen[id(node)] = size, depth
        return size, depth

    def _children(self, node: yaml.Node) -> list[yaml.Node]:
        if isinstance(node, yaml.MappingNode):
            self._check_keys(node)
            return [each for pair in node.value for each in pair]
        return node.value if isinstance(node, yaml.SequenceNode) else []

    def _check_keys(self, node: yaml.MappingNode) -> None:
        seen: dict[tuple[str, str], yaml.Node] = {}
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                first = seen.setdefault((key.tag, key.value), key)
                if first is not key:
                    raise UserError(
                        f"{self._path}: {_line(key)}: {quoted(key.value)} stands twice in one mapping, first in "
                        f"{_line(first)}; keep one of them"
                    )


def _line(node: yaml.Node) -> str:
    return f"line {node.start_mark.line + 1}"
