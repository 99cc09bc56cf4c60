"""CIDEr over the number of training dialogs, and where the line through it would come out at the paper's number.

A line in the logarithm of the number, by least squares; its interval at another number is that of a new measurement
(Student's t). Three numbers at least, or there is nothing to say how far off it may be.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

PAPER_DIALOGS = 7659
STUDENT = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306}
"""97.5 % points of Student's t by degrees of freedom."""

Points = Sequence[tuple[float, float]]
"""Training dialogs and CIDEr."""


@dataclass(frozen=True)
class Line:
    """CIDEr = at_one + gain ln(dialogs), fitted to ``points``. deviation: of the points from it."""

    points: Points
    at_one: float
    gain: float
    deviation: float

    def at(self, dialogs: float) -> float:
        """CIDEr on the line."""
        return self.at_one + self.gain * math.log(dialogs)

    def half_width(self, dialogs: float) -> float:
        """Half the 95 % interval of a new measurement at ``dialogs``."""
        logs = np.log([number for number, _ in self.points])
        count, off = len(logs), math.log(dialogs) - logs.mean()
        spread = 1 + 1 / count + off**2 / np.square(logs - logs.mean()).sum()
        return float(STUDENT[count - 2] * self.deviation * math.sqrt(spread))


def fit(points: Points) -> Line | None:
    """The line through ``points``; None for fewer than three numbers of dialogs."""
    logs, values = np.log([number for number, _ in points]), np.array([value for _, value in points])
    if len(set(logs)) < 3:
        return None
    gain, at_one = np.polyfit(logs, values, 1)
    left = values - (at_one + gain * logs)
    return Line(points, float(at_one), float(gain), float(math.sqrt(np.square(left).sum() / (len(points) - 2))))


def draw(path: Path, systems: dict[str, Points], title: str) -> None:
    """A picture of the points and lines of each system, over dialogs, with the paper's number marked."""
    # Imported here: only the picture needs it, and it takes a while.
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4), dpi=110, layout="constrained")
    for (name, points), marker in zip(systems.items(), "osD^v*", strict=False):
        drawn = axes.plot(*zip(*points, strict=True), marker=marker, linestyle="-", label=name)[0]
        line = fit(points)
        if line is not None:
            reach = np.geomspace(points[0][0], PAPER_DIALOGS, 50)
            axes.plot(reach, [line.at(number) for number in reach], ":", color=drawn.get_color())
            end = line.half_width(PAPER_DIALOGS)
            axes.errorbar(PAPER_DIALOGS, line.at(PAPER_DIALOGS), end, color=drawn.get_color(), capsize=4)
    axes.axvline(PAPER_DIALOGS, color="0.7", linewidth=1)
    axes.annotate("the paper's", (PAPER_DIALOGS, axes.get_ylim()[0]), ha="right", va="bottom", rotation=90, color="0.4")
    axes.set(xscale="log", xlabel="training dialogs", ylabel="CIDEr", title=title)
    axes.legend()
    axes.grid(alpha=0.3)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Software": None})
    pyplot.close(figure)
