"""The page of real dialogs: which runs there are, what is read of them, and the line over the number of dialogs."""

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Barrier, Event, Timer

import numpy as np
import pytest

from benchmarks.real import curve, epochs, found, noise, order, question, record, runs, together
from benchmarks.real.__main__ import all_runs, keep, main
from benchmarks.real.record import Record, packed, unpacked
from pipeline import versions
from pipeline.config.dependence import sizes_values, training_values
from pipeline.corpus.dialogs import Dialog, Turn, read_dialogs, write_dialogs
from pipeline.corpus.importing import import_dialogs
from pipeline.corpus.references import write_references
from pipeline.errors import UserError
from pipeline.files import write_json, write_text
from pipeline.layout import Layout
from pipeline.plan import Plan
from pipeline.scoring.metrics import METRICS
from pipeline.training.train import train
from pipeline.vocabulary.words import build

FILES = {
    "valid_set4DSTC7-AVSD.json": "t",
    "trial_test_rebuilt_730.json": "r",
    "test_set4DSTC7-AVSD.json": "o",
}


EPOCH = epochs.Epoch(1, (20.0, 19.0), (0.6, 0.61), (0.7, 0.71))


def dialogs(prefix: str, count: int) -> list[Dialog]:
    turns = [(Turn("is it red ?", "no it is blue"), Turn("and now ?", "yes it is red")) for _ in range(count)]
    return [Dialog(f"{prefix}{n}", "a script", "it is red or blue", turns[n]) for n in range(count)]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    for name, prefix in FILES.items():
        write_dialogs(folder / name, dialogs(prefix, 20 if prefix == "t" else 3))
    write_references(folder / "test_set4DSTC7-AVSD_multiref.json", {(f"o{n}", 1): ["yes", "it is"] for n in range(3)})
    return folder


@pytest.fixture
def whole(data: Path, tmp_path: Path) -> runs.Run:
    return runs.experiment(data, tmp_path / "results")


def test_a_missing_file_is_named(data: Path, tmp_path: Path) -> None:
    (data / "test_set4DSTC7-AVSD.json").unlink()
    with pytest.raises(UserError, match=r"test_set4DSTC7-AVSD.json: no such file"):
        runs.experiment(data, tmp_path)


def written(whole: runs.Run) -> Path:
    """The experiment's canonical dialogs, which trials read."""
    corpus = Layout(whole.results).corpus
    for split in ("training", "validation"):
        write_dialogs(corpus / f"{split}.json", dialogs(split, 3))
    return corpus


def test_every_run_can_be_planned(whole: runs.Run) -> None:
    corpus = written(whole)
    trained = {run.name: Plan(run.config).trained for _, run in runs.fractions(whole)}
    assert set(trained) == {"0.125", "0.25", "0.5"}
    assert all(systems == ["ours_man_man", "ours_none_none", "st"] for systems in trained.values())
    assert len(Plan(whole.config).trained) == 2 + 5 * 3
    for run in runs.trials(whole):
        plan = Plan(run.config)
        assert (plan.trained, plan.test_sets) == (["ours_none_none"], ["trial"])
        # Judged on the held-out tenth alone: no test set is anywhere in it.
        read = {path.resolve() for path in plan.dialog_files().values()}
        assert read == {(corpus / f"{split}.json").resolve() for split in ("training", "validation")}


def test_all_seeds_learn_longer_and_nothing_else_is_other(whole: runs.Run) -> None:
    plan, plain = Plan(runs.longer(whole).config), Plan(whole.config)
    several = ("ours_man_man", "ours_none_none", "st", "jst")
    names = ["baseline", "best", *(f"{name}{seed}" for name in several for seed in ("", "_s2", "_s3"))]
    assert sorted(plan.trained) == sorted(names)
    assert plan.test_sets == plain.test_sets == ["trial", "official"]
    for name in names:
        assert plan.training_settings(name) == plain.training_settings(name).replace('"epochs":10', '"epochs":20')
        assert plan.answer_settings(name) == plain.answer_settings(name)


def rows_of(text: str) -> list[list[str]]:
    return [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]


def test_what_learned_longer_stands_beside_the_rest(whole: runs.Run, data: Path, tmp_path: Path) -> None:
    long = runs.longer(whole)
    for name, about in {"ours_man_man": 0.7, "ours_man_man_s2": 0.74, "st": 0.5, "jst": 0.6}.items():
        scored(whole, name, "official", about)
        scored(long, name, "official", about + 0.2)
    # A seed that has not learned longer yet makes no difference to the others.
    scored(whole, "ours_man_man_s3", "official", 0.1)
    shares = dict(runs.fractions(whole))
    for share, run in shares.items():
        scored(run, "st", "official", 0.4)
        write_json(Layout(run.results).corpus / "statistics.json", {"training": {"dialogs": round(800 * share)}})
    for run in (whole, long):
        write_json(Layout(run.results).corpus / "statistics.json", {"training": {"dialogs": 800}})
    page = tmp_path / "docs" / "results.md"
    assert main(["--data", str(data), "--results", str(whole.results), "--page", str(page), "--page-only"]) == 0
    tables, half = page.read_text(encoding="utf-8").split("## All seeds at once")[0].split("## With half the epochs")
    assert "\n20 epochs, teachers and students alike" in tables and "The systems with 10 epochs" in half
    cells, above = ({row[0]: row[1:] for row in rows_of(text)} for text in (half, tables))
    one, other = (level(long, name, "official") for name in ("ours_man_man", "ours_man_man_s2"))
    figure = f"{(one + other) / 2:.3f} ±{abs(one - other) / 2**0.5:.3f}"
    assert cells["Our system (`ours_man_man`)"][:4] == ["2", "", figure, "+0.200"]
    assert cells["Student-teacher L_ST (`st`)"][0] == "1" and "±" not in cells["Student-teacher L_ST (`st`)"][2]
    # Each has the paper's tables and order: first those of what learned longer, of its own seeds.
    for text, seeds in ((tables, 2), (half, 3)):
        assert text.count(f"| Our system | man. | man. | this run, {seeds} seeds |") == 1
    assert above["`ours_man_man` − `jst`"][0] == "2, 1" and cells["`ours_man_man` − `jst`"][0] == "3, 1"
    assert above["`ours_man_man` − `jst`"][-1].strip() in (order.HOLDS, order.LIKELY)
    # Curves end with what learned as long as shares may.
    points = page.read_text(encoding="utf-8").split("## Over the number of dialogs")[1]
    row = next(line for line in points.splitlines() if line.startswith("| Student-teacher L_ST (`st`)"))
    assert float(row.split(" | ")[4]) == pytest.approx(level(long, "st", "official"), abs=0.0006)


