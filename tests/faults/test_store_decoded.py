"""Decoded shards that are damaged, hostile, or of another version."""

import random

import h5py
import numpy as np
import pytest

from pipeline.errors import UserError
from pipeline.media.decoded import DecodedShard

FILE = {"media": "{}", "conversion": "none", "stage_version": 1, "ffmpeg_version": "7", "av_version": "1"}
ONE_LINE = "one line naming the shard, the video and the fault"


def more(*values):
    return pytest.param(*values, marks=pytest.mark.more)


def good(path):
    """A decoded shard of two small videos."""
    draw = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        file.attrs.update(FILE)
        for name in ("one", "two"):
            video = file.create_group(name)
            video.attrs.update({"fps": 10.0, "width": 8, "height": 6, "rate": 16000})
            video["frames"] = draw.integers(0, 256, (9, 6, 8, 3), np.uint8)
            video["times"] = np.arange(9) / 10
            video["sound"] = draw.normal(0, 0.1, 14_000).astype(np.float32)
    return path


def everything(path):
    """All that a decoded shard answers, pictures and sound as they are."""
    with DecodedShard(path) as shard:
        said = {name: (shard.fps(name), shard.rate(name), shard.times(name).tolist()) for name in shard.video_ids}
        media = {name: (shard.frames(name)[:].shape, shard.sound(name)[0].shape) for name in shard.video_ids}
        return shard.attributes, said, media


def put(name, data, **options):
    def change(file):
        del file[name]
        file.create_dataset(name, data=data, **options)

    return change


def of_size(name, shape, dtype, **options):
    def change(file):
        del file[name]
        file.create_dataset(name, shape, dtype, **options)

    return change


def link(name, made):
    def change(file):
        del file[name]
        file[name] = made

    return change


def says(name, key, value):
    def change(file):
        file[name].attrs[key] = value

    return change


def virtual(file):
    del file["one/frames"]
    layout = h5py.VirtualLayout((9, 6, 8, 3), np.uint8)
    layout[...] = h5py.VirtualSource("other.h5", "one/frames", (9, 6, 8, 3))
    file.create_virtual_dataset("one/frames", layout)


CHANGES = [
    pytest.param(link("one", h5py.ExternalLink("other.h5", "/one")), "one is a link", id="external group"),
    pytest.param(
        link("one/frames", h5py.ExternalLink("other.h5", "/one/frames")),
        "a link",
        id="external frames",
        marks=pytest.mark.more,
    ),
    more(virtual, "virtual"),
    more(link("one", h5py.SoftLink("/two")), "soft link"),
    pytest.param(of_size("one/sound", (10**11,), "f4", chunks=(1000,)), "one: sound", id="huge sound"),
    pytest.param(
        put("one/times", np.arange(9)[::-1] / 10),
        "one: times that do not rise",
        id="times fall",
        marks=pytest.mark.more,
    ),
    pytest.param(says("one", "rate", 10**12), "one: rate", id="huge rate"),
    pytest.param(put("one/sound", np.full(14_000, np.nan, "f4")), "one: sound that is not finite", id="nan sound"),
    more(of_size("one/frames", (10**9, 6, 8, 3), "u1", chunks=(1, 6, 8, 3)), "one: frames"),
    more(of_size("one/frames", (0, 6, 8, 3), "u1"), "one: frames"),
    more(put("one/frames", np.zeros((9, 6, 8, 4), "u1")), "one: frames"),
    more(put("one/frames", np.zeros((9, 6, 8, 3), "f4")), "one: frames"),
    more(put("one/frames", np.zeros((9, 6, 8), "u1")), "one: frames"),
    more(put("one/frames", np.zeros((7, 6, 8, 3), "u1")), "one: 9 times for 7 frames"),
    more(put("one/frames", np.zeros((9, 8, 6, 3), "u1")), "one: height"),
    more(put("one/times", np.full(9, np.nan)), "one: times"),
    more(put("one/times", np.arange(9)), "one: times"),
    more(put("one/sound", np.zeros((5, 2), "f4")), "one: sound"),
    more(put("one/sound", np.zeros(5)), "one: sound"),
    more(put("one/sound", np.array([b"a"])), "one: sound"),
    more(lambda file: file["one"].pop("times"), "one: without times"),
    more(lambda file: file.create_dataset("three", data=5), "three is no group"),
    *(more(says("one", "fps", value), "one: ") for value in (0.0, -1.0, float("nan"), float("inf"), "ten", 10)),
    *(more(says("one", "rate", value), "one: ") for value in (0, -1, 16000.5, "much", True, [1, 2])),
    *(more(says("/", "media", value), "media") for value in (5, [1], b"\xff\xfe")),
    *(more(lambda file, key=key: file["one"].attrs.pop(key), f"one: {key}") for key in ("fps", "rate")),
    *(more(lambda file, key=key: file.attrs.pop(key), key) for key in FILE if key != "conversion"),
]


@pytest.mark.fault("Decoded shards", "links, kinds, sizes, times and rates that cannot be", ONE_LINE)
@pytest.mark.parametrize(("change", "said"), CHANGES)
def test_a_decoded_shard_is_looked_at(avsd, tmp_path, change, said):
    good(tmp_path / "other.h5")
    path = good(tmp_path / "shard.h5")
    with h5py.File(path, "r+") as file:
        change(file)

    done = avsd("extract", "vggish", "--decoded", path, "--out", "out.h5", "--config", CONFIG, **LOADED)
    # The sound's values are read by the network's side, which is imported before.
    done.refused("shard.h5", said, seconds=6, memory=1200 << 20)
    assert not (tmp_path / "out.h5").exists()


LOADED = {"heavy": True, "imported": ("pipeline.training.train", "pipeline.answers.writing")}
CONFIG = '{"device": "cpu", "features": {"vggish": {"network": "vggish"}}}'


@pytest.mark.fault("Decoded shards", "made by a later version", ONE_LINE)
def test_a_later_version(tmp_path):
    path = good(tmp_path / "shard.h5")
    with h5py.File(path, "r+") as file:
        file.attrs["stage_version"] = 99
    with pytest.raises(UserError, match=r"shard\.h5: made by a later version \(stage_version 99"):
        DecodedShard(path)


@pytest.mark.fault("Decoded shards", "bytes that changed in what describes pictures and sound", "one line, or read")
@pytest.mark.parametrize("seed", [0, *(more(seed) for seed in range(1, 30))])
def test_any_bytes(tmp_path, seed):
    path, draw = good(tmp_path / "shard.h5"), random.Random(seed)
    content = path.read_bytes()
    frames = content.index(np.random.default_rng(0).integers(0, 256, (9, 6, 8, 3), np.uint8).tobytes()[:64])
    for _ in range(15):
        made = bytearray(content)
        place = draw.randrange(frames)
        if draw.random() < 0.2:
            made[place & ~7 : (place & ~7) + 8] = draw.choice([0, 2**32, 2**64 - 1]).to_bytes(8, "little")
        else:
            made[place] ^= 1 << draw.randrange(8)
        path.write_bytes(made)
        try:
            attributes, said, media = everything(path)
        except UserError as error:
            assert "shard.h5" in str(error)
            assert "\n" not in str(error)
        else:
            assert {"media"} <= attributes.keys()
            assert said.keys() == media.keys()
