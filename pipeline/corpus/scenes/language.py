"""The words of the scenes: how values are named, and how questions, answers and descriptions are phrased.

Templates: `[a|b]` is one of several wordings, brackets nest, an empty wording is allowed; `{slot}` is filled in with
words. Text is lower-case and space-tokenised, as AVSD's.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

_CHOICE = re.compile(r"\[([^\[\]]*)\]")

# How a value is worded: by kind and value, by form.
WORDS: dict[str, dict[str, dict[str, str]]] = {
    "shape": {
        "circle": {"noun": "circle", "plural": "circles"},
        "square": {"noun": "square", "plural": "squares"},
        "triangle": {"noun": "triangle", "plural": "triangles"},
        "star": {"noun": "star", "plural": "stars"},
    },
    "colour": {colour: {"adjective": colour} for colour in ("red", "green", "blue", "yellow")},
    "count": {number: {"number": number} for number in ("one", "two", "three")},
    "place": {
        "left": {"where": "[on|at] the left [side|]"},
        "right": {"where": "[on|at] the right [side|]"},
        "top": {"where": "at the [top|very top]"},
        "bottom": {"where": "at the [bottom|very bottom]"},
    },
    "direction": {
        "left": {"where": "to the left"},
        "right": {"where": "to the right"},
        "up": {"where": "upwards"},
        "down": {"where": "downwards"},
    },
    "speed": {
        "slow": {"adjective": "slow", "adverb": "slowly"},
        "fast": {"adjective": "fast", "adverb": "quickly"},
    },
    "action": {
        "flash": {"doing": "flashing"},
        "shake": {"doing": "shaking"},
        "pulse": {"doing": "pulsing"},
    },
    "sound": {
        "beep": {"noun": "a beep"},
        "buzz": {"noun": "a buzz"},
        "hiss": {"noun": "a hiss"},
        "bell": {"noun": "a bell"},
    },
    "when": {
        "beginning": {"when": "[at the [beginning|start]|in the beginning]"},
        "end": {"when": "[at the [end|very end]|towards the end]"},
        "throughout": {"when": "[all the time|the whole time]"},
    },
}

# What makes a sentence express a value (see `truth.values_in`).
FORMS: dict[str, dict[str, tuple[str, ...]]] = {
    "shape": {
        "circle": ("circle", "circles"),
        "square": ("square", "squares"),
        "triangle": ("triangle", "triangles"),
        "star": ("star", "stars"),
    },
    "colour": {colour: (colour,) for colour in ("red", "green", "blue", "yellow")},
    "count": {number: (number,) for number in ("one", "two", "three")},
    "place": {place: (place,) for place in ("left", "right", "top", "bottom")},
    "direction": {
        "left": ("left",),
        "right": ("right",),
        "up": ("up", "upwards"),
        "down": ("down", "downwards"),
    },
    "speed": {"slow": ("slow", "slowly"), "fast": ("fast", "quickly")},
    "action": {
        "flash": ("flashing",),
        "shake": ("shaking",),
        "pulse": ("pulsing",),
    },
    "sound": {
        "beep": ("beep",),
        "buzz": ("buzz",),
        "hiss": ("hiss",),
        "bell": ("bell",),
    },
    "when": {
        "beginning": ("beginning", "start"),
        "end": ("end",),
        "throughout": ("all the time", "whole time"),
    },
    "yesno": {"yes": ("^ yes", "^ yeah"), "no": ("^ no", "^ nope")},
}

# Singular and plural are chosen without regard to how many figures there are.
SLOTS = {
    "is_figure": "[[is|is] the [big|moving|drifting] [figure|shape|thing|object]|are the [moving|drifting|big|] "
    "[figures|shapes|things|objects]]",
    "does_figure": "[does the [big|moving|drifting] [figure|shape|thing|object]|do the [moving|drifting|big|] "
    "[figures|shapes|things|objects]]",
    "figures": "[figures|shapes|things|objects]",
    "bar": "[[striped|] [bar|strip|beam]]",
    "tail": "[|||||in [the|this] [video|clip|scene]|here|on the screen|, please|, do you think|exactly]",
}
# What people say before a question.
LEADS = (
    "[||||||||so ,|ok ,|and|thanks .|thank you .|alright ,|hello ,|hi there .|great ,|good .|i see .|interesting ."
    "|can you tell me ,|please tell me ,|i would like to know ,|i want to know ,|just curious ,|next question ,|also ,"
    "|let 's see ,|nice ,|perfect .|got it .|sorry ,|by the way ,|now ,|another question ,|i wonder ,]"
)
# An answer as it is said, `{answer}` its content.
FRAMES = (
    "[{answer} .|{answer} .|{answer} .|{answer} .|{answer} .|{answer} .|{answer}|{answer}"
    "|[well ,|i think|i would say|from what i see ,|sure ,|as far as i can tell|i believe|it seems|i am sure|clearly ,"
    "|my guess is|apparently ,|looking closely ,] {answer} ."
    "|{answer} [, i think|, for sure|in the [video|clip]|, no doubt|, as far as i know|, i am certain"
    "|, if i am not mistaken] .]"
)


@dataclass(frozen=True, slots=True)
class Wording:
    """How a fact is asked for and stated; `{v}` is the value, in the words of ``form``."""

    form: str
    question: str
    statement: str


WORDINGS: dict[str, Wording] = {
    "shape": Wording(
        "noun",
        "[what [shape|form] {is_figure}|what kind of figure is it|what do you see moving|what is it that moves"
        "|can you describe the shape|what {does_figure} look like]",
        "[it is a {v}|a {v}|that is a {v}|the shape is a {v}|it looks like a {v}|it has the shape of a {v}]",
    ),
    "colour": Wording(
        "adjective",
        "[what [colour|color] {is_figure}|which [colour|color] {does_figure} have|what is the [colour|color]"
        "|how {is_figure} painted]",
        "[it is {v}|{v}|that is {v}|it looks {v}|the [colour|color] is {v}|all of it is {v}]",
    ),
    "count": Wording(
        "number",
        "[how many {figures} [are there|do you see|can you count]|how many are there|what is the number of {figures}"
        "|how many of the {figures} are there]",
        "[i see {v}|{v}|i count {v} of them|just {v}|the number is {v}|{v} in total]",
    ),
    "place": Wording(
        "where",
        "[where is the {bar}|where does the {bar} hang|on which side is the {bar}|where can i find the {bar}"
        "|in which place is the {bar}]",
        "[it is {v}|{v}|it hangs {v}|you find it {v}|{v} of the picture|it is located {v}]",
    ),
    "direction": Wording(
        "where",
        "[where {does_figure} [go|move]|[which|what] direction {does_figure} [go|move]"
        "|which way {does_figure} [go|move]|in which direction is the motion]",
        "[the motion is {v}|{v}|it is going {v}|always {v}|it goes {v}]",
    ),
    "speed": Wording(
        "adjective",
        "[how fast {does_figure} [go|move]|what is the speed|at what speed is the motion|how quickly {does_figure} move"
        "|is it slow or fast]",
        "[it is {v}|{v}|rather {v}|quite {v}|very {v}|the motion is {v}]",
    ),
    "first": Wording(
        "doing",
        "[what happens first|what happens before the light goes out|what {does_figure} do first"
        "|what {does_figure} do while it is light|what happens in the light]",
        "[{v}|it is {v}|there is {v}|i see {v}|what i see is {v}]",
    ),
    "second": Wording(
        "doing",
        "[what happens last|what happens after the light goes out|what {does_figure} do last"
        "|what {does_figure} do when it is dark|what happens in the dark]",
        "[{v}|it is {v}|there is {v}|i see {v}|what i see is {v}]",
    ),
    "sound": Wording(
        "noun",
        "[what [do you hear|can you hear|sound is it|kind of sound is it]|which sound [do you hear|is there]"
        "|what does it sound like|what is the sound|how would you describe the sound|what noise is that]",
        "[it is {v}|{v}|i [can|] hear {v}|it sounds like {v}|there is {v}|you can hear {v}|the noise is {v}]",
    ),
    "when": Wording(
        "when",
        "[when [do you hear it|is the sound heard|does the sound come|can you hear the sound]"
        "|at what time is the sound heard|when is there a sound|in which part is the sound]",
        "[it is heard {v}|{v}|i hear it {v}|it comes {v}|you can hear it {v}|that is {v}]",
    ),
}


@dataclass(frozen=True, slots=True)
class Proposition:
    """A yes/no question about a fact: its wordings, and the values of which it is true, half of the fact's values."""

    question: str
    true_of: tuple[str, ...]


