import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.corpus.shards import shard_of
from pipeline.errors import UserError
from pipeline.features.inspect import verify
from pipeline.features.store import FeatureStore, write_shard
from pipeline.features.transfer import export_npy, import_npy


def arrays(count=12, dims=6, seed=0):
    generator = np.random.default_rng(seed)
    return {
        f"VID{number:02d}": generator.standard_normal((number % 5, dims)).astype(np.float32) for number in range(count)
    }


def save(folder, videos):
    folder.mkdir(exist_ok=True)
    for name, values in videos.items():
        np.save(folder / f"{name}.npy", values)
    return folder


def gather(folder, out, shards=3, dtype="float32"):
    for shard in range(shards):
        import_npy(folder, out / f"{shard:04d}.h5", shard, shards, dtype)
    return FeatureStore(out)


def test_round_trip_bit_for_bit(tmp_path):
    videos = arrays()
    videos["VID01"][0, :4] = [np.float32(1e-42), -0.0, np.finfo(np.float32).max, np.float32(0.1)]
    store = gather(save(tmp_path / "in", videos), tmp_path / "store")
    verify([tmp_path / "store"])
    export_npy(tmp_path / "store", tmp_path / "out")
    assert {path.stem for path in (tmp_path / "out").glob("*.npy")} == videos.keys()
    for name, values in videos.items():
        loaded = np.load(tmp_path / "out" / f"{name}.npy")
        assert (loaded.dtype, loaded.shape) == (np.float32, values.shape)
        assert loaded.tobytes() == values.tobytes() == store.read(name).tobytes()
        assert store.times(name).tolist() == list(range(len(values)))
    assert store.attributes["times_unit"] == "step"
    assert json.loads((tmp_path / "out" / "attributes.json").read_text())["extractor"] == "npy"


def test_maps_go_out_and_in_with_their_shape(tmp_path):
    generator = np.random.default_rng(3)
    maps = {name: generator.standard_normal((steps, 2, 3, 4)).astype("f4") for name, steps in {"a": 5, "b": 1}.items()}
    maps["a"] = np.asfortranarray(maps["a"])
    store = gather(save(tmp_path / "in", maps), tmp_path / "store")
    assert (store.grid, store.dims) == ((2, 3), 24)
    export_npy(tmp_path / "store", tmp_path / "out")
    for name, values in maps.items():
        np.testing.assert_array_equal(store.read(name), values.reshape(-1, 24))
        np.testing.assert_array_equal(np.load(tmp_path / "out" / f"{name}.npy"), values)
    np.save(tmp_path / "in" / "c.npy", np.zeros((2, 3, 2, 4), np.float32))
    with pytest.raises(UserError, match=r"c\.npy: shape \(2, 3, 2, 4\), expected \(steps, 2, 3, 4\)"):
        gather(tmp_path / "in", tmp_path / "other")


def test_long_videos_pass_in_parts(tmp_path, monkeypatch):
    """However an array lies in its file; what is written is what numpy.save writes."""
    monkeypatch.setattr("pipeline.features.transfer.ROWS", 3)
    monkeypatch.setattr("pipeline.features.store.BLOCK_BYTES", 2 * 6 * 4)
    values = np.random.default_rng(0).standard_normal((10, 6)).astype(np.float32)
    videos = {"c": values, "fortran": np.asfortranarray(values), "double": values.astype(">f8"), "none": values[:0]}
    store = gather(save(tmp_path / "in", videos), tmp_path / "store")
    for name in videos:
        np.testing.assert_array_equal(store.read(name), values[: store.steps(name)])
    assert store.steps("none") == 0
    export_npy(tmp_path / "store", tmp_path / "out")
    for name in ("c", "fortran", "double"):
        assert (tmp_path / "out" / f"{name}.npy").read_bytes() == (tmp_path / "in" / "c.npy").read_bytes()


def test_a_video_goes_to_its_shard(tmp_path):
    folder = save(tmp_path / "in", arrays())
    import_npy(folder, tmp_path / "s" / "0001.h5", 1, 3, "float32")
    assert FeatureStore(tmp_path / "s").video_ids == [name for name in arrays() if shard_of(name, 3) == 1]


