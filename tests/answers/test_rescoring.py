"""Lists of answers in another order: the scores by hand, the weight by brute force, the metric by pycocoevalcap."""

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from pycocoevalcap.cider.cider import Cider

from pipeline.answers.rescoring import Scored, Spreads, choose_weight, combined, listed, order, spread
from pipeline.config.rescoring import Rescoring, Scale
from pipeline.scoring.listed import ciders

HALF = Scored(("a", "b", "c"), (-1.0, -2.0, -6.0), (10.0, 40.0, 40.0))


def test_scores_by_hand() -> None:
    given = Spreads(2.0, 5.0)
    assert combined(HALF, 0.75, "none", given) == pytest.approx([1.75, 8.5, 5.5])
    assert combined(HALF, 0.75, "validation", given) == pytest.approx([0.125, 1.25, -0.25])
    # Of -1, -2, -6 the mean is -3, of 10, 40, 40 it is 30.
    own = Spreads(np.sqrt((4 + 1 + 9) / 3), np.sqrt((400 + 100 + 100) / 3))
    expected = [0.75 * g / own.found + 0.25 * s / own.fits for g, s in zip(HALF.found, HALF.fits, strict=True)]
    assert combined(HALF, 0.75, "list", given) == pytest.approx(expected)
    assert [each["answer"] for each in listed(HALF, 0.75, "none", given)] == ["b", "c", "a"]
    assert listed(HALF, 0.75, "none", given)[0] == {"answer": "b", "score": 8.5, "found": -2.0, "fit": 40.0}


@pytest.mark.parametrize("scale", ["list", "validation", "none"])
def test_the_ends_are_the_searchs_order_and_the_matchers(scale: Scale) -> None:
    given = Spreads(2.0, 5.0)
    assert order(HALF, 1.0, scale, given) == [0, 1, 2]
    # The matcher takes the second for as good as the third: the search's own order decides.
    assert order(HALF, 0.0, scale, given) == [1, 2, 0]
    equal = Scored(("a", "b"), (-1.0, -1.0), (3.0, 3.0))
    assert all(order(equal, weight, scale, given) == [0, 1] for weight in (0.0, 0.5, 1.0))
    assert order(Scored(("a",), (-4.0,), (2.0,)), 0.3, scale, given) == [0]


def test_how_far_lists_spread() -> None:
    lists = [[1.0, 4.0, 7.0], [2.0], [0.0, 10.0]]
    differences = [value - np.mean(each) for each in lists for value in each]
    assert spread(lists) == pytest.approx(np.sqrt(np.mean(np.square(differences))))
    assert spread([[3.0, 3.0], [5.0]]) == 1.0
    # The mean of three times 0.1 is not 0.1 in binary, by 1.4e-17, by which scores were divided then.
    assert spread([[0.1, 0.1, 0.1], [0.7, 0.7, 0.7]]) == 1.0


def test_a_matcher_that_takes_all_answers_for_equal_leaves_scores_of_their_size() -> None:
    equal = Scored(("a", "b", "c"), (-1.0, -2.0, -3.0), (0.1, 0.1, 0.1))
    found = [each["score"] for each in listed(equal, 0.5, "list", Spreads(1.0, 1.0))]
    # 0.5 x found / sqrt(2 / 3) + 0.5 x 0.1 / 1
    assert found == pytest.approx([-0.56237, -1.17474, -1.78712], abs=1e-5)


def random_lists(seed: int) -> tuple[list[Scored], list[list[float]]]:
    generator = np.random.default_rng(seed)
    lists, judged = [], []
    for turn in range(30):
        count = int(generator.integers(1, 7))
        found = np.sort(generator.normal(size=count))[::-1]
        answers = tuple(f"{turn} {place}" for place in range(count))
        lists.append(Scored(answers, tuple(found.tolist()), tuple((30 * generator.normal(size=count)).tolist())))
        judged.append(generator.uniform(size=count).tolist())
    return lists, judged


@pytest.mark.parametrize("scale", ["list", "validation", "none"])
def test_the_weight_is_the_one_that_brute_force_finds(scale: Scale) -> None:
    lists, judged = random_lists(1)
    weights = (0.9, 0.0, 0.25, 1.0)
    said = choose_weight(lists, judged, Rescoring(system="m", weights=weights, scale=scale))
    centred = [[np.array(side) - np.mean(side) for side in (each.found, each.fits)] for each in lists]
    wide = [np.sqrt(np.mean(np.concatenate([each[side] for each in centred]) ** 2)) for side in (0, 1)]
    means = {}
    for weight in weights:
        taken = []
        for each, own, values in zip(lists, centred, judged, strict=True):
            by = {"none": (1.0, 1.0), "validation": wide, "list": [np.sqrt(np.mean(side**2)) or 1.0 for side in own]}
            scores = [
                weight * g / by[scale][0] + (1 - weight) * s / by[scale][1]
                for g, s in zip(each.found, each.fits, strict=True)
            ]
            taken.append(values[int(np.argmax(scores))])
        means[weight] = np.mean(taken)
    assert {point["weight"]: point["CIDEr"] for point in said["curve"]} == pytest.approx(means)
    assert said["weight"] == max(means, key=lambda weight: means[weight])
    assert said["own"] == pytest.approx(np.mean([values[0] for values in judged])) == pytest.approx(means[1.0])
    assert said["best_of_list"] == pytest.approx(np.mean([max(values) for values in judged]))
    assert said["turns"] == 30


def test_of_equal_weights_the_largest_is_taken() -> None:
    lists, _ = random_lists(2)
    judged = [[0.5] * len(each.answers) for each in lists]
    assert choose_weight(lists, judged, Rescoring(system="m", weights=(0.2, 0.7, 0.4)))["weight"] == 0.7


LISTS = (
    ("a red ball falls", "a ball", "yes , a blue ball falls"),
    ("no",),
    ("the star is green and it moves", "the star is red", "i do not know", "green"),
)
PEOPLE = ("a red ball falls down", "no , nothing", "the star is green")


def by_pycocoevalcap(taken: Sequence[str]) -> float:
    """CIDEr of one answer a list; none of these sentences has a mark but the commas, which are taken out."""
    plain = [[text.replace(" ,", "")] for text in taken]
    people = [[text.replace(" ,", "")] for text in PEOPLE]
    score, _ = Cider().compute_score(dict(enumerate(people)), dict(enumerate(plain)))
    return float(score)


def test_each_answers_figure_is_its_part_of_cider_whatever_is_taken() -> None:
    found = ciders(LISTS, PEOPLE, "none")
    assert [len(each) for each in found] == [3, 1, 4]
    for places in itertools.product(*(range(len(each)) for each in LISTS)):
        taken = [each[place] for each, place in zip(LISTS, places, strict=True)]
        mean = np.mean([each[place] for each, place in zip(found, places, strict=True)])
        assert mean == pytest.approx(by_pycocoevalcap(taken), abs=1e-12)


def test_the_filter_goes_over_both() -> None:
    # Without "a" both say "ball is": all of their words and pairs of words, of no three or four.
    assert ciders([["a ball is a"], ["red"]], ["ball is", "a b"], "dstc7")[0][0] == pytest.approx(10.0 * 2 / 4)
    assert ciders([["x", "y z"]], ["."], "none") == [[0.0, 0.0]]