# Always the same about a fact, and each about another modality: whether a value is the one that a question guesses, the
# networks do not learn from scenes as few as these (docs/scenes.md).
PROPOSITIONS = {
    "colour": Proposition(
        "[is the [colour|color] [warm|a warm one]|would you call the [colour|color] warm"
        "|{is_figure} of a warm [colour|color]|{does_figure} have a warm [colour|color]]",
        ("red", "yellow"),
    ),
    "speed": Proposition(
        "[is the motion fast|would you call the motion fast|do you find the motion fast|{does_figure} move fast]",
        ("fast",),
    ),
}

ANY_SOUND = (
    "[is there any [sound|noise]|do you hear [anything|something|any sound]|can you hear [anything|a sound]"
    "|does the [video|clip] have any sound|is there something to hear]"
)
ANY_ANSWERS = {
    "yes": "[yes|yeah] [, there is [|a sound|some sound]|, i [do|can]|, you can hear something|, i hear something|]",
    "no": "[no|nope] [, there is [not|no sound|no sound at all|nothing]|, i [do not|can not]|, i hear nothing"
    "|, it is silent|]",
}
YES = "[yes|yeah] [, {statement}|, {statement}|, that is right|, it is so|, exactly|]"
NO = "[no|nope] [, {statement}|, {statement}|, that is not right|, it is not|, not at all|]"

