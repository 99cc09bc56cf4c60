"""Texts that would be markup, commands or formulas where they are written: there they are the characters they are."""

import csv
import importlib.util
import io
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import h5py
import numpy as np
import pytest
from markdown_it import MarkdownIt

from pipeline.answers.explain import Explanation, Modality
from pipeline.answers.explain_clip import Clip
from pipeline.asking.conversation import Told
from pipeline.config import parse
from pipeline.corpus.dialogs import Dialog, Turn, write_dialogs
from pipeline.corpus.references import write_references
from pipeline.features.quarantine import gather_quarantine
from pipeline.features.store import write_shard
from pipeline.files import write_json, write_text
from pipeline.inert import cells, html, latex, lines, markdown, markdown_line, shown
from pipeline.layout import Layout
from pipeline.media.decode import QUARANTINE_COLUMNS
from pipeline.report.attention_page import write_page
from pipeline.report.charts import Bar, bar_chart
from pipeline.report.page import write_report
from pipeline.report.release import write_release
from pipeline.report.tables import write_tables
from pipeline.systems.card import card
from pipeline.texts import read_json, read_records

ROOT = Path(__file__).resolve().parents[2]
GATE = "What is written"
INERT = "shown as the characters it is"
HIT = "document.title='HIT'"
HOSTILE = {
    "script": f"<script>{HIT}</script>",
    "handler": f'<img src=x onerror="{HIT}">',
    "out of an attribute": f'"><svg onload={HIT}>',
    "out of another": f"' autofocus onfocus={HIT} tabindex=0 x='",
    "link": f"[a](javascript:{HIT}) ![b](x) <javascript:x> http://a.example www.a.example",
    "out of a title": f"</title></style></textarea></pre><script>{HIT}</script>",
    "entities": "&lt;b&gt; &amp;amp; &#60;script&#62; &copy;",
    "templates": "${7*7} {{7*7}} {% raw %} #{7*7} <%= 7 %> {7}",
    "terminal markup": "[bold red]x[/] :cat: [link=file:///etc]y[/link]",
    "terminal escapes": "\x1b[31mred\x1b]0;HIT\x07 \x9b1m",
    "Markdown": "`code` ```x``` **b** __c__ ~~d~~ $x$ # h_",
    "pipes": "a | b || c \\| d",
    "LaTeX": "\\input{/etc/passwd} \\write18{id} 50% #1 a&b x_y ^z~ {q} ``--''",
    "formula": "=cmd|' /C calc'!A0",
    "another formula": "+1+cmd|'x'!A1 @SUM(1) -2+3",
    "a third": "@SUM(1+1)*cmd|' /C calc'!A0",
    "emoji and marks": "😀👩\u200d👩\u200d👧 é ñ e\u0301\u0302\u0303\u0304",
    "direction": "\u202eesrever\u2066 \u200fmark",
    "zero width": "zero\u200bwidth\ufeff\u2060",
    "a long word": "w" * 600,
    "lines and controls": "new\nline\r\ttab\x01\x08\x0b\x1c\x85\u2028end",
    "blocks": "1. item",
    "formats": "%s %d {0} %(x)s \\x41 \\u0041",
}
UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
LABELS = {name: text for name, text in HOSTILE.items() if not re.search("[\x00-\x1f\x7f-\x9f\u2028]", text)}


def one_or_more(names: Iterator[str] | dict[str, str], first: int = 3) -> list[object]:
    return [name if place < first else pytest.param(name, marks=pytest.mark.more) for place, name in enumerate(names)]


# ---- pages, in a browser --------------------------------------------------------------------------------------------


class Page(HTMLParser):
    """The text of a page, its title, and what could run in it: scripts, handlers, addresses."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text, self.title, self.running, self.addresses = "", "", [], []
        self._in = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in = tag
        self.running += [key for key, _ in attrs if key.startswith("on")] + (["script"] if tag == "script" else [])
        self.addresses += [value or "" for key, value in attrs if key in ("href", "src", "action", "data")]
        self.text += "".join(f"\n{value}\n" for key, value in attrs if key in ("title", "aria-label"))

    def handle_data(self, data: str) -> None:
        if self._in == "title" and not self.title:
            self.title = data
        if self._in not in ("script", "style"):
            self.text += data

    def handle_endtag(self, tag: str) -> None:
        self._in = ""


def browsed(path: Path, scripts: int) -> Page:
    """A page as a browser has it after its scripts ran, which must not have been other than its own."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium to open the page in")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=2000", "--dump-dom"]
    profile = f"--user-data-dir={path.parent / 'profile'}"
    done = subprocess.run([browser, *options, profile, path.as_uri()], capture_output=True, timeout=120, check=True)
    page = Page(done.stdout.decode())
    assert page.title != "HIT"
    assert page.running == ["script"] * scripts
    assert all(re.match(r"#|data:", address) for address in page.addresses), page.addresses
    return page


