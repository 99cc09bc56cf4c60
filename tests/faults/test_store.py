"""Feature shards that are damaged, hostile, or of another version, at every command that reads them."""

import itertools
import os
import random
import zlib

import h5py
import numpy as np
import pytest

from pipeline.errors import UserError
from pipeline.features.store import FeatureStore, problems, write_shard

ATTRIBUTES = {"extractor": "vggish", "stage_version": 1, "relu": False, "rate": 16000, "gain": 0.5, "weights": "w" * 90}
STEPS = {"b": 3, "ä 1": 0, "a": 7, "c.d": 40}
NAMES = ("values", "times", "offsets", "checksums", "video_ids")
ONE_LINE = "one line naming the shard and the fault"


def good(path, dtype="float16"):
    """A shard as the project writes it."""
    draw = np.random.default_rng(0).standard_normal
    items = [(name, draw((steps, 5)).astype(dtype), np.arange(steps) + 0.5) for name, steps in STEPS.items()]
    write_shard(path, items, ATTRIBUTES, 5, dtype)
    return path


def everything(folder):
    """All that a store answers."""
    store = FeatureStore(folder)
    values = {name: (store.read(name).tolist(), store.times(name).tolist()) for name in store.video_ids}
    return store.attributes, values


def changed(path, change):
    with h5py.File(path, "r+") as file:
        change(file)
    return path


def replaced(name, data=None, **options):
    """A change that makes the dataset ``name`` another one, with its attributes."""

    def change(file):
        said = dict(file[name].attrs)
        made = file[name][:] if data is None else data(file[name][:])
        del file[name]
        file.create_dataset(name, data=made, **options).attrs.update(said)

    return change


def external_link(name):
    def change(file):
        del file[name]
        file[name] = h5py.ExternalLink("other.h5", f"/{name}")

    return change


def soft_link(name):
    def change(file):
        file.move(name, "elsewhere")
        file[name] = h5py.SoftLink("/elsewhere")

    return change


def virtual(name):
    def change(file):
        shape, dtype = file[name].shape, file[name].dtype
        del file[name]
        layout = h5py.VirtualLayout(shape, dtype)
        layout[...] = h5py.VirtualSource("other.h5", name, shape)
        file.create_virtual_dataset(name, layout)

    return change


def external_storage(name):
    def change(file):
        shape, dtype = file[name].shape, file[name].dtype
        del file[name]
        size = int(np.prod(shape)) * dtype.itemsize
        file.create_dataset(name, shape, dtype, external=[("raw.bin", 0, size)])

    return change


def unknown_filter(file):
    made = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    made.set_chunk((10, 5))
    made.set_filter(32999, h5py.h5z.FLAG_OPTIONAL, (1,))
    del file["values"]
    space = h5py.h5s.create_simple((50, 5))
    h5py.h5d.create(file.id, b"values", h5py.h5t.IEEE_F16LE, space, made)


def huge(name, shape, dtype, **options):
    def change(file):
        del file[name]
        file.create_dataset(name, shape, dtype, **options)

    return change


def bomb(file):
    """Ten thousand million zeros, a few kilobytes packed: what nobody measures."""
    del file["values"], file["times"]
    file.create_dataset("times", data=np.zeros(50))
    values = file.create_dataset("values", (50, 4_000_000), "float16", chunks=(1, 4_000_000), compression="gzip")
    values[0] = 0
    for row in range(1, 50):
        values[row] = 0


def group_instead(name):
    def change(file):
        del file[name]
        file.create_group(name)

    return change


def attribute(name, value):
    def change(file):
        file.attrs[name] = value

    return change


def at(name, index, value):
    def change(file):
        file[name][index] = value

    return change


def more(*values):
    return pytest.param(*values, marks=pytest.mark.more)


def refuses(avsd, path, *said, command="verify"):
    """`avsd features` says so of the shard in one line, whichever command reads it."""
    arguments = ("export", path.parent, "--out", "npy") if command == "export" else (command, path)
    line = avsd("features", *arguments).refused(path.name, *said)
    assert "Errno" not in line


