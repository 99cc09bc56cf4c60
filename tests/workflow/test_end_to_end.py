"""The workflow on a tiny corpus, from nothing to the report, then run again after changes."""

import csv
import json
import shutil
import wave

import h5py
import numpy as np
import pytest

from pipeline.config import merge
from pipeline.corpus.shards import shard_name, shard_of

pytestmark = pytest.mark.slow
FEATURES = {"i3d_rgb": {"input_size": 32}, "i3d_flow": {"input_size": 32}}


def features(changes):
    """The tiny features with ``changes``, as --config takes them."""
    return f"features={json.dumps(merge(FEATURES, changes))}"


TINY = [
    "corpus={shards: 2, scenes: {counts: {training: 10, validation: 3, trial: 3, official: 3, captions: 20}}}",
    "vocabulary={min_count: 2}",
    "training={epochs: 1}",
    "scoring={bootstrap: 50}",
    features({}),
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
    assert not list((results / "decoded").rglob("*.h5"))
    assert sorted(path.name for path in (results / "quarantine").glob("*.tsv")) == ["0000.tsv", "0001.tsv"]


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
    for label in ("AVSD baseline", "AVSD best system", "made captions, not How2", "Our system", "L_ST", "L_JST"):
        assert label in text
    assert list(csv.reader(text.splitlines()))


def test_a_second_run_has_nothing_to_do(run):
    assert run.planned() == {}
    assert "Nothing to be done" in run().text


def jobs_of(feature, *shards):
    return [(job, feature, shard) for job in ("Decoding", "Extracting") for shard in shards]


@pytest.mark.parametrize(
    ("feature", "settings"),
    [
        ("vggish", {"relu": True}),
        ("i3d_flow", {"input_size": 48}),
        ("i3d_rgb", {"window": 8}),
        ("i3d_rgb", {"weights": "random"}),
        ("i3d_flow", {"media": {"fps": 6}}),
        ("i3d_rgb", {"media": {"resize": "short_side", "size": 32}}),
        ("loud", {"network": "vggish", "relu": True}),
    ],
)
def test_a_changed_or_new_feature_is_computed_alone(run, feature, settings):
    jobs = run.feature_jobs(config=[features({feature: settings}), f"extract=[{feature}]"])
    assert jobs == jobs_of(feature, "0000", "0001")


def test_media_settings_of_all_leave_the_sound_alone(run):
    frames = [*jobs_of("i3d_flow", "0000", "0001"), *jobs_of("i3d_rgb", "0000", "0001")]
    assert run.feature_jobs(config=["media={fps: 6}"]) == sorted(frames)
    assert run.feature_jobs(config=["media={max_bad_fraction: 0.5}"]) == []


def test_search_settings_recompute_answers_only(run):
    beam = run.planned(config=["answers={beam: 2}"])
    assert "train" not in beam and "extract" not in beam and beam["answer"] == 26


def test_a_killed_job_leaves_nothing_half_done(run):
    """A lost shard is decoded for its own feature and made again; nothing else is."""
    lost = run.folder / "results/features/vggish/0001.h5"
    kept = lost.read_bytes()
    lost.unlink()
    assert run.feature_jobs() == jobs_of("vggish", "0001")
    lost.write_bytes(kept)


def test_snakemake_report(run):
    done = run("--report", str(run.folder / "workflow.html"))
    assert (run.folder / "workflow.html").stat().st_size > 10_000, done.text


@pytest.fixture(scope="module")
def clips(run, tmp_path_factory, workflow, kinetics_weights):
    """Features of six clips of the user's own, their decoded shards kept."""
    folder = tmp_path_factory.mktemp("clips")
    (folder / "videos").mkdir()
    for path in scene_clips(run)[:6]:
        shutil.copy2(path, folder / "videos")
    options = [
        "corpus={source: files, shards: 4}",
        "run=[]",
        "extract=[i3d_rgb, vggish]",
        f"videos={folder / 'videos'}",
    ]
    clips = workflow(folder, "--config", *options, features({}), f"resources={kinetics_weights}")
    clips("--notemp")
    return clips


def scene_clips(run):
    return sorted((run.folder / "results/scenes/videos").glob("*.mp4"))


def rows(clips, feature):
    """Rows of each video, and when each shard was written."""
    found, written = {}, {}
    for path in sorted((clips.folder / "results/features" / feature).glob("*.h5")):
        written[path.name] = path.stat().st_mtime_ns
        with h5py.File(path) as shard:
            found.update(zip(shard["video_ids"].asstr()[:], np.diff(shard["offsets"][:]).tolist(), strict=True))
    return found, written


def test_kept_decoded_shards_are_not_decoded_again(clips):
    jobs = clips.feature_jobs("--notemp", config=[features({"i3d_rgb": {"window": 8}})])
    assert jobs and {job[:2] for job in jobs} == {("Extracting", "i3d_rgb")}


def test_a_rate_of_its_own_changes_that_feature_alone(clips):
    """4 s at 4 frames a second are 16 frames, one row with stride 16; at the clips' own 8 a second they were two."""
    before, sound = rows(clips, "i3d_rgb"), rows(clips, "vggish")
    slower = [features({"i3d_rgb": {"media": {"fps": 4}}})]
    # Decoding for the lists alone leaves no decoded shard behind; the feature must be made again all the same.
    clips("quarantine", config=slower)
    assert rows(clips, "i3d_rgb") == before
    clips(config=slower)
    after = rows(clips, "i3d_rgb")
    assert set(before[0].values()) == {2} and after[0] == dict.fromkeys(before[0], 1)
    assert not before[1].items() & after[1].items()
    assert rows(clips, "vggish") == sound
    assert clips.planned(config=slower) == {}
    clips()
    assert rows(clips, "i3d_rgb")[0] == before[0]


def test_a_new_video_recomputes_one_shard_of_each_feature(clips, run):
    assert clips.planned() == {}
    new = scene_clips(run)[6]
    shutil.copy2(new, clips.folder / "videos")
    shard = shard_name(shard_of(new.stem, 4))
    assert clips.feature_jobs() == sorted([*jobs_of("i3d_rgb", shard), *jobs_of("vggish", shard)])


def test_a_video_without_picture_is_listed_and_its_sound_kept(clips):
    videos = clips.folder / "videos"
    (videos / "broken.mp4").write_text("not a video")
    with wave.open(str(videos / "blind.mp4"), "wb") as sound:
        sound.setparams((1, 2, 16000, 0, "NONE", ""))
        sound.writeframes(bytes(2 * 16000))
    clips()
    lines = [path.read_text().splitlines() for path in sorted((clips.folder / "results/quarantine").glob("*.tsv"))]
    assert {header for header, *_ in lines} == {"video\tfeatures\tstage\treason\tdecoder's words"}
    bad = sorted(line.split("\t")[:4] for _, *found in lines for line in found)
    assert bad == [
        ["blind", "i3d_rgb", "probe", "no video stream"],
        ["broken", "i3d_rgb,vggish", "probe", "not a readable media file"],
    ]
    pictures, sounds = rows(clips, "i3d_rgb")[0], rows(clips, "vggish")[0]
    assert sounds.pop("blind") == 1 and pictures.keys() == sounds.keys()
