"""Files of text and numbers that are broken or made to cost much: one line that names file and fault, at once."""

import json
import os
import pickle
import socket
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

DIALOGS = {"dialogs": [{"image_id": "v", "dialog": [{"question": "who ?", "answer": "a man"}]}]}
REFERENCES = {"images": [{"id": 1, "name": "v_0"}], "annotations": [{"image_id": 1, "caption": "a man"}]}
MORE = pytest.mark.more
GIGABYTE = 10**9


def settings(**values):
    return json.dumps({"corpus": {"source": "files"}, **values})


def importing(name, key="training"):
    dialogs = {"training": "good.json", key: name}
    return "corpus", "import", "--config", settings(dialogs=dialogs), "--out", "out"


# By reader: the command, given the name of the file.
READERS = {
    "dialogs": importing,
    "validation": lambda name: importing(name, "validation"),
    "statistics": lambda name: ("corpus", "stats", name),
    "captions": lambda name: ("corpus", "captions", name, "--out", "out.json"),
    "result file": lambda name: ("score", name, "--references", "references.json"),
    "references": lambda name: ("score", "good.json", "--references", name),
    "compared file": lambda name: ("score", "good.json", "--references", "references.json", "--against", name),
    "truth": lambda name: ("score", "good.json", "--references", "references.json", "--truth", name),
    "descriptions": lambda name: ("score", name, "--references", "references.json", "--task", "describe"),
    "vocabulary": lambda name: (
        *("paraphrases", "--references", "references.json", "--vocabulary", name, "--out", "out"),
    ),
    "configuration": lambda name: ("corpus", "import", "--config", name, "--out", "out"),
}
FIRST = ("dialogs", "result file", "configuration")


def of_readers(names=READERS, first=FIRST):
    return pytest.mark.parametrize("reader", [n if n in first else pytest.param(n, marks=MORE) for n in names])


@pytest.fixture(autouse=True)
def good(tmp_path):
    (tmp_path / "good.json").write_text(json.dumps(DIALOGS))
    (tmp_path / "references.json").write_text(json.dumps(REFERENCES))


def sparse(path, size, begin=b""):
    path.write_bytes(begin)
    os.truncate(path, size)


def zeros(path):
    path.symlink_to("/dev/zero")


def listening(path):
    with socket.socket(socket.AF_UNIX) as end:
        before = Path.cwd()
        os.chdir(path.parent)  # the name of a socket may not be long
        try:
            end.bind(path.name)
        finally:
            os.chdir(before)


NO_FILES = {
    "a pipe": (os.mkfifo, "a pipe, expected a file"),
    "an endless device": (zeros, "a device, expected a file"),
    "a folder": (os.mkdir, "a folder, expected a file"),
    "a socket": (listening, "cannot be read"),
    "links in a circle": (lambda path: path.symlink_to(path.name), "symbolic links"),
    "a link to nothing": (lambda path: path.symlink_to("nothing"), "no such file"),
}


@pytest.mark.fault("Text files", "what is no file: pipes, devices, sockets, folders, circles of links", "one line")
@pytest.mark.parametrize("kind", [k if k in list(NO_FILES)[:2] else pytest.param(k, marks=MORE) for k in NO_FILES])
@of_readers()
def test_no_file(avsd, tmp_path, reader, kind):
    make, words = NO_FILES[kind]
    make(tmp_path / "x.json")
    if (reader, kind) == ("captions", "a folder"):
        words = "no captions in it"
    avsd(*READERS[reader]("x.json"), seconds=20).refused("x.json", words if "circle" not in kind else "x.json")
    assert not (tmp_path / "out").exists()


@pytest.mark.fault("Text files", "a path that no file can have: a zero in it, 300 characters", "one line with the key")
@pytest.mark.parametrize("name", ["a\0b.json", pytest.param("x" * 300, marks=MORE)])
@pytest.mark.parametrize("key", ["dialogs", pytest.param("results", marks=MORE), pytest.param("videos", marks=MORE)])
def test_paths_no_file_has(avsd, key, name):
    values = {"dialogs": {"training": name}} if key == "dialogs" else {key: name, "dialogs": {"training": name}}
    line = avsd("corpus", "import", "--config", settings(**values), "--out", "out").refused()
    assert key in line
    assert r"\x00" in line if "\0" in name else "300 bytes, a file's name has at most 255" in line


