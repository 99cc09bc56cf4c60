"""The picture of attention, read back from its HTML."""

import base64
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from pipeline.answers.explain import Explanation, Modality
from pipeline.answers.explain_clip import Clip
from pipeline.asking.conversation import Told
from pipeline.corpus.dialogs import Turn
from pipeline.report.attention import COLUMNS, attention_figure, cells
from pipeline.report.attention_page import write_page

WORDS = ("a", "<b>", "<eos>")
TIMES = np.array([1.0, 3.0, 5.0, 6.5])
SEEN = np.array([[0.1, 0.2, 0.3, 0.4], [0.7, 0.1, 0.1, 0.1], [0.25, 0.25, 0.25, 0.25]], np.float32)
SHARES = np.array([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8], [1.0, 0.0, 0.0]], np.float32)
CLIP = Clip(8.0, ((0.7, b"first"), (5.2, b"second")), np.array([-90.0, -30.0, 0.0, -60.0]), 2.0)
QUESTION = Modality("question", np.array([[0.9, 0.1], [0.2, 0.8], [0.5, 0.5]], np.float32), None, ("what", "<i>?"))
DEAF = Modality("heard", np.zeros((3, 0), np.float32), np.zeros(0))


def explanation(*modalities: Modality, shares: np.ndarray | None = SHARES) -> Explanation:
    return Explanation("what <i>?", "a <b>", WORDS, modalities, shares)


WHOLE = explanation(QUESTION, Modality("seen", SEEN, TIMES), DEAF)


class Reader(HTMLParser):
    """Every element with its attributes; checks that all are closed in order."""

    VOID = ("img", "meta", "link", "br", "path", "rect")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID or (tag == "rect" and not self.get_starttag_text().endswith("/>")):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def strips(html: str) -> list[list[tuple[float, float, float]]]:
    """Of every strip: its cells as begin, end (thousandths of the clip) and opacity."""
    found = []
    for strip in re.findall(r'<svg class="strip[^>]*>(.*?)</svg>', html):
        rects = re.findall(r'<rect x="([\d.]+)" width="([\d.]+)" height="10" fill-opacity="([\d.]+)"/>', strip)
        found.append([(float(x), float(x) + float(width), float(opacity)) for x, width, opacity in rects])
    return found


def test_strips_stand_at_their_seconds() -> None:
    """Steps reach half way to their neighbours; opacity is the weight over the modality's largest."""
    rows = strips(attention_figure(WHOLE, CLIP))
    assert len(rows) == len(WORDS)
    edges = np.array([0, 2, 4, 5.75, 7.25]) / 8 * 1000
    for row, weights in zip(rows, SEEN, strict=True):
        np.testing.assert_allclose([begin for begin, _, _ in row], edges[:-1], atol=0.06)
        np.testing.assert_allclose([end for _, end, _ in row], edges[1:], atol=0.11)
        np.testing.assert_allclose([opacity for _, _, opacity in row], weights / 0.7, atol=0.006)


def test_a_lone_step_and_steps_beyond_the_end() -> None:
    for centre, expected in ((0.48, (0, 0.96)), (2.0, (0, 4)), (3.5, (3, 4))):
        edges, _, merged = cells(np.array([centre]), np.ones((1, 1), np.float32), 4.0)
        np.testing.assert_allclose(edges / 1000 * 4, expected)
        assert merged == 1
    edges, _, _ = cells(np.array([0.5, 1.5, 2.5]), np.ones((1, 3), np.float32), 2.2)
    np.testing.assert_allclose(edges / 1000 * 2.2, [0, 1, 2, 2.2])


