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
import torch

from pipeline.answers.generate import answer
from pipeline.asking.command import Request, ask
from pipeline.asking.conversation import Told
from pipeline.asking.video import VideoFeature, video_features, warn_of_other_settings
from pipeline.config import Config, merge, parse
from pipeline.corpus.dialogs import Dialog, Turn, write_dialogs
from pipeline.errors import UserError
from pipeline.features.extract import extract_shard
from pipeline.features.store import FeatureStore
from pipeline.files import write_json
from pipeline.layout import Layout
from pipeline.media.decode import decode_shard
from pipeline.systems.system import build as build_network
from pipeline.systems.system import save
from pipeline.texts import read_json
from pipeline.vocabulary.words import Vocabulary
from pipeline.vocabulary.words import build as build_vocabulary

SIZES = {
    "embedding": 6,
    "question_hidden": 5,
    "question_layers": 1,
    "history_hidden": 5,
    "history_layers": 1,
    "projection_default": 4,
    "projection": {},
    "attention": 4,
    "context": 6,
    "decoder_hidden": 7,
    "standardise": True,
}
SYSTEM = {"network": "attention", "sizes": SIZES}
WORDS = ("yes", "no", "a", "red", "ball", "is", "there", "what", "colour", "it", "and", "left", "?", ".")
CLIPS = {
    "loud": ("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=10:duration=3.4", "-f", "lavfi", "-i", "sine=duration=3.4"),
    "mute": ("-f", "lavfi", "-i", "mandelbrot=size=64x48:rate=10", "-t", "2"),
    "short": ("-f", "lavfi", "-i", "testsrc=size=64x48:rate=10:duration=0.5", "-f", "lavfi", "-i", "sine=duration=0.5"),
}


def dialogs() -> list[Dialog]:
    generator = np.random.default_rng(1)

    def sentence(longest: int) -> str:
        return " ".join(generator.choice(WORDS, size=generator.integers(2, longest)))

    return [
        Dialog(name, "", sentence(9), tuple(Turn(f"{sentence(7)} ?", sentence(9)) for _ in range(3)))
        for name in sorted(CLIPS)
    ]


def save_untrained(config: Config, name: str, vocabulary: Vocabulary, dims: dict[str, int], perplexity: float) -> None:
    """A model whose weights are far from uniform, so that inputs decide the words."""
    torch.manual_seed(5)
    network = build_network(config, name, len(vocabulary), dims)
    with torch.no_grad():
        for weight in network.parameters():
            weight.mul_(5.0)
    save(
        Layout(config.results).model(name),
        network,
        config=config,
        name=name,
        vocabulary=vocabulary,
        feature_dims=dims,
        metrics={"validation_perplexity": perplexity},
    )


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """Three clips, their features by the stages' own functions, dialogs, and untrained models.

    Batches of one: in batches that cross videos features differ by rounding.
    """
    folder = tmp_path_factory.mktemp("world")
    config = parse(
        {
            "results": str(folder / "results"),
            "device": "cpu",
            "media": {"fps": 8, "resize": "short_side", "size": 40},
            "features": {
                "seen": {
                    "network": "i3d_rgb",
                    "weights": "random",
                    "input_size": 32,
                    "stride": 8,
                    "batch": 1,
                    "media": {"fps": 10, "scaler": "area"},
                },
                "heard": {"network": "vggish", "relu": True, "batch": 1},
            },
            "answers": {"beam": 3, "max_length": 7, "n_best": 3},
            "systems": {
                "whole": {
                    "label": "Whole",
                    "features": ["seen", "heard"],
                    "description": {"train": "summary", "test": "summary"},
                    **SYSTEM,
                },
                "untold": {"label": "Untold", "model": "whole"},
                "text": {"label": "Text", **SYSTEM},
                "alone": {"label": "Alone", "model": "text", "without": ["history"]},
                "later": {"label": "Later", **SYSTEM},
            },
        }
    )
    videos = {name: folder / "clips" / f"{name}.mp4" for name in CLIPS}
    videos["loud"].parent.mkdir()
    for name, arguments in CLIPS.items():
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *arguments, "-pix_fmt", "yuv420p", str(videos[name])]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    layout, dims = Layout(config.results), {}
    for name, feature in config.features.items():
        decoded, frames = layout.decoded(name, "0000"), feature.inputs == "frames"
        decode_shard(videos, config.media_of(name), decoded, folder / "q.tsv", frames=frames, sound=not frames)
        out = layout.feature_shard(name, "0000")
        extract_shard(name, feature, decoded, out, resources=config.resources, device="cpu")
        dims[name] = FeatureStore(layout.feature(name)).dims
    write_dialogs(layout.dialogs("trial"), dialogs())
    vocabulary = build_vocabulary(dialogs(), frozenset({"summary"}), 1)
    vocabulary.write(layout.vocabulary)
    save_untrained(config, "whole", vocabulary, dims, 5.0)
    save_untrained(config, "text", vocabulary, {}, 4.0)
    return config


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
