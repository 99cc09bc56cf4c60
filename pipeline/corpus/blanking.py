"""Which word of a sentence is blanked: one content word, drawn once for all systems to fill.

A noun, verb or adjective (`corpus.word_classes`) of a sentence may be blanked when it is a word of the vocabulary, and
when it can be read nowhere else: not elsewhere in the sentence, nor in the question that the sentence answers. (The
dialog before may hold it: a system that sees that has more to go by, which is what it is then tested for.) All such
words of a sentence are equally likely. Which one is drawn depends on the seed, the place in the dialogs and the
sentence, not on the order of the dialogs. A sentence without such a word is left out.
"""

import random
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.corpus.blanks import ANY, MARK, Blank, BlankText, write_blanks
from pipeline.corpus.dialogs import UNDISCLOSED, Dialog, read_dialogs
from pipeline.corpus.references import Key, read_references
from pipeline.corpus.word_classes import CONTENT, word_classes
from pipeline.errors import UserError

Said = tuple[int, str, str]
"""A turn, the question asked there ("" where none is), and the sentence said."""


@dataclass(frozen=True)
class Blankable:
    """A sentence, and the places of the words in it that may be blanked. turn: which of its dialog's it is."""

    turn: int
    words: tuple[str, ...]
    classes: tuple[str, ...]
    places: tuple[int, ...]

    def blank(self, place: int) -> Blank:
        """The sentence with the word at ``place`` missing."""
        words = [MARK if each == place else word for each, word in enumerate(self.words)]
        return Blank(" ".join(words), self.words[place], self.classes[place])

    def draw(self, generator: random.Random) -> Blank:
        """The sentence with one of the words missing."""
        return self.blank(generator.choice(self.places))


def sentences(dialog: Dialog, text: BlankText) -> list[Said]:
    """Everything of this kind that a dialog's file says; a summary is turn 0, captions are counted.

    >>> from pipeline.corpus.dialogs import Turn
    >>> asked = Dialog("v1", "", "a cat sleeps", (Turn("what is it ?", "a cat"), Turn("why ?", UNDISCLOSED)))
    >>> sentences(asked, "answer"), sentences(asked, "summary"), sentences(asked, "captions")
    ([(0, 'what is it ?', 'a cat')], [(0, '', 'a cat sleeps')], [])
    """
    if text == "answer":
        turns = enumerate(dialog.turns)
        return [(place, turn.question, turn.answer) for place, turn in turns if turn.answer != UNDISCLOSED]
    said = (dialog.summary,) if text == "summary" else dialog.captions
    return [(place, "", each) for place, each in enumerate(said) if each.strip()]


def blankable(said: Said, known: Collection[str]) -> Blankable:
    """What of a sentence may be blanked. known: the words of the vocabulary.

    >>> found = blankable((3, "is it a star ?", "yes , it is a red star and a red bar ."), {"red", "star", "bar"})
    >>> [found.words[place] for place in found.places]
    ['bar']
    """
    turn, question, sentence = said
    words, asked = sentence.split(), set(question.split())
    classes, counts = word_classes(words), Counter(words)
    # Of a text that has the mark in it itself, nothing.
    places = [] if MARK in counts or MARK in asked else range(len(words))
    free = [
        place
        for place in places
        if classes[place] in CONTENT
        and counts[words[place]] == 1
        and words[place] in known
        and words[place] not in asked
    ]
    return Blankable(turn, tuple(words), tuple(classes), tuple(free))


def draw(said: Mapping[str, Iterable[Said]], known: Collection[str], text: BlankText, seed: int) -> dict[Key, Blank]:
    """A blank of each of the sentences of each video that may have one."""
    found = {}
    for video, each in said.items():
        for one in each:
            free = blankable(one, known)
            if free.places:
                generator = random.Random(f"{seed} {text} {video} {free.turn} {one[2]}")
                found[video, free.turn] = free.draw(generator)
    return found


def count_frequent(dialogs: Iterable[Dialog], text: BlankText, known: Collection[str]) -> dict[str, str]:
    """By class, and of `ANY`, the word that may be blanked most often; of equally frequent ones the alphabet's first.

    What naming it every time reaches is what any system must be above.
    """
    counts: dict[str, Counter[str]] = {}
    for dialog in dialogs:
        for said in sentences(dialog, text):
            free = blankable(said, known)
            for place in free.places:
                for kind in (ANY, free.classes[place]):
                    counts.setdefault(kind, Counter())[free.words[place]] += 1
    return {kind: min(of.items(), key=lambda item: (-item[1], item[0]))[0] for kind, of in sorted(counts.items())}


def draw_and_write(
    dialogs: Path,
    references: Path | None,
    training: Path,
    known: Collection[str],
    text: BlankText,
    seed: int,
    out: Path,
) -> None:
    """Draw from dialogs in the challenge's JSON, and write the file.

    references: of answers. Only turns that have one are drawn from; the first of them is the answer where the dialog
    withholds it. training: dialogs whose words are counted. Raises `UserError` where no sentence may have a blank.
    """
    read, known = read_dialogs(dialogs), frozenset(known)
    if references is None:
        said = {dialog.video_id: sentences(dialog, text) for dialog in read}
    else:
        given = read_references(references)
        said = {dialog.video_id: _answers(dialog, given) for dialog in read}
    drawn = draw(said, known, text, seed)
    if not drawn:
        raise UserError(
            f"{dialogs}: of {sum(map(len, said.values()))} sentences ({text}) none has a noun, verb or adjective of "
            "the vocabulary that stands there alone; nothing to fill"
        )
    write_blanks(out, drawn, text, count_frequent(read_dialogs(training), text, known), seed=seed)


def _answers(dialog: Dialog, references: Mapping[Key, Sequence[str]]) -> list[Said]:
    known = [references.get((dialog.video_id, place), ()) for place in range(len(dialog.turns))]
    return [
        (place, turn.question, known[place][0] if turn.answer == UNDISCLOSED else turn.answer)
        for place, turn in enumerate(dialog.turns)
        if known[place]
    ]