def test_many_steps_are_put_together() -> None:
    """Weights add up, edges stay; the note says how many steps a cell has."""
    count = 2 * COLUMNS + 5
    times = np.arange(count) + 0.5
    weights = np.random.default_rng(1).random((2, count)).astype(np.float32)
    edges, shares, merged = cells(times, weights, float(count))
    assert merged == 3
    assert shares.shape[1] == len(edges) - 1 == -(-count // 3) <= COLUMNS
    for place in range(shares.shape[1]):
        np.testing.assert_allclose(shares[:, place], weights[:, 3 * place : 3 * place + 3].sum(1), rtol=1e-5)
        np.testing.assert_allclose(edges[place : place + 2] * count / 1000, [3 * place, min(3 * place + 3, count)])
    long = explanation(Modality("seen", np.repeat(weights, 2, 0)[:3], times), shares=None)
    assert "3 steps a cell" in attention_figure(long, CLIP)


def test_columns_add_up() -> None:
    """Each word's bars stand on one another, the first modality at the foot, and fill the height."""
    drawing = attention_figure(WHOLE, CLIP)
    bars = re.findall(r'<rect class="c(\d)" x="([\d.]+)" y="([\d.]+)" width="9" height="([\d.]+)">', drawing)
    assert len(bars) == SHARES.size
    for word, shares in enumerate(SHARES):
        foot = 100.0
        column = [(int(c), float(y), float(height)) for c, x, y, height in bars if float(x) == 10 * word + 0.5]
        for place, (colour, y, height) in enumerate(column):
            assert colour == place
            assert height == pytest.approx(100 * shares[place], abs=0.01)
            assert y + height == pytest.approx(foot, abs=0.02)
            foot = y
        assert foot == pytest.approx(0, abs=0.02)


def test_sound_level() -> None:
    """An area from -60 to 0 dB: a point at each end of a bin."""
    drawing = attention_figure(WHOLE, CLIP)
    (path,) = re.findall(r'<path d="M0 100([^"]*)Z"', drawing)
    points = [tuple(map(float, point.split())) for point in path.removeprefix("L").split("L")]
    expected = [(0, 100), (250, 100), (250, 50), (500, 50), (500, 0), (750, 0), (750, 100), (1000, 100), (1000, 100)]
    assert points == expected
    assert "Loudest at 5.0 s with 0 dB; median -45 dB." in drawing
    silent = attention_figure(WHOLE, Clip(8.0, CLIP.frames, None, 1.0))
    assert "<path" not in silent
    assert "Sound level" not in silent


def test_every_picture_has_words_for_it() -> None:
    read = Reader(attention_figure(WHOLE, CLIP))
    labels = [attributes["aria-label"] for _, attributes in read.elements if attributes.get("role") == "img"]
    assert len(labels) == 3
    assert "a: most from question, 0.50; <b>: most from heard, 0.80; <eos>: most from question, 1.00." in str(labels[0])
    assert "a: most at 6.5 s (0.40); <b>: most at 1.0 s (0.70);" in str(labels[1])
    images = read.of("img")
    assert [image["alt"] for image in images] == ["Frame at 0.7 s", "Frame at 5.2 s"]
    content = [str(image["src"]).removeprefix("data:image/jpeg;base64,") for image in images]
    assert [base64.b64decode(each) for each in content] == [b"first", b"second"]
    unlabelled = [
        attributes
        for tag, attributes in read.elements
        if tag == "svg" and attributes.get("role") != "img" and "strip" not in str(attributes.get("class"))
    ]
    assert unlabelled == []
    assert "heard: nothing of it here" in read.text
    assert len(re.findall("most on “what” ", read.text)) == 2
    assert "most on “<i>?” (0.80)" in read.text


def test_words_are_shaded_by_their_weight() -> None:
    marks = re.findall(r'<mark style="--share:(\d+)%" title="([^"]*)">', attention_figure(WHOLE, CLIP))
    assert [title for _, title in marks[:2]] == ["what: 0.90", "&lt;i&gt;?: 0.10"]
    assert [int(share) for share, _ in marks] == [45, 5, 10, 40, 25, 25]


def test_without_weights_of_modalities_or_any() -> None:
    assert "Which modality" not in attention_figure(explanation(QUESTION, shares=None), CLIP)
    nothing = attention_figure(explanation(shares=None), CLIP)
    assert "no attention that moves from word to word" in nothing


def test_page(tmp_path: Path) -> None:
    """One file that loads nothing, escapes everything, and has the latest answer first."""
    second = Explanation("and <u>then</u> ?", "no", ("no", "<eos>"), (), None)
    told = Told("sys", "S & T", "a<b>.mp4", "a <d>", (Turn("<q>", "<r>"),), CLIP, (WHOLE, second))
    page = tmp_path / "page.html"
    write_page(page, told)
    html = page.read_text(encoding="utf-8")
    read = Reader(html.removeprefix("<!doctype html>\n"))
    known = {"html", "head", "meta", "link", "title", "style", "body", "header", "main", "section", "figure"}
    known |= {"figcaption", "h1", "h2", "p", "b", "code", "div", "span", "br", "ul", "ol", "li", "svg", "rect", "path"}
    known |= {"img", "details", "summary", "mark", "table", "thead", "tbody", "tr", "th", "td", "small"}
    assert {tag for tag, _ in read.elements} <= known
    addresses = [str(value) for _, each in read.elements for key, value in each.items() if key in ("src", "href")]
    assert all(address.startswith("data:") for address in addresses)
    assert not re.search(r"https?:|@import|url\(", html)
    assert "default-src 'none'" in html
    assert html.index("and &lt;u&gt;then") < html.index("what &lt;i&gt;?")
    for text in ("a<b>.mp4", "S & T", "a <d>", "<q> <r>", "<eos>"):
        assert text in read.text
