import pytest

from pipeline.errors import UserError
from pipeline.scoring.filters import apply_filter, check_filter, filters_references

SENTENCE = "yes , i see a dog . it has 2 toys , no ?"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("organisers", "yes see dog it has toys no"),
        ("punctuation", "yes i see a dog it has 2 toys no ?"),
        ("none", SENTENCE),
    ],
)
def test_tokens_dropped(name: str, expected: str) -> None:
    assert apply_filter(name, SENTENCE) == expected


def test_tokens_that_only_contain_a_stop_stay() -> None:
    assert apply_filter("organisers", "ok. a.m. ,, .. é") == "ok. a.m. ,, .."


def test_everything_may_go() -> None:
    assert apply_filter("organisers", " 2  . ") == ""


def test_unknown_filter_names_the_known_ones() -> None:
    with pytest.raises(UserError, match=r"'stop' is not known.*organisers, punctuation, none"):
        check_filter("stop")


def test_only_single_references_are_filtered() -> None:
    assert filters_references([["a dog ."], ["yes ."]])
    assert not filters_references([["a dog ."], ["yes .", "yes"]])
