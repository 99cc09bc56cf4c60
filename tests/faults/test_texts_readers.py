"""Any bytes at all, and good files with something changed: a value, or one line; nothing else, from every reader."""

import csv
import io
import json
import re
import zipfile

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from pipeline.answers.explain_answers import read_explained
from pipeline.asking.history import read_history
from pipeline.config import load, parse
from pipeline.corpus.blanks import read_blanks
from pipeline.corpus.captions.reading import read_captions
from pipeline.corpus.descriptions import read_descriptions
from pipeline.corpus.dialogs import read_dialogs
from pipeline.corpus.references import read_references
from pipeline.corpus.scenes.truth import read_truth
from pipeline.corpus.statistics import read_statistics
from pipeline.errors import LONGEST, UserError
from pipeline.features.quarantine import _read as read_unread
from pipeline.features.seconds import read_seconds
from pipeline.media.decode import QUARANTINE_COLUMNS
from pipeline.report.results import read_curves
from pipeline.scoring.filled import read_named
from pipeline.scoring.matching import read_answers
from pipeline.scoring.written import read_scores_file
from pipeline.texts import parse_json, read_json, read_records, read_text, read_yaml
from pipeline.texts.arrays import map_array, read_arrays
from pipeline.vocabulary.words import Vocabulary

from .conftest import ALL

TURNS = [{"question": "who ?", "answer": "a man", "generated": True}, {"question": "q", "answer": "__UNDISCLOSED__"}]
DIALOGS = {
    "dialogs": [
        {"image_id": "v1", "caption": "a man", "summary": "he", "dialog": TURNS},
        {"image_id": "v2", "captions": ["x"], "dialog": [{"question": "what ?", "answer": ["a cup", "b"]}]},
    ]
}
EXPLAINED = {
    "videos": [
        {
            "video": "v",
            "clip": {"seconds": 1.0, "frames": [[0.1, "aGVsbG8="]], "level": [1.0], "bin_seconds": 0.5},
            "answers": [
                {
                    **{"question": "q", "answer": "a", "words": ["w"], "shares": [[0.5]]},
                    "modalities": [{"name": "m", "weights": [[0.1, 0.2]], "times": [1, 2], "steps": []}],
                }
            ],
        }
    ]
}
SCORES = {
    "metrics": {"CIDEr": 1.0},
    "intervals": {"CIDEr": [0.1, 0.2]},
    "against": {"system": "x", "metrics": {"CIDEr": {"difference": 0.1, "p": 0.2}}},
    "grounded": {"motion": {"right": 1, "of": 2, "base_rate": 0.5, "kinds": {}}},
    "lengths": {"hypotheses": 3.0, "references": 2.0},
    "signature": {"items": 3, "references": "1"},
    "items": {"v_0": {"CIDEr": 1.0}},
}
TRUTH = {
    "kinds": {"colour": {"red": ["red"]}},
    "turns": {"v": [{"category": "picture", "kind": "colour", "value": "red"}]},
    "scenes": {"v": {"colour": "red", "silent": True}},
    "base_rates": {"picture": {"accuracy": 0.5, "questions": 3}},
    "question_only": {},
}
BLANKS = {
    "type": "sentence_blanks",
    "text": "answer",
    "tagger": "word lists",
    "frequent": {"any": "red"},
    "blanks": [{"image_id": "v", "turn": 0, "sentence": "a <blank> .", "word": "star", "word_class": "noun"}],
}
JSON = {
    "dialogs": (read_dialogs, DIALOGS),
    "references": (
        read_references,
        {"images": [{"id": 1, "name": "v_0"}], "annotations": [{"image_id": 1, "caption": "a"}]},
    ),
    "references of several": (read_references, DIALOGS),
    "result file": (read_answers, {"dialogs": [{"image_id": "v", "dialog": TURNS}]}),
    "captions": (read_captions, {"v1": ["a man", "he"], "v2": "x"}),
    "COCO": (
        read_captions,
        {"images": [{"id": 1, "file_name": "a.mp4"}], "annotations": [{"image_id": 1, "caption": "a"}]},
    ),
    "MSR-VTT": (
        read_captions,
        {"videos": [{"video_id": "v", "split": "train"}], "sentences": [{"video_id": "v", "caption": "a man"}]},
    ),
    "descriptions": (read_descriptions, {"type": "video_descriptions", "descriptions": {"v": "a man"}}),
    "history": (lambda path: read_history(path, "v")(str), [{"question": "a", "answer": "b"}, ["c", "d"]]),
    "history as a dialog": (lambda path: read_history(path, "v")(str), {"dialog": [{"question": "a", "answer": "b"}]}),
    "vocabulary": (Vocabulary.read, {"min_count": 1, "hash": "x", "words": ["<pad>", "<unk>", "<sos>", "<eos>", "a"]}),
    "truth": (read_truth, TRUTH),
    "statistics": (
        read_statistics,
        {"training": {"dialogs": 3, "turns": 6}, "taken_out": {"held_out": 0}, "limit": None},
    ),
    "scores": (read_scores_file, SCORES),
    "explanations": (read_explained, EXPLAINED),
    "blanks": (read_blanks, BLANKS),
    "filled blanks": (
        read_named,
        {
            "type": "filled_blanks",
            "blanks": [{"image_id": "v", "turn": 0, "words": ["red", "a"], "scores": [-0.5, -1.5]}],
        },
    ),
}
CONFIG = {
    "device": "cpu",
    "run": ["a", "student"],
    "corpus": {"source": "files", "shards": 2},
    "features": {"f": {"network": "i3d_rgb", "stride": 16}},
    "training": {"epochs": 3, "learning_rate": 0.001},
    "systems": {
        "a": {"label": "A", "network": "attention", "features": ["f"], "seeds": 2},
        "student": {"label": "S", "network": "attention", "features": ["f"], "loss": "st", "teacher": "a", "seeds": 2},
    },
}


