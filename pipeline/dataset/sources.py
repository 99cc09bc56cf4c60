"""What batches are read from, beside dialogs."""

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.dataset.features import Store
from pipeline.dataset.views import View
from pipeline.vocabulary.words import Vocabulary


@dataclass(frozen=True)
class Sources:
    """The words that a network is made for, features by name, and what each network sees.

    views: by role, "model" and, with a teacher, "teacher". cache_bytes: of each feature, how much is kept once read.
    """

    vocabulary: Vocabulary
    stores: Mapping[str, Store]
    views: Mapping[str, View]
    cache_bytes: int = 1 << 30
