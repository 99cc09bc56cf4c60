import itertools
import multiprocessing
import weakref
import zlib
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import pytest

from pipeline.errors import UserError
from pipeline.features.inspect import show, verify
from pipeline.features.store import FeatureStore, may_differ, problems, write_shard

ATTRIBUTES = {"extractor": "test", "fps": 24.0, "window": 16, "relu": False, "torch_version": "2"}
STEPS = {"b": 3, "ä 1": 0, "a": 7, "c.d": 1}


def items(steps=STEPS, dims=5, dtype=np.float32, seed=0):
    generator = np.random.default_rng(seed)
    return [
        (name, generator.standard_normal((count, dims)).astype(dtype), np.arange(count) + 0.5)
        for name, count in steps.items()
    ]


def shard(path: Path, made=None, dims=5, dtype="float32", **attributes) -> Path:
    write_shard(path, items() if made is None else made, {**ATTRIBUTES, **attributes}, dims, dtype)
    return path


def damage(path: Path, change) -> Path:
    with h5py.File(path, "r+") as file:
        change(file)
    return path


def test_the_layout_on_disk(tmp_path):
    path = shard(tmp_path / "0000.h5")
    made = items()
    with h5py.File(path) as file:
        np.testing.assert_array_equal(file["values"][:], np.concatenate([values for _, values, _ in made]))
        assert file["values"].dtype == np.float32
        assert file["offsets"][:].tolist() == [0, 3, 3, 10, 11]
        assert file["offsets"].dtype == np.int64
        assert file["video_ids"].asstr()[:].tolist() == ["b", "ä 1", "a", "c.d"]
        assert file["times"][:].tolist() == [0.5, 1.5, 2.5, *(np.arange(7) + 0.5), 0.5]
        assert file["checksums"][2] == zlib.crc32(made[2][1].tobytes() + made[2][2].tobytes())
        assert dict(file.attrs) == {**ATTRIBUTES, "times_unit": "second", "format": "avsd-features-1"}
    assert [entry.name for entry in tmp_path.iterdir()] == ["0000.h5"]


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_reading_back(tmp_path, dtype):
    shard(tmp_path / "0000.h5", dtype=dtype)
    shard(tmp_path / "0001.h5", items({"z": 2}, seed=1), dtype=dtype)
    store = FeatureStore(tmp_path)
    assert (len(store), store.dims) == (5, 5)
    assert store.video_ids == ["b", "ä 1", "a", "c.d", "z"]
    assert "z" in store
    assert "y" not in store
    assert store.attributes["fps"] == 24.0
    assert store.attributes["relu"] is False
    for name, values, times in [*items(), *items({"z": 2}, seed=1)]:
        found = store.read(name)
        assert found.dtype == np.float32
        assert found.shape == (len(times), 5) == (store.steps(name), 5)
        np.testing.assert_array_equal(found, values.astype(dtype).astype(np.float32))
        np.testing.assert_array_equal(store.times(name), times)
    with pytest.raises(UserError, match="no features of video 'y'"):
        store.read("y")


def test_no_videos_is_a_valid_shard(tmp_path):
    path = shard(tmp_path / "0000.h5", [])
    assert problems(path) == []
    assert len(FeatureStore(tmp_path)) == 0
    shard(tmp_path / "0001.h5")
    assert len(FeatureStore(tmp_path)) == 4


def test_items_are_taken_one_by_one(tmp_path):
    freed = []

    def stream():
        for number in range(50):
            values = np.full((20, 5), number, np.float32)
            weakref.finalize(values, freed.append, number)
            yield str(number), values, np.arange(20.0)
            del values
            assert len(freed) >= number - 1  # memory does not grow with the shard

    shard(tmp_path / "0000.h5", stream())
    store = FeatureStore(tmp_path)
    assert all((store.read(str(number)) == number).all() for number in range(50))


@pytest.mark.parametrize("lengths", [[7], [1, 6], [3, 0, 4], [0, 7]])
def test_values_in_parts_are_the_same_shard(tmp_path, lengths):
    made = items()
    whole = shard(tmp_path / "whole" / "0000.h5")
    edges = np.cumsum([0, *lengths])
    values = made[2][1]
    parts = iter([values[begin:end] for begin, end in itertools.pairwise(edges)])
    made[2] = ("a", parts, made[2][2])
    assert shard(tmp_path / "parts" / "0000.h5", made).read_bytes() == whole.read_bytes()
    made[2] = ("a", iter([values[:3]]), made[2][2])
    with pytest.raises(ValueError, match=r"a: 3 steps and times \(7,\)"):
        shard(tmp_path / "parts" / "0000.h5", made)
    made[2] = ("a", iter([values[:3], np.full((4, 5), np.inf)]), made[2][2])
    with pytest.raises(UserError, match=r"a: the feature has values that are not finite"):
        shard(tmp_path / "parts" / "0000.h5", made)