@pytest.fixture
def shard(tmp_path):
    good(tmp_path / "other.h5")
    return good(tmp_path / "f" / "0000.h5")


ELSEWHERE = [
    pytest.param(external_link("values"), "a link into another file", id="external link"),
    pytest.param(virtual("values"), "virtual", id="virtual"),
    pytest.param(external_storage("values"), "external storage", id="external storage"),
    pytest.param(soft_link("values"), "soft link", id="soft link"),
    pytest.param(unknown_filter, "filter 32999", id="unknown filter"),
    *(
        pytest.param(make(name), name, id=f"{make.__name__} {name}", marks=pytest.mark.more)
        for make in (external_link, virtual, soft_link)
        for name in NAMES[1:]
        if (make, name) != (virtual, "video_ids")
    ),
    *(
        pytest.param(external_storage(name), name, id=f"storage {name}", marks=pytest.mark.more)
        for name in ("times", "offsets", "checksums")
    ),
]


@pytest.mark.fault("Feature shards", "values that stand in other files, or need other code", ONE_LINE)
@pytest.mark.parametrize(("change", "said"), ELSEWHERE)
def test_what_is_elsewhere_is_not_read(avsd, shard, change, said):
    changed(shard, change)

    refuses(avsd, shard, said)
    refuses(avsd, shard, said, command="export")


SIZES = [
    pytest.param(huge("values", (10**12, 5), "f2", chunks=(10, 5), maxshape=(None, 5)), id="rows"),
    pytest.param(huge("values", (50, 10**9), "f2", chunks=(1, 1000)), id="dims"),
    pytest.param(huge("offsets", (10**10,), "i8", chunks=(10,)), id="offsets"),
    pytest.param(huge("video_ids", (10**10,), h5py.string_dtype(), chunks=(10,)), id="ids"),
    pytest.param(bomb, id="packed"),
    more(huge("values", (2**62, 5), "f4", chunks=(10, 5))),
    more(huge("values", (50, 5), "f2")),
    more(huge("times", (10**10,), "f8", chunks=(10,))),
    more(huge("checksums", (10**10,), "u4", chunks=(10,))),
    more(huge("values", (50, 5), "f2", chunks=(50, 5), compression="gzip")),
]


@pytest.mark.fault("Feature shards", "sizes that the file does not hold", ONE_LINE)
@pytest.mark.parametrize("change", SIZES)
def test_sizes_are_not_believed(avsd, shard, change):
    changed(shard, change)

    refuses(avsd, shard)
    refuses(avsd, shard, command="show")


KINDS = [
    pytest.param(replaced("values", lambda x: x.astype("f8")), "float64", id="values f8"),
    pytest.param(replaced("values", lambda x: x[:, 0]), "values (50,)", id="values 1-d"),
    pytest.param(group_instead("values"), "no dataset", id="group"),
    pytest.param(replaced("times", lambda x: x.astype("i8")), "times", id="times i8"),
    pytest.param(replaced("offsets", lambda x: x.astype("f8")), "offsets", id="offsets f8"),
    pytest.param(replaced("video_ids", lambda x: np.arange(len(x))), "video_ids", id="ids of numbers"),
    pytest.param(attribute("gain", float("nan")), "gain", id="nan attribute"),
    pytest.param(attribute("rate", [1, 2]), "rate", id="list attribute"),
    more(replaced("values", lambda x: x.astype("i4")), "int32"),
    more(replaced("values", lambda x: x[:, :0]), "no dimension"),
    more(replaced("values", lambda x: x[:-1]), "steps"),
    more(replaced("times", lambda x: x[:-1]), "times for"),
    more(replaced("times", lambda x: x.astype("f4")), "float32"),
    more(replaced("offsets", lambda x: x[:-1]), "offsets"),
    more(replaced("offsets", lambda x: x[::-1]), "do not rise"),
    more(replaced("offsets", lambda x: x - 1), "do not rise"),
    more(replaced("offsets", lambda x: x * 10**15), "do not rise"),
    more(replaced("checksums", lambda x: x[:-1]), "checksums"),
    more(replaced("checksums", lambda x: x.astype("i8")), "checksums"),
    *(more(group_instead(name), name) for name in NAMES[1:]),
    *(more(lambda file, name=name: file.pop(name), f"without {name}") for name in NAMES),
    more(attribute("extractor", np.array(["a"], dtype=h5py.string_dtype())), "extractor"),
    more(attribute("extractor", h5py.Empty("f4")), "extractor"),
    more(attribute("weights", b"\xff\xfe"), "weights"),
    more(attribute("weights", "w" * 60_000 + "\n"), "changed"),
    more(attribute("weights", "another"), "changed"),
    more(attribute("times_unit", "hour"), "times_unit"),
    more(attribute("stage_version", "1"), "stage_version"),
    more(attribute("stage_version", -1), "stage_version"),
    more(attribute("format", 1), "format 1"),
    more(lambda file: file.attrs.pop("format"), "format None"),
]


