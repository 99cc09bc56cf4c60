"""Fixtures that every stage's tests may use."""

import os
import sys
from pathlib import Path

import pytest

# Tests run side by side: one thread each, or they wait for each other. It must stand here, before torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # tests import what several of them share, from `tests`


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real dialogs, clips and weights beside the project; tests that need it are skipped without it."""
    folder = Path(os.environ.get("AVSD_SHARED", ROOT.parent / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip(f"no real data at {folder} (set AVSD_SHARED)")
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first: where two processes share the files, neither waits at the end for a long one."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)