def test_what_the_trials_chose_is_one_of_them(whole: runs.Run) -> None:
    """The experiment has one tied embedding; without it is a trial, the paper's network."""
    written(whole)
    paper = next(run for run in runs.trials(whole) if run.name == "nothing tied, as in the paper")
    for run, tied in ((whole, True), (paper, False)):
        sizes = sizes_values(run.config, runs.PLAIN)
        assert (sizes["tie_weights"], sizes["share_embeddings"]) == (tied, tied)


def test_students_learn_in_other_ways_from_one_teacher(whole: runs.Run) -> None:
    corpus = written(whole)
    plan = Plan(runs.student_trials(whole).config)
    assert set(plan.trained) == {"ours_man_man", runs.LONGER, "ours_none_none", *runs.STUDENT_TRIALS}
    # As long as the teacher of L_JST: the epochs it comes with, and those it learns beside its student.
    joint = plan.config.training_of("jst").epochs + plan.config.training_of("ours_man_man").epochs
    assert plan.config.training_of(runs.LONGER).epochs == joint == 20
    assert plan.config.systems["st_longer"].teacher == runs.LONGER
    assert plan.test_sets == ["trial"]
    read = {path.resolve() for path in plan.dialog_files().values()}
    assert read == {(corpus / f"{split}.json").resolve() for split in ("training", "validation")}
    settings = {name: plan.training_settings(name).replace(f'"{name}"', '"st"') for name in runs.STUDENT_TRIALS}
    assert len(set(settings.values())) == len(settings)


def test_trials_differ_in_what_they_say(whole: runs.Run) -> None:
    written(whole)
    settings = {run.name: Plan(run.config) for run in runs.trials(whole)}
    plain = settings.pop("as it is")
    for plan in settings.values():
        name = runs.PLAIN
        same = plan.training_settings(name) == plain.training_settings(name)
        assert not same or plan.answer_settings(name) != plain.answer_settings(name)


def scored(whole: runs.Run, name: str, test_set: str, level: float, of: Path | None = None) -> None:
    """A file of scores. of: the references that it says it was made with."""
    layout = Layout(whole.results)
    path = layout.scores(name, test_set)
    generator = np.random.default_rng(len(name) + len(test_set))
    values = level + generator.normal(0, 0.1, size=60)
    items = {f"v{n}_0": dict.fromkeys(METRICS, float(value)) for n, value in enumerate(values)}
    metrics = dict.fromkeys(METRICS, float(values.mean()))
    signature: dict[str, object] = {
        "filter": "dstc7",
        "filtered": "hypotheses",
        "references": "6",
        "items": 60,
        "missing": 0,
    }
    if of is not None:
        signature["references_sha256"] = hashlib.sha256(of.read_bytes()).hexdigest()
    content = {"metrics": metrics, "intervals": {}, "against": None, "grounded": None, "signature": signature}
    write_json(path, {**content, "items": items})
    write_text(layout.finished(path), "")


def level(run: runs.Run, name: str, test_set: str) -> float:
    """The CIDEr of a file of scores."""
    content = json.loads(Layout(run.results).scores(name, test_set).read_text(encoding="utf-8"))
    return float(content["metrics"]["CIDEr"])


def test_the_page_says_what_it_rests_on(whole: runs.Run, data: Path, tmp_path: Path) -> None:
    levels = {"ours_man_man": 0.9, "ours_man_man_s2": 0.92, "ours_none_none": 0.6, "ours_man_none": 0.6}
    for name, level in levels.items():
        scored(whole, name, "official", level)
    page = tmp_path / "docs" / "results.md"
    arguments = ["--data", str(data), "--results", str(whole.results), "--page", str(page), "--page-only"]
    assert main(arguments) == 0
    text = page.read_text(encoding="utf-8")
    assert text.splitlines()[0].startswith("Learned from ? dialogs, where the paper has 7,659, and without any video")
    assert "Not all of it has run." in text
    missing = next(line for line in text.splitlines() if line.startswith("* all dialogs: "))
    assert "`ours_man_man` on trial, `ours_man_man_s2` on trial, `ours_man_man_s3`, " in missing
    step = next(line for line in text.splitlines() if line.startswith("| `ours_man_man` − `ours_none_none`"))
    assert step.endswith("| +0.152 | holds |")  # the paper's 1.118 less .966
    assert "| 2, 1 |" in step
    assert "* as it is: `ours_none_none` on the held-out tenth" in text
    assert "`valid_set4DSTC7-AVSD.json`, `trial_test_rebuilt_730.json`" in text
    # Recorded is recorded: the page is the same from the record alone.
    kept = tmp_path / "kept"
    shutil.copytree(whole.results / "record", kept)
    shutil.rmtree(whole.results)
    assert main([*arguments, "--record", str(kept)]) == 0
    assert page.read_text(encoding="utf-8") == text


