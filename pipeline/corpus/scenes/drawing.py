"""The picture of a scene: simple figures, large and fast enough for pooled features and optical flow to show them."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.corpus.scenes.world import COUNTS, Scene

RGB: dict[str, tuple[int, int, int]] = {
    "red": (225, 30, 30),
    "green": (30, 185, 50),
    "blue": (40, 70, 235),
    "yellow": (240, 220, 30),
}
WHITE, BLACK = (255, 255, 255), (0, 0, 0)
LIGHT, DARK = 205.0, 80.0
HEADINGS: dict[str, tuple[int, int]] = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
BAR_CENTRES: dict[str, tuple[float, float]] = {
    "left": (0.07, 0.5),
    "right": (0.93, 0.5),
    "top": (0.5, 0.07),
    "bottom": (0.5, 0.93),
}
# Lengths are shares of the picture's width; rates are per second.
RADIUS = 0.18
BAR_LENGTH, BAR_WIDTH, BAR_STRIPES = 0.8, 0.14, 8
SPEED = {"slow": 0.4, "fast": 0.85}
SHAKES, SHAKE_REACH = 3.0, 0.13
PULSES, PULSE_REACH = 1.5, 0.4
FLASHES = 3.0
# The wall: clouds this deep and about so many across, a share of the figures' colour, a grid in the dark.
_CLOUD_DEPTH, _CLOUDS = 0.24, 7.0
_TINT = 0.25
_GRID_PERIOD, _GRID_WIDTH, _GRID_DEPTH = 1 / 8, 1 / 32, 0.65
_SUBPIXEL_BITS = 4


def draw(scene: Scene, size: int, fps: int, frames: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """The clip's frames: (frames, size, size, 3) uint8, red first.

    ``rng`` gives what no question asks for: where the drift begins and its lane, the action's phase, the wall's clouds.
    """
    middle = frames / fps / 2
    count = COUNTS.index(scene.count) + 1
    start, lane, phase = rng.uniform(0, 1), rng.uniform(0.4, 0.6) / count, rng.uniform(0, 1)
    clouds = _clouds(size, rng)
    shape, stripes = outline(scene.shape, RADIUS), _bar_stripes(scene.place)
    pictures = np.empty((frames, size, size, 3), dtype=np.uint8)
    for picture, time in zip(pictures, np.arange(frames) / fps, strict=True):
        action = scene.first if time < middle else scene.second
        lit = action == "flash" and (FLASHES * time + phase) % 1 < 0.5
        picture[:] = _wall(scene, clouds, time, dark=time >= middle, lit=lit)
        for index, stripe in enumerate(stripes):
            _fill(picture, stripe, WHITE if index % 2 else BLACK)
        scale = 1 + PULSE_REACH * math.sin(2 * math.pi * (PULSES * time + phase)) if action == "pulse" else 1.0
        centre = figure_centre(scene, action, time, start, lane, phase)
        for index in range(count):
            _fill_around(picture, shape * scale, (centre + index / count) % 1, WHITE if lit else RGB[scene.colour])
    return pictures


def figure_centre(
    scene: Scene, action: str, time: float, start: float, lane: float, phase: float
) -> NDArray[np.float64]:
    """(2,) x and y of the first figure's centre: drift along its direction, shaking across it.

    Coordinates go round: 1.2 is 0.2. The other figures stand at equal distances on a diagonal from it.
    """
    heading = np.array(HEADINGS[scene.direction], dtype=np.float64)
    along = start + SPEED[scene.speed] * time * heading.sum()
    across = lane + (SHAKE_REACH * math.sin(2 * math.pi * (SHAKES * time + phase)) if action == "shake" else 0.0)
    drift = np.abs(heading)
    return np.asarray(drift * along + (1 - drift) * across, dtype=np.float64)


def outline(shape: str, radius: float) -> NDArray[np.float64]:
    """(corners, 2) x and y of a figure about the origin; figures of one radius cover about the same area."""
    if shape == "circle":
        corners, reach, turned = 32, np.array([1.0]), 0.0
    elif shape == "square":
        corners, reach, turned = 4, np.array([1.2]), math.pi / 4
    elif shape == "triangle":
        corners, reach, turned = 3, np.array([1.35]), -math.pi / 2
    else:
        corners, reach, turned = 10, np.array([1.3, 0.6]), -math.pi / 2
    angles = turned + 2 * math.pi * np.arange(corners) / corners
    distances = radius * np.resize(reach, corners)
    return np.asarray(distances[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1), dtype=np.float64)


def _clouds(size: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """(size, size) smooth noise in [-1, 1] that goes round the edges: carried by the drift, it shows in the flow."""
    frequency = np.fft.fftfreq(size) * size
    distance = np.hypot(*np.meshgrid(frequency, frequency)) - _CLOUDS
    noise = np.fft.fft2(rng.normal(size=(size, size))) * np.exp(-(distance**2) / 8)
    clouds = np.fft.ifft2(noise).real
    return np.asarray(np.clip(clouds / (2 * clouds.std()), -1, 1), dtype=np.float64)


def _wall(scene: Scene, clouds: NDArray[np.float64], time: float, *, dark: bool, lit: bool) -> NDArray[np.uint8]:
    """(size, size, 3) the wall: its clouds drift with the figures; in the dark it shows a grid."""
    size = len(clouds)
    right, down = (round(part * SPEED[scene.speed] * time * size) for part in HEADINGS[scene.direction])
    grey = (DARK if dark else LIGHT) * (1 + _CLOUD_DEPTH * np.roll(clouds, (down, right), axis=(0, 1)))
    if dark:
        lines = np.arange(size) / size % _GRID_PERIOD < _GRID_WIDTH
        grey = np.where(lines | lines[:, None], grey * (1 - _GRID_DEPTH), grey)
    colour = np.array(RGB[scene.colour])
    wall = grey[..., None] * (1 - _TINT + _TINT * colour / colour.max())
    return np.asarray(np.clip((wall + 255) / 2 if lit else wall, 0, 255), dtype=np.uint8)


def _bar_stripes(place: str) -> NDArray[np.float64]:
    """(stripes, 4, 2) corners of the bar's stripes, along its side of the picture."""
    along = np.array([0, 1] if place in ("left", "right") else [1, 0])
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) / 2
    stripe = corners * np.where(along, BAR_LENGTH / BAR_STRIPES, BAR_WIDTH)
    offsets = (np.arange(BAR_STRIPES) - (BAR_STRIPES - 1) / 2) * BAR_LENGTH / BAR_STRIPES
    centres = np.array(BAR_CENTRES[place]) + offsets[:, None] * along
    return np.asarray(centres[:, None] + stripe, dtype=np.float64)


def _fill_around(
    picture: NDArray[np.uint8], shape: NDArray[np.float64], centre: NDArray[np.float64], colour: tuple[int, int, int]
) -> None:
    """Fill a figure that goes round the picture's edges: what leaves at one side enters at the other."""
    low, high = shape.min(axis=0) + centre, shape.max(axis=0) + centre
    for right in range(-1 if high[0] > 1 else 0, 2 if low[0] < 0 else 1):
        for down in range(-1 if high[1] > 1 else 0, 2 if low[1] < 0 else 1):
            _fill(picture, shape + centre + (right, down), colour)


def _fill(picture: NDArray[np.uint8], corners: NDArray[np.float64], colour: tuple[int, int, int]) -> None:
    """Fill a polygon, given in shares of the picture's width, with smooth edges."""
    points = np.round(corners * picture.shape[0] * 2**_SUBPIXEL_BITS).astype(np.int32)
    cv2.fillPoly(picture, [points], colour, cv2.LINE_AA, _SUBPIXEL_BITS)
