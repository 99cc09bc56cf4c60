import json
from pathlib import Path

import pytest
import yaml

from pipeline.config import load, merge, parse
from pipeline.corpus.shards import shard_name, shard_of
from pipeline.errors import UserError
from pipeline.plan import Plan

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
        ({"nodes": 2}, r"nodes: 2, but the workflow trains a system on one machine"),
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
        (
            {"corpus": {"shards": 5}},
            {f"{kind}{f}" for kind in ("decode ", "") for f in ("i3d_rgb", "i3d_flow", "vggish")},
        ),
        ({"vocabulary": {"min_count": 2}}, {"vocabulary"}),
        ({"corpus": {"limit": 5}}, {"corpus"}),
        ({"systems": {"baseline": {"training": {"epochs": 2}}}}, {"train baseline"}),
        ({"answers": {"beam": 3}}, {"answer st"}),
        ({"scoring": {"filter": "none"}}, set()),
    ],
)
def test_settings_change_exactly_where_results_do(overlay, changed):
    before, after = settings(Plan(default())), settings(Plan(default(**overlay)))
    assert {name for name in before if before[name] != after[name]} == changed


def test_settings_are_configurations_of_their_own():
    plan = Plan(default())
    for name, text in settings(plan).items():
        json.loads(text)
        loaded = load([text, plan.machine()])
        assert loaded.results == plan.config.results, name
    assert load([plan.training_settings("st")]).systems["st"] == plan.config.systems["st"]
    assert load([plan.vocabulary_settings()]).descriptions() == plan.config.descriptions()
