"""A scene's ten questions, their answers, and which source each answer needs.

Questions of the history are follow-ups, whose history tells what they are about and never the answer, and questions
that ask to hear the last answer again. Beside these no fact is asked for twice, and no answer tells another's.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.corpus.dialogs import Turn
from pipeline.corpus.scenes.language import (
    AGAIN,
    ANY_ANSWERS,
    ANY_SOUND,
    FOLLOWING,
    FRAMES,
    LEADS,
    NO,
    PROPOSITIONS,
    WORDINGS,
    WORDS,
    YES,
    phrase,
)
from pipeline.corpus.scenes.truth import TurnTruth
from pipeline.corpus.scenes.world import (
    ACTIONS,
    COLOURS,
    COUNTS,
    DIRECTIONS,
    PLACES,
    SHAPES,
    SOUNDS,
    SPEEDS,
    WHENS,
    Deck,
    Scene,
)

CATEGORIES = ("picture", "motion", "sound", "history", "yesno")
TURNS = 10


@dataclass(frozen=True, slots=True)
class Fact:
    """What can be asked about a scene: category of the open question, kind and possible values of the answer."""

    category: str
    kind: str
    values: tuple[str, ...]


FACTS: dict[str, Fact] = {
    "shape": Fact("picture", "shape", SHAPES),
    "colour": Fact("picture", "colour", COLOURS),
    "count": Fact("picture", "count", COUNTS),
    "place": Fact("picture", "place", PLACES),
    "direction": Fact("motion", "direction", DIRECTIONS),
    "speed": Fact("motion", "speed", SPEEDS),
    "first": Fact("motion", "action", ACTIONS),
    "second": Fact("motion", "action", ACTIONS),
    "sound": Fact("sound", "sound", SOUNDS),
    "when": Fact("sound", "when", WHENS),
}
SEEN = tuple(fact for fact, known in FACTS.items() if known.category != "sound")
# Facts whose answer is asked for again: two, so that a few hundred scenes teach which one the history speaks of.
REPEATED = ("count", "place")
SIBLINGS = {"first": "second", "second": "first"}


@dataclass(frozen=True, slots=True)
class Question:
    """A turn before it is worded.

    fact: a key of `FACTS`, or `any`; with the category yesno it is whether the fact's proposition is true. follows: for
    a follow-up, which of `FOLLOWING` it is. again: whether it asks to hear the last answer again.
    """

    fact: str
    truth: TurnTruth
    follows: str | None = None
    again: bool = False


class Interviewer:
    """Asks about the scenes of one split, with every choice balanced over them."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._last = Deck(CATEGORIES, rng)
        # Never one with a proposition, so that a dialog whose last question is to be yes or no has one.
        self._dropped = Deck([fact for fact in SEEN[:-2] if fact not in PROPOSITIONS], rng)
        self._again = Deck(REPEATED, rng)
        self._time = Deck([True, False], rng)
        self._half = Deck(["first", "second"], rng)
        # As many sounding scenes are asked whether there is any sound as there are silent ones: one in five.
        self._any = Deck([True, False, False, False], rng)
        self._sound_fact = Deck(["sound", "when"], rng)
        self._yesnos = Deck([1, 2], rng)

    def ask(self, scene: Scene) -> list[Question]:
        """The questions about a scene, in order; `TURNS` of them."""
        last = self._last.draw()
        timed = scene.when in ("beginning", "end") and self._time.draw()
        chain = self._at_that_time(scene) if timed else self._halves(scene)
        sounds = self._sounds(scene, timed)
        again = self._again.draw()
        free = [fact for fact in SEEN if fact not in {question.fact for question in chain}]
        while len(free) + len(chain) + len(sounds) + 1 > TURNS:
            free.remove(self._dropped.draw(lambda fact: fact in free and fact != again))
        proposed = self._proposed([fact for fact in free if fact != again], last)
        blocks = [[self._yesno(scene, fact) if fact in proposed else self._open(scene, fact)] for fact in free]
        blocks[free.index(again)].append(
            Question(again, TurnTruth("history", FACTS[again].kind, getattr(scene, again)), again=True)
        )
        return self._arrange([chain, *blocks, *([question] for question in sounds)], last)

    def _proposed(self, free: list[str], last: str) -> set[str]:
        """Facts for yes/no questions; of category ``last`` there stays one for an open question."""
        facts = list(PROPOSITIONS)
        shuffled = [facts[index] for index in self._rng.permutation(len(facts))]
        ending = [fact for fact in free if FACTS[fact].category == last]
        kept = next((fact for fact in ending if fact not in PROPOSITIONS), next(iter(ending), None))
        return set([fact for fact in shuffled if fact != kept][: self._yesnos.draw()])

    def _open(self, scene: Scene, fact: str) -> Question:
        known = FACTS[fact]
        return Question(fact, TurnTruth(known.category, known.kind, getattr(scene, fact)))

    def _follow_up(self, scene: Scene, fact: str, follows: str) -> Question:
        return Question(fact, TurnTruth("history", FACTS[fact].kind, getattr(scene, fact)), follows=follows)

    def _halves(self, scene: Scene) -> list[Question]:
        """What happens in one half, then "and in the other half ?"."""
        half = self._half.draw()
        return [self._open(scene, half), self._follow_up(scene, SIBLINGS[half], "halves")]

    def _at_that_time(self, scene: Scene) -> list[Question]:
        """When there is a sound, then "what happens at that time ?": the first answer says which half."""
        half = "first" if scene.when == "beginning" else "second"
        return [self._open(scene, "when"), self._follow_up(scene, half, "time")]

    def _sounds(self, scene: Scene, timed: bool) -> list[Question]:
        """Questions about the sound beside those of a chain (``timed``: it asks when there is one)."""
        silence = Question("any", TurnTruth("sound", "yesno", "yes" if scene.sound else "no"))
        if scene.sound is None:
            return [silence]
        both = [self._open(scene, fact) for fact in (["sound"] if timed else ["sound", "when"])]
        if not self._any.draw():
            return both
        return [silence, both[0] if timed else self._open(scene, self._sound_fact.draw())]

    def _yesno(self, scene: Scene, fact: str) -> Question:
        """Whether the fact's proposition is true, as it is of half the scenes."""
        value = "yes" if getattr(scene, fact) in PROPOSITIONS[fact].true_of else "no"
        return Question(fact, TurnTruth("yesno", "yesno", value))

    def _arrange(self, blocks: list[list[Question]], last: str) -> list[Question]:
        """Blocks in random order, with three conditions.

        One of category ``last`` is at the end; `any` comes before what tells that there is sound; and of the facts
        asked for again the other one comes later, so that the history holds only the one that is meant.
        """
        (repeated,) = [block for block in blocks if block[-1].again]
        others = [block for block in blocks if block is not repeated and block[0].fact in REPEATED]
        ending = [block for block in blocks if block[-1].truth.category == last]
        ending = [block for block in ending if block[-1].fact != "any" and not (others and block is repeated)] or ending
        final = ending[self._rng.integers(len(ending))]
        rest = [block for block in blocks if block is not final]
        rest = [rest[index] for index in self._rng.permutation(len(rest))]
        silence_first = [block for block in rest if block[0].fact in ("any", "sound", "when")]
        _reorder(rest, sorted(silence_first, key=lambda block: block[0].fact != "any"))
        if repeated is not final:
            _reorder(rest, [repeated, *(block for block in others if block is not final)])
        return [question for block in [*rest, final] for question in block]


