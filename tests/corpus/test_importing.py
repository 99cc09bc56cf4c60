import itertools
import json
from pathlib import Path

import pytest

from pipeline.config import Corpus, Dialogs, load
from pipeline.corpus.dialogs import UNDISCLOSED, Dialog, Turn, read_dialogs, write_dialogs
from pipeline.corpus.importing import import_dialogs
from pipeline.corpus.references import read_references, write_references
from pipeline.corpus.statistics import print_statistics, statistics
from pipeline.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("training", "validation", "trial", "official")


def dialogs(prefix, count, last="yes , it is ."):
    turns = (Turn("is it ?", "no"), Turn("and now ?", last))
    return [Dialog(f"{prefix}{number}", "caption", "summary", turns) for number in range(count)]


@pytest.fixture
def files(tmp_path):
    """Training t0-t19; validation v0-v4 and trial r0-r2; official o0-o3 with two references each."""
    contents = {
        "training": dialogs("t", 20),
        "validation": dialogs("v", 5) + dialogs("r", 3),
        "trial": dialogs("r", 3),
        "official": dialogs("o", 4, UNDISCLOSED),
    }
    for name, content in contents.items():
        write_dialogs(tmp_path / f"{name}.json", content)
    write_references(tmp_path / "references.json", {(f"o{n}", 1): [f"x {n}", "y"] for n in (3, 2, 1, 0)})
    return {name: tmp_path / f"{name}.json" for name in (*contents, "references")}


def run(files, out, corpus=None):
    import_dialogs(Corpus(source="files", **(corpus or {})), Dialogs(**files), out)
    return {path.stem: {d.video_id for d in read_dialogs(path)} for path in out.glob("[!s]*.json")}


def report(out):
    return json.loads((out / "statistics.json").read_text())


def test_trial_videos_leave_validation_and_the_report_says_so(files, tmp_path, capsys):
    splits = run(files, tmp_path / "out")
    assert splits["validation"] == {f"v{n}" for n in range(5)}
    assert splits["training"] == {f"t{n}" for n in range(20)}
    found = report(tmp_path / "out")
    assert found["taken_out"]["trial_from_validation"] == 3
    assert found["keep_trial_in_validation"] is False
    # Each dialog: 2 pairs, "is it ? no and now ? yes , it is ." = 12 words.
    assert found["validation"] == {"dialogs": 5, "turns": 20, "words": 60}
    assert "3 videos of the trial test set taken out of validation" in capsys.readouterr().err


def test_trial_videos_stay_in_validation_on_request(files, tmp_path, capsys):
    splits = run(files, tmp_path / "out", {"keep_trial_in_validation": True})
    assert splits["validation"] == {f"v{n}" for n in range(5)} | {"r0", "r1", "r2"}
    assert report(tmp_path / "out")["keep_trial_in_validation"] is True
    assert "validation keeps 3 videos of the trial test set" in capsys.readouterr().err


@pytest.mark.parametrize("keep", [True, False])
def test_no_video_of_another_split_is_trained_on(files, tmp_path, capsys, keep):
    write_dialogs(files["training"], dialogs("t", 3) + dialogs("v", 2) + dialogs("r", 1) + dialogs("o", 4))
    splits = run(files, tmp_path / "out", {"keep_trial_in_validation": keep})
    assert splits["training"] == {"t0", "t1", "t2"}
    taken_out = report(tmp_path / "out")["taken_out"]
    assert (taken_out["test_from_training"], taken_out["validation_from_training"]) == (5, 2)
    printed = capsys.readouterr().err
    assert "5 videos of the test sets taken out of training" in printed
    assert "2 videos of validation taken out of training" in printed


def test_official_videos_leave_validation_even_when_trial_videos_stay(files, tmp_path):
    write_dialogs(files["validation"], dialogs("v", 2) + dialogs("o", 1) + dialogs("r", 1))
    splits = run(files, tmp_path / "out", {"keep_trial_in_validation": True})
    assert splits["validation"] == {"v0", "v1", "r0"}
    assert report(tmp_path / "out")["taken_out"]["official_from_validation"] == 1
    run(files, tmp_path / "without")
    taken_out = report(tmp_path / "without")["taken_out"]
    assert (taken_out["trial_from_validation"], taken_out["official_from_validation"]) == (1, 1)


