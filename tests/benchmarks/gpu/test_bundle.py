"""The check as a folder, and its figures in the docs."""

import json
import re
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path
from typing import Any

import pytest

from benchmarks.gpu import bundle, page
from benchmarks.shared.results import Goal, Row
from pipeline.errors import UserError

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
DOCS = Path(__file__).resolve().parents[3] / "docs" / "performance.md"


def wheel(folder: Path, name: str, files: dict[str, str]) -> Path:
    path = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as content:
        for file, text in files.items():
            content.writestr(file, text)
    return path


@pytest.fixture
def wheels(tmp_path: Path) -> list[Path]:
    """An OpenCV, and a package that this environment has already."""
    opencv = {"cv2/__init__.py": "MADE = 'bundled'", "cv2/data/face.xml": "<x/>", "cv2/py.pyi": ""}
    return [
        wheel(tmp_path, "opencv_contrib_python_headless", opencv),
        wheel(tmp_path, "rich", {"rich/__init__.py": "MADE = 'bundled'", "rich/progress.py": "raise SystemExit(9)"}),
        wheel(tmp_path, "only_there", {"only_there.py": "MADE = 'bundled'"}),
    ]


def test_versions_follow_the_machines_pytorch() -> None:
    found = bundle.wanted("2.11")
    assert "torchvision==0.26.*" in found and "torchvision==0.29.*" in bundle.wanted("2.14.0")
    assert not any(name.startswith(("torch==", "numpy", "h5py", "safetensors")) for name in found)
    with pytest.raises(UserError, match=r"--torch 1\.13: expected 2\.x"):
        bundle.wanted("1.13")


IMPORTED = """
import ast, importlib, json, pathlib, pkgutil, sys
from importlib.metadata import packages_distributions
import benchmarks.gpu, tests.training.test_gpu, tests.features.test_tvl1, tests.features.test_shared_i3d
import tests.networks.test_gru
for module in pkgutil.iter_modules(benchmarks.gpu.__path__):
    if module.name != "bundle_check":
        importlib.import_module(f"benchmarks.gpu.{module.name}")
names = set()
for name, module in sorted(sys.modules.items()):
    if name.partition(".")[0] in ("benchmarks", "pipeline", "tests") and module.__file__:
        for line in ast.parse(pathlib.Path(module.__file__).read_text()).body:
            names |= {alias.name for alias in line.names} if isinstance(line, ast.Import) else set()
            names |= {line.module} if isinstance(line, ast.ImportFrom) else set()
found = packages_distributions()
print(json.dumps(sorted({of for name in names for of in found.get(name.partition(".")[0], [])})))
"""


def closure(names: set[str]) -> set[str]:
    """Distributions with all that they need."""
    found: set[str] = set()
    while left := names - found:
        found |= left
        needs = [need for name in left for need in _requires(name) if "extra ==" not in need]
        names = {re.split(r"[\s;<>=!~\[(]", need)[0].lower().replace("_", "-") for need in needs}
    return found


def _requires(name: str) -> list[str]:
    try:
        return requires(name) or []
    except PackageNotFoundError:
        return []  # of another platform


def test_the_folder_holds_what_the_check_imports() -> None:
    """Beside what the machine has: a package that is missing is found here, not on the machine."""
    done = subprocess.run([sys.executable, "-c", IMPORTED], capture_output=True, text=True, cwd=bundle.ROOT, check=True)
    imported = {name.lower().replace("_", "-") for name in json.loads(done.stdout.splitlines()[-1])}
    there = closure({"torch", "h5py", "numpy", "safetensors"})
    packed = {re.split("[=<>]", name)[0].lower().replace("_", "-") for name in bundle.wanted("2.14")}
    ours = {"avsd-pipeline", "opencv-python-headless"}
    assert {"jiter", "pydantic", "torch"} <= imported
    assert imported - there - packed - ours == set()


def test_older_platforms_wheels_count() -> None:
    found = bundle._platforms("manylinux_2_28_x86_64")
    assert found[0] == "manylinux_2_28_x86_64" and {"manylinux_2_17_x86_64", "manylinux2014_x86_64"} <= set(found)
    assert bundle._platforms("win_amd64") == ["win_amd64"]


