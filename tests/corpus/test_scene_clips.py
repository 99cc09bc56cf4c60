"""Clips of scenes, decoded again with PyAV and measured with NumPy: do picture and sound show what the truth says?"""

import hashlib
import json

import av
import cv2
import numpy as np
import pytest

from pipeline.config import Corpus, Dialogs, SceneCounts, Scenes
from pipeline.corpus.dialogs import UNDISCLOSED, read_dialogs
from pipeline.corpus.importing import import_dialogs
from pipeline.corpus.references import read_references
from pipeline.corpus.scenes.generate import generate
from pipeline.corpus.scenes.truth import read_truth, values_in

SETTINGS = Scenes(seed=5, counts=SceneCounts(training=15, validation=3, trial=4, official=5))
COLOURS = ("red", "green", "blue", "yellow")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scenes")
    generate(SETTINGS, folder, workers=1)
    return folder


@pytest.fixture(scope="module")
def clips(corpus):
    """(truth, frames (48, 96, 96, 3), sound (samples,) float or None) of every scene."""
    truth = read_truth(corpus / "truth.json")
    return [(facts, *decode(corpus / "videos" / f"{video}.mp4")) for video, facts in truth.scenes.items()]


def decode(path):
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.name == "h264"
        assert container.streams.video[0].average_rate == 12
        frames = np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])
    with av.open(str(path)) as container:
        if not container.streams.audio:
            return frames, None
        assert container.streams.audio[0].codec_context.name == "aac"
        assert container.streams.audio[0].rate == 16000
        return frames, np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])


def hues(frames):
    """(..., 4) bool: where a picture is red, green, blue, yellow."""
    r, g, b = np.moveaxis(frames.astype(int), -1, 0)
    high = 110
    red = (r > high) & (r - g > 70) & (r - b > 70)
    green = (g > high) & (g - r > 60) & (g - b > 60)
    blue = (b > high) & (b - r > 70) & (b - g > 70)
    yellow = (r > high) & (g > high) & (r - b > 70) & (g - b > 70)
    return np.stack([red, green, blue, yellow], axis=-1)


def box(mask):
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return rows[0], rows[-1] + 1, columns[0], columns[-1] + 1


def shape_of(mask):
    """By how much of its bounding box a figure covers; a triangle's centre of mass lies lower than a star's."""
    top, bottom, left, right = box(mask)
    share = mask.sum() / ((bottom - top) * (right - left))
    if share > 0.65:
        return "square" if share > 0.9 else "circle"
    height = (np.flatnonzero(mask) // mask.shape[1] + 0.5 - top).mean() / (bottom - top)
    return "triangle" if height > 0.61 else "star"


def test_files_are_as_the_challenge_has_them(corpus):
    dialogs = {name: read_dialogs(corpus / f"{name}.json") for name in ("training", "validation", "trial", "official")}
    assert [len(content) for content in dialogs.values()] == [15, 7, 4, 5]
    assert dialogs["validation"][3:] == dialogs["trial"]
    references = read_references(corpus / "references.json")
    truth = read_truth(corpus / "truth.json")
    assert set(references) == {(dialog.video_id, 9) for dialog in dialogs["official"]}
    for dialog in dialogs["official"]:
        assert [turn.answer == UNDISCLOSED for turn in dialog.turns] == [False] * 9 + [True]
        asked = truth.turns[dialog.video_id][9]
        assert all(values_in(text, truth.kinds[asked.kind]) == {asked.value} for text in references[dialog.video_id, 9])
    ids = {dialog.video_id for content in dialogs.values() for dialog in content}
    assert ids == {path.stem for path in (corpus / "videos").iterdir()} == set(truth.turns)


def test_the_corpus_imports_like_a_users_files(corpus, tmp_path):
    files = {key: corpus / f"{key}.json" for key in Dialogs.model_fields}
    import_dialogs(Corpus(), Dialogs(**files), tmp_path)
    assert [len(read_dialogs(tmp_path / f"{split}.json")) for split in ("training", "validation", "trial")] == [
        15,
        3,
        4,
    ]


def test_the_same_settings_give_the_same_files_with_any_number_of_workers(corpus, tmp_path):
    generate(SETTINGS, tmp_path, workers=2)

    def digests(folder):
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    assert digests(tmp_path) == digests(corpus)


def test_clips_left_over_from_other_settings_go(corpus, tmp_path):
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "scene9999.mp4").touch()
    generate(
        SETTINGS.model_copy(update={"counts": SceneCounts(training=1, validation=1, trial=1, official=1)}), tmp_path, 1
    )
    assert sorted(path.stem for path in (tmp_path / "videos").iterdir()) == [f"scene000{n}" for n in range(1, 5)]
    assert len(json.loads((tmp_path / "truth.json").read_text())["scenes"]) == 4


def test_light_goes_out_half_way(clips):
    for _, frames, _ in clips:
        assert frames.shape == (48, 96, 96, 3)
        level = np.median(frames.reshape(48, -1), axis=1)
        # A flash lights every other part of its half, so its darkest frames stand for the dark.
        assert np.percentile(level[:24], 25) > np.percentile(level[24:], 25) + 50