def test_the_test_set_beside_is_gathered_too(tmp_path):
    folder = save(tmp_path / "i3d_rgb", arrays(5))
    save(tmp_path / "i3d_rgb_testset", {"TEST1": np.ones((2, 6), np.float32)})
    store = gather(folder, tmp_path / "store")
    assert set(store.video_ids) == {*arrays(5), "TEST1"}
    save(tmp_path / "i3d_rgb_testset", {"VID03": np.ones((2, 6), np.float32)})
    with pytest.raises(UserError, match=r"i3d_rgb_testset/VID03\.npy: video VID03 is also in"):
        gather(folder, tmp_path / "again")


@pytest.mark.parametrize(
    ("here", "given"), [("i3d_rgb", "."), ("i3d_rgb", ""), ("i3d_rgb/inside", ".."), ("", "i3d_rgb/")]
)
def test_a_folder_is_known_by_its_name_however_it_is_given(tmp_path, monkeypatch, here, given):
    """`.` and `..` are no names: the test set beside lies where it lies for the folder's own."""
    save(tmp_path / "i3d_rgb", {"TRAIN": np.ones((2, 6), np.float32)})
    save(tmp_path / "i3d_rgb_testset", {"TEST1": np.ones((2, 6), np.float32)})
    (tmp_path / "i3d_rgb" / "inside").mkdir()
    monkeypatch.chdir(tmp_path / here)
    store = gather(Path(given), tmp_path / "store")
    assert set(store.video_ids) == {"TRAIN", "TEST1"}
    assert store.attributes["input_folder"] == "i3d_rgb"


def test_other_shapes_and_types(tmp_path):
    videos = {"a": np.arange(6.0), "b": np.arange(12, dtype=np.int16).reshape(2, 6), "c": np.ones((1, 6), np.float16)}
    store = gather(save(tmp_path / "in", videos), tmp_path / "store", dtype="float16")
    assert store.read("a").tolist() == [[0, 1, 2, 3, 4, 5]]
    assert store.read("b").shape == (2, 6)
    assert store.dims == 6


def test_an_empty_shard_keeps_the_dims(tmp_path):
    folder = save(tmp_path / "in", {"a": np.ones((2, 6))})
    empty = 1 - shard_of("a", 2)
    import_npy(folder, tmp_path / "s" / "0000.h5", empty, 2, "float16")
    store = FeatureStore(tmp_path / "s")
    assert (len(store), store.dims) == (0, 6)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (np.ones((2, 7)), r"shape \(2, 7\), expected \(steps, 6\)"),
        (np.ones((2, 3, 6)), r"shape \(2, 3, 6\)"),
        (np.ones(5), r"shape \(1, 5\)"),
        (np.full((1, 6), np.nan), "not finite"),
        (np.ones((2, 6), complex), "real numbers"),
        (np.array([["x"] * 6]), "real numbers"),
        (b"", "not an npy file"),
        (b"\x93NUMPY half", "not an npy file"),
        (b"plain text", "not an npy file"),
    ],
)
def test_bad_files_are_named(tmp_path, content, message):
    folder = save(tmp_path / "in", arrays(3))
    if isinstance(content, bytes):
        (folder / "bad.npy").write_bytes(content)
    else:
        np.save(folder / "bad.npy", content)
    with pytest.raises(UserError, match=rf"bad\.npy: .*{message}") as raised:
        gather(folder, tmp_path / "store", 1)
    assert "\n" not in str(raised.value)
    assert list((tmp_path / "store").iterdir()) == []


def test_nothing_to_gather(tmp_path):
    with pytest.raises(UserError, match="no such folder"):
        import_npy(tmp_path / "gone", tmp_path / "o.h5", 0, 1, "float16")
    (tmp_path / "none").mkdir()
    with pytest.raises(UserError, match=r"no <video id>\.npy files"):
        import_npy(tmp_path / "none", tmp_path / "o.h5", 0, 1, "float16")
    with pytest.raises(UserError, match="expected 0 to 2"):
        import_npy(tmp_path / "none", tmp_path / "o.h5", 3, 3, "float16")


def test_an_unsafe_id_is_not_written(tmp_path):
    write_shard(tmp_path / "s" / "0000.h5", [("../x", np.ones((1, 2)), np.zeros(1))], {}, 2, "float32")
    with pytest.raises(UserError, match="cannot be a file name"):
        export_npy(tmp_path / "s", tmp_path / "out")
    assert not (tmp_path / "x.npy").exists()
