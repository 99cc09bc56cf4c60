"""What a plan says of feature maps, and that no other feature is made again for them."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.config import merge, parse
from pipeline.config.dependence import feature_values
from pipeline.config.frame_features import MappedFeature
from pipeline.errors import UserError
from pipeline.networks import sizes
from pipeline.networks.sizes import AttentionSizes
from pipeline.plan import Plan

ROOT = Path(__file__).resolve().parents[2]
MAP = {"network": "i3d_rgb", "input_size": 224, "pool": "none"}


def planned(tmp_path: Path, features: dict[str, Any], **overlay: Any) -> Plan:
    values = yaml.safe_load((ROOT / "config.yaml").read_text())
    given = {"features": features, "extract": list(features), "results": str(tmp_path / "results"), **overlay}
    return Plan(parse(merge(values, given)))


@pytest.fixture
def clips(tmp_path: Path) -> dict[str, Any]:
    """40 videos of the user's, as the keys of a configuration."""
    folder = tmp_path / "clips"
    folder.mkdir()
    for number in range(40):
        (folder / f"clip{number}.mp4").touch()
    return {"videos": str(folder), "run": [], "matching": {"run": []}, "corpus": {"source": "files"}}


@pytest.mark.parametrize("name", [None, "clips", "charades", "avsd-reduced"])
def test_vectors_depend_on_nothing_new(name: str | None) -> None:
    """Their settings, as the rules pass them, are those of a project without maps: no shard is made again."""
    values = yaml.safe_load((ROOT / "config.yaml").read_text())
    if name is not None:
        values = merge(values, yaml.safe_load((ROOT / "configs" / f"{name}.yaml").read_text()))
    config = parse(values)
    mapped = [name for name, feature in config.features.items() if isinstance(feature, MappedFeature)]
    assert mapped
    for feature in mapped:
        assert not {"pool", "layer", "grid"} & feature_values(config, feature).keys()


def test_what_a_map_depends_on(tmp_path: Path) -> None:
    """A default spelled out is the same value, and what the rule passes is read back as it was."""
    last = {**MAP, "layer": "Mixed_5c"}
    plan = planned(
        tmp_path, {"it": MAP, "same": last, "other": {**MAP, "layer": "Mixed_4f"}, "grid": {**MAP, "grid": [4, 4]}}
    )
    values = {name: feature_values(plan.config, name) for name in ("it", "same", "other", "grid")}
    assert values["it"] == values["same"]
    assert len({json.dumps(each) for each in values.values()}) == 3
    for name, value in values.items():
        passed = parse(json.loads(plan.extract_settings(name)))
        assert feature_values(passed, name) == value
        assert passed.features[name].map_shape() == plan.config.features[name].map_shape()


def test_bytes_are_said_before_anything_is_made(
    tmp_path: Path, clips: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """40 videos of 30 s: 24 x 30 // 16 = 45 windows of 7 x 7 x 2048 values of two bytes."""
    monkeypatch.setattr("pipeline.plan.maps.free_bytes", lambda _folder: 3_000_000_000)
    media = {"media": {"fps": 24, "resize": "direct"}}
    features = {
        "whole": MAP,
        "small": {**MAP, "grid": [4, 4], "dtype": "float32", "reduce": {"rate": 0.4}},
        "lite": {"network": "image", "pool": "none", "media": {"fps": 2}},
        "mobile": {"network": "image", "architecture": "mobilenet_v2", "weights": "random", "pool": "none"},
        "rgb": {"network": "i3d_rgb"},
    }
    plan = planned(tmp_path, features, **clips, **media)
    assert plan.notes == [
        "whole: maps of 7 x 7 x 2048 float16 take 201 kB a step, 40 videos of 30 s take 361.3 MB; 3.0 GB are free",
        "small: maps of 4 x 4 x 2048 float32 take 131 kB a step, 40 videos of 30 s take 94.4 MB; 3.0 GB are free",
        "lite: maps of 9 x 9 x 1280 float16 take 207 kB a step, 40 videos of 30 s take 497.7 MB; 3.0 GB are free",
        "mobile: maps; how many bytes they take is in the log of each shard before it is computed",
    ]
    for shard in plan.feature_shards(["whole", "small", "lite", "mobile"]):
        shard.parent.mkdir(parents=True, exist_ok=True)
        shard.touch()
    assert plan.notes == []


def test_of_scenes_the_length_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """420 + 30 + 40 + 40 scenes of 4 s at 8 frames a second: two windows of 2 x 2 x 2048 values."""
    monkeypatch.setattr("pipeline.plan.maps.free_bytes", lambda _folder: 10**9)
    plan = planned(tmp_path, {"it": {**MAP, "input_size": 64}})
    assert plan.notes == [
        "it: maps of 2 x 2 x 2048 float16 take 16 kB a step, 530 videos of 4 s take 17.4 MB; 1.0 GB are free"
    ]
    source = {"it": {**MAP, "media": {"fps": "source"}}}
    assert "530 videos" in planned(tmp_path, source).notes[0]


class PlacesSizes(AttentionSizes):
    """Of a network that looks at places."""

    grid: tuple[int, int] = (4, 4)


def test_a_network_of_places_and_its_maps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sizes.SIZES, "places", PlacesSizes)
    features = {"it": MAP, "small": {**MAP, "grid": [4, 4]}}

    def system(feature: str, **given: Any) -> dict[str, Any]:
        entry = {"label": "Places", "network": "places", "features": [feature], "sizes": given}
        return {"run": ["places"], "systems": {"places": entry}}

    with pytest.raises(UserError, match=r"systems\.places\.sizes\.grid: 4 x 4, and it has maps of 7 x 7 cells"):
        planned(tmp_path, features, **system("it"))
    assert planned(tmp_path, features, **system("it", grid=[7, 7])).trained == ["places"]
    assert planned(tmp_path, features, **system("small")).trained == ["places"]