# Follow-ups say by no word of theirs what they are about.
FOLLOWING = {
    "halves": "[and in the other half|what about the other half|and the other half of the [video|clip]"
    "|what happens in the other half then]",
    "time": "[what [happens|do you see] at that time|what [happens|do you see] then|and what is going on meanwhile"
    "|what moves are there at that moment]",
}
AGAIN = (
    "[sorry , what did you say|can you repeat that|please say that again|sorry , what was that"
    "|could you say it once more|pardon , what was it|i did not get that , again please]"
)

# Short, so that a small network learns to read them from a few hundred scenes.
SUMMARY_FIGURES = {
    "one": "[one|one|there is one] {colour} {noun} [moving|going] {direction} {speed} ,",
    "many": "[|there are] {count} {colour} {plural} [moving|going] {direction} {speed} ,",
}
SUMMARY_ACTIONS = "first {first} , then {second} ."
SUMMARY_BAR = "[a|the] bar {place} ."
SUMMARY_SOUND = "{sound} {when} ."
SUMMARY_SILENCE = "[no sound|no sound at all] ."
CAPTION = {
    "one": "a [big|] [{colour}|{colour}|] {noun} [enters and|comes in and|] [moves {direction}|drifts {direction}"
    "|crosses the picture {speed}|goes round and round] .",
    "many": "[{count}|some|several] [{colour}|{colour}|] {plural} [enter and|come in and|] [move {direction}"
    "|drift {direction}|cross the picture {speed}|go round and round] .",
}
CAPTION_REST = (
    "[there is {first} , then [the light goes out and|] {second} .|{first} , and later {second} ."
    "|the light goes out .] [a bar hangs {place} .|there is a bar .|]"
)


def phrase(template: str, rng: np.random.Generator, slots: Mapping[str, str] | None = None) -> str:
    """One wording of ``template``: slots filled in, choices made, white space normalised."""
    slots = {**SLOTS, **(slots or {})}
    while "{" in template:
        template = re.sub(r"\{(\w+)\}", lambda match: slots[match[1]], template)
    while "[" in template:
        template = _CHOICE.sub(lambda choice: _pick(choice[1], rng), template)
    return " ".join(template.split())


def _pick(wordings: str, rng: np.random.Generator) -> str:
    choices = wordings.split("|")
    return choices[int(rng.random() * len(choices))]
