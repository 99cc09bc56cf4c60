"""The sound of a scene: one of four, fading out when it is at the beginning and swelling when it is at the end."""

import numpy as np
from numpy.typing import NDArray

from pipeline.corpus.scenes.world import Scene

SAMPLE_RATE = 16000
_PEAK = 0.5
_FADE = 30.0  # dB over the half in which the sound is heard
_RAMP = 0.01  # s, so that nothing clicks
# Partials of a small bell: ratio to the strike note, level, time constant in seconds.
_BELL = ((0.5, 0.4, 0.5), (1.0, 1.0, 0.4), (1.19, 0.5, 0.3), (2.0, 0.6, 0.25), (2.74, 0.3, 0.15), (5.4, 0.2, 0.08))


def render(scene: Scene, seconds: float, rng: np.random.Generator) -> NDArray[np.int16]:
    """The clip's sound: (samples,) int16 at `SAMPLE_RATE`, mono; zeros for a silent scene.

    ``rng`` gives the pitch and the noise, which no question asks for.
    """
    times = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    if scene.sound is None or scene.when is None:
        return np.zeros(len(times), dtype=np.int16)
    pitch = rng.uniform(0.85, 1.18)
    wave = _wave(scene.sound, times, pitch, rng)
    wave *= _envelope(scene.when, times, seconds)
    return np.round(wave * _PEAK * np.iinfo(np.int16).max).astype(np.int16)


def _wave(kind: str, times: NDArray[np.float64], pitch: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """(samples,) in [-1, 1], as loud at the beginning as at the end."""
    if kind == "beep":
        wave = np.sin(2 * np.pi * 1000 * pitch * times) * ((4 * times) % 1 < 0.6)
    elif kind == "buzz":
        wave = 2 * ((110 * pitch * times) % 1) - 1
    elif kind == "hiss":
        wave = np.clip(rng.normal(0.0, 0.3, len(times)), -1, 1)
    else:
        since = times % 0.8
        wave = sum(
            (a * np.exp(-since / t) * np.sin(2 * np.pi * 620 * pitch * r * since) for r, a, t in _BELL),
            np.zeros(len(times)),
        )
        wave /= np.abs(wave).max()
    return wave


def _envelope(when: str, times: NDArray[np.float64], seconds: float) -> NDArray[np.float64]:
    """(samples,) loudness: falls to nothing over the first half, rises over the second, or stays.

    Fading is also what tells beginning from end to a network that sees the steps of a feature as a set.
    """
    half = seconds / 2
    if when == "throughout":
        return np.clip(np.minimum(times, seconds - times) / _RAMP, 0, 1)
    since = times if when == "beginning" else seconds - times
    level = 10 ** (-_FADE / 20 * since / half)
    return level * np.clip((half - since) / _RAMP, 0, 1) * np.clip(since / _RAMP, 0, 1)
