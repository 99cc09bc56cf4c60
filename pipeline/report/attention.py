"""The picture of attention: what a network looked at while it said each word, drawn from plain arrays.

`attention_figure` gives a piece of HTML for a page that has the styles of page.css and attention.css. Strips stretch
with the page while text keeps its size, so one drawing serves phones and wide screens.
"""

import base64
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.answers.explain import Explanation, Modality
from pipeline.answers.explain_clip import Clip
from pipeline.inert import html
from pipeline.report.attention_text import chips, numbers_table, shares_label, strips_label
from pipeline.report.charts import COLOURS, ticks

COLUMNS = 160
"""Cells of a strip at most: of more steps, neighbours are put together."""
QUIETEST = -60.0
"""dB at the foot of the sound level."""
FAINTEST = 0.004
"""Cells of less than this opacity cannot be seen and are left out."""


def attention_figure(explanation: Explanation, clip: Clip) -> str:
    """HTML of one answer: modality weights, attention over time between frames and sound level, over words, numbers."""
    if not explanation.modalities:
        return (
            '<p class="muted">This network has no attention that moves from word to word: there is nothing to draw.</p>'
        )
    places = {modality.name: place for place, modality in enumerate(explanation.modalities)}
    timed = [modality for modality in explanation.modalities if modality.times is not None]
    texts = [modality for modality in explanation.modalities if modality.times is None]
    parts = [f'<div class="attention" data-seconds="{clip.seconds:.3f}">']
    if explanation.shares is not None:
        parts.append(_shares(explanation))
    parts.append(_over_time(explanation.words, timed, places, clip))
    parts += [_over_text(explanation.words, modality, places[modality.name]) for modality in texts]
    parts += [numbers_table(explanation), "</div>"]
    return "".join(parts)


def _shares(explanation: Explanation) -> str:
    """Stacked bars, a column a word, the first modality at the foot."""
    shares, words = explanation.shares, explanation.words
    assert shares is not None
    rects = []
    for column, row in enumerate(shares):
        tops = 100 - 100 * np.cumsum(row)
        for place, (top, share) in enumerate(zip(tops, row, strict=True)):
            name = explanation.modalities[place].name
            rects.append(
                f'<rect class="c{place % COLOURS}" x="{10 * column + 0.5:g}" y="{max(top, 0):.2f}" width="9"'
                f' height="{100 * share:.2f}"><title>{html(words[column])}: {html(name)} {share:.2f}</title></rect>'
            )
    legend = "".join(
        f'<li><span class="swatch c{place % COLOURS}"></span>{html(modality.name)}</li>'
        for place, modality in reversed(list(enumerate(explanation.modalities)))
    )
    kind = ' class="short"' if len(words) <= 14 and max(map(len, words)) <= 9 else ""
    listed = "".join(f"<li>{html(word)}</li>" for word in words)
    return (
        "<figure><figcaption>Which modality each word came from</figcaption>"
        f'<ul class="legend" aria-label="Modalities, from the top of a column down">{legend}</ul>'
        '<div class="shares"><div class="scale" aria-hidden="true"><span>1</span><span>0.5</span><span>0</span></div>'
        f'<div class="columns" style="max-width:{64 * len(words)}px">'
        f'<svg viewBox="0 0 {10 * len(words)} 100" preserveAspectRatio="none" role="img"'
        f' aria-label="{html(shares_label(explanation))}">{"".join(rects)}</svg>'
        f"<ol{kind}>{listed}</ol></div></div></figure>"
    )


def _over_time(words: Sequence[str], modalities: Sequence[Modality], places: dict[str, int], clip: Clip) -> str:
    """Frames above, a strip a word for each modality, the sound level below, all on one axis of seconds."""
    axis = _axis(clip.seconds)
    parts = ["<figure><figcaption>Where in the clip</figcaption>"]
    if clip.frames:
        parts.append(f'<div class="row frames"><span></span><div>{"".join(_images(clip))}</div></div>')
    parts.append(axis)
    parts += [_strips(words, modality, places[modality.name], clip.seconds) for modality in modalities]
    parts += [_level(clip), axis, "</figure>"]
    return "".join(parts)


def _images(clip: Clip) -> Iterator[str]:
    for second, content in clip.frames:
        data = base64.b64encode(content).decode()
        yield f'<img src="data:image/jpeg;base64,{data}" alt="Frame at {second:.1f} s" title="{second:.1f} s">'


