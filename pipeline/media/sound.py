"""A sound track as one row of mono samples on the clip's clock, whatever the track does on its way."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.config import Media
from pipeline.media.clock import Clock
from pipeline.media.extents import require
from pipeline.media.faults import UnreadableError
from pipeline.media.ffmpeg import SOUND_MARKS, Decoder, output
from pipeline.media.probe import Sound
from pipeline.media.source import source

SAMPLE_BYTES = 4
BLOCK_SAMPLES = 1 << 20

MOST_CHANNELS = 64
"""As many as ffmpeg's mixer takes."""

EXACT_SECONDS = 0.001
"""A piece of sound that begins so near the end of the one before follows it."""

DRIFT_SECONDS = 0.04
"""How far sound may run from its times before silence is put in or samples are left out."""

JOINED_SECONDS = 0.005
"""The same for recordings joined of several, where it would differ at every join."""


def sound_command(path: Path, sound: Sound, clock: Clock) -> list[str]:
    """The command that writes little-endian float32 sound, mono, at ``sound.rate``, to its standard output.

    Mono is the mean of the channels there are at the time. Where channels or rate change, ffmpeg sets its filters up
    anew: what follows begins at its own time, and `placed` puts it there. Gaps within a part are filled with silence.
    """
    # `<` divides by the sum of the weights of those channels that the sound has.
    mean = "+".join(f"c{channel}" for channel in range(MOST_CHANNELS))
    drift = JOINED_SECONDS if clock.pieces else DRIFT_SECONDS
    filters = f"aformat=sample_fmts=flt,pan=1c|c0<{mean},aresample=async=1:min_hard_comp={drift}"
    # Each set of filters has times of its own; a writer that saw times step back would leave samples out.
    times = {} if clock == Clock() else {"bsf:a": "setts=ts=N"}
    return output(
        source(path, clock)[str(sound.index)], SOUND_MARKS, af=filters, format="f32le", ar=sound.rate, **times
    )


def placed(decoder: Decoder, rate: int, media: Media) -> Iterator[NDArray[np.float32]]:
    """Yield the samples (n,) float32 of a `sound_command` from second 0 on.

    Before sound that begins late, and between parts that lie apart, is silence; of parts that overlap, and of sound
    before second 0, the later samples count and the earlier ones are left out. Raises `UnreadableError` when the
    decoder does not say where its samples belong, and when there is more of them than ``media`` allows.
    """
    runs = _runs(decoder)
    filled = left = early = 0
    for block in decoder.blocks(SAMPLE_BYTES, BLOCK_SAMPLES):
        samples = block.reshape(-1).view("<f4")
        while len(samples):
            if left == 0:
                begin, left = next(runs, (0, 0))
                if left == 0:
                    raise UnreadableError(
                        "sound", f"{filled} samples, and no times of those that follow", decoder.words
                    )
                gap = begin - filled if abs(begin - filled) > EXACT_SECONDS * rate else 0
                require("sound", "s without sound", gap / rate, "max_gap", media)
                early = max(0, -gap)
                yield from _silence(gap)
                filled += max(0, gap)
            piece, samples = samples[:left], samples[left:]
            left -= len(piece)
            kept = piece[early:]
            early -= len(piece) - len(kept)
            filled += len(kept)
            require("sound", "s of sound", filled / rate, "max_seconds", media)
            yield kept


def _runs(decoder: Decoder) -> Iterator[tuple[int, int]]:
    """(first sample, samples) of stretches without a break, as far as they are known."""
    while len(marks := decoder.new_marks()):
        begins, ends = marks[:, 0], marks.sum(1)
        breaks = np.flatnonzero(begins[1:] != ends[:-1]) + 1
        for first, behind in pairwise([0, *breaks.tolist(), len(marks)]):
            yield int(begins[first]), int(marks[first:behind, 1].sum())


def _silence(samples: int) -> Iterator[NDArray[np.float32]]:
    for begin in range(0, samples, BLOCK_SAMPLES):
        yield np.zeros(min(BLOCK_SAMPLES, samples - begin), np.float32)
