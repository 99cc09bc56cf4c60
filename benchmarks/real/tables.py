"""Tables of docs/results.md: the paper's order, trials, costs."""

from collections.abc import Mapping

from benchmarks.real.found import Found
from benchmarks.real.order import Step, steps
from benchmarks.real.record import METRIC
from pipeline.report.formats import signed

TEST_SETS = ("official", "trial")
HOUR = 3600.0
TRIED = "One seed of the system without description"
TAUGHT = "One seed of students of one teacher"


def order_lines(found: Mapping[str, Found], test_set: str) -> list[str]:
    """The paper's order on a test set, a row a step."""
    made = steps(found, test_set)
    if not made:
        return ["Too few systems are scored to compare any."]
    lines = [f"| {METRIC}, better system of the paper less the next | seeds | here | 95 % | p | paper | |"]
    lines.append("|---|---|---:|---|---:|---:|---|")
    lines += [_step(step) for step in made]
    note = (
        "Means over seeds; the interval allows for other videos and, where there are several, other seeds, p for other "
        "videos: all answers about a video are exchanged together (10,000 trials). An order holds, or is reversed, "
        "where both exclude chance; with one seed that is said of these networks alone."
    )
    return [*lines, "", note]


def _step(step: Step) -> str:
    one, other = step.found.seeds
    paper = "" if step.paper is None else signed(step.paper)
    cells = (
        f"`{step.better}` − `{step.worse}`",
        f"{one}" if one == other else f"{one}, {other}",
        signed(step.found.difference),
        f"{signed(step.found.low)} to {signed(step.found.high)}",
        f"{step.found.p:.4f}",
        paper,
        step.verdict,
    )
    return f"| {' | '.join(cells)} |"


def trials_lines(title: str, trials: Mapping[str, Found]) -> list[str]:
    """What was tried, a row each, under ``title``."""
    done = {name: system for name, system in trials.items() if system.scores["trial"]}
    if not done:
        return [f"{title}: none has run yet."]
    lines = [
        f"{title}, judged on the held-out tenth (1 reference an answer) alone:",
        "",
        f"| what is changed | perplexity | {METRIC} | BLEU-4 | epochs | minutes |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, system in done.items():
        values = [f"{system.values('trial', metric)[0]:.3f}" for metric in (METRIC, "BLEU-4")]
        cost = next(iter(system.costs.values()), None)
        cells = ["", *values, "", ""]
        if cost is not None:
            cells = [f"{cost['perplexity']:.2f}", *values, str(cost["epochs"]), f"{cost['seconds'] / 60:.0f}"]
        shown = f"{system.label} (`{name}`)" if name == system.name else name
        lines.append(f"| {shown} | {' | '.join(cells)} |")
    return lines


def costs_lines(found: Mapping[str, Found]) -> list[str]:
    """What training and answering took, a row a system."""
    lines = ["| system | seeds | hours of training | turns/s | epochs, best | PyTorch | core-minutes of answers |"]
    lines.append("|---|---:|---:|---:|---|---|---:|")
    total = 0.0
    for system in found.values():
        costs = list(system.costs.values())
        hours = sum(cost["seconds"] for cost in costs) / HOUR
        total += hours
        if not costs:
            scored = max(map(len, system.scores.values()))
            lines += [f"| `{system.name}` | {scored} | | | | | {_minutes(system.answering)} |"] if scored else []
            continue
        epochs = ", ".join(f"{cost['epochs']} ({cost['best_epoch']})" for cost in costs)
        fastest = max(cost["turns"] for cost in costs)
        torches = ", ".join(dict.fromkeys(cost["torch"] for cost in costs))
        cells = (f"`{system.name}`", str(len(costs)), f"{hours:.2f}", f"{fastest:.0f}", epochs, torches)
        lines.append(f"| {' | '.join(cells)} | {_minutes(system.answering)} |")
    note = (
        f"{total:.1f} hours of training in all, by the clock, beside other work; turns/s are those of the fastest "
        "epoch. Figures of a core and of a GPU: [performance](performance.md)."
    )
    return [*lines, "", note]


def _minutes(seconds: float | None) -> str:
    """Empty where the workflow wrote none down."""
    return "" if seconds is None else f"{seconds / 60:.1f}"