def plain(text: str) -> str:
    """As a page's text is compared: blanks are alike in HTML."""
    return " ".join(lines(text).split())


def shows(page: Page, texts: dict[str, str]) -> None:
    there = " ".join(page.text.split())
    assert not UNSEEN.search(there)
    for name, text in texts.items():
        assert plain(text) in there, name


@pytest.fixture
def made_up():
    """The made-up run of the report's own tests."""
    spec = importlib.util.spec_from_file_location("made_up_run", ROOT / "tests/report/conftest.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def hostile_run(made_up, tmp_path):
    """A run whose dialogs, answers, summaries, labels, attributes and lists of videos are all hostile."""
    texts = list(HOSTILE.values())
    labels = list(LABELS.values())
    systems = {
        name: {**entry, "label": labels[place % len(labels)]}
        for place, (name, entry) in enumerate(made_up.SYSTEMS.items())
    }
    more = {f"s{n}": {"label": label, "network": "attention"} for n, label in enumerate(labels)}
    config = made_up.configuration(
        tmp_path, systems={**systems, **more}, run=[*systems, *more], dialogs={"training": f"{labels[0]}.json"}
    )
    layout = Layout(tmp_path)
    turns = tuple(Turn(text, text) for text in texts)
    answering = list(made_up.SYSTEMS)[:3]
    for test_set in ("trial", "official"):
        dialogs = [Dialog(f"-{test_set}.{n}", texts[n % len(texts)], texts[n % len(texts)], turns) for n in range(4)]
        write_dialogs(layout.dialogs(test_set), dialogs)
        keys = [(dialog.video_id, n) for dialog in dialogs for n in range(len(turns))]
        write_references(layout.references(test_set), dict.fromkeys(keys, texts))
        for name in answering:
            answered = {
                "dialogs": [
                    {
                        "image_id": d.video_id,
                        "dialog": [{"question": t.question, "answer": t.answer, "generated": True} for t in d.turns],
                    }
                    for d in dialogs
                ]
            }
            write_json(layout.answers(name, test_set), answered)
            items = {f"{video}_{n}": {"grounded": n % 2} for video, n in keys}
            write_json(layout.scores(name, test_set), made_up.scores(0.5, test_set, items, grounded=True))
            for path in (layout.answers(name, test_set), layout.scores(name, test_set)):
                write_text(layout.finished(path), "")
    shard = layout.feature_shard("vggish", "0000")
    shard.parent.mkdir(parents=True)
    with h5py.File(shard, "w") as file:
        file["video_ids"] = np.array(["a"], dtype=h5py.string_dtype())
        for key, text in zip(("weights", "window", "rate", "source", "crop"), texts, strict=False):
            file.attrs[key] = text.replace("\0", "")
    buffer = io.StringIO()
    writer = csv.writer(buffer, dialect="excel-tab", lineterminator="\n")
    writer.writerow(("video", "features", *QUARANTINE_COLUMNS[1:]))
    writer.writerows(cells([text, "vggish", "probe", text, text]) for text in texts)
    write_text(layout.quarantine_shard("0000"), buffer.getvalue())
    return config


@pytest.mark.fault(GATE, "a hostile text in the report", INERT)
def test_report(hostile_run):
    write_report(hostile_run)
    page = browsed(Layout(hostile_run.results).report, scripts=1)
    assert page.title == "AVSD: report of a run"
    shows(page, HOSTILE)
    assert "&amp;amp;amp;" not in page.text and "&lt;script" not in page.text.replace(HOSTILE["entities"], "")


@pytest.mark.fault(GATE, "a hostile text in the page of attention", INERT)
@pytest.mark.parametrize("name", one_or_more(HOSTILE, 0))
def test_attention(tmp_path, name):
    text = HOSTILE[name]
    words = tuple(text.split())
    steps = Modality("question", np.ones((len(words) + 1, len(words)), np.float32), None, words)
    seen = Modality(text, np.ones((len(words) + 1, 2), np.float32), np.array([1.0, 2.0]))
    shares = np.full((len(words) + 1, 2), 0.5, np.float32)
    one = Explanation(text, text, (*words, "<eos>"), (steps, seen), shares)
    clip = Clip(4.0, ((1.0, b"x"),), np.array([-9.0, -3.0]), 2.0)
    write_page(tmp_path / "page.html", Told(text, text, text, text, (Turn(text, text),), clip, (one,)))
    page = browsed(tmp_path / "page.html", scripts=0)
    assert plain(page.title) == plain(f"{text}: questions and answers")
    shows(page, {name: text})


@pytest.mark.fault(GATE, "a hostile text in a chart", INERT)
@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.more) for name in HOSTILE])
def test_chart(tmp_path, name):
    drawn = bar_chart([Bar(HOSTILE[name], 0, 0.5, HOSTILE[name])], None, HOSTILE[name])
    (tmp_path / "page.html").write_text(f"<!doctype html><meta charset=utf-8><title>x</title>{drawn}", encoding="utf-8")
    shows(browsed(tmp_path / "page.html", scripts=0), {name: HOSTILE[name]})


