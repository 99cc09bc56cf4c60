"""Tables of the challenges as captions: LSMDC's and JSFusion's files, whose right sentences are about their videos."""

from pipeline.corpus.captions.listed import Listed, Sentence
from pipeline.corpus.published.reading import listed_in


def listed_published(text: str, source: str) -> Listed | None:
    """Videos and sentences of such a table; None where the file is none, or one of blanks, which repeat sentences."""
    found = listed_in(text, source)
    if found is None or found.kind == "blanks":
        return None
    return Listed(tuple(Sentence(item.where, item.video, item.sentence) for item in found.items), broken=found.broken)
