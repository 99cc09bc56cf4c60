"""docs/tutorial.md as a person follows it: its files, its commands, and what these print, in a copy of the checkout.

The corpus of the copy is tiny, so figures differ: what is printed is compared by its form, numbers as `#`.
"""

import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest
import yaml

from pipeline.config import merge

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[1]
# Of the videos of its trial set, one that the tiny corpus has.
TUTORIAL = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8").replace("scene0451", "scene0012")
BLOCK = re.compile(
    r"^(?:`(?P<file>[^`\n]+)`[^\n]*:\n\n)?```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
TINY = {
    "corpus": {"shards": 1, "scenes": {"counts": {"training": 8, "validation": 3, "trial": 3, "official": 3}}},
    "vocabulary": {"min_count": 2},
    "training": {"epochs": 1},
    "scoring": {"bootstrap": 50, "randomisations": 50},
    "systems": {name: {"test_sets": ["trial"]} for name in ("ours_none_none", "baseline")},
    "features": {name: {"input_size": 32, "weights": "random"} for name in ("i3d_rgb", "i3d_flow")},
}
# What `pip install --editable FOLDER` leaves, without fetching setuptools to build it: this is to run anywhere.
PIP = """
import site, sys, tomllib
from pathlib import Path
folder = Path(sys.argv[-1]).resolve()
project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
about = Path(site.getsitepackages()[0]) / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
about.mkdir(exist_ok=True)
(about.parent / "mine.pth").write_text(f"{folder}\\n")
(about / "METADATA").write_text(f"Metadata-Version: 2.1\\nName: {project['name']}\\nVersion: {project['version']}\\n")
points = [f"[{group}]\\n" + "".join(f"{k} = {v}\\n" for k, v in entries.items())
          for group, entries in project["entry-points"].items()]
(about / "entry_points.txt").write_text("".join(points))
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the checkout with an environment of its own, as `make setup` leaves it, and what `make run` did."""
    folder = tmp_path_factory.mktemp("tutorial")
    for name in ("Snakefile", "rules", "pipeline", "profiles", "envs"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    config = merge(yaml.safe_load((ROOT / "config.yaml").read_text()), TINY)
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    environment = folder / ".venv"
    venv.EnvBuilder(symlinks=True).create(environment)
    python = environment / "bin" / "python"
    asked = [python, "-c", "import site; print(site.getsitepackages()[0])"]
    packages = Path(subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip())
    (packages / "others.pth").write_text("".join(f"{path}\n" for path in sys.path if path.endswith("site-packages")))
    (folder / "pip.py").write_text(PIP)
    for name, run in {"avsd": "-m pipeline", "snakemake": "-m snakemake", "pip": f"{folder}/pip.py"}.items():
        script = environment / "bin" / name
        script.write_text(f'#!/bin/sh\nexec {python} {run} "$@"\n')
        script.chmod(0o755)
    bash(folder, "snakemake scores --cores 2 --quiet all --config 'run=[ours_none_none, baseline]'")
    return folder


def bash(project, command):
    path = f"{project / '.venv' / 'bin'}:{os.environ['PATH']}"
    given = {**os.environ, "PATH": path, "PYTHONPATH": str(project), "PYTHONSAFEPATH": "1", "COLUMNS": "120"}
    done = subprocess.run(
        ["bash", "-c", command], cwd=project, env=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=900, check=False,
    )  # fmt: skip
    logs = "".join(f"\n--- {path}\n{path.read_text()[-1500:]}" for path in project.glob("results/logs/**/*.log"))
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}{logs[-6000:]}"
    return done.stdout


def form(line):
    """A line without what differs from run to run: figures, hashes, marks, and how wide a column is.

    Of the line that says where a run is there is one or another; how many jobs of a rule there are is no such figure.
    """
    if count := re.fullmatch(r"(\w+) +(\d+)", line):
        return f"{count[1]} {'#' if count[1] == 'total' else count[2]}"
    if re.match(r"\d+ of \d+ jobs \|", line):
        return "# of # jobs |"
    line = re.sub(r"(\d+ min )?\d+ s\b", "TIME", line)
    line = re.sub(r"\b(?=[0-9a-f]*\d)[0-9a-f]{12,64}\b", "HASH", line)
    line = re.sub(r"[-+−]?\d+(?:[.,:]\d+)*(?:e-?\d+)?", "#", re.sub(r"\\?\*", "", line))
    return re.sub(r"[\s─━┃│-]+", " ", line).strip()


def commands(text):
    """The commands of a block with what each prints."""
    found = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif found[-1][0].endswith("\\"):
            found[-1] = (f"{found[-1][0]}\n{line}", [])
        else:
            found[-1][1].append(line)
    return found


def test_the_tutorial_does_what_it_says(project):
    ran = 0
    for block in BLOCK.finditer(TUTORIAL):
        if block["file"]:
            path = project / block["file"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block["text"])
            continue
        assert block["kind"] == "console", f"a block that is neither a file nor commands:\n{block['text']}"
        for command, printed in commands(block["text"]):
            said = [form(line) for line in bash(project, command).splitlines()]
            ran += 1
            place = 0
            if command.startswith("avsd ask"):
                printed.pop()  # what a network says that has seen eight scenes once
                assert said[-1]
            for line in printed:
                if line.strip() in ("", "..."):
                    continue
                assert form(line) in said[place:], f"$ {command}\n{line}\nnot in\n" + "\n".join(said[place:])
                place = said.index(form(line), place) + 1
    assert ran > 8


def test_every_file_of_it_is_short():
    files = [block for block in BLOCK.finditer(TUTORIAL) if block["file"]]
    assert len(files) >= 6
    for block in files:
        lines = block["text"].splitlines()
        assert len(lines) <= 80 and max(map(len, lines)) <= 120, block["file"]