def test_the_bar_hangs_at_its_place(clips):
    """Black and white stripes that stay where they are."""
    for facts, frames, _ in clips:
        still = np.median(frames.astype(float).mean(axis=-1), axis=0)
        sides = {"left": still[:, 1:12], "right": still[:, -12:-1], "top": still[1:12], "bottom": still[-12:-1]}
        striped = {side: ((pixels < 40) | (pixels > 235)).mean() for side, pixels in sides.items()}
        assert max(striped, key=lambda side: striped[side]) == facts["place"]
        assert striped[facts["place"]] > 0.6


def figure_masks(facts, frames):
    """(48, 96, 96) bool: the figures' colour; empty while they flash."""
    return hues(frames)[..., COLOURS.index(facts["colour"])]


def whole_figures(mask):
    """Masks of connected parts that no edge cuts."""
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    for label in range(1, count):
        part = labels == label
        top, bottom, left, right = box(part)
        if part.sum() > 300 and min(top, left) > 0 and max(bottom, right) < 96:
            yield part


def test_the_figures_have_colour_shape_and_number(clips):
    measured = 0
    for facts, frames, _ in clips:
        assert COLOURS[hues(frames).sum(axis=(0, 1, 2)).argmax()] == facts["colour"]
        masks = figure_masks(facts, frames)
        calm = [half for half, action in ((slice(0, 24), "first"), (slice(24, 48), "second"))
                if facts[action] == "shake"]  # fmt: skip
        for half in calm:
            parts = [part for mask in masks[half] for part in whole_figures(mask)]
            shapes = [shape_of(part) for part in parts]
            assert max(set(shapes), key=shapes.count) == facts["shape"]
            area = np.median(masks[half].sum(axis=(1, 2))) / np.median([part.sum() for part in parts])
            assert round(area) == ("one", "two", "three").index(facts["count"]) + 1
            measured += 1
    assert measured >= 10


def tracks(masks, count):
    """(48,) area and (48, 2) position, x and y in turns, of the first of ``count`` figures; NaN where there is none.

    The figures stand at equal distances round the picture, so that a place counts modulo 1 / count.
    """
    places = np.exp(2j * np.pi * count * (np.arange(96) + 0.5) / 96)
    area = masks.sum(axis=(1, 2))
    x = np.angle((masks.sum(axis=1) * places).sum(axis=1)) / (2 * np.pi * count)
    y = np.angle((masks.sum(axis=2) * places).sum(axis=1)) / (2 * np.pi * count)
    return area, np.where(area[:, None] > 60, np.stack([x, y], axis=1), np.nan)


def test_the_figures_move_in_their_direction_at_their_speed(clips):
    for facts, frames, _ in clips:
        count = ("one", "two", "three").index(facts["count"]) + 1
        _, position = tracks(figure_masks(facts, frames), count)
        step = (np.diff(position, axis=0) * count + 0.5) % 1 - 0.5
        drift = np.nanmedian(step, axis=0) / count
        axis = int(abs(drift[1]) > abs(drift[0]))
        assert (("left", "right"), ("up", "down"))[axis][int(drift[axis] > 0)] == facts["direction"]
        # Widths a second, 12 frames a second.
        assert abs(abs(drift[axis]) * 12 - {"slow": 0.4, "fast": 0.85}[facts["speed"]]) < 0.15


def test_each_half_shows_its_action(clips):
    for facts, frames, _ in clips:
        count = ("one", "two", "three").index(facts["count"]) + 1
        area, position = tracks(figure_masks(facts, frames), count)
        across = position[:, 1 if facts["direction"] in ("left", "right") else 0] * count
        for half, action in ((slice(0, 24), facts["first"]), (slice(24, 48), facts["second"])):
            seen = area[half] > 60
            turned = np.exp(2j * np.pi * across[half][seen])
            sway = 1 - np.abs(turned.mean())
            size = np.std(area[half][seen]) / np.mean(area[half][seen])
            found = "flash" if seen.mean() < 0.8 else "pulse" if size > 0.2 else "shake" if sway > 0.1 else None
            assert found == action


def test_sounds_are_what_and_when_they_should_be(clips):
    heard, streams = [], []
    for facts, _, sound in clips:
        streams.append(sound is not None)
        if facts["sound"] is None:
            assert (sound is not None) == facts["stream"]
            assert sound is None or np.abs(sound).max() < 1e-3
            continue
        assert abs(len(sound) / 16000 - 4) < 0.2
        heard.append(facts["sound"])
        power = [np.mean(part**2) for part in np.array_split(sound[:64000], 4)]
        early, late = sum(power[:2]), sum(power[2:])
        when = "beginning" if early > 20 * late else "end" if late > 20 * early else "throughout"
        assert when == facts["when"]
        if when == "beginning":
            assert power[0] > 4 * power[1]
        if when == "end":
            assert power[3] > 4 * power[2]
        assert kind_of(sound) == facts["sound"]
    assert set(heard) == {"beep", "buzz", "hiss", "bell"}
    assert not all(streams)


def kind_of(sound):
    """Noise is flat over frequency, a buzz has its strongest line low, a beep has a single line, a bell several."""
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) ** 2
    frequency = np.fft.rfftfreq(len(sound), 1 / 16000)
    band = spectrum[(frequency > 500) & (frequency < 6000)]
    if np.exp(np.mean(np.log(band + 1e-12))) / band.mean() > 0.3:
        return "hiss"
    strongest = frequency[spectrum.argmax()]
    if strongest < 200:
        return "buzz"
    near = np.abs(frequency - strongest) < 60
    return "beep" if spectrum[near].sum() > 0.9 * spectrum.sum() else "bell"
