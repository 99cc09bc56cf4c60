import pytest

from pipeline.corpus.scenes.truth import Rate, Truth, TurnTruth
from pipeline.errors import UserError
from pipeline.scoring.grounded import grounded

COLOURS = {"red": ("red", "crimson"), "blue": ("blue",)}
TRUTH = Truth(
    kinds={"colour": COLOURS, "count": {"one": ("one",), "two": ("two", "a pair")}},
    turns={
        "v": (TurnTruth("picture", "colour", "red"), TurnTruth("picture", "count", "two")),
        "w": (TurnTruth("picture", "colour", "blue"), TurnTruth("history", "colour", "red")),
        "x": (TurnTruth("picture", "colour", "red"),),
    },
    scenes={},
    base_rates={},
    question_only={"picture": Rate(0.4, 9)},
)
KEYS = (("v", 0), ("v", 1), ("w", 0), ("w", 1), ("x", 0))


def test_right_is_exactly_the_true_value() -> None:
    answers = ["it looks crimson to me .", "there is a pair .", "blue or red .", "i do not know", "two red ones ."]
    accuracy, right = grounded(KEYS, answers, TRUTH, "truth.json")
    assert right == [True, True, False, False, True]
    picture = accuracy["picture"]
    assert (picture["right"], picture["of"]) == (3, 4)
    # Colours of the three picture turns are red, blue, red; the count is always two: (2 + 1) / 4.
    assert picture["base_rate"] == pytest.approx(0.75)
    assert picture["kinds"]["colour"] == {"right": 2, "of": 3, "base_rate": pytest.approx(2 / 3)}
    assert picture["question_only"] == 0.4
    assert accuracy["history"] == {
        "right": 0,
        "of": 1,
        "base_rate": 1,
        "kinds": {"colour": {"right": 0, "of": 1, "base_rate": 1}},
    }


@pytest.mark.parametrize("key", [("z", 0), ("x", 1)])
def test_turn_without_truth_is_named(key: tuple[str, int]) -> None:
    with pytest.raises(UserError, match=f"truth.json: no ground truth for {key[0]} turn {key[1]}"):
        grounded([key], ["red"], TRUTH, "truth.json")
