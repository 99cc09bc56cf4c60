"""The workflow on a tiny corpus, from nothing to the report, then run again after changes."""

import csv
import json
import shutil

import h5py
import pytest

pytestmark = pytest.mark.slow
TINY = [
    "corpus={shards: 2, scenes: {counts: {training: 10, validation: 3, trial: 3, official: 3}, seconds: 4}}",
    "vocabulary={min_count: 2}",
    "training={epochs: 1}",
    "scoring={bootstrap: 50}",
    "features={i3d_rgb: {input_size: 32}, i3d_flow: {input_size: 32}}",
]


@pytest.fixture(scope="module")
def run(tmp_path_factory, workflow, kinetics_weights):
    tiny = workflow(tmp_path_factory.mktemp("tiny"), "--config", *TINY, f"resources={kinetics_weights}")
    tiny()
    return tiny


def test_everything_is_there(run):
    results = run.folder / "results"
    for name in ("table2.md", "table2.csv", "table2.tex", "table3.md", "table3.csv", "table3.tex"):
        assert (results / "tables" / name).stat().st_size > 0
    page = (results / "report.html").read_text()
    assert "Student-teacher L_JST" in page
    scores = json.loads((results / "scores/jst/official.json").read_text())
    assert set(scores["metrics"]) == {"BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "METEOR", "ROUGE-L", "CIDEr"}
    assert scores["signature"]["items"] == 3
    assert len(json.loads((results / "scores/jst/trial.json").read_text())["items"]) == 30
    assert not list((results / "decoded").glob("*.h5"))


def test_features_have_the_windows_rows(run):
    """4 s at 8 frames a second are 32 frames; with stride 16, 32 // 16 = 2 rows."""
    rows = {}
    for path in (run.folder / "results/features/i3d_rgb").glob("*.h5"):
        with h5py.File(path) as shard:
            rows.update(zip(shard["video_ids"].asstr()[:], shard["offsets"][1:] - shard["offsets"][:-1], strict=True))
            assert shard["values"].shape[1] == 2048
    assert len(rows) == 19 and set(rows.values()) == {2}


def test_table3_has_a_row_for_every_system_of_the_paper(run):
    with (run.folder / "results/tables/table3.csv").open() as file:
        text = file.read()
    for label in ("AVSD baseline", "AVSD best system", "Our system", "L_ST", "L_JST"):
        assert label in text
    assert list(csv.reader(text.splitlines()))


def test_a_second_run_has_nothing_to_do(run):
    assert run.planned() == {}
    assert "Nothing to be done" in run().text


def test_a_change_recomputes_what_depends_on_it(run):
    features = TINY[-1].removesuffix("}") + ", vggish: {relu: true}}"
    relu = run.planned("features", config=[features])
    assert relu["decode"] == 2 and "scenes" not in relu and "corpus" not in relu
    # Where decoded shards were kept, the changed feature is the only one made again.
    decoded = [f"results/decoded/{shard}.h5" for shard in ("0000", "0001")]
    run(*decoded, "--notemp")
    kept = run.planned("features", "--notemp", config=[features])
    for path in decoded:
        (run.folder / path).unlink()
    assert kept["extract"] == 2 and "decode" not in kept
    beam = run.planned(config=["answers={beam: 2}"])
    assert "train" not in beam and "extract" not in beam and beam["answer"] == 18


def test_a_killed_job_leaves_nothing_half_done(run):
    """A lost shard is made again; its decoded videos are gone too, so that shard's other features come along."""
    folder = run.folder / "results/features/vggish"
    lost = sorted(folder.glob("*.h5"))[0]
    kept = lost.read_bytes()
    lost.unlink()
    planned = run.planned("features")
    assert planned["extract"] == 3 and planned["decode"] == 1
    lost.write_bytes(kept)


def test_snakemake_report(run):
    done = run("--report", str(run.folder / "workflow.html"))
    assert (run.folder / "workflow.html").stat().st_size > 10_000, done.text


def test_a_new_video_recomputes_one_shard(run, tmp_path, workflow):
    clips = tmp_path / "clips"
    clips.mkdir()
    scenes = sorted((run.folder / "results/scenes/videos").glob("*.mp4"))
    for path in scenes[:6]:
        shutil.copy2(path, clips)
    options = ["corpus={source: files, shards: 4}", "run=[]", "extract=[vggish]", f"videos={clips}"]
    features = workflow(tmp_path, "--config", *options)
    features()
    assert features.planned() == {}
    shutil.copy2(scenes[6], clips)
    planned = features.planned()
    assert planned["decode"] == 1 and planned["extract"] == 1
    (clips / "broken.mp4").write_text("not a video")
    features()
    quarantined = "".join(path.read_text() for path in (tmp_path / "results/quarantine").glob("*.tsv"))
    assert "broken" in quarantined
