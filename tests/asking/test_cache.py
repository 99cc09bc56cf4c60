"""What is kept of videos: the same values again, for the same content and settings alone, up to a size."""

import os
import time

import numpy as np
import pytest

from pipeline.answers.explain_clip import Clip
from pipeline.asking.cache import Cache
from pipeline.asking.video import VideoFeature
from pipeline.config import merge, parse
from pipeline.features.checkpoints import file_sha256

SETTINGS = {
    "features": {
        "seen": {"network": "i3d_rgb", "weights": "random", "dtype": "float32"},
        "heard": {"network": "vggish", "weights": "random"},
    }
}
ROOM = 1 << 20


def feature(seed: int, steps: int = 5) -> VideoFeature:
    values = np.random.default_rng(seed).normal(size=(steps, 8)).astype(np.float32)
    return VideoFeature(8, values, np.arange(steps) + 0.5, {"weights": "random"})


def cache(folder, overlay=None, room=ROOM):
    return Cache(folder, parse(merge(SETTINGS, overlay or {})), room)


@pytest.mark.parametrize("steps", [0, 5])
def test_the_same_values_again(tmp_path, steps):
    kept = feature(1, steps)
    cache(tmp_path).keep_feature("abc", "seen", kept)
    found = cache(tmp_path).feature("abc", "seen")
    assert found.dims == 8
    assert np.array_equal(found.values, kept.values) and found.values.dtype == np.float32
    assert np.array_equal(found.times, kept.times)
    assert found.attributes["weights"] == "random"


@pytest.mark.parametrize(
    ("content", "name", "overlay", "there"),
    [
        ("abc", "seen", {}, True),
        ("abd", "seen", {}, False),
        ("abc", "heard", {}, False),
        ("abc", "seen", {"features": {"seen": {"stride": 7}}}, False),
        ("abc", "seen", {"features": {"seen": {"media": {"fps": 7}}}}, False),
        ("abc", "seen", {"media": {"size": 99}}, False),
        ("abc", "seen", {"features": {"seen": {"batch": 3}}}, True),
        ("abc", "seen", {"features": {"heard": {"relu": True}}}, True),
        ("abc", "seen", {"results": "elsewhere", "training": {"epochs": 3}}, True),
    ],
)
def test_what_an_entry_belongs_to(tmp_path, content, name, overlay, there):
    """The content of the video, and all that the values depend on; a batch, or another feature, is no part of it."""
    cache(tmp_path).keep_feature("abc", "seen", feature(1))
    assert (cache(tmp_path, overlay).feature(content, name) is not None) == there


def test_other_weights(tmp_path):
    """Weights count by their content, not by their name."""
    weights = tmp_path / "weights.pt"
    overlay = {"features": {"seen": {"weights": str(weights)}}}
    weights.write_bytes(b"one")
    cache(tmp_path / "kept", overlay).keep_feature("abc", "seen", feature(1))
    assert cache(tmp_path / "kept", overlay).feature("abc", "seen") is not None
    weights.write_bytes(b"other")
    assert cache(tmp_path / "kept", overlay).feature("abc", "seen") is None


def test_clips(tmp_path):
    clip = Clip(2.5, ((0.5, b"\xff\xd8 a picture"), (1.5, b"another")), np.array([-12.3, -90.0]), 0.05)
    cache(tmp_path).keep_clip("abc", clip)
    found = cache(tmp_path).clip("abc")
    assert (found.seconds, found.frames, found.bin_seconds) == (clip.seconds, clip.frames, clip.bin_seconds)
    assert np.array_equal(found.level, clip.level)
    assert cache(tmp_path).clip("abd") is None


@pytest.mark.parametrize("what", ["seen", "clip"])
@pytest.mark.parametrize("damage", ["cut", "flipped", "emptied"])
def test_damaged_entries_count_as_none(tmp_path, capsys, what, damage):
    """They are thrown away, and the log says so."""
    one = cache(tmp_path)
    if what == "seen":
        one.keep_feature("abc", "seen", feature(1, 64))
    else:
        one.keep_clip("abc", Clip(2.5, ((0.5, b"picture"),), None, 0.05))
    (path,) = tmp_path.iterdir()
    content = path.read_bytes()
    half = len(content) // 2
    where = content.index(feature(1, 64).values.tobytes()[:64]) if what == "seen" else 0
    flipped = content[:where] + bytes([content[where] ^ 0x55]) + content[where + 1 :]
    path.write_bytes({"cut": content[:half], "flipped": flipped, "emptied": b""}[damage])
    read = one.feature("abc", "seen") if what == "seen" else one.clip("abc")
    assert read is None
    assert "damaged, made again" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_what_was_not_used_for_longest_goes_first(tmp_path):
    one = cache(tmp_path)
    one.keep_feature("a", "seen", feature(1))
    size = sum(path.stat().st_size for path in tmp_path.iterdir())
    one = cache(tmp_path, room=2 * size + size // 2)
    one.keep_feature("b", "seen", feature(2))
    for age, path in enumerate(sorted(tmp_path.iterdir(), key=lambda path: path.stat().st_mtime_ns)):
        past = time.time() - 100 + age
        os.utime(path, (past, past))
    assert one.feature("a", "seen") is not None
    one.keep_feature("c", "seen", feature(3))
    assert [one.feature(content, "seen") is not None for content in "abc"] == [True, False, True]
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 2 * size + size // 2


def test_no_room_at_all(tmp_path):
    one = cache(tmp_path, room=0)
    one.keep_feature("a", "seen", feature(1))
    assert one.feature("a", "seen") is None


def test_the_hash_of_a_file(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert file_sha256(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
