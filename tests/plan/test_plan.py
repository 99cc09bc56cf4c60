import json
from pathlib import Path

import pytest
import yaml

from pipeline.config import load, merge, parse
from pipeline.config.dependence import answering_entries, trained_entry, training_values
from pipeline.corpus.shards import shard_name, shard_of
from pipeline.errors import UserError
from pipeline.plan import Plan
from pipeline.versions import STAGES

ROOT = Path(__file__).resolve().parents[2]
TRAINING = {"dialogs": {"training": str(ROOT / "config.yaml")}}
"""Any file that is there: a plan does not read dialogs."""


def default(**overlay):
    return parse(merge(yaml.safe_load((ROOT / "config.yaml").read_text()), overlay))


@pytest.fixture
def clips(tmp_path):
    folder = tmp_path / "clips"
    folder.mkdir()
    for index in range(40):
        (folder / f"clip{index}.mp4").touch()
    (folder / "notes.txt").touch()
    return folder


def files(clips, **overlay):
    base = {"videos": str(clips), "run": [], "extract": ["i3d_rgb"], "corpus": {"source": "files", "shards": 4}}
    return default(**merge(base, overlay))


def test_teachers_come_before_students():
    plan = Plan(default(run=["jst", "ours_man_none"]))
    assert plan.trained == ["ours_man_man", "jst"]


def test_features_are_those_the_systems_see():
    assert Plan(default(run=["baseline"])).features == ["i3d_rgb", "i3d_flow"]
    assert Plan(default(run=["baseline"], extract=["vggish"])).features == ["vggish", "i3d_rgb", "i3d_flow"]


def test_text_only_systems_need_no_decoding():
    systems = {"ours_none_none": {"features": []}}
    plan = Plan(default(run=["ours_none_none"], systems=systems))
    assert plan.features == []


def test_media_settings_of_one_feature():
    overlay = {"media": {"fps": 12, "resize": "direct"}, "features": {"i3d_flow": {"media": {"fps": 6, "size": 64}}}}
    plan = Plan(default(**overlay))
    common = {"resize": "direct", "scaler": "bilinear"}
    for kind in ("decode", "extract"):
        settings = {name: json.loads(getattr(plan, f"{kind}_settings")(name)) for name in plan.computed}
        assert settings["i3d_rgb"]["media"] == {"fps": 12, "size": 224, **common}
        assert settings["i3d_flow"]["media"] == {"fps": 6, "size": 64, **common}
        assert "media" not in settings["vggish"]
        assert not any("media" in settings[name]["features"][name] for name in plan.computed)
    by_the_workflow = load([plan.decode_settings("i3d_flow"), plan.machine()])
    assert by_the_workflow.media_of("i3d_flow") == plan.config.media_of("i3d_flow")


def test_a_quarantine_list_for_every_shard_of_videos(clips, tmp_path):
    (tmp_path / "npy").mkdir()
    (tmp_path / "npy" / "clip0.npy").touch()
    npy = {"features": {"i3d_flow": {"npy": str(tmp_path / "npy")}}}
    plan = Plan(files(clips, extract=["i3d_rgb", "i3d_flow", "vggish"], **npy))
    shards = [f"{shard:04d}.tsv" for shard in range(4)]
    assert [path.relative_to("results/quarantine").as_posix() for path in plan.quarantine] == shards
    made = [f"{feature}/{shard}" for feature in ("i3d_rgb", "vggish") for shard in shards]
    assert [path.relative_to("results/quarantine").as_posix() for path in plan.unread] == made
    nothing_decoded = Plan(files(clips, extract=["i3d_flow"], **npy))
    assert nothing_decoded.quarantine == [] and nothing_decoded.unread == []


def test_a_new_video_touches_one_shard(clips):
    before = Plan(files(clips))
    (clips / "new.mkv").touch()
    after = Plan(files(clips))
    new = shard_name(shard_of("new", 4))
    changed = [shard for shard in after.shards("i3d_rgb") if after.videos(shard) != before.videos(shard)]
    assert changed == [new]
    assert sum(len(after.videos(shard)) for shard in after.shards("i3d_rgb")) == 41


def test_two_files_of_one_id_are_refused(clips):
    (clips / "clip3.mkv").touch()
    with pytest.raises(UserError, match=r"clip3\.mkv and clip3\.mp4 have the same id"):
        Plan(files(clips)).shards("i3d_rgb")


