"""Caption files of every layout, what is broken in them, and captions as dialogs."""

import json
from pathlib import Path

import pytest

from pipeline.corpus.captions.dialogs import convert_captions
from pipeline.corpus.captions.reading import NAMED, caption_files, read_captions
from pipeline.corpus.descriptions import read_descriptions
from pipeline.corpus.dialogs import Dialog, Turn, read_dialogs, write_dialogs
from pipeline.errors import UserError

SAID = {"v1": ("a man cooks .", "he stirs"), "v2": ("a dog",)}
IMAGES = [{"id": 7, "file_name": "train/v1.MP4"}, {"id": 8, "name": "v2"}]


def annotations(*pairs: tuple[object, object]) -> list[dict[str, object]]:
    return [{"id": n, "image_id": image, "caption": text} for n, (image, text) in enumerate(pairs)]


def msr_vtt(splits: dict[str, object], *pairs: tuple[object, object]) -> dict[str, object]:
    return {
        "info": {},
        "videos": [{"video_id": name, "split": split, "category": 3} for name, split in splits.items()],
        "sentences": [{"sen_id": n, "video_id": video, "caption": text} for n, (video, text) in enumerate(pairs)],
    }


def written(folder: Path, content: object) -> Path:
    path = folder / "captions.json"
    path.write_text(json.dumps(content))
    return path


def how2(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text)
    return folder


@pytest.mark.parametrize(
    "content",
    [
        {"v1": ["A man cooks.", "he stirs"], "v2": "a dog"},
        {"annotations": annotations(("v1", "A man cooks."), ("v2", "a dog"), ("v1", "he stirs"))},
        {"images": IMAGES, "annotations": annotations((7, "A man cooks."), (8, "a dog"), (7, "he stirs"))},
        msr_vtt({"v1": "train", "v2": "test"}, ("v1", "a man cooks ."), ("v2", "a dog"), ("v1", "he stirs")),
        msr_vtt({"v1": None, "v2": None}, ("v1", "a man cooks ."), ("v2", "a dog"), ("v1", "he stirs")),
    ],
)
def test_layouts_in_json(tmp_path: Path, content: object) -> None:
    captions = read_captions(written(tmp_path, content))
    assert captions.sentences == SAID
    assert captions.left_out == 0 and captions.count == 3


def test_splits_of_msr_vtt(tmp_path: Path) -> None:
    splits: dict[str, object] = {"v1": "train", "v2": "validate", "v3": "test", "v4": None}
    content = msr_vtt(splits, *((name, "a") for name in splits))
    assert read_captions(written(tmp_path, content)).splits == {"v1": "training", "v2": "validation", "v3": "test"}


ID = "-1L4KmKx_jw"
"""A segment's id has eleven characters of a YouTube video, perhaps with its number."""


@pytest.mark.parametrize(
    "files",
    [
        {"id": f"{ID}_0\n{ID}_1\n", "text_en": "It&apos;s Hot!\nstir it"},
        {"text_id_en": f"{ID}_0 It's hot!\n{ID}_1 Stir it\n"},
        {"desc_tok_txt": f"{ID}_0 it &apos;s hot !\r\n{ID}_1 stir it\r\n"},
        # Both ways are there: the files that stand apart go first.
        {"id": f"{ID}_0\n{ID}_1", "text_en": "it's hot !\nstir it\n", "text_id_en": "other words"},
    ],
)
def test_a_folder_of_how2(tmp_path: Path, files: dict[str, str]) -> None:
    captions = read_captions(how2(tmp_path, **files))
    assert captions.sentences == {f"{ID}_0": ("it 's hot !",), f"{ID}_1": ("stir it",)}


def test_files_of_how2(tmp_path: Path) -> None:
    how2(tmp_path, some_id="one\ntwo\n", some_text="A dog.\n\u2028a cat\n", desc_tok_txt=f"{ID} a dog .\n")
    sentences, ids = tmp_path / "some.text", tmp_path / "some.id"
    assert read_captions(sentences, ids, marks=False).sentences == {"one": ("a dog",), "two": ("a cat",)}
    assert read_captions(tmp_path / "desc.tok.txt").sentences == {ID: ("a dog .",)}
    assert caption_files(sentences, ids) == [sentences, ids]
    assert caption_files(tmp_path) == [tmp_path / "desc.tok.txt"]


