import json

import pytest

from pipeline.corpus.references import read_references, write_references
from pipeline.errors import UserError


def coco(images, annotations):
    return {
        "images": [{"id": number, "name": name} for number, name in images],
        "annotations": [{"id": n, "image_id": image, "caption": text} for n, (image, text) in enumerate(annotations)],
    }


@pytest.fixture
def file(tmp_path):
    def write(value):
        path = tmp_path / "refs.json"
        path.write_text(json.dumps(value), encoding="utf-8")
        return path

    return write


def test_coco_names_are_split_at_the_last_underscore_and_matched_by_id(file):
    path = file(coco([(5, "a_b-1_10"), (2, "_x_0")], [(2, "one"), (5, "two"), (2, "three")]))
    references = read_references(path)
    assert references == {("a_b-1", 10): ["two"], ("_x", 0): ["one", "three"]}
    assert list(references) == [("a_b-1", 10), ("_x", 0)]


def test_dialog_files_give_one_reference_a_turn_and_lists_give_several(file):
    def turn(answer):
        return {"question": "q ?", "answer": answer}

    dialogs = [
        {"image_id": "a", "dialog": [turn("x"), turn("__UNDISCLOSED__")]},
        {"image_id": "b", "dialog": [turn("y"), turn(["1", "2", "3"])]},
    ]
    assert read_references(file({"dialogs": dialogs})) == {("a", 0): ["x"], ("b", 0): ["y"], ("b", 1): ["1", "2", "3"]}


def test_written_references_are_read_back(tmp_path):
    references = {("v_1", 3): ["a .", "b"], ("w", 0): ["é"]}
    write_references(tmp_path / "r.json", references)
    assert read_references(tmp_path / "r.json") == references


BAD = {
    "no turn": (coco([(1, "abc")], [(1, "x")]), "name 'abc'"),
    "turn is no number": (coco([(1, "abc_x")], [(1, "x")]), "name 'abc_x'"),
    "same name twice": (coco([(1, "a_0"), (2, "a_0")], [(1, "x"), (2, "x")]), "name a_0 stands twice"),
    "same id twice": (coco([(1, "a_0"), (1, "b_0")], [(1, "x")]), "id 1 or name b_0 stands twice"),
    "unknown image": (coco([(1, "a_0")], [(1, "x"), (9, "y")]), "annotations[1]: image_id 9"),
    "blank caption": (coco([(1, "a_0")], [(1, " ")]), "annotations[0]"),
    "image without a reference": (
        coco([(1, "a_0"), (2, "b_0")], [(1, "x")]),
        "1 images have no annotation (first: b_0",
    ),
    "unsafe id": (coco([(1, "../a_0")], [(1, "x")]), "unsafe id"),
    "neither layout": ({"answers": []}, "not a dialog file"),
}


@pytest.mark.parametrize(("value", "message"), BAD.values(), ids=BAD.keys())
def test_malformed_references_give_one_line_that_names_the_item(file, value, message):
    with pytest.raises(UserError) as error:
        read_references(file(value))
    assert "refs.json" in str(error.value)
    assert message in str(error.value)


def test_the_official_six_references(shared):
    folder = shared / "data" / "avsd"
    references = read_references(folder / "test_set4DSTC7-AVSD_multiref.json")
    dialogs = json.loads((folder / "test_set4DSTC7-AVSD.json").read_text(encoding="utf-8"))["dialogs"]
    assert list(references) == [(dialog["image_id"], len(dialog["dialog"]) - 1) for dialog in dialogs]
    assert {len(texts) for texts in references.values()} == {6}
    assert references["VC5RZ", 0][0] == "there is man sitting on couch"
