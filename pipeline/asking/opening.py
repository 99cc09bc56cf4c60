"""Who takes part in a conversation: the system that answers, and those that describe the video to it or find words."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from pipeline.asking.conversation import Conversation
from pipeline.asking.describing import sentences
from pipeline.asking.detecting import with_words
from pipeline.asking.system import Answerer, open_describer, open_detector
from pipeline.asking.video import VideoFeature, check_features
from pipeline.asking.words import as_in_corpus
from pipeline.config import Config
from pipeline.config.systems import DescribedBy
from pipeline.corpus.descriptions import read_descriptions
from pipeline.corpus.dialogs import Turn
from pipeline.progress import log


@dataclass(frozen=True)
class Party:
    """A system that answers about one video, and what it is told of it.

    description: the text in front of every question, as the corpus has it; None: there is none yet. describer: the
    system that then writes one; None where none does. detectors: by name, the systems whose concept words they see.
    """

    answerer: Answerer
    description: str | None
    describer: Answerer | None
    detectors: Mapping[str, Answerer]

    @property
    def dims(self) -> dict[str, int]:
        """Dimensions of each feature that one of them sees."""
        others = [*self.detectors.values(), *([] if self.describer is None else [self.describer])]
        return {**{name: size for other in others for name, size in other.dims.items()}, **self.answerer.dims}


def gather(config: Config, answerer: Answerer, description: str | None, video: str, device: torch.device) -> Party:
    """Who is needed for a conversation with ``answerer`` about the video named ``video`` (its file's stem).

    description: a person's, None where there is none: then it is that of a file of automatic ones, or of a system, as
    the answerer's entry says. Raises `UserError` for a describer or detector that is not trained, and for features
    that nobody knows how to compute.
    """
    check_features(config, answerer.dims)
    text, describer = _description(answerer, description, video), None
    if text is None and isinstance(answerer.told, DescribedBy):
        describer = open_describer(config, answerer.told.system, device)
        check_features(config, describer.dims)
    return Party(answerer, text, describer, detectors(config, [answerer, describer], device))


def detectors(config: Config, readers: Iterable[Answerer | None], device: torch.device) -> dict[str, Answerer]:
    """The systems whose concept words ``readers`` see, by name. Raises as `gather` does."""
    names = dict.fromkeys(each.detector for each in readers if each is not None and each.detector is not None)
    found = {name: open_detector(config, name, device) for name in names}
    for detector in found.values():
        check_features(config, detector.dims)
    return found


def converse(
    config: Config, party: Party, features: Mapping[str, VideoFeature], turns: Sequence[Turn], device: torch.device
) -> Conversation:
    """A conversation that goes on after ``turns``, about a video with these ``features`` (`Party.dims` and more)."""
    answerer, describer, description = party.answerer, party.describer, party.description
    if describer is not None:
        own = {name: features[name] for name in describer.dims}
        shown = with_words(describer, party.detectors, features, device)
        description = sentences(shown, own, config.answers_of(describer.name), device)[0].text
        log(f"{describer.name} describes it: {description}")
    seen = {name: features[name] for name in answerer.dims}
    answerer = with_words(answerer, party.detectors, features, device)
    return Conversation(answerer, seen, config.answers_of(answerer.name), device, description or "", list(turns))


def _description(answerer: Answerer, given: str | None, video: str) -> str | None:
    """The text in front of every question: the user's, or that of a file of automatic ones; None: there is none."""
    if given is not None:
        return as_in_corpus(given, answerer.vocabulary)
    if isinstance(answerer.told, Path):
        found = read_descriptions(answerer.told).get(video, "")
        if found:
            return found
    if answerer.told != "none" and not isinstance(answerer.told, DescribedBy):
        log(f"{answerer.name} reads a description ({answerer.told}); without --description every question stands alone")
    return None