def broken_lines(capsys: pytest.CaptureFixture[str], path: Path) -> list[str]:
    said = [line.removeprefix(f"{path}: ") for line in capsys.readouterr().err.splitlines()]
    return [line.removesuffix("; left out") for line in said if line.endswith("; left out")]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            {"v1": ["a man", " ", 7], "v2": [], "../v3": ["a dog", "a cat"], "v4": None},
            [
                "video v1, sentence 1: the sentence is blank, expected words",
                "video v1, sentence 2: the sentence is a number, expected text",
                "video ../v3, sentence 0: unsafe id '../v3'; expected letters, digits, '-', '_' and '.' (not in front)",
                "video v4: the sentence is null, expected text",
                "video v2: no sentence about it",
            ],
        ),
        (
            {"images": [*IMAGES, {"id": 9}, "x"], "annotations": [*annotations((7, "a man"), (10, "a dog")), {}, 3]},
            [
                "images[2]: expected an id, and a file_name or a name",
                "images[3]: expected an object",
                "annotations[1]: image_id 10 is not the id of an image",
                "annotations[2]: image_id None is not the id of an image",
                "annotations[3]: expected an object",
                "video v2: no sentence about it",
            ],
        ),
        (
            msr_vtt(
                {"v1": "train", "v2": "dev"}, ("v1", "a man"), ("v2", "a dog"), ("v3", "x"), ("v3", "y"), ([], "z")
            ),
            [
                "videos[1]: video v2: split 'dev' is none of train, validate, test",
                "sentences[2]: video v3 is none of the file's videos",
                "sentences[4]: its video is [], expected an id",
            ],
        ),
        (
            {"videos": [{"video_id": 5}, {"video_id": "v1"}], "sentences": [{"video_id": "v1", "caption": "a man"}]},
            ["videos[0]: video_id is 5, expected text"],
        ),
    ],
)
def test_broken_entries_are_named_and_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: object, expected: list[str]
) -> None:
    path = written(tmp_path, content)
    captions = read_captions(path)
    assert captions.sentences == {"v1": ("a man",)}
    assert broken_lines(capsys, path) == expected
    assert captions.left_out == len(expected)


@pytest.mark.parametrize("said", ['he says,"well" he said', 'he says,"well', '"a",b"c'])
def test_quotation_marks_behind_commas_make_no_table_of_how2(tmp_path: Path, said: str) -> None:
    path = how2(tmp_path, text_id_en=f"{ID}_0 {said}\n{ID}_1 a dog\n") / "text.id.en"
    assert list(read_captions(path).sentences) == [f"{ID}_0", f"{ID}_1"]


def test_broken_lines_of_how2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = how2(tmp_path, desc_tok_txt=f"{ID}_0 a man\nno id here\n\n{ID}_1\n") / "desc.tok.txt"
    assert read_captions(path).sentences == {f"{ID}_0": ("a man",)}
    assert broken_lines(capsys, path) == [
        "line 2: it begins with 'no', expected a segment's id (11 characters, or _7 behind)",
        "line 3: it begins with '', expected a segment's id (11 characters, or _7 behind)",
        "line 4: the sentence is blank, expected words",
    ]


def test_only_some_are_named_and_all_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, {"good": "a man", **{f"v{n}": "" for n in range(25)}})
    assert read_captions(path).left_out == 25
    said = capsys.readouterr().err.splitlines()
    assert sum("expected words; left out" in line for line in said) == NAMED
    assert f"{path}: 15 more broken entries left out" in said
    assert f"{path}: 1 sentences about 1 videos, 25 broken entries left out" in said


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (["a man"], r"captions\.json: not a file of captions; expected .*COCO.*MSR-VTT.*How2"),
        ({}, r"captions\.json: no caption in it that can be used"),
        ({"v1": 7}, r"captions\.json: no caption in it that can be used"),
        ({"annotations": [{"caption": "a man"}]}, r"captions\.json: no caption in it that can be used"),
    ],
)
def test_a_file_without_anything_good_is_an_error(tmp_path: Path, content: object, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_captions(written(tmp_path, content))


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ({"type": "scene_aware_dialog", "version": "0.1", "dialogs": []}, "a file of type scene_aware_dialog"),
        ({"type": "answer_candidates", "version": "0.1", "turns": []}, "a file of type answer_candidates"),
        ({"dialogs": [{"image_id": "v", "dialog": []}], "version": "0.1"}, "a file of dialogs"),
    ],
)
def test_files_of_other_content_are_named(tmp_path: Path, content: object, what: str) -> None:
    """Their keys are no videos."""
    with pytest.raises(UserError, match=rf"captions\.json: {what}, not a file of captions; expected .*COCO"):
        read_captions(written(tmp_path, content))