def _axis(seconds: float) -> str:
    marks = [tick for tick in ticks(0, seconds, 6) if tick <= seconds * 1.0001]
    spans = []
    for tick in marks:
        at = 100 * tick / seconds
        kind = ' class="first"' if tick == 0 else ' class="last"' if at > 96 else ""
        spans.append(f'<span{kind} style="left:{at:.2f}%">{tick:g}{" s" if tick == marks[-1] else ""}</span>')
    return f'<div class="row" aria-hidden="true"><span></span><div class="ticks">{"".join(spans)}</div></div>'


def _strips(words: Sequence[str], modality: Modality, place: int, seconds: float) -> str:
    assert modality.times is not None
    if not len(modality.times):
        return f'<div class="modality"><p><b>{html(modality.name)}</b>: nothing of it here</p></div>'
    edges, weights, merged = cells(modality.times, modality.weights, seconds)
    darkest = float(weights.max()) or 1.0
    note = f"full colour: weight {darkest:.2g} (even spread: {merged / len(modality.times):.2g})"
    note += f", {merged} steps a cell" if merged > 1 else ""
    note += "; when its steps were is not known, they stand evenly in the clip" if modality.evenly else ""
    rows = []
    for word, row in zip(words, weights, strict=True):
        rects = "".join(
            f'<rect x="{left:.1f}" width="{right - left:.1f}" height="10" fill-opacity="{share / darkest:.2f}"/>'
            for left, right, share in zip(edges[:-1], edges[1:], row, strict=True)
            if share / darkest > FAINTEST
        )
        strip = (
            f'<svg class="strip c{place % COLOURS}" viewBox="0 0 1000 10" preserveAspectRatio="none"'
            f' shape-rendering="crispEdges">{rects}</svg>'
        )
        rows.append(f'<div class="row"><span>{html(word)}</span>{strip}</div>')
    return (
        f'<div class="modality"><p><b>{html(modality.name)}</b> {note}</p>'
        f'<div role="img" aria-label="{html(strips_label(words, modality))}">{"".join(rows)}</div></div>'
    )


def cells(
    times: NDArray[np.float64], weights: NDArray[np.float32], seconds: float
) -> tuple[NDArray[np.float64], NDArray[np.float32], int]:
    """Cells of a strip: edges (C + 1,) in thousandths of the clip, weights (W, C), and how many steps are in a cell.

    A step reaches half way to its neighbours' centres, the outer ones as far out as in; a lone one as far as the clip
    allows on both sides.
    """
    if len(times) == 1:
        reach = min(times[0], seconds - times[0])
        edges = np.array([times[0] - reach, times[0] + reach])
    else:
        between = (times[1:] + times[:-1]) / 2
        edges = np.concatenate([[2 * times[0] - between[0]], between, [2 * times[-1] - between[-1]]])
    merged = -(-len(times) // COLUMNS)
    begins = np.arange(0, len(times), merged)
    shares: NDArray[np.float32] = np.add.reduceat(weights, begins, axis=1)
    return np.clip(edges[[*begins, len(times)]], 0, seconds) / seconds * 1000, shares, merged


def _level(clip: Clip) -> str:
    """The sound's level as an area from `QUIETEST` up to 0 dB."""
    if clip.level is None:
        return '<div class="row"><span>sound</span><span class="muted">none</span></div>'
    path, x = ["M0 100"], 0.0
    for index, level in enumerate(clip.level):
        y = 100 * min(max(level / QUIETEST, 0), 1)
        end = min((index + 1) * clip.bin_seconds / clip.seconds, 1) * 1000
        path.append(f"L{x:.1f} {y:.1f}L{end:.1f} {y:.1f}")
        x = end
    loudest = int(clip.level.argmax())
    level_range = f"{QUIETEST:g} to 0 dB".replace("-", "−")
    label = (
        f"Sound level over time, {QUIETEST:g} to 0 dB. Loudest at {(loudest + 0.5) * clip.bin_seconds:.1f} s with "
        f"{clip.level[loudest]:.0f} dB; median {np.median(clip.level):.0f} dB."
    )
    return (
        f'<div class="level"><div class="row"><span>sound<br>{level_range}</span>'
        f'<svg viewBox="0 0 1000 100" preserveAspectRatio="none" role="img" aria-label="{html(label)}">'
        f'<path d="{"".join(path)}L{x:.1f} 100Z"/></svg></div></div>'
    )


def _over_text(words: Sequence[str], modality: Modality, place: int) -> str:
    rows = "".join(
        f'<div class="row"><span>{html(word)}</span><span>{chips(modality, row)}</span></div>'
        for word, row in zip(words, modality.weights, strict=True)
    )
    return (
        f"<details><summary>Where in the {html(modality.name)}</summary>"
        f'<div class="texts c{place % COLOURS}">{rows}</div></details>'
    )