def one_of_two(read, path, name):
    """What ``read`` makes of a file: a value, or an error of one line that names it."""
    try:
        read(path)
    except UserError as error:
        assert "\n" not in str(error)
        assert len(str(error)) <= LONGEST + 10
        assert name in str(error)


def often(examples):
    slow = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
    return settings(max_examples=examples * 10 if ALL else examples // 2, deadline=None, suppress_health_check=slow)


def places(value, place=()):
    yield place
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*place, key))


def changed(value, place, how):
    """``value`` with ``how`` done to what is at ``place``: a function of its container and its key there."""
    if not place:
        return how({"": value}, "")[""]
    whole = json.loads(json.dumps(value))
    inner = whole
    for key in place[:-1]:
        inner = inner[key]
    how(inner, place[-1])
    return whole


DEEP = json.loads("[" * 150 + "]" * 150)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.just(10**3000),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.sampled_from(["", " ", "\0", "__UNDISCLOSED__", "../x", "3", "nan", "null", "x" * 30_000, "v1", "v_0"]),
)
VALUES = st.one_of(
    SCALARS, st.just(DEEP), st.lists(SCALARS, max_size=3), st.dictionaries(st.text(max_size=5), SCALARS, max_size=3)
)


@st.composite
def mutated(draw, good):
    """A good content with one to three values replaced, renamed, taken out or doubled."""
    content = good
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.sampled_from(list(places(content))))
        value, name = draw(VALUES), draw(st.text(max_size=8))

        def put(container, key, value=value):
            container[key] = value
            return container

        def rename(container, key, name=name):
            if isinstance(container, dict):
                container[name] = container.pop(key)
            return container

        def take_out(container, key):
            if len(container) > 1 or key != "":
                del container[key]
            return container

        def double(container, key):
            if isinstance(container, list):
                container.append(container[key])
            return container

        how = draw(st.sampled_from([put, put, put, rename, take_out, double])) if place else put
        content = changed(content, place, how)
    return content


@pytest.mark.fault("Text files", "any value, key or type changed anywhere in a good file", "a value, or one line")
@pytest.mark.parametrize("reader", JSON)
def test_changed_json(tmp_path, reader):
    read, good = JSON[reader]
    path = tmp_path / "x.json"

    @often(40)
    @given(mutated(good))
    def check(content):
        path.write_text(json.dumps(content), encoding="utf-8")
        one_of_two(read, path, "x.json")

    check()


@pytest.mark.fault("Configuration files", "any value, key or type changed anywhere", "a value, or one line")
def test_changed_configuration():
    parse(CONFIG)

    @often(150)
    @given(mutated(CONFIG))
    def check(content):
        assume(isinstance(content, dict))
        one_of_two(lambda values: parse(values, "x.yaml"), content, "x.yaml")

    check()


QUARANTINE = "\t".join(QUARANTINE_COLUMNS) + "\nv\tpicture\tbroken\t\n"
TEXTS = {
    "json": (read_json, b'{"a": [1, 2.5e3, "b\\u00e9\\ud83d\\ude00", true, null], "c": {"d": "e"}}'),
    "yaml": (read_yaml, b"a: &x [1, 0x1f, .5]\nb: {<<: {c: 2020-01-01}, d: *x}\n? e\n: 'f'\n"),
    "configuration": (lambda path: load([str(path)]), yaml.safe_dump(CONFIG).encode()),
    "text": (read_text, "who ?\r\n\ufeffa man\n".encode()),
    "history": (lambda path: read_history(path, "v")(str), b"Q: who ?\nA: a man\nwhere ?\nthere\n"),
    "captions of How2": (read_captions, b"-1L4KmKx_jw_0 it's hot !\n-1L4KmKx_jw_1 stir it\n"),
    "table": (lambda path: read_records(path, "excel-tab"), b'a\tb\n1\t"2\n3"\n'),
    "curves": (read_curves, b"epoch,train_ce,validation_perplexity\n1,2.5,10\n2,nan,\n"),
    "seconds": (lambda path: read_seconds([path]), b"videos\tseconds\tdevice\tthreads\n2\t1.5\tcpu\t1\n"),
    "unreadable videos": (read_unread, QUARANTINE.encode()),
}