def test_npy_features_need_no_video(tmp_path):
    folder = tmp_path / "i3d_rgb"
    testset = tmp_path / "i3d_rgb_testset"
    for place, name in ((folder, "A"), (folder, "B"), (testset, "C")):
        place.mkdir(exist_ok=True)
        (place / f"{name}.npy").touch()
    config = files(tmp_path, features={"i3d_rgb": {"npy": str(folder)}}, videos=None)
    plan = Plan(config)
    assert plan.gathered == ["i3d_rgb"] and plan.computed == []
    gathered = [path.stem for shard in plan.shards("i3d_rgb") for path in plan.npy_files("i3d_rgb", shard)]
    assert sorted(gathered) == ["A", "B", "C"]


@pytest.mark.parametrize(
    ("overlay", "message"),
    [
        ({"videos": None}, "videos: not set"),
        ({"videos": "nowhere"}, "nowhere: no such folder"),
        ({"features": {"i3d_rgb": {"weights": "gone.pt"}}}, r"gone\.pt: no such weights file"),
        (
            {"features": {"i3d_rgb": {"npy": "gone"}}},
            r"features\.i3d_rgb\.npy: gone: no such folder of <video id>\.npy files",
        ),
        ({"run": ["baseline"]}, r"dialogs\.training: not set"),
        ({"device": "cuda:1"}, r"device: 'cuda:1' is one GPU.*CUDA_VISIBLE_DEVICES=1$"),
        (
            {"run": ["baseline"], "dialogs": {"training": "a.json", "official": "b.json"}},
            r"dialogs\.references: not set",
        ),
        ({"run": ["baseline"], "dialogs": {"training": "a.json", "trial": "b.json"}}, r"a\.json: no such file"),
        (
            {"run": ["jst"], "systems": {"ours_man_man": {"description": {"train": "told.json"}}}, **TRAINING},
            r"told\.json: no such file \(systems\.ours_man_man",
        ),
        (
            {
                "run": ["ours_man_none"],
                "systems": {"ours_man_none": {"description": {"test": "told.json"}}},
                **TRAINING,
            },
            r"told\.json: no such file \(systems\.ours_man_none",
        ),
        (
            {"run": ["baseline"], "systems": {"baseline": {"init_from": "captions"}}, **TRAINING},
            r"captions/model\.safetensors: no such file \(systems\.baseline",
        ),
        (
            {"run": ["baseline"], "systems": {"baseline": {"answers": {"min_length": 31}}}, **TRAINING},
            r"^answers\.min_length is 31 and answers\.max_length 25 \(of baseline\)",
        ),
    ],
)
def test_a_missing_file_is_named(clips, overlay, message):
    with pytest.raises(UserError, match=message):
        Plan(files(clips, **overlay))


def test_files_of_descriptions_and_of_a_pretrained_model_are_inputs(clips, tmp_path):
    told, model = tmp_path / "told.json", tmp_path / "pretrained"
    told.touch()
    model.mkdir()
    (model / "model.safetensors").touch()
    systems = {
        "ours_man_man": {"description": {"train": str(told), "test": "none"}, "init_from": str(model)},
        "ours_man_none": {"description": {"test": str(told)}},
    }
    plan = Plan(files(clips, run=["ours_man_none", "jst"], systems=systems, **TRAINING))
    weights = model / "model.safetensors"
    assert plan.training_files("ours_man_man") == [told, weights]
    assert plan.training_files("jst") == [told]
    assert plan.answer_files("ours_man_none") == [told]
    assert plan.answer_files("jst") == []
    assert plan.test_sets == [] and plan.answered == []
    by_the_workflow = load([plan.training_settings("jst"), plan.machine()])
    assert by_the_workflow.systems["ours_man_man"].description.train == told


def settings(plan):
    return {
        "corpus": plan.corpus_settings(),
        **{f"decode {name}": plan.decode_settings(name) for name in ("i3d_rgb", "i3d_flow", "vggish")},
        **{name: plan.extract_settings(name) for name in ("i3d_rgb", "i3d_flow", "vggish")},
        "vocabulary": plan.vocabulary_settings(),
        "train baseline": plan.training_settings("baseline"),
        "train st": plan.training_settings("st"),
        "answer st": plan.answer_settings("st"),
    }


