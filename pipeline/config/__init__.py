"""The typed configuration: one pydantic model a section.

`config.yaml` holds the default experiment; files in `configs/` are laid over it. The JSON schema and
docs/configuration.md are generated from these models, and a test fails when they drift.
"""

from pipeline.config.answers import OTHER_NAMES, Answers, Filter, Report, Scoring
from pipeline.config.base import CHALLENGE, SPLITS, TEST_SETS, Split, TestSet
from pipeline.config.concepts import ConceptWords, DetectedBy
from pipeline.config.corpus import Captions, Corpus, Dialogs, SceneCounts, Scenes, Vocabulary
from pipeline.config.distilled import Distillation
from pipeline.config.feature_base import Inputs, Reduce
from pipeline.config.features import (
    CNN10Feature,
    Feature,
    PackageFrames,
    PackageSound,
    SoundFeature,
    VGGishFeature,
    YAMNetFeature,
)
from pipeline.config.frame_features import FlowSettings, FrameFeature, I3DFeature, ImageFeature
from pipeline.config.matching import Matching
from pipeline.config.media import FrameMedia, Media
from pipeline.config.reading import load, merge, parse
from pipeline.config.rescoring import Rescoring
from pipeline.config.root import Config, network_sizes
from pipeline.config.starts import Start
from pipeline.config.systems import REPRESENTING, Description, Loss, System, SystemDescription
from pipeline.config.training import Training

__all__ = [
    "CHALLENGE",
    "OTHER_NAMES",
    "REPRESENTING",
    "SPLITS",
    "TEST_SETS",
    "Answers",
    "CNN10Feature",
    "Captions",
    "ConceptWords",
    "Config",
    "Corpus",
    "Description",
    "DetectedBy",
    "Dialogs",
    "Distillation",
    "Feature",
    "Filter",
    "FlowSettings",
    "FrameFeature",
    "FrameMedia",
    "I3DFeature",
    "ImageFeature",
    "Inputs",
    "Loss",
    "Matching",
    "Media",
    "PackageFrames",
    "PackageSound",
    "Reduce",
    "Report",
    "Rescoring",
    "SceneCounts",
    "Scenes",
    "Scoring",
    "SoundFeature",
    "Split",
    "Start",
    "System",
    "SystemDescription",
    "TestSet",
    "Training",
    "VGGishFeature",
    "Vocabulary",
    "YAMNetFeature",
    "load",
    "merge",
    "network_sizes",
    "parse",
]
