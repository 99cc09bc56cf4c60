"""What is asked and told about scenes: true, worded as intended, balanced, and not to be guessed."""

import json
import re
from collections import Counter, defaultdict
from itertools import pairwise

import numpy as np
import pytest

from pipeline.config import SceneCounts, Scenes
from pipeline.corpus.scenes.dialog import CATEGORIES, FACTS, REPEATED, TURNS
from pipeline.corpus.scenes.generate import generate_captions, tell
from pipeline.corpus.scenes.guessing import base_rates, question_only
from pipeline.corpus.scenes.language import FORMS, PROPOSITIONS, phrase
from pipeline.corpus.scenes.truth import Rate, Truth, TurnTruth, read_truth, values_in, write_truth
from pipeline.errors import UserError

COUNTS = SceneCounts(training=600, validation=20, trial=300, official=300)


@pytest.fixture(scope="module")
def told():
    return tell(Scenes(seed=7, counts=COUNTS))


@pytest.fixture(scope="module")
def everything(told):
    return [each for split in told.values() for each in split]


def test_every_answer_and_reference_says_the_true_value_and_no_other(everything):
    for each in everything:
        for turn, question in zip(each.dialog.turns, each.questions, strict=True):
            truth = question.truth
            assert values_in(turn.answer, FORMS[truth.kind]) == {truth.value}, turn
        kind, value = each.questions[-1].truth.kind, each.questions[-1].truth.value
        assert len(set(each.references)) == 6
        assert each.references[0] == each.dialog.turns[-1].answer
        assert all(values_in(reference, FORMS[kind]) == {value} for reference in each.references)


def test_truth_is_the_scenes(everything):
    for each in everything:
        for question in each.questions:
            if question.fact == "any":
                assert (question.truth.value == "yes") == (each.scene.sound is not None)
            elif question.truth.category == "yesno":
                true_of = {"colour": ("red", "yellow"), "speed": ("fast",)}[question.fact]
                assert (question.truth.value == "yes") == (getattr(each.scene, question.fact) in true_of)
            else:
                assert question.truth.value == getattr(each.scene, question.fact)


def test_text_is_lower_case_and_space_tokenised(everything):
    token = re.compile(r"[a-z]+|'[a-z]+|[.,?]")
    for each in everything:
        texts = [each.dialog.caption, each.dialog.summary, *each.references]
        texts += [text for turn in each.dialog.turns for text in (turn.question, turn.answer)]
        for text in texts:
            assert all(token.fullmatch(word) for word in text.split(" ")), text
        assert all(turn.question.endswith(" ?") for turn in each.dialog.turns)


def test_the_summary_tells_every_fact_and_the_caption_no_sound(everything):
    lengths = []
    for each in everything:
        scene, summary = each.scene, each.dialog.summary
        lengths.append(len(summary.split()))
        for fact in ("shape", "colour", "count", "speed"):
            assert values_in(summary, FORMS[fact]) == {getattr(scene, fact)}
        assert values_in(summary, FORMS["action"]) == {scene.first, scene.second}
        first, second = (summary.index(FORMS["action"][value][0]) for value in (scene.first, scene.second))
        assert first < second
        assert values_in(summary, FORMS["sound"]) == ({scene.sound} if scene.sound else set())
        assert values_in(summary, FORMS["when"]) == ({scene.when} if scene.when else set())
        assert scene.direction in values_in(summary, FORMS["direction"])
        assert scene.place in values_in(summary, FORMS["place"])
        assert not values_in(each.dialog.caption, FORMS["sound"])
    assert min(lengths) >= 20
    assert max(lengths) <= 45
    assert 20 <= np.mean(lengths) <= 40


def test_ten_turns_and_only_asking_again_repeats_a_fact(everything):
    for each in everything:
        assert len(each.questions) == TURNS
        first = [question.fact for question in each.questions if not question.again]
        assert len(set(first)) == len(first)


def test_what_is_said_again_stands_in_the_history_alone(everything):
    about = defaultdict(Counter)
    for each in everything:
        for number, question in enumerate(each.questions):
            if question.again:
                before, turn = each.questions[number - 1], each.dialog.turns[number]
                assert (before.fact, before.truth.value) == (question.fact, question.truth.value)
                assert before.truth.category != "yesno"
                earlier = {q.fact for q in each.questions[:number]} & set(REPEATED)
                assert earlier == {question.fact}, "the history holds only the fact that is meant"
                about[turn.question][question.fact] += 1
                assert not any(values_in(turn.question, forms) for forms in FORMS.values())
    for facts in about.values():
        assert set(facts) == set(REPEATED)
        assert max(facts.values()) < facts.total() / 2 + 4 * np.sqrt(facts.total()) / 2