@pytest.mark.fault(GATE, "a hostile text in HTML", INERT)
@pytest.mark.parametrize("name", one_or_more(HOSTILE))
def test_html(name):
    text = HOSTILE[name]
    page = Page(f"<p title=\"{html(text)}\" lang='{html(text)}'>{html(text)}</p>")
    assert page.text == f"\n{lines(text)}\n{lines(text)}"
    assert page.running == [] and page.addresses == []


# ---- Markdown -------------------------------------------------------------------------------------------------------


def facts(text: str) -> dict[str, object]:
    settings = {"seed": text, text: 1}
    return {
        "system": "a_b",
        "label": text,
        "does": text,
        "network": text,
        "feature_dims": {text: 3},
        "history": True,
        "description": {"train": text, "test": text},
        "loss": text,
        "teacher": text,
        "init_from": text,
        "freeze": [text],
        "vocabulary": {"size": 3, "hash": "ab"},
        "training": settings,
        "metrics": {text: 0.5},
        "sizes": {text: text},
        "parameters": {text: 1},
        "versions": {text: text},
        "commit": text,
    }


def rendered(text: str) -> list[str]:
    """HTML of a Markdown document, as two libraries that differ in what they take for escaped make it."""
    import markdown as python_markdown

    linked = MarkdownIt("gfm-like", {"linkify": False})
    return [linked.render(text), python_markdown.markdown(text, extensions=["tables", "fenced_code"])]


@pytest.mark.fault(GATE, "a hostile text in Markdown", INERT)
@pytest.mark.parametrize("name", one_or_more(HOSTILE))
def test_markdown(name):
    text = HOSTILE[name]
    document = f"# {markdown(text)}\n\n| a | b |\n|---|---|\n| {markdown(text)} | x |\n\n{markdown_line(text)}  \nend\n"
    for found in rendered(document):
        page = Page(found)
        assert page.running == [] and page.addresses == []
        assert re.findall(r"<(?!/)(\w+)", found) == [
            *("h1", "table", "thead", "tr", "th", "th", "tbody", "tr", "td", "td", "p", "br"),
        ]
        there = " ".join(page.text.split())
        assert there == " ".join(f"{shown(text)} a b {shown(text)} x {shown(text)} end".split())


@pytest.mark.fault(GATE, "a hostile text in model cards, tables and the release", INERT)
def test_cards_and_tables_in_a_browser(hostile_run, tmp_path):
    write_tables(hostile_run)
    layout = Layout(hostile_run.results)
    for name, text in zip(hostile_run.run, HOSTILE.values(), strict=False):
        model = layout.model(hostile_run.trained(name)[0])
        model.mkdir(parents=True, exist_ok=True)
        write_text(model / "README.md", card(facts(text)))
    for name in hostile_run.run:
        model = layout.model(hostile_run.trained(name)[0])
        if not (model / "README.md").is_file():
            write_text(model / "README.md", card(facts("x")))
    write_release(hostile_run, tmp_path / "release.zip", partial=True)
    shutil.unpack_archive(tmp_path / "release.zip", tmp_path / "release")
    documents = [*sorted(layout.tables.glob("*.md")), *sorted((tmp_path / "release").rglob("*.md"))]
    documents += [tmp_path / "cards.md"]
    write_text(documents[-1], "\n\n".join(card(facts(text)) for text in HOSTILE.values()))
    assert len(documents) >= 10
    pieces = [piece for path in documents for piece in rendered(path.read_text(encoding="utf-8"))]
    head = "<!doctype html><meta charset=utf-8><title>cards</title>"
    write_text(tmp_path / "cards.html", head + "".join(f"<section>{piece}</section>" for piece in pieces))
    page = browsed(tmp_path / "cards.html", scripts=0)
    assert page.title == "cards"
    there = " ".join(page.text.split())
    for name, text in HOSTILE.items():
        assert there.count(" ".join(shown(text).split())) >= 2 * 15, name


# ---- LaTeX, tables for spreadsheets ---------------------------------------------------------------------------------

COMMAND = re.compile(r"\\(?:text[a-z]+\{\}|[&%$#_{}])|\$\\pm\$|\{\}|-\{\}")


