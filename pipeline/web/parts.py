"""Pieces of the page as HTML. Whatever a person wrote, and what their file is called, is text and nothing else."""

from collections.abc import Sequence

from pipeline.answers.explain import END_WORD, Explanation
from pipeline.answers.explain_clip import Clip
from pipeline.config import Config
from pipeline.corpus.dialogs import UNDISCLOSED, Dialog
from pipeline.inert import html
from pipeline.report.attention import attention_figure
from pipeline.report.charts import COLOURS
from pipeline.web.desk import Asked, Visit
from pipeline.web.work import PICTURE, Progress

DECODED = {"frames": "Decoding the picture", "sound": "Decoding the sound", PICTURE: "Small frames and sound level"}
KINDS = {
    "i3d_rgb": "Appearance",
    "i3d_flow": "Motion",
    "i3d_r50": "Appearance and motion",
    "image": "Single frames",
    "vggish": "Sound",
    "cnn10": "Sound",
    "yamnet": "Sound",
}
"""By network, what a feature is of."""


def text(value: str) -> str:
    """A person's text in HTML; braces and dollars too are escaped, which a page's template would read."""
    return html(value).replace("{", "&#123;").replace("}", "&#125;").replace("$", "&#36;").replace("`", "&#96;")


def sentence(value: str) -> str:
    """A message as a sentence of its own."""
    return f"{value[:1].upper()}{value[1:]}{'' if value[-1:] in '.!?' else '.'}"


def note(words: str, kind: str = "said") -> str:
    """A sentence about what is going on. kind: `said`, `failed` or `ready`."""
    return f'<p class="note {kind}" role="{"alert" if kind == "failed" else "status"}">{text(sentence(words))}</p>'


def step_name(config: Config, step: str) -> str:
    """What a step of the work is called."""
    if step in DECODED:
        return DECODED[step]
    return f"{KINDS[config.features[step].network]} ({step})"


def progress(config: Config, now: Progress) -> str:
    """The steps of the work: what is done, what is under way and how long it takes, what comes."""
    if now.state == "waiting":
        jobs = "video" if now.before == 1 else "videos"
        return note(f"waiting for {now.before} other {jobs} before yours" if now.before else "your video is next")
    items = []
    for place, step in enumerate(now.steps):
        name = text(step_name(config, step))
        if place != now.step:
            kind, mark = ("done", "done") if place < now.step else ("next", "")
            items.append(f'<li class="{kind}"><span>{name}</span><span>{mark}</span></li>')
            continue
        left = "" if now.left is None else f"about {_duration(now.left)} left"
        value = "" if now.share is None else f' value="{now.share:.3f}"'
        items.append(
            f'<li class="now" aria-current="step"><span>{name}</span><span>{left}</span>'
            f'<progress{value} aria-label="{name}"></progress></li>'
        )
    return f'<ol class="steps">{"".join(items)}</ol>'


def _duration(seconds: float) -> str:
    return f"{max(seconds, 1):.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def ready(visit: Visit) -> str:
    """What was made of a video, and what it lacks."""
    clip = visit.known.clip
    assert clip is not None
    silent = [name for name, feature in visit.known.features.items() if not len(feature.values)]
    words = f"{visit.video.quoted} is ready, {clip.seconds:.1f} s"
    if clip.level is None:
        words += ": it has no sound, so answers come from the picture alone"
    elif silent:
        words += f": it is too short for {' and '.join(silent)}"
    return note(words, "ready")


def dialog(visit: Visit) -> str:
    """All questions and answers, the latest first and its picture open."""
    clip = visit.known.clip
    assert clip is not None or not visit.asked
    return "".join(
        _turn(visit.asked[place], place, clip, place == len(visit.asked) - 1)
        for place in reversed(range(len(visit.asked)))
        if clip is not None
    )


