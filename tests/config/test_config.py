import datetime
import json
from pathlib import Path

import pytest
import yaml

from pipeline.config import Config, load, merge, parse
from pipeline.errors import UserError

ROOT = Path(__file__).resolve().parents[2]


def experiment(*overlays):
    values = yaml.safe_load((ROOT / "config.yaml").read_text())
    for overlay in overlays:
        values = merge(values, overlay)
    return values


@pytest.mark.parametrize("name", [None, "clips", "avsd-text", "avsd-reduced", "captions", "charades"])
def test_shipped_configurations_are_valid(name):
    sources = [str(ROOT / "config.yaml")] + ([] if name is None else [str(ROOT / "configs" / f"{name}.yaml")])
    assert isinstance(load(sources), Config)


def test_charades_has_the_papers_settings():
    config = load([str(ROOT / "config.yaml"), str(ROOT / "configs" / "charades.yaml")])
    sizes = config.sizes("ours_man_man")
    assert (sizes.embedding, sizes.question_hidden, sizes.question_layers, sizes.context) == (200, 256, 2, 256)
    assert sizes.projection == {"i3d_rgb": 512, "i3d_flow": 512, "vggish": 64}
    assert (config.features["i3d_rgb"].window, config.features["i3d_rgb"].stride) == (16, 16)
    assert config.features["i3d_flow"].flow.method == "tvl1"
    assert (config.answers.beam, config.answers.bonus, config.vocabulary.min_count) == (5, 1.0, 4)
    assert config.training_of("baseline").epochs == 15
    beside = {*config.matching.run, *(name for name in config.systems if "_fold" in name)} - {*config.run}
    papers = config.systems.keys() - {*config.distilled, *beside}
    trained = {name: config.training_of(name) for name in papers if config.systems[name].network}
    assert {name for name, settings in trained.items() if settings.epochs != 20} == {"baseline", "describer"}
    assert {settings.learning_rate for settings in trained.values()} == {1e-3}


SEES = {"label": "x", "task": "describe", "network": "attention", "features": ["i3d_rgb"]}


