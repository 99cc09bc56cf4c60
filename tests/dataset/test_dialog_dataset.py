"""Batches of dialogs against what they were made of."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pipeline.corpus.dialogs import UNDISCLOSED, Dialog, Turn, read_dialogs
from pipeline.dataset.dialogs import DialogDataset
from pipeline.dataset.views import Shown, View
from pipeline.errors import UserError
from pipeline.files import write_json
from pipeline.tensors import Sequences
from pipeline.vocabulary import END
from pipeline.vocabulary.words import Vocabulary, build


class Shelf:
    """A feature store in memory that counts reads."""

    def __init__(self, dims: int, steps: dict[str, int]) -> None:
        self.dims, self.reads = dims, 0
        self.steps = {
            video: np.random.default_rng(place).random((count, dims), np.float32)
            for place, (video, count) in enumerate(steps.items())
        }

    def __contains__(self, video_id: str) -> bool:
        return video_id in self.steps

    def read(self, video_id: str) -> np.ndarray[Any, np.dtype[np.float32]]:
        self.reads += 1
        return self.steps[video_id]


DIALOGS = [
    Dialog("one", "c1 c2", "s1", tuple(Turn(f"q{n} " * (n + 1), f"a{n}") for n in range(3))),
    Dialog("two", "c3", "", (Turn("q0", "a1 a0"), Turn("q1 q1", UNDISCLOSED))),
]
WORDS = ("<pad>", "<unk>", "<sos>", "<eos>", "q0", "q1", "q2", "a0", "a1", "a2", "s1", "c1", "c2", "c3")
VOCABULARY = Vocabulary(WORDS, 1)
PLAIN = View((), "none", True)


def texts(sequences: Sequences) -> list[str]:
    """What real ids say; anything beyond a length must be padding."""
    assert (sequences.ids[~sequences.mask()] == 0).all()
    rows = zip(sequences.ids.tolist(), sequences.lengths.tolist(), strict=True)
    return [" ".join(WORDS[word] for word in ids[:length]) for ids, length in rows]


def dataset(**views: View) -> DialogDataset:
    return DialogDataset(DIALOGS, VOCABULARY, {}, views or {"model": PLAIN})


def test_all_turns_by_hand() -> None:
    batch = dataset().batch([(0, None)])
    view = batch.views["model"]
    assert texts(view.questions) == ["q0", "q1 q1", "q2 q2 q2"]
    assert texts(view.pairs) == ["q0 a0 <eos>", "q1 q1 a1 <eos>"]
    assert view.history.tolist() == [[-1, -1], [0, -1], [0, 1]]
    assert view.dialog.tolist() == [0, 0, 0]
    assert batch.targets is not None
    assert texts(batch.targets) == ["a0 <eos>", "a1 <eos>", "a2 <eos>"]
    assert batch.keys == (("one", 0), ("one", 1), ("one", 2))
    assert batch.turns == 3


def test_chosen_turns_look_back_on_their_own_dialog() -> None:
    batch = dataset().batch([(1, [1]), (0, [2, 0])], with_targets=False)
    view = batch.views["model"]
    assert batch.targets is None
    assert batch.keys == (("two", 1), ("one", 2), ("one", 0))
    assert texts(view.pairs) == ["q0 a1 a0 <eos>", "q0 a0 <eos>", "q1 q1 a1 <eos>"]
    assert view.history.tolist() == [[0, -1], [1, 2], [-1, -1]]
    assert view.dialog.tolist() == [0, 1, 1]


@pytest.mark.parametrize(
    ("kind", "words"), [("none", ""), ("summary", "s1 "), ("caption", "c1 c2 "), ("both", "c1 c2 s1 ")]
)
def test_description_stands_in_front(kind: Any, words: str) -> None:
    views = dataset(model=PLAIN, teacher=View((), kind, True)).batch([(0, [0, 1])]).views
    assert texts(views["teacher"].questions) == [f"{words}q0", f"{words}q1 q1"]
    assert texts(views["model"].questions) == ["q0", "q1 q1"]
    assert views["teacher"].pairs is views["model"].pairs


def test_no_summary_leaves_the_question_alone() -> None:
    view = dataset(model=View((), "summary", True)).batch([(1, [0])]).views["model"]
    assert texts(view.questions) == ["q0"]


def test_a_batch_without_history() -> None:
    for views, picks in (({"model": PLAIN}, [(0, [0])]), ({"model": View((), "none", False)}, [(0, None)])):
        view = dataset(**views).batch(picks).views["model"]
        assert view.pairs.ids.shape == (0, 1)
        assert view.history.shape == (len(view.questions.ids), 0)


def test_withheld_answer_is_no_target() -> None:
    with pytest.raises(UserError, match=r"dialog two, turn 1: .*__UNDISCLOSED__"):
        dataset().batch([(1, None)])


def test_features_are_padded_and_shared() -> None:
    rgb, sound = Shelf(3, {"one": 2, "two": 4}), Shelf(2, {"one": 0, "two": 0})
    views = {"model": View(("rgb", "sound"), "none", True), "teacher": View(("rgb",), "summary", True)}
    data = DialogDataset(DIALOGS, VOCABULARY, {"rgb": rgb, "sound": sound}, views)
    batch = data.batch([(1, [0]), (0, None)])
    feature = batch.views["model"].features["rgb"]
    assert feature.lengths.tolist() == [4, 2]
    np.testing.assert_array_equal(feature.values[0], rgb.steps["two"])
    np.testing.assert_array_equal(feature.values[1, :2], rgb.steps["one"])
    assert (feature.values[1, 2:] == 0).all()
    assert batch.views["teacher"].features["rgb"] is feature
    silent = batch.views["model"].features["sound"]
    assert silent.values.shape == (2, 1, 2)
    assert silent.lengths.tolist() == [0, 0]
    data.batch([(0, None), (1, [0])])
    assert rgb.reads == 2


@pytest.mark.parametrize(("room", "reads"), [(0, 4), (24, 3), (72, 2)])
def test_cache_keeps_what_fits(room: int, reads: int) -> None:
    """Steps of 12 bytes: video one has 24 bytes, video two 48."""
    rgb = Shelf(3, {"one": 2, "two": 4})
    views = {"model": View(("rgb",), "none", True)}
    data = DialogDataset(DIALOGS, VOCABULARY, {"rgb": rgb}, views, cache_bytes=room)
    for _ in range(2):
        for pick in (0, 1):
            data.batch([(pick, [0])])
    assert rgb.reads == reads


def test_missing_videos(capsys: pytest.CaptureFixture[str]) -> None:
    views = {"model": View(("rgb",), "none", True)}
    stores = {"rgb": Shelf(3, {"one": 2})}
    with pytest.raises(UserError, match=r"feature rgb: 1 of 2 videos .*\(two\), at most 5%"):
        DialogDataset(DIALOGS, VOCABULARY, stores, views)
    data = DialogDataset(DIALOGS, VOCABULARY, stores, views, max_missing=0.5)
    assert data.missing == {"rgb": ["two"]}
    warning = "warning: feature rgb: 1 of 2 videos are not in its shards (two); dialogs about them go without it\n"
    assert capsys.readouterr().err == warning
    assert data.batch([(1, [0]), (0, None)]).views["model"].features["rgb"].lengths.tolist() == [0, 2]


def test_real_dialogs(shared: Path) -> None:
    """Every question, answer and history of the first dialogs comes back from ids, all words known."""
    dialogs = read_dialogs(shared / "data" / "avsd" / "valid_set4DSTC7-AVSD.json")[:50]
    vocabulary = build(dialogs, frozenset({"summary"}), 1)
    data = DialogDataset(dialogs, vocabulary, {}, {"model": View((), "summary", True)})
    batch = data.batch([(index, None) for index in range(50)])
    assert batch.targets is not None
    view = batch.views["model"]

    def said(sequences: Sequences, row: int) -> Sequence[str]:
        return vocabulary.decode(sequences.ids[row].tolist()).split()

    row = 0
    for dialog in dialogs:
        for place, turn in enumerate(dialog.turns):
            assert said(view.questions, row) == (dialog.summary + " " + turn.question).split()
            assert said(batch.targets, row) == turn.answer.split()
            pairs = [pair for pair in view.history[row].tolist() if pair >= 0]
            before = dialog.turns[:place]
            assert [said(view.pairs, pair) for pair in pairs] == [f"{t.question} {t.answer}".split() for t in before]
            row += 1
    ends = batch.targets.ids.gather(1, batch.targets.lengths.unsqueeze(1) - 1)
    assert row == batch.turns == 500
    assert torch.equal(ends, torch.full_like(ends, END))


def test_automatic_descriptions_stand_in_front(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "told.json"
    path.write_text('{"one": "c3 c2 unheard", "other": "c1"}')
    views = {"model": View((), (path,), True), "teacher": View((), "both", True)}
    with pytest.raises(UserError, match=r"told\.json: no description of 1 of 2 videos \(two\), at most 5% may be"):
        DialogDataset(DIALOGS, VOCABULARY, {}, views)
    data = DialogDataset(DIALOGS, VOCABULARY, {}, views, max_missing=0.5)
    assert "two); their questions stand alone" in capsys.readouterr().err
    batch = data.batch([(0, [0]), (1, [0])])
    assert texts(batch.views["model"].questions) == ["c3 c2 <unk> q0", "q0"]
    assert texts(batch.views["teacher"].questions) == ["c1 c2 s1 q0", "c3 q0"]


def test_concept_words_beside_and_in_front() -> None:
    words = {"one": ("c2", "s1", "c1"), "two": ("c3",)}
    beside, in_front = Shown(words, 2, "modality"), Shown(words, 2, "question")
    views = {
        "model": View((), "none", True, concepts=beside),
        "teacher": View((), "summary", True, concepts=in_front),
        "plain": PLAIN,
    }
    data = dataset(**views)
    batch = data.batch([(1, [0]), (0, [0, 1])], with_targets=False).views
    # The words of each video of the batch, in its order, and no more than are shown; rows of a video share them.
    assert batch["model"].concepts is not None
    assert texts(batch["model"].concepts) == ["c3", "c2 s1"]
    assert batch["model"].dialog.tolist() == [0, 1, 1]
    assert texts(batch["model"].questions) == texts(batch["plain"].questions)
    assert batch["teacher"].concepts is None and batch["plain"].concepts is None
    assert texts(batch["teacher"].questions) == ["c3 q0", "c2 s1 s1 q0", "c2 s1 s1 q1 q1"]
    assert data.words("model", 0) == data.words("teacher", 0) == ("c2", "s1") and data.words("plain", 0) == ()
    # A video without words has none, and a file that lacks many is refused.
    few = dataset(model=View((), "none", True, concepts=Shown({"one": ("c1",)}, 2, "modality"))).batch(
        [(0, [0]), (1, [0])]
    )
    assert few.views["model"].concepts is not None
    assert few.views["model"].concepts.lengths.tolist() == [1, 0]


def test_concept_words_of_a_file(tmp_path: Path) -> None:
    path, other = tmp_path / "found.json", tmp_path / "other.json"
    vocabulary = [{"word": word, "word_class": "noun"} for word in ("c1", "c2")]
    content = {
        "type": "video_concepts",
        "k": 2,
        "vocabulary": vocabulary,
        "concepts": {"one": [["c2", 0.9], ["c1", 0.3]]},
    }
    write_json(path, content)
    write_json(other, {**content, "concepts": {"two": [["c1", 0.6]]}})
    both = dataset(model=View((), "none", True, concepts=Shown((path, other), 2, "modality")))
    found = both.batch([(0, [0]), (1, [0])], with_targets=False).views["model"].concepts
    assert found is not None and texts(found) == ["c2 c1", "c1"]
    with pytest.raises(UserError, match=r"found\.json: no concept words of 1 of 2 videos \(two\).*detect them"):
        dataset(model=View((), "none", True, concepts=Shown((path,), 2, "modality")))
    with pytest.raises(UserError, match="video one is in another file too"):
        dataset(model=View((), "none", True, concepts=Shown((path, path), 2, "modality")))
    write_json(other, {**content, "concepts": {"two": [["c1", "high"]]}})
    with pytest.raises(UserError, match=r"other\.json: concepts\.two.*; expected concept words of videos"):
        dataset(model=View((), "none", True, concepts=Shown((path, other), 2, "modality")))