@pytest.mark.fault(GATE, "a hostile text in LaTeX", INERT)
@pytest.mark.parametrize("name", one_or_more(HOSTILE))
def test_latex(name):
    written = latex(HOSTILE[name])
    assert not re.search(r"[\\{}$&#^_~%<>|\"`'\x00-\x1f]", COMMAND.sub("", written))
    assert "--" not in written and not re.match(r"[\[*]", written)


@pytest.mark.fault(GATE, "a formula in a table for spreadsheets", "text, with an apostrophe in front")
@pytest.mark.parametrize("name", one_or_more(HOSTILE))
def test_spreadsheets(name):
    buffer = io.StringIO()
    csv.writer(buffer).writerow(cells([HOSTILE[name], -1.5, "-1.5", "-vdieo-id", "-"]))
    (line,) = csv.reader(io.StringIO(buffer.getvalue()))
    assert line[1:] == ["-1.5", "-1.5", "-vdieo-id", "-"]
    assert not re.match(r"\s*[=+@]", line[0]) and line[0] in (shown(HOSTILE[name]), f"'{shown(HOSTILE[name])}")


@pytest.mark.fault(GATE, "hostile names in lists of unreadable videos", "a line each, and the same when gathered")
def test_quarantine(tmp_path):
    buffer = io.StringIO()
    writer = csv.writer(buffer, dialect="excel-tab", lineterminator="\n")
    writer.writerow(QUARANTINE_COLUMNS)
    writer.writerows(cells([text, "probe", text, text]) for text in HOSTILE.values())
    write_text(tmp_path / "vggish/0000.tsv", buffer.getvalue())
    gather_quarantine([tmp_path / "vggish"], tmp_path / "all")
    found = read_records(tmp_path / "all/0000.tsv", "excel-tab")
    assert (tmp_path / "all/0000.tsv").read_text(encoding="utf-8").count("\n") == len(HOSTILE) + 1
    assert sorted(line["video"] for line in found) == sorted(map(str, cells(HOSTILE.values())))


# ---- terminal, logs, errors -----------------------------------------------------------------------------------------


def is_quiet(text: str) -> None:
    """Nothing in it steers a terminal."""
    assert not UNSEEN.search(text.replace("\n", "")), ascii(UNSEEN.search(text.replace("\n", "")))


FILES = {name: text for name, text in HOSTILE.items() if len(text) < 200}


@pytest.mark.fault(GATE, "a hostile text on the terminal", INERT)
@pytest.mark.parametrize("name", one_or_more(FILES, 1))
def test_terminal(avsd, tmp_path, name):
    text = FILES[name]
    path = tmp_path / f"{text.replace('/', '∕')}.h5"
    write_shard(path, [("a", np.zeros((1, 2)), np.zeros(1))], {f"x{text}": text}, 2, "float32")
    outcome = avsd("features", "show", path, COLUMNS="2000")
    said = outcome.went_well()
    is_quiet(said)
    is_quiet(outcome.err)
    assert shown(path.name) in said
    assert said.count(shown(text)) >= (2 if path.stem == text else 1), said


@pytest.mark.fault(GATE, "a hostile text in an error", "one line, " + INERT)
@pytest.mark.parametrize("name", one_or_more(HOSTILE, 1))
def test_errors(avsd, tmp_path, name):
    text = HOSTILE[name][:500]
    for given in (["--config", f"{text}.yaml"], ["--config", '{"run": ' + repr_json(text) + "}"]):
        outcome = avsd("tables", *given)
        is_quiet(outcome.refused())


def repr_json(text: str) -> str:
    import json

    return json.dumps([text])


@pytest.mark.fault(GATE, "a hostile name in what the workflow says", "one line, " + INERT)
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.more) for name in ("terminal escapes", "direction", "terminal markup")],
)
def test_workflow(tmp_path, name):
    folder = tmp_path / HOSTILE[name].replace("/", "∕")
    command = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--dry-run", "--cores", "1"]
    command += [
        "--configfile",
        ROOT / "configs/clips.yaml",
        "--config",
        f"videos={tmp_path}/{shown(folder.name)}\u202e",
    ]
    done = subprocess.run(
        list(map(str, command)), check=False, cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert done.returncode == 1 and len(errors) == 1, done.stderr
    is_quiet(errors[0])


@pytest.mark.fault(GATE, "a control character in a label", "refused by key")
@pytest.mark.parametrize("name", one_or_more([name for name in HOSTILE if name not in LABELS], 1))
def test_labels(name):
    from pipeline.errors import UserError

    with pytest.raises(UserError, match=r"systems\.a\.label"):
        parse({"systems": {"a": {"label": HOSTILE[name], "network": "attention"}}})


def test_written_results_are_read_back(hostile_run):
    """What is escaped is what people read; data stay what they are."""
    content = read_json(Layout(hostile_run.results).answers("baseline", "trial"))
    assert [turn["answer"] for turn in content["dialogs"][0]["dialog"]] == list(HOSTILE.values())
