"""`avsd ask`, `avsd describe`, `avsd find`, `avsd web`: trained systems and any video.

Heavy imports stay inside the commands, as in `pipeline.cli`.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli_groups import DEFAULT, Configuration, check_files
from pipeline.config import load
from pipeline.errors import UserError

asking_app = typer.Typer()


@asking_app.command()
def ask(
    video: Annotated[Path, typer.Argument(help="Any video file.")],
    questions: Annotated[list[str] | None, typer.Argument(help="Questions; each answer enters the history.")] = None,
    system: Annotated[
        str | None, typer.Option(help="System of the configuration; default: the best one trained.")
    ] = None,
    history: Annotated[
        Path | None,
        typer.Option(help="The dialog before: JSON (pairs, or a dialog), or text, question and answer in turn."),
    ] = None,
    asked: Annotated[list[str] | None, typer.Option(help="A question of the dialog before; repeat.")] = None,
    answered: Annotated[list[str] | None, typer.Option(help="Its answer; one for each --asked.")] = None,
    description: Annotated[
        str | None, typer.Option(help="A description of the video, for systems that read one at test.")
    ] = None,
    interactive: Annotated[bool, typer.Option("--interactive", "-i", help="Go on with questions typed in.")] = False,
    explain: Annotated[
        Path | None, typer.Option(help="HTML page to write: what the network looked at for each word.")
    ] = None,
    config: Configuration = DEFAULT,
) -> None:
    """Ask a trained system about any video file: decode, features, answer.

    The features are made as for the training, with the same settings, and kept as long as the command runs: only the
    first answer takes time. Without a question, and with `--interactive`, questions are typed at a prompt; an empty
    line or Ctrl-D ends. Answers go to the standard output, a line each; all else to the standard error.

    **Examples**

        avsd ask clip.mp4 "what is the person doing?" "what colour is it?" --explain why.html

        avsd ask clip.mp4 "and then?" --asked "what does she do?" --answered "she opens a door ."

        avsd ask clip.mp4 --system jst -c config.yaml -c configs/charades.yaml
    """
    from pipeline.asking.command import Request
    from pipeline.asking.command import ask as run
    from pipeline.asking.conversation import Told
    from pipeline.report.attention_page import write_page

    if not questions and not interactive and not sys.stdin.isatty():
        raise UserError("no question: give one, or --interactive to read them from the standard input")
    check_files([explain], [video, history], config)

    def show(told: Told) -> None:
        assert explain is not None
        write_page(explain, told)

    request = Request(
        video,
        tuple(questions or ()),
        system,
        history,
        tuple(asked or ()),
        tuple(answered or ()),
        description,
        interactive or not questions,
        explain is not None,
    )
    run(load(config), request, show)


@asking_app.command()
def describe(
    video: Annotated[Path, typer.Argument(help="Any video file.")],
    system: Annotated[
        str | None, typer.Option(help="Describing system of the configuration; default: the best one trained.")
    ] = None,
    n_best: Annotated[int, typer.Option(min=1, help="Descriptions to print, with scores where there are several.")] = 1,
    config: Configuration = DEFAULT,
) -> None:
    """Describe any video file in a sentence by a trained system: decode, features, search.

    The description goes to the standard output, all else to the standard error.

    **Examples**

        avsd describe clip.mp4

        avsd describe clip.mp4 --system describer --n-best 5 -c config.yaml -c configs/charades.yaml
    """
    from pipeline.asking.describing import describe as run

    run(load(config), video, system, n_best)


@asking_app.command()
def find(
    text: Annotated[str, typer.Argument(help="What the video is to show.")],
    videos: Annotated[Path, typer.Option(help="Folder of videos.")],
    recursive: Annotated[bool, typer.Option("--recursive", help="Folders in it too.")] = False,
    system: Annotated[
        str | None, typer.Option(help="Retrieving system of the configuration; default: the best one trained.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="Videos to print.")] = 5,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object instead: videos, words not known, videos left out.")
    ] = False,
    config: Configuration = DEFAULT,
) -> None:
    """Find the videos of a folder that a text fits best, by a trained matcher.

    A line a video on the standard output, the best first: score, the time in it that the score comes from most, and the
    file; all else to the standard error. Features are made as for the training and kept in the results folder, `found`,
    so that a second text takes seconds. Videos that cannot be read are named and left out. Scores of one text compare
    videos with each other; how well any of them fits they do not say.

    **Examples**

        avsd find "a red star falls" --videos clips

        avsd find "a man opens a door" --videos clips --count 10 -c config.yaml -c configs/charades.yaml

        avsd find "a red star falls" --videos clips --json | jq '.videos[0].path'
    """
    from pipeline.asking.finding import Request
    from pipeline.asking.finding import find as run

    run(load(config), Request(text, videos, recursive, system, count, as_json))


@asking_app.command()
def web(
    host: Annotated[str, typer.Option(help="Address to listen at; 0.0.0.0: whoever reaches this machine.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen at.")] = 7860,
    upload_mib: Annotated[int, typer.Option(min=1, help="MiB of an uploaded video at most.")] = 500,
    cache_mib: Annotated[int, typer.Option(min=0, help="MiB kept of videos that were asked about.")] = 1000,
    config: Configuration = DEFAULT,
) -> None:
    """Ask about a video in the browser: a page on this machine, at the address that it prints.

    The conversation of `avsd ask`, with the picture of `--explain` beside each answer. Whoever reaches the address may
    use it: other machines do not, unless `--host` says so. Nothing is asked of another machine. Ctrl-C ends.

    Features of videos that were asked about are kept in the results folder, `web`.

    **Examples**

        avsd web

        avsd web --port 8000 -c config.yaml -c configs/charades.yaml
    """
    from pipeline.web.server import serve

    serve(load(config), host, port, upload_mib, cache_mib)
