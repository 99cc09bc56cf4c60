"""Model folders, training states and weights files that are damaged, hostile, or of another version."""

import json
import pickle
import random
import shutil
import struct
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from pipeline.errors import UserError
from pipeline.features.checkpoints import read_state
from pipeline.features.vggish import load_quantiser, load_vggish
from pipeline.layout import Layout
from pipeline.systems.info import content_hash
from pipeline.systems.system import load
from pipeline.tensorfiles import read_torch
from pipeline.training import state
from pipeline.vocabulary.words import Vocabulary
from tests.faults.project import CONFIG, make_project

ONE_LINE = "one line naming file and key"
SHORT = 2.0
"""Seconds of the processor: a process with torch in it takes part of one to fork, and forks again for its shards."""


def more(*values):
    return pytest.param(*values, marks=pytest.mark.more)


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    make_project(folder)
    return folder


@pytest.fixture
def project(made, tmp_path):
    """A copy of the project; gives its folder of results."""
    shutil.copytree(made / "results", tmp_path / "results")
    return tmp_path / "results"


def done(change, content):
    """What ``change`` gives, or ``content`` that it has changed in place."""
    made = change(content)
    return content if made is None else made


def rewritten(path, change, *, signed=False):
    """``path``, a JSON file, with ``change`` done to its content; signed: with the hash that is then right."""
    content = json.loads(path.read_text())
    content = done(change, content)
    if signed:
        content["hash"] = content_hash(content)
    path.write_text(json.dumps(content))


def put(*keys, value):
    """A change that puts a value under nested keys."""

    def change(content):
        for key in keys[:-1]:
            content = content[key]
        content[keys[-1]] = value

    return change


def drop(*keys):
    def change(content):
        for key in keys[:-1]:
            content = content[key]
        del content[keys[-1]]

    return change


def answers(project):
    """What the model makes of the words it knows: the network as it is loaded."""
    network = load(project / "models" / "plain", Vocabulary.read(project / "vocabulary.json"), "cpu").network
    return {name: value.tolist() for name, value in network.state_dict().items()}


INFO = [
    pytest.param(put("sizes", "question_layers", value=10**9), "question_layers", id="layers"),
    pytest.param(put("sizes", "decoder_hidden", value=10**9), "", id="hidden"),
    pytest.param(put("feature_dims", "vggish", value=10**9), "vggish", id="dims"),
    pytest.param(put("network", value="../other"), "../other", id="network"),
    pytest.param(put("sizes", value=[1]), "sizes", id="sizes list"),
    pytest.param(put("history", value="yes"), "history", id="history text"),
    pytest.param(drop("weights"), "weights", id="no weights"),
    more(put("sizes", "decoder_hidden", value=10**18), ""),
    more(put("sizes", "embedding", value=-1), "embedding"),
    more(put("sizes", "embedding", value=0), "embedding"),
    more(put("sizes", "embedding", value="6a"), "embedding"),
    more(put("sizes", "dropout", value=1e9), "dropout"),
    more(put("sizes", "unknown", value=1), "unknown"),
    more(put("sizes", "context", value=7), ""),
    more(put("feature_dims", "vggish", value=0), "vggish"),
    more(put("feature_dims", "vggish", value=-5), "vggish"),
    more(put("feature_dims", "vggish", value=True), "vggish"),
    more(put("feature_dims", "vggish", value=5.5), "vggish"),
    more(put("feature_dims", "question", value=5), "question"),
    more(put("feature_dims", "a b", value=5), "a b"),
    more(put("feature_dims", value={}), ""),
    more(put("feature_dims", value=[5]), "feature_dims"),
    more(put("network", value="hierarchical"), ""),
    more(put("network", value="captioner"), ""),
    more(put("network", value=5), "network"),
    more(put("question", value=None), "question"),
    more(put("vocabulary", value="none"), "vocabulary"),
    more(put("vocabulary", "size", value=10**12), "vocabulary"),
    more(put("vocabulary", "hash", value="0" * 64), "vocabulary"),
    more(put("vocabulary", "hash", value=5), "vocabulary"),
    more(put("weights", value="zz"), "weights"),
    more(put("weights", value="0" * 64), "another training"),
    more(put("metrics", value=[1]), "metrics"),
    more(put("metrics", "validation_perplexity", value=-1), "validation_perplexity"),
    more(lambda content: [content], "mapping"),
    more(lambda content: {}, "expected"),
    *(more(drop(key), key) for key in ("network", "sizes", "feature_dims", "history", "vocabulary")),
]


