"""What other packages bring: found by their entry points, refused in one line, known by the hash of their code."""

import subprocess
import sys
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipeline import packages
from pipeline.config.features import PackageFrames, PackageSound
from pipeline.errors import UserError
from pipeline.networks.sizes import PackageSizes

ROOT = Path(__file__).resolve().parents[1]
GOOD = "from pipeline.networks.sizes import PackageSizes\nclass Mine(PackageSizes):\n    width: int = 3\n"


@pytest.fixture
def brings(tmp_path, monkeypatch):
    """A package of the given code whose entry point is the only one there is."""

    def bring(code, value="Mine", name="mine", group=packages.NETWORKS):
        package = f"pack{abs(hash((code, str(tmp_path))))}"
        (tmp_path / package).mkdir(exist_ok=True)
        (tmp_path / package / "__init__.py").write_text(code)
        monkeypatch.syspath_prepend(str(tmp_path))
        point = EntryPoint(name, f"{package}:{value}", group)
        vars(point)["dist"] = SimpleNamespace(name="mine-avsd")
        monkeypatch.setattr(packages, "_points", lambda: EntryPoints([point]))
        packages.source_hash.cache_clear()
        return tmp_path / package

    return bring


def test_a_class_is_found_by_its_name(brings):
    brings(GOOD)
    found = packages.brought(packages.NETWORKS, {}, PackageSizes)
    assert list(found) == ["mine"] and issubclass(found["mine"], PackageSizes)
    assert packages.brought(packages.FEATURES, {}, PackageFrames, PackageSound) == {}


@pytest.mark.parametrize(
    ("code", "given", "said"),
    [
        ("import nothing_of_this_name", {}, "ModuleNotFoundError: No module named 'nothing_of_this_name'; mend it"),
        ("def (", {}, "SyntaxError"),
        ("raise SystemError('two\\nlines')", {}, "SystemError: two lines; mend it"),
        ("", {}, "AttributeError"),
        ("Mine = 3", {}, "expected a subclass of pipeline.networks.sizes.PackageSizes"),
        ("from pipeline.networks.sizes import AttentionSizes as Mine", {}, "expected a subclass of"),
        (GOOD, {"name": "attention"}, "attention is there already; call it otherwise"),
        (GOOD, {"name": "../mine"}, "cannot name files"),
    ],
)
def test_what_cannot_be_used_is_named_in_one_line(brings, code, given, said):
    brings(code, **given)
    with pytest.raises(UserError) as error:
        packages.brought(packages.NETWORKS, {"attention": None}, PackageSizes)
    text = str(error.value)
    assert text.startswith("package mine-avsd, entry point avsd.networks ") and said in text and "\n" not in text


@pytest.mark.parametrize(
    "imports",
    [
        "from {p} import part",
        "from {p}.part import a",
        "import {p}.part",
        "from . import part",
        "from .part import a",
        "def later():\n    from {p}.part import a",
    ],
)
def test_the_hash_is_of_what_a_module_is_made_of(brings, imports):
    folder = brings("")

    def write(name, text):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
        packages.source_hash.cache_clear()
        return packages.source_hash(f"{folder.name}.mine")

    write("mine.py", imports.format(p=folder.name) + "\nimport os, numpy.linalg\n")
    seen = [write("part.py", "a = 1\nfrom .deep import b\n"), write("part.py", "a = 2\nfrom .deep import b\n")]
    seen += [
        write("deep/__init__.py", "b = 1\n"),
        write("deep/__init__.py", "b = 2\n"),
        write("__init__.py", "c = 1\n"),
    ]
    assert len(set(seen)) == 5
    assert write("other.py", "another feature") == seen[-1] == write("notes.txt", "no code")
    assert packages.source_hash(f"{folder.name}.part") != seen[-1]


def test_a_module_of_one_file_has_a_hash_too(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "lonely_module.py").write_text("a = 1\n")
    one = packages.source_hash("lonely_module")
    (tmp_path / "lonely_module.py").write_text("a = 2\n")
    packages.source_hash.cache_clear()
    assert packages.source_hash("lonely_module") != one
    with pytest.raises(ValueError, match="the code of no_such_module is not to be found"):
        packages.source_hash("no_such_module")


def test_a_section_has_the_hash_and_refuses_another(brings):
    brings(GOOD)
    sizes = packages.brought(packages.NETWORKS, {}, PackageSizes)["mine"]
    made = sizes()
    assert made.source == packages.source_hash(sizes.__module__)
    assert sizes.model_validate(made.model_dump()) == made
    with pytest.raises(ValueError, match="00ff is that of other code than pack"):
        sizes(source="00ff")


@pytest.mark.parametrize(
    "command",
    [
        ["pipeline", "--version"],
        ["snakemake", "--snakefile", str(ROOT / "Snakefile"), "--dry-run"],
    ],
)
def test_a_package_that_is_broken_is_one_line_of_every_command(tmp_path, command):
    about = tmp_path / "site" / "broken-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[avsd.features]\nlost = not_there_at_all:Lost\n")
    run = f"import sys, runpy; sys.path.insert(0, {str(tmp_path / 'site')!r}); runpy.run_module(sys.argv.pop(1), "
    run += "run_name='__main__', alter_sys=True)"
    done = subprocess.run(
        [sys.executable, "-c", run, *command], cwd=tmp_path, env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    lines = [line for line in done.stderr.splitlines() if "error" in line.lower()]
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    assert lines == [
        "error: package broken, entry point avsd.features lost = not_there_at_all:Lost: ModuleNotFoundError: No module "
        "named 'not_there_at_all'; mend it, or uninstall the package"
    ]