def test_every_dialog_asks_two_questions_about_its_history(everything):
    for each in everything:
        history = [question for question in each.questions if question.truth.category == "history"]
        assert sorted(question.again for question in history) == [False, True]


def test_what_a_follow_up_is_about_stands_in_the_history_alone(everything):
    about = defaultdict(Counter)
    for each in everything:
        turns = list(zip(each.questions, each.dialog.turns, strict=True))
        for (before, _), (question, turn) in pairwise(turns):
            if question.follows is None:
                continue
            about[question.follows, turn.question][question.fact] += 1
            assert not any(values_in(turn.question, forms) for forms in FORMS.values())
            if question.follows == "halves":
                assert {before.fact, question.fact} == {"first", "second"}
            else:
                assert question.fact == {"beginning": "first", "end": "second"}[before.truth.value]
        assert each.questions[0].follows is None
    assert {follows for follows, _ in about} == {"halves", "time"}
    for facts in about.values():
        assert abs(facts["first"] - facts.total() / 2) < 4 * np.sqrt(facts.total()) / 2


def test_whether_there_is_sound_is_asked_before_anything_tells_and_as_often_with_as_without(everything):
    asked = Counter()
    for each in everything:
        kinds = [q.fact for q in each.questions if q.fact in ("any", "sound", "when")]
        asked[each.scene.sound is not None] += "any" in kinds
        if "any" in kinds:
            assert kinds[0] == "any"
        if each.scene.sound is None:
            assert kinds == ["any"]
    assert abs(asked[True] - asked[False]) <= 4


def test_answers_cannot_be_guessed_from_the_question(told):
    training = [asked for each in told["training"] for asked in each.asked]
    test = [asked for split in ("trial", "official") for each in told[split] for asked in each.asked]
    base, guessed = base_rates(test), question_only(training, test)
    assert set(base) == set(CATEGORIES)
    for category, rate in base.items():
        noise = 3 * np.sqrt(rate.accuracy * (1 - rate.accuracy) / rate.questions)
        assert rate.questions >= 500
        assert rate.accuracy < 0.55
        assert guessed[category].accuracy <= rate.accuracy + noise, category


def test_the_guesser_finds_a_give_away():
    def asked(question, value):
        return question, TurnTruth("picture", "colour", value)

    training = [asked(f"{lead} what {hint} thing ?", value) for lead in ("so", "ok", "hm", "well", "and")
                for hint, value in (("hot", "red"), ("cold", "blue"))]  # fmt: skip
    test = [asked("please what cold thing ?", "blue"), asked("please what hot thing ?", "red")]
    assert question_only(training, test) == {"picture": Rate(1.0, 2)}
    assert base_rates(test) == {"picture": Rate(0.5, 2)}


def test_a_proposition_is_as_often_true_as_not_whatever_its_wording(everything):
    answers = defaultdict(Counter)
    for each in everything:
        for question, turn in zip(each.questions, each.dialog.turns, strict=True):
            if question.truth.category == "yesno":
                word = {"colour": "warm", "speed": "fast"}[question.fact]
                assert word in turn.question.split()
                answers[question.fact][question.truth.value] += 1
                answers[question.fact, turn.question.rpartition(word)[0].split()[-1]][question.truth.value] += 1
    assert {asked for asked in answers if isinstance(asked, str)} == set(PROPOSITIONS)
    assert len(answers) > 2 * len(PROPOSITIONS)
    for asked, counts in answers.items():
        total = counts.total()
        assert abs(counts["yes"] - total / 2) <= 4 * np.sqrt(total) / 2, asked


def test_each_modality_has_at_most_one_proposition_and_it_is_true_of_half_the_values():
    """With two, the steps of one modality would vote for yes with either fact, whichever is asked."""
    assert len({FACTS[fact].category for fact in PROPOSITIONS}) == len(PROPOSITIONS)
    for fact, proposition in PROPOSITIONS.items():
        assert set(proposition.true_of) < set(FACTS[fact].values)
        assert 2 * len(proposition.true_of) == len(FACTS[fact].values)


def test_every_dialog_has_one_or_two_yes_no_questions_wherever_they_stand(everything):
    numbers, last = Counter(), Counter()
    for each in everything:
        places = [number for number, question in enumerate(each.questions) if question.truth.category == "yesno"]
        numbers[len(places)] += 1
        last.update(each.questions[number].truth.value for number in places if number == TURNS - 1)
    assert set(numbers) == {1, 2}
    assert abs(last["yes"] - last["no"]) <= 4 * np.sqrt(last.total())


