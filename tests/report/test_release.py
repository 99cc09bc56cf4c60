"""The archive of a run's answers."""

import csv
import hashlib
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.config import CHALLENGE, Config
from pipeline.errors import UserError
from pipeline.files import write_text
from pipeline.layout import Layout
from pipeline.report.release import write_release
from pipeline.scoring.matching import read_answers
from pipeline.scoring.names import OPTIONS
from pipeline.scoring.request import Request
from pipeline.tasks.registry import task_of


@pytest.fixture
def whole(run: Config) -> Config:
    """The made-up run with what says that it is finished, and model cards."""
    layout = Layout(run.results)
    for name in run.run:
        write_text(layout.model(name) / "README.md", f"# card of {name}\n")
        for test_set in (each for each in run.systems[name].test_sets if each in CHALLENGE):
            for path in (layout.answers(name, test_set), layout.scores(name, test_set)):
                write_text(layout.finished(path), "")
    return run


def test_everything_is_in_it_as_it_was(whole: Config, tmp_path: Path) -> None:
    write_release(whole, tmp_path / "a.zip")
    layout = Layout(whole.results)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        names = set(archive.namelist())
        assert {name for name in names if name.startswith("answers/")} == {
            f"answers/{name}/{test_set}.json"
            for name in whole.run
            for test_set in whole.systems[name].test_sets
            if test_set in CHALLENGE
        }
        assert archive.read("answers/student/trial.json") == layout.answers("student", "trial").read_bytes()
        # What answers with another's model has that model's card.
        assert archive.read("cards/blind.md") == b"# card of teacher\n"
        scores = json.loads(archive.read("scores/plain/official.json"))
        assert scores["metrics"]["CIDEr"] == 0.9 and "items" not in scores
        assert "| Student-teacher L_ST | man. | - |" in archive.read("table2.md").decode()
        sums = dict(line.split("  ")[::-1] for line in archive.read("SHA256SUMS").decode().splitlines())
        assert sums.keys() == names - {"SHA256SUMS"}
        assert all(hashlib.sha256(archive.read(name)).hexdigest() == digest for name, digest in sums.items())
        archive.extractall(tmp_path / "unpacked")
    assert read_answers(tmp_path / "unpacked" / "answers" / "plain" / "trial.json")


def test_of_an_ensemble_there_is_every_members_card(
    whole: Config, configure: Callable[..., Config], tmp_path: Path
) -> None:
    systems = {
        **whole.model_dump(mode="json", exclude_unset=True)["systems"],
        "both": {"label": "Both", "model": "plain", "ensemble": True, "test_sets": ["trial"]},
    }
    systems["plain"]["seeds"] = 2
    config, layout = configure(whole.results, run=["plain", "both"], systems=systems), Layout(whole.results)
    write_text(layout.model("plain_s2") / "README.md", "# card of plain_s2\n")
    for kind in (layout.answers, layout.scores):
        for test_set in CHALLENGE:
            for name in ("plain_s2", "both"):
                write_text(kind(name, test_set), kind("plain", test_set).read_text())
                write_text(layout.finished(kind(name, test_set)), "")
    write_release(config, tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        cards = {name: archive.read(name).decode() for name in archive.namelist() if name.startswith("cards/")}
    own = {f"cards/{name}.md": f"# card of {name}\n" for name in ("plain", "plain_s2")}
    assert cards == {**own, **{path.replace("cards/", "cards/both/"): text for path, text in own.items()}}


def test_its_page_says_how_each_file_is_scored(whole: Config, configure: Callable[..., Config], tmp_path: Path) -> None:
    """`avsd score` refuses a filter for what is no sentence; a file of each kind goes through the command given."""
    systems = {
        **whole.model_dump(mode="json", exclude_unset=True)["systems"],
        "finder": {"label": "F", "task": "retrieve", "network": "jsfusion", "features": ["vggish"]},
    }
    scoring = {"filter": "dstc8"}
    config = configure(whole.results, run=["plain", "finder"], systems=systems, scoring=scoring)
    layout = Layout(config.results)
    for test_set in CHALLENGE:
        write_text(layout.answers("finder", test_set), "{}")
        write_text(layout.scores("finder", test_set), '{"metrics": {"R@1": 0.5}}')
        for kind in (layout.answers, layout.scores):
            write_text(layout.finished(kind("finder", test_set)), "")
    write_text(layout.model("finder") / "README.md", "# card\n")
    write_release(config, tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        page = archive.read("README.md").decode()
    given = {}
    for part in page.split("Score a file of ")[1:]:
        name, command = part.split(" by\n\n")
        given[name] = command.split("\n")[0].split("REFERENCES")[1].split()
    assert given == {"`plain`": ["--filter", "dstc8"], "`finder`": []}
    for name, options in given.items():
        request = Request([], tmp_path, options[1] if options else OPTIONS["filter"], None, 0, False, [])
        task = task_of(config, name.strip("`"))
        request.check_read(task.name, task.scored_with)


def test_the_same_results_give_the_same_bytes(whole: Config, tmp_path: Path) -> None:
    for name in ("a.zip", "b.zip"):
        write_release(whole, tmp_path / name)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_what_is_not_finished_is_named_or_left_out(
    whole: Config, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    layout = Layout(whole.results)
    layout.finished(layout.scores("student", "trial")).unlink()
    with pytest.raises(UserError, match=r"scores/student/trial.json: not finished; run the workflow to its end"):
        write_release(whole, tmp_path / "a.zip")
    assert not (tmp_path / "a.zip").exists()
    write_release(whole, tmp_path / "a.zip", partial=True)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        names = archive.namelist()
        tables = {test_set: archive.read(f"table{n}.csv").decode() for n, test_set in ((2, "trial"), (3, "official"))}
    assert "answers/student/official.json" in names and "answers/student/trial.json" not in names
    # Its old scores may be those of other answers: they stand in no table either.
    rows = {
        test_set: next(csv.DictReader(line for line in text.splitlines() if line.startswith(("row,", "st,"))))
        for test_set, text in tables.items()
    }
    assert (rows["trial"]["status"], rows["trial"]["CIDEr"]) == ("not scored", "")
    assert (rows["official"]["status"], rows["official"]["CIDEr"]) != ("not scored", "")
    assert "scores/student/trial.json: not finished; left out" in capsys.readouterr().err


def test_scores_of_answers_that_were_there_before_are_not_handed_out(whole: Config, tmp_path: Path) -> None:
    """As after `snakemake answers` with another beam: the scores are finished, but not those of these answers."""
    layout = Layout(whole.results)
    scored = layout.finished(layout.scores("student", "trial")).stat().st_mtime_ns
    os.utime(layout.finished(layout.answers("student", "trial")), ns=(scored + 1, scored + 1))
    with pytest.raises(UserError, match=r"scores/student/trial.json: older than the answers"):
        write_release(whole, tmp_path / "a.zip")
    write_release(whole, tmp_path / "a.zip", partial=True)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        names = archive.namelist()
    assert "answers/student/official.json" in names and "answers/student/trial.json" not in names


def test_a_run_without_answers_is_refused(run: Config, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no system of this run has finished answers"):
        write_release(run, tmp_path / "a.zip", partial=True)
