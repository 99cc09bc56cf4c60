"""Charts as inline SVG, drawn small (360 wide) so that text stays readable on a phone; the page's CSS has the colours.

Series differ by colour, dash and marker, so that they can be told apart without colour.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.inert import html

COLOURS = 8
_DASHES = ("", "6 3", "2 2", "8 3 2 3", "12 4", "4 1")
_MARKERS = ("circle", "square", "triangle", "diamond")
_WIDTH, _HEIGHT = 360, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 12, 12, 38
_LOGARITHMIC_FROM = 8.0


@dataclass(frozen=True)
class Series:
    """A line of a chart. style: which colour, dash and marker; the same system has the same one in every chart."""

    name: str
    style: int
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Bar:
    """A bar of a bar chart: a share between 0 and 1, and what the number behind it reads."""

    name: str
    style: int
    share: float
    text: str


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers from below ``low`` to above ``high``, about ``count`` of them."""
    span = (high - low) or abs(high) or 1.0
    rough = span / max(count - 1, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(index * step, 12) for index in range(first, max(last, first + 1) + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """The numbers 1, 2 and 5 times powers of ten from below ``low`` to above ``high``, both positive."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    candidates = [factor * 10.0**power for power in powers for factor in (1, 2, 5)]
    below = max((tick for tick in candidates if tick <= low), default=candidates[0])
    above = min((tick for tick in candidates if tick >= high), default=candidates[-1])
    return [tick for tick in candidates if below <= tick <= above]


def legend_mark(style: int) -> str:
    """A short piece of a series' line, for a legend."""
    line = f'<line x1="1" y1="6" x2="29" y2="6" class="line c{style % COLOURS}"{_dash(style)}/>'
    return f'<svg class="mark" viewBox="0 0 30 12" aria-hidden="true">{line}{_marker(style, 15, 6)}</svg>'


def line_chart(series: Sequence[Series], x_label: str, y_label: str) -> str:
    """A line chart with axes and grid; the legend stands in the page, once for all charts.

    The y axis is logarithmic where the values span more than a factor of eight.
    """
    points = [point for one in series for point in one.points]
    xs, ys = [x for x, _ in points], [y for _, y in points]
    x_low, x_high = min(xs), max(*xs, min(xs) + 1)
    x_ticks = [tick for tick in ticks(x_low, x_high, 6) if tick == int(tick) and x_low <= tick <= x_high]
    logarithmic = min(ys) > 0 and max(ys) / min(ys) > _LOGARITHMIC_FROM
    y_ticks = log_ticks(min(ys), max(ys)) if logarithmic else ticks(min(ys), max(ys))
    scale = math.log if logarithmic else float
    y_low, y_high = scale(y_ticks[0]), scale(y_ticks[-1])

    def x_of(value: float) -> float:
        return _LEFT + (value - x_low) / (x_high - x_low) * (_WIDTH - _LEFT - _RIGHT)

    def y_of(value: float) -> float:
        return _HEIGHT - _BOTTOM - (scale(value) - y_low) / (y_high - y_low) * (_HEIGHT - _TOP - _BOTTOM)

    parts = []
    for tick in y_ticks:
        y = y_of(tick)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 3.5:.1f}" text-anchor="end">{_tick(tick)}</text>')
    y = _HEIGHT - 22
    parts += [f'<text x="{x_of(tick):.1f}" y="{y}" text-anchor="middle">{_tick(tick)}</text>' for tick in x_ticks]
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(f'<text class="axis" x="{middle}" y="{_HEIGHT - 5}" text-anchor="middle">{html(x_label)}</text>')
    for one in series:
        path = " ".join(f"{x_of(x):.1f},{y_of(y):.1f}" for x, y in one.points)
        marks = "".join(_marker(one.style, x_of(x), y_of(y)) for x, y in one.points) if len(one.points) <= 30 else ""
        name = f"<title>{html(one.name)}</title>"
        line = f'<polyline class="line c{one.style % COLOURS}" points="{path}"{_dash(one.style)}/>'
        parts.append(f"<g>{name}{line}{marks}</g>")
    return _svg(_HEIGHT, f"{y_label} by {x_label}", parts)


def bar_chart(bars: Sequence[Bar], base: float | None, label: str) -> str:
    """Horizontal bars of shares, with a dashed line where ``base`` is."""
    left, right, step = 148, 52, 22
    height = step * len(bars) + 8
    scale = _WIDTH - left - right
    parts = [f'<line class="grid" x1="{left}" x2="{left}" y1="0" y2="{height}"/>']
    for index, bar in enumerate(bars):
        y = 4 + index * step
        width = max(bar.share * scale, 0.5)
        parts.append(
            f"<g><title>{html(bar.name)}: {html(bar.text)}</title>"
            f'<text x="{left - 6}" y="{y + 13}" text-anchor="end">{html(_short(bar.name))}</text>'
            f'<rect class="bar c{bar.style % COLOURS}" x="{left}" y="{y + 2}" width="{width:.1f}"'
            f' height="{step - 7}" rx="2"/>'
            f'<text x="{left + width + 5:.1f}" y="{y + 13}">{html(bar.text)}</text></g>'
        )
    if base is not None:
        x = left + base * scale
        parts.append(f'<line class="base" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{height}"/>')
    return _svg(height, label, parts)


def _svg(height: int, label: str, parts: Sequence[str]) -> str:
    head = f'<svg class="chart" viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{html(label)}">'
    return head + "".join(parts) + "</svg>"


def _dash(style: int) -> str:
    pattern = _DASHES[style % len(_DASHES)]
    return f' stroke-dasharray="{pattern}"' if pattern else ""


def _marker(style: int, x: float, y: float) -> str:
    kind, colour = _MARKERS[style % len(_MARKERS)], f'class="dot c{style % COLOURS}"'
    if kind == "circle":
        return f'<circle {colour} cx="{x:.1f}" cy="{y:.1f}" r="2.6"/>'
    corners = {
        "square": ((-2.4, -2.4), (2.4, -2.4), (2.4, 2.4), (-2.4, 2.4)),
        "triangle": ((0, -3.2), (3, 2.4), (-3, 2.4)),
        "diamond": ((0, -3.3), (3.3, 0), (0, 3.3), (-3.3, 0)),
    }[kind]
    path = " ".join(f"{x + dx:.1f},{y + dy:.1f}" for dx, dy in corners)
    return f'<polygon {colour} points="{path}"/>'


def _tick(value: float) -> str:
    return f"{value:g}"


def _short(name: str, limit: int = 24) -> str:
    return name if len(name) <= limit else name[: limit - 1] + "…"
