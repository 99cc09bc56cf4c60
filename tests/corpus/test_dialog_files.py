import json

import pytest

from pipeline.corpus.dialogs import UNDISCLOSED, Dialog, Turn, read_dialogs, write_dialogs
from pipeline.errors import UserError


def content(**changes):
    dialog = {
        "image_id": "YEDU4",
        "caption": "a script .",
        "summary": "a summary .",
        "dialog": [{"question": "who ?", "answer": "a man"}, {"question": "why ?", "answer": "no idea"}],
    }
    return {"type": "scene_aware_dialog", "version": "0.1", "dialogs": [{**dialog, **changes}]}


def write(path, value):
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


@pytest.fixture
def file(tmp_path):
    return lambda value: write(tmp_path / "set.json", value)


def test_reads_the_challenges_layout_and_ignores_other_keys(file):
    expected = Dialog("YEDU4", "a script .", "a summary .", (Turn("who ?", "a man"), Turn("why ?", "no idea")))
    assert read_dialogs(file(content(source="elsewhere"))) == [expected]


@pytest.mark.parametrize("missing", [{"summary": None}, {"summary": None, "caption": None}])
def test_descriptions_may_be_missing_or_null(file, missing):
    value = content(**missing)
    assert read_dialogs(file(value))[0].summary == ""
    for key in missing:
        del value["dialogs"][0][key]
    assert read_dialogs(file(value))[0].summary == ""


def test_written_dialogs_are_read_back_with_their_characters(tmp_path):
    dialogs = [
        Dialog("a-_.1", "", 'é\u2028 " \\', (Turn("q ?", "naïve"), Turn("r ?", UNDISCLOSED))),
        Dialog("b", "c", "d", (Turn("q ?", "a"),)),
    ]
    write_dialogs(tmp_path / "deep" / "out.json", dialogs)
    assert read_dialogs(tmp_path / "deep" / "out.json") == dialogs
    assert json.loads((tmp_path / "deep" / "out.json").read_text())["type"] == "scene_aware_dialog"


TURN = {"question": "q ?", "answer": "a"}
BAD = {
    "no list of dialogs": ({"dialogs": {}}, "not a dialog file"),
    "a bare list": ([], "not a dialog file"),
    "dialog is no object": ({"dialogs": ["x"]}, "position 0"),
    "no id": ({"dialogs": [{"dialog": [TURN]}]}, "no image_id"),
    "id is a number": (content(image_id=7), "image_id is a number"),
    "id with a slash": (content(image_id="a/b"), "unsafe id 'a/b'"),
    "id with a backslash": (content(image_id="a\\b"), "unsafe id"),
    "id that climbs": (content(image_id=".."), "unsafe id"),
    "id with a space": (content(image_id="a b"), "unsafe id"),
    "id with a line break at its end": (content(image_id="a\n"), "unsafe id"),
    "empty id": (content(image_id=""), "unsafe id"),
    "caption is a list": (content(caption=["x"]), "YEDU4: caption is a list"),
    "no turns": ({"dialogs": [{"image_id": "YEDU4"}]}, "YEDU4: dialog is missing"),
    "empty dialog": (content(dialog=[]), "YEDU4: no turn"),
    "turn is text": (content(dialog=["q"]), "YEDU4, turn 0"),
    "no answer": (content(dialog=[TURN, {"question": "q"}]), "YEDU4, turn 1: no answer"),
    "question is null": (content(dialog=[{"question": None, "answer": "a"}]), "turn 0: question is null"),
    "blank answer": (content(dialog=[{"question": "q", "answer": " "}]), "turn 0: answer is blank"),
    "several answers": (content(dialog=[{"question": "q", "answer": ["a", "b"]}]), "2 answers, expected one"),
    "withheld too early": (
        content(dialog=[{"question": "q", "answer": UNDISCLOSED}, TURN]),
        "turn 0: the answer is __UN",
    ),
}


@pytest.mark.parametrize(("value", "message"), BAD.values(), ids=BAD.keys())
def test_malformed_files_give_one_line_that_names_file_and_item(file, value, message):
    with pytest.raises(UserError) as error:
        read_dialogs(file(value))
    assert "set.json" in str(error.value)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_repeated_id_is_an_error_that_names_both_places(file):
    value = content()
    value["dialogs"] *= 2
    with pytest.raises(UserError, match=r"dialog YEDU4 stands twice, at positions 0 and 1"):
        read_dialogs(file(value))


def test_only_a_file_that_may_withhold_answers_does(file):
    path = file(content(dialog=[TURN, {"question": "q", "answer": UNDISCLOSED}]))
    assert read_dialogs(path)[0].turns[-1].answer == UNDISCLOSED
    with pytest.raises(UserError, match="YEDU4: its last answer is __UNDISCLOSED__"):
        read_dialogs(path, answered=True)


@pytest.mark.parametrize("text", [None, "", '{"dialogs": [', "\xff"])
def test_missing_and_unparsable_files(tmp_path, text):
    path = tmp_path / "set.json"
    if text is not None:
        path.write_text(text, encoding="latin-1")
    with pytest.raises(UserError, match=r"set.json: (no such file|not a JSON file)"):
        read_dialogs(path)


def test_real_files_survive_a_round_trip(shared, tmp_path):
    for name in ("valid_set4DSTC7-AVSD.json", "test_set4DSTC7-AVSD.json"):
        source = shared / "data" / "avsd" / name
        dialogs = read_dialogs(source)
        write_dialogs(tmp_path / name, dialogs)
        before, after = (json.loads(path.read_text(encoding="utf-8")) for path in (source, tmp_path / name))
        assert after == before
