"""`avsd ask`, from a video file to answers, against the pipeline's stages run one by one."""

import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
import pytest

from pipeline.answers.generate import answer
from pipeline.asking.command import Request, ask
from pipeline.asking.conversation import Told
from pipeline.asking.video import VideoFeature, video_features, warn_of_other_settings
from pipeline.config import Config, merge, parse
from pipeline.errors import UserError
from pipeline.features.store import FeatureStore
from pipeline.files import write_json
from pipeline.layout import Layout
from pipeline.texts import read_json
from tests.asking.world import CLIPS, dialogs, make_world


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Config:
    return make_world(tmp_path_factory.mktemp("world"))


def clip(world: Config, name: str) -> Path:
    return world.results.parent / "clips" / f"{name}.mp4"


def asked(world: Config, capsys: pytest.CaptureFixture[str], video: str, *questions: str, **more: Any) -> list[str]:
    capsys.readouterr()
    ask(world, Request(clip(world, video), questions, **more))
    return capsys.readouterr().out.splitlines()


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for temporary files, which is empty again after every test."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("name", sorted(CLIPS))
def test_as_the_pipeline_answers(
    world: Config,
    name: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same features to the last bit and the same answer as decode, extract and answer give, and no warning."""
    made: dict[str, VideoFeature] = {}

    def kept(*arguments: Any) -> dict[str, VideoFeature]:
        made.update(video_features(*arguments))
        return made

    monkeypatch.setattr("pipeline.asking.command.video_features", kept)
    (dialog,) = [each for each in dialogs() if each.video_id == name]
    answer(world, "whole", "trial")
    stored = read_json(Layout(world.results).answers("whole", "trial"))["dialogs"]
    (expected,) = [each["dialog"][2]["answer"] for each in stored if each["image_id"] == name]
    history = tmp_path / "history.json"
    write_json(history, [{"question": turn.question, "answer": turn.answer} for turn in dialog.turns[:2]])
    given = {"system": "whole", "history": history, "description": dialog.summary}
    told: list[Told] = []
    capsys.readouterr()
    ask(world, Request(clip(world, name), (dialog.turns[2].question,), explain=True, **given), told.append)
    captured = capsys.readouterr()
    assert captured.out == f"{expected}\n"
    assert "warning" not in captured.err
    assert (f"{name}.mp4: no sound" in captured.err) == (name == "mute")
    (explained,) = told[0].answers
    shown = {modality.name: modality for modality in explained.modalities}
    for feature in ("seen", "heard"):
        store = FeatureStore(Layout(world.results).feature(feature))
        assert np.array_equal(made[feature].values, store.read(name))
        assert np.array_equal(made[feature].times, store.times(name))
        assert np.array_equal(shown[feature].times, store.times(name))
        assert shown[feature].weights.shape == (len(explained.words), store.steps(name))
    assert len(made["heard"].times) == {"loud": 3, "mute": 0, "short": 1}[name]
    assert shown["question"].steps == tuple(f"{dialog.summary} {dialog.turns[2].question}".split())
    assert shown["history"].steps == tuple(f"{turn.question} {turn.answer}" for turn in dialog.turns[:2])
    assert explained.answer == expected


def test_every_answer_enters_the_history(world: Config, capsys: pytest.CaptureFixture[str]) -> None:
    """Three questions at once, three typed in, and one after a history given turn by turn: the same answers."""
    questions = ("what is it ?", "is there a red ball ?", "and what is left ?")
    at_once = asked(world, capsys, "mute", *questions, system="text")
    assert len(at_once) == 3
    last = asked(world, capsys, "mute", questions[2], system="text", asked=questions[:2], answered=tuple(at_once[:2]))
    assert last == at_once[2:]
    assert asked(world, capsys, "mute", questions[2], system="text") != last


def test_interactive(world: Config, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Typed questions follow those given, until an empty line, or the end."""
    questions = ("what is it ?", "is there a red ball ?", "and what is left ?")
    at_once = asked(world, capsys, "mute", *questions, system="text")
    for ending in ("\nwhat ?\n", ""):
        monkeypatch.setattr(sys, "stdin", io.StringIO(f"{questions[1]}\n{questions[2]}\n{ending}"))
        assert asked(world, capsys, "mute", questions[0], system="text", interactive=True) == at_once


def test_a_system_that_sees_no_history(world: Config, capsys: pytest.CaptureFixture[str]) -> None:
    """It answers with another's model, without the dialog so far: the second answer is that of the question alone."""
    alone = asked(world, capsys, "mute", "and what is left ?", system="alone")
    together = asked(world, capsys, "mute", "what is it ?", "and what is left ?", system="alone")
    assert together[1:] == alone == asked(world, capsys, "mute", "and what is left ?", system="text")
    assert asked(world, capsys, "mute", "what is it ?", "and what is left ?", system="text")[1:] != alone


def test_words_as_people_write_them(world: Config, capsys: pytest.CaptureFixture[str]) -> None:
    """Capitals, punctuation and a missing question mark make no difference; unknown words are named."""
    plain = asked(world, capsys, "mute", "is there a red ball ?", system="text")
    ask(world, Request(clip(world, "mute"), ("Is there a red zebra ball",), system="text"))
    assert "not in the vocabulary of text: zebra\n" in capsys.readouterr().err
    ask(world, Request(clip(world, "mute"), ("Is there a RED ball",), system="text"))
    captured = capsys.readouterr()
    assert captured.out.splitlines() == plain
    assert "not in the vocabulary" not in captured.err


def test_other_settings_are_warned_of(world: Config, capsys: pytest.CaptureFixture[str]) -> None:
    """One line a feature, naming what differs; a batch size makes no difference."""
    changed = parse(
        merge(
            world.model_dump(mode="json"),
            {"features": {"seen": {"input_size": 48, "media": {"fps": 5}}, "heard": {"batch": 3}}},
        )
    )
    features = {name: world.features[name] for name in ("seen", "heard")}
    dims = {name: FeatureStore(Layout(world.results).feature(name)).dims for name in features}
    made = video_features(clip(world, "loud"), changed, dims)
    capsys.readouterr()
    warn_of_other_settings(changed, made)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("warning: seen is made with other settings than ")
    assert "input_size 48, there 32" in line
    assert '"fps":5.0' in line
    assert "window" not in line


def test_what_cannot_be_answered(world: Config, tmp_path: Path) -> None:
    """One line that names the file, or the system, and says what to do."""
    text = tmp_path / "text.mp4"
    text.write_bytes(b"not a video\n" * 300)
    tune = tmp_path / "tune.m4a"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i", "sine=duration=0.2", str(tune)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    good = clip(world, "mute")
    cases: list[tuple[Request, str]] = [
        (Request(tmp_path / "none.mp4", ("what ?",)), "none.mp4: cannot be opened: No such file or directory"),
        (Request(text, ("what ?",), "untold"), "text.mp4: cannot be used: probe: not a readable media file"),
        (Request(tune, ("what ?",), "untold"), "tune.m4a: cannot be used: probe: no video stream"),
        (Request(good, ("what ?",), "other"), "system 'other' is not in the configuration"),
        (Request(good, ("what ?",), "later"), "later has no trained model there; trained: whole, untold, text, alone"),
        (Request(good, (" ",), "text"), "the question is blank"),
        (
            Request(good, ("what ?",), "text", description="a ball"),
            "text sees no description at test; .*--system whole",
        ),
    ]
    for request, message in cases:
        with pytest.raises(UserError, match=message) as raised:
            ask(world, request)
        assert "\n" not in str(raised.value)


def test_settings_that_do_not_fit_the_model(world: Config) -> None:
    """Features of another size, of files, or none of that name."""
    cases = [
        (
            {"features": {"seen": {"window": 24}}},
            "features.seen gives 3072 values a step, the model was trained with 2048",
        ),
        ({"features": {"heard": {"npy": "folder"}}}, "features.heard.npy is set"),
        (
            {"answers": {"min_length": 9, "max_length": 3}},
            r"answers\.min_length is 9 and answers\.max_length 3 \(of untold\)",
        ),
    ]
    for overlay, message in cases:
        changed = parse(merge(world.model_dump(mode="json"), overlay))
        with pytest.raises(UserError, match=message):
            ask(changed, Request(clip(world, "short"), ("what ?",), "untold"))
    dims = FeatureStore(Layout(world.results).feature("seen")).dims
    with pytest.raises(UserError, match=r"feature 'felt', .* is not in the configuration"):
        video_features(clip(world, "short"), world, {"felt": dims})


def test_a_description_file_is_looked_into(world: Config, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A system that reads automatic descriptions finds the video's by the file's name, or does without."""
    path = tmp_path / "auto.json"
    write_json(path, {"mute": "a red ball is left"})
    overlay = {
        "systems": {"auto": {"label": "A", "model": "text", "description": {"train": "none", "test": str(path)}}}
    }
    changed = parse(merge(world.model_dump(mode="json"), overlay))
    question = "what is it ?"
    found = asked(changed, capsys, "mute", question, system="auto")
    assert found == asked(changed, capsys, "mute", question, system="auto", description="A red ball is left")
    told: list[Told] = []
    ask(changed, Request(clip(world, "loud"), (question,), "auto", explain=True), told.append)
    assert "every question stands alone" in capsys.readouterr().err
    assert told[0].description == ""
    ask(changed, Request(clip(world, "mute"), (question,), "auto", explain=True), told.append)
    assert told[1].description == "a red ball is left"
    steps = {modality.name: modality.steps for modality in told[1].answers[0].modalities}
    assert steps["question"] == ("a", "red", "ball", "is", "left", "what", "is", "it", "?")


def test_the_command(world: Config, tmp_path: Path) -> None:
    """The whole command in a process of its own: answers alone on its output, and the page."""
    config = tmp_path / "config.json"
    config.write_text(world.model_dump_json(), encoding="utf-8")
    page = tmp_path / "sub" / "why.html"
    command = [sys.executable, "-m", "pipeline", "ask", str(clip(world, "loud")), "-c", str(config)]
    done = subprocess.run(
        [*command, "what is it?", "is it <b>red</b>?", "--explain", str(page)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert len(done.stdout.splitlines()) == 2
    assert "system: text (validation perplexity 4.00, the best of 2; --system chooses another)" in done.stderr
    text = page.read_text(encoding="utf-8")
    assert "is it &lt; b &gt; red" in text
    assert text.count("<section") == 2
    failed = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert failed.returncode == 1
    assert failed.stderr.startswith("error: no question: give one, or --interactive")
    assert len(failed.stderr.splitlines()) == 1