@pytest.mark.fault("Text files", "gigabytes: a text of 1 GB, a sparse file of 3 GB", "one line, how to read more")
@pytest.mark.parametrize(("size", "begin"), [(GIGABYTE, b'"'), pytest.param(3 * GIGABYTE, b"", marks=MORE)])
@of_readers()
def test_gigabytes(avsd, tmp_path, reader, size, begin):
    sparse(tmp_path / "x.json", size, begin)
    line = avsd(*READERS[reader]("x.json"), seconds=20).refused("x.json", f"{size / 1e6:,.1f} MB")
    assert f"AVSD_LARGEST_FILE_MB={size // 1_000_000}" in line


DENSE = {
    "lists": b"[],",
    "objects": b"{},",
    "numbers": b"1,",
    "texts": b'"",',
    "pairs": b'{"a":1},',
}


@pytest.mark.fault("Text files", "many millions of tiny values in some megabytes of JSON", "one line, how to read more")
@pytest.mark.parametrize("kind", [k if k == "lists" else pytest.param(k, marks=MORE) for k in DENSE])
@of_readers(first=("dialogs",))
def test_millions_of_values(avsd, tmp_path, reader, kind):
    one = DENSE[kind]
    (tmp_path / "x.json").write_bytes(b"[" + one * (60_000_000 // len(one)) + b"1]")
    avsd(*READERS[reader]("x.json"), seconds=20).refused("x.json", "million values", "AVSD_LARGEST_FILE_MB=")


@pytest.mark.fault("Text files", "just below the limits, and of no use", "one line, in less than 500 MB")
@pytest.mark.parametrize("kind", [k if k == "pairs" else pytest.param(k, marks=MORE) for k in DENSE])
def test_as_many_values_as_may_be(avsd, tmp_path, kind):
    weights = {"lists": 2, "objects": 4, "numbers": 1, "texts": 1, "pairs": 4}
    (tmp_path / "x.json").write_bytes(b"[" + DENSE[kind] * (4_990_000 // weights[kind]) + b"1]")
    avsd("corpus", "stats", "x.json", seconds=20).refused("x.json", "not a dialog file", seconds=2)


@pytest.mark.fault("Text files", "a limit that the user sets", "files so large are read; what is no number is one line")
@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("1", "expected at most 1 MB"),
        ("2", None),
        ("much", "expected a whole number"),
        ("0", "expected a whole number"),
    ],
)
def test_the_limit_is_the_users(avsd, tmp_path, value, words):
    padded = json.dumps(DIALOGS)[:-1] + " " * 1_500_000 + "}"
    (tmp_path / "x.json").write_text(padded)
    done = avsd("corpus", "stats", "x.json", AVSD_LARGEST_FILE_MB=value)
    if words is None:
        done.went_well()
    else:
        done.refused("AVSD_LARGEST_FILE_MB", words)


ENCODED = {
    "Latin-1": ('{"caf\xe9": 1}'.encode("latin-1"), "not UTF-8: byte 0xe9 in line 1"),
    "UTF-16": ('{"a": 1}'.encode("utf-16"), "UTF-16"),
    "UTF-32": ('{"a": 1}'.encode("utf-32"), "UTF-16"),
    "a zero byte": (b'{"a": 1}\n\0', "a zero byte in line 2"),
    "half of a pair in UTF-8": (b'"\xed\xa0\x80"', "not UTF-8"),
    "bytes": (bytes(range(250, 0, -1)), "not UTF-8"),
}


@pytest.mark.fault("Text files", "other encodings, bytes that are no text", "one line with the line")
@pytest.mark.parametrize("kind", [k if k == "Latin-1" else pytest.param(k, marks=MORE) for k in ENCODED])
@of_readers(first=("dialogs",))
def test_encodings(avsd, tmp_path, reader, kind):
    content, words = ENCODED[kind]
    (tmp_path / "x.json").write_bytes(content)
    avsd(*READERS[reader]("x.json")).refused("x.json", words)


NO_JSON = {
    "lists nested deeply": ("[" * 100_000 + "]" * 100_000, "nested too deeply"),
    "objects nested deeply": ('{"a":' * 100_000 + "1" + "}" * 100_000, "nested too deeply"),
    "nested a million times": ("[" * 1_000_000, "nested too deeply"),
    "a number of 10,000 digits": ("[" + "9" * 10_000 + "]", "too many digits"),
    "NaN": ('{"a": NaN}', "line 1 column 7"),
    "Infinity": ('{"a":\n -Infinity}', "line 2"),
    "half of a pair": (r'{"a": "\ud800"}', "is no character"),
    "a zero in a text": (r'{"a": "\u0000"}', "is no character"),
    "a key twice": ('{"a": 1,\n"b": {"c": 1, "c": 2}}', 'a key stands twice in one object: "c" at line 2'),
    "cut short": ('{"dialogs": [{"image_id"', "line 1"),
    "two documents": ("{}\n{}", "line 2"),
    "a comma too many": ('{"dialogs": [],}', "line 1"),
    "a comment": ("{} // none", "line 1"),
    "nothing": ("", "line 1"),
    "a line break in a text": ('{"a": "b\nc"}', "line 2"),
}
NO_JSON_FIRST = ("objects nested deeply", "a number of 10,000 digits", "NaN", "half of a pair", "a key twice")


@pytest.mark.fault("Text files", "JSON that is none, or more than it seems", "one line with the place")
@pytest.mark.parametrize("kind", [k if k in NO_JSON_FIRST else pytest.param(k, marks=MORE) for k in NO_JSON])
@of_readers(first=("dialogs",))
def test_no_json(avsd, tmp_path, reader, kind):
    content, words = NO_JSON[kind]
    if reader == "captions" and not content.startswith(("{", "[")):
        pytest.skip("a text file of How2's")
    (tmp_path / "x.json").write_text(content, encoding="utf-8")
    avsd(*READERS[reader]("x.json")).refused("x.json", words)


def multiplied(item, many=9, depth=9):
    """A few lines whose aliases stand for 9 ** 9 values."""
    lines = [f"a0: &a0 {item}"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * many)}]" for n in range(1, depth)]
    return "\n".join(lines)


