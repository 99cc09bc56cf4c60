"""Which trained system answers, and what it sees."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NotRequired

import torch
from pydantic import TypeAdapter
from typing_extensions import TypedDict

from pipeline.config import TEST_SETS, Config, Description
from pipeline.config.systems import CONCEPTS, Manual
from pipeline.dataset.views import Shown, View
from pipeline.errors import UserError
from pipeline.layout import Layout
from pipeline.progress import log
from pipeline.systems.answering import load_answering
from pipeline.systems.info import Measured, read_info
from pipeline.systems.system import INFO, WORDS, LoadedSystem
from pipeline.tasks.registry import TASKS
from pipeline.texts.typed import Number, read_typed
from pipeline.vocabulary.concepts import read_words
from pipeline.vocabulary.words import Vocabulary

DECIDES = "CIDEr"
"""The metric that the best system is chosen by."""


class _Scored(TypedDict):
    """What is read of a scores file."""

    metrics: NotRequired[dict[str, Number]]


@dataclass(frozen=True)
class Answerer:
    """A trained system: its network, its words, what it sees at test, and whose description it is told.

    detector: the system whose concept words it sees; None where it sees none.
    """

    name: str
    label: str
    system: LoadedSystem
    vocabulary: Vocabulary
    view: View
    told: Description
    detector: str | None = None

    @property
    def dims(self) -> dict[str, int]:
        """Dimensions of each feature it sees."""
        dims: dict[str, int] = self.system.info["feature_dims"]
        return {name: dims[name] for name in self.view.features}


def open_answerer(config: Config, name: str | None, described: bool, device: torch.device) -> Answerer:
    """The system ``name``, or the best one there is (`choose`).

    described: whether a description of the video is at hand. What the network sees comes from its model's folder, less
    what the system is tested without. Raises `UserError` when it is not in the configuration or not trained, and for a
    description that it does not see.
    """
    chosen = choose(config, described) if name is None else name
    if chosen not in config.systems:
        raise UserError(f"system {chosen!r} is not in the configuration ({', '.join(config.systems)})")
    entry = config.systems[chosen]
    if not entry.asked:
        raise UserError(f"--system {chosen}: it answers nothing, it {TASKS[entry.task].does}")
    if entry.rescored_by() is not None:
        raise UserError(f"--system {chosen}: it rescores answers of a test set (`avsd answer`); ask {entry.model}")
    if described and entry.told("test") == "none":
        others = [other for other in trained_systems(config) if config.systems[other].told("test") != "none"]
        instead = f"choose --system {' or '.join(others)}" if others else "no trained system does"
        raise UserError(f"--description: {chosen} sees no description at test; leave it out, or: {instead}")
    return _open_searched(config, chosen, device)


def open_describer(config: Config, name: str | None, device: torch.device) -> Answerer:
    """The describing system ``name``, or the best one there is. Raises `UserError` as `open_answerer` does."""
    there = [each for each in trained_systems(config) if config.systems[each].describes]
    chosen = _best(config, there) if name is None else name
    if chosen not in config.systems:
        raise UserError(f"system {chosen!r} is not in the configuration ({', '.join(config.systems)})")
    if not config.systems[chosen].describes:
        raise UserError(f"--system {chosen}: it describes nothing; name one with task: describe")
    return _open_searched(config, chosen, device)


def open_detector(config: Config, name: str, device: torch.device) -> Answerer:
    """The detecting system ``name``. Raises `UserError` where it is not trained."""
    return _open(config, name, device)


def open_finder(config: Config, name: str | None, device: torch.device) -> Answerer:
    """The system ``name`` that finds videos, or the one with the best validation. Raises as `open_answerer` does."""
    there = [each for each in trained_systems(config) if config.systems[each].finds]
    whole = [each for each in there if not config.systems[each].without] or there
    if name is None and not whole:
        raise UserError(_untrained(config, f"{Layout(config.results).root / 'models'}: no system that finds videos"))
    chosen = max(whole, key=lambda each: _measured(config, each, "validation_mrr", -math.inf)) if name is None else name
    if chosen not in config.systems:
        raise UserError(f"system {chosen!r} is not in the configuration ({', '.join(config.systems)})")
    if not config.systems[chosen].finds:
        raise UserError(f"--system {chosen}: it finds no videos; name one with task: retrieve")
    if name is None:
        log(f"system: {chosen} (of {len(whole)} that find videos; --system chooses another)")
    return _open(config, chosen, device)


def _open_searched(config: Config, chosen: str, device: torch.device) -> Answerer:
    """A system whose sentences are searched for; settings that none fits are refused before anything long begins."""
    config.answers_of(chosen)
    return _open(config, chosen, device)


def _open(config: Config, chosen: str, device: torch.device) -> Answerer:
    entry = config.systems[chosen]
    folder = Layout(config.results).model(config.trained(chosen)[0])
    if not (folder / INFO).is_file():
        raise UserError(_untrained(config, f"{folder}: {chosen} has no trained model there"))
    vocabulary = read_words(folder / WORDS)
    system = load_answering(config, chosen, vocabulary, device)
    features = tuple(feature for feature in system.info["feature_dims"] if feature not in entry.without)
    told = entry.told("test")
    # Whatever it is at test, here it is a text: the user's, a file's, or what a describer says of the video.
    description: Manual = "none" if told == "none" else "summary"
    words = None if CONCEPTS in entry.without else config.trained(chosen)[1].shown()
    # The words are those that the detector finds in the video, then and there.
    seen = None if words is None else Shown({}, words.k, words.place)
    view = View(features, description, system.info["history"] and "history" not in entry.without, entry.asked, seen)
    return Answerer(chosen, entry.label, system, vocabulary, view, told, None if words is None else words.system)


def trained_systems(config: Config) -> list[str]:
    """Systems of the configuration whose model, or every member's, is in the results folder; none that rescores."""
    layout = Layout(config.results)
    alone = [name for name, entry in config.systems.items() if entry.rescored_by() is None]
    return [name for name in alone if all((layout.model(each) / INFO).is_file() for each in config.members(name))]


