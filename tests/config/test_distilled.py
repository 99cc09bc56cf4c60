"""The section `distillation` written out as features and systems."""

import doctest
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.config import Config, distilled, load, merge, parse
from pipeline.errors import UserError

ROOT = Path(__file__).resolve().parents[2]


def default(**changes: Any) -> Config:
    return parse(merge(yaml.safe_load((ROOT / "config.yaml").read_text()), changes))


def test_the_examples() -> None:
    result = doctest.testmod(distilled)
    assert (result.failed, result.attempted > 0) == (0, True)


def test_a_teacher_and_five_students_a_rate() -> None:
    config = default(distillation={"rates": [0.3, 0.125]})
    kinds = ("rep", "adaptor", "rep_ce", "tuned", "control")
    students = [f"distilled_{kind}_{rate}" for kind in kinds for rate in ("30", "12_5")]
    assert config.distilled == ("distilled_teacher", *students)
    assert {config.systems[name].row for name in students} == {None}  # The paper has no such rates.
    assert set(config.features) - {"i3d_rgb", "i3d_flow"} == {
        "frames", "vggish", "frames_30", "vggish_30", "frames_12_5", "vggish_12_5",
    }  # fmt: skip
    for name in students:
        assert config.systems[name].features == tuple(
            f"{feature}_{name.split('_', 2)[-1].removeprefix('ce_')}" for feature in ("frames", "vggish")
        )


def test_the_students_features_are_the_teachers_reduced() -> None:
    config = default(features={"vggish": {"relu": True}})
    found = config.features["vggish_40"]
    assert found.reduce is not None
    assert (found.reduce.rate, found.reduce.method, found.reduce.at) == (0.4, "spectral", "input")
    assert found.model_copy(update={"reduce": None}) == config.features["vggish"]


def test_what_tells_students_apart() -> None:
    config = default()
    found = {kind: config.systems[f"distilled_{kind}_60"] for kind in distilled.STUDENTS}
    assert {kind: system.loss for kind, system in found.items()} == {
        "rep": "ce", "adaptor": "rep", "rep_ce": "rep_ce", "tuned": "ce", "control": "ce",
    }  # fmt: skip
    taught = {kind for kind, system in found.items() if system.teacher == "distilled_teacher"}
    assert taught == {"adaptor", "rep_ce"}
    starts = {kind: system.init_from.system for kind, system in found.items() if system.init_from is not None}
    assert starts == {"rep": "distilled_adaptor_60", "tuned": "distilled_teacher"}
    assert found["rep"].freeze == ("adaptor",)
    adaptors = {kind for kind in found if config.sizes(f"distilled_{kind}_60").model_dump()["adaptor"]}
    assert adaptors == set(found) - {"control"}
    rows = {kind: system.row for kind, system in found.items()}
    assert rows == {"rep": "rep_0.6", "adaptor": "rep_0.6", "rep_ce": "rep_ce_0.6", "tuned": None, "control": None}


def test_seeds_keep_together() -> None:
    config = default(distillation={"seeds": 2, "rates": [0.2]})
    systems = config.systems
    assert config.distilled[2:4] == ("distilled_rep_20", "distilled_rep_20_s2")
    assert systems["distilled_rep_ce_20_s2"].teacher == "distilled_teacher_s2"
    start, tuned = (systems[f"distilled_{kind}_20_s2"].init_from for kind in ("rep", "tuned"))
    assert start is not None and start.system == "distilled_adaptor_20_s2"
    assert tuned is not None and tuned.system == "distilled_teacher_s2"
    assert {config.training_of(f"distilled_{kind}_20_s2").seed for kind in distilled.STUDENTS} == {2}


def test_a_written_out_configuration_reads_the_same() -> None:
    config = default(distillation={"seeds": 2})
    assert load([json.dumps(config.model_dump(mode="json"))]) == config


def test_what_is_said_of_an_entry_is_laid_over_it() -> None:
    config = default(
        systems={"distilled_rep_ce_20": {"training": {"epochs": 3}}}, features={"frames_20": {"input_size": 64}}
    )
    assert config.training_of("distilled_rep_ce_20").epochs == 3
    assert config.systems["distilled_rep_ce_20"].loss == "rep_ce"
    frames = config.features["frames_20"]
    assert frames.model_dump()["input_size"] == 64 and frames.reduce is not None


def test_gathered_features_are_computed_for_students() -> None:
    config = default(features={"vggish": {"npy": "npy/vggish"}})
    assert (config.features["vggish"].npy, config.features["vggish_20"].npy) == (Path("npy/vggish"), None)


@pytest.mark.parametrize("other", ["captions", "charades", "clips", "avsd-text", "avsd-reduced"])
def test_other_configurations_laid_over_it(other: str) -> None:
    config = load([str(ROOT / "config.yaml"), str(ROOT / f"configs/{other}.yaml")])
    assert len(config.distilled) == 21
    assert not set(config.distilled) & set(config.run)


def test_the_papers_sizes_for_captions_of_ones_own() -> None:
    config = load([str(ROOT / "config.yaml"), str(ROOT / "configs/captions.yaml")])
    student = config.systems["distilled_rep_ce_40"]
    assert student.features == ("frames_40", "cnn10_40")
    assert (student.model_dump()["target"], student.test_sets) == ("captions", ("test",))
    sizes = config.sizes("distilled_rep_ce_40").model_dump()
    assert (sizes["width"], sizes["adaptor_hidden"], sizes["adaptor_residual"]) == (2576, None, False)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"features": {"ears": "mean"}}, r"distillation\.features: 'ears' is not in features \(i3d_rgb, "),
        ({"features": {"frames": None, "vggish": None}}, r"distillation\.features: none, so there is nothing"),
        ({"rates": [0.2, 0.2]}, r"distillation\.rates: 0\.2 stands twice"),
        ({"rates": [1.0]}, r"distillation\.rates\.0: Input should be less than 1"),
        ({"features": {"frames": "spectral"}}, r"frames_20: reduce: frames and windows are reduced by downsample"),
        ({"seeds": 0}, r"distillation\.seeds: Input should be greater"),
    ],
)
def test_what_does_not_fit_is_named(section: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        default(distillation=section)