def _reorder(blocks: list[list[Question]], ordered: list[list[Question]]) -> None:
    """Put ``ordered``, some of ``blocks``, into the places they take, in their order."""
    places = [index for index, block in enumerate(blocks) if any(block is other for other in ordered)]
    for index, block in zip(places, ordered, strict=True):
        blocks[index] = block


def word(scene: Scene, question: Question, rng: np.random.Generator) -> Turn:
    """Word a question and its answer."""
    return Turn(word_question(question, rng), word_answer(scene, question, rng))


def word_question(question: Question, rng: np.random.Generator) -> str:
    """One wording of a question."""
    if question.fact == "any":
        return phrase(f"{LEADS} {ANY_SOUND} {{tail}} ?", rng)
    if question.follows is not None:
        return phrase(f"{FOLLOWING[question.follows]} ?", rng)
    if question.again:
        return phrase(f"{AGAIN} ?", rng)
    asked = PROPOSITIONS if question.truth.kind == "yesno" else WORDINGS
    return phrase(f"{LEADS} {asked[question.fact].question} {{tail}} ?", rng)


def word_answer(scene: Scene, question: Question, rng: np.random.Generator) -> str:
    """One wording of the true answer."""
    value = question.truth.value
    if question.fact == "any":
        return phrase(f"{ANY_ANSWERS[value]} [.|.|]", rng)
    statement = WORDINGS[question.fact].statement
    slots = {"v": WORDS[FACTS[question.fact].kind][getattr(scene, question.fact)][WORDINGS[question.fact].form]}
    slots["statement"] = statement
    if question.truth.kind != "yesno":
        return phrase(FRAMES, rng, slots | {"answer": statement})
    return phrase(f"{YES if value == 'yes' else NO} [.|.|]", rng, slots)


def references(scene: Scene, question: Question, given: str, count: int, rng: np.random.Generator) -> list[str]:
    """The answer ``given`` and further wordings of it, ``count`` in all, no two alike."""
    wordings = [given]
    while len(wordings) < count:
        answer = word_answer(scene, question, rng)
        if answer not in wordings:
            wordings.append(answer)
    return wordings
