"""A pretraining on captions as part of a run: what is made, and what a change plans again."""

import json

import pytest

pytestmark = pytest.mark.slow
COLOURS = ("red", "green", "blue", "white", "black", "grey", "brown", "pink")
SIZES = {"embedding": 8, "question_hidden": 8, "attention": 8, "context": 8, "decoder_hidden": 8}
REPORTED = {"all", "tables", "report", "total"}
AFTER = {"train", "answer", "score", *REPORTED}


def dialogs(path, colours):
    asked = [{"question": "what is it ?", "answer": f"it is {other} ."} for other in COLOURS]
    content = [{"image_id": f"v{colour}", "caption": "", "summary": "", "dialog": asked} for colour in colours]
    path.write_text(json.dumps({"dialogs": content}))
    return str(path)


@pytest.fixture(scope="module")
def run(tmp_path_factory, workflow):
    """A finished text-only run of one system that starts from a pretraining on six captions."""
    folder = tmp_path_factory.mktemp("pretraining")
    captions = folder / "captions.json"
    captions.write_text(json.dumps({f"c{colour}": [f"It's {colour}.", "?"] for colour in COLOURS}))
    given = {
        "training": dialogs(folder / "training.json", COLOURS[:4]),
        "validation": dialogs(folder / "validation.json", COLOURS[4:6]),
        "trial": dialogs(folder / "trial.json", COLOURS[6:]),
    }
    own = {
        "run": ["best_how2"],
        "corpus": {"source": "files"},
        "dialogs": given,
        "vocabulary": {"min_count": 1},
        "networks": {"hierarchical": {**SIZES, "standardise": False}},
        "systems": {"best_how2": {"features": [], "init_from": {"captions": str(captions)}}},
        "training": {"epochs": 1},
        "scoring": {"bootstrap": 20, "randomisations": 0, "against": None},
        "report": {"explain": None},
        "device": "cpu",
    }
    (folder / "own.yaml").write_text(json.dumps(own))
    finished = workflow(folder, "--configfile", folder / "own.yaml")
    finished()
    return finished


def start(**keys):
    return [f"systems={json.dumps({'best_how2': {'init_from': keys}})}"]


def test_the_pretraining_is_a_run_of_its_own_and_the_system_starts_from_it(run):
    results = run.folder / "results"
    own = results / "captions/best_how2"
    statistics = json.loads((own / "corpus/statistics.json").read_text())
    assert (statistics["training"]["dialogs"], statistics["validation"]["dialogs"]) == (7, 1)
    assert statistics["taken_out"]["broken_captions"] == 0
    trained = json.loads((own / "corpus/training.json").read_text())["dialogs"]
    colour = trained[0]["image_id"].removeprefix("c")
    assert [turn["answer"] for turn in trained[0]["dialog"]] == [f"it 's {colour} .", "?"]
    words = json.loads((own / "vocabulary.json").read_text())["words"]
    assert {"what", "happens", "'s"} <= set(words)
    card = (results / "models/best_how2/README.md").read_text()
    assert f"a pretraining on captions ({run.folder / 'captions.json'})" in card
    log = (results / "logs/train/best_how2.log").read_text()
    assert "tensors taken over from results/captions/best_how2/models/best_how2" in log
    assert "+ made captions, not How2 | man. | man. | this run | 0." in (results / "tables/table2.md").read_text()


def test_what_changes_plans_what(run):
    assert run.planned() == {}
    assert set(run.planned(config=start(training={"epochs": 2}))) == {"pretrain", *AFTER}
    assert set(run.planned(config=start(question="why ?"))) == {
        "pretraining_corpus",
        "pretraining_vocabulary",
        "pretrain",
        *AFTER,
    }
    assert set(run.planned(config=['systems={"best_how2": {"training": {"clip": 3}}}'])) == {"pretrain", *AFTER}
    assert set(run.planned(config=['systems={"best_how2": {"description": {"train": "none"}}}'])) == AFTER
    assert set(run.planned(config=['systems={"best_how2": {"label": "other"}}'])) <= REPORTED
    captions = run.folder / "captions.json"
    captions.write_text(captions.read_text().replace("red", "orange"))
    assert run.planned()["pretraining_corpus"] == run.planned()["pretrain"] == run.planned()["train"] == 1
