"""The page of real dialogs: which runs there are, what is read of them, and the line over the number of dialogs."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.real import curve, found, noise, order, runs
from benchmarks.real.__main__ import main
from pipeline.config import load
from pipeline.config.dependence import sizes_values
from pipeline.corpus.dialogs import Dialog, Turn, write_dialogs
from pipeline.corpus.importing import import_dialogs
from pipeline.corpus.references import write_references
from pipeline.errors import UserError
from pipeline.files import write_json, write_text
from pipeline.layout import Layout
from pipeline.plan import Plan
from pipeline.scoring.metrics import METRICS
from pipeline.training.train import train
from pipeline.vocabulary.words import build

CHOSEN_TRAINED = ("ours_man_man", "ours_none_none", "st", "jst")
FILES = {
    "valid_set4DSTC7-AVSD.json": "t",
    "trial_test_rebuilt_730.json": "r",
    "test_set4DSTC7-AVSD.json": "o",
}


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
    trained = {run.name: Plan(run.config()).trained for _, run in runs.fractions(whole)}
    assert set(trained) == {"0.125", "0.25", "0.5"}
    assert all(systems == ["ours_man_man", "ours_none_none", "st"] for systems in trained.values())
    assert len(Plan(whole.config()).trained) == 2 + 5 * 3
    for run in runs.trials(whole):
        plan = Plan(run.config())
        assert (plan.trained, plan.test_sets) == (["ours_none_none"], ["trial"])
        # Judged on the held-out tenth alone: no test set is anywhere in it.
        read = {path.resolve() for path in plan.dialog_files().values()}
        assert read == {(corpus / f"{split}.json").resolve() for split in ("training", "validation")}


def test_what_the_trials_chose_is_one_of_them(whole: runs.Run) -> None:
    written(whole)
    best = runs.chosen(whole)
    plan, plain = Plan(best.config()), Plan(whole.config())
    assert set(plan.trained) == {f"{name}{seed}" for name in CHOSEN_TRAINED for seed in ("", "_s2", "_s3")}
    assert plan.dialog_files() == plain.dialog_files()
    assert plan.test_sets == plain.test_sets
    for run, tied in ((best, True), (whole, False)):
        sizes = sizes_values(run.config(), "jst")
        assert (sizes["tie_weights"], sizes["share_embeddings"]) == (tied, tied)


def test_students_learn_in_other_ways_from_one_teacher(whole: runs.Run) -> None:
    corpus = written(whole)
    plan = Plan(runs.student_trials(whole).config())
    assert set(plan.trained) == {"ours_man_man", "ours_none_none", *runs.STUDENT_TRIALS}
    assert plan.test_sets == ["trial"]
    read = {path.resolve() for path in plan.dialog_files().values()}
    assert read == {(corpus / f"{split}.json").resolve() for split in ("training", "validation")}
    settings = {name: plan.training_settings(name).replace(f'"{name}"', '"st"') for name in runs.STUDENT_TRIALS}
    assert len(set(settings.values())) == len(settings)


def test_trials_differ_in_what_they_say(whole: runs.Run) -> None:
    written(whole)
    settings = {run.name: Plan(run.config()) for run in runs.trials(whole)}
    plain = settings.pop("as it is")
    for plan in settings.values():
        name = runs.PLAIN
        same = plan.training_settings(name) == plain.training_settings(name)
        assert not same or plan.answer_settings(name) != plain.answer_settings(name)


def scored(whole: runs.Run, name: str, test_set: str, level: float) -> None:
    layout = Layout(whole.results)
    path = layout.scores(name, test_set)
    generator = np.random.default_rng(len(name) + len(test_set))
    values = level + generator.normal(0, 0.1, size=60)
    items = {f"v{n}_0": dict.fromkeys(METRICS, float(value)) for n, value in enumerate(values)}
    metrics = dict.fromkeys(METRICS, float(values.mean()))
    signature = {"filter": "dstc7", "filtered": "hypotheses", "references": "6", "items": 60, "missing": 0}
    content = {"metrics": metrics, "intervals": {}, "against": None, "grounded": None, "signature": signature}
    write_json(path, {**content, "items": items})
    write_text(layout.finished(path), "")


def test_the_page_says_what_it_rests_on(whole: runs.Run, data: Path, tmp_path: Path) -> None:
    levels = {"ours_man_man": 0.7, "ours_man_man_s2": 0.72, "ours_none_none": 0.6, "ours_man_none": 0.6}
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
    # What the trials chose, beside what it is without.
    scored(runs.chosen(whole), "ours_man_man", "official", 0.81)
    assert main(arguments) == 0
    row = next(line for line in page.read_text(encoding="utf-8").splitlines() if "(`ours_man_man`) | 1 |" in line)
    ours = [found.gather(run)["ours_man_man"].values("official", "CIDEr") for run in (runs.chosen(whole), whole)]
    gain = np.mean(ours[0]) - np.mean(ours[1])
    assert row.endswith(f"(`ours_man_man`) | 1 |  | {np.mean(ours[0]):.3f} | {gain:+.3f} |  |  |  |")
    # An unfinished score is none, though the file of an earlier run is there.
    Layout(whole.results).finished(Layout(whole.results).scores("ours_none_none", "official")).unlink()
    assert main(arguments) == 0
    assert "`ours_man_man` − `ours_none_none`" not in page.read_text(encoding="utf-8")


def test_steps_are_the_papers(whole: runs.Run) -> None:
    for name, level in {"st": 0.5, "ours_none_none": 0.6, "ours_man_none": 0.6}.items():
        scored(whole, name, "official", level)
    made = order.steps(found.gather(whole), "official")
    assert [(step.better, step.worse) for step in made] == [
        ("st", "ours_none_none"),
        ("ours_none_none", "ours_man_none"),
    ]
    assert made[0].verdict == order.REVERSED and made[0].paper == pytest.approx(0.995 - 0.966)
    assert made[1].verdict in (order.LIKELY, order.CHANCE) and made[1].paper is None


def test_one_lucky_seed_decides_nothing() -> None:
    """Sure of these networks (p), but not that other seeds would come out alike."""
    sure = order.Pooled(0.1, 0.0001, 0.02, 0.18, (3, 3))
    assert order.Step("a", "b", sure, None).verdict == order.HOLDS
    assert order.Step("a", "b", replace(sure, low=-0.02), None).verdict == order.LIKELY
    assert order.Step("a", "b", replace(sure, p=0.2), None).verdict == order.LIKELY
    assert order.Step("a", "b", replace(sure, difference=-0.1, low=-0.18, high=0.02), None).verdict == order.CHANCE
    assert order.Step("a", "b", replace(sure, difference=-0.1, low=-0.18, high=-0.02), None).verdict == order.REVERSED


def test_the_line_and_its_interval_are_the_textbooks() -> None:
    """Worked by hand: ln of 1, e, e^2, values 1, 3, 4 have the line 7/6 + 1.5 x, and residuals -1/6, 1/3, -1/6."""
    line = curve.fit([(1.0, 1.0), (np.e, 3.0), (np.e**2, 4.0)])
    assert line is not None
    assert (line.at_one, line.gain) == (pytest.approx(7 / 6), pytest.approx(1.5))
    assert line.deviation == pytest.approx(np.sqrt(1 / 6))
    # t of one degree of freedom times s sqrt(1 + 1/3 + (x - mean)^2 / sum of squares), at x = 3.
    assert line.half_width(np.e**3) == pytest.approx(12.706 * np.sqrt(1 / 6) * np.sqrt(1 + 1 / 3 + 4 / 2))
    assert curve.fit([(1.0, 1.0), (2.0, 3.0), (2.0, 3.1)]) is None


def test_intervals_hold_what_they_promise() -> None:
    generator = np.random.default_rng(3)
    numbers, inside = (119, 238, 476, 951), 0
    for _ in range(400):
        values = [0.1 + 0.08 * np.log(n) + generator.normal(0, 0.01) for n in (*numbers, curve.PAPER_DIALOGS)]
        line = curve.fit(list(zip(numbers, values, strict=False)))
        assert line is not None
        inside += abs(line.at(curve.PAPER_DIALOGS) - values[-1]) <= line.half_width(curve.PAPER_DIALOGS)
    assert inside == pytest.approx(380, abs=14)


def test_the_picture(tmp_path: Path) -> None:
    points = [(119.0, 0.4), (238.0, 0.5), (476.0, 0.55), (951.0, 0.64)]
    for name in ("a.png", "b.png"):
        curve.draw(tmp_path / name, {"ours": points, "one": points[:1]}, "title")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert (tmp_path / "a.png").stat().st_size > 5000


def test_noise_by_epoch(
    whole: runs.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A tiny training: the epoch has both kinds of weights, and the average is what was kept."""
    config = whole.config()
    layout = Layout(whole.results)
    import_dialogs(config.corpus, config.dialogs, layout.corpus)
    build(dialogs("t", 20), frozenset({"summary"}), 1).write(layout.vocabulary)
    sizes = {
        "embedding": 6,
        "question_hidden": 5,
        "history_hidden": 5,
        "attention": 4,
        "context": 6,
        "decoder_hidden": 7,
    }
    tiny = {"training": {"epochs": 1, "batch_turns": 8}, "networks": {"attention": sizes}, "answers": {"max_length": 5}}
    (tmp_path / "tiny.yaml").write_text(json.dumps(tiny))
    monkeypatch.setattr(noise, "CONFIGS", (*runs.CONFIGS, tmp_path / "tiny.yaml"))
    epochs = noise.measure(whole.results, "ours_none_none")
    assert [epoch.number for epoch in epochs] == [1]
    assert noise.read(whole.results) == epochs
    info = json.loads((Layout(whole.results / "noise").model("ours_none_none") / "system.json").read_text())
    assert min(epoch.perplexity[1] for epoch in epochs) == pytest.approx(info["metrics"]["validation_perplexity"])
    assert all(epoch.perplexity[0] != epoch.perplexity[1] for epoch in epochs)
    assert all(value >= 0 for epoch in epochs for value in (*epoch.held_out, *epoch.official))
    # The model is the one that the experiment would train: handed over, it stays as it is.
    noise.hand_over(whole.results, "ours_none_none")
    train(
        load([*map(str, noise.CONFIGS), json.dumps({"results": str(whole.results), "device": "cpu"})]), "ours_none_none"
    )
    assert "it stays as it is" in capsys.readouterr().err
    # A second time nothing is trained or answered.
    monkeypatch.setattr(noise, "answer", None)
    assert noise.measure(whole.results, "ours_none_none") == epochs