@pytest.mark.fault("Model folders", "`system.json` that says another thing", ONE_LINE)
@pytest.mark.parametrize(("change", "said"), INFO)
def test_what_system_json_says_is_compared(project, change, said):
    path = project / "models" / "plain" / "system.json"
    content = path.read_text()
    for signed in (False, True):
        path.write_text(content)
        rewritten(path, change, signed=signed and said != "mapping")
        with pytest.raises(UserError, match=r"plain/(system\.json|model\.safetensors)|plain: ") as raised:
            answers(project)
        assert said in str(raised.value)
        assert "\n" not in str(raised.value)


@pytest.mark.fault("Model folders", "`system.json` that says another thing", ONE_LINE)
@pytest.mark.parametrize("key", ["label", more("history"), more("question"), more("metrics"), more("feature_dims")])
def test_a_changed_file_is_known_by_its_hash(project, key):
    rewritten(project / "models" / "plain" / "system.json", lambda content: content | {"hash": "0" * 64})
    with pytest.raises(UserError, match=r"system\.json: changed since it was written"):
        answers(project)
    rewritten(project / "models" / "plain" / "system.json", lambda content: content | {key: content[key]}, signed=True)
    assert answers(project)


LOADED = {"heavy": True, "imported": ("pipeline.training.train", "pipeline.answers.writing")}
COMMANDS = {
    "answer": ("answer", "plain", "--test-set", "trial"),
    "train its student": ("train", "st"),
    "train from it": ("train", "other"),
    "take it up": ("train", "plain"),
}


@pytest.mark.fault("Model folders", "sizes of 10^9, at the commands", "one line, at once, in little memory")
@pytest.mark.parametrize(
    ("command", "change"),
    [
        ("answer", put("sizes", "decoder_hidden", value=10**9)),
        more("answer", put("sizes", "question_layers", value=10**9)),
        more("answer", put("feature_dims", "vggish", value=2 * 10**9)),
        more("train its student", put("sizes", "decoder_hidden", value=10**9)),
        more("train its student", put("sizes", "history_layers", value=10**9)),
    ],
)
def test_huge_sizes(avsd, project, command, change):
    rewritten(project / "models" / "plain" / "system.json", change, signed=True)

    avsd(*COMMANDS[command], "--config", CONFIG, **LOADED).refused("plain/", seconds=SHORT, memory=900 << 20)


def tensors(change):
    """Weights with ``change`` done to them, saved by another program."""

    def write(path):
        save_file(done(change, load_file(path)), path)

    return write


def one(name, change):
    def write(made):
        return made | {name: change(made[name])}

    return tensors(write)


def bytes_of(change):
    def write(path):
        path.write_bytes(change(bytearray(path.read_bytes())))

    return write


def flip(content):
    content[-50] ^= 0x40
    return content


WEIGHTS = [
    pytest.param(bytes_of(flip), "damaged", id="a flipped bit"),
    pytest.param(bytes_of(lambda content: content[:-9]), "model.safetensors", id="cut"),
    pytest.param(one("output.weight", lambda x: x[:-1]), "output.weight", id="shape"),
    pytest.param(one("output.weight", lambda x: x * float("nan")), "output.weight", id="nan"),
    pytest.param(tensors(lambda made: {k: v for k, v in made.items() if k != "output.bias"}), "output.bias", id="less"),
    pytest.param(tensors(lambda made: made | {"more": torch.zeros(3)}), "more", id="more"),
    more(bytes_of(lambda content: b""), "model.safetensors"),
    more(bytes_of(lambda content: struct.pack("<Q", 2**40) + content[8:]), "list of tensors"),
    more(bytes_of(lambda content: struct.pack("<Q", 10**8) + content[8:]), "list of tensors"),
    more(bytes_of(lambda content: content.replace(b"F32", b"I32", 1)), "model.safetensors"),
    more(bytes_of(lambda content: content.replace(b'"avsd"', b'"avse"', 1)[:-1] + b"\0"), ""),
    more(one("output.weight", lambda x: x * float("inf")), "output.weight"),
    more(one("output.weight", lambda x: x.T.contiguous()), "output.weight"),
    more(one("output.weight", lambda x: x.reshape(1, *x.shape)), "output.weight"),
    more(tensors(lambda made: {}), "model.safetensors"),
]