@pytest.mark.fault("Feature shards", "kinds, ranks and lengths that do not fit", ONE_LINE)
@pytest.mark.parametrize(("change", "said"), KINDS)
def test_what_does_not_fit_is_named(avsd, shard, change, said):
    changed(shard, change)

    refuses(avsd, shard, said)


def swapped(file):
    ids = file["video_ids"][:]
    file["video_ids"][:] = ids[[2, 1, 0, 3]]


SILENT = [
    pytest.param(at("values", (4, 2), 1.25), "a: checksum differs", id="value"),
    pytest.param(at("offsets", 3, 9), "were changed", id="shifted offset"),
    pytest.param(swapped, "were changed", id="swapped ids"),
    pytest.param(at("times", 1, 1.25), "b: checksum differs", id="time"),
    pytest.param(at("values", (12, 0), np.inf), "c.d: values that are not finite", id="infinite"),
    more(at("values", (12, 0), np.nan), "c.d: values that are not finite"),
    more(at("times", 1, np.nan), "b: times that do not rise"),
    more(at("times", 1, -1), "b: times that do not rise"),
    more(at("checksums", 0, 5), "were changed"),
    more(at("video_ids", 0, "z"), "were changed"),
    more(at("video_ids", 0, "a\nb"), "cannot be a video's id"),
    more(at("video_ids", 0, ""), "cannot be a video's id"),
    more(at("video_ids", 0, b"\xff"), "no UTF-8"),
    more(at("video_ids", 0, "x" * 2000), "cannot be a video's id"),
    more(at("video_ids", 0, "a"), "twice"),
]


@pytest.mark.fault(
    "Feature shards", "values, times or ids that were changed", "one line naming the shard and the video"
)
@pytest.mark.parametrize(("change", "said"), SILENT)
def test_what_was_changed_is_not_answered_from(avsd, shard, change, said):
    changed(shard, change)

    refuses(avsd, shard, said)
    refuses(avsd, shard, said, command="export")
    with pytest.raises(UserError, match=shard.name):
        everything(shard.parent)


def by_hand(path, ids=("a", "b"), **options):
    """A shard as a user may write it, who has read the layout and nothing else."""
    path.parent.mkdir(exist_ok=True)
    steps, values = [3, 2], np.arange(20, dtype=np.float32).reshape(5, 4)
    times, ends = np.arange(5.0), np.cumsum([0, *steps])
    with h5py.File(path, "w", libver=options.pop("libver", None)) as file:
        file.attrs["format"] = "avsd-features-1"
        file.create_dataset("values", data=values, **options)
        file["times"], file["offsets"] = times, ends
        sums = [crc(values[begin:end], times[begin:end]) for begin, end in itertools.pairwise(ends)]
        file["checksums"] = np.array(sums, np.uint32)
        file["video_ids"] = list(ids)
    return path


def crc(values, times):
    return zlib.crc32(times.tobytes(), zlib.crc32(values.tobytes()))


