import re

import pytest

from pipeline.config import parse
from pipeline.errors import UserError
from pipeline.scoring.filters import FILTERS, apply_filter, filter_named, filters_references

SENTENCE = "yes , i see a dog . it has 2 toys , no ?"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("dstc7", "yes see dog it has toys no"),
        ("dstc8", "yes i see a dog it has 2 toys no ?"),
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


def test_without_a_filter_nothing_is_changed() -> None:
    assert apply_filter("none", "call (650)  555-1234\tnow . ") == "call (650)  555-1234\tnow . "


def test_unknown_filter_names_the_known_ones() -> None:
    with pytest.raises(
        UserError, match=r"'stop' is not known: choose one of dstc7, dstc8, none; .*organisers \(dstc7\)"
    ):
        filter_named("stop")


def published(stop_list: str, sentence: str) -> str:
    """What the challenges' StopwordFilter leaves of a sentence: its lines are regular expressions of tokens."""
    patterns = [re.compile("^" + line + "$") for line in stop_list.splitlines()]
    return " ".join(
        token for token in sentence.split() if not any(pattern.sub("", token) == "" for pattern in patterns)
    )


@pytest.mark.parametrize(("name", "stop_list"), [("dstc7", ",\n.\n"), ("dstc8", ",\n\\.\n")])
def test_each_challenges_stop_list(name: str, stop_list: str) -> None:
    for sentence in (SENTENCE, "a . , .. ,, b? 1 22 . .", ". . .", "ok. a.m. ,, .. é", ""):
        assert apply_filter(name, sentence) == published(stop_list, sentence)


@pytest.mark.parametrize(("other", "name"), [("organisers", "dstc7"), ("punctuation", "dstc8"), ("none", "none")])
def test_older_names_are_equal_settings(other: str, name: str) -> None:
    assert filter_named(other) == name
    assert parse({"scoring": {"filter": other}}) == parse({"scoring": {"filter": name}})
    assert parse({"scoring": {"filter": other}}).scoring.filter == name
    assert name in FILTERS


def test_only_single_references_are_filtered() -> None:
    assert filters_references([["a dog ."], ["yes ."]])
    assert not filters_references([["a dog ."], ["yes .", "yes"]])