def test_values_are_balanced_and_independent(everything):
    scenes = [each.scene for each in everything]
    for fact, known in FACTS.items():
        counts = Counter(getattr(scene, fact) for scene in scenes if getattr(scene, fact) is not None)
        assert set(counts) == set(known.values)
        assert max(counts.values()) / min(counts.values()) < 1.15, fact
    for first, second in (
        ("shape", "colour"),
        ("colour", "direction"),
        ("sound", "shape"),
        ("direction", "place"),
    ):
        pairs = Counter((getattr(s, first), getattr(s, second)) for s in scenes if getattr(s, first) is not None)
        expected = pairs.total() / len(pairs)
        assert len(pairs) == 16
        # Chi-squared with 9 degrees of freedom: 27.9 is passed once in a thousand.
        assert sum((count - expected) ** 2 / expected for count in pairs.values()) < 27.9
    assert all(scene.first != scene.second for scene in scenes)


def test_last_turns_hold_every_category_equally(told):
    counts = Counter(each.questions[-1].truth.category for each in told["official"])
    assert counts == dict.fromkeys(CATEGORIES, COUNTS.official // len(CATEGORIES))


def test_a_few_hundred_words_come_often_enough():
    words = Counter()
    for each in tell(Scenes())["training"]:
        for turn in each.dialog.turns:
            words.update(turn.question.split() + turn.answer.split())
        words.update(each.dialog.summary.split())
    assert 200 <= sum(count >= 4 for count in words.values()) <= 400


def test_scenes_follow_from_the_seed():
    counts = SceneCounts(training=5, validation=2, trial=2, official=2)
    assert tell(Scenes(seed=3, counts=counts)) == tell(Scenes(seed=3, counts=counts))
    assert tell(Scenes(seed=3, counts=counts)) != tell(Scenes(seed=4, counts=counts))


def test_templates():
    rng = np.random.default_rng(0)
    seen = {phrase("[a|b [c|d]|] {x} .", rng, {"x": "[y|z]"}) for _ in range(300)}
    assert seen == {f"{head}{tail} ." for head in ("a ", "b c ", "b d ", "") for tail in ("y", "z")}


def test_values_in_a_sentence():
    colours = {"red": ["red"], "blue": ["blue"]}
    assert values_in("it is red .", colours) == {"red"}
    assert values_in("it is reddish .", colours) == set()
    assert values_in("red or blue", colours) == {"red", "blue"}
    whens = FORMS["when"]
    assert values_in("it is heard the whole time .", whens) == {"throughout"}
    assert values_in("the whole of the time", whens) == set()
    assert values_in("no , yes is wrong", FORMS["yesno"]) == {"no"}
    assert values_in("well , yes", FORMS["yesno"]) == set()


def test_truth_is_read_back(tmp_path):
    truth = Truth(
        kinds={"colour": {"red": ("red",)}},
        turns={"a": (TurnTruth("picture", "colour", "red"),)},
        scenes={"a": {"colour": "red", "sound": None, "stream": True}},
        base_rates={"picture": Rate(0.25, 4)},
        question_only={"picture": Rate(0.5, 4)},
    )
    write_truth(tmp_path / "truth.json", truth)
    assert read_truth(tmp_path / "truth.json") == truth
    (tmp_path / "truth.json").write_text('{"kinds": 3}')
    with pytest.raises(UserError, match=r"truth.json: kinds: "):
        read_truth(tmp_path / "truth.json")


def test_captions_are_of_further_scenes_and_say_all_that_happens(tmp_path):
    """Each wording tells shape, colour, count, both actions, speed and, where there is one, the sound."""
    counts = SceneCounts(training=5, validation=1, trial=1, official=1, captions=200)
    generate_captions(Scenes(seed=7, counts=counts), tmp_path / "captions.json")
    captions = json.loads((tmp_path / "captions.json").read_text())
    assert len(captions) == 200 and {len(sentences) for sentences in captions.values()} == {2}
    silent = 0
    for sentences in captions.values():
        kinds = ("shape", "colour", "count", "action", "speed")
        found = [{kind: values_in(sentence, FORMS[kind]) for kind in kinds} for sentence in sentences]
        assert found[0] == found[1]
        assert {kind: len(values) for kind, values in found[0].items()} == dict.fromkeys(kinds, 1) | {"action": 2}
        sounds = {len(values_in(sentence, FORMS["sound"])) for sentence in sentences}
        silent += sounds == {0}
        assert sounds in ({0}, {1})
    assert silent == 40
    generate_captions(Scenes(seed=7, counts=counts.model_copy(update={"training": 9})), tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "captions.json").read_bytes()
    dialogs = {each.scene.video_id for split in tell(Scenes(seed=7, counts=counts)).values() for each in split}
    assert not dialogs & captions.keys()