@pytest.mark.parametrize(
    ("overlay", "changed"),
    [
        ({"results": "elsewhere", "device": "cuda"}, set()),
        ({"features": {"vggish": {"relu": True}}}, {"vggish"}),
        ({"features": {"i3d_rgb": {"window": 8}}}, {"i3d_rgb"}),
        ({"features": {"i3d_flow": {"flow": {"bound": 9}}}}, {"i3d_flow"}),
        ({"media": {"fps": 10}}, {"decode i3d_rgb", "decode i3d_flow", "i3d_rgb", "i3d_flow"}),
        ({"features": {"i3d_flow": {"media": {"fps": 10}}}}, {"decode i3d_flow", "i3d_flow"}),
        # What an override repeats is no change: config.yaml decodes at the source's rate.
        ({"features": {"i3d_flow": {"media": {"fps": "source"}}}}, set()),
        ({"media": {"max_bad_fraction": 0.5}}, set()),
        ({"media": {"max_pixels": 10**6, "max_seconds": 60, "max_frames": 999, "max_gap": 5}}, set()),
        (
            {"corpus": {"shards": 5}},
            {f"{kind}{f}" for kind in ("decode ", "") for f in ("i3d_rgb", "i3d_flow", "vggish")},
        ),
        ({"vocabulary": {"min_count": 2}}, {"vocabulary"}),
        ({"corpus": {"limit": 5}}, {"corpus"}),
        ({"systems": {"baseline": {"training": {"epochs": 2}}}}, {"train baseline"}),
        ({"answers": {"beam": 3}}, {"answer st"}),
        ({"scoring": {"filter": "none"}}, set()),
        ({"answers": {"batch_turns": 7}}, {"answer st"}),
        # What is not read: of scenes, of frames as they are, of a feature without flow, of a flow without weights.
        ({"corpus": {"holdout": 0.3}}, set()),
        ({"media": {"size": 99}}, set()),
        ({"media": {"size": 99, "resize": "direct"}}, {"decode i3d_rgb", "decode i3d_flow", "i3d_rgb", "i3d_flow"}),
        ({"features": {"i3d_rgb": {"flow": {"bound": 9}}}}, set()),
        ({"features": {"i3d_flow": {"flow": {"weights": str(ROOT / "config.yaml")}}}}, set()),
        # Values of batches of another size differ by rounding at most.
        ({"features": {"i3d_rgb": {"batch": 3}, "vggish": {"batch": "7"}}}, set()),
        ({"features": {"other": {"network": "vggish"}}}, set()),
        ({"networks": {"attention": {"context": 64}}}, {"train st"}),
        ({"networks": {"naive_fusion": {"fusion": 32}, "hierarchical": {"context": 3}}}, {"train baseline"}),
        ({"systems": {"ours_man_man": {"sizes": {"context": 128, "dropout": 0.2}}}}, {"train st"}),
        ({"systems": {"ours_man_man": {"description": {"test": "none"}}}}, set()),
        # Settings that only other losses read, projections of features that are not seen.
        ({"training": {"lambda_context": 9, "joint_shared_pass": True}}, set()),
        ({"training": {"label_smoothing": 0.1}}, {"train baseline"}),
        ({"training": {"student_from_teacher": True}}, {"train st"}),
        ({"training": {"temperature": 2}}, {"train st"}),
        ({"training": {"lambda_hard": 0.5}}, {"train st"}),
        # As it was before there were such settings.
        ({"training": {"temperature": "1", "lambda_hard": 0}}, set()),
        ({"networks": {"attention": {"projection": {"i3d_r50": 7}, "projection_default": 3}}}, set()),
        # What is said of a system, not what it is.
        (
            {"systems": {"st": {"label": "ST", "row": "best", "test_sets": ["trial"]}, "baseline": {"label": "B"}}},
            set(),
        ),
        ({"run": ["st", "baseline"]}, set()),
        ({"run": ["jst", "st", "baseline", "ours_none_none"]}, set()),
        (
            {
                "run": ["baseline", "st", "deaf"],
                "systems": {"deaf": {"label": "", "model": "st", "without": ["vggish"]}},
            },
            set(),
        ),
        # The same values, typed in other ways.
        ({"training": {"learning_rate": "6e-3", "epochs": "5", "clip": 5, "patience": "null"}}, set()),
        ({"systems": {"st": {"training": {"epochs": 5, "seed": 1}, "sizes": {"dropout": "1e-1"}}}}, set()),
        ({"systems": {"st": {"description": {"train": "none"}, "history": "true", "without": []}}}, set()),
        ({"networks": {"attention": {"decoder_layers": 1}}, "answers": {"beam": "5", "bonus": "3e-1"}}, set()),
        ({"results": "./results", "vocabulary": {"min_count": "4"}}, set()),
    ],
)
def test_settings_change_exactly_where_results_do(overlay, changed):
    before, after = settings(Plan(default())), settings(Plan(default(**overlay)))
    assert {name for name in before if before[name] != after[name]} == changed