@pytest.mark.parametrize(
    ("overlay", "message"),
    [
        ({"trainin": {}}, "trainin: no such key; did you mean training?"),
        ({"training": {"epochs": 0}}, "training.epochs"),
        ({"run": ["nobody"]}, "run: 'nobody' is not in systems"),
        ({"extract": ["c3d"]}, "extract: 'c3d' is not in features"),
        ({"systems": {"st": {"teacher": "gone"}}}, "systems.st.teacher: 'gone' is not in systems"),
        ({"systems": {"st": {"teacher": "jst"}}}, "is itself a student"),
        ({"systems": {"st": {"loss": "ce"}}}, "teacher goes with every loss but ce"),
        ({"systems": {"st": {"model": "jst"}}}, "give either network"),
        ({"systems": {"st": {"features": ["c3d"]}}}, "systems.st.features: 'c3d' is not in features"),
        ({"systems": {"best": {"history": True}}}, "systems.best.history: hierarchical has no encoder for the dialog"),
        (
            {"systems": {"best": {"network": "captioner", "sizes": {}}}},
            "systems.best.network: captioner reads no question: it goes with task: describe",
        ),
        ({"systems": {"st": {"loss": "rep"}}}, "systems.st.loss: Input should be 'ce', 'st', 'st_context' or 'joint'"),
        (
            {"systems": {"one": SEES, "two": {**SEES, "loss": "rep", "teacher": "one"}}},
            "systems.two.loss: rep goes with network captioner, the teacher's too",
        ),
        (
            {"systems": {"one": SEES, "two": {**SEES, "loss": "rep", "teacher": "one", "freeze": ["output"]}}},
            "freeze does not go with the loss rep",
        ),
        # What says how a network is made or trained counts for nothing beside another's model.
        *(
            (
                {"systems": {"without_vggish": values}},
                f"systems.without_vggish.{key}: says otherwise than 'ours_none_none'",
            )
            for key, values in (
                ("freeze", {"freeze": ["attention"]}),
                ("features", {"features": ["i3d_rgb"]}),
                ("sizes", {"sizes": {"dropout": 0.1}}),
                ("training", {"training": {"epochs": 3}}),
                ("init_from", {"init_from": "elsewhere"}),
                ("history", {"history": False}),
                ("loss", {"loss": "st", "teacher": "ours_man_man"}),
            )
        ),
        (
            {"systems": {"chooser_blind": {"choices": 3}}},
            "systems.chooser_blind.choices: says otherwise than 'chooser'",
        ),
        ({"systems": {"generator": {"history": True}}}, "answers, and sees the history as it was trained to: history"),
        ({"systems": {"jst": {"sizes": {"context": 7}}}}, "systems.jst.loss: joint compares context vectors, 7"),
        ({"systems": {"st": {"sizes": {"width": 3}}}}, "width"),
        ({"systems": {"without_vggish": {"without": ["smell"]}}}, "'smell' is not an input of the model"),
        *(
            (
                {"features": {name: {"network": "i3d_rgb"}}, "systems": {"st": {"features": [name]}}},
                f"systems.st.features: {name!r} cannot name an input of a network",
            )
            for name in ("history", "keys", "2024", "one-two")
        ),
        ({"networks": {"transformer": {}}}, "network 'transformer' is not known"),
        (
            {"features": {"i3d_rgb": {"media": {"fsp": 6}}}},
            "features.i3d_rgb.media.fsp: no such key; did you mean fps?",
        ),
        ({"features": {"i3d_rgb": {"media": {"size": 1}}}}, "features.i3d_rgb.media.size: Input should be"),
        ({"features": {"i3d_rgb": {"media": {"max_bad_fraction": 1}}}}, "media.max_bad_fraction: no such key (fps,"),
        ({"features": {"vggish": {"media": {"fps": 6}}}}, "features.vggish.media: no such key (batch,"),
    ],
)
def test_mistakes_are_one_line_that_names_them(overlay, message):
    with pytest.raises(UserError) as error:
        parse(experiment(overlay))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_what_says_the_same_as_the_model_may_stand_there():
    features = experiment()["systems"]["ours_none_none"]["features"]
    said = {"model": "ours_none_none", "features": features, "history": True}
    config = parse(experiment({"systems": {"without_vggish": said}}))
    assert config.trained("without_vggish")[0] == "ours_none_none"


def test_inline_json_is_laid_over_files(tmp_path):
    first = tmp_path / "a.yaml"
    first.write_text("training: {epochs: 3, clip: 2}\n")
    config = load([str(first), json.dumps({"training": {"epochs": 5}})])
    assert (config.training.epochs, config.training.clip) == (5, 2.0)


@pytest.mark.parametrize("text", ["a: [", "- 1", "{not json"])
def test_unreadable_configuration(tmp_path, text):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=r"bad\.yaml"):
        load([str(path)])


def test_null_on_the_command_line_is_none():
    assert parse(experiment({"dialogs": {"validation": "null"}})).dialogs.validation is None


ENTRY = {"label": "x", "network": "attention"}


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ({"results": 2024}, {"results": "2024"}),
        ({"results": -1}, {"results": "-1"}),
        ({"results": 1.5, "resources": 0, "videos": 7}, {"results": "1.5", "resources": "0", "videos": "7"}),
        ({"results": datetime.date(2024, 1, 31)}, {"results": "2024-01-31"}),
        ({"dialogs": {"training": 5}}, {"dialogs": {"training": "5"}}),
        (
            {"run": [1], "systems": {1: {**ENTRY, "label": 7, "row": 2, "init_from": 3}}},
            {"run": ["1"], "systems": {"1": {**ENTRY, "label": "7", "row": "2", "init_from": "3"}}},
        ),
        (
            {"systems": {1: ENTRY, "b": {"label": "", "model": 1, "without": ["history"]}}, "scoring": {"against": 1}},
            {
                "systems": {"1": ENTRY, "b": {"label": "", "model": "1", "without": ["history"]}},
                "scoring": {"against": "1"},
            },
        ),
        (
            {"extract": [2], "features": {2: {"network": "i3d_rgb", "weights": 8, "npy": 9}}},
            {"extract": ["2"], "features": {"2": {"network": "i3d_rgb", "weights": "8", "npy": "9"}}},
        ),
        ({"features": {3: {"network": "i3d_flow", "flow": {"weights": 4}}}}, None),
    ],
)
def test_numbers_where_texts_are_asked_for(typed, text):
    """As YAML and Snakemake's --config hand them over."""
    config = parse(typed)
    if text is not None:
        assert config == parse(text)
        assert parse(json.loads(json.dumps(text))) == config
    else:
        assert config.features["3"].flow.weights == Path("4")


