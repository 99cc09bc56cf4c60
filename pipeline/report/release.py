"""`avsd release`: the answers of every system of a run as one archive to hand out, with what made and measured them.

The archive is a function of what is in it: the same results give the same bytes.
"""

import hashlib
import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.config import CHALLENGE, Config
from pipeline.errors import UserError
from pipeline.files import atomic_path, check_outputs
from pipeline.inert import markdown
from pipeline.layout import Layout
from pipeline.plan.jobs import Jobs
from pipeline.progress import log
from pipeline.report.formats import result_csv, result_markdown
from pipeline.report.results import descriptions
from pipeline.report.tables import result_table
from pipeline.scoring.written import read_scores_file
from pipeline.systems.system import CARD
from pipeline.texts import read_bytes

SUMS = "SHA256SUMS"
# The earliest time an archive can give a file; the answers say themselves what made them.
_NO_TIME = (1980, 1, 1, 0, 0, 0)


def write_release(config: Config, out: Path, partial: bool = False) -> None:
    """Write ``out``, a zip: of every system of `run` answers/SYSTEM/TEST SET.json, in the challenge's result format,
    the same under scores/ (without its single items, as they follow from the answers) and cards/SYSTEM.md, the card of
    the model that answered, of an ensemble cards/SYSTEM/MEMBER.md of each; Tables 2 and 3; README.md; and SHA256SUMS of
    all these.

    partial: leave out what is not finished, with a line for each. Else the first such file is a `UserError`.
    """
    check_outputs([out], _read(config))
    files = {"README.md": _readme(config).encode()}
    for table in (result_table(config, test_set) for test_set in CHALLENGE):
        files[f"table{table.number}.md"] = result_markdown(table).encode()
        files[f"table{table.number}.csv"] = result_csv(table).encode()
    answered = 0
    for name, test_set in Jobs(config).answered:
        found = _finished(config, name, test_set, partial)
        files |= found
        answered += bool(found)
    if not answered:
        raise UserError(f"{config.results}: no system of this run has finished answers with scores; run the workflow")
    sums = "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in sorted(files.items()))
    files[SUMS] = sums.encode()
    with atomic_path(out) as path, zipfile.ZipFile(path, "w") as archive:
        for name, content in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name, _NO_TIME), content, zipfile.ZIP_DEFLATED)
    log(f"{out}: {answered} result files of {len(config.run)} systems")


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
    for path in (answers, scores):
        if not (path.is_file() and layout.finished(path).exists()):
            missing = f"{path}: not finished"
            if not partial:
                raise UserError(f"{missing}; run the workflow to its end, or take what there is (--partial)")
            log(f"{missing}; left out")
            return {}
    return {
        f"answers/{name}/{test_set}.json": read_bytes(answers),
        f"scores/{name}/{test_set}.json": _json({k: v for k, v in read_scores_file(scores).items() if k != "items"}),
        **{f"cards/{card}.md": read_bytes(path) for card, path in cards.items()},
    }


def _json(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()


def _readme(config: Config) -> str:
    lines = ["# Answers of trained systems", "", "| system | label | description in training | at test |"]
    lines.append("|---|---|---|---|")
    for name in config.run:
        train, test = descriptions(config, name)
        lines.append(f"| `{name}` | {markdown(config.systems[name].label)} | {markdown(train)} | {markdown(test)} |")
    lines += [
        "",
        "answers/SYSTEM/TEST SET.json: the test set's dialogs with the answers filled in, `generated` where a system",
        "answered, and its `n_best` with their scores (log probability and bonus). Score a file by",
        "",
        f"    avsd score answers/SYSTEM/TESTSET.json --references REFERENCES --filter {config.scoring.filter}",
        "",
        "scores/ has what came out, cards/ how each model was trained.",
    ]
    return "\n".join(lines) + "\n"
