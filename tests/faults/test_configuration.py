"""Configurations that nobody can mean: one line that names the key, at once."""

import copy
import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pytest
import yaml
from annotated_types import Ge, Gt, Le, Lt
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import AfterValidator
from pydantic.fields import FieldInfo

from pipeline.config import Config, merge, parse
from pipeline.config.base import Overrides
from pipeline.errors import UserError
from pipeline.names import check_made_place, check_name, check_place, check_text
from pipeline.reference import SECTIONS

ROOT = Path(__file__).resolve().parents[2]
DEFAULT = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
GATE = "Configuration"
ENTRY = {"label": "x", "network": "attention"}
SEES = {"label": "x", "task": "describe", "network": "attention", "features": ["i3d_rgb"]}


def at(place: str, value: Any) -> dict[str, Any]:
    """A configuration that gives this value under a key like `media.fps`."""
    made: Any = value
    for key in reversed(place.split(".")):
        made = {key: made}
    return made


def more(*values: Any) -> Any:
    return pytest.param(*values, marks=pytest.mark.more)


@pytest.fixture
def refused(avsd, tmp_path):
    """Check that `avsd` refuses a configuration laid over the default one, and names these."""

    def run(overlay: Any, *names: str) -> None:
        name = "over.json"
        try:
            text = json.dumps(overlay, allow_nan=False)
        except ValueError:  # JSON has no such number, YAML has
            name, text = "over.yaml", yaml.safe_dump(overlay)
        (tmp_path / name).write_text(text, encoding="utf-8")
        outcome = avsd("tables", "--config", ROOT / "config.yaml", "--config", name)
        outcome.refused(*names)

    return run


# ---- every field has its bounds -------------------------------------------------------------------------------------

NAMES = {
    *("run", "extract", "against", "explain", "system", "teacher", "model", "network", "features", "systems"),
    *("freeze", "without", "seed_of", "loss", "task", "architecture", "npy", "projection", "networks"),
}
"""Fields that hold names, or mappings by name."""
DEVICE = next(mark for mark in Config.model_fields["device"].metadata if isinstance(mark, AfterValidator))
CHECKS = {check_name, check_text, check_place, check_made_place, DEVICE.func}


