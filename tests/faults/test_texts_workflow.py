"""Configuration files of the workflow: Snakemake reads them first, and what it takes is refused before it is used."""

import pytest

from .conftest import ROOT
from .test_texts import multiplied

LINES = {
    "a key twice": ("device: cpu\ntraining: {epochs: 3}\ndevice: cuda", "x.yaml: line 3: 'device' stands twice"),
    "a key twice in JSON": ('{"device": "cpu",\n"device": "cuda"}', "x.json: not a JSON file"),
    "aliases of lists that multiply": (multiplied("[x, x, x]"), "x.yaml: line 6: more than 50,000 values"),
    "nan": ("training: {learning_rate: .nan}", "training.learning_rate: nan is no finite number"),
    "half a megabyte": ("device: cpu\n" + "# nothing\n" * 50_000, "x.yaml: 0.5 MB, expected at most 0.25 MB"),
    "another type": ("run: [[a]]", "configuration: run.0: expected a text"),
}


@pytest.fixture
def dry_run(avsd):
    """A dry run, in a process that has imported Snakemake: `dry_run("--configfile", "x.yaml")`."""

    def run(*options):
        arguments = ("-n", "--quiet", "all", "-s", ROOT / "Snakefile", *options)
        return avsd(*arguments, imported=("snakemake.cli",), entry=("snakemake", "snakemake.cli:main"))

    return run


@pytest.mark.fault("The workflow", "configuration files that `avsd` refuses", "one line before anything is planned")
@pytest.mark.parametrize("kind", [k if k == "a key twice" else pytest.param(k, marks=pytest.mark.more) for k in LINES])
def test_configuration_files(dry_run, tmp_path, kind):
    content, words = LINES[kind]
    name = "x.json" if "JSON" in kind else "x.yaml"
    (tmp_path / name).write_text(content)
    dry_run("--configfile", name).refused(words, seconds=2)
    assert not (tmp_path / "results").exists()


@pytest.mark.fault("The workflow", "values of `--config` that are no values", "one line")
@pytest.mark.parametrize(
    ("value", "words"),
    [
        pytest.param("seed=nan", "seed: nan is no finite number", marks=pytest.mark.more),
        pytest.param(
            "videos=[&a [1,1,1,1,1,1,1,1,1],&b [*a,*a,*a,*a,*a,*a,*a,*a,*a],&c [*b,*b,*b,*b,*b,*b,*b,*b,*b],"
            "&d [*c,*c,*c,*c,*c,*c,*c,*c,*c],&e [*d,*d,*d,*d,*d,*d,*d,*d,*d],[*e,*e,*e,*e,*e,*e,*e,*e,*e]]",
            "more than 100000 values",
            marks=pytest.mark.more,
        ),
    ],
)
def test_values(dry_run, value, words):
    dry_run("--config", value).refused(words, seconds=2)
