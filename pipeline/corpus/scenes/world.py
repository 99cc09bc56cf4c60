"""What happens in a scene, and how scenes are sampled: every fact balanced, and independent of the others.

A scene lasts one clip. It begins in light and, half way, the light goes out and a grid shows on the wall: what happens
first happens in light. One to three figures, all alike, drift in one direction all the time, out at one side of the
picture and in again at the other, and do one action in each half. A striped bar hangs at one side of the wall behind
them. There may be a sound.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Generic, TypeVar

import numpy as np

SHAPES = ("circle", "square", "triangle", "star")
COLOURS = ("red", "green", "blue", "yellow")
COUNTS = ("one", "two", "three")
PLACES = ("left", "right", "top", "bottom")
DIRECTIONS = ("left", "right", "up", "down")
SPEEDS = ("slow", "fast")
ACTIONS = ("flash", "shake", "pulse")
SOUNDS = ("beep", "buzz", "hiss", "bell")
WHENS = ("beginning", "end", "throughout")
_SILENT_IN = 5  # one scene in so many is silent

T = TypeVar("T")


class Deck(Generic[T]):
    """Draws that are random in order and balanced in number: a shuffled pack of ``cards``, reshuffled when empty."""

    def __init__(self, cards: Sequence[T], rng: np.random.Generator) -> None:
        self._cards, self._rng, self._left = list(cards), rng, list[T]()

    def draw(self, fits: Callable[[T], bool] | None = None) -> T:
        """The next card, or the next one that ``fits``: those passed over stay. One card of the pack must fit."""
        for index, card in enumerate(self._left):
            if fits is None or fits(card):
                return self._left.pop(index)
        self._left += [self._cards[index] for index in self._rng.permutation(len(self._cards))]
        return self.draw(fits)


@dataclass(frozen=True, slots=True)
class Scene:
    """The facts of a scene.

    shape, colour, count, direction, speed: of the figures. first, second: their action in each half. place: where the
    bar hangs. sound, when: what is heard and when, None in a silent scene. stream: whether the clip
    has a sound stream; silent ones come with and without.
    """

    video_id: str
    shape: str
    colour: str
    count: str
    place: str
    direction: str
    speed: str
    first: str
    second: str
    sound: str | None
    when: str | None
    stream: bool


class SceneSampler:
    """Samples the scenes of one split."""

    def __init__(self, rng: np.random.Generator) -> None:
        facts = {
            "shape": SHAPES,
            "colour": COLOURS,
            "count": COUNTS,
            "place": PLACES,
            "direction": DIRECTIONS,
            "speed": SPEEDS,
        }
        self._facts = {name: Deck(values, rng) for name, values in facts.items()}
        self._actions = Deck(list(permutations(ACTIONS, 2)), rng)
        self._silent = Deck([True] + [False] * (_SILENT_IN - 1), rng)
        self._sound, self._when = Deck(SOUNDS, rng), Deck(WHENS, rng)
        self._stream = Deck([True, False], rng)

    def sample(self, video_id: str) -> Scene:
        """The next scene."""
        first, second = self._actions.draw()
        silent = self._silent.draw()
        return Scene(
            video_id=video_id,
            **{name: deck.draw() for name, deck in self._facts.items()},
            first=first,
            second=second,
            sound=None if silent else self._sound.draw(),
            when=None if silent else self._when.draw(),
            stream=self._stream.draw() if silent else True,
        )