def test_a_share_is_held_out_by_id_whatever_the_order(files, tmp_path):
    del files["validation"]
    first = run(files, tmp_path / "a", {"holdout": 0.25})
    write_dialogs(files["training"], dialogs("t", 20)[::-1])
    second = run(files, tmp_path / "b", {"holdout": 0.25})
    assert first == second
    assert len(first["validation"]) == 5
    assert first["training"] == {f"t{n}" for n in range(20)} - first["validation"]
    assert report(tmp_path / "a")["taken_out"]["held_out"] == 5
    # One at least: without validation no epoch could be kept.
    assert len(run(files, tmp_path / "c", {"holdout": 0.01})["validation"]) == 1


def test_the_limit_keeps_the_first_dialogs_after_the_holdout(files, tmp_path):
    del files["validation"]
    whole = run(files, tmp_path / "whole")
    cut = run(files, tmp_path / "cut", {"limit": 4})
    assert cut["validation"] == whole["validation"]
    rest = [f"t{n}" for n in range(20) if f"t{n}" not in whole["validation"]]
    assert [d.video_id for d in read_dialogs(tmp_path / "cut" / "training.json")] == rest[:4]
    assert report(tmp_path / "cut")["limit"] == 4
    assert report(tmp_path / "cut")["taken_out"]["over_limit"] == len(rest) - 4


def test_a_smaller_fraction_is_part_of_a_larger_one_and_validates_on_the_same(files, tmp_path):
    del files["validation"]
    found = [run(files, tmp_path / f"{part}", {"training_fraction": part}) for part in (0.25, 0.5, 1.0)]
    quarter, half, whole = (splits["training"] for splits in found)
    assert (len(quarter), len(half), len(whole)) == (4, 9, 18)  # of the 18 that are not held out
    assert quarter < half < whole
    assert found[0]["validation"] == found[1]["validation"] == found[2]["validation"]
    assert report(tmp_path / "0.25")["taken_out"]["over_fraction"] == 14
    write_dialogs(files["training"], dialogs("t", 20)[::-1])
    assert run(files, tmp_path / "turned", {"training_fraction": 0.25})["training"] == quarter


def test_nothing_that_is_tested_on_is_learned_from_in_the_reduced_experiment(shared, tmp_path):
    """On the real files: the trial set, all its 733 videos, is part of what the training dialogs are taken from."""
    sources = [str(ROOT / "config.yaml"), str(ROOT / "configs" / "avsd-reduced.yaml")]
    config = load([*sources, json.dumps({"data": str(shared / "data" / "avsd")})])
    import_dialogs(config.corpus, config.dialogs, tmp_path)
    splits = {split: {d.video_id for d in read_dialogs(tmp_path / f"{split}.json")} for split in PARTS}
    assert {split: len(ids) for split, ids in splits.items()} == {
        "training": 951,
        "validation": 106,
        "trial": 730,
        "official": 1710,
    }
    for one, other in itertools.combinations(PARTS, 2):
        assert not splits[one] & splits[other], (one, other)
    trial = set(json.loads((shared / "data" / "avsd" / "trial_test_733_ids.json").read_text()))
    assert len(trial) == 733
    assert not trial & (splits["training"] | splits["validation"])


def test_references_are_every_trial_turn_and_the_last_official_turns(files, tmp_path):
    run(files, tmp_path / "out")
    trial = read_references(tmp_path / "out" / "references" / "trial.json")
    assert trial == {(f"r{d}", n): [["no"], ["yes , it is ."]][n] for d in range(3) for n in range(2)}
    official = read_references(tmp_path / "out" / "references" / "official.json")
    assert official == {(f"o{n}", 1): [f"x {n}", "y"] for n in range(4)}
    assert list(official) == [(f"o{n}", 1) for n in range(4)]


