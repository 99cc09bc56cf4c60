"""Text files that are broken or made to cost much: one line that names file and fault, at once."""

import json

import pytest


def dialogs(path):
    """A configuration whose training dialogs are this file."""
    return json.dumps({"corpus": {"source": "files"}, "dialogs": {"training": str(path)}})


@pytest.mark.fault("Text files", "deep nesting", "one line naming the file")
@pytest.mark.parametrize("depth", [10_000, pytest.param(1_000_000, marks=pytest.mark.more)])
def test_deep_nesting(avsd, tmp_path, depth):
    (tmp_path / "deep.json").write_text("[" * depth + "]" * depth)

    avsd("corpus", "import", "--config", dialogs("deep.json"), "--out", "out").refused("deep.json", "nested too deeply")
