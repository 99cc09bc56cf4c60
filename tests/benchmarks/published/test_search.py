"""Our search beside a made-up checkout's: both answer the same turns, and failures are told."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmarks.answering.bench import AnswerBench
from benchmarks.published import search
from benchmarks.published.port import MODULES, SEARCH_CHANGES, port, port_search
from benchmarks.shared.dialog_bench import Recipe
from pipeline.errors import UserError
from tests.benchmarks.published import stand_in

GENERATE = """
import six
def generate_response(model, data, batch_indices, vocab, maxlen=20, beam=5, penalty=2.0, nbest=1):
    assert not hasattr(model, 'eval') or model.training
    assert (maxlen, beam, penalty, nbest) == (30, 5, 1.0, 5)
    model.eval()
    found = []
    for number in six.moves.range(len(data['turns'])):
        assert batch_indices[number][1] == [number]
        words = ' '.join(['word'] * (number % 3 + 1))
\tfound.append({'dialog': [{'answer': words}]})
    model.train()
    return {'dialogs': found}
"""


def bench(folder: Path, **changes: object) -> AnswerBench:
    given = AnswerBench(
        device=torch.device("cpu"),
        threads=1,
        repeats=2,
        recipe=Recipe(quick=True),
        steps=2,
        dialogs=2,
        official=5,
        folder=folder,
    )
    return replace(given, **changes)  # type: ignore[arg-type]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = stand_in.write(tmp_path / "checkout")
    (folder / "code" / "avsd_generate.py").write_text(GENERATE)
    network = folder / "code" / "mmseq2seq_model.py"
    network.write_text(network.read_text() + "\ndef rows():\n    return list(six.moves.range(2))\n")
    return folder


def test_the_published_side_answers_the_same_turns(checkout: Path, tmp_path: Path) -> None:
    given = bench(tmp_path, published=checkout)
    natural, longest = search.measure(given)
    assert natural.goal is not None and natural.goal.limit == 60 and longest.goal is None
    for row in (natural, longest):
        assert row.reference is not None and row.reference > 0 and row.ours > 0
        assert row.note.startswith("20 turns, ")
        assert "published 1 to 3 words, median 2; ratio by the clock" in row.note
    assert "30 to 30 words, median 30; 31 of 31 steps" in longest.note


def test_without_a_checkout_ours_alone_is_measured(tmp_path: Path) -> None:
    for row in search.measure(bench(tmp_path)):
        assert row.reference is None and row.goal is None and row.ours > 0
        assert row.note.endswith("no checkout was given (--published)")


def test_a_published_side_that_fails_is_told_with_its_last_words(checkout: Path, tmp_path: Path) -> None:
    path = checkout / "code" / "avsd_generate.py"
    path.write_text(GENERATE.replace("model.eval()", "raise ValueError('no such thing')"))
    with pytest.raises(UserError) as caught:
        search.measure(bench(tmp_path, published=checkout))
    assert str(caught.value) == (
        "section baseline: the published search ended with status 1 (ValueError: no such thing); give another checkout "
        "of dialogtekgeek/AudioVisualSceneAwareDialog"
    )


def test_another_version_of_the_search_is_refused(checkout: Path, tmp_path: Path) -> None:
    folder = tmp_path / "ported"
    folder.mkdir()
    port(checkout, folder)
    port_search(checkout, folder)
    assert "six" not in "".join((folder / name).read_text() for name in (*MODULES, "avsd_generate.py"))
    # Already changed: nothing is left to change.
    with pytest.raises(UserError, match=rf"nothing to change for {SEARCH_CHANGES[1].why!r}.*check that version out$"):
        port_search(checkout, folder)
    (checkout / "code" / "avsd_generate.py").unlink()
    with pytest.raises(UserError, match=r"avsd_generate.py: cannot be read \(FileNotFoundError\); give --published"):
        port_search(checkout, folder)
    with pytest.raises(UserError, match="nowhere: no such folder; give --published a checkout"):
        search.lay_out(bench(tmp_path), tmp_path / "nowhere")
