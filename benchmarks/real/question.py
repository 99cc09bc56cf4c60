"""The paper's question in one table: does a description help, and does a student without it recover part of that?"""

from collections.abc import Mapping, Sequence

from benchmarks.real.order import Step
from benchmarks.real.record import METRIC
from pipeline.report.formats import signed
from pipeline.scoring.significance import SIGNIFICANT

ASKED = {
    ("ours_man_man", "ours_none_none"): "What is a description worth?",
    ("jst", "ours_none_none"): "What of it has a student of L_JST, which sees none at test?",
    ("st", "ours_none_none"): "And one of L_ST?",
    ("jst", "st"): "What does the joint loss add?",
    ("ours_man_man", "jst"): "What is still lacking?",
    ("ours_none_none", "ours_man_none"): "What is lost by learning with one and being tested without?",
}
"""By the better system of the paper and the other one, what their difference says."""
NOTE = (
    f"Differences of {METRIC}, means over the seeds in brackets. \\*: beyond chance for these networks, on other "
    "videos; bold: with other seeds allowed for, too. Intervals, p and how they are computed stand in the tables below."
)


def question_lines(orders: Mapping[str, Mapping[str, Sequence[Step]]]) -> list[str]:
    """A row a question. orders: by training (a column's title) and test set, the steps that `order.steps` made."""
    test_sets = list(dict.fromkeys(test_set for order in orders.values() for test_set in order))
    known = {
        (training, test_set): {(step.better, step.worse): step for step in order.get(test_set, ())}
        for test_set in test_sets
        for training, order in orders.items()
    }
    titles = [title for each in test_sets for title in (*(f"{each}, {training}" for training in orders), "paper")]
    lines = [f"| | | {' | '.join(titles)} |", f"|---|---|{'---:|' * len(titles)}"]
    for pair, asked in ASKED.items():
        found = {column: steps[pair] for column, steps in known.items() if pair in steps}
        if not found:
            continue
        cells = [asked, f"`{pair[0]}` − `{pair[1]}`"]
        for test_set in test_sets:
            made = [found.get((training, test_set)) for training in orders]
            paper = next((step.paper for step in made if step is not None), None)
            cells += [*map(_cell, made), "" if paper is None else signed(paper)]
        lines.append(f"| {' | '.join(cells)} |")
    if len(lines) == 2:
        return ["Too few systems are scored to answer it."]
    return [*lines, "", NOTE]


def _cell(step: Step | None) -> str:
    """The difference, marked as `NOTE` says, and of how many seeds."""
    if step is None:
        return ""
    shown = signed(step.found.difference)
    if step.sure and min(step.found.seeds) > 1:
        shown = f"**{shown}**"
    elif step.found.p < SIGNIFICANT:
        shown += "\\*"
    return f"{shown} ({', '.join(map(str, dict.fromkeys(step.found.seeds)))})"
