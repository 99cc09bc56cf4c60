"""`avsd release`: the answers of every system of a run as one archive to hand out, with what made and measured them.

The archive is a function of what is in it: the same results give the same bytes.
"""

import hashlib
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.config import Config
from pipeline.errors import UserError
from pipeline.files import atomic_path, check_outputs
from pipeline.inert import markdown
from pipeline.layout import Layout
from pipeline.plan.jobs import Jobs
from pipeline.progress import log
from pipeline.report.formats import result_csv, result_markdown
from pipeline.report.results import descriptions, scored_systems
from pipeline.report.tables import paper_sets, result_table
from pipeline.scoring.written import read_scores_file
from pipeline.systems.system import CARD
from pipeline.tasks.registry import TASKS
from pipeline.texts import read_bytes

SUMS = "SHA256SUMS"
# The earliest time an archive can give a file; the answers say themselves what made them.
_NO_TIME = (1980, 1, 1, 0, 0, 0)


def write_release(config: Config, out: Path, partial: bool = False) -> None:
    """Write ``out``, a zip: of every system of `run` answers/SYSTEM/TEST_SET.json, in the challenge's result format,
    the same under scores/ (without its single items, as they follow from the answers) and cards/SYSTEM.md, the card of
    the model that answered, of an ensemble cards/SYSTEM/MEMBER.md of each; Tables 2 and 3 of these scores; README.md;
    and SHA256SUMS of all these.

    partial: leave out what is not finished, with a line for each. Else the first such file is a `UserError`.
    """
    check_outputs([out], _read(config))
    answered = {pair: _finished(config, *pair, partial) for pair in Jobs(config).answered}
    there = [pair for pair, found in answered.items() if found]
    if not there:
        raise UserError(f"{config.results}: no system of this run has finished answers with scores; run the workflow")
    files = {name: content for found in answered.values() for name, content in found.items()}
    files["README.md"] = _readme(config, [name for name in config.run if name in dict(there)]).encode()
    for test_set in paper_sets(config):
        # Nothing of what is left out: its old scores may be those of other answers.
        known = {name: each for name, each in scored_systems(config, test_set).items() if (name, test_set) in there}
        table = result_table(config, test_set, known)
        files[f"table{table.number}.md"] = result_markdown(table).encode()
        files[f"table{table.number}.csv"] = result_csv(table).encode()
    sums = "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in sorted(files.items()))
    files[SUMS] = sums.encode()
    with atomic_path(out) as path, zipfile.ZipFile(path, "w") as archive:
        for name, content in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name, _NO_TIME), content, zipfile.ZIP_DEFLATED)
    log(f"{out}: {len(there)} result files of {len(dict(there))} systems")


def _cards(config: Config, name: str) -> dict[str, Path]:
    """The card of the model that answered, by its name in the release; of an ensemble those of all members."""
    layout, members = Layout(config.results), config.members(name)
    return {f"{name}/{member}" if len(members) > 1 else name: layout.model(member) / CARD for member in members}


def _read(config: Config) -> Iterator[Path]:
    """The files of a release, where they are now."""
    layout = Layout(config.results)
    for name, test_set in Jobs(config).answered:
        yield from (layout.answers(name, test_set), layout.scores(name, test_set), *_cards(config, name).values())


def _finished(config: Config, name: str, test_set: str, partial: bool) -> dict[str, bytes]:
    """The files of a system's answers to a test set; none where ``partial`` allows what is not finished."""
    layout, cards = Layout(config.results), _cards(config, name)
    answers, scores = layout.answers(name, test_set), layout.scores(name, test_set)
    if reason := _unfinished(layout, answers, scores):
        if not partial:
            raise UserError(f"{reason}; run the workflow to its end, or take what there is (--partial)")
        log(f"{reason}; left out")
        return {}
    return {
        f"answers/{name}/{test_set}.json": read_bytes(answers),
        f"scores/{name}/{test_set}.json": _json({k: v for k, v in read_scores_file(scores).items() if k != "items"}),
        **{f"cards/{card}.md": read_bytes(path) for card, path in cards.items()},
    }


def _unfinished(layout: Layout, answers: Path, scores: Path) -> str:
    """Why answers with their scores cannot be handed out; empty where they can."""
    for path in (answers, scores):
        if not (path.is_file() and layout.finished(path).exists()):
            return f"{path}: not finished"
    done = [layout.finished(path).stat().st_mtime_ns for path in (answers, scores)]
    # As Snakemake has it: answers that were made again are scored again, whatever scores are there.
    return f"{scores}: older than the answers, so those of others" if done[1] < done[0] else ""


def _json(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()


def _readme(config: Config, names: Sequence[str]) -> str:
    """What the archive holds; ``names``: the systems that something of is in it."""
    lines = [
        "# Answers of trained systems",
        "",
        "| system | label | what it does | description in training | at test |",
    ]
    lines.append("|---|---|---|---|---|")
    tasks = {name: TASKS[config.systems[name].task] for name in names}
    for name, task in tasks.items():
        cells = (config.systems[name].label, task.does, *descriptions(config, name))
        lines.append(f"| `{name}` | {' | '.join(map(markdown, cells))} |")
    lines += [
        "",
        "answers/SYSTEM/TEST_SET.json: what a system wrote for a test set. Of one that answers questions the",
        "dialogs with the answers filled in, `generated` where it answered, and its `n_best` with their scores (log",
        "probability and bonus).",
    ]
    score = "    avsd score answers/SYSTEM/TEST_SET.json --references REFERENCES"
    filtered = [name for name, task in tasks.items() if "filter" in task.scored_with]
    if filtered:
        lines += ["", f"Score a file of {_named(filtered)} by", "", f"{score} --filter {config.scoring.filter}"]
    if others := [name for name in names if name not in filtered]:
        lines += ["", f"Score a file of {_named(others)} by", "", score]
    return "\n".join([*lines, "", "scores/ has what came out, cards/ how each model was trained."]) + "\n"


def _named(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
