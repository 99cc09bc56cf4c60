"""After a finished run: what is planned again, and what stays when a job starts again and dies."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.slow
COLOURS = ("red", "green", "blue", "white", "black", "grey", "brown", "pink", "gold", "cyan")
SIZES = {
    "embedding": 8,
    "question_hidden": 8,
    "history_hidden": 8,
    "attention": 8,
    "context": 8,
    "decoder_hidden": 8,
    "standardise": "false",
}
SYSTEMS = {"ours_man_man": {"features": []}, "ours_none_none": {"features": []}, "st": {"features": []}}
RUN = ["ours_man_man", "ours_none_none", "st"]
REPORTED = {"all", "tables", "report", "total"}
"""What shows everything, and so follows from any change."""


def dialogs(path, videos):
    """One question a colour about each video, the answer in the summary."""
    turns = [
        [{"question": f"is it {colour} ?", "answer": f"it is {video} ."} for colour in COLOURS] for video in videos
    ]
    content = [
        {"image_id": video, "caption": "a thing", "summary": f"it is {video}", "dialog": asked}
        for video, asked in zip(videos, turns, strict=True)
    ]
    path.write_text(json.dumps({"type": "scene_aware_dialog", "version": "0.1", "dialogs": content}))
    return str(path)


@pytest.fixture(scope="module")
def run(tmp_path_factory, workflow):
    """A finished run of three text-only systems on one test set."""
    folder = tmp_path_factory.mktemp("reruns")
    given = {
        "training": dialogs(folder / "training.json", COLOURS[:6]),
        "validation": dialogs(folder / "validation.json", COLOURS[6:8]),
        "trial": dialogs(folder / "trial.json", COLOURS[8:]),
    }
    own = {
        "run": RUN,
        "corpus": {"source": "files"},
        "dialogs": given,
        "networks": {"attention": SIZES},
        "systems": SYSTEMS,
        "training": {"epochs": 1},
        "scoring": {"bootstrap": 20, "randomisations": 20},
        "report": {"explain": None},
        "device": "cpu",
    }
    (folder / "own.yaml").write_text(json.dumps(own))
    finished = workflow(folder, "--configfile", folder / "own.yaml")
    finished()
    assert finished.planned() == {}
    return finished


def systems(**changes):
    return f"systems={json.dumps(changes)}"


@pytest.mark.parametrize(
    ("config", "planned"),
    [
        # One taken out, with the one it is compared with moved; all moved.
        (["run=[ours_none_none, st]"], {}),
        (["run=[st, ours_none_none, ours_man_man]"], {}),
        # A variant that is only tested otherwise is answered and scored, nothing else.
        (
            ["run=[ours_man_man, ours_man_none, ours_none_none, st]", systems(ours_man_none={"label": "new"})],
            {"answer": 1, "score": 1},
        ),
        # A system more is trained, answered and scored alone.
        (["run=[baseline, ours_man_man, ours_none_none, st]", systems(baseline={"features": []})], None),
        (
            [
                systems(st={"label": "called otherwise", "row": None, "test_sets": ["trial"]}),
                'networks={"naive_fusion": {"hidden": 3}, "attention": {"projection": {"vggish": 9}}}',
                "results=./results",
                'training={"epochs": "1", "learning_rate": "6e-3", "clip": "5.0", "lambda_context": 3}',
                'answers={"bonus": "3e-1", "beam": "5"}',
                "vocabulary={min_count: 4}",
            ],
            {},
        ),
    ],
)
def test_a_change_that_no_result_depends_on_plans_only_the_report(run, config, planned):
    if planned is None:
        planned = {"train": 1, "answer": 1, "score": 1}
    found = run.planned(config=config)
    assert {rule: count for rule, count in found.items() if rule not in REPORTED} == planned


def test_results_of_which_snakemake_knows_nothing_are_named(run):
    """Their folder spelled otherwise, or Snakemake run elsewhere: it sees no settings, and would say nothing."""
    done = run()
    assert "Nothing to be done" in done.text and "not known" not in done.text
    other = ['training={"epochs": 3}']
    assert run.planned(config=other)["train"] == 3
    done = run(config=[*other, f"results={run.folder / 'results'}"])
    assert "Nothing to be done" in done.text
    [note] = [line for line in done.stderr.splitlines() if line.startswith("note: of ")]
    assert "it is not known how they were made" in note
    assert {"corpus", "vocabulary", "train", "answer", "score"} <= set(re.findall(r"\w+", note))


def test_newer_files_of_equal_content_are_no_reason_and_other_words_are(run):
    for name in ("training.json", "validation.json", "trial.json"):
        (run.folder / name).touch()
    assert run.planned() == {}
    counted = run.planned(config=["vocabulary={min_count: 2}"])
    assert counted["train"] == 3 and counted["answer"] == 3 and counted["score"] == 3


def contents(run):
    kept = [run.folder / "results" / name for name in ("models", "answers", "scores")]
    return {path: path.read_bytes() for folder in kept for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_result_stays_until_a_new_one_is_whole(run):
    """A job that starts again and fails, or is killed with all the rest, leaves what was finished."""
    before = contents(run)
    # It fails: a learning rate that makes every loss infinite.
    failed = run(config=['training={"epochs": 1, "learning_rate": 1e30, "clip": 1e30}'], check=False)
    assert failed.returncode != 0 and "Error in rule train" in failed.text
    assert contents(run) == before
    assert run.planned(config=['training={"epochs": 1, "learning_rate": 1e30, "clip": 1e30}'])["train"] == 3
    # It is killed.
    command = [sys.executable, "-m", "snakemake", "--snakefile", run.root / "Snakefile", "--directory", run.folder]
    command += ["--cores", "2", *run.options, "--config", 'training={"epochs": 100000}']
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        begun = time.monotonic()
        while not list((run.folder / "results/state").rglob("state.pt")):
            assert process.poll() is None and time.monotonic() - begun < 120
            time.sleep(0.1)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert contents(run) == before
    # With what the finished models were made with, they stay as they are; made again, equal words change nothing.
    run("models", "--forcerun", "vocabulary")
    assert {path: after for path, after in contents(run).items() if path.name == "model.safetensors"} == {
        path: content for path, content in before.items() if path.name == "model.safetensors"
    }
    assert "it stays as it is" in (run.folder / "results/logs/train/ours_man_man.log").read_text()
    assert run.planned("models") == {}


def test_nothing_is_imported_from_the_users_folder_and_any_checkout_path_works(run, workflow, tmp_path):
    """A `pipeline.py`, a folder `pipeline/`, a `statistics.py` beside the data, and a checkout with an odd name."""
    checkout = tmp_path / "ä {b} \"c\" 'd' $e %f"
    checkout.mkdir()
    for name in ("Snakefile", "rules", "config.yaml", "pipeline", "envs", "profiles"):
        source = workflow.root / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, checkout / name)
    folder = tmp_path / "data"
    (folder / "pipeline").mkdir(parents=True)
    for name in ("pipeline.py", "pipeline/__init__.py", "statistics.py", "json.py", "torch.py"):
        (folder / name).write_text("import sys\nsys.exit('the wrong module')\n")
    here = workflow(folder, "--configfile", run.folder / "own.yaml")
    here.root = checkout
    done = here("vocabulary")
    assert (folder / "results/vocabulary.json").is_file(), done.text
