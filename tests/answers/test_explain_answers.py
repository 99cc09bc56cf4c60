"""Explanations of answers in a result file: whose, of which words, and the same after writing and reading."""

import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from pipeline.answers.explain import NO_HISTORY
from pipeline.answers.explain_answers import TURNS, explain_answers, read_explained
from pipeline.answers.generate import answer
from pipeline.cli import app
from pipeline.config import Config, parse
from pipeline.corpus.dialogs import Dialog, Turn, write_dialogs
from pipeline.errors import UserError
from pipeline.features.store import write_shard
from pipeline.layout import Layout
from pipeline.report.attention import attention_figure
from pipeline.report.looked import looked
from pipeline.systems.system import build, save
from pipeline.texts import read_json
from pipeline.vocabulary.words import build as build_vocabulary

SIZES = {
    "embedding": 6, "question_hidden": 5, "history_hidden": 5, "projection_default": 4, "projection": {},
    "attention": 4, "context": 6, "decoder_hidden": 7,
}  # fmt: skip
DIALOGS = [
    Dialog(video, "", f"a {video} film", tuple(Turn(f"what is {n} {video} ?", f"it is {n}") for n in range(5)))
    for video in ("red", "blue", "grey")
]


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A model, its answers to three dialogs, and the videos of two of them."""
    made = parse(
        {
            "results": str(tmp_path / "results"),
            "videos": str(tmp_path / "videos"),
            "device": "cpu",
            "run": ["told"],
            "report": {"explain": "told"},
            "features": {"sound": {"network": "vggish"}},
            "answers": {"beam": 2, "max_length": 6, "min_length": 2},
            "systems": {
                "told": {
                    "label": "Told", "network": "attention", "sizes": SIZES, "features": ["sound"],
                    "description": {"train": "summary", "test": "summary"},
                },
            },
        }
    )  # fmt: skip
    layout = Layout(made.results)
    write_dialogs(layout.dialogs("trial"), DIALOGS)
    vocabulary = build_vocabulary(DIALOGS, frozenset({"summary"}), 1)
    vocabulary.write(layout.vocabulary)
    generator = np.random.default_rng(2)
    items = [(d.video_id, generator.normal(size=(3, 4)), np.array([0.25, 0.5, 0.75])) for d in DIALOGS[:2]]
    write_shard(
        layout.feature_shard("sound", "0000"), [*items, ("other", np.zeros((1, 4)), np.zeros(1))], {}, 4, "float32"
    )
    write_shard(layout.feature_shard("sound", "0001"), [("grey", np.zeros((0, 4)), np.zeros(0))], {}, 4, "float32")
    torch.manual_seed(3)
    network = build(made, "told", len(vocabulary), {"sound": 4})
    save(
        layout.model("told"), network, config=made, name="told", vocabulary=vocabulary, feature_dims={"sound": 4},
        metrics={},
    )  # fmt: skip
    answer(made, "told", "trial")
    (tmp_path / "videos").mkdir()
    for colour in ("red", "blue"):
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i"]
        command += [f"color={colour}:size=64x64:rate=5:duration=1", str(tmp_path / "videos" / f"{colour}.mp4")]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return made


def test_answers_of_the_result_file_are_explained(config: Config, tmp_path: Path) -> None:
    out = Layout(config.results).explained
    explain_answers(config, "told", "trial", 5, out)
    answers = {
        dialog["image_id"]: [turn["answer"] for turn in dialog["dialog"]]
        for dialog in read_json(Layout(config.results).answers("told", "trial"))["dialogs"]
    }
    found = {video: (clip, each) for video, clip, each in read_explained(out)}
    assert found.keys() == {"red", "blue"}  # There is no video of the third.
    for video, (clip, explained) in found.items():
        assert clip.seconds == pytest.approx(1, abs=0.1) and clip.frames and clip.level is None
        assert [one.question for one in explained] == [f"what is {turn} {video} ?" for turn in (0, 2, 4)]
        assert len(explained) == TURNS
        for turn, one in zip((0, 2, 4), explained, strict=True):
            assert one.answer == answers[video][turn]
            words = len(one.answer.split()) + 1
            assert one.words == (*one.answer.split(), "<eos>")
            parts = {modality.name: modality for modality in one.modalities}
            assert parts["question"].steps == ("a", video, "film", "what", "is", str(turn), video, "?")
            said = tuple(f"what is {n} {video} ? it is {n}" for n in range(turn))
            assert parts["history"].steps == (said or (NO_HISTORY,))
            assert parts["sound"].times is not None and parts["sound"].times.tolist() == [0.25, 0.5, 0.75]
            for modality in one.modalities:
                np.testing.assert_allclose(modality.weights.sum(1), np.ones(words), atol=1e-3)
            assert one.shares is not None
            np.testing.assert_allclose(one.shares.sum(1), np.ones(words), atol=1e-3)


def test_steps_whose_times_nobody_knows_stand_evenly_in_the_clip(config: Config) -> None:
    """Features of others come with the numbers of their steps, 0, 1, 2, which are no seconds."""
    layout, values = Layout(config.results), np.random.default_rng(2).normal(size=(3, 4))
    for shard, colours in (("0000", ("red", "blue")), ("0001", ("grey",))):
        items = [(colour, values, np.arange(3.0)) for colour in colours]
        write_shard(layout.feature_shard("sound", shard), items, {"times_unit": "step"}, 4, "float32")
    explain_answers(config, "told", "trial", 5, layout.explained)
    for _, clip, explained in read_explained(layout.explained):
        for one in explained:
            (sound,) = [each for each in one.modalities if each.name == "sound"]
            assert sound.evenly and sound.times is not None
            # A clip of a second in three parts: their middles.
            np.testing.assert_allclose(sound.times / clip.seconds, [1 / 6, 1 / 2, 5 / 6], atol=2e-3)
            assert "not known, they stand evenly in the clip" in attention_figure(one, clip)
            assert not any(each.evenly for each in one.modalities if each.name != "sound")


def test_the_report_draws_what_is_there(config: Config) -> None:
    assert looked(config) is None
    explain_answers(config, "told", "trial", 1, Layout(config.results).explained)
    section = looked(config)
    assert section is not None and section.system == "Told"
    assert [len(video.answers) for video in section.videos] == [TURNS]
    assert "data:image/jpeg;base64," in section.videos[0].answers[0][2]
    assert looked(config.model_copy(update={"run": ()})) is None  # an earlier run's, of a system not in this one


def test_without_videos_it_says_so(config: Config, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="videos: not set"):
        explain_answers(config.model_copy(update={"videos": None}), "told", "trial", 1, tmp_path / "out.json")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("foo", r"^system 'foo' is not in the configuration \(told, finder, describer\)$"),
        ("finder", r"^finder: it finds the video that a text is about; what can be explained has task: answer$"),
        ("describer", r"^describer: it describes a video in a sentence; what can be explained has task: answer$"),
    ],
)
def test_what_gives_no_answers_is_one_line(tmp_path: Path, name: str, message: str) -> None:
    given = {"told": "answer", "finder": "retrieve", "describer": "describe"}
    networks = {"answer": "attention", "retrieve": "jsfusion", "describe": "captioner"}
    made = parse(
        {
            "results": str(tmp_path),
            "videos": str(tmp_path),
            "features": {"sound": {"network": "vggish"}},
            "systems": {
                each: {"label": each, "task": task, "network": networks[task], "features": ["sound"]}
                for each, task in given.items()
            },
        }
    )
    with pytest.raises(UserError, match=message):
        explain_answers(made, name, "trial", 1, tmp_path / "out.json")


def test_fewer_videos_than_one_are_refused(tmp_path: Path) -> None:
    for videos in ("0", "-1"):
        given = ["explain", "told", "--test-set", "trial", "--out", str(tmp_path / "x"), "--videos", videos]
        done = CliRunner().invoke(app, given)
        assert done.exit_code == 2 and "greater than or equal to 1" in done.output