def choose(config: Config, described: bool) -> str:
    """The trained system with the best CIDEr on the trial set (else on another one), and a log line that says so.

    Where not all candidates were scored, the lowest validation perplexity decides; of an ensemble, which has none of
    its own, the geometric mean of its members', above which it cannot be. Candidates keep all their inputs; they read a
    description at test if one is at hand (``described``) and none if not, as far as there are such.
    """
    there = [name for name in trained_systems(config) if config.systems[name].asked]
    whole = [name for name in there if not config.systems[name].without] or there
    fitting = [name for name in whole if (config.systems[name].told("test") != "none") == described] or whole
    return _best(config, fitting)


def _best(config: Config, fitting: Sequence[str]) -> str:
    if not fitting:
        raise UserError(
            _untrained(config, f"{Layout(config.results).root / 'models'}: no trained system of the configuration fits")
        )
    for test_set in TEST_SETS:
        scores = [_score(config, name, test_set) for name in fitting]
        figures = {name: score for name, score in zip(fitting, scores, strict=True) if score is not None}
        if len(figures) == len(fitting):
            best = max(fitting, key=lambda name: figures[name])
            return _said(best, f"{DECIDES} {figures[best]:.3f} on the {test_set} set", fitting)
    perplexities = {name: _measured(config, name, "validation_perplexity", math.inf) for name in fitting}
    best = min(fitting, key=lambda name: perplexities[name])
    at_most = "at most " if config.systems[best].ensemble else ""
    return _said(best, f"validation perplexity {at_most}{perplexities[best]:.2f}", fitting)


def _said(best: str, why: str, candidates: Sequence[str]) -> str:
    reason = f"{why}, the best of {len(candidates)}" if len(candidates) > 1 else "the only one trained that fits"
    log(f"system: {best} ({reason}; --system chooses another)")
    return best


def _untrained(config: Config, where: str) -> str:
    there = trained_systems(config)
    known = f"trained: {', '.join(there)}" if there else "train one with `avsd train` or the workflow"
    return f"{where}; {known} (is --config the one of the training?)"


def _score(config: Config, name: str, test_set: str) -> float | None:
    path = Layout(config.results).scores(name, test_set)
    if not path.is_file():
        return None
    expected = "scores of `avsd score`; score the answers again, or give --system"
    metrics = read_typed(path, TypeAdapter(_Scored), expected).get("metrics", {})
    if DECIDES not in metrics:
        raise UserError(f"{path}: no {DECIDES} in it; expected {expected}")
    return metrics[DECIDES]


def _measured(config: Config, name: str, what: str, otherwise: float) -> float:
    """What validation has found of a model, of an ensemble the geometric mean; ``otherwise`` where one does not say."""
    paths = [Layout(config.results).model(member) / INFO for member in config.members(name)]
    found = [read_info(path, Measured).get("metrics", {}).get(what) for path in paths]
    if None in found:
        return otherwise
    return float(found[0]) if len(found) == 1 else statistics.geometric_mean(found)
