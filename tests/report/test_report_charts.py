import re

import pytest

from pipeline.report.charts import Bar, Series, bar_chart, line_chart, log_ticks, ticks


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 10, [0, 2.5, 5, 7.5, 10]),
        (3.2, 17.9, [0, 5, 10, 15, 20]),
        (0.00025, 0.001, [0.0002, 0.0004, 0.0006, 0.0008, 0.001]),
        (5, 5, [4, 6]),
        (0, 0, [0, 0.25]),
        (-3, 3, [-4, -2, 0, 2, 4]),
    ],
)
def test_ticks_are_round_and_enclose(low: float, high: float, expected: list[float]) -> None:
    found = ticks(low, high)
    assert found[0] <= low <= high <= found[-1]
    assert len(found) <= 7
    assert found == pytest.approx(expected)


def test_log_ticks() -> None:
    assert log_ticks(3, 700) == [2, 5, 10, 20, 50, 100, 200, 500, 1000]
    assert log_ticks(0.02, 0.9) == pytest.approx([0.02, 0.05, 0.1, 0.2, 0.5, 1])


def line_points(drawing: str) -> list[list[tuple[float, float]]]:
    lines = re.findall(r'<polyline[^>]* points="([^"]*)"', drawing)
    return [[(float(x), float(y)) for x, y in (point.split(",") for point in line.split())] for line in lines]


def test_lines_stand_where_the_axis_says() -> None:
    series = [Series("a", 0, ((1, 0.0), (2, 5.0), (3, 10.0))), Series("b <c>", 1, ((1, 10.0), (3, 0.0)))]
    drawing = line_chart(series, "epoch", "loss")
    first, second = line_points(drawing)
    assert first[1] == pytest.approx(((first[0][0] + first[2][0]) / 2, (first[0][1] + first[2][1]) / 2), abs=0.11)
    assert first[0][1] == second[1][1]
    assert first[2][1] == second[0][1] < first[0][1]
    labels = dict(re.findall(r'y="([\d.]+)" text-anchor="end">([^<]*)<', drawing))
    positions = {text: float(y) - 3.5 for y, text in labels.items()}
    assert positions["5"] == pytest.approx(first[1][1], abs=0.11)
    assert "b &lt;c&gt;" in drawing


def test_wide_ranges_are_logarithmic() -> None:
    (line,) = line_points(line_chart([Series("a", 0, ((1, 1.0), (2, 10.0), (3, 100.0)))], "epoch", "perplexity"))
    assert line[0][1] - line[1][1] == pytest.approx(line[1][1] - line[2][1], abs=0.11)


def test_one_epoch_is_a_chart_too() -> None:
    assert line_points(line_chart([Series("a", 0, ((1, 3.0),))], "epoch", "loss"))


def test_bars_are_as_long_as_their_shares() -> None:
    drawing = bar_chart(
        [Bar("all", 0, 1.0, "100 %"), Bar("half", 1, 0.5, "50 %"), Bar("none", 2, 0.0, "0 %")], 0.5, "x"
    )
    widths = [float(width) for width in re.findall(r'<rect[^>]* width="([\d.]+)"', drawing)]
    starts = [float(x) for x in re.findall(r'<rect[^>]* x="([\d.]+)"', drawing)]
    base = float(re.findall(r'class="base" x1="([\d.]+)"', drawing)[0])
    assert widths[1] == pytest.approx(widths[0] / 2)
    assert widths[2] <= 1
    assert base == pytest.approx(starts[1] + widths[1])
    assert starts[0] + widths[0] < 360
