"""The page: gradio's components, and what each of them does at the desk."""

import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from pipeline.errors import UserError
from pipeline.texts.limits import LONGEST_SENTENCE
from pipeline.web import parts
from pipeline.web.desk import Desk, LeftError
from pipeline.web.work import Progress

Update = dict[Any, Any]
"""New values of components, by component; those that are not in it stay as they are."""
HIDDEN, SHOWN = gr.update(visible=False), gr.update(visible=True)


class Page:
    """The components, and the handlers of their events.

    A handler that takes time is a generator: each update it yields goes to the browser at once.
    """

    def __init__(self, desk: Desk, pictures: Path) -> None:
        """pictures: a folder, where those of the examples are put."""
        self._desk, self._pictures = desk, pictures
        with gr.Blocks(title="Ask about a video", analytics_enabled=False, delete_cache=(3600, 24 * 3600)) as blocks:
            self.blocks = blocks
            self._html("head", parts.head(desk.config, desk.systems))
            with gr.Row(elem_id="halves"):
                with gr.Column(min_width=320, elem_id="watching"):
                    self._watching()
                with gr.Column(min_width=320, elem_id="asking"):
                    self._asked()
        self._connect()

    def _html(self, name: str, value: str = "") -> gr.HTML:
        """A piece of the page that is its own HTML, with its own styles."""
        return gr.HTML(value, elem_id=name or None, elem_classes="avsd", apply_default_css=False)

    def _watching(self) -> None:
        self.video = gr.Video(
            label="Video", sources=["upload"], buttons=[], elem_id="video", height=320, show_label=False
        )
        self.state = self._html("state")
        self.cancel = gr.Button("Cancel", visible=False, size="sm", elem_id="cancel")
        self.examples: list[gr.Button] = []
        if self._desk.examples:
            self._html("", '<p class="muted">Or a clip of the trial set, with its true dialog:</p>')
            with gr.Row(elem_id="examples"):
                for example in self._desk.examples:
                    icon = self._pictures / f"{example.dialog.video_id}.jpg"
                    icon.write_bytes(example.picture)
                    self.examples.append(gr.Button(example.dialog.video_id, icon=icon, size="sm", min_width=70))
        self.truth = self._html("truth")

    def _asked(self) -> None:
        desk = self._desk
        with gr.Row(elem_id="question-row", equal_height=True):
            self.question = gr.Textbox(
                label="Question",
                placeholder="What is the person doing?",
                lines=1,
                max_lines=1,
                max_length=LONGEST_SENTENCE,
                scale=5,
                elem_id="question",
            )
            self.ask = gr.Button("Ask", variant="primary", scale=1, min_width=90, elem_id="ask")
        self.note = self._html("note")
        labels = [(f"{desk.config.systems[name].label} · {name}", name) for name in desk.systems]
        reads = desk.reads_description(desk.best)
        self.system = gr.Dropdown(labels, value=desk.best, label="Answered by", filterable=False, elem_id="system")
        self.description = gr.Textbox(
            label="A description of the video, in a sentence or two: this system reads one",
            lines=2,
            max_length=LONGEST_SENTENCE,
            visible=reads,
            elem_id="description",
        )
        self.compare = gr.Button("What do all systems answer?", visible=False, size="sm", elem_id="compare")
        self.dialog = self._html("dialog")

    def _connect(self) -> None:
        """Events of components and what they do. Nothing of it is an API."""
        shown = [self.state, self.cancel, self.note, self.dialog, self.compare, self.truth]
        hidden: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
        open_ended: dict[str, Any] = {**hidden, "concurrency_limit": None}
        with self.blocks:
            chosen = {
                "fn": self._handler(self.choose),
                "inputs": [self.video, self.system, self.description],
                "outputs": shown,
                **open_ended,
            }
            self.video.upload(**chosen, trigger_mode="multiple")
            self.video.clear(self.clear, None, shown, **hidden, queue=False)
            for button, example in zip(self.examples, self._desk.examples, strict=True):
                path = str(example.path)
                button.click(lambda path=path: path, None, self.video, **hidden).then(**chosen)
            self.cancel.click(self.stop, None, None, **hidden, queue=False)
            self.system.change(self.describe, self.system, self.description, **hidden, queue=False)
            inputs = [self.question, self.system, self.description]
            outputs = [self.question, *shown]
            gr.on([self.question.submit, self.ask.click], self._handler(self.answer), inputs, outputs, **open_ended)
            inputs = [self.description]
            self.compare.click(self._handler(self.all_systems), inputs, outputs, **open_ended)
            self.blocks.unload(self.leave)

    def _handler(self, steps: Callable[..., Iterator[Update]]) -> Callable[..., Iterator[Update]]:
        """A handler whose errors are sentences on the page."""

        def run(request: gr.Request, *values: Any) -> Iterator[Update]:
            try:
                yield from steps(str(request.session_hash), *values)
            except UserError as error:
                yield {self.cancel: HIDDEN, self.state: "", self.note: parts.note(str(error), "failed")}
            except LeftError:
                return
            except Exception:
                traceback.print_exc()
                words = "this did not work for a reason that is a fault of the program; its log says more"
                yield {self.cancel: HIDDEN, self.state: "", self.note: parts.note(words, "failed")}

        return run

    def choose(self, person: str, path: str | None, system: str, description: str | None) -> Iterator[Update]:
        """A video was uploaded, or an example chosen: what the chosen system needs is computed."""
        # First, so that no answer about the video before comes after the page is blank.
        self._desk.leave(person)
        yield self._blank()
        if path is None:
            return
        visit = self._desk.begin(person, Path(path))
        yield {self.truth: parts.truth(self._desk.truth(visit))}
        party = self._desk.party(visit, system, description or "")
        for now in self._desk.prepare(visit, party.dims):
            yield self._progress(now)
        yield {self.cancel: HIDDEN, self.state: parts.ready(visit)}

    def answer(self, person: str, question: str, system: str, description: str | None) -> Iterator[Update]:
        """A question was asked."""
        if not question.strip():
            raise UserError("the question is blank: type one")
        visit = self._desk.visit(person)
        party = self._desk.party(visit, system, description or "")
        yield {self.note: ""}
        for now in self._desk.prepare(visit, party.dims):
            yield self._progress(now)
        self._desk.ask(visit, party, question)
        yield {
            self.question: "",
            self.state: parts.ready(visit),
            self.cancel: HIDDEN,
            self.dialog: parts.dialog(visit),
            self.compare: SHOWN if len(self._desk.systems) > 1 else HIDDEN,
        }

    def all_systems(self, person: str, description: str | None) -> Iterator[Update]:
        """All systems are asked the last question."""
        visit = self._desk.visit(person)
        for now in self._desk.compare(visit, description or ""):
            if isinstance(now, Progress):
                yield self._progress(now)
            else:
                yield {self.note: parts.note(f"{now} of {len(self._desk.systems)} systems have answered")}
        yield {self.note: "", self.cancel: HIDDEN, self.state: parts.ready(visit), self.dialog: parts.dialog(visit)}

    def clear(self, request: gr.Request) -> Update:
        """The video was taken away."""
        self.leave(request)
        return self._blank()

    def stop(self, request: gr.Request) -> None:
        """Whatever is computed for this person ends."""
        self._desk.visit(str(request.session_hash)).cancel()

    def leave(self, request: gr.Request) -> None:
        """The person closed the page."""
        self._desk.leave(str(request.session_hash))

    def describe(self, system: str) -> Any:
        """Another system was chosen: a description can be given to those that read one."""
        return gr.update(visible=self._desk.reads_description(system))

    def _blank(self) -> Update:
        empty = dict.fromkeys([self.state, self.note, self.dialog, self.truth], "")
        return {**empty, self.cancel: HIDDEN, self.compare: HIDDEN}

    def _progress(self, now: Progress) -> Update:
        return {self.state: parts.progress(self._desk.config, now), self.cancel: SHOWN}