@st.composite
def damaged(draw, good):
    """Bytes of a good file cut, overwritten, doubled or put in; or any bytes."""
    if draw(st.integers(0, 4)) == 0:
        return draw(st.binary(max_size=60))
    content = bytearray(good)
    for _ in range(draw(st.integers(1, 4))):
        begin = draw(st.integers(0, len(content)))
        end = min(len(content), begin + draw(st.integers(0, 8)))
        part = draw(st.one_of(st.binary(max_size=6), st.just(bytes(content[begin:end]) * 2), st.sampled_from(MARKS)))
        content[begin:end] = part
    return bytes(content)


MARKS = [
    b'"',
    b"[",
    b"]",
    b"{",
    b"}",
    b":",
    b"\n",
    b"\t",
    b",",
    b"*x",
    b"&x",
    b"<<: ",
    b"!!",
    b"\\u",
    b"\0",
    b"1e999",
    b"NaN",
]


@pytest.mark.fault("Text files", "any bytes, and good files damaged anywhere", "a value, or one line")
@pytest.mark.parametrize("reader", TEXTS)
def test_damaged_bytes(tmp_path, reader):
    read, good = TEXTS[reader]
    path = tmp_path / "x.any"
    path.write_bytes(good)
    read(path)

    @often(60)
    @given(damaged(good))
    def check(content):
        path.write_bytes(content)
        one_of_two(read, path, "x.any")

    check()


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def npz(**arrays):
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


ARRAYS = {
    "npy": (lambda path: map_array(path).sum(), npy(np.arange(24, dtype=np.float32).reshape(4, 6))),
    "npz": (lambda path: read_arrays(path, ("a", "b"), 1), npz(a=np.eye(3), b=np.arange(5))),
}


@pytest.mark.fault("npy files", "any bytes, and good files damaged anywhere", "a value, or one line")
@pytest.mark.parametrize("reader", ARRAYS)
@pytest.mark.filterwarnings("ignore")
def test_damaged_arrays(tmp_path, reader):
    read, good = ARRAYS[reader]
    path = tmp_path / "x.any"

    @often(150)
    @given(damaged(good))
    def check(content):
        path.write_bytes(content)
        one_of_two(read, path, "x.any")

    check()


def bomb(values, name="a", header=None):
    """An npz whose member unpacks to far more than it holds."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{name}.npy", (header or npy(np.zeros(1))[:128]) + bytes(values * 8))
        archive.writestr("b.npy", npy(np.zeros(3)))
    return file.getvalue()


BOMBS = {
    "unpacks to 80 MB": (bomb(10_000_000), "more than 1 MB"),
    "says it has 10 ** 12 values": (
        bomb(4, header=npy(np.zeros(4))[:128].replace(b"(4,), }" + b" " * 12, b"(1000000000000,), }")),
        "buffer is smaller than requested",
    ),
    "lacks an array": (npz(b=np.eye(2)), "a"),
    "objects": (npz(a=np.array([{}], object), b=np.eye(2)), "no real numbers"),
    "no archive": (npy(np.eye(2)), "expected arrays a and b"),
}


@pytest.mark.fault("npy files", "archives that unpack to gigabytes, lie, or hold objects", "one line")
@pytest.mark.parametrize("kind", BOMBS)
def test_bombs(tmp_path, kind):
    content, words = BOMBS[kind]
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(UserError, match=re.escape(words)) as caught:
        read_arrays(tmp_path / "x.npz", ("a", "b"), 1)
    assert "x.npz" in str(caught.value)


def test_a_reader_and_its_other(tmp_path):
    """What is read is what Python's and NumPy's own readers make of it."""

    @often(60)
    @given(
        st.recursive(
            SCALARS.filter(lambda v: v != "\0" and v != 10**3000),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        )
    )
    def check(content):
        text = json.dumps(content)
        assume("\\u0000" not in text)
        assert parse_json(text, "x") == json.loads(text)

    check()
    rows = [["a", "b"], ["1", 'say "no"\nnow'], ["", "é"]]
    written = io.StringIO()
    csv.writer(written, dialect="excel-tab").writerows(rows)
    (tmp_path / "x.tsv").write_text(written.getvalue(), encoding="utf-8", newline="")
    assert read_records(tmp_path / "x.tsv", "excel-tab") == [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]
    for array in (np.asfortranarray(np.random.rand(3, 4)), np.arange(5, dtype=">i2"), np.zeros((0, 3), np.float16)):
        (tmp_path / "x.npy").write_bytes(npy(array))
        assert np.array_equal(map_array(tmp_path / "x.npy"), array)
        (tmp_path / "x.npz").write_bytes(npz(a=array))
        (found,) = read_arrays(tmp_path / "x.npz", ("a",), 1)
        assert np.array_equal(found, array) and found.dtype == array.dtype