def test_numbers_stay_numbers():
    media = {"network": "i3d_rgb", "media": {"fps": 25}, "stride": 4}
    config = parse({"media": {"fps": 12}, "training": {"epochs": 3}, "features": {"f": media}})
    assert (config.media.fps, config.training.epochs, config.media_of("f").fps) == (12, 3, 25)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"results": True}, "results: expected a text, found True; put quotes around it"),
        ({"systems": {"a": {**ENTRY, "label": False}}}, "systems.a.label: expected a text, found False; put quotes"),
        ({"features": {"a": {"network": "i3d_rgb", "weights": True}}}, "features.a.weights: expected a text"),
        ({"run": [True]}, "run.0: expected a text, found True"),
        ({"results": float("nan")}, "results: nan is no finite number"),
        ({"results": ["a"]}, r"results: expected a text, found \['a'\]$"),
        ({"systems": {1: ENTRY, "1": ENTRY}}, "the key 1 stands twice, as a number and as a text"),
    ],
)
def test_what_is_no_text(values, message):
    with pytest.raises(UserError, match=message) as caught:
        parse(values, "x.yaml")
    assert "\n" not in str(caught.value)


def test_a_features_media_settings_are_laid_over_the_section():
    values = {"media": {"fps": 12, "resize": "short_side"}, "features": {"i3d_flow": {"media": {"fps": 6}}}}
    config = parse(experiment({**values, "media": {**values["media"], "max_bad_fraction": 0.2}}))
    flow, rgb, sound = (config.media_of(name) for name in ("i3d_flow", "i3d_rgb", "vggish"))
    assert (flow.fps, flow.resize, flow.max_bad_fraction) == (6, "short_side", 0.2)
    assert rgb == sound == config.media


def test_variant_answers_with_another_systems_model():
    config = parse(experiment())
    assert config.trained("ours_man_none")[0] == "ours_man_man"
    assert config.trained("st")[0] == "st"


def test_descriptions_in_use_include_the_teachers():
    in_use = {"vocabulary": {"descriptions": []}}
    assert parse(experiment(in_use)).descriptions() == {"summary"}
    assert parse(experiment(in_use, {"run": ["st"]})).descriptions() == {"summary"}
    assert parse(experiment(in_use, {"run": ["ours_none_none"]})).descriptions() == frozenset()
    both = {"run": ["ours_man_man"], "systems": {"ours_man_man": {"description": {"train": "both"}}}}
    assert parse(experiment(in_use, both)).descriptions() == {"summary", "caption"}


def test_the_words_do_not_depend_on_what_else_is_run():
    for run in (["ours_man_man", "ours_none_none"], ["ours_none_none"], ["st"]):
        assert parse(experiment({"run": run})).descriptions() == {"summary"}


def test_a_description_is_a_persons_or_a_json_file():
    described = {"run": [], "systems": {"one": {"label": "One", "network": "attention"}}}
    for given, expected in (("both", "both"), ("none", "none"), ("auto/told.json", Path("auto/told.json"))):
        systems = {"one": {"description": {"test": given}}}
        assert parse(merge(described, {"systems": systems})).systems["one"].description.test == expected
    with pytest.raises(UserError, match=r"systems\.one\.description\.test.*'none', 'summary', 'caption' or 'both'"):
        parse(merge(described, {"systems": {"one": {"description": {"test": "sumary"}}}}))