def merged(depth=12):
    lines = ["a0: &a0 {x: 1}"]
    lines += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, depth)]
    return "\n".join(lines)


def mappings(depth=30):
    return "a0: &a0 {x: 1}\n" + "\n".join(f"a{n}: &a{n} {{b: *a{n - 1}, c: *a{n - 1}}}" for n in range(1, depth))


NO_YAML = {
    "aliases of lists that multiply": (multiplied("[x, x, x]"), "do aliases multiply them?"),
    "aliases of mappings that multiply": (mappings(), "do aliases multiply them?"),
    "merges that multiply": (merged(), "do aliases multiply them?"),
    "aliases nested deeply": (
        "a0: &a0 {x: 1}\n" + "\n".join(f"a{n}: &a{n} {{b: *a{n - 1}}}" for n in range(1, 2000)),
        "nested too deeply",
    ),
    "a mapping that holds itself": ("a: &a {b: *a}", "holds itself"),
    "a list that holds itself": ("a: &a [*a]", "holds itself"),
    "a key twice": ("device: cpu\ntraining: {epochs: 3}\n\ndevice: cuda", "line 4: 'device' stands twice"),
    "a key twice, deeper": ("training:\n  epochs: 3\n  seed: 1\n  epochs: 4", "line 4: 'epochs' stands twice"),
    "a key twice, quoted": ("device: cpu\n'device': cuda", "line 2: 'device' stands twice"),
    "lists nested deeply": ("[" * 100_000, "nested too deeply"),
    "mappings nested deeply": ("{a: " * 50_000, "nested too deeply"),
    "lines nested deeply": ("\n".join(" " * n + "a:" for n in range(300)), "nested too deeply"),
    "a number of 10,000 digits": ("seed: " + "9" * 10_000, "too large"),
    "a number of 100,000 binary digits": ("seed: 0b" + "1" * 100_000, "too large"),
    "a number of 70 bits": (f"seed: {1 << 70}", "too large"),
    "nan": ("training: {learning_rate: .nan}", "training.learning_rate: nan is no finite number"),
    "infinity": ("training: {learning_rate: .inf}", "training.learning_rate: inf is no finite number"),
    "a number too large for a float": (
        "training: {learning_rate: 1.0e+999}",
        "training.learning_rate: inf is no finite number",
    ),
    "code": ("!!python/object/apply:os.system ['true']", "not YAML"),
    "two documents": ("a: 1\n---\na: 2", "not YAML"),
    "an unknown alias": ("a: *b", "not YAML"),
    "a tab": ("a:\n\tb: 1", "not YAML"),
    "a list": ("- a", "a configuration is a mapping"),
    "a text": ("a", "a configuration is a mapping"),
    "half a megabyte": ("a: 1\n" + "# nothing\n" * 50_000, "expected at most 0.25 MB"),
    "keys that are no text": ("1: 2\n[a]: b", "not YAML"),
}
NO_YAML_FIRST = (*list(NO_YAML)[:3], "a key twice", "lists nested deeply", "nan")