def leaves(annotation: Any, marks: tuple[Any, ...] = ()) -> Iterator[tuple[Any, list[Any]]]:
    """What a field may hold, keys of mappings too, with what is said of it."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    flat = [each for mark in marks for each in (mark.metadata if isinstance(mark, FieldInfo) else [mark])]
    if origin is Annotated:
        yield from leaves(arguments[0], (*arguments[1:], *marks))
    elif origin in (Union, UnionType):
        for argument in arguments:
            yield from leaves(argument, marks)
    elif origin is tuple:
        yield from leaves(arguments[0])
    elif origin is dict and arguments[1] is Any:
        assert any(isinstance(mark, Overrides) for mark in flat), "values of any kind, checked as nothing"
    elif origin is dict:
        yield from leaves(arguments[0])
        yield from leaves(arguments[1])
    elif origin is not Literal:
        yield annotation, flat


FIELDS = [(title, name, field) for title, model in SECTIONS for name, field in model.model_fields.items()]


@pytest.mark.parametrize(("title", "name", "field"), FIELDS, ids=lambda value: value if isinstance(value, str) else "")
def test_every_number_is_bounded_and_every_text_is_checked(title, name, field):
    for kind, marks in leaves(field.annotation, tuple(field.metadata)):
        if kind in (int, float):
            assert any(isinstance(mark, Ge | Gt) for mark in marks), f"{title}.{name}: no lower bound"
            assert any(isinstance(mark, Le | Lt) for mark in marks), f"{title}.{name}: no upper bound"
        checks = {mark.func for mark in marks if isinstance(mark, AfterValidator)}
        if kind is str and name in NAMES:
            assert checks == {check_name}, f"{title}.{name}: not of the type Name"
        if kind in (str, Path):
            assert checks & CHECKS, f"{title}.{name}: neither Name, Text nor Place"


def test_sections_that_are_checked_are_all_there_are():
    """Those of the documentation, and none is left out of it."""

    def inside(model: Any) -> set[Any]:
        found = {model}
        for field in model.model_fields.values():
            for kind, _ in leaves(field.annotation, tuple(field.metadata)):
                if hasattr(kind, "model_fields") and kind not in found:
                    found |= inside(kind)
        return found

    listed = {model for _, model in SECTIONS}
    told = {model.__name__ for model in inside(Config) - listed}
    assert told <= {"DescribedBy", "DescribedUnseen", "Fold", "System"}, told
    for model in inside(Config) - listed:
        for name, field in model.model_fields.items():
            test_every_number_is_bounded_and_every_text_is_checked(model.__name__, name, field)


# ---- values ---------------------------------------------------------------------------------------------------------

NUMBERS = ["media.fps", "answers.bonus", "training.learning_rate", "corpus.holdout", "systems.st.training.clip"]
WRONG = [float("nan"), float("inf"), -1e300, 10**40, 2**1024, "nan", "1e999", True, "x", [], {}, None]


@pytest.mark.fault(GATE, "a number that is none, or out of bounds", "one line naming the key")
@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("media.fps", 0),
        ("media.fps", -1),
        ("media.fps", float("nan")),
        ("media.fps", float("inf")),
        ("media.fps", 2**100),
        ("answers.bonus", float("nan")),
        ("corpus.shards", 100_000),
        more("corpus.scenes.size", 10**9),
        more("systems.st.sizes.embedding", 10**9),
        more("networks.attention.dropout", float("nan")),
        more("systems.st.sizes.projection.vggish", 0),
        more("features.i3d_rgb.window", 10**9),
        more("features.i3d_rgb.media.fps", 0),
        more("features.i3d_flow.flow.bound", float("inf")),
        more("distillation.rates", [1e-9]),
        more("distillation.training.epochs", 0),
        more("training.seed", 2**64),
        more("processes", 10**6),
        *(more(place, value) for place in NUMBERS for value in WRONG),
    ],
)
def test_numbers(refused, place, value):
    refused(at(place, value), place)


ODD = [
    "..",
    ".",
    "",
    " ",
    "a b",
    "a/b",
    "a\\b",
    "-a",
    ".a",
    "a\0b",
    "a\nb",
    "a.b",
    "a" * 101,
    "\u202ea",
    "a\u200b",
    "<b>",
]


@pytest.mark.fault(GATE, "a name that cannot name files", "one line naming the key")
@pytest.mark.parametrize(
    ("section", "name"),
    [
        ("systems", ".."),
        ("features", ".."),
        ("systems", "-a"),
        *(more(section, name) for section in ("systems", "features", "run", "extract") for name in ODD),
        *(more("systems.st.teacher", name) for name in ODD),
        *(more("scoring.against", name) for name in ODD),
        *(more("systems.st.init_from.system", name) for name in ODD),
    ],
)
def test_names(refused, section, name):
    value = {"systems": {name: ENTRY}, "features": {name: {"network": "i3d_rgb"}}, "run": [name], "extract": [name]}
    refused({section: value[section]} if section in value else at(section, name), section)


@pytest.mark.fault(GATE, "two names that are one file's name", "one line naming both")
@pytest.mark.parametrize(
    ("overlay", "names"),
    [
        ({"systems": {"ST": ENTRY}}, ["systems", "ST", "st"]),
        ({"systems": {"STRASSE": ENTRY, "straße": ENTRY}}, ["systems", "STRASSE", "straße"]),
        ({"features": {"I3D_RGB": {"network": "i3d_rgb"}}}, ["features", "I3D_RGB"]),
        ({"systems": {"a": {**ENTRY, "seeds": 2}, "a_s2": ENTRY}}, ["systems.a.seeds", "a_s2"]),
        more({"systems": {"a": {**ENTRY, "seeds": 2}, "A_S2": ENTRY}}, ["systems", "a_s2", "A_S2"]),
        more(
            {
                "systems": {
                    "told": {**ENTRY, "description": {"train": {"system": "says", "folds": 2}}},
                    "says": SEES,
                    "says_fold1of2": SEES,
                }
            },
            ["systems.says", "says_fold1of2"],
        ),
        more({"features": {"ﬁ": {"network": "i3d_rgb"}, "fi": {"network": "i3d_rgb"}}}, ["features", "fi"]),
    ],
)
def test_names_that_meet(refused, overlay, names):
    refused(overlay, *names)


PLACES = ["results", "resources", "videos", "data", "dialogs.training", "captions.test", "features.vggish.weights"]
PLACES += ["scoring.spice", "systems.st.init_from", "systems.st.init_from.model", "systems.st.description.test"]
ODD_PLACES = ["a\0b", "a\nb", "x" * 300, "y/" * 2000, "\x1b[31m", "\x9b"]


@pytest.mark.fault(GATE, "a path that no file system takes", "one line naming the key")
@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("results", "a\0b"),
        ("results", "x" * 300),
        ("results", "a{b}"),
        more("resources", "{}"),
        more("results", "\ud800"),
        *(more(place, value) for place in PLACES for value in ODD_PLACES),
    ],
)
def test_places(refused, place, value):
    refused(at(place, value), place)


@pytest.mark.fault(GATE, "a text of many lines or without end", "one line naming the key")
@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("systems.st.label", "a\nb"),
        more("systems.st.label", "a" * 100_000),
        more("systems.st.label", "\x1b[31m"),
        more("captions.question", "a\0"),
        more("device", "gpu"),
        more("device", "cuda:99999999"),
    ],
)
def test_texts(refused, place, value):
    refused(at(place, value), place)


# ---- keys and kinds -------------------------------------------------------------------------------------------------


@pytest.mark.fault(GATE, "a key that there is none of", "one line naming it and the nearest one")
@pytest.mark.parametrize(
    ("place", "meant"),
    [
        ("trainin", "training"),
        ("systems.st.training.epoch", "epochs"),
        more("systems.st.sizes.embeding", "embedding"),
        more("networks.attention.embeding", "embedding"),
        more("features.vggish.btch", "batch"),
        more("features.i3d_rgb.media.fsp", "fps"),
        more("systems.st.init_from.sistem", "system"),
        more("systems.st.description.tst", "test"),
        more("systems.describer.targte", "target"),
        more("distillation.training.epoch", "epochs"),
        more("corpus.scenes.counts.trail", "trial"),
    ],
)
def test_keys(refused, place, meant):
    refused(at(place, 1), f"{place}: no such key", f"did you mean {meant}?")


SECTION_PLACES = ["systems", "features", "training", "systems.st", "systems.st.training", "systems.st.sizes", "run"]
SECTION_PLACES += ["systems.st.features", "systems.st.description", "distillation", "distillation.rates", "networks"]
SECTION_PLACES += ["networks.attention", "features.i3d_rgb", "features.i3d_rgb.media", "systems.st.init_from.npy"]


@pytest.mark.fault(GATE, "another kind of value than expected", "one line naming the key")
@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("training", None),
        ("systems.st", [1]),
        ("systems.st.training", {"epochs": {"a": None}}),
        ("systems.st", {"seeds": 2, "training": [3]}),
        *(more(place, value) for place in SECTION_PLACES for value in ([[None]], 1.5, True, "x", {"a": None})),
        *(more("systems.st", {"seeds": 2, key: [["x"]]}) for key in ("teacher", "model", "features", "init_from")),
    ],
)
def test_kinds(refused, place, value):
    refused(at(place, value), place)


# ---- how many -------------------------------------------------------------------------------------------------------


@pytest.mark.fault(GATE, "more than anyone can mean", "one line naming the key")
@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("systems.st.seeds", 10**9),
        ("systems.ours_man_auto.description.train", {"system": "describer", "folds": 10**9}),
        ("run", ["st"] * 1001),
        more("distillation.seeds", 10**9),
        more("systems", {f"a{number}": {**ENTRY, "seeds": 100} for number in range(100)}),
        more("systems.st.features", ["i3d_rgb"] * 5000),
        more("systems.st.training", {str(number): 1 for number in range(5000)}),
        more("distillation.rates", [0.5 + number / 1e5 for number in range(900)]),
    ],
)
def test_many(refused, place, value):
    refused(at(place, value), place.split(".")[0])


@pytest.mark.fault(GATE, "a million entries", "one line naming the key")
@pytest.mark.parametrize(
    "place", ["run", more("systems"), more("systems.st.features"), more("training"), more("results")]
)
def test_a_million(place):
    """In this process: what reads so large a file is another gate."""
    long = {str(number): ENTRY for number in range(10**6)} if place in ("systems", "training") else ["a"] * 10**6
    with pytest.raises(UserError, match=rf"^configuration: {place}: 10000\d\d entries, at most 1000"):
        parse(merge(DEFAULT, at(place, long)))


# ---- circles --------------------------------------------------------------------------------------------------------

STUDENT = {**ENTRY, "loss": "st"}
TOLD = {"description": {"train": {"system": "says", "in_sample": True}}}


@pytest.mark.fault(GATE, "systems that wait for each other", "one line naming them")
@pytest.mark.parametrize(
    ("systems", "names"),
    [
        ({"a": {**ENTRY, "init_from": {"system": "a"}}}, ["systems.a.init_from.system", "(a, a)"]),
        (
            {"a": {**ENTRY, "init_from": {"system": "b"}}, "b": {**ENTRY, "init_from": {"system": "a"}}},
            ["init_from.system", "(a, b, a)"],
        ),
        more({"a": {**STUDENT, "teacher": "a"}}, ["systems.a.teacher"]),
        more({"a": {**STUDENT, "teacher": "b"}, "b": {**STUDENT, "teacher": "a"}}, ["systems.a.teacher"]),
        more({"a": {"label": "x", "model": "a"}}, ["systems.a.model"]),
        more({"a": {"label": "x", "model": "b"}, "b": {"label": "x", "model": "a"}}, ["systems.a.model"]),
        more(
            {"a": {**ENTRY, **TOLD}, "says": {**SEES, "init_from": {"system": "a"}}},
            ["wait for itself", "a, says" if "a" < "says" else ""],
        ),
        more(
            {
                "a": {**ENTRY, "description": {"train": {"system": "says"}}},
                "says": {**SEES, "init_from": {"system": "a"}},
            },
            ["wait for itself"],
        ),
        more(
            {f"a{n}": {**ENTRY, "init_from": {"system": f"a{(n + 1) % 900}"}} for n in range(900)}, ["wait for itself"]
        ),
    ],
)
def test_circles(refused, systems, names):
    refused({"systems": systems}, *names)


@pytest.mark.fault(GATE, "a split that there is none of", "one line naming the option")
@pytest.mark.parametrize("name", ["../corpus/trial", more("a" * 5000), more("\x1b[31m")])
def test_splits(avsd, name):
    """It becomes a file's name."""
    overlay = json.dumps({"systems": {"a": ENTRY}})
    avsd("answer", "a", "--test-set", name, "--config", overlay).refused("--test-set")


