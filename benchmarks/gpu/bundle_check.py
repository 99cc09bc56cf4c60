"""Runs the GPU check from this folder: `python3 check.py [--json OUT.json] [--device cpu --quick]`.

Nothing is installed and nothing is read from a network. The wheels are unpacked into a temporary folder, which is
removed afterwards; what the Python that runs this has already goes before them, OpenCV apart.
"""

import importlib.util
import json
import os
import runpy
import sys
import tempfile
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
NEEDED = ("torch", "h5py", "numpy", "safetensors")
"""What the bundle takes from the machine."""


def main() -> None:
    """Check the Python, unpack, and hand over to `benchmarks.gpu` with the arguments as they are."""
    facts = json.loads((HERE / "bundle.json").read_text(encoding="utf-8"))
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    if here != facts["python"]:
        sys.exit(f"error: this bundle is for Python {facts['python']}, this is {here}; make one with --python {here}")
    lacking = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if lacking:
        sys.exit(f"error: {sys.executable}: no {', '.join(lacking)} here; run this with a Python that has them")
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    sys.dont_write_bytecode = True
    sys.argv[0] = str(HERE / "check.py")
    # A file for the figures is meant from where the user stands; the steps run elsewhere.
    with tempfile.TemporaryDirectory(prefix="avsd-bundle-") as folder:
        for place in ("first", "last"):
            _unpack(HERE / "wheels" / place, Path(folder) / place)
        sys.path[:1] = [str(HERE / "project"), str(Path(folder) / "first")]
        sys.path.append(str(Path(folder) / "last"))
        runpy.run_module("benchmarks.gpu", run_name="__main__", alter_sys=False)


def _unpack(wheels: Path, folder: Path) -> None:
    folder.mkdir()
    for wheel in sorted(wheels.glob("*.whl")):
        with zipfile.ZipFile(wheel) as content:
            content.extractall(folder)


if __name__ == "__main__":
    main()