@pytest.mark.fault("Configuration files", "YAML that is none, or more than it seems", "one line with the line")
@pytest.mark.parametrize("kind", [k if k in NO_YAML_FIRST else pytest.param(k, marks=MORE) for k in NO_YAML])
def test_no_yaml(avsd, tmp_path, kind):
    content, words = NO_YAML[kind]
    (tmp_path / "x.yaml").write_text(content)
    avsd("corpus", "import", "--config", "x.yaml", "--out", "out", seconds=20).refused("x.yaml", words)


INLINE = {
    "a key twice": ('{"device": "cpu", "device": "cuda"}', "a key stands twice"),
    "NaN": ('{"training": {"learning_rate": NaN}}', "line 1"),
    "a number too large for a float": ('{"training": {"learning_rate": 1e999}}', "learning_rate: inf is no finite"),
    "a number of 70 bits": ('{"training": {"seed": 1180591620717411303424}}', "training.seed"),
    "nested deeply": ('{"a":' * 20_000, "nested too deeply"),
    "cut short": ('{"a": 1', "line 1"),
    "billions of seeds": ('{"systems": {"a": {"seeds": 1000000000, "network": "attention", "label": "a"}}}', "seeds"),
    "a list as a name": ('{"run": [["a"]], "systems": {"a": {"network": "attention", "label": "a"}}}', "run.0"),
    "a name of 100,000 characters": (json.dumps({"run": ["a" * 100_000]}), "run"),
}


@pytest.mark.fault("Configuration files", "the same in an option", "one line with the place")
@pytest.mark.parametrize("kind", [k if k == "a key twice" else pytest.param(k, marks=MORE) for k in INLINE])
def test_inline(avsd, kind):
    content, words = INLINE[kind]
    avsd("corpus", "import", "--config", content, "--out", "out").refused(words)


def dialogs(*entries):
    return {"dialogs": [{"image_id": name, "dialog": DIALOGS["dialogs"][0]["dialog"]} for name in entries]}


MSR_VTT = {"videos": [{"video_id": "v", "split": "train"}, {"video_id": "v", "split": "test"}], "sentences": []}
COCO = {"images": [{"id": 1, "file_name": "a.mp4"}, {"id": 1, "file_name": "b.mp4"}], "annotations": []}
TWICE = {
    "dialogs": ("dialogs", dialogs("v", "w", "v"), "dialog v stands twice, at positions 0 and 2"),
    "statistics": ("statistics", dialogs("v", "v"), "dialog v stands twice"),
    "references": ("references", {**REFERENCES, "images": REFERENCES["images"] * 2}, "stands twice"),
    "references as dialogs": ("references", dialogs("v", "v"), "dialog v stands twice"),
    "result file": ("result file", dialogs("v", "v"), "given twice (v turn 0)"),
    "result file, unreferenced": ("result file", dialogs("v", "w", "w"), "given twice (w turn 0)"),
    "MSR-VTT": ("captions", MSR_VTT, "videos[1]: video 'v' stands twice"),
    "COCO": ("captions", COCO, "images[1]: id 1 stands twice"),
    "captions": ("captions", '{"v": "a man", "v": "a dog"}', 'twice in one object: "v"'),
    "descriptions": ("descriptions", '{"v": "a man",\n"v": "a dog"}', 'twice in one object: "v" at line 2'),
}