def test_the_folder_runs_where_it_lies(tmp_path: Path, wheels: list[Path]) -> None:
    out = tmp_path / "bundle"
    bundle.write(out, wheels, {"python": HERE, "torch": "2.11"})
    packed = [path for path in out.rglob("*.whl") if "opencv" in path.name]
    assert [path.parent.name for path in packed] == ["first"]
    assert zipfile.ZipFile(packed[0]).namelist() == ["cv2/__init__.py"]
    elsewhere, moved = tmp_path / "elsewhere", tmp_path / "moved"
    elsewhere.mkdir()
    out.rename(moved)
    asked = "import cv2, only_there, rich, pipeline, sys; print(cv2.MADE, only_there.MADE, hasattr(rich, 'MADE'))"
    # In place of the check, what it would find on the paths.
    (moved / "project" / "benchmarks" / "gpu" / "__main__.py").write_text(f"{asked}\nprint(pipeline.__file__)")
    done = subprocess.run(
        [sys.executable, str(moved / "check.py")], capture_output=True, text=True, cwd=elsewhere, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["bundled bundled False", str(moved / "project" / "pipeline" / "__init__.py")]
    assert not list(elsewhere.iterdir()) and not list(moved.rglob("__pycache__"))


def test_what_does_not_fit_is_one_line(tmp_path: Path, wheels: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "bundle"
    bundle.write(out, wheels, {"python": "2.6"})
    done = subprocess.run([sys.executable, str(out / "check.py")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (
        1,
        f"error: this bundle is for Python 2.6, this is {HERE}; make one with --python {HERE}\n",
    )
    monkeypatch.setattr(bundle, "MEBIBYTES", 0.1)
    with pytest.raises(UserError, match=r"bundle: \d\.\d MiB, expected at most 0\.1"):
        bundle.write(out, wheels, {"python": HERE})
    with pytest.raises(UserError, match="is there and is no bundle"):
        bundle.write(tmp_path, wheels, {"python": HERE})
    assert wheels[0].is_file()


def figures(**changes: Any) -> dict[str, Any]:
    rows = [
        Row("right", "LSTM layers", "error", 2e-7, goal=Goal("at most", 1e-4, "ours")),
        Row("fast", "TV-L1, best batch", "pairs/s", 500, 2.5, goal=Goal("at least", 300)),
    ]
    machine = {"gpu": "NVIDIA X", "cards": 1, "memory_gib": 80, "cuda": "13.0", "cudnn": 91, "cores": 16, "cpu": "C"}
    machine |= {"python": "3.12.3", "torch": "2.11.0", "date": "2026-11-26T05:00:00+00:00"}
    steps = [{"section": "many", "step": "processes", "ended": "left out: no time was left"}]
    found = {"machine": machine, "quick": False, "rows": [row.record() for row in rows], "steps": steps, "seconds": 311}
    return {**found, **changes}


def test_figures_come_into_the_docs(tmp_path: Path) -> None:
    docs, out = tmp_path / "performance.md", tmp_path / "out.json"
    shutil.copy(DOCS, docs)
    out.write_text(json.dumps(figures()))
    for _ in range(2):
        assert page.main([str(out), "--page", str(docs)]) == 0
        text = docs.read_text()
        assert "311 s on 1 x NVIDIA X (80 GiB, CUDA 13.0, cuDNN 91), 16 cores of C, Python 3.12.3" in text
        assert "| LSTM layers | error | 2e-07 |  |  | ≤ 0.0001 met |  |  |" in text
        assert "| TV-L1, best batch | pairs/s | 500 | 2.5 | 200 | ≥ 300 **missed** |  |  |" in text
        assert "Not measured: many, processes: left out: no time was left." in text
    before, after = (DOCS.read_text().partition(mark) for mark in (page.BEGIN, page.END))
    assert text.startswith(before[0]) and text.endswith(after[2])


def test_figures_of_a_cpu_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    docs, out = tmp_path / "performance.md", tmp_path / "out.json"
    shutil.copy(DOCS, docs)
    for changes, kind in (({"quick": True}, "tiny sizes"), ({"machine": {"gpu": None}}, "a CPU")):
        out.write_text(json.dumps(figures(**changes)))
        assert page.main([str(out), "--page", str(docs)]) == 1
        assert capsys.readouterr().err.startswith(f"error: {out}: figures of {kind}, expected those of a GPU")
    assert docs.read_text() == DOCS.read_text()
