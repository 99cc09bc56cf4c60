"""The check as a folder for a machine without a network: `python -m benchmarks.gpu.bundle OUT`, or `make bundle`.

The folder holds the project, the wheels that a machine with nothing but PyTorch, h5py, numpy and safetensors lacks, and
`check.py`, which runs the check from the folder and installs nothing. PyTorch is the machine's own.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Sequence
from fnmatch import fnmatch
from pathlib import Path

from benchmarks.shared.command import ends_in_one_line
from benchmarks.shared.own_process import ROOT
from pipeline.errors import UserError
from pipeline.files import write_json
from pipeline.progress import log

MEBIBYTES = 60
"""What the folder may take."""
PROJECT = ("pipeline", "benchmarks", "tests", "pyproject.toml", "requirements.txt", "LICENSE")
FIRST = "opencv-contrib-python-headless"
"""Comes before what the machine has: its OpenCV, if any, may have no TV-L1."""
SMALLEST_OPENCV = "4.10.0.84"
"""The oldest release in the project's range: later ones take more room."""
PINNED = (
    *(
        "annotated-types",
        "pydantic",
        "pydantic_core",
        "typing-inspection",
        "rich",
        "markdown-it-py",
        "mdurl",
        "Pygments",
    ),
    *("jiter", "tensorboard", "protobuf", "absl-py", "torchaudio", "pillow", "pytest", "pluggy", "iniconfig"),
    *("lightning-fabric", "lightning-utilities", "packaging", "PyYAML"),
)
"""Of the versions in requirements.txt; they come behind what the machine has."""
UNUSED = (
    "tensorboard/webfiles.zip",
    "tensorboard/plugins/projector/tf_projector_plugin/*",
    "*/tests/*",
    "*.pyi",
    "cv2/data/*",
)
"""Files of the wheels that no check reads."""
VISION = 15
"""torchvision 0.x belongs to PyTorch 2.(x - 15)."""


@ends_in_one_line
def main(arguments: Sequence[str] | None = None) -> int:
    """Write the folder; returns the exit status, 1 with one line when something cannot be had."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu.bundle", description="The GPU check as a folder.")
    parser.add_argument("out", type=Path, help="the folder to write; one that is there is replaced")
    parser.add_argument("--python", default="3.12", help="Python of the machine (%(default)s)")
    parser.add_argument("--platform", default="manylinux_2_28_x86_64", help="its platform tag (%(default)s)")
    parser.add_argument("--torch", default="2.11", help="its PyTorch (%(default)s): torchvision must fit it")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="avsd-bundle-") as folder:
        wheels = fetch(wanted(chosen.torch), Path(folder), chosen.python, chosen.platform)
        write(chosen.out, wheels, {"python": chosen.python, "platform": chosen.platform, "torch": chosen.torch})
    return 0


def wanted(torch: str) -> list[str]:
    """Names with versions, for a machine with this PyTorch. Raises `UserError` for one that is no 2.x."""
    found = re.fullmatch(r"2\.(\d+)(\.\d+)?", torch)
    if found is None:
        raise UserError(f"--torch {torch}: expected 2.x, as the machine's PyTorch says")
    pins = dict(re.findall(r"^([\w.-]+)==([^\s;]+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE))
    return [
        f"{FIRST}=={SMALLEST_OPENCV}",
        f"torchvision==0.{int(found[1]) + VISION}.*",
        *(f"{name}=={pins[name]}" for name in PINNED),
    ]


def fetch(requirements: Sequence[str], folder: Path, python: str, platform: str) -> list[Path]:
    """Their wheels, by pip. Raises `UserError` with pip's reason for one that cannot be had."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary=:all:", "--implementation", "cp", "--python-version", python, "--dest", str(folder)]
    for tag in _platforms(platform):
        command += ["--platform", tag]
    done = subprocess.run([*command, *requirements], capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
        reason = lines[-1].removeprefix("ERROR: ") if lines else "pip gave no reason"
        raise UserError(f"wheels for Python {python}, {platform}: {reason}")
    return sorted(folder.glob("*.whl"))


def _platforms(platform: str) -> list[str]:
    """A manylinux tag with all older ones, whose wheels run there too: pip takes each at its word."""
    found = re.fullmatch(r"manylinux_2_(\d+)_(\w+)", platform)
    if found is None:
        return [platform]
    newest, machine = int(found[1]), found[2]
    older = [f"manylinux_2_{minor}_{machine}" for minor in range(newest, 4, -1)]
    return [*older, f"manylinux2014_{machine}", f"manylinux2010_{machine}", f"manylinux1_{machine}"]


def write(out: Path, wheels: Iterable[Path], facts: dict[str, str]) -> None:
    """The folder. Raises `UserError` when it is larger than `MEBIBYTES`, or where something else stands there."""
    if out.exists() and not (out / "bundle.json").is_file():
        raise UserError(f"{out}: is there and is no bundle; give another folder")
    shutil.rmtree(out, ignore_errors=True)
    for place in ("first", "last"):
        (out / "wheels" / place).mkdir(parents=True)
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
    for name in PROJECT:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, out / "project" / name, ignore=ignored)
        else:
            shutil.copy(source, out / "project" / name)
    for wheel in wheels:
        place = "first" if wheel.name.startswith(FIRST.replace("-", "_")) else "last"
        repacked(wheel, out / "wheels" / place / wheel.name)
    shutil.copy(Path(__file__).with_name("bundle_check.py"), out / "check.py")
    write_json(out / "bundle.json", facts)
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file()) / 2**20
    if size > MEBIBYTES:
        raise UserError(f"{out}: {size:.1f} MiB, expected at most {MEBIBYTES}")
    what = ", ".join(f"{name} {value}" for name, value in facts.items())
    log(f"{out}: {size:.1f} MiB, for {what}; on the machine: python3 {out.name}/check.py --json OUT.json")


def repacked(wheel: Path, out: Path) -> None:
    """The wheel without `UNUSED`, compressed by LZMA, which takes a third less room; Python's zipfile reads it."""
    with zipfile.ZipFile(wheel) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_LZMA) as target:
        for item in source.infolist():
            if not item.is_dir() and not any(fnmatch(item.filename, pattern) for pattern in UNUSED):
                target.writestr(item.filename, source.read(item))


if __name__ == "__main__":
    sys.exit(main())