@pytest.mark.fault("Feature shards", "a user's own, in the layout", "read")
@pytest.mark.parametrize(
    "options",
    [{}, {"compression": "gzip", "shuffle": True}, more({"compression": "lzf"}), more({"fletcher32": True}),
     more({"libver": "latest"}), more({"chunks": (2, 4)})],
)  # fmt: skip
def test_a_shard_by_hand_is_read(avsd, tmp_path, options):
    path = by_hand(tmp_path / "mine" / "0000.h5", **options)

    assert "good" in avsd("features", "verify", path).went_well(seconds=1)
    assert everything(path.parent)[1]["b"] == ([[12, 13, 14, 15], [16, 17, 18, 19]], [3, 4])


@pytest.mark.fault("Feature shards", "made by a later or an older version", "named as that, or read")
@pytest.mark.parametrize(
    ("name", "value"), [("format", "avsd-features-2"), ("stage_version", 99), more("format", "avsd-features-12")]
)
def test_versions(avsd, shard, name, value):
    changed(shard, attribute(name, value))
    refuses(avsd, shard, "made by a later version", str(value))
    refuses(avsd, shard, "made by a later version", str(value), command="export")


@pytest.mark.fault("Feature shards", "made by a later or an older version", "named as that, or read")
def test_a_shard_without_the_newer_checksum_is_read(shard):
    before = everything(shard.parent)
    changed(shard, lambda file: file["video_ids"].attrs.pop("checksum"))
    assert everything(shard.parent) == before


def damaged(content, draw):
    """``content`` with one of the faults that disks, copies and people make."""
    made = bytearray(content)
    used = [place for place, byte in enumerate(content) if byte]
    place = min(max(0, draw.choice(used) + draw.randrange(-4, 5)), len(made) - 1)
    kind = draw.choice(["bit", "bit", "byte", "bytes", "cut", "zeros", "ones", "number"])
    if kind == "bit":
        made[place] ^= 1 << draw.randrange(8)
    elif kind == "byte":
        made[place] = draw.randrange(256)
    elif kind == "bytes":
        for _ in range(8):
            made[draw.choice(used)] = draw.randrange(256)
    elif kind == "cut":
        del made[place:]
    else:
        numbers = {"zeros": 0, "ones": 2**64 - 1, "number": draw.choice([1, 8, 2**31, 2**40, 2**63 - 1, place])}
        begin = place & ~7
        made[begin : begin + 8] = numbers[kind].to_bytes(8, "little")[: len(made) - begin]
    return bytes(made)


@pytest.mark.fault("Feature shards", "bytes that changed, anywhere", "one line, or the right values")
@pytest.mark.parametrize("seed", [0, 1, *(more(seed) for seed in range(2, 40))])
def test_any_bytes(shard, seed):
    before, content, draw = everything(shard.parent), shard.read_bytes(), random.Random(seed)
    for _ in range(10):
        shard.write_bytes(damaged(content, draw))
        try:
            assert everything(shard.parent) == before
            assert problems(shard) == []
        except UserError as error:
            assert str(shard) in str(error)
            assert "\n" not in str(error)


@pytest.mark.fault("Feature shards", "a pipe, a folder, a loop of links in its place", ONE_LINE)
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(os.mkfifo, id="pipe"),
        more(os.mkdir),
        more(lambda path: path.symlink_to(path)),
        more(lambda path: path.symlink_to("/dev/zero")),
    ],
)
def test_what_is_no_file(avsd, shard, make):
    shard.unlink()
    make(shard)
    avsd("features", "export", shard.parent, "--out", "npy", seconds=20).refused(shard.name)


@pytest.mark.fault("Feature shards", "a length of 0 in the heap of texts, on which HDF5 never comes back", ONE_LINE)
def test_a_heap_that_goes_round(avsd, shard):
    content = bytearray(shard.read_bytes())
    place = content.index(b"GCOL") + 16
    while content[place + 8 : place + 16] == bytes(8):
        place += 8
    content[place + 8 : place + 16] = bytes(8)
    shard.write_bytes(content)

    refuses(avsd, shard)