def test_an_unfinished_score_is_none(whole: runs.Run, tmp_path: Path) -> None:
    """The file of an earlier run is still there while its job makes it again."""
    layout = Layout(whole.results)
    for name in ("st", "jst"):
        scored(whole, name, "official", 0.5)
    layout.finished(layout.scores("st", "official")).unlink()
    kept = Record(tmp_path / "record")
    keep(whole, kept)
    assert kept.read(whole, "jst") is not None
    assert kept.read(whole, "st") is None
    assert kept.lacking(whole)["jst"] == ["trial"]
    assert kept.lacking(whole)["st"] == ["trial", "official"]


def test_a_folder_made_with_other_settings_is_not_recorded(whole: runs.Run, tmp_path: Path) -> None:
    """Scores of an earlier configuration, before its jobs have run again: the teacher's settings count as well."""
    kept, layout = Record(tmp_path / "record"), Layout(whole.results)
    scored(whole, "st", "official", 0.5)
    now: dict[str, dict[str, object]] = {
        "versions": {},
        "training": training_values(whole.config, "ours_man_man"),
        "sizes": sizes_values(whole.config, "ours_man_man"),
    }
    info = layout.model("ours_man_man") / "system.json"
    write_json(info, {**now, "sizes": {**now["sizes"], "tie_weights": False}})
    keep(whole, kept)
    assert kept.read(whole, "st") is None
    write_json(info, now)
    keep(whole, kept)
    assert kept.read(whole, "st") is not None


@pytest.mark.parametrize(
    ("part", "key", "other"),
    [
        ("answers", "bonus", 0.5),
        ("answers", "beam", 1),
        ("sees", "description", "summary"),
        ("answers", "batch_turns", 1),
    ],
)
def test_answers_of_other_settings_are_not_recorded(
    whole: runs.Run, tmp_path: Path, part: str, key: str, other: object
) -> None:
    """Models are the same; how was searched and what was read need not be."""
    kept, layout = Record(tmp_path / "record"), Layout(whole.results)
    made_by = {"answers": whole.config.answers_of("st").model_dump(mode="json"), "sees": {"description": "none"}}
    scored(whole, "st", "official", 0.5)
    write_json(layout.answers("st", "official"), {"system": made_by | {part: made_by[part] | {key: other}}})
    keep(whole, kept)
    assert (kept.read(whole, "st") is not None) is (key == "batch_turns")
    write_json(layout.answers("st", "official"), {"system": made_by})
    keep(whole, kept)
    assert kept.read(whole, "st") is not None


@pytest.mark.parametrize(("key", "other"), [("filter", "none"), ("bootstrap", 10)])
def test_scores_of_other_settings_are_not_recorded(whole: runs.Run, tmp_path: Path, key: str, other: object) -> None:
    kept, path = Record(tmp_path / "record"), Layout(whole.results).scores("st", "official")
    scored(whole, "st", "official", 0.5)
    content = json.loads(path.read_text(encoding="utf-8"))
    write_json(path, {**content, "signature": {**content["signature"], key: other}})
    keep(whole, kept)
    assert kept.read(whole, "st") is None


