import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PINS = dict(re.findall(r"^([\w.-]+)==([^\s;]+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE))


@pytest.mark.parametrize("path", sorted((ROOT / "envs").glob("*.yaml")), ids=lambda path: path.stem)
def test_conda_environments_have_the_pinned_versions(path):
    dependencies = yaml.safe_load(path.read_text())["dependencies"]
    pip = next(entry["pip"] for entry in dependencies if isinstance(entry, dict))
    for requirement in pip:
        name, version = requirement.split("==")
        assert PINS[name] == version, f"{path.name}: {requirement}, requirements.txt has {PINS[name]}"


def test_every_rule_file_uses_an_environment_that_exists():
    used = {
        name for path in (ROOT / "rules").glob("*.smk") for name in re.findall(r"envs/(\w+)\.yaml", path.read_text())
    }
    assert used == {path.stem for path in (ROOT / "envs").glob("*.yaml")}


def test_pinned_versions_satisfy_the_projects_ranges():
    from importlib.metadata import requires

    from packaging.requirements import Requirement
    from packaging.version import Version

    lower = {name.lower().replace("_", "-"): version for name, version in PINS.items()}
    for text in requires("avsd-pipeline"):
        requirement = Requirement(text)
        assert Version(lower[requirement.name.lower()]) in requirement.specifier, text
