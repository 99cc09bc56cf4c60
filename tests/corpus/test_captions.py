"""Captions of another corpus as dialogs, and automatic descriptions."""

import json
from pathlib import Path

import pytest

from pipeline.corpus.captions import convert_captions, read_captions
from pipeline.corpus.descriptions import read_descriptions
from pipeline.corpus.dialogs import read_dialogs
from pipeline.errors import UserError


def written(folder: Path, content: object) -> Path:
    path = folder / "captions.json"
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize(
    "content",
    [
        {"v1": ["a man cooks", "he stirs"], "v2": "a dog"},
        {
            "annotations": [
                {"image_id": "v1", "caption": "a man cooks", "id": 1},
                {"image_id": "v2", "caption": "a dog", "id": 2},
                {"image_id": "v1", "caption": "he stirs", "id": 3},
            ]
        },
    ],
)
def test_every_caption_answers_the_question(tmp_path: Path, content: object) -> None:
    convert_captions(written(tmp_path, content), "what happens ?", tmp_path / "dialogs.json")
    dialogs = read_dialogs(tmp_path / "dialogs.json", answered=True)
    assert {d.video_id: [turn.answer for turn in d.turns] for d in dialogs} == {
        "v1": ["a man cooks", "he stirs"],
        "v2": ["a dog"],
    }
    assert {turn.question for d in dialogs for turn in d.turns} == {"what happens ?"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (["a man"], r"captions\.json: not a file of captions"),
        ({}, r"captions\.json: no caption in it"),
        ({"v1": ["fine", " "]}, r"captions\.json: video v1: a caption is ' '"),
        ({"v1": 7}, r"video v1: a caption is 7, expected a sentence"),
        ({"../v1": "a man"}, r"captions\.json: unsafe id '\.\./v1'"),
        ({"annotations": [{"caption": "a man"}]}, r"annotation 0 \(counted from 0\): expected image_id and caption"),
    ],
)
def test_what_is_no_caption_is_named(tmp_path: Path, content: object, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_captions(written(tmp_path, content))


def test_automatic_descriptions(tmp_path: Path) -> None:
    assert read_descriptions(written(tmp_path, {"v1": "a man cooks", "v2": ""})) == {"v1": "a man cooks", "v2": ""}
    with pytest.raises(UserError, match=r"captions\.json: video v2: expected a sentence, found list"):
        read_descriptions(written(tmp_path, {"v1": "a man", "v2": ["a dog"]}))
    with pytest.raises(UserError, match=r"captions\.json: expected automatic descriptions"):
        read_descriptions(written(tmp_path, ["a man"]))
