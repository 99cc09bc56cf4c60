"""The examples in the docstrings of pipeline/networks run, and every module has one."""

import doctest
import importlib
import pkgutil

import pytest

import pipeline.networks

MODULES = [
    module.name
    for module in pkgutil.walk_packages(pipeline.networks.__path__, "pipeline.networks.")
    if not module.ispkg
] + ["pipeline.networks"]


@pytest.mark.parametrize("name", MODULES)
def test_examples_of(name):
    result = doctest.testmod(importlib.import_module(name), raise_on_error=False)
    assert result.failed == 0
    assert result.attempted > 0, f"{name} has no example"


def test_every_file_is_a_module_of_the_list():
    assert len(MODULES) >= 15
