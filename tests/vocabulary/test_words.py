"""Counting words, ids, and the file."""

import hashlib
import sys
from pathlib import Path

import pytest

from pipeline.cli import app
from pipeline.corpus.dialogs import Dialog, Turn, read_dialogs, write_dialogs
from pipeline.errors import UserError
from pipeline.files import write_json
from pipeline.texts import read_json
from pipeline.vocabulary import END, PADDING, START, UNKNOWN
from pipeline.vocabulary.words import Vocabulary, build

DIALOGS = [
    Dialog("a", "script b", "a man runs runs", (Turn("is he b ?", "he is b ."), Turn("a a ?", "yes ."))),
    Dialog("b", "", "", (Turn("is it ?", "<eos> no <unk> ."),)),
]


def test_counts_order_and_cutoff_by_hand() -> None:
    # ? 3, . 3, is 3; a 2, b 2, he 2; it, no, yes 1.
    assert build(DIALOGS, frozenset(), 2).words == ("<pad>", "<unk>", "<sos>", "<eos>", ".", "?", "is", "a", "b", "he")
    assert build(DIALOGS, frozenset({"summary"}), 2).words[4:] == (".", "?", "a", "is", "b", "he", "runs")
    assert build(DIALOGS, frozenset({"caption"}), 3).words[4:] == (".", "?", "b", "is")
    assert len(build(DIALOGS, frozenset({"summary", "caption"}), 1)) == 4 + 12


def test_no_word_left_says_which_count_would_keep_some(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"^here: no word occurs 4 times .*'\.', occurs 3 times: .* at most 3$"):
        build(DIALOGS, frozenset(), 4, "here")
    # With the count it names some are kept; descriptions count where they are in use.
    assert build(DIALOGS, frozenset(), 3).words[4:] == (".", "?", "is")
    assert build(DIALOGS, frozenset({"summary"}), 3).words[4:] == (".", "?", "a", "is")
    special = [Dialog("a", "", "", (Turn("<eos> <pad>", "<unk>"),))]
    with pytest.raises(UserError, match=r"^the training dialogs: no word in it"):
        build(special, frozenset(), 1)
    write_dialogs(tmp_path / "training.json", DIALOGS)
    command = ["avsd", "vocabulary", "--training", "training.json", "--out", "words.json", "--config"]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [*command, '{"vocabulary": {"min_count": 9}}'])
    with pytest.raises(UserError, match=r"^training.json: no word occurs 9 times") as caught:
        app(standalone_mode=False)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "words.json").exists()


@pytest.mark.parametrize(
    "content",
    [
        {"words": [1, 2]},
        {"words": ["<pad>", "<unk>", "<sos>", "<eos>", None], "min_count": 1},
        {"words": ["<pad>"] * 4, "min_count": 1},
        {"words": ["<pad>", "<unk>", "<sos>", "<eos>", "a"]},
        [],
    ],
)
def test_what_is_no_vocabulary(tmp_path: Path, content: object) -> None:
    write_json(tmp_path / "x.json", content)
    with pytest.raises(UserError, match=r"x.json: not a vocabulary"):
        Vocabulary.read(tmp_path / "x.json")


def test_ids() -> None:
    vocabulary = build(DIALOGS, frozenset(), 2)
    assert tuple(map(vocabulary.words.index, ("<pad>", "<unk>", "<sos>", "<eos>"))) == (PADDING, UNKNOWN, START, END)
    assert vocabulary.encode(" is  he zebra ?") == [6, 9, UNKNOWN, 5]
    assert vocabulary.encode("<eos> <pad>") == [UNKNOWN, UNKNOWN]
    assert vocabulary.encode("") == []
    assert vocabulary.decode([START, 9, UNKNOWN, 6, PADDING, 4, END, 7]) == "he is ."


def test_file_round_trip_and_hash(tmp_path: Path) -> None:
    vocabulary = build(DIALOGS, frozenset(), 2)
    path = tmp_path / "new" / "vocabulary.json"
    vocabulary.write(path)
    again = Vocabulary.read(path)
    assert (again.words, again.min_count, again.hash) == (vocabulary.words, 2, vocabulary.hash)
    assert vocabulary.hash == hashlib.sha256("\n".join(vocabulary.words).encode()).hexdigest()

    content = read_json(path)
    content["words"][4:6] = reversed(content["words"][4:6])
    write_json(path, content)
    with pytest.raises(UserError, match="hash"):
        Vocabulary.read(path)
    write_json(path, ["a"])
    with pytest.raises(UserError, match="not a vocabulary"):
        Vocabulary.read(path)


def test_size_on_real_dialogs(shared: Path) -> None:
    """Official validation without the trial videos, every tenth dialog held out: an independent count gave 1,531."""
    folder = shared / "data" / "avsd"
    trial = set(read_json(folder / "trial_test_733_ids.json"))
    dialogs = [dialog for dialog in read_dialogs(folder / "valid_set4DSTC7-AVSD.json") if dialog.video_id not in trial]
    assert len(dialogs) == 1057
    training = [dialog for place, dialog in enumerate(dialogs) if place % 10][:951]
    assert len(build(training, frozenset({"summary"}), 4)) == pytest.approx(1531, rel=0.02)
