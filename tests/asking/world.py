"""A small world to ask about: clips, features, dialogs, and models that nobody trained."""

import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import torch

from pipeline.config import Config, parse
from pipeline.corpus.dialogs import Dialog, Turn, write_dialogs
from pipeline.features.extract import extract_shard
from pipeline.features.store import FeatureStore
from pipeline.layout import Layout
from pipeline.media.decode import decode_shard
from pipeline.systems.system import build as build_network
from pipeline.systems.system import save
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


def make_world(folder: Path) -> Config:
    """Three clips, their features by the stages' own functions, dialogs, and untrained models.

    Batches of one: in batches that cross videos features differ by rounding.
    """
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
