"""The pretraining on captions that a system starts from, as a configuration of its own."""

from pipeline.config import Captions, Config, Dialogs, Report, Scoring
from pipeline.layout import Layout


def pretraining(config: Config, name: str) -> Config:
    """The configuration that pretrains the system ``name`` in a results folder of its own.

    A caption corpus without a test set, in which each caption answers one question where the system is asked; words of
    its own; the system with its network, sizes and history, without description and teacher, and with those of its
    features that the captions' videos have.
    """
    system, layout = config.systems[name], Layout(config.results)
    start = system.init_from
    assert start is not None and start.captions is not None
    captions = Captions(
        training=layout.scene_captions if start.made else start.captions,
        ids=start.ids,
        tested=False,
        question=start.question if system.asked else None,
        marks=True,
    )
    pretrained = system.pretrained()
    return config.model_copy(
        update={
            "results": layout.pretraining(name).root,
            "videos": None,
            "dialogs": Dialogs(),
            "captions": captions,
            "corpus": config.corpus.model_copy(update={"source": "captions"}),
            # Captions that answer a question are turns, whose words are counted in any case.
            "vocabulary": config.vocabulary.model_copy(update={"descriptions": () if system.asked else ("captions",)}),
            "features": {f: config.features[f].model_copy(update={"npy": start.npy[f]}) for f in pretrained.features},
            "run": (name,),
            "extract": (),
            "systems": {name: pretrained},
            "scoring": Scoring(),
            "report": Report(),
        }
    )