def test_a_size_that_came_later_makes_no_model_anew():
    before = Plan(default()).training_settings("retriever")
    assert "text_term" not in before
    assert Plan(default(networks={"jsfusion": {"text_term": False}})).training_settings("retriever") == before
    after = Plan(default(networks={"jsfusion": {"text_term": True}})).training_settings("retriever")
    assert json.loads(after)["systems"]["retriever"]["sizes"]["text_term"] is True


def test_the_size_of_a_batch_reaches_the_extraction():
    plan = Plan(default(features={"i3d_rgb": {"batch": 3}}))
    for name, batch in (("i3d_rgb", 3), ("vggish", 64), ("i3d_flow", None)):
        by_the_workflow = load([plan.extract_settings(name), plan.machine(feature=name)])
        expected = plan.config.features[name].model_copy(update={"npy": None})
        assert by_the_workflow.features[name].batch == batch
        assert by_the_workflow.features[name] == expected


def test_a_word_is_counted_whatever_is_run_and_a_new_kind_of_description_counts():
    words = Plan(default()).vocabulary_settings()
    for run in (["ours_none_none"], ["ours_man_man"], ["baseline", "jst"]):
        assert Plan(default(run=run)).vocabulary_settings() == words
    captions = {"ours_none_none": {"description": {"train": "caption"}}}
    assert Plan(default(systems=captions)).vocabulary_settings() != words
    assert Plan(default(systems=captions, run=["baseline"])).vocabulary_settings() == words


def test_settings_are_configurations_of_their_own():
    plan = Plan(default())
    for name, text in settings(plan).items():
        json.loads(text)
        loaded = load([text, plan.machine()])
        assert loaded.results == plan.config.results, name
    for name in plan.trained:
        by_the_workflow = load([plan.training_settings(name), plan.machine(name)])
        assert trained_entry(by_the_workflow, name) == trained_entry(plan.config, name)
        assert training_values(by_the_workflow, name) == training_values(plan.config, name)
        assert by_the_workflow.systems[name].label == plan.config.systems[name].label
        assert by_the_workflow.systems[name].told("test") == plan.config.systems[name].told("test")
    for name in plan.config.run:
        by_the_workflow = load([plan.answer_settings(name), plan.machine(name)])
        assert answering_entries(by_the_workflow, name) == answering_entries(plan.config, name)
        assert by_the_workflow.answers == plan.config.answers_of(name)
    assert load([plan.vocabulary_settings()]).descriptions() == plan.config.descriptions()


@pytest.mark.parametrize("key", ["corpus.shards", "videos"])
def test_shards_that_earlier_runs_have_left_are_named(clips, tmp_path, key):
    """Whoever trains reads the whole folder of a feature, and a video that is in two shards is refused there."""
    results = tmp_path / "results"
    before = Plan(files(clips, results=str(results)))
    for path in [*before.feature_shards(["i3d_rgb"]), *before.quarantine]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (results / "features/i3d_rgb/mine.h5").touch()  # a user's own
    assert [path.name for path in before.quarantine] == ["0000.tsv", "0001.tsv", "0002.tsv", "0003.tsv"]
    assert before.notes == [f"{clips}: 1 of its entries not taken as videos: notes.txt"]
    if key == "corpus.shards":
        after = files(clips, results=str(results), corpus={"shards": 3})
    else:
        for path in list(clips.iterdir()):
            if shard_of(path.stem, 4) == 3:
                path.unlink()
        after = files(clips, results=str(results))
    said = "from an earlier run, with other videos or more shards (`corpus.shards`), and read with the rest"
    left = [
        f"{place}: {said}; delete what is out of date"
        for place in (f"{results}/features/i3d_rgb: 0003.h5", f"{results}/quarantine: 0003.tsv")
    ]
    assert [note for note in Plan(after).notes if "not taken" not in note] == left


def test_npy_files_with_braces_are_no_inputs_and_count_by_size_and_time(tmp_path):
    folder = tmp_path / "npy"
    folder.mkdir()
    for name in ("a", "b{c}"):
        (folder / f"{name}.npy").write_bytes(b"1")
    config = files(tmp_path, videos=None, corpus={"shards": 1}, features={"i3d_rgb": {"npy": str(folder)}})
    plan = Plan(config)
    assert plan.npy_files("i3d_rgb", "0000") == [folder / "a.npy"]
    before = plan.gathering("i3d_rgb", "0000")
    assert before[0] == STAGES["extract"] and len(before) == 2
    (folder / "b{c}.npy").write_bytes(b"22")
    assert Plan(config).gathering("i3d_rgb", "0000") != before
    (folder / "b{c}.npy").unlink()
    # As it was before there was such a parameter: nobody's features are gathered again for it.
    assert Plan(config).gathering("i3d_rgb", "0000") == STAGES["extract"]