@pytest.mark.fault("Text files", "a video twice in a file", "one line with its name and places")
@pytest.mark.parametrize(
    "kind", [k if k in ("dialogs", "result file", "MSR-VTT") else pytest.param(k, marks=MORE) for k in TWICE]
)
def test_a_video_twice(avsd, tmp_path, kind):
    reader, content, words = TWICE[kind]
    (tmp_path / "x.json").write_text(content if isinstance(content, str) else json.dumps(content))
    avsd(*READERS[reader]("x.json")).refused("x.json", words)


LONG = "word " * 2_000_000


def spoken(**turn):
    return {"dialogs": [{"image_id": "v", "dialog": [{"question": "who ?", "answer": "a man", **turn}]}]}


ENDLESS = {
    "answer scored": ("result file", spoken(answer=LONG), "dialog v, turn 0: answer"),
    "answer learned": ("dialogs", spoken(answer=LONG), "dialog v, turn 0: answer"),
    "question": ("dialogs", spoken(question=LONG), "dialog v, turn 0: question"),
    "answer among several": ("references", spoken(answer=["a", LONG]), "dialog v, turn 0: answer 1"),
    "reference": ("references", {**REFERENCES, "annotations": [{"image_id": 1, "caption": LONG}]}, "annotations[0]"),
    "description": ("descriptions", {"v": LONG}, "video 'v'"),
    "summary": ("dialogs", {"dialogs": [{**DIALOGS["dialogs"][0], "summary": LONG}]}, "dialog v: summary"),
    "caption": ("dialogs", {"dialogs": [{"image_id": "v", "captions": [LONG]}]}, "dialog v: caption 0"),
}


@pytest.mark.fault("Text files", "an answer of millions of words", "one line with its place")
@pytest.mark.parametrize("kind", [k if k == "answer scored" else pytest.param(k, marks=MORE) for k in ENDLESS])
def test_endless_sentences(avsd, tmp_path, kind):
    reader, content, words = ENDLESS[kind]
    (tmp_path / "x.json").write_text(json.dumps(content))
    avsd(*READERS[reader]("x.json"), seconds=20).refused("x.json", words, "10,000,000 characters")


@pytest.mark.fault("Text files", "captions of which some are endless", "left out, named and counted, the others stay")
def test_endless_captions_are_left_out(avsd, tmp_path):
    (tmp_path / "x.json").write_text(json.dumps({"v": ["a man", LONG]}))
    done = avsd(*READERS["captions"]("x.json"))
    done.went_well(seconds=2)
    assert "video v, sentence 1: the sentence has 10,000,000 characters" in done.err


def header(shape, descr="'<f4'", order="False"):
    text = f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}".encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def saved(path, array, **how):
    np.save(path, array, **how)