def test_reading_in_parts(tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.features.store.BLOCK_BYTES", 2 * 5 * 4)  # two steps
    path = shard(tmp_path / "0000.h5")
    store = FeatureStore(tmp_path)
    for name, steps in STEPS.items():
        parts = list(store.parts(name))
        assert len(parts) == -(-steps // 2)
        np.testing.assert_array_equal(np.concatenate([np.zeros((0, 5)), *parts]), store.read(name))
    store.close()
    assert problems(path) == []
    assert problems(damage(path, set_at("values", (9, 4), 3))) == [
        "a: checksum differs, the stored values were damaged"
    ]


def test_a_failing_source_leaves_nothing(tmp_path):
    def stream():
        yield from items()
        raise RuntimeError("the extractor broke")

    old = shard(tmp_path / "0000.h5", items({"old": 1})).read_bytes()
    with pytest.raises(RuntimeError, match="broke"):
        shard(tmp_path / "0000.h5", stream())
    assert [entry.name for entry in tmp_path.iterdir()] == ["0000.h5"]
    assert (tmp_path / "0000.h5").read_bytes() == old


def test_values_that_cannot_be_stored(tmp_path):
    path = tmp_path / "0000.h5"
    nan = np.array([[1, np.nan]])
    with pytest.raises(UserError, match=r"0000\.h5: v: the feature has values that are not finite"):
        write_shard(path, [("v", nan, np.zeros(1))], {}, 2, "float32")
    with pytest.raises(UserError, match="70000 does not fit float16"):
        write_shard(path, [("v", np.array([[1.0, 70000.0]]), np.zeros(1))], {}, 2, "float16")
    for kind in (np.int32, np.int64):  # the least number has no absolute value in its type
        least = np.array([[1, np.iinfo(kind).min]], kind)
        with pytest.raises(UserError, match=r"a value of \S+ does not fit float16"):
            write_shard(path, [("v", least, np.zeros(1))], {}, 2, "float16")
    with pytest.raises(UserError, match="float64"):
        write_shard(path, [], {}, 2, "float64")
    for values, times in [(np.ones((2, 3)), np.zeros(2)), (np.ones(2), np.zeros(2)), (np.ones((2, 2)), np.zeros(3))]:
        with pytest.raises(ValueError, match="expected"):
            write_shard(path, [("v", values, times)], {}, 2, "float32")
    with pytest.raises(ValueError, match="twice"):
        write_shard(path, [("v", np.ones((1, 2)), np.zeros(1))] * 2, {}, 2, "float32")
    assert list(tmp_path.iterdir()) == []


def set_at(name, index, value):
    def change(file):
        file[name][index] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (set_at("values", (4, 2), 1.25), r"a: checksum differs"),
        (set_at("times", 1, 0.75), r"b: checksum differs"),
        (set_at("times", 1, 0.25), r"b: times that do not rise"),
        (set_at("values", (10, 0), np.inf), r"c\.d: values that are not finite"),
        (set_at("offsets", 3, 2), r"offsets do not rise"),
        (set_at("offsets", 4, 10), r"offsets do not rise from 0 to 11"),
        (set_at("video_ids", 0, "a"), r"a video id occurs twice"),
        (lambda file: file["times"].resize(10, axis=0), r"\(10,\) times for \(11,\) steps"),
        (lambda file: file.pop("checksums"), r"without checksums"),
        (lambda file: file.attrs.pop("format"), r"format None"),
    ],
)
def test_verify_finds_damage(tmp_path, change, message):
    good = shard(tmp_path / "0000.h5")
    verify([good])
    damage(good, change)
    with pytest.raises(UserError, match=rf"problems: \d \(.*0000\.h5: {message}"):
        verify([tmp_path])


def test_verify_names_every_problem(tmp_path, capsys):
    for number in (0, 1, 2):
        shard(tmp_path / f"000{number}.h5", items({f"v{number}": 2}))
    damage(tmp_path / "0000.h5", set_at("values", (0, 0), 9))
    content = bytearray((tmp_path / "0002.h5").read_bytes())
    (tmp_path / "0002.h5").write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match=r"problems: 2 \(.*0000\.h5: v0: checksum.*0002\.h5: ") as raised:
        verify([tmp_path])
    assert "0001" not in str(raised.value)
    assert "good" in capsys.readouterr().out


