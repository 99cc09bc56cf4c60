"""What a system starts from, as the configuration has it."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.config import Start, parse
from pipeline.config.needs import needed
from pipeline.errors import UserError

ENTRY = {"label": "x", "network": "attention"}


def start(value: Any) -> Start | None:
    return parse({"systems": {"a": {**ENTRY, "init_from": value}, "b": ENTRY}}).systems["a"].init_from


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("models/b", Start(model=Path("models/b"))),
        ({"model": "models/b"}, Start(model=Path("models/b"))),
        (7, Start(model=Path("7"))),
        ({"system": "b"}, Start(system="b")),
        ({"captions": 2024}, Start(captions=Path("2024"))),
        (
            {"captions": "x.json", "model": None, "training": {"epochs": 3}},
            Start(captions=Path("x.json"), training={"epochs": 3}),
        ),
    ],
)
def test_short_and_long_forms(value: Any, expected: Start | None) -> None:
    found = start(value)
    assert found == expected
    if found is not None:
        assert start(found.model_dump(mode="json")) == found


def test_the_generators_captions_go_by_a_name() -> None:
    assert Start(captions=Path("scenes")).made
    assert not Start(captions=Path("scenes.json")).made and not Start(model=Path("scenes")).made


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({}, r"systems\.a\.init_from: give one of model, system and captions"),
        ({"model": "x", "captions": "y"}, r"systems\.a\.init_from: give one of model, system and captions"),
        ({"model": "x", "ids": "y", "training": {}}, r"systems\.a\.init_from: ids: only with captions"),
        ({"system": "b", "question": "why ?"}, r"systems\.a\.init_from: question: only with captions"),
        ({"captions": "x", "question": " "}, r"systems\.a\.init_from\.question: .*is blank, expected words"),
        ({"captions": "x", "epochs": 3}, r"systems\.a\.init_from\.epochs"),
        ({"captions": "x", "npy": {"vggish": "y"}}, r"init_from\.npy: 'vggish' is not in the system's features"),
        ({"system": "c"}, r"systems\.a\.init_from\.system: 'c' is not in systems"),
        ({"system": "a"}, r"systems\.a\.init_from\.system: its training would wait for itself"),
    ],
)
def test_what_cannot_be_is_named(value: Any, message: str) -> None:
    with pytest.raises(UserError, match=message) as raised:
        start(value)
    assert "\n" not in str(raised.value)


SEES = {"features": ["f"], "init_from": {"captions": "c.json", "npy": {"f": "npy"}}}


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (
            {"task": "detect", "network": "temporal"},
            r"captions: systems with task detect cannot be pretrained on captions; start it from another system",
        ),
        (
            {"task": "describe", "network": "ct_san", "concepts": {"system": "d"}},
            r"captions: ct_san reads concept words, and nobody has found any there; start it from another system",
        ),
        (
            {"task": "retrieve", "network": "jsfusion", "init_from": {"captions": "c.json"}},
            r"npy: without features it learns nothing; give those of the captions' videos",
        ),
        (
            {"task": "choose", "network": "jsfusion", "init_from": {"captions": "c.json"}},
            r"npy: without features it learns nothing",
        ),
        (
            {"task": "fill", "network": "ct_san_fill", "sizes": {"semantic": False}, "init_from": {"captions": "c"}},
            r"npy: without features it learns nothing",
        ),
        # What is said of the pretraining in its card stands behind the label.
        ({"label": "x" * 990}, r"captions: label: 1015 characters, at most 1000 can be shown"),
    ],
)
def test_what_no_captions_teach_is_refused(entry: dict[str, Any], message: str) -> None:
    given = {"d": {"label": "d", "task": "detect", "network": "temporal", "features": ["f"]}}
    values = {"features": {"f": {"network": "i3d_rgb"}}, "systems": {"a": {**ENTRY, **SEES, **entry}, **given}}
    with pytest.raises(UserError, match=rf"^configuration: systems\.a\.init_from\.{message}") as raised:
        parse(values)
    assert "\n" not in str(raised.value)


def test_what_reads_the_sentence_alone_needs_no_features_of_captions() -> None:
    entry = {"label": "f", "task": "fill", "network": "jsfusion_fill", "init_from": {"captions": "c.json"}}
    made = parse({"systems": {"f": entry}}).systems["f"].pretrained()
    assert (made.loss, made.init_from, made.learned_from()) == ("blank", None, {"text": "captions", "history": False})


def systems(**starts: Any) -> dict[str, Any]:
    return {"systems": {name: {**ENTRY, **entry} for name, entry in starts.items()}}


def test_no_circle_of_starts_and_teachers() -> None:
    taught = {"loss": "st", "teacher": "b"}
    with pytest.raises(UserError, match=r"systems\.a\.teacher: its training would wait for itself \(a, b, a\)"):
        parse(systems(a=taught, b={"init_from": {"system": "a"}}))
    with pytest.raises(UserError, match="would wait for itself"):
        parse(
            systems(
                a={"init_from": {"system": "b"}}, b={"init_from": {"system": "c"}}, c={"init_from": {"system": "b"}}
            )
        )


@pytest.mark.parametrize("loss", ["st", "st_context", "joint"])
@pytest.mark.parametrize("start", ["models/b", {"system": "b"}, {"captions": "scenes"}])
def test_a_student_starts_from_one_thing_alone(loss: str, start: Any) -> None:
    """Its teacher's weights would take the place of all that `init_from` gives."""
    student = {"loss": loss, "teacher": "b", "init_from": start}
    both = systems(a={**student, "training": {"student_from_teacher": True}}, b={})
    told = r"systems\.a\.init_from: training\.student_from_teacher starts it from its teacher instead; give one of"
    for given in (both, {**systems(a=student, b={}), "training": {"student_from_teacher": True}}):
        with pytest.raises(UserError, match=told) as raised:
            parse(given)
        assert "\n" not in str(raised.value)
    own = systems(a={**student, "training": {"student_from_teacher": False}}, b={})
    for given in (own, {**own, "training": {"student_from_teacher": True}}):
        assert parse(given).systems["a"].init_from is not None
    without = {**student, "init_from": None, "training": {"student_from_teacher": True}}
    assert parse(systems(a=without, b={})).training_of("a").student_from_teacher


