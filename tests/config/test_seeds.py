"""Systems trained several times over, and a folder for the user's dialogs."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.config import load, merge, parse
from pipeline.errors import UserError
from pipeline.plan import Plan

ROOT = Path(__file__).resolve().parents[2]
BASE: dict[str, Any] = {
    "run": ["ours", "unseen", "student", "alone"],
    "training": {"seed": 5},
    "systems": {
        "ours": {
            "label": "Ours",
            "network": "attention",
            "description": {"train": "summary", "test": "summary"},
            "seeds": 3,
        },
        "unseen": {"label": "Ours", "model": "ours", "seeds": 2},
        "student": {"label": "Student", "network": "attention", "loss": "st", "teacher": "ours", "seeds": 2},
        "alone": {"label": "Alone", "network": "attention"},
    },
}


def test_each_seed_is_a_system_of_its_own() -> None:
    config = parse(BASE)
    assert config.run == ("ours", "ours_s2", "ours_s3", "unseen", "unseen_s2", "student", "student_s2", "alone")
    seeds = {name: config.training_of(name).seed for name in config.run if config.systems[name].network}
    assert seeds == {"ours": 5, "ours_s2": 6, "ours_s3": 7, "student": 5, "student_s2": 6, "alone": 5}
    assert config.systems["student_s2"].teacher == "ours_s2"
    assert config.systems["unseen_s2"].model == "ours_s2"
    assert config.systems["ours_s2"].description == config.systems["ours"].description
    assert [config.systems[name].seed_of for name in config.run] == [
        None,
        "ours",
        "ours",
        None,
        "unseen",
        None,
        "student",
        None,
    ]


def test_the_first_seed_is_the_entrys_own() -> None:
    config = parse(merge(BASE, {"systems": {"ours": {"training": {"seed": 11, "epochs": 3}}}}))
    assert [config.training_of(f"ours{end}").seed for end in ("", "_s2", "_s3")] == [11, 12, 13]
    assert config.training_of("ours_s3").epochs == 3


def test_a_student_with_more_seeds_than_its_teacher_learns_from_the_first() -> None:
    config = parse(merge(BASE, {"systems": {"ours": {"seeds": 2}, "student": {"seeds": 3}}}))
    assert [config.systems[f"student{end}"].teacher for end in ("", "_s2", "_s3")] == ["ours", "ours_s2", "ours"]


def test_written_out_it_reads_the_same() -> None:
    config = parse(BASE)
    assert parse(config.model_dump(mode="json")) == config


def test_more_seeds_leave_what_is_trained_as_it_is() -> None:
    """So that a finished system stays finished when another seed is asked for."""
    two, three = (Plan(parse(merge(BASE, {"systems": {"ours": {"seeds": seeds}}}))) for seeds in (2, 3))
    for name in two.trained:
        assert two.training_settings(name) == three.training_settings(name)
    assert set(three.trained) - set(two.trained) == {"ours_s3"}


def test_an_ensemble_is_of_all_seeds_of_a_system() -> None:
    both = {"label": "All", "model": "ours", "ensemble": True}
    config = parse(merge(BASE, {"run": ["both"], "systems": {"both": both}}))
    assert config.members("both") == ["ours", "ours_s2", "ours_s3"]
    assert config.members("unseen_s2") == ["ours_s2"]
    assert Plan(config).trained == ["ours", "ours_s2", "ours_s3"]
    students = {"label": "All", "model": "student", "ensemble": True}
    config = parse(merge(BASE, {"run": ["both"], "systems": {"both": students}}))
    assert Plan(config).trained == ["ours", "student", "ours_s2", "student_s2"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"all": {"label": "All", "model": "alone", "ensemble": True}}, "systems.all.ensemble: 'alone' has one seed"),
        ({"all": {"label": "All", "network": "attention", "ensemble": True}}, "ensemble goes with model"),
        ({"all": {"label": "All", "model": "ours", "seeds": 2, "ensemble": True}}, "ensemble goes with model"),
        ({"ours_s2": {"label": "Taken", "network": "attention"}}, "systems.ours.seeds: 'ours_s2' is an entry already"),
        ({"unseen": {"seeds": 4}}, "systems.unseen.seeds: 4, but 'ours' has 3 seeds"),
        ({"ours": {"seeds": 0}}, "systems.ours.seeds: Input should be greater than or equal to 1"),
        ({"ours": {"seeds": "many"}}, "systems.ours.seeds: Input should be a valid integer"),
    ],
)
def test_seeds_that_make_no_sense_are_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse(merge(BASE, {"systems": change}))


def test_one_folder_for_all_dialogs() -> None:
    files = {"training": "valid.json", "trial": "/elsewhere/trial.json", "official": None}
    config = parse({"data": "my data", "dialogs": files})
    assert config.dialogs.training == Path("my data/valid.json")
    assert config.dialogs.trial == Path("/elsewhere/trial.json")
    assert config.dialogs.official is None
    assert parse(config.model_dump(mode="json")) == config


def test_the_reduced_experiment_finds_its_files_by_one_setting() -> None:
    sources = [str(ROOT / "config.yaml"), str(ROOT / "configs" / "avsd-reduced.yaml")]
    config = load([*sources, '{"data": "/corpus"}'])
    assert config.dialogs.references == Path("/corpus/test_set4DSTC7-AVSD_multiref.json")
    assert config.dialogs.validation is None
    assert sum(config.systems[name].network == "attention" for name in config.run) == 15