# ---- what is good stays good ----------------------------------------------------------------------------------------


@pytest.mark.fault(GATE, "odd, but what someone may mean", "accepted")
@pytest.mark.parametrize(
    "overlay",
    [
        {"systems": {"größer-2": ENTRY, "日本": ENTRY}, "run": ["größer-2", "日本"]},
        more({"results": "my results/ü 'x' \"y\" $HOME `z`", "videos": "{a}/b"}),
        more({"systems": {"st": {"seeds": "3", "training": {"epochs": "3", "seed": "7"}}}, "processes": "2"}),
        more(
            {
                "systems": {f"a{n}": {**ENTRY, "init_from": {"system": f"a{n + 1}"}} for n in range(500)}
                | {"a500": ENTRY}
            }
        ),
        more({"systems": {"st": {"seeds": 100}}}),
    ],
)
def test_odd_ones(avsd, tmp_path, overlay):
    (tmp_path / "over.json").write_text(json.dumps({**overlay, "run": []}), encoding="utf-8")
    avsd("tables", "--config", ROOT / "config.yaml", "--config", "over.json").went_well(seconds=2, memory=500 << 20)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(
        ["st", "jst", "describer", "i3d_rgb", "ce", "joint", "null", "..", "summary", "scenes", "x.json"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8) | st.integers(), inner, max_size=3),
    max_leaves=6,
)