@pytest.mark.fault("Model folders", "weights that are damaged, or do not fit", ONE_LINE)
@pytest.mark.parametrize(("write", "said"), WEIGHTS)
def test_weights(project, write, said):
    write(project / "models" / "plain" / "model.safetensors")
    if said:
        with pytest.raises(UserError, match=r"model\.safetensors") as raised:
            answers(project)
        assert said in str(raised.value)
        assert "\n" not in str(raised.value)
    else:
        answers(project)


@pytest.mark.fault("Model folders", "weights that are damaged, or do not fit", ONE_LINE)
@pytest.mark.parametrize("command", [more(name) for name in COMMANDS if name != "take it up"] + ["answer"])
def test_weights_at_the_commands(avsd, project, command):
    bytes_of(flip)(project / "models" / "plain" / "model.safetensors")

    avsd(*COMMANDS[command], "--config", CONFIG, **LOADED).refused(
        "model.safetensors", "damaged", seconds=SHORT, memory=900 << 20
    )


WORDS = [
    pytest.param(lambda content: content["words"].append("new"), "hash", id="another word"),
    pytest.param(lambda content: content["words"].insert(5, 7), "list of texts", id="a number"),
    pytest.param(put("min_count", value=-1), "min_count", id="negative"),
    pytest.param(put("words", value={}), "words", id="words mapping"),
    more(put("min_count", value=True), "min_count"),
    more(put("min_count", value="4"), "min_count"),
    more(put("hash", value=None), "hash"),
    more(drop("hash"), "hash"),
    more(drop("words"), "words"),
    more(drop("min_count"), "min_count"),
    more(lambda content: content["words"].reverse(), "begin"),
    more(lambda content: content["words"].__setitem__(6, ""), "no single word"),
    more(lambda content: content["words"].__setitem__(6, "two words"), "no single word"),
    more(lambda content: content["words"].__setitem__(6, content["words"][5]), "hash"),
    more(lambda content: [content], "words"),
]


@pytest.mark.fault("Model folders", "`vocabulary.json` that was changed", ONE_LINE)
@pytest.mark.parametrize(("change", "said"), WORDS)
def test_words(project, change, said):
    rewritten(project / "vocabulary.json", change)
    with pytest.raises(UserError, match=r"vocabulary\.json: ") as raised:
        answers(project)
    assert said in str(raised.value)


@pytest.mark.fault("Model folders", "another system's vocabulary", ONE_LINE)
def test_another_vocabulary(avsd, project):
    Vocabulary((*Vocabulary.read(project / "vocabulary.json").words, "more"), 1).write(project / "vocabulary.json")

    avsd(*COMMANDS["answer"], "--config", CONFIG, **LOADED).refused(
        "another vocabulary", seconds=SHORT, memory=900 << 20
    )


@pytest.mark.fault("Model folders", "bytes that changed, anywhere", "one line, or the right network")
@pytest.mark.parametrize("file", ["model.safetensors", "system.json", "../../vocabulary.json"])
@pytest.mark.parametrize("seed", [0, *(more(seed) for seed in range(1, 15))])
def test_any_bytes_of_a_model(project, file, seed):
    path, before, draw = project / "models" / "plain" / file, answers(project), random.Random(seed)
    content = path.read_bytes()
    for _ in range(20):
        made = bytearray(content)
        place = draw.randrange(len(made))
        if draw.random() < 0.2:
            del made[place:]
        else:
            made[place] ^= 1 << draw.randrange(8)
        path.write_bytes(made)
        try:
            assert answers(project) == before
        except UserError as error:
            assert "plain" in str(error) or "vocabulary.json" in str(error)
            assert "\n" not in str(error)