NO_NPY = {
    "4 TB by its header": (lambda p: p.write_bytes(header((10**6, 10**6)) + bytes(4096)), "not an npy file"),
    "a product past 64 bits": (lambda p: p.write_bytes(header((2**62, 8)) + bytes(4096)), "not an npy file"),
    "fewer than none": (lambda p: p.write_bytes(header((-1, 8)) + bytes(4096)), "npy"),
    "a sparse file of 3 GB": (
        lambda p: sparse(p, 3 * GIGABYTE, header((3 * GIGABYTE // 4096 - 1, 1024))),
        "3,000.0 MB",
    ),
    "objects": (lambda p: saved(p, np.array([{"a": 1}], object), allow_pickle=True), "not an npy file"),
    "a pickle": (lambda p: p.write_bytes(pickle.dumps({"a": 1})), "not an npy file"),
    "an archive": (lambda p: zipfile.ZipFile(p, "w").close(), "not an npy file"),
    "cut short": (lambda p: p.write_bytes(header((100, 8)) + bytes(100)), "not an npy file"),
    "empty": (lambda p: p.write_bytes(b""), "not an npy file"),
    "a text": (lambda p: p.write_text("1 2 3"), "not an npy file"),
    "texts": (lambda p: saved(p, np.array([["a"]])), "not an npy file of real numbers"),
    "complex numbers": (lambda p: saved(p, np.ones((3, 8), complex)), "not an npy file of real numbers"),
    "records": (lambda p: saved(p, np.zeros(3, [("a", "f4")])), "not an npy file of real numbers"),
    "truth values": (lambda p: saved(p, np.ones((3, 8), bool)), "not an npy file of real numbers"),
    "three dimensions": (lambda p: saved(p, np.ones((3, 8, 2))), "shape (3, 8, 2)"),
    "no dimension": (lambda p: saved(p, np.float32(1)), "shape ()"),
    "nan": (lambda p: saved(p, np.full((3, 8), np.nan)), "not finite"),
    "a header that is a program": (
        lambda p: p.write_bytes(header("__import__('os').system('true')") + bytes(64)),
        "not an npy file",
    ),
    "a header nested deeply": (lambda p: p.write_bytes(header("(" * 9000 + ")" * 9000) + bytes(64)), "not an npy file"),
    "a pipe": (os.mkfifo, "a pipe"),
    "an endless device": (zeros, "a device"),
    "a folder": (os.mkdir, "a folder"),
}
NO_NPY_FIRST = ("4 TB by its header", "a sparse file of 3 GB", "objects", "a pipe")


@pytest.mark.fault("npy files", "headers that lie, pickles, gigabytes, what is no array", "one line naming the file")
@pytest.mark.parametrize("kind", [k if k in NO_NPY_FIRST else pytest.param(k, marks=MORE) for k in NO_NPY])
def test_no_npy(avsd, tmp_path, kind):
    make, words = NO_NPY[kind]
    (tmp_path / "npy").mkdir()
    make(tmp_path / "npy" / "x.npy")
    avsd("features", "import", "npy", "--out", "out.h5", heavy=True, seconds=20).refused("x.npy", words, seconds=2)
    assert not (tmp_path / "out.h5").exists()


NO_TABLE = {
    "another header": (b"a\tb\n", "not a list of unreadable videos"),
    "a line of 15 MB": (b"video\treason\n" + b"a" * 15_000_000, "field larger than field limit"),
    "a line of 200 MB": (200_000_000, "200.0 MB"),
    "Latin-1": (b"video\tcaf\xe9\n", "not UTF-8"),
    "zero bytes": (b"video\0\t\n", "a zero byte"),
    "nothing": (b"", "not a list of unreadable videos"),
}


@pytest.mark.fault("Tables", "endless lines, other columns, bytes that are no text", "one line naming the file")
@pytest.mark.parametrize("kind", [k if "MB" in k else pytest.param(k, marks=MORE) for k in NO_TABLE])
def test_no_table(avsd, tmp_path, kind):
    content, words = NO_TABLE[kind]
    (tmp_path / "i3d").mkdir()
    path = tmp_path / "i3d" / "0000.tsv"
    sparse(path, content) if isinstance(content, int) else path.write_bytes(content)
    avsd("features", "quarantine", "i3d", "--out", "out", seconds=20).refused("0000.tsv", words)


HISTORIES = {
    "a pipe": ("x.json", os.mkfifo, "a pipe"),
    "millions of words": ("x.txt", lambda p: p.write_text(f"who ?\n{LONG}\n"), "9,999,999 characters"),
    "no pair": ("x.json", lambda p: p.write_text('[["who ?"]]'), "turn 0"),
    "a number": ("x.json", lambda p: p.write_text('[["who ?", 3]]'), "turn 0 (counted from 0): the answer is a number"),
    "1 GB": ("x.txt", lambda p: sparse(p, GIGABYTE), "1,000.0 MB"),
}


@pytest.mark.fault("avsd ask", "a history that is none, or endless", "one line before a model is opened")
@pytest.mark.parametrize("kind", [k if k == "millions of words" else pytest.param(k, marks=MORE) for k in HISTORIES])
def test_no_history(avsd, tmp_path, kind):
    name, make, words = HISTORIES[kind]
    (tmp_path / "clip.mp4").write_bytes(b"")
    make(tmp_path / name)
    done = avsd(*("ask", "clip.mp4", "who ?", "--history", name, "--config", "{}"), heavy=True, seconds=30)
    done.refused(name, words, seconds=3, memory=None)
