"""What is written about a scene: the script (caption), and a summary from which every question can be answered."""

import numpy as np

from pipeline.corpus.scenes.language import (
    CAPTION,
    CAPTION_REST,
    SUMMARY_ACTIONS,
    SUMMARY_BAR,
    SUMMARY_FIGURES,
    SUMMARY_SILENCE,
    SUMMARY_SOUND,
    WORDS,
    phrase,
)
from pipeline.corpus.scenes.world import Scene


def caption(scene: Scene, rng: np.random.Generator) -> str:
    """The script: figures and actions, no sound, some details missing."""
    return phrase(f"{CAPTION[_number(scene)]} {CAPTION_REST}", rng, _slots(scene))


def summary(scene: Scene, rng: np.random.Generator) -> str:
    """Every fact of the scene: figures, actions, the bar, the sound."""
    sound = SUMMARY_SOUND if scene.sound else SUMMARY_SILENCE
    parts = (SUMMARY_FIGURES[_number(scene)], SUMMARY_ACTIONS, SUMMARY_BAR, sound)
    return phrase(" ".join(parts), rng, _slots(scene))


def _number(scene: Scene) -> str:
    return "one" if scene.count == "one" else "many"


def _slots(scene: Scene) -> dict[str, str]:
    slots = {
        "noun": WORDS["shape"][scene.shape]["noun"],
        "plural": WORDS["shape"][scene.shape]["plural"],
        "colour": scene.colour,
        "count": scene.count,
        "place": WORDS["place"][scene.place]["where"],
        "direction": WORDS["direction"][scene.direction]["where"],
        "speed": WORDS["speed"][scene.speed]["adverb"],
        "first": WORDS["action"][scene.first]["doing"],
        "second": WORDS["action"][scene.second]["doing"],
    }
    if scene.sound is not None and scene.when is not None:
        slots |= {"sound": WORDS["sound"][scene.sound]["noun"], "when": WORDS["when"][scene.when]["when"]}
    return slots
