"""Captions of one's own: a folder of real clips and a file of sentences in, a trained captioner and its scores out."""

import json

import pytest

pytestmark = pytest.mark.slow
SPLITS = (
    "train",
    "train",
    "train",
    "train",
    "train",
    "train",
    "train",
    "train",
    "validate",
    "validate",
    "test",
    "test",
)


@pytest.fixture(scope="module")
def run(tmp_path_factory, workflow, shared):
    """A finished run on twelve clips; the sentences are made up, and alike but for one word."""
    folder = tmp_path_factory.mktemp("captions")
    ids = sorted(path.stem for path in (shared / "data/videos").iterdir())
    said = [{"video_id": name, "caption": f"A clip is {w} here."} for name in ids for w in ("shown", "seen")]
    videos = [{"video_id": name, "split": split} for name, split in zip(ids, SPLITS, strict=True)]
    broken = [{"video_id": "gone", "split": "dev"}, {"video_id": "silent", "split": "train"}]
    content = {"videos": [*videos, *broken], "sentences": [*said, {"video_id": ids[0], "caption": ""}]}
    (folder / "captions.json").write_text(json.dumps(content))
    own = {
        "videos": str(shared / "data/videos"),
        "captions": {"training": "captions.json"},
        "corpus": {"shards": 2},
        "vocabulary": {"min_count": 1},
        "features": {"vggish": {"network": "vggish"}},
        "networks": {"captioner": {"width": 16, "layers": 1, "dropout": 0}},
        "training": {"epochs": 30, "batch_turns": 4, "learning_rate": 0.02, "patience": 30},
        "scoring": {"bootstrap": 20},
        "systems": {"captioner": {"features": ["vggish"]}},
        "device": "cpu",
    }
    (folder / "own.yaml").write_text(json.dumps(own))
    finished = workflow(folder, "--configfile", workflow.root / "configs/captions.yaml", folder / "own.yaml")
    finished()
    return finished


def test_a_captioner_is_trained_scored_and_reported(run):
    results = run.folder / "results-captions"
    counts = json.loads((results / "corpus/statistics.json").read_text())
    assert [counts[split]["dialogs"] for split in ("training", "validation", "test")] == [8, 2, 2]
    assert counts["taken_out"]["broken_captions"] == 3
    answers = json.loads((results / "answers/captioner/test.json").read_text())["descriptions"]
    assert len(answers) == 2 and set(answers.values()) <= {"a clip is shown here", "a clip is seen here"}
    scores = json.loads((results / "scores/captioner/test.json").read_text())
    assert scores["metrics"]["BLEU-4"] == pytest.approx(1)
    assert (scores["signature"]["filter"], scores["signature"]["references"]) == ("none", "2")
    assert sorted(path.name for path in (results / "tables").glob("*.md")) == ["descriptions_test.md", "table1.md"]
    assert "| Captioner | this run | 1.000 |" in (results / "tables/descriptions_test.md").read_text()
    page = (results / "report.html").read_text()
    assert "Descriptions of the test videos" in page and next(iter(answers)) in page and "not run" not in page


def test_a_second_run_has_nothing_to_do_and_a_sentence_more_begins_again(run):
    assert run.planned() == {}
    assert set(run.planned(config=['captions={"marks": true}'])) >= {"corpus", "vocabulary", "train", "score"}
    assert "extract" not in run.planned(config=['captions={"marks": true}'])