def test_what_is_recorded_is_not_run_again(
    whole: runs.Run, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Record(tmp_path / "record")
    for name, test_set in whole.answered():
        if (name, test_set) != ("st_s2", "trial"):
            scored(whole, name, test_set, 0.5)
    for run in all_runs(whole)[1:]:
        for name, test_set in run.answered():
            scored(run, name, test_set, 0.5)
    keep(whole, kept)
    epochs.write(kept.noise, record.settings(whole.config, runs.NOTED), [EPOCH])
    shutil.rmtree(whole.results)
    asked: list[tuple[str, str, list[str] | None]] = []

    def go(run: runs.Run, cores: str, target: str = "scores", systems: list[str] | None = None, **_: object) -> bool:
        asked.append((run.name, target, systems))
        return True

    monkeypatch.setattr(runs.Run, "go", go)
    arguments = ["--data", str(data), "--results", str(whole.results), "--record", str(kept.folder)]
    arguments += ["--page", str(tmp_path / "results.md")]
    assert main(arguments) == 0
    assert asked == [("all", "vocabulary", None), ("all", "scores", ["st_s2"])]
    scored(whole, "st_s2", "trial", 0.5)
    asked.clear()
    assert main(arguments) == 0
    assert asked == []
    assert "All runs are finished." in (tmp_path / "results.md").read_text(encoding="utf-8")
    # What learns for longer fills a machine as the experiment does, and is not one of those side by side.
    kept.path(runs.longer(whole), "jst_s3").unlink()
    assert main(arguments) == 0
    assert asked == [("all", "vocabulary", None), ("all, 20 epochs", "scores", ["jst_s3"])]


def test_a_part_can_be_run(
    whole: runs.Run, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = Record(tmp_path / "record")
    for run in (runs.longer(whole), *(run for _, run in runs.fractions(whole))):
        scored(run, "st", "official", 0.5)
        scored(run, "st", "trial", 0.5)
    scored(whole, "best", "trial", 0.5)
    asked: list[tuple[str, list[str] | None]] = []

    def go(run: runs.Run, cores: str, target: str = "scores", systems: list[str] | None = None, **_: object) -> bool:
        asked.append((run.name, systems))
        return True

    monkeypatch.setattr(runs.Run, "go", go)
    monkeypatch.setattr(noise, "task", lambda _: together.Task("noise", tmp_path, lambda cores: go(whole, cores)))
    monkeypatch.setattr(together, "hand_over", lambda *_: [])
    arguments = ["--data", str(data), "--results", str(whole.results), "--record", str(kept.folder)]
    arguments += ["--page", str(tmp_path / "results.md"), "--cores", "1", "--only"]
    words = ("all", None)
    # A system that is scored already is not asked for, one of which a test set is lacking is.
    assert main([*arguments, "all_20_epochs/st", "all_20_epochs/jst_s2", "all/best"]) == 0
    assert asked == [words, ("all", ["best"]), ("all, 20 epochs", ["jst_s2"])]
    asked.clear()
    assert main([*arguments, "0.5", "0.25/ours_none_none", "0.5/st"]) == 0
    assert asked == [words, ("0.5", ["ours_man_man", "ours_none_none"]), ("0.25", ["ours_none_none"])]
    asked.clear()
    assert main([*arguments, "all_20_epochs/st"]) == 0
    assert asked == []
    assert main([*arguments, "noise"]) == 0
    assert asked == [words, ("all", None)]
    capsys.readouterr()
    for name, said in (
        (
            "all, 20 epochs",
            "error: --only all, 20 epochs: there is no such run, expected one of all, all_20_epochs, 0.125",
        ),
        (
            "students/jst_s2",
            "error: --only students/jst_s2: students has no such system, expected one of jst, jst_scratch",
        ),
        ("noise/st", "error: --only noise/st: noise has no such system\n"),
    ):
        assert main([*arguments, name]) == 1
        assert capsys.readouterr().err.startswith(said)


def test_an_entry_counts_with_its_settings_alone(
    whole: runs.Run, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Record(tmp_path / "record")
    scored(whole, "st", "official", 0.5)
    keep(whole, kept)
    other = {"data": str(data), "networks": {"attention": {"dropout": 0.3}}}
    changed = runs.Run("all", whole.results, other)
    assert kept.read(changed, "st") is None
    others = kept.stale(changed, "st")
    assert "training.st.systems.st.sizes.dropout was 0.5, is 0.3" in others
    assert kept.stale(whole, "st") == []
    # A student is another one when its teacher has learned otherwise.
    taught = {"data": str(data), "systems": {"ours_man_man": {"training": {"epochs": 3}}}}
    assert kept.read(runs.Run("all", whole.results, taught), "st") is None
    assert "st" in kept.lacking(changed)
    # Corpus, words and the versions of stages are among the settings.
    for other in ({"vocabulary": {"min_count": 7}}, {"corpus": {"holdout": 0.4}}, {"corpus": {"limit": 50}}):
        assert kept.read(runs.Run("all", whole.results, {"data": str(data), **other}), "st") is None
    for stage in record.STAGES_READ:
        with monkeypatch.context() as patched:
            patched.setitem(versions.STAGES, stage, versions.STAGES[stage] + 1)
            assert kept.stale(whole, "st") == [
                f"stages.{stage} was {versions.STAGES[stage] - 1}, is {versions.STAGES[stage]}"
            ]
    # Where things are is no setting.
    assert kept.read(runs.Run("all", tmp_path / "elsewhere", {"data": str(data)}), "st") == kept.read(whole, "st")


def test_an_entry_counts_with_its_dialogs_alone(
    whole: runs.Run, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file of the same name with other dialogs: what was scored on the old one is made again, not mixed in."""
    kept, layout = Record(tmp_path / "record"), Layout(whole.results)
    made(whole, dialogs("t", 20))
    scored(whole, "st", "trial", 0.5, of=layout.references("trial"))
    keep(whole, kept)
    assert kept.lacking(whole)["st"] == ["official"]
    write_dialogs(data / "trial_test_rebuilt_730.json", dialogs("r", 2))
    made(whole, dialogs("t", 20))
    assert kept.stale(whole, "st") == [f"trial was scored with other references than {layout.references('trial')} has"]
    assert kept.lacking(whole)["st"] == ["trial", "official"]
    write_dialogs(data / "trial_test_rebuilt_730.json", dialogs("r", 3))
    write_dialogs(data / "valid_set4DSTC7-AVSD.json", dialogs("t", 30))
    made(whole, dialogs("t", 30))
    assert kept.stale(whole, "st") == ["learned from 18 dialogs, there are 27"]
    # No results folder is at hand, and two entries of the record are of different answers.
    shutil.rmtree(whole.results)
    entry = json.loads(kept.path(whole, "st").read_text())
    for name, answers in (("st", "aaaa"), ("ours_none_none", "bbbb")):
        entry["settings"] = record.settings(whole.config, name)
        entry["scores"]["trial"]["answers"]["of"] = answers
        write_json(kept.path(whole, name), entry)
    arguments = ["--data", str(data), "--results", str(whole.results), "--record", str(kept.folder), "--page-only"]
    assert main([*arguments, "--page", str(tmp_path / "results.md")]) == 1
    assert "st and ours_none_none, trial: seeds with other items" in capsys.readouterr().err


def test_a_folder_of_other_dialogs_or_stages_is_not_recorded(
    whole: runs.Run, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scores of an earlier configuration, before its jobs have run again."""
    made(whole, dialogs("t", 20))
    scored(whole, "st", "official", 0.5)
    layout, stages = Layout(whole.results), versions.STAGES
    trained = {"training": training_values(whole.config, "st"), "sizes": sizes_values(whole.config, "st")}
    write_json(layout.model("st") / "system.json", {"versions": {"training_stage": stages["training"]}, **trained})
    searched = {"answers": whole.config.answers_of("st").model_dump(mode="json"), "sees": {"description": "none"}}
    write_json(layout.answers("st", "official"), {"system": {"stage": stages["answers"], **searched}})
    for other in ({"corpus": {"training_fraction": 0.5}}, {"corpus": {"limit": 3}}, {"vocabulary": {"min_count": 7}}):
        kept, changed = Record(tmp_path / "other"), runs.Run("all", whole.results, {"data": str(data), **other})
        keep(changed, kept)
        assert kept.read(changed, "st") is None
    for stage, recorded in (("training", False), ("answers", False), ("report", True)):
        with monkeypatch.context() as patched:
            patched.setitem(versions.STAGES, stage, versions.STAGES[stage] + 1)
            kept = Record(tmp_path / stage)
            keep(whole, kept)
            assert (kept.read(whole, "st") is not None) is recorded


def test_settings_of_all_members_count(whole: runs.Run) -> None:
    """What is answered with all seeds is another thing with one more; a seed alone is what it was."""
    changed = runs.Run("all", whole.results, {"systems": {"st": {"seeds": 4}}})
    for name, same in (("all_st", False), ("st_s2", True), ("st", True), ("all_jst", True)):
        assert (record.settings(whole.config, name) == record.settings(changed.config, name)) is same


def test_packed_answers_are_the_same_to_four_places() -> None:
    generator = np.random.default_rng(1)
    # Turns above nine, names with the mark that stands before the turn, more than 3 to the answer.
    keys = [f"{video}_{turn}" for video in ("b", "a_1", "a") for turn in range(12)]
    items = {key: {"CIDEr": float(generator.uniform(0, 10)), "BLEU-4": 0.0} for key in keys}
    answers = packed(items)
    assert answers["turns"] == [(12, 3)]
    found = unpacked(answers, Path("x.json"))
    expected = [items[f"{video}_{turn}"]["CIDEr"] for video in ("a", "a_1", "b") for turn in range(12)]
    assert list(found.values()) == pytest.approx(expected, abs=0.5001 / record.PER_UNIT)
    # The same answers have the same names, other answers other ones.
    assert unpacked(packed(dict(reversed(items.items()))), Path("x.json")) == found
    items.pop("a_3")
    assert found.keys().isdisjoint(unpacked(packed(items), Path("x.json")))


@pytest.mark.parametrize("values", ["", "no base64!", "AAAA", "eJwDAAAAAAE="])
def test_damaged_values_are_one_line(values: str) -> None:
    answers = {**packed({"v_0": {"CIDEr": 1.0}}), "values": values}
    with pytest.raises(UserError, match=r"^x.json: .*delete the file, and run again$"):
        unpacked(answers, Path("x.json"))  # type: ignore[arg-type]


def test_a_damaged_entry_is_one_line(whole: runs.Run, tmp_path: Path) -> None:
    kept = Record(tmp_path)
    write_json(kept.path(whole, "st"), {"settings": record.settings(whole.config, "st"), "scores": []})
    with pytest.raises(UserError, match=r"st.json: .*delete it, and run again"):
        kept.read(whole, "st")


def test_steps_are_the_papers(whole: runs.Run) -> None:
    """Table 3 by CIDEr: man./man. 1.118, best 1.094, L_JST 1.005, L_ST .995, -/- .966, baseline .733."""
    levels = {"baseline": 0.2, "st": 0.5, "best": 0.9, "ours_none_none": 0.6, "ours_man_none": 0.6, "ours_man_man": 0.8}
    for name, level in levels.items():
        scored(whole, name, "official", level)
    kept = Record(whole.results / "record")
    keep(whole, kept)
    made = {(step.better, step.worse): step for step in order.steps(found.gather(whole, kept), "official")}
    assert list(made) == [
        ("ours_man_man", "best"),
        ("best", "st"),
        ("st", "ours_none_none"),
        ("ours_none_none", "baseline"),
        ("ours_man_man", "ours_none_none"),
        ("ours_none_none", "ours_man_none"),
    ]
    verdicts = [step.verdict for step in made.values()]
    assert verdicts == [order.REVERSED, order.HOLDS, order.REVERSED, order.HOLDS, order.HOLDS, order.CHANCE]
    assert made["ours_man_man", "best"].paper == pytest.approx(1.118 - 1.094)
    # The paper has no man./- on the official set.
    assert made["ours_none_none", "ours_man_none"].paper is None


def test_one_lucky_seed_decides_nothing() -> None:
    """Sure of these networks (p), but not that other seeds would come out alike."""
    sure = order.Pooled(0.1, 0.0001, 0.02, 0.18, (3, 3), (0.1, 0.1, 0.1))
    for paper, known, unsure in ((0.1, order.HOLDS, order.LIKELY), (None, order.DIFFERS, order.CHANCE)):
        assert order.Step("a", "b", sure, paper).verdict == known
        assert order.Step("a", "b", replace(sure, low=-0.02), paper).verdict == unsure
        assert order.Step("a", "b", replace(sure, p=0.2), paper).verdict == unsure
    assert order.Step("a", "b", replace(sure, difference=-0.1, low=-0.18, high=0.02), 0.1).verdict == order.OPPOSITE
    assert order.Step("a", "b", replace(sure, difference=-0.1, low=-0.18, high=-0.02), 0.1).verdict == order.REVERSED
    # What is printed as nothing has no direction.
    assert order.Step("a", "b", replace(sure, difference=-0.0003, low=-0.02, p=0.9), 0.1).verdict == order.CHANCE


def test_the_question_stands_first_in_one_table(whole: runs.Run, data: Path, tmp_path: Path) -> None:
    long = runs.longer(whole)
    for name, about in {"ours_man_man": 0.9, "ours_none_none": 0.5, "st": 0.5, "jst": 0.7}.items():
        scored(whole, name, "official", about)
        scored(long, name, "official", about + (name == "st") * 0.1)
    scored(whole, "ours_man_man", "trial", 0.9)
    page = tmp_path / "docs" / "results.md"
    assert main(["--data", str(data), "--results", str(whole.results), "--page", str(page), "--page-only"]) == 0
    text = page.read_text(encoding="utf-8")
    section = text.split("## The question\n")[1].split("\n## ")[0]
    assert text.index("## The question") < text.index("**Table 3.**")
    title, _, *rows = [line[1:-1].split("|") for line in section.splitlines() if line.startswith("|")]
    assert [each.strip() for each in title[-6:]] == [
        "official, 10 epochs",
        "official, 20 epochs",
        "paper",
        "trial, 10 epochs",
        "trial, 20 epochs",
        "paper",
    ]
    made = {row[1].strip(): [cell.strip() for cell in row[2:]] for row in rows}
    difference = level(whole, "ours_man_man", "official") - level(whole, "ours_none_none", "official")
    # The paper's 1.118 less .966; nothing of the trial set, where one system alone is scored.
    assert made["`ours_man_man` − `ours_none_none`"] == [rf"+{difference:.3f}\* (1)"] * 2 + ["+0.152", "", "", ""]
    # Ten epochs leave nothing to tell apart, twenty 0.1 of deviation 0.1 in 60 answers.
    ten, twenty, paper, *_ = made["`st` − `ours_none_none`"]
    assert "*" not in ten and twenty.startswith("+0.") and twenty.endswith(r"\* (1)") and paper == "+0.029"
    assert len(rows) == 5  # no man./-


def test_a_question_of_which_nothing_is_known_is_not_answered() -> None:
    assert question.question_lines({"10 epochs": {"official": []}}) == ["Too few systems are scored to answer it."]
    unsure = order.Step("jst", "st", order.Pooled(0.1, 0.2, -0.02, 0.18, (3, 1), ()), None)
    *_, row, _, _ = question.question_lines({"10 epochs": {"official": [unsure]}})
    assert row == "| What does the joint loss add? | `jst` − `st` | +0.100 (3, 1) |  |"
    # Sure of these networks alone; then of other seeds as well, which one seed says nothing of.
    for sure, shown in (
        (replace(unsure.found, p=0.01), r"+0.100\* (3, 1)"),
        (replace(unsure.found, p=0.01, low=0.02), r"+0.100\* (3, 1)"),
        (replace(unsure.found, p=0.01, low=0.02, seeds=(3, 3)), "**+0.100** (3)"),
    ):
        *_, row, _, _ = question.question_lines({"10 epochs": {"official": [replace(unsure, found=sure)]}})
        assert row.split(" | ")[2] == shown


def points(values: Callable[[float], float]) -> list[curve.Point]:
    return [curve.Point(number, values(number)) for number in (119, 238, 476, 951)]


@pytest.mark.parametrize(
    "values",
    [lambda n: 0.1 + 0.08 * np.log(n), lambda n: 0.9 - 3 * n**-0.5, lambda n: 0.7 - 9 * n**-1.0],
    ids=["a line in the logarithm", "n^-1/2", "n^-1"],
)
def test_a_curve_without_noise_is_found(values: Callable[[float], float]) -> None:
    made = curve.fit(points(values), 1e-6)
    assert made is not None
    for number in (119, 300, 951, curve.PAPER_DIALOGS):
        assert made.at(number) == pytest.approx([values(number)] * 3, abs=0.002)


def test_nothing_is_said_of_two_numbers_or_of_unknown_noise() -> None:
    three = points(np.log)
    assert curve.fit([*three[:2], three[0]], 0.01) is None
    assert curve.fit(three, 0.0) is None


def test_intervals_hold_what_they_promise() -> None:
    """Curves as they are taken to be: exponents and both ends at random, and the noise of seeds."""
    generator, inside, count = np.random.default_rng(3), 0, 300
    for _ in range(count):
        exponent, (low, high) = generator.choice(curve.EXPONENTS[1:]), generator.normal(0.5, 0.2, 2)

        def value(n: float, c: float = exponent, low: float = low, high: float = high) -> float:
            return float(low + (high - low) * (119**-c - n**-c) / (119**-c - 951**-c))

        drawn = points(lambda n, true=value: true(n) + generator.normal(0, 0.02))  # type: ignore[misc]
        made = curve.fit(drawn, 0.02)
        assert made is not None
        _, least, most = made.at(curve.PAPER_DIALOGS)
        inside += least <= value(curve.PAPER_DIALOGS) <= most
    # Binomial: 285 of 300 expected, standard deviation 3.8.
    assert inside == pytest.approx(285, abs=12)


def test_a_curve_that_levels_off_is_not_drawn_out_as_a_line() -> None:
    """Each doubling gains half of the one before: the rest is as much as the last gain, 0.03."""
    made = curve.fit([curve.Point(100 * 2**k, 0.6 - 0.24 * 0.5**k) for k in range(4)], 0.01)
    assert made is not None
    _, low, high = made.at(100 * 2**6)
    assert low < 0.6 - 0.24 * 0.5**6 < high
    assert high < 0.36 + 0.08 * 6  # a line through the points, .08 a doubling


def test_the_picture(tmp_path: Path) -> None:
    four = points(lambda n: 0.1 + 0.08 * np.log(n))
    panels = {"official": {"ours": four, "one": four[:1]}, "trial": {}}
    for name in ("a.png", "b.png"):
        curve.draw(tmp_path / name, panels, {"official": 0.01})
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert (tmp_path / "a.png").stat().st_size > 5000


def test_the_page_extrapolates_with_its_uncertainty(whole: runs.Run, data: Path, tmp_path: Path) -> None:
    for place, (_, run) in enumerate(runs.fractions(whole)):
        scored(run, "st", "official", 0.3 + 0.1 * place)
        counts = {"training": {"dialogs": 100 * 2**place}}
        write_json(Layout(run.results).corpus / "statistics.json", counts)
    scored(whole, "st", "official", 0.6)
    scored(whole, "st_s2", "official", 0.62)
    write_json(Layout(whole.results).corpus / "statistics.json", {"training": {"dialogs": 800}})
    page = tmp_path / "docs" / "results.md"
    arguments = ["--data", str(data), "--results", str(whole.results), "--page", str(page), "--page-only"]
    assert main(arguments) == 0
    row = next(line for line in page.read_text().splitlines() if line.startswith("| Student-teacher L_ST (`st`) | 0.2"))
    cells = row.strip("| ").split(" | ")
    assert [float(cell) for cell in cells[1:5]] == pytest.approx([0.3, 0.4, 0.5, 0.6], abs=0.05)
    low, high = map(float, cells[6].split(" to "))
    assert low < float(cells[5]) < high and cells[7] == "0.995"
    assert (page.parent / "results.png").is_file()


def test_more_dialogs_are_one_more_number_on_the_trial_test_set(
    whole: runs.Run, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(whole)
    run = runs.more(whole)
    arguments = ["--data", str(data), "--results", str(whole.results), "--page", str(tmp_path / "page.md")]
    assert main([*arguments, "--only", "more_dialogs"]) == 0
    assert f"{data / runs.MORE}: no such file; without it more_dialogs does not run" in capsys.readouterr().out
    tested = json.loads((data / "trial_test_rebuilt_730.json").read_text())["dialogs"]
    further = [{**each, "image_id": f"further{n}", "summary": "so it is" if n else ""} for n, each in enumerate(tested)]
    # Those of the trial test set go as ever, those without a description besides.
    (data / runs.MORE).write_text(json.dumps({"dialogs": [*further, *tested]}))
    assert run.prepared is not None
    run.prepared()
    before = (run.results / "dialogs.json").stat().st_mtime_ns
    run.prepared()
    assert (run.results / "dialogs.json").stat().st_mtime_ns == before
    import_dialogs(run.config.corpus, run.config.dialogs, Layout(run.results).corpus)
    learned = read_dialogs(Layout(run.results).corpus / "training.json")
    assert [dialog.video_id for dialog in learned] == ["training0", "training1", "training2", "further1", "further2"]
    plan = Plan(run.config)
    assert (plan.test_sets, plan.trained) == (["trial"], ["ours_man_man", "ours_none_none"])
    for place, (number, each) in enumerate(((100, dict(runs.fractions(whole))[1 / 2]), (200, whole), (500, run))):
        scored(each, "ours_man_man", "trial", 0.3 + 0.1 * place)
        write_json(Layout(each.results).corpus / "statistics.json", {"training": {"dialogs": number}})
    scored(whole, "ours_man_man_s2", "trial", 0.42)
    page = tmp_path / "docs" / "results.md"
    assert main(["--data", str(data), "--results", str(whole.results), "--page", str(page), "--page-only"]) == 0
    section = page.read_text(encoding="utf-8").split("## Over the number of dialogs")[1].split("\n## ")[0]
    assert "Official CIDEr" not in section
    title, row = rows_of(section)
    assert title[1:4] == ["100", "200", "500"]
    assert [float(cell) for cell in row[1:4]] == pytest.approx([0.3, 0.4, 0.5], abs=0.05)
    assert row[-1] == "1.234"


@pytest.fixture
def tiny(whole: runs.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> runs.Run:
    """The experiment with tiny networks and one epoch, its corpus and words made."""
    sizes = {
        "embedding": 6,
        "question_hidden": 5,
        "history_hidden": 5,
        "attention": 4,
        "context": 6,
        "decoder_hidden": 7,
    }
    values = {
        "training": {"epochs": 1, "batch_turns": 8},
        "networks": {"attention": sizes},
        "answers": {"max_length": 5},
        "device": "cpu",
    }
    (tmp_path / "tiny.yaml").write_text(json.dumps(values))
    for module in (runs, noise):
        monkeypatch.setattr(module, "CONFIGS", (*runs.CONFIGS, tmp_path / "tiny.yaml"))
    made(whole, dialogs("t", 20))
    return whole


def made(run: runs.Run, counted: list[Dialog]) -> None:
    """A run's corpus and words."""
    layout = Layout(run.results)
    import_dialogs(run.config.corpus, run.config.dialogs, layout.corpus)
    build(counted, frozenset({"summary"}), run.config.vocabulary.min_count).write(layout.vocabulary)


def test_noise_by_epoch(tiny: runs.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tiny training: the epoch has both kinds of weights, and the average is what was kept."""
    measured = noise.measure(tiny.results, runs.NOTED)
    assert [epoch.number for epoch in measured] == [1]
    assert epochs.read(noise.found_at(tiny.results), tiny.config) == measured
    info = json.loads((Layout(tiny.results / "noise").model(runs.NOTED) / "system.json").read_text())
    assert min(epoch.perplexity[1] for epoch in measured) == pytest.approx(info["metrics"]["validation_perplexity"])
    assert all(epoch.perplexity[0] != epoch.perplexity[1] for epoch in measured)
    assert all(value >= 0 for epoch in measured for value in (*epoch.held_out, *epoch.official))
    # A second time nothing is trained or answered.
    with monkeypatch.context() as patched:
        patched.setattr(noise, "answer", None)
        assert noise.measure(tiny.results, runs.NOTED) == measured
    # With other settings nothing of it stays.
    answered = tiny.results / "noise" / "epoch1.last" / "answers" / runs.NOTED / "official.json"
    before = answered.stat().st_mtime_ns
    # The log is whoever's who began this, and stays.
    (tiny.results / "noise" / runs.LOG).write_text("begun")
    (tiny.results / "other.json").write_text(json.dumps({"answers": {"max_length": 4}}))
    monkeypatch.setattr(noise, "CONFIGS", (*noise.CONFIGS, tiny.results / "other.json"))
    noise.measure(tiny.results, runs.NOTED)
    assert answered.stat().st_mtime_ns > before
    assert (tiny.results / "noise" / runs.LOG).read_text() == "begun"
    assert epochs.read(noise.found_at(tiny.results), tiny.config) == []


def test_figures_of_epochs_count_with_their_settings_alone(
    whole: runs.Run, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = Record(tmp_path / "kept")
    other = runs.Run("all", whole.results, {"networks": {"attention": {"dropout": 0.3}}})
    epochs.write(kept.noise, record.settings(other.config, runs.NOTED), [EPOCH])
    arguments = ["--data", str(data), "--results", str(whole.results), "--record", str(kept.folder), "--page-only"]
    page = tmp_path / "results.md"
    assert main([*arguments, "--page", str(page)]) == 0
    assert re.search(r"noise.json: made with other settings, .*sizes.dropout was 0.3, is 0.5", capsys.readouterr().out)
    assert "By epoch: not measured yet" in page.read_text(encoding="utf-8")
    epochs.write(kept.noise, record.settings(whole.config, runs.NOTED), [EPOCH])
    assert main([*arguments, "--page", str(page)]) == 0
    assert "noise.json" not in capsys.readouterr().out
    assert "By epoch: not measured yet" not in page.read_text(encoding="utf-8")
    write_json(kept.noise, [{"number": 1}])
    assert main([*arguments, "--page", str(page)]) == 1
    assert "noise.json: " in capsys.readouterr().err


def test_models_are_handed_over_where_they_would_be_the_same(
    tiny: runs.Run, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("ours_man_man", "ours_none_none", "st", "jst"):
        train(tiny.config, name)
    trials = {run.name: run for run in runs.trials(tiny)}
    students = runs.student_trials(tiny)
    for run, handed in (
        (trials["as it is"], ["ours_none_none"]),
        (trials["bonus 0.5"], ["ours_none_none"]),
        (trials["dropout 0.3"], []),
        (students, ["ours_man_man", "ours_none_none", "st", "jst"]),
        *((run, []) for _, run in runs.fractions(tiny)),
    ):
        assert together.hand_over(tiny, run) == handed
        assert together.hand_over(tiny, run) == []  # it is there
        if handed:
            made(run, dialogs("t", 20))
        capsys.readouterr()
        for name in handed:
            train(run.config, name)
            assert "it stays as it is" in capsys.readouterr().err
    # Other words: the settings are the same, and what was handed over does not count.
    made(students, [*dialogs("t", 20), Dialog("x", "a script", "of one more", 4 * (Turn("who ?", "nobody"),))])
    train(students.config, "ours_none_none")
    assert "it stays as it is" not in capsys.readouterr().err


def test_as_many_run_at_once_as_there_are_cores(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    meeting, given = Barrier(3), []

    def call(name: str, cores: str) -> bool:
        given.append(cores)
        meeting.wait(60)  # three at once, or it breaks
        return name != "e"

    tasks = [together.Task(name, tmp_path / name, partial(call, name)) for name in "abcdef"]
    assert sorted(together.side_by_side(tasks, "3")) == [False, *[True] * 5]
    assert given == ["1"] * 6
    said = capsys.readouterr().err
    assert f"e: failed, see {tmp_path / 'e'}, after" in said and "a: done after" in said
    given.clear()
    assert list(together.side_by_side([together.Task("a", tmp_path, lambda cores: cores == "3")], "3")) == [True]
    assert list(together.side_by_side([], "all")) == []


def test_stopped_none_of_those_that_wait_begins(tmp_path: Path) -> None:
    begun: list[int] = []
    gate = Event()

    def call(number: int, _: str) -> bool:
        begun.append(number)
        return number == 0 or gate.wait(60)

    ended = together.side_by_side([together.Task(str(n), tmp_path, partial(call, n)) for n in range(50)], "1")
    assert next(ended)
    Timer(0.2, gate.set).start()
    ended.close()  # type: ignore[attr-defined]
    assert begun in ([0], [0, 1])
