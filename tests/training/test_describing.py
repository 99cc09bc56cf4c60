"""Systems that describe: what they learn from, what they write, how it is scored, and who reads it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pipeline.config import Config
from pipeline.corpus.dialogs import Dialog, read_dialogs, write_dialogs
from pipeline.corpus.folds import fold_of
from pipeline.corpus.references import read_references, write_references
from pipeline.corpus.sentences import description_references, sentences
from pipeline.errors import UserError
from pipeline.layout import Layout
from pipeline.scoring.described import DESCRIPTIONS
from pipeline.scoring.score import score_files
from pipeline.tasks.registry import TASKS, task_of
from pipeline.training.depends import depends
from pipeline.training.materials import gather
from pipeline.training.train import train

Project = Callable[..., Config]
DESCRIBER: dict[str, Any] = {
    "label": "Describer",
    "task": "describe",
    "network": "attention",
    "features": ["i3d_rgb", "vggish"],
}
LEARNS = {"epochs": 40, "batch_turns": 3, "learning_rate": 0.02}
READER = {
    "label": "Reader",
    "network": "attention",
    "features": ["i3d_rgb"],
    "description": {"train": {"system": "describer", "folds": 3}, "test": {"system": "describer"}},
}


def written(config: Config, name: str, split: str) -> dict[str, Any]:
    task_of(config, name).write(config, name, split)
    content: dict[str, Any] = json.loads(Layout(config.results).answers(name, split).read_text())
    return content


@pytest.mark.parametrize("network", ["attention", "naive_fusion", "hierarchical"])
def test_every_generator_describes(project: Project, network: str) -> None:
    entry = {**DESCRIBER, "network": network, "training": LEARNS}
    config = project(changes={"systems": {"describer": entry}})
    train(config, "describer")
    content = written(config, "describer", "trial")
    assert content["type"] == "video_descriptions"
    assert list(content["descriptions"]) == [f"p{number}" for number in range(4)]
    for video, text in content["descriptions"].items():
        assert content["n_best"][video][0]["description"] == text
        assert len(content["n_best"][video]) == 2
        # Every summary is "a COLOUR THING is there .": that much can be learned.
        assert text.split()[0] == "a"
        assert text.endswith("is there .")


def test_the_attention_network_has_its_features_as_modalities_and_no_other(project: Project) -> None:
    config = project(changes={"systems": {"describer": {**DESCRIBER, "training": {"epochs": 1}}}})
    train(config, "describer")
    info = json.loads((Layout(config.results).model("describer") / "system.json").read_text())
    assert (info["task"], info["question"], info["history"]) == ("describe", False, False)
    assert not any(part in ("question", "history") for part in info["parameters"])
    card = (Layout(config.results).model("describer") / "README.md").read_text()
    assert "describes a video in a sentence" in card


def test_what_is_learned_are_the_sentences_of_the_target(project: Project) -> None:
    config = project(changes={"systems": {"describer": {**DESCRIBER, "target": "both"}}})
    path = Layout(config.results).dialogs("training")
    first, second, *rest = read_dialogs(path)
    told = [
        Dialog(first.video_id, "a red ball", "a red ball is there .", first.turns),
        Dialog(second.video_id, "", "", second.turns),
        *rest,
    ]
    write_dialogs(path, told)
    training = gather(config, "describer").training
    assert training.video_ids(range(len(training.units))) == [dialog.video_id for dialog in (told[0], *rest)]
    # The caption, the summary: two rows of one video; of the others the summary alone.
    assert training.turns == (2, *[1] * len(rest))
    assert training.words[0] == len(["a", "red", "ball"]) + 1 + len(["a", "red", "ball", "is", "there", "."]) + 1
    assert sentences(told[0], "both") == ["a red ball", "a red ball is there ."]
    assert sentences(told[0], "caption") == ["a red ball"]
    assert sentences(told[1], "both") == []


def test_no_sentence_at_all_is_an_error_that_says_what_is_missing(project: Project) -> None:
    config = project(changes={"systems": {"describer": {**DESCRIBER, "target": "caption"}}})
    with pytest.raises(UserError, match=r"training\.json.*of its 12 none has what a system that describes a video"):
        train(config, "describer")


def test_a_fold_learns_from_the_other_parts_and_describes_its_own(project: Project) -> None:
    config = project(changes={"run": ["reader"], "systems": {"describer": DESCRIBER, "reader": READER}})
    folds = [f"describer_fold{number}of3" for number in (1, 2, 3)]
    assert set(folds) <= config.systems.keys()
    everyone = [dialog.video_id for dialog in read_dialogs(Layout(config.results).dialogs("training"))]
    described: list[str] = []
    for number, name in enumerate(folds, 1):
        learned = {dialog.video_id for dialog in gather(config, name).dialogs["training"]}
        train(config, name)
        own = set(written(config, name, "training")["descriptions"])
        assert own == {video for video in everyone if fold_of(video, 3) == number}
        assert learned == set(everyone) - own
        # Validation and tests are described whole: nothing of them is learned from.
        assert len(gather(config, name).dialogs["validation"]) == 5
        described += own
    assert sorted(described) == sorted(everyone)


def test_a_reader_learns_from_what_describers_say_of_unseen_videos(project: Project) -> None:
    config = project(changes={"run": ["reader"], "systems": {"describer": DESCRIBER, "reader": READER}})
    layout = Layout(config.results)
    for name in ("describer_fold1of3", "describer_fold2of3", "describer_fold3of3", "describer"):
        train(config, name)
        written(config, name, "training")
    written(config, "describer", "validation")
    written(config, "describer", "trial")
    materials = gather(config, "reader")
    said: dict[str, str] = {}
    for number in (1, 2, 3):
        said |= json.loads(layout.answers(f"describer_fold{number}of3", "training").read_text())["descriptions"]
    dataset: Any = materials.training.dataset
    for place, dialog in enumerate(dataset.dialogs):
        assert dataset.description("model", place) == said[dialog.video_id]
    train(config, "reader")
    made_with = depends(config, "reader", materials, torch.device("cpu"), "32-true")
    # Other sentences are another training; the same ones from another run of the describers are not.
    path = layout.answers("describer_fold2of3", "training")
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "system": {"made": "elsewhere"}}))
    assert depends(config, "reader", gather(config, "reader"), torch.device("cpu"), "32-true") == made_with
    first = next(iter(content["descriptions"]))
    content["descriptions"][first] += " indeed"
    path.write_text(json.dumps(content))
    changed = depends(config, "reader", gather(config, "reader"), torch.device("cpu"), "32-true")
    assert [key for key in changed if changed[key] != made_with[key]] == ["model.description"]
    # At test it reads what the describer says of the test set.
    answers = written(config, "reader", "trial")
    assert answers["system"]["sees"]["description"] == "of describer"


def test_in_sample_reads_the_one_describer_that_has_seen_them(project: Project) -> None:
    told = {"train": {"system": "describer", "in_sample": True}, "test": {"system": "describer"}}
    config = project(
        changes={"run": ["reader"], "systems": {"describer": DESCRIBER, "reader": {**READER, "description": told}}}
    )
    assert not any("fold" in name for name in config.systems)
    readings = config.systems["reader"].readings("train", "training")
    assert readings == [("describer", "training")]


def test_a_student_can_be_taught_with_automatic_descriptions(project: Project) -> None:
    student = {"label": "s", "network": "attention", "features": ["i3d_rgb"], "loss": "st", "teacher": "reader"}
    systems = {"describer": DESCRIBER, "reader": READER, "student": student}
    config = project(changes={"run": ["student"], "systems": systems, "training": {"epochs": 1}})
    for name in ("describer_fold1of3", "describer_fold2of3", "describer_fold3of3"):
        train(config, name)
        written(config, name, "training")
    train(config, "describer")
    written(config, "describer", "validation")
    train(config, "reader")
    train(config, "student")
    assert (Layout(config.results).model("student") / "model.safetensors").is_file()


def test_scores_leave_out_videos_nobody_described(
    project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dialogs = read_dialogs(Layout(project().results).dialogs("trial"))
    told = [*dialogs[:2], Dialog(dialogs[2].video_id, "", " ", dialogs[2].turns)]
    references = tmp_path / "references.json"
    write_references(references, description_references(told, "summary"))
    assert list(read_references(references)) == [(dialog.video_id, 0) for dialog in told[:2]]
    hypotheses, out = tmp_path / "said.json", tmp_path / "scores.json"
    hypotheses.write_text(json.dumps({dialog.video_id: dialog.summary for dialog in dialogs[:3]}))
    score_files([hypotheses], references, "none", None, 0, False, [out], kind=DESCRIPTIONS)
    assert "1 videos have no reference" in capsys.readouterr().err
    scores = json.loads(out.read_text())
    assert scores["signature"]["items"] == 2
    assert scores["metrics"]["BLEU-1"] == pytest.approx(1.0)
    assert scores["metrics"]["ROUGE-L"] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"history": False}, r"systems\.describer\.history.*task describe"),
        ({"description": {"test": "summary"}}, r"systems\.describer\.description.*task describe"),
        ({"features": []}, "nothing to describe"),
        ({"loss": "joint"}, r"systems\.describer\.loss"),
        ({"task": "sing"}, r"systems\.describer: task: expected one of answer, describe"),
        ({"teacher": "teacher", "loss": "ce"}, "teacher"),
        ({"model": "plain", "network": None}, "'plain' has another task"),
        ({"without": ["history"]}, r"'history' is not an input of the model \(i3d_rgb, vggish\)"),
    ],
)
def test_entries_that_do_not_fit(project: Project, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        project(changes={"run": ["describer"], "systems": {"describer": {**DESCRIBER, **changes}}})


@pytest.mark.parametrize(("system", "message"), [("nobody", "is not in systems"), ("plain", "does not describe")])
def test_descriptions_come_from_a_system_that_describes(project: Project, system: str, message: str) -> None:
    entry = {"label": "r", "model": "plain", "description": {"test": {"system": system}}}
    with pytest.raises(UserError, match=message):
        project(changes={"run": ["reader"], "systems": {"reader": entry}})


def test_nothing_but_its_module_knows_a_task_by_name() -> None:
    package = Path(__file__).resolve().parents[2] / "pipeline"
    named = [
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        for name in TASKS
        if f'task == "{name}"' in path.read_text() or f"task == '{name}'" in path.read_text()
    ]
    assert not named


def test_the_means_start_the_decoder(project: Project) -> None:
    """A video without a step of any feature starts from the bias alone."""
    config = project(changes={"systems": {"describer": DESCRIBER}})
    dataset: Any = gather(config, "describer").training.dataset
    views = dataset.batch([(0, None), (1, None)]).views["model"]
    torch.manual_seed(1)
    from pipeline.systems.system import build

    network: Any = build(config, "describer", 40, {"i3d_rgb": 5, "vggish": 3}).eval()
    start = network.start(network.encode(views))
    means = []
    for name, projection in network.features.items():
        feature = views.features[name]
        for row, length in enumerate(feature.lengths.tolist()):
            steps = torch.tanh(projection.linear(feature.values[row, :length]))
            means.append((row, steps.mean(0) if length else torch.zeros(projection.linear.out_features)))
    for row in (0, 1):
        joined = torch.cat([mean for place, mean in means if place == row])
        expected = network.start_state(joined).detach().numpy()
        found = torch.cat((start.hidden[row].flatten(), start.cell[row].flatten())).detach().numpy()
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
