"""Files from outside are read in the package's gates alone; what else opens a file stands here, with the reason."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MODULES = sorted((ROOT / "pipeline").rglob("*.py"))
NAMES = {
    *("json.load", "json.loads", "jiter.from_json", "csv.reader", "csv.DictReader", "pickle.load", "pickle.loads"),
    *("np.load", "np.fromfile", "np.loadtxt", "np.genfromtxt", "np.memmap", "npy.open_memmap", "numpy.load"),
    *("yaml.load", "yaml.safe_load", "yaml.full_load", "yaml.unsafe_load", "yaml.compose", "yaml.parse"),
    *(
        "gzip.open",
        "tarfile.open",
        "zipfile.ZipFile",
        "wave.open",
        "torch.load",
        "from_json",
        "TypeAdapter.validate_json",
    ),
}
METHODS = {"read_text", "read_bytes", "open", "validate_json", "parse_raw"}
GATES = {
    "texts": "files of text and numbers",
    "media": "videos",
    "tensorfiles.py": "files of weights",
}
"""Where files from outside are opened, each kind in one place."""
EXCEPTIONS = {
    ("leftovers.py", "read_text"): "/proc: what the system says of processes",
    ("report/templates.py", "read_text"): "a part of the package",
    ("web/server.py", "read_text"): "a part of the package",
    ("scoring/paraphrases.py", "gzip.open"): "METEOR's own table, of a package whose version is pinned",
    ("scoring/tokenizer.py", "read_bytes"): "what Java wrote into a folder of its own a moment before",
    ("training/worker.py", "json.loads"): "what its parent says through a pipe",
    ("features/weights.py", "tarfile.open"): "a fetched package; the hash of what is taken out of it is compared",
    ("features/tflite.py", "read_bytes"): "a model file, gone through by its own reader",
    ("features/checkpoints.py", "open"): "a model file's hash",
    ("training/depends.py", "open"): "a model file's hash",
    ("corpus/videos.py", "open"): "the first bytes of a video",
    ("corpus/scenes/clips.py", "wave.open"): "writes",
    ("features/imagenet.py", "zipfile.ZipFile"): "a fetched package; the hash of what is taken out of it is compared",
    ("holding.py", "os.open"): "a lock",
    ("systems/system.py", "json.loads"): "what a model file says of itself, read by its gate",
    ("gpus.py", "os.open"): "a lock",
    ("apart.py", "pickle.load"): "what its own child says through a pipe",
    ("report/release.py", "zipfile.ZipFile"): "writes",
}


def opened(tree: ast.AST) -> Iterator[str]:
    """Calls that read a file, or the text of one, by name."""
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call):
            continue
        name = ast.unparse(call.func)
        method = name.rpartition(".")[2]
        if name in NAMES:
            yield name
        elif (isinstance(call.func, ast.Attribute) and method in METHODS) or name == "open":
            modes = [
                each for each in (*call.args, *(item.value for item in call.keywords)) if isinstance(each, ast.Constant)
            ]
            written = any(re.fullmatch("r?[wxa]b?[+]?|rb?[+]", str(each.value)) for each in modes)
            if not written:
                yield name if name in ("av.open", "os.open") else method


def found() -> set[tuple[str, str]]:
    """Modules of the package and what they read with."""
    trees = {path.relative_to(ROOT / "pipeline"): ast.parse(path.read_text("utf-8")) for path in MODULES}
    beside = {str(name): tree for name, tree in trees.items() if not {name.parts[0], str(name)} & GATES.keys()}
    return {(name, call) for name, tree in beside.items() for call in opened(tree)}


def test_nothing_reads_files_beside_the_reader() -> None:
    beside = found() - EXCEPTIONS.keys()
    assert not beside, f"read these by one of the gates, or say here why not: {sorted(beside)}"


def test_the_exceptions_are_all_in_use() -> None:
    assert not EXCEPTIONS.keys() - found()


@pytest.mark.parametrize("path", [ROOT / "Snakefile", *sorted((ROOT / "rules").glob("*.smk"))], ids=lambda p: p.name)
def test_rules_read_nothing_themselves(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    calls = r"\b(json|yaml|csv|np|numpy|pickle)\.\w|\.read_(text|bytes)\(|\bopen\(|load_configfile|pandas"
    assert not re.findall(calls, text)


def test_the_search_finds_what_it_should() -> None:
    calls = (
        "json.load(f)",
        "p.read_text()",
        "open('name')",
        "p.open('rb')",
        "p.open('wb')",
        "np.load(p)",
        "x.loads(p)",
    )
    code = "\n".join((*calls, "open(p, mode='w')"))
    assert list(opened(ast.parse(code))) == ["json.load", "read_text", "open", "open", "np.load"]
