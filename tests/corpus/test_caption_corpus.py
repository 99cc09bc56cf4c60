"""A caption corpus: splits, references, statistics, entries that have captions and no turn."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.config import Captions, Corpus
from pipeline.corpus.captions.importing import import_captions
from pipeline.corpus.dialogs import read_dialogs
from pipeline.corpus.references import read_references
from pipeline.errors import UserError
from pipeline.vocabulary.words import build

Files = Callable[..., Captions]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """`files(training=content, ...)` writes caption files and gives the section that names them."""

    def write(settings: dict[str, Any] | None = None, **contents: object) -> Captions:
        paths = {}
        for key, content in contents.items():
            paths[key] = tmp_path / f"{key}.json"
            paths[key].write_text(json.dumps(content))
        return Captions(**paths, **(settings or {}))

    return write


def imported(folder: Path, captions: Captions, **corpus: Any) -> dict[str, dict[str, tuple[str, ...]]]:
    """Captions by split and video."""
    import_captions(Corpus(source="captions", **corpus), captions, folder / "out")
    splits = (folder / "out").glob("[tv]*.json")
    return {path.stem: {d.video_id: d.captions for d in read_dialogs(path)} for path in splits}


def msr_vtt(**splits: str) -> dict[str, object]:
    return {
        "videos": [{"video_id": name, "split": split} for name, split in splits.items()],
        "sentences": [{"video_id": name, "caption": f"{name} {n}."} for name in splits for n in range(2)],
    }


def test_splits_that_the_file_names(tmp_path: Path, files: Files) -> None:
    captions = files(training=msr_vtt(a="train", b="validate", c="test", d="train"))
    assert imported(tmp_path, captions) == {
        "training": {"a": ("a 0", "a 1"), "d": ("d 0", "d 1")},
        "validation": {"b": ("b 0", "b 1")},
        "test": {"c": ("c 0", "c 1")},
    }
    out = tmp_path / "out"
    assert read_references(out / "references/test.captions.json") == {("c", 0): ["c 0", "c 1"]}
    assert not (out / "references/test.json").exists()
    assert all(not dialog.turns for dialog in read_dialogs(out / "training.json", answered=True))
    statistics = json.loads((out / "statistics.json").read_text())
    assert statistics["training"] == {"dialogs": 2, "turns": 0, "words": 0, "captions": 4, "caption_words": 8}
    assert statistics["taken_out"]["broken_captions"] == 0


def test_files_of_their_own_and_videos_in_several(tmp_path: Path, files: Files) -> None:
    captions = files(
        training={"a": "x", "b": "x", "c": "x"}, validation={"b": "y", "c": "y"}, test={"c": ["z", "!", "Z !"]}
    )
    assert imported(tmp_path, captions) == {
        "training": {"a": ("x",)},
        "validation": {"b": ("y",)},
        "test": {"c": ("z", "z")},
    }
    taken = json.loads((tmp_path / "out/statistics.json").read_text())["taken_out"]
    assert {reason: count for reason, count in taken.items() if count} == {
        "broken_captions": 1,
        "test_from_validation": 1,
        "test_from_training": 1,
        "validation_from_training": 1,
    }


def test_sentences_of_two_files_about_one_video_stand_together(tmp_path: Path, files: Files) -> None:
    """As of MSR-VTT, whose files name the split themselves: both say that `b` is of validation."""
    captions = files(training=msr_vtt(a="train", b="validate"), validation=msr_vtt(b="validate"), test={"c": "z"})
    assert imported(tmp_path, captions) == {
        "training": {"a": ("a 0", "a 1")},
        "validation": {"b": ("b 0", "b 1", "b 0", "b 1")},
        "test": {"c": ("z",)},
    }


def test_what_no_file_gives_is_held_out(tmp_path: Path, files: Files) -> None:
    videos = [f"v{n}" for n in range(20)]
    found = imported(tmp_path, files(training=dict.fromkeys(videos, "a")), holdout=0.1)
    # A tenth of 20, then a tenth of 18.
    assert {split: len(entries) for split, entries in found.items()} == {"training": 16, "validation": 2, "test": 2}
    assert sorted(video for entries in found.values() for video in entries) == sorted(videos)
    again = imported(tmp_path, files(training=dict.fromkeys(reversed(videos), "a")), holdout=0.1)
    assert {split: set(entries) for split, entries in again.items()} == {s: set(e) for s, e in found.items()}


def test_a_pretraining_has_turns_and_no_test_set(tmp_path: Path, files: Files) -> None:
    settings = {"tested": False, "question": "what happens ?", "marks": True}
    captions = files(settings, training=msr_vtt(a="train", b="validate", c="test"))
    assert imported(tmp_path, captions).keys() == {"training", "validation"}
    (dialog,) = read_dialogs(tmp_path / "out/training.json", answered=True)
    assert [(turn.question, turn.answer) for turn in dialog.turns] == [("what happens ?", f"a {n} .") for n in range(2)]


def test_with_a_question_a_test_video_has_one_turn(tmp_path: Path, files: Files) -> None:
    imported(tmp_path, files({"question": "what ?"}, training=msr_vtt(a="train", b="validate", c="test")))
    (dialog,) = read_dialogs(tmp_path / "out/test.json")
    assert [turn.answer for turn in dialog.turns] == ["c 0"] and dialog.captions == ("c 0", "c 1")
    assert read_references(tmp_path / "out/references/test.json") == {("c", 0): ["c 0", "c 1"]}


def test_the_limit_is_of_training_videos(tmp_path: Path, files: Files) -> None:
    found = imported(tmp_path, files(training=msr_vtt(a="train", b="train", c="validate", d="test")), limit=1)
    assert found["training"].keys() == {"a"}


def test_nothing_left_for_training_is_an_error(tmp_path: Path, files: Files) -> None:
    with pytest.raises(UserError, match=r"training\.json: no video is left for training"):
        imported(tmp_path, files(training=msr_vtt(a="validate", b="test")))
    with pytest.raises(UserError, match=r"captions\.training: not set"):
        imported(tmp_path, files(test={"a": "x"}))


def test_words_of_captions_are_counted_where_asked_for(tmp_path: Path, files: Files) -> None:
    imported(tmp_path, files(training=msr_vtt(a="train", b="train", c="validate", d="test")))
    dialogs = read_dialogs(tmp_path / "out/training.json")
    assert build(dialogs, frozenset({"captions"}), 2).words[4:] == ("0", "1", "a", "b")
    with pytest.raises(UserError, match="no word in it"):
        build(dialogs, frozenset(), 1)


@pytest.mark.parametrize(
    ("captions", "message"),
    [
        ("a man", "captions is text, expected a list of sentences"),
        ([], "dialog is missing, expected a list of turns"),
        (["a man", " "], "caption 1 is blank, expected words"),
    ],
)
def test_bad_captions_of_a_dialog_file_are_named(tmp_path: Path, captions: object, message: str) -> None:
    path = tmp_path / "dialogs.json"
    path.write_text(json.dumps({"dialogs": [{"image_id": "v", "captions": captions}]}))
    with pytest.raises(UserError, match=rf"dialog v: {message}"):
        read_dialogs(path)