@pytest.mark.fault("Model folders", "made by a later or an older version", "named as that, or read")
def test_versions_of_a_model(project):
    path = project / "models" / "plain" / "system.json"
    before = answers(project)
    rewritten(path, drop("hash"))
    assert answers(project) == before
    rewritten(path, put("versions", "training_stage", value=99), signed=True)
    with pytest.raises(UserError, match=r"system\.json: made by a later version \(training_stage 99"):
        answers(project)


class Harm:
    """Its pickle makes a file where it is loaded."""

    def __reduce__(self):
        return Path.touch, (Path("harmed"),)


def packed(path):
    """The file of a hundred million zeros, packed into some hundred kilobytes."""
    torch.save({"networks": torch.zeros(100_000_000)}, path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def global_of(name, arguments):
    """A pickle that calls what PyTorch's own list allows, for a size that nobody has."""
    module, function = name.rsplit(".", 1)
    return b"\x80\x02" + f"c{module}\n{function}\n".encode() + pickle.dumps(arguments, 2)[2:-1] + b"R."


def zipped(content):
    def write(path):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", content)
            archive.writestr("archive/version", "3\n")
            archive.writestr("archive/byteorder", "little")

    return write


def legacy(content):
    def write(path):
        torch.save(content, path, _use_new_zipfile_serialization=False)

    return write


def expanded(path):
    torch.save({"networks": torch.zeros(1).expand(10**9)}, path)


def doubling(path):
    """Lists of lists that hold the same list twice, sixty levels deep."""
    made = ["x"]
    for _ in range(60):
        made = [made, made]
    torch.save({"settings": made}, path)


HOSTILE = [
    pytest.param(lambda path: torch.save(Harm(), path), id="code"),
    more(legacy(Harm())),
    more(lambda path: path.write_bytes(pickle.dumps(Harm()))),
    pytest.param(packed, id="packed"),
    pytest.param(expanded, id="expanded"),
    more(zipped(global_of("__builtin__.bytearray", (10**10,)))),
    more(doubling),
    more(zipped(global_of("builtins.bytearray", (10**10,)))),
    more(zipped(global_of("torch.FloatTensor", (10**10,)))),
    more(zipped(global_of("torch._utils._rebuild_meta_tensor_no_storage", (torch.float32, (10**12,), (1,), False)))),
    more(legacy({"networks": torch.zeros(1).expand(10**9)})),
    more(lambda path: torch.save({"networks": torch.sparse_coo_tensor(size=(10**9, 10**9))}, path)),
    more(lambda path: torch.save({"networks": torch.zeros(3, device="meta")}, path)),
    more(lambda path: path.write_bytes(b"\x80\x02" + b"(" * 1000)),
    more(lambda path: path.write_bytes(b"PK\x03\x04" + b"\0" * 100)),
    more(lambda path: np.save(path.open("wb"), np.array([Harm()], object), allow_pickle=True)),
]


@pytest.mark.fault("Weights and states", "pickles with code, or that make themselves large", "one line; nothing runs")
@pytest.mark.parametrize("write", HOSTILE)
def test_nothing_of_a_pickle_runs(avsd, project, write):
    shutil.rmtree(project / "models")
    write(project / "state" / "plain" / "state.pt")
    avsd(*COMMANDS["take it up"], "--config", CONFIG, **LOADED).refused("state.pt", seconds=SHORT, memory=900 << 20)
    assert not (project.parent / "harmed").exists()
    weights = project / "weights.pt"
    write(weights)
    with pytest.raises(UserError, match=r"weights\.pt: "):
        load_vggish(weights)
    assert not Path("harmed").exists()


def resaved(change):
    def write(path):
        torch.save(done(change, torch.load(path)), path)

    return write


def shorter(part):
    def change(content):
        name = next(iter(content[part]))
        content[part][name] = content[part][name][:-1]

    return resaved(change)


STATES = [
    pytest.param(bytes_of(lambda content: content[:20_000]), "state.pt", id="cut"),
    more(resaved(drop("optimizer")), "optimizer"),
    pytest.param(resaved(put("position", "epoch", value=-1)), "position.epoch", id="negative"),
    pytest.param(shorter("networks"), "does not fit", id="shape"),
    more(shorter("best"), "does not fit"),
    pytest.param(
        resaved(put("settings", "stage version", value=99)), "later version", id="later", marks=pytest.mark.more
    ),
    more(bytes_of(lambda content: b""), "state.pt"),
    more(bytes_of(lambda content: content[:60_000] + b"\x55" * 40 + content[60_040:]), "checksum"),
    more(resaved(lambda content: [content]), "state.pt"),
    more(resaved(put("new", value=1)), "new"),
    more(resaved(put("position", "epoch", value=1.5)), "position.epoch"),
    more(resaved(put("position", "words", value="many")), "position.words"),
    more(resaved(put("position", "seconds", value=float("nan"))), "position.seconds"),
    more(resaved(put("position", "new", value=1)), "position"),
    more(resaved(put("schedule", "learning_rate", value=float("nan"))), "learning_rate"),
    more(resaved(put("schedule", "learning_rate", value=-1.0)), "learning_rate"),
    more(resaved(put("schedule", value={})), "schedule"),
    more(resaved(put("rows", value=[1])), "rows"),
    more(resaved(put("networks", value=[])), "networks"),
    more(resaved(put("networks", value={})), "does not fit"),
    more(resaved(put("generators", value=[])), "generators"),
    more(resaved(put("generators", value=[{"cpu": torch.zeros(3, dtype=torch.uint8)}])), "does not fit"),
    more(resaved(put("optimizer", value={})), "does not fit"),
    more(resaved(put("optimizer", "state", 0, "exp_avg", value=torch.zeros(3))), "does not fit"),
    more(resaved(put("optimizer", "state", 0, "exp_avg", value=5)), "does not fit"),
    more(resaved(put("average", value={})), "does not fit"),
    more(resaved(lambda content: content["networks"].update(x=torch.tensor(float("nan")))), "x has values"),
]


@pytest.mark.fault("Training states", "damaged, or with other content", ONE_LINE)
@pytest.mark.parametrize(("write", "said"), STATES)
def test_states(avsd, project, write, said):
    shutil.rmtree(project / "models")
    write(project / "state" / "plain" / "state.pt")

    avsd(*COMMANDS["take it up"], "--config", CONFIG, **LOADED).refused(
        "state.pt", said, seconds=SHORT, memory=900 << 20
    )


@pytest.mark.more
@pytest.mark.fault("Weights and states", "any bit of an archive's directory", "one line, or the right weights")
def test_any_bit_of_a_directory(tmp_path):
    """As of the bit that makes a member a folder: PyTorch then takes its numbers from memory it has not written to."""
    path, content = tmp_path / "x.pt", {"a": torch.arange(5.0), "b": torch.arange(7.0)}
    torch.save(content, path)
    good = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        start = archive.start_dir
    for place in range(start, len(good)):
        for bit in range(8):
            made = bytearray(good)
            made[place] ^= 1 << bit
            path.write_bytes(made)
            try:
                found = read_torch(path, "weights")
            except UserError as error:
                assert str(error).startswith(f"{path}: not weights") and "\n" not in str(error)
                continue
            assert found.keys() == content.keys()
            assert all(torch.equal(found[name], value) for name, value in content.items())


@pytest.mark.fault("Training states", "bytes that changed, anywhere", "one line, or the right state")
@pytest.mark.parametrize("seed", [0, *(more(seed) for seed in range(1, 15))])
def test_any_bytes_of_a_state(project, seed):
    path, draw = project / "state" / "plain" / "state.pt", random.Random(seed)
    content, before = path.read_bytes(), state.read(path)
    for _ in range(10):
        made = bytearray(content)
        place = draw.randrange(len(made))
        if draw.random() < 0.2:
            del made[place:]
        else:
            made[place] ^= 1 << draw.randrange(8)
        path.write_bytes(made)
        try:
            found = state.read(path)
        except UserError as error:
            assert "state.pt" in str(error)
            assert "\n" not in str(error)
            continue
        assert found.settings == before.settings
        assert all(torch.equal(found.networks[name], value) for name, value in before.networks.items())


def published(path, change=lambda made: None):
    """A file with VGGish's names and, in fewer numbers than it has, other shapes."""
    made = OrderedDict((name, torch.zeros(1)) for name in ("features.0.weight", "features.0.bias", "embeddings.0.bias"))
    torch.save(done(change, made), path)
    return path


@pytest.mark.fault("Weights and states", "pretrained weights that do not fit", ONE_LINE)
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda made: None, "no parameter"),
        (lambda made: made.update({"features.0.bias": torch.tensor([float("nan")])}), "features.0.bias"),
        more(lambda made: {"state_dict": [1, 2]}, "mapping"),
        more(lambda made: {5: torch.zeros(1)}, "no parameter"),
        more(lambda made: torch.zeros(5), "mapping"),
    ],
)
def test_pretrained_weights(tmp_path, change, said):
    path = published(tmp_path / "vggish.pth", change)
    with pytest.raises(UserError, match=r"vggish\.pth: ") as raised:
        load_vggish(path)
    assert said in str(raised.value)


