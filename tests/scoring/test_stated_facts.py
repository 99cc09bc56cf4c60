"""Which facts of a scene a description states, counted by hand."""

from typing import Any

import pytest

from pipeline.corpus.scenes.language import FORMS
from pipeline.corpus.scenes.truth import Truth
from pipeline.errors import UserError
from pipeline.scoring.described import accuracy

SCENE: dict[str, Any] = {
    "shape": "star",
    "colour": "red",
    "count": "two",
    "place": "top",
    "direction": "left",
    "speed": "slow",
    "first": "flash",
    "second": "shake",
    "sound": "hiss",
    "when": "end",
}
SILENT = {**SCENE, "colour": "blue", "sound": None, "when": None}
SCENES = {"a": SCENE, "b": {**SCENE, "direction": "right"}, "c": SILENT}
TRUTH = Truth(kinds=FORMS, turns={}, scenes=SCENES, base_rates={}, question_only={})
WHOLE = (
    "two red stars moving to the left slowly , first flashing , then shaking . a bar at the top . a hiss at the end ."
)
# Of b: two colours, of which one is right; the wrong direction; no word of the second event.
HALF = "two red or blue stars moving to the left slowly , first flashing . a bar at the top . a hiss ."
# Of c, which is silent: right where nothing is said of a sound, wrong where something is.
LOUD = "two blue stars moving to the left slowly , first flashing , then shaking . a bar at the top . a bell ."


def test_a_fact_is_right_where_it_is_stated_and_stated_alone() -> None:
    found, each = accuracy([("a", 0), ("b", 0), ("c", 0)], [WHOLE, HALF, LOUD], TRUTH, "truth.json")
    assert each is None
    right = {fact: part["right"] for category in found.values() for fact, part in category["kinds"].items()}
    assert right == {
        **{"shape": 3, "colour": 2, "count": 3, "place": 3, "direction": 2, "speed": 3},
        **{"first": 3, "second": 2, "sound": 2, "when": 2},
    }
    assert {category: (part["right"], part["of"]) for category, part in found.items()} == {
        **{"picture": (11, 12), "motion": (5, 6), "order": (5, 6), "sound": (4, 6)},
    }
    # Always "red", "to the left", "a hiss at the end": right in two of three.
    assert found["picture"]["kinds"]["colour"]["base_rate"] == pytest.approx(2 / 3)
    assert found["picture"]["base_rate"] == pytest.approx((1 + 2 / 3 + 1 + 1) / 4)
    assert found["sound"]["base_rate"] == pytest.approx(2 / 3)


def test_a_scene_that_nothing_is_known_of_is_named() -> None:
    with pytest.raises(UserError, match=r"^truth\.json: no facts of d; give the truth\.json of the same scenes"):
        accuracy([("a", 0), ("d", 0)], [WHOLE, WHOLE], TRUTH, "truth.json")