def test_what_has_no_such_teacher_starts_from_what_it_says() -> None:
    """The key is of students that learn soft targets: others do not read it where the section `training` has it."""
    seer = {"task": "describe", "network": "captioner", "features": ["i3d_rgb"]}
    adapted = {**seer, "sizes": {"adaptor": True}, "loss": "rep_ce", "teacher": "seer", "init_from": {"system": "seer"}}
    given = systems(a={"init_from": {"system": "b"}}, b={}, seer=seer, adapted=adapted)
    config = parse(
        {**given, "training": {"student_from_teacher": True}, "features": {"i3d_rgb": {"network": "i3d_rgb"}}}
    )
    assert str(config.systems["a"].init_from) == "the system b"
    assert str(config.systems["adapted"].init_from) == "the system seer"


def test_a_variant_has_no_model_to_start_from() -> None:
    variant = {"network": None, "model": "a"}
    with pytest.raises(UserError, match=r"init_from\.system: 'v' has no model of its own"):
        parse(systems(a={}, v=variant, b={"init_from": {"system": "v"}}))


def test_what_is_needed_comes_in_order() -> None:
    config = parse(
        systems(
            student={"loss": "st", "teacher": "teacher", "init_from": {"system": "first"}},
            teacher={"init_from": {"system": "second"}},
            second={"init_from": {"system": "first"}},
            first={},
        )
    )
    assert needed(config, "student") == ["first", "second", "teacher"]
    assert needed(config, "first") == []


def test_descriptions_of_what_is_needed_are_counted() -> None:
    """The words of a system that only another one starts from are in the vocabulary too."""
    needed = {"description": {"train": "caption"}}
    config = parse({**systems(a={"init_from": {"system": "b"}}, b=needed), "run": ["a"]})
    assert config.descriptions() == {"caption"}