@pytest.mark.fault("Weights and states", "bytes that changed, anywhere", "one line, or the right weights")
@pytest.mark.parametrize("layout", ["zip", "older", "safetensors"])
@pytest.mark.parametrize("seed", [0, *(more(seed) for seed in range(1, 10))])
def test_any_bytes_of_weights(tmp_path, layout, seed):
    path, draw = tmp_path / ("w.safetensors" if layout == "safetensors" else "w.pt"), random.Random(seed)
    made = {f"layer{number}.weight": torch.arange(12.0).reshape(3, 4) + number for number in range(4)}
    if layout == "safetensors":
        save_file(made, path)
    else:
        torch.save(made, path, _use_new_zipfile_serialization=layout == "zip")
    content = path.read_bytes()
    for _ in range(20):
        damaged = bytearray(content)
        damaged[draw.randrange(len(damaged))] ^= 1 << draw.randrange(8)
        path.write_bytes(damaged[: draw.choice([len(damaged)] * 4 + [draw.randrange(len(damaged))])])
        try:
            assert all(isinstance(value, torch.Tensor) for value in read_state(path).values())
        except UserError as error:
            assert path.name in str(error)
            assert "\n" not in str(error)


@pytest.mark.fault("Weights and states", "an npz that is none, or makes itself large", ONE_LINE)
@pytest.mark.parametrize("kind", ["packed", more("objects"), more("shape"), more("nan"), more("text")])
def test_pca_parameters(tmp_path, kind):
    path = tmp_path / "pca.npz"
    arrays = {"pca_eigen_vectors": np.eye(128), "pca_means": np.zeros(128)}
    made = {
        "packed": {"pca_eigen_vectors": np.zeros((5000, 5000))},
        "objects": {"pca_means": np.array([Harm()], object)},
        "shape": {"pca_means": np.zeros(5)},
        "nan": {"pca_means": np.full(128, np.nan)},
        "text": {"pca_means": np.array(["a"] * 128)},
    }
    np.savez_compressed(path, **{**arrays, **made[kind]})
    with pytest.raises(UserError, match=r"pca\.npz: "):
        load_quantiser(path)
    assert not Path("harmed").exists()


def test_the_project_is_a_good_one(project):
    """Without a fault all of it is read, so that what is refused above is refused for its fault."""
    assert answers(project)
    assert state.read(project / "state" / "plain" / "state.pt").position.epoch == 2
    assert Layout(project).model("plain").is_dir()