def keys(values: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = values.items() if isinstance(values, dict) else enumerate(values) if isinstance(values, list) else ()
    for key, value in items:
        yield (*place, key)
        yield from keys(value, (*place, key))


ALL_KEYS = list(keys(DEFAULT))
EXAMPLES = 400 if os.environ.get("AVSD_FAULTS") == "all" else 25


@pytest.mark.fault(GATE, "a good one with values changed at random", "accepted, or one line")
@given(changes=st.lists(st.tuples(st.sampled_from(ALL_KEYS), VALUES), min_size=1, max_size=3), extra=st.booleans())
@settings(
    max_examples=400 if os.environ.get("AVSD_FAULTS") == "all" else 25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
def test_changed_at_random(changes, extra):
    values = copy.deepcopy(DEFAULT)
    for place, value in changes:
        inner = values
        for key in place[:-1]:
            inner = inner[key] if isinstance(inner, list | dict) and (isinstance(inner, list) or key in inner) else None
            if not isinstance(inner, dict) and not (isinstance(inner, list) and len(inner) > 0):
                break
        else:
            if isinstance(inner, dict):
                inner[f"{place[-1]}x" if extra else place[-1]] = value
    try:
        assert isinstance(parse(values), Config)
    except UserError as error:
        assert "\n" not in str(error) or "\\n" in str(error)
        assert len(str(error)) < 2000
