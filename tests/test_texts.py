"""Text that is none, in every place where text comes in: one line that names the file and the fault, no traceback."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.text import Text

from pipeline.asking.command import Request, _questions
from pipeline.asking.history import read_history
from pipeline.cli import main
from pipeline.config import load, parse
from pipeline.corpus.captions.dialogs import convert_captions
from pipeline.corpus.captions.reading import read_captions
from pipeline.corpus.descriptions import read_descriptions
from pipeline.corpus.dialogs import read_dialogs
from pipeline.corpus.references import read_references
from pipeline.corpus.scenes.truth import read_truth
from pipeline.corpus.shards import npy_in
from pipeline.corpus.statistics import print_statistics
from pipeline.errors import UserError
from pipeline.features import quarantine
from pipeline.inert import shown
from pipeline.progress import log, progress
from pipeline.report.results import read_curves, read_if_there
from pipeline.scoring.matching import read_answers
from pipeline.texts import check_text, read_end, read_json, read_records, read_text, read_yaml
from pipeline.vocabulary.words import Vocabulary

READERS: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "dialogs": ("x.json", read_dialogs),
    "references": ("x.json", read_references),
    "result file": ("x.json", read_answers),
    "captions": ("x.json", read_captions),
    "descriptions": ("x.json", read_descriptions),
    "vocabulary": ("x.json", Vocabulary.read),
    "truth": ("x.json", read_truth),
    "history": ("x.json", lambda path: read_history(path, "v")),
    "history as text": ("x.txt", lambda path: read_history(path, "v")),
    "configuration": ("x.yaml", lambda path: load([str(path)])),
    "statistics": ("x.json", lambda path: print_statistics([path])),
    "quarantine": ("x.tsv", quarantine._read),
    "curves": ("x.csv", read_curves),
    "any other": ("x.json", read_json),
}
FAULTS = {
    "not UTF-8": (b'{"a": 1,\n"b": "caf\xe9"}', r"not UTF-8: byte 0xe9 in line 2"),
    "UTF-16": ('{"a": 1}'.encode("utf-16"), r"UTF-16, expected UTF-8"),
    "UTF-16, big end": (b"\xfe\xff" + '{"a": 1}'.encode("utf-16-be"), r"UTF-16, expected UTF-8"),
    "UTF-16 without a mark": ('{"a": 1}'.encode("utf-16-le"), r"a zero byte in line 1"),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("fault", FAULTS)
def test_bytes_that_are_no_text(tmp_path: Path, reader: str, fault: str) -> None:
    name, read = READERS[reader]
    (tmp_path / name).write_bytes(FAULTS[fault][0])
    with pytest.raises(UserError, match=rf"^\S*{name}: not .+ \({FAULTS[fault][1]}\); save it as UTF-8") as caught:
        read(tmp_path / name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("reader", READERS)
def test_a_folder_and_a_file_that_is_not_there(tmp_path: Path, reader: str) -> None:
    name, read = READERS[reader]
    with pytest.raises(UserError, match=f"{name}: no such file"):
        read(tmp_path / name)
    (tmp_path / name).mkdir()
    # Captions come in folders too: How2's.
    what = "no captions in it; expected How2's" if reader == "captions" else "a folder, expected a file"
    with pytest.raises(UserError, match=f"{name}: {what}"):
        read(tmp_path / name)


@pytest.mark.parametrize(
    ("fault", "message"),
    [(PermissionError(13, "Permission denied"), "no permission"), (OSError(5, "Input/output error"), "cannot be read")],
)
def test_files_that_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: OSError, message: str
) -> None:
    def refused(*_: object) -> int:
        raise fault

    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(UserError, match=f"x.json: {message}"):
        read_text(tmp_path / "x.json")


@pytest.mark.parametrize("name", ["x" * 300, "a\0b"])
def test_names_no_file_can_have(name: str) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        read_text(Path(name))


def test_byte_order_mark_is_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.txt"
    path.write_bytes("\ufeffwho ?\r\na man".encode())
    assert [turn.question for turn in read_history(path, "v")(str)] == ["who ?"]
    path.write_bytes(b'\xef\xbb\xbf{"v": "a man"}')
    assert read_descriptions(path) == {"v": "a man"}
    assert load([str(path.rename(tmp_path / "empty.yaml"))] if path.write_bytes(b"\xef\xbb\xbf") else []) == load([])
    assert capsys.readouterr().err.splitlines()[0] == f"{path}: begins with a byte order mark, which is left out"


LONE = r'"a \ud800 b"'


@pytest.mark.parametrize(
    ("reader", "content", "where"),
    [
        ("dialogs", '{"dialogs": [{"image_id": "v", "dialog": [{"question": "q", "answer": %s}]}]}', r"dialogs\[0\]"),
        ("references", '{"images": [], "annotations": [{"image_id": 1, "caption": %s}]}', r"annotations\[0\].caption"),
        (
            "result file",
            '{"dialogs": [{"image_id": "v", "dialog": [{"answer": %s}]}]}',
            r"dialogs\[0\].dialog\[0\].ans",
        ),
        ("captions", '{"v": [%s]}', r"v\[0\]"),
        ("descriptions", '{"v": %s}', "v"),
        ("descriptions", '{%s: "v"}', ""),
        ("vocabulary", '{"words": ["<pad>", "<unk>", "<sos>", "<eos>", %s]}', r"words\[4\]"),
        ("truth", '{"scenes": {"v": {"colour": %s}}}', r"scenes.v.colour"),
        ("history", "[[%s, %s]]", r"\[0\]\[0\]"),
        ("any other", "%s", ""),
    ],
)
def test_half_of_a_surrogate_pair(tmp_path: Path, reader: str, content: str, where: str) -> None:
    name, read = READERS[reader]
    (tmp_path / name).write_text(content.replace("%s", LONE), encoding="utf-8")
    with pytest.raises(UserError, match=rf"{name}: {where}.*\\ud800 is no character"):
        read(tmp_path / name)


def test_whole_pairs_are_characters(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(r'{"v": "\ud83d\ude00 \u00e9 \\ud800"}', encoding="utf-8")
    assert read_descriptions(tmp_path / "x.json") == {"v": "😀 é \\ud800"}


@pytest.mark.parametrize("content", ["[" * 100_000, '{"a": ' * 100_000, "1" * 5000, "{", "", "nothing"])
def test_what_is_no_json(tmp_path: Path, content: str) -> None:
    (tmp_path / "x.json").write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=r"x.json: not a JSON file") as caught:
        read_json(tmp_path / "x.json")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", ["a: b: c", "a: 2024-13-45", "[" * 1500, "!!python/object:os.system x", "a: \x01"])
def test_what_is_no_yaml(tmp_path: Path, content: str) -> None:
    (tmp_path / "x.yaml").write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=r"x.yaml: not YAML") as caught:
        read_yaml(tmp_path / "x.yaml")
    assert "\n" not in str(caught.value)


def test_inline_configuration() -> None:
    with pytest.raises(UserError, match=r"^--config: systems.a.label: \\udfff is no character"):
        load([r'{"systems": {"a": {"label": "\udfff"}}}'])
    with pytest.raises(UserError, match=r"^--config: .*nested too deeply"):
        load(['{"a":' * 100_000])


def test_a_configuration_that_holds_itself(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("systems: &a {b: *a}", encoding="utf-8")
    with pytest.raises(UserError, match=r"x.yaml: line 1: holds itself by an alias"):
        load([str(tmp_path / "x.yaml")])
    with pytest.raises(UserError, match=r"configuration: systems.a.label: \\udcff is no character"):
        parse({"systems": {"a": {"label": "\udcff"}}})


@pytest.mark.parametrize("out", ["folder", "file/x.json", "folder/../file/y/x.json"])
def test_a_result_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], out: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("{}", encoding="utf-8")
    (tmp_path / "captions.json").write_text('{"v": "a man"}', encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["avsd", "corpus", "captions", "captions.json", "--out", out])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    *said, error = capsys.readouterr().err.splitlines()
    assert said == ([] if out == "folder" else ["captions.json: 1 sentences about 1 videos"])
    assert error.startswith("error: ")
    assert "give another place" in error
    assert sorted(path.name for path in tmp_path.iterdir()) == ["captions.json", "file", "folder"]


def test_records_of_a_table(tmp_path: Path) -> None:
    (tmp_path / "x.tsv").write_bytes(b'a\tb\r\n1\t"2\n3"\r\n\r\n4\r\n')
    found = read_records(tmp_path / "x.tsv", "excel-tab")
    assert found == [{"a": "1", "b": "2\n3"}, {"a": "4", "b": ""}]
    (tmp_path / "x.tsv").write_bytes(b"a\tb\n1\t2\n5\t6\t7\n")
    with pytest.raises(UserError, match=r"x.tsv: row 3 has 3 cells, expected 2"):
        read_records(tmp_path / "x.tsv", "excel-tab")
    (tmp_path / "x.tsv").write_bytes(b"a\tb\ta\n1\t2\t3\n")
    with pytest.raises(UserError, match=r"x.tsv: column 'a' stands twice"):
        read_records(tmp_path / "x.tsv", "excel-tab")
    (tmp_path / "x.tsv").write_bytes(b"")
    assert read_records(tmp_path / "x.tsv") == []


def test_the_end_of_a_log_of_any_length(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    assert read_end(log) == ""
    log.write_bytes(b"first\nlast \xff\n")
    assert read_end(log) == "first\nlast \ufffd\n"
    with log.open("r+b") as file:
        file.seek(3_000_000_000)
        file.write(b"\nerror: no space\n")
    assert read_end(log).splitlines()[-1] == "error: no space"
    assert len(read_end(log)) == 1 << 16


def test_texts_of_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"^--question '.*\\udcff.*': \\udcff is no character"):
        convert_captions(tmp_path / "none.json", None, "what\udcff", tmp_path / "out.json")
    assert check_text("é 😀", "here") == "é 😀"
    request = Request(tmp_path / "clip.mp4", interactive=True)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"who\xff\n"), encoding="utf-8"))
    with pytest.raises(UserError, match="standard input: not utf-8"):
        list(_questions(request))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"who\xff\n"), "utf-8", "surrogateescape"))
    with pytest.raises(UserError, match=r"is no character"):
        list(_questions(request))


def test_npy_files_with_names_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "v\udcff.npy").write_bytes(b"")
    with pytest.raises(UserError, match=r"the file name .*\\udcff is no character"):
        npy_in(tmp_path)


def test_a_results_file_that_is_a_folder_is_none(tmp_path: Path) -> None:
    assert read_if_there(tmp_path) is None


# ---- what is printed --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["trial[v1].json", "x[/b].json", "[red]a.json", ":cat:.json", "a\\[b].json", "日本 [é].json"]
)
def test_names_are_printed_as_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    content = {"dialogs": [{"image_id": "v", "dialog": [{"question": "a b", "answer": "c"}]}]}
    path.write_text(json.dumps(content), encoding="utf-8")
    print_statistics([path])
    assert name.rpartition("/")[2] in capsys.readouterr().out


def test_a_progress_bar_takes_any_label(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rendered as on a terminal."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    terminal = io.StringIO()
    terminal.isatty = lambda: True  # type: ignore[method-assign]  # what a terminal says
    monkeypatch.setattr(sys, "stderr", terminal)
    assert list(progress([1, 2], 2, "import x[/b] :cat:", "videos", lambda: "note [/i]")) == [1, 2]
    drawn = Text.from_ansi(terminal.getvalue()).plain
    assert "import x[/b] :cat:" in drawn
    assert "note [/i]" in drawn


def test_one_line_whatever_the_text_holds(capsys: pytest.CaptureFixture[str]) -> None:
    log("a\nb\x1b[2J\r \udcff \u2028 é 日本 [x] \u00a0.")
    assert capsys.readouterr().err == "a\\nb\\x1b[2J\\r \\udcff \\u2028 é 日本 [x] \u00a0.\n"
    assert shown(Path("x/[y].json")) == "x/[y].json"


def test_a_name_that_is_no_text_in_a_locale_that_has_little(tmp_path: Path) -> None:
    """The whole command, in a terminal that knows ASCII alone."""
    name = os.fsdecode(b"caf\xc3\xa9 \xff[].json")
    content = {"dialogs": [{"image_id": "v", "dialog": [{"question": "a b", "answer": "c"}]}]}
    (tmp_path / name).write_text(json.dumps(content), encoding="utf-8")
    command = [sys.executable, "-m", "pipeline", "corpus", "stats", name]
    environment = {"PYTHONPATH": str(Path(__file__).resolve().parents[1]), "PYTHONIOENCODING": "ascii", "COLUMNS": "80"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "caf\\xe9 \\udcff[].json" in done.stdout


def test_an_error_is_one_line_whatever_it_quotes() -> None:
    """A key of a configuration that is a line feed once made two lines of one."""
    assert str(UserError("x.yaml: \n\x1b[31m: a number of more than 64 bits")) == (
        r"x.yaml: \n\x1b[31m: a number of more than 64 bits"
    )