def test_a_dialog_file_of_ours_is_no_caption_file(tmp_path: Path) -> None:
    write_dialogs(tmp_path / "dialogs.json", [Dialog("v", "", "", (Turn("who ?", "a man"),))])
    with pytest.raises(UserError, match="a file of type scene_aware_dialog"):
        read_captions(tmp_path / "dialogs.json")


def test_videos_may_be_called_as_keys_are(tmp_path: Path) -> None:
    content = {"type": "a man", "dialogs": ["two people talk"], "version": "a dog"}
    assert list(read_captions(written(tmp_path, content)).sentences) == ["type", "dialogs", "version"]


@pytest.mark.parametrize("other", ["day2/clip.mp4", "clip.jpg", "day1/clip.mp4"])
def test_two_files_of_one_name_are_not_one_video(tmp_path: Path, other: str) -> None:
    images = [{"id": 1, "file_name": "day1/clip.mp4"}, {"id": 2, "file_name": other}]
    content = {"images": images, "annotations": annotations((1, "a man"), (2, "a dog"))}
    message = rf"images\[1\]: '{other}' has the id clip, as 'day1/clip\.mp4' has; rename one of them, or take it out"
    with pytest.raises(UserError, match=message):
        read_captions(written(tmp_path, content))


def test_texts_without_ids_are_an_error(tmp_path: Path) -> None:
    how2(tmp_path, text_en="a man cooks\nhe stirs\n", id="one\n")
    with pytest.raises(UserError, match=r"text\.en: no caption in it that can be used"):
        read_captions(tmp_path / "text.en")
    with pytest.raises(UserError, match=r"id: 1 ids, but .*text\.en has 2 sentences"):
        read_captions(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"empty: no captions in it; expected How2's id and text\.en, or text\.id\.en"):
        read_captions(tmp_path / "empty")
    with pytest.raises(UserError, match=r"gone\.json: no such file"):
        read_captions(tmp_path / "gone.json")


def test_every_caption_answers_the_question(tmp_path: Path) -> None:
    content = {"v1": ["A man cooks.", "he stirs"], "v2": "a dog"}
    convert_captions(written(tmp_path, content), None, "what happens ?", tmp_path / "dialogs.json")
    dialogs = read_dialogs(tmp_path / "dialogs.json", answered=True)
    assert {d.video_id: tuple(turn.answer for turn in d.turns) for d in dialogs} == SAID
    assert {turn.question for d in dialogs for turn in d.turns} == {"what happens ?"}


@pytest.mark.parametrize(
    ("question", "fault"), [("", "is blank, expected words"), (" ", "is blank"), ("x" * 6000, "has 6,000 characters")]
)
def test_a_question_that_no_dialog_can_have(tmp_path: Path, question: str, fault: str) -> None:
    """It was written, and the file then refused by whatever read it."""
    out = tmp_path / "dialogs.json"
    with pytest.raises(UserError, match=f"^--question {fault}"):
        convert_captions(written(tmp_path, {"v1": "a man"}), None, question, out)
    assert not out.exists()


def test_what_is_too_long_when_its_words_stand_apart_is_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, {"v1": [",".join(["a"] * 2500), ",".join(["a"] * 1250)]})
    convert_captions(path, None, "what happens ?", tmp_path / "dialogs.json")
    assert broken_lines(capsys, path) == [
        "video v1, sentence 0: the sentence with words and marks apart has 9,997 characters, expected at most 5,000; "
        "shorten it"
    ]
    (dialog,) = read_dialogs(tmp_path / "dialogs.json", answered=True)
    assert dialog.captions == (" , ".join(["a"] * 1250),)


def test_automatic_descriptions(tmp_path: Path) -> None:
    assert read_descriptions(written(tmp_path, {"v1": "a man cooks", "v2": ""})) == {"v1": "a man cooks", "v2": ""}
    with pytest.raises(UserError, match=r"captions\.json: video 'v2': the sentence is a list, expected text"):
        read_descriptions(written(tmp_path, {"v1": "a man", "v2": ["a dog"]}))
    with pytest.raises(UserError, match=r"captions\.json: expected automatic descriptions"):
        read_descriptions(written(tmp_path, ["a man"]))