def test_a_flipped_byte_on_disk_is_found(tmp_path):
    path = shard(tmp_path / "0000.h5")
    content = bytearray(path.read_bytes())
    place = content.index(items()[2][1].tobytes()[:20])
    content[place] ^= 1
    path.write_bytes(content)
    assert problems(path) == ["a: checksum differs, the stored values were damaged"]


def test_show_counts(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    shard(tmp_path / "0000.h5")
    shard(tmp_path / "0001.h5", items({"z": 2}), fps=25.0)
    show([tmp_path])
    out = capsys.readouterr().out
    [row] = [line for line in out.splitlines() if "0000.h5" in line]
    assert "0-7, mean 2.8" in row
    assert all(cell in row for cell in ("4", "11", "5", "float32"))
    assert [line.split("│")[2].strip() for line in out.splitlines() if "fps" in line] == ["24.0", "25.0"]
    with pytest.raises(UserError, match="no feature shards"):
        show([tmp_path.parent])


def test_shards_must_be_made_alike(tmp_path):
    shard(tmp_path / "0000.h5", torch_version="1", input_hash="x")
    shard(tmp_path / "0001.h5", items({"z": 2}), torch_version="2", input_hash="y")
    assert len(FeatureStore(tmp_path)) == 5
    shard(tmp_path / "0002.h5", items({"y": 2}), window=64)
    with pytest.raises(UserError, match=r"0002\.h5: window is 64, but 16 in 0000\.h5"):
        FeatureStore(tmp_path)
    shard(tmp_path / "0002.h5", items({"y": 2}, dims=6), dims=6)
    with pytest.raises(UserError, match="dims is 6, but 5"):
        FeatureStore(tmp_path)


@pytest.mark.parametrize(
    ("name", "free"),
    [
        ("torch_version", True),
        ("input_hash", True),
        ("stage_version", False),
        ("weights_sha256", False),
        ("fps", False),
        ("input_size", False),
    ],
)
def test_which_attributes_may_differ(name, free):
    assert may_differ(name) is free


def test_folders_that_are_no_store(tmp_path):
    with pytest.raises(UserError, match="no feature shards"):
        FeatureStore(tmp_path)
    (tmp_path / "0000.h5").write_text("text")
    with pytest.raises(UserError, match=r"0000\.h5: a file, expected a folder of feature shards"):
        FeatureStore(tmp_path / "0000.h5")
    with pytest.raises(UserError, match=r"0000\.h5: not a feature shard"):
        FeatureStore(tmp_path)
    (tmp_path / "0000.h5").unlink()
    shard(tmp_path / "0001.h5")
    shard(tmp_path / "0002.h5", items({"a": 1}))
    with pytest.raises(UserError, match=r"0002\.h5: video a is also in 0001\.h5"):
        FeatureStore(tmp_path)


def total(store, results):
    results.put(float(store.read("a").sum()))


def test_half_written_files_are_no_shards(tmp_path, capsys):
    """A job that was killed leaves its temporary file, hidden, beside the shards."""
    shard(tmp_path / "0000.h5")
    (tmp_path / ".0001.h5.k3j2.h5").write_bytes(b"half")
    assert FeatureStore(tmp_path).video_ids
    verify([tmp_path])
    (tmp_path / "0000.h5").unlink()
    with pytest.raises(UserError, match="no feature shards"):
        FeatureStore(tmp_path)


def test_a_store_survives_a_fork(tmp_path):
    shard(tmp_path / "0000.h5")
    store = FeatureStore(tmp_path)
    expected = float(store.read("a").sum())  # the file is open here when the children begin
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    workers = [context.Process(target=total, args=(store, results)) for _ in range(2)]
    for worker in workers:
        worker.start()
    assert [results.get(timeout=120) for _ in workers] == [expected] * 2
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    assert float(store.read("a").sum()) == expected


def test_an_open_store_is_sent_to_a_new_process(tmp_path):
    shard(tmp_path / "0000.h5")
    store = FeatureStore(tmp_path)
    expected = {name: store.read(name) for name in store.video_ids}
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        for name, values in zip(expected, pool.map(store.read, expected), strict=True):
            np.testing.assert_array_equal(values, expected[name])


def test_a_closed_store_opens_again(tmp_path):
    shard(tmp_path / "0000.h5")
    store = FeatureStore(tmp_path)
    first = store.read("a")
    store.close()
    np.testing.assert_array_equal(store.read("a"), first)