def _turn(one: Asked, place: int, clip: Clip, latest: bool) -> str:
    explanation = one.reply.explanation
    assert explanation is not None
    answer = one.reply.answer or "(nothing)"
    unknown = f"<p>Not in its vocabulary, so not understood: {text(', '.join(one.reply.unknown))}.</p>"
    told = f"<p>Told of the video: {text(one.told)}</p>"
    return (
        f'<article class="asked" aria-label="Question {place + 1}"><h2>{text(one.question)}</h2>'
        f'<p class="answer">{text(answer)}</p>'
        f'<p class="muted">{text(one.label)} <code>{text(one.name)}</code></p>'
        f"{unknown if one.reply.unknown else ''}{told if one.told else ''}"
        f"{_peaks(explanation)}{_others(one)}"
        f"<details{' open' if latest else ''}><summary>Where the answer came from</summary>"
        f"{_inert(attention_figure(explanation, clip))}</details></article>"
    )


def _peaks(explanation: Explanation) -> str:
    """For each word the moment that counted most: buttons that move the player there."""
    buttons = []
    for row, word in enumerate(explanation.words):
        found = [
            (float(modality.weights[row].max()) * share, place, modality.name, float(modality.times[peak]))
            for place, modality in enumerate(explanation.modalities)
            if modality.times is not None and len(modality.times)
            for peak in [int(modality.weights[row].argmax())]
            for share in [1.0 if explanation.shares is None else float(explanation.shares[row, place])]
        ]
        if found and word != END_WORD and any(map(str.isalnum, word)):
            _, place, name, second = max(found)
            buttons.append(
                f'<button type="button" class="peak c{place % COLOURS}" data-second="{second:.2f}" '
                f'title="Show {second:.1f} s"><b>{text(word)}</b> {text(name)} {second:.1f} s</button>'
            )
    if not buttons:
        return ""
    return f'<div class="peaks" role="group" aria-label="Moments behind the words">{"".join(buttons)}</div>'


def _others(one: Asked) -> str:
    """The table of what all systems answer."""
    if not one.others:
        return ""
    rows = []
    for other in one.others:
        kind = ' class="chosen"' if other.name == one.name else ""
        said = f'<span class="muted">{text(sentence(other.refused))}</span>' if other.refused else text(other.answer)
        name = f'<th scope="row">{text(other.label)} <small>{text(other.name)}</small></th>'
        rows.append(f"<tr{kind}>{name}<td>{said}</td></tr>")
    return (
        '<div class="scroll" tabindex="0" role="region" aria-label="All systems"><table class="others"><thead><tr>'
        f'<th scope="col">System</th><th scope="col">Its answer</th></tr></thead><tbody>{"".join(rows)}</tbody>'
        "</table></div>"
    )


def truth(one: Dialog | None) -> str:
    """The true dialog about an example: a click on a question asks it."""
    if one is None:
        return ""
    items = "".join(
        f'<li><button type="button" class="link" data-question="{text(turn.question)}">{text(turn.question)}</button> '
        f"{text('' if turn.answer == UNDISCLOSED else turn.answer)}</li>"
        for turn in one.turns
    )
    summary = f'<p class="muted">A person describes it: {text(one.summary)}</p>' if one.summary else ""
    return (
        f'<details class="truth"><summary>The true dialog about this clip</summary>{summary}<ol>{items}</ol></details>'
    )


def _inert(picture: str) -> str:
    """A picture, whose texts are escaped already, without what a template would read."""
    return picture.replace("{", "&#123;").replace("}", "&#125;").replace("$", "&#36;").replace("`", "&#96;")


def head(config: Config, systems: Sequence[str]) -> str:
    """The top of the page."""
    count = f"{len(systems)} trained systems" if len(systems) > 1 else "One trained system"
    return (
        "<h1>Ask about a video</h1>"
        f'<p class="muted">Choose a video, watch it, ask. {count} in <code>{text(str(config.results))}</code>; '
        "everything stays on this machine.</p>"
    )
