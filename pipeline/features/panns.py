"""PANNs CNN10 (Kong et al., 2020), with its published parameter names, and the log-mel frames it hears.

32 kHz mono; frames of 1024 samples (periodic Hann window) every 320, the first one centred on sample 0, the sound
mirrored at its ends; powers of the Fourier transform; 64 bands from 50 to 14000 Hz, librosa's (Slaney's scale and
normalisation); 10 log10(mel), at least -100.
"""

from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import cast

import torch
import torch.nn.functional as F
import torchaudio.functional
from torch import Tensor, nn

from pipeline.errors import UserError
from pipeline.features.checkpoints import RANDOM_SEED, Loaded, file_sha256, fill, read_state
from pipeline.features.example_sounds import example_sounds
from pipeline.features.hearing import Hearing
from pipeline.features.spans import padded, spans

RATE = 32000
FRAME, HOP = 1024, 320
BANDS, LOWEST, HIGHEST = 64, 50.0, 14000.0
LEAST = 1e-10
DIMS, ROW, STRETCH = 512, 16, 63
"""Values of a row; frames that four halvings of time make one row of; rows that are computed together: 10.08 s, so that
a clip of 10 s, as the network was trained on, is heard whole."""
TOGETHER = 1008
"""Frames whose spectra are held at once."""
EXAMPLE = 32 * HOP
"""Samples of an example sound that random weights are scaled on."""
CHANNELS = (64, 128, 256, 512)
UNUSED = ("spectrogram_extractor.", "logmel_extractor.", "fc1.", "fc_audioset.")
"""Parameters of the published file that are not of the convolutions."""
BANDS_NAME = "logmel_extractor.melW"


class ConvBlock(nn.Module):
    """Two convolutions, then the mean of 2 x 2 values."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(outputs), nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, T, B) -> (N, outputs, T / 2, B / 2), rounded down."""
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        return F.avg_pool2d(x, 2)


class CNN10(nn.Module):
    """The convolutions, up to where the published network takes mean and maximum over time."""

    def __init__(self) -> None:
        super().__init__()
        self.bn0 = nn.BatchNorm2d(BANDS)
        for number, (inputs, outputs) in enumerate(zip((1, *CHANNELS), CHANNELS, strict=False), start=1):
            self.add_module(f"conv_block{number}", ConvBlock(inputs, outputs))

    def forward(self, stretches: Tensor) -> Tensor:
        """(N, T, 64) log-mel -> (N, T / 16, 512), rounded down: the last map, mean over frequency."""
        x = self.bn0(stretches.unsqueeze(1).transpose(1, 3)).transpose(1, 3)
        for number in range(len(CHANNELS)):
            x = self.get_submodule(f"conv_block{number + 1}")(x)
        return cast(Tensor, x.mean(dim=3).transpose(1, 2))

    def prepare(self, device: torch.device) -> "CNN10":
        """Make it ready for inference on ``device``: channels-last, no gradients."""
        self.eval().requires_grad_(False)
        return self.to(device).to(memory_format=torch.channels_last)


def load_cnn10(weights: Path | str) -> Loaded[CNN10]:
    """The network with a file's weights (`Cnn10_mAP=0.380.pth`), or `random` ones, labelled so.

    Raises `UserError` when the file is missing or does not fit, or was trained on other bands than are computed here.
    """
    if weights == "random":
        return Loaded(random_cnn10(), f"random (seed {RANDOM_SEED}, untrained)", "")
    path = Path(weights)
    with torch.device("meta"):
        network = CNN10()
    state = read_state(path)
    bands = state.get(BANDS_NAME)
    ours = mel_matrix()
    if bands is not None and not (bands.shape == ours.shape and torch.allclose(bands.float(), ours, atol=1e-5)):
        raise UserError(f"{path}: {BANDS_NAME} are not {BANDS} bands from 50 to 14000 Hz at 32 kHz; give CNN10's file")
    fill(network, {name: value for name, value in state.items() if not name.startswith(UNUSED)}, path, "PANNs CNN10")
    return Loaded(network, path.name, file_sha256(path))


def random_cnn10() -> CNN10:
    """Seeded random weights; batch norms have their statistics from example sounds, so that these are told apart."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(RANDOM_SEED)
        network = CNN10()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        network.train()(torch.stack([log_mel(sound) for sound in example_sounds(RATE, EXAMPLE)]))
    return network.eval()


def frame_count(samples: int) -> int:
    """Frames of so many samples at 32 kHz; a sound shorter than a frame is filled up with silence."""
    return 1 + max(samples, FRAME) // HOP if samples else 0


def log_mel(sound: Tensor) -> Tensor:
    """Sound at 32 kHz (samples,) in [-1, 1] -> (frames, 64) float32."""
    return torch.cat(list(stream_log_mel([sound], len(sound))))


def stream_log_mel(pieces: Iterable[Tensor], samples: int) -> Iterator[Tensor]:
    """The same of a sound that comes in ``pieces`` (n,), together ``samples``: up to `TOGETHER` frames at a time."""
    filled = padded(pieces, 0, max(0, FRAME - samples))
    count = -(-frame_count(samples) // TOGETHER)
    window = torch.hann_window(FRAME, periodic=True, dtype=torch.float64)
    for span in spans(_mirrored(filled), count, (TOGETHER - 1) * HOP + FRAME, TOGETHER * HOP):
        frames = span.unfold(0, FRAME, HOP).double() * window.to(span.device)
        powers = torch.fft.rfft(frames).abs().square()
        mel = powers @ mel_matrix().to(span.device, torch.float64)
        yield (10 * mel.clamp(min=LEAST).log10()).float()


@cache
def mel_matrix() -> Tensor:
    """Weights (513, 64) of the bands."""
    bins = FRAME // 2 + 1
    made = torchaudio.functional.melscale_fbanks(bins, LOWEST, HIGHEST, BANDS, RATE, norm="slaney", mel_scale="slaney")
    return cast(Tensor, made)


def _mirrored(pieces: Iterable[Tensor]) -> Iterator[Tensor]:
    """``pieces`` of more than half a frame, with half a frame before and after them that mirrors their ends."""
    half = FRAME // 2
    held: Tensor | None = None
    begun = False
    for piece in pieces:
        held = piece if held is None else torch.cat([held, piece])
        if begun:
            yield piece
        elif len(held) > half:
            yield held[1 : half + 1].flip(0)
            yield held
            begun = True
        if begun:
            held = held[-half - 1 :]
    if held is not None:
        yield held[:-1].flip(0)


HEARING = Hearing(RATE, frame_count, stream_log_mel, -100.0, 0.0, ROW, ROW, STRETCH)
