"""CIDEr over the number of training dialogs, and where the curves through it come out at the paper's number.

Legend: P points, E exponents, T draws.

How CIDEr goes on cannot be read off a few points: it may gain as much with every doubling (a line in the logarithm), or
come to an end. So every curve a - b n^-c counts, with c from 0 (the line, its limit) to 2, each as far as the points
allow it: by their likelihood, the noise of a point being how far seeds lie apart, with even chances beforehand for c
and for CIDEr at the smallest and the largest number. The interval is that of the curve at another number. Three numbers
at least, or nothing speaks of c.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

PAPER_DIALOGS = 7659
EXPONENTS = np.linspace(0, 2, 41)
_DRAWS, _SEED = 50_000, 1
_APART = 1.05
"""Of the error bars of two systems, so that one does not hide the other."""


class Point(NamedTuple):
    """A system learned from so many dialogs. epochs: that it took, None where it is not known."""

    dialogs: float
    cider: float
    epochs: int | None = None


Points = Sequence[Point]


@dataclass(frozen=True)
class Curve:
    """All curves through points: (E, 2) CIDEr ``ends`` at the numbers ``low`` and ``high``, by exponent.

    covariance: (E, 2, 2) of the ends. weights: (E,) how far the points allow each exponent; their sum is 1.
    """

    low: float
    high: float
    ends: NDArray[np.float64]
    covariance: NDArray[np.float64]
    weights: NDArray[np.float64]

    def at(self, dialogs: float) -> tuple[float, float, float]:
        """CIDEr at a number of dialogs: the median, and the 95 % interval of the curve."""
        shares = _shares(np.array([dialogs]), self.low, self.high)[:, 0]
        means = (shares * self.ends).sum(1)
        deviations = np.sqrt(np.einsum("ei,eij,ej->e", shares, self.covariance, shares))
        generator = np.random.default_rng(_SEED)
        which = generator.choice(len(EXPONENTS), _DRAWS, p=self.weights)
        low, median, high = np.percentile(generator.normal(means[which], deviations[which]), [2.5, 50, 97.5])
        return float(median), float(low), float(high)


def fit(points: Points, deviation: float) -> Curve | None:
    """The curves through ``points``; None for fewer than three numbers of dialogs. deviation: of seeds, above 0."""
    dialogs, values = np.array([point.dialogs for point in points]), np.array([point.cider for point in points])
    if len(set(dialogs)) < 3 or deviation <= 0:
        return None
    low, high = float(dialogs.min()), float(dialogs.max())
    design = _shares(dialogs, low, high)
    inverse = np.linalg.inv(np.einsum("epi,epj->eij", design, design))
    ends = np.einsum("eij,epj,p->ei", inverse, design, values)
    left = np.square(values - np.einsum("epi,ei->ep", design, ends)).sum(1)
    likely = np.exp(-(left - left.min()) / (2 * deviation**2)) * np.sqrt(np.linalg.det(inverse))
    return Curve(low, high, ends, deviation**2 * inverse, likely / likely.sum())


def _shares(dialogs: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    """(E, P, 2) how much of the value at ``low`` and of that at ``high`` a curve has at each number."""
    logs = np.log([*dialogs, low, high])
    exponents = EXPONENTS[:, None]
    # (1 - n^-c) / c, which is ln n where c is 0.
    risen = np.where(exponents == 0, logs, -np.expm1(-exponents * logs) / np.where(exponents == 0, 1, exponents))
    share = (risen[:, :-2] - risen[:, -2:-1]) / (risen[:, -1:] - risen[:, -2:-1])
    return np.stack([1 - share, share], axis=-1)


def draw(path: Path, panels: Mapping[str, Mapping[str, Points]], deviations: Mapping[str, float]) -> None:
    """A picture of the points and curves of each system, over dialogs, with the paper's number marked.

    panels: by test set, the points of each system; one without any is left out. deviations: of seeds, by test set.
    """
    # Imported here: only the picture needs it, and it takes a while.
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    filled = {test_set: systems for test_set, systems in panels.items() if systems}
    figure, rows = pyplot.subplots(
        len(filled), figsize=(7, 4 * len(filled)), dpi=110, layout="constrained", squeeze=False
    )
    for axes, (test_set, systems) in zip(rows[:, 0], filled.items(), strict=True):
        _draw_panel(axes, systems, deviations.get(test_set, 0.0))
        axes.set_title(f"{test_set.capitalize()} test set, one seed")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Software": None})
    pyplot.close(figure)


def _draw_panel(axes: Any, systems: Mapping[str, Points], deviation: float) -> None:
    axes.axvline(PAPER_DIALOGS, color="0.8", linewidth=1, zorder=0)
    for place, ((name, points), marker) in enumerate(zip(systems.items(), "osD^v*", strict=False)):
        dialogs, values = [point.dialogs for point in points], [point.cider for point in points]
        color = axes.plot(dialogs, values, marker=marker, linestyle="", label=name)[0].get_color()
        found = fit(points, deviation)
        if found is not None:
            reach = np.geomspace(min(dialogs), PAPER_DIALOGS, 40)
            axes.plot(reach, [found.at(number)[0] for number in reach], ":", color=color)
            middle, low, high = found.at(PAPER_DIALOGS)
            at = PAPER_DIALOGS * _APART ** (place - (len(systems) - 1) / 2)
            axes.errorbar(at, middle, [[middle - low], [high - middle]], color=color, capsize=3)
    axes.set(xscale="log", xlabel="training dialogs", ylabel="CIDEr")
    numbers = sorted({point.dialogs for points in systems.values() for point in points} | {PAPER_DIALOGS})
    named = [f"{number:,.0f}" + ("\n(paper)" if number == PAPER_DIALOGS else "") for number in numbers]
    axes.set_xticks(numbers, named)
    axes.minorticks_off()
    axes.legend(loc="upper left")
    axes.grid(alpha=0.3)
