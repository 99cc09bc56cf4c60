"""Attention read off word by word, against the search and the training pass; a clip's frames and sound level."""

import math
import subprocess
from pathlib import Path
from typing import Any

import cv2
import imageio_ffmpeg
import numpy as np
import pytest
import torch

from pipeline.answers.explain import word_weights
from pipeline.answers.explain_clip import FRAMES, SILENCE, read_clip, sound_level
from pipeline.answers.search import search
from pipeline.config import Answers, Media
from pipeline.errors import UserError
from pipeline.networks.attention import AttentionNetwork
from pipeline.networks.base import Generator
from pipeline.networks.inputs import Inputs
from pipeline.networks.registry import build_network
from pipeline.networks.sizes import SIZES
from pipeline.tensors import FeatureSequences, Sequences
from pipeline.vocabulary import END

DIMS = {"seen": 6, "heard": 5}
SMALL: dict[str, dict[str, Any]] = {
    "attention": {
        "embedding": 5,
        "question_hidden": 3,
        "history_hidden": 4,
        "projection_default": 3,
        "attention": 4,
        "context": 6,
        "decoder_hidden": 5,
    },
    "hierarchical": {
        "embedding": 5,
        "question_hidden": 3,
        "projection": 7,
        "attention": 4,
        "context": 6,
        "decoder_hidden": 4,
    },
    "naive_fusion": {"embedding": 5, "hidden": 4, "projection": 5, "attention": 3, "fusion": 6, "output": 7},
}


def made(name: str, seed: int) -> tuple[Generator, Inputs]:
    """A network with weights far from uniform and one turn: three steps seen, none heard, two pairs before."""
    generator = torch.Generator().manual_seed(seed)
    network = build_network(name, SIZES[name].model_validate(SMALL[name]), 11, DIMS, history=name != "hierarchical")
    with torch.no_grad():
        for weight in network.parameters():
            weight.copy_(torch.randn(weight.shape, generator=generator))
    inputs = Inputs(
        questions=Sequences(torch.tensor([[5, 6, 7, 4]]), torch.tensor([4])),
        pairs=Sequences(torch.tensor([[5, 6, 3], [8, 3, 0]]), torch.tensor([3, 2])),
        history=torch.tensor([[0, 1]]),
        features={
            "seen": FeatureSequences(torch.randn(1, 3, 6, generator=generator), torch.tensor([3])),
            "heard": FeatureSequences(torch.zeros(1, 1, 5), torch.tensor([0])),
        },
        dialog=torch.tensor([0]),
    )
    return network.eval(), inputs


@pytest.mark.parametrize("name", sorted(SMALL))
@pytest.mark.parametrize("seed", range(4))
def test_the_answer_is_followed(name: str, seed: int) -> None:
    """log P of the words, with the bonus, is the score that the search gave the answer, for each of its n best; and
    that of the training pass."""
    network, inputs = made(name, seed)
    settings = Answers(beam=4, bonus=2.0, max_length=6, n_best=4)
    encoded = network.encode(inputs)
    answers = search(network, encoded, settings)[0]
    assert max(len(answer.ids) for answer in answers) > 1
    for answer in answers:
        found = word_weights(network, inputs, answer.ids)
        assert found.scores.sum() + 2.0 * (len(answer.ids) + 1) == pytest.approx(answer.score, abs=1e-4)
        targets = torch.tensor([[*answer.ids, END]])
        with torch.no_grad():
            logits = network.decode(encoded, Sequences(targets, torch.tensor([targets.shape[1]]))).logits
        expected = logits.log_softmax(1).gather(1, targets.t())[:, 0]
        np.testing.assert_allclose(found.scores, expected, atol=1e-4)


@pytest.mark.parametrize("seed", range(4))
def test_weights_are_those_of_the_training_pass(seed: int) -> None:
    """g of eq. 7, put together here from the weights, is the context vector of the training pass, word by word."""
    network, inputs = made("attention", seed)
    assert isinstance(network, AttentionNetwork)
    ids = (7, 4, 9)
    found = word_weights(network, inputs, ids)
    assert list(found.attention) == ["question", "seen", "heard", "history"]
    assert found.modality is not None
    targets = Sequences(torch.tensor([[*ids, END]]), torch.tensor([4]))
    with torch.no_grad():
        encoded = network.encode(inputs)
        expected = network.decode(encoded, targets).context.numpy()
        contents = [
            weights @ encoded.memories[name].mixed[0, :, :6].numpy() + network.attention.content[place].numpy()
            for place, (name, weights) in enumerate(found.attention.items())
        ]
    context = np.tanh(sum(found.modality[:, place, None] * content for place, content in enumerate(contents)))
    np.testing.assert_allclose(context, expected, atol=1e-5)
    np.testing.assert_allclose(found.modality.sum(1), 1, atol=1e-6)
    sums = {name: weights.sum(1) for name, weights in found.attention.items()}
    np.testing.assert_allclose(sums.pop("heard"), 0)
    for total in sums.values():
        np.testing.assert_allclose(total, 1, atol=1e-6)
    # Weights that move from word to word: a pass that stood still would show nothing.
    assert np.ptp(found.attention["seen"], axis=0).max() > 0.01
    assert np.ptp(found.modality, axis=0).max() > 0.01