def test_missing_references_are_counted_and_named(files, tmp_path):
    write_references(files["references"], {("o0", 0): ["x"], ("o1", 1): ["x"], ("o3", 1): ["x"]})
    with pytest.raises(UserError, match=r"references.json: 2 of 4 last turns .*\(o0_1, o2_1"):
        run(files, tmp_path / "out")


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        (["training"], "dialogs.training: not set"),
        (["references"], "dialogs.references: not set"),
    ],
)
def test_a_missing_setting_is_named(files, tmp_path, missing, message):
    for key in missing:
        del files[key]
    with pytest.raises(UserError, match=message):
        run(files, tmp_path / "out")


def test_without_a_test_set_there_is_only_something_to_learn_from(files, tmp_path):
    for key in ("trial", "official", "references"):
        del files[key]
    assert set(run(files, tmp_path / "out")) == {"training", "validation"}
    assert not (tmp_path / "out" / "references").exists()


def test_a_single_test_set_is_enough(files, tmp_path):
    del files["official"], files["references"]
    assert set(run(files, tmp_path / "out")) == {"training", "validation", "trial"}
    assert not (tmp_path / "out" / "references" / "official.json").exists()


@pytest.mark.parametrize("split", ["training", "validation", "trial"])
def test_withheld_answers_are_refused_outside_the_official_set(files, tmp_path, split):
    write_dialogs(files[split], dialogs("z", 2, UNDISCLOSED))
    with pytest.raises(UserError, match=rf"{split}.json: dialog z0: its last answer"):
        run(files, tmp_path / "out")


@pytest.mark.parametrize(
    ("split", "left"), [("training", "no training dialog"), ("validation", "no validation dialog")]
)
def test_a_split_of_test_videos_only_is_refused(files, tmp_path, split, left):
    write_dialogs(files[split], dialogs("r", 3))
    with pytest.raises(UserError, match=rf"{split}.json: {left} is left \(taken out: "):
        run(files, tmp_path / "out")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("valid_set4DSTC7-AVSD.json", {"dialogs": 1787, "turns": 35740, "words": 339006}),
        ("test_set4DSTC7-AVSD.json", {"dialogs": 1710, "turns": 13490, "words": 110252}),
    ],
)
def test_counts_are_those_of_table_1(shared, name, expected):
    assert statistics(read_dialogs(shared / "data" / "avsd" / name)) == expected


def test_statistics_are_printed(files, capsys):
    print_statistics([files["training"], files["official"]])
    printed = capsys.readouterr().out
    # 20 x 12 words; the official dialogs' withheld answers count as a word: 4 x 7.
    assert [line.split()[1::2] for line in printed.splitlines() if "│" in line] == [
        ["training.json", "20", "80", "240"],
        ["official.json", "4", "16", "32"],
    ]


def test_real_dialogs_validation_as_training(shared, tmp_path):
    folder = shared / "data" / "avsd"
    files = {
        "training": folder / "valid_set4DSTC7-AVSD.json",
        "trial": folder / "trial_test_rebuilt_730.json",
        "official": folder / "test_set4DSTC7-AVSD.json",
        "references": folder / "test_set4DSTC7-AVSD_multiref.json",
    }
    splits = run(files, tmp_path / "out")
    trial = set(json.loads((folder / "trial_test_733_ids.json").read_text()))
    assert {name: len(ids) for name, ids in splits.items()} == {
        "training": 951, "validation": 106, "trial": 730, "official": 1710,
    }  # fmt: skip
    assert not (splits["training"] | splits["validation"]) & (trial | splits["official"])
    assert not splits["training"] & splits["validation"]


def test_statistics_of_last_turns_with_several_answers(tmp_path, capsys):
    """DSTC10's layout: the six answer one question; words by hand: 3 + 2, and twice 2 + (1 + 2 + ... + 6)."""
    last = {"question": "and then", "answer": [" ".join("w" * count) for count in range(1, 7)]}
    dialogs = [
        {"image_id": "a", "dialog": [{"question": "who is it", "answer": "__UNDISCLOSED__ ."}, last]},
        {"image_id": "b", "dialog": [last]},
    ]
    path = tmp_path / "dstc10.json"
    path.write_text(json.dumps({"dialogs": dialogs}))
    print_statistics([path])
    line = capsys.readouterr().out.splitlines()[-2]
    assert [cell.strip() for cell in line.strip("│").split("│")] == ["dstc10.json", "2", "6", "51"]
