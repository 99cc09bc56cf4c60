"""Which wrong pairs stand beside a right one, and what is compared."""

import random
from collections.abc import Sequence
from itertools import pairwise

import pytest

from pipeline.corpus.dialogs import Dialog, Turn
from pipeline.dataset.pairs import Choices, Queries
from pipeline.errors import UserError
from pipeline.vocabulary.words import build

DIALOGS = [Dialog(f"v{n}", "", "", (Turn("what ?", f"a{n}"), Turn("and ?", f"b{n}"))) for n in range(9)]
WORDS = build(DIALOGS, frozenset(), 1)


def choices(dialogs: Sequence[Dialog], history: bool = False, count: int = 4) -> Choices:
    return Choices(dialogs, WORDS, {}, (), count, history=history)


def test_what_a_dialog_says_elsewhere_is_no_wrong_answer_of_its_own_turns() -> None:
    examples = choices(DIALOGS[:3], count=5)
    rows = [(dialog, turn) for dialog in range(3) for turn in range(2)]
    for (dialog, turn), pairs in zip(rows, examples.pairs(rows, random.Random(1)), strict=True):
        right, *wrong = (text.split()[-1] for text, _ in pairs)
        assert right == f"{'ab'[turn]}{dialog}"
        assert sorted(wrong) == sorted(f"{kind}{other}" for kind in "ab" for other in range(3) if other != dialog)
    with pytest.raises(UserError, match="v0: no other dialog has another answer than 'a0': nothing to choose from"):
        choices(DIALOGS[:1]).pairs([(0, 0)], random.Random(1))


def test_the_dialog_so_far_stands_in_front_where_something_was_asked() -> None:
    assert choices(DIALOGS).text(2, 1, "x") == "and ? x"
    assert choices(DIALOGS, history=True).text(2, 1, "x") == "what ? a2 and ? x"
    # Captions are no dialog: none is what was said before another.
    captions = choices([*DIALOGS, Dialog("c", "", "", (), ("a cat", "a dog"))], history=True)
    assert captions.text(9, 1, "a dog") == "a dog"


def test_wrong_videos_are_those_of_the_batch_any_of_them_and_others_where_it_has_too_few() -> None:
    queries = Queries(DIALOGS, WORDS, {}, (), 4, texts=[[f"a{n}"] for n in range(9)])
    batch = [(dialog, 0) for dialog in (0, 2, 3, 5, 7, 8)]
    drawn = [[tuple(video for _, video in row) for row in queries.pairs(batch, random.Random(n))] for n in range(20)]
    for rows in drawn:
        for (own, _), videos in zip(batch, rows, strict=True):
            assert videos[0] == own and len(set(videos)) == 4
            assert set(videos) <= {dialog for dialog, _ in batch}
    assert {video for rows in drawn for video in rows[0]} == {dialog for dialog, _ in batch}
    assert all(one != other for one, other in pairwise(drawn))
    with pytest.raises(UserError, match="dialog v0: there is no other video: nothing to tell it from"):
        Queries(DIALOGS[:1], WORDS, {}, (), 4, texts=[["a0"]]).batch([(0, None)])
    (few,) = queries.pairs([(1, 0)], random.Random(1))
    assert len({video for _, video in few}) == 4