def test_a_network_without_word_by_word_attention() -> None:
    found = word_weights(*made("naive_fusion", 0), (5, 6))
    assert found.attention == {}
    assert found.modality is None
    assert found.scores.shape == (3,)


def video(path: Path, *arguments: str) -> Path:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *arguments, "-pix_fmt", "yuv420p", str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return path


def test_frames_and_sound_of_a_clip(tmp_path: Path) -> None:
    """A clip that gets brighter by the second, with a tone in its second half: each frame is of its moment."""
    path = video(
        tmp_path / "clip.mkv",
        *("-f", "lavfi", "-i", "color=black:size=192x108:rate=10:duration=6,geq=lum='30+30*floor(T)':cb=128:cr=128"),
        *("-f", "lavfi", "-i", "aevalsrc='if(gt(t,3),0.5*sin(880*PI*t),0)':sample_rate=16000:duration=6"),
        *("-c:a", "pcm_s16le"),
    )
    clip = read_clip(path, Media())
    assert clip.seconds == pytest.approx(6, abs=0.1)
    assert len(clip.frames) == FRAMES
    for place, (second, content) in enumerate(clip.frames):
        assert second == pytest.approx((place + 0.5) * 0.5, abs=0.26)
        frame = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
        assert frame.shape == (96, 171, 3)
        levels = [(30 + 30 * math.floor(second + shift) - 16) * 255 / 219 for shift in (-0.15, 0.15)]
        assert min(abs(frame.mean() - level) for level in levels) < 4
    assert clip.level is not None
    moments = (np.arange(len(clip.level)) + 0.5) * clip.bin_seconds
    np.testing.assert_allclose(clip.level[moments < 2.9], SILENCE)
    np.testing.assert_allclose(
        clip.level[(moments > 3.1) & (moments < 5.8)], 20 * math.log10(0.5 / math.sqrt(2)), atol=0.3
    )


def test_colours_keep_their_order(tmp_path: Path) -> None:
    clip = read_clip(
        video(tmp_path / "red.mp4", "-f", "lavfi", "-i", "color=red:size=64x64:rate=5:duration=1"), Media()
    )
    blue, green, red = cv2.imdecode(np.frombuffer(clip.frames[0][1], np.uint8), cv2.IMREAD_COLOR).mean((0, 1))
    assert red > 200
    assert max(blue, green) < 60
    assert clip.level is None


def test_clips_of_one_frame_and_of_sound_alone(tmp_path: Path) -> None:
    one = read_clip(
        video(tmp_path / "one.mp4", "-f", "lavfi", "-i", "color=red:size=64x64:rate=5", "-frames:v", "1"), Media()
    )
    assert len(one.frames) in range(1, FRAMES + 1)
    assert all(second == one.frames[0][0] for second, _ in one.frames[1:]) or len(one.frames) % 2 == 0
    tune = read_clip(video(tmp_path / "tune.wav", "-f", "lavfi", "-i", "sine=duration=2"), Media())
    assert tune.frames == ()
    assert tune.level is not None
    assert tune.seconds == pytest.approx(2)
    (tmp_path / "text.mp4").write_bytes(b"not a video\n" * 99)
    with pytest.raises(UserError, match=r"text\.mp4: cannot be used: probe"):
        read_clip(tmp_path / "text.mp4", Media())


def test_sound_level_by_hand() -> None:
    """RMS in bins whose length is no whole number of samples, the last one shorter."""
    generator = np.random.default_rng(1)
    samples = generator.normal(0, 0.1, 1003).astype(np.float32)
    samples[200:400] = 0
    found = sound_level(samples, 1000, 0.0503)
    assert len(found) == math.ceil(1003 / 50.3)
    for place, level in enumerate(found):
        part = samples[round(place * 50.3) : round((place + 1) * 50.3)].astype(np.float64)
        rms = math.sqrt(np.mean(part**2))
        assert level == pytest.approx(max(20 * math.log10(rms) if rms else -math.inf, SILENCE), abs=1e-6)
    assert found.min() == SILENCE
    np.testing.assert_allclose(sound_level(np.ones(10, np.float32), 10, 1.0), [0])
    assert len(sound_level(np.zeros(0, np.float32), 16000, 0.1)) == 1
