"""`avsd answer` of a system that describes: a sentence about each video of a split."""

from typing import TYPE_CHECKING

from pipeline.answers.writing import find, open_system
from pipeline.config import SPLITS, Config
from pipeline.corpus.descriptions import TYPE
from pipeline.corpus.dialogs import Dialog, Turn, read_dialogs
from pipeline.corpus.folds import inside
from pipeline.dataset.dialogs import DialogDataset
from pipeline.errors import UserError
from pipeline.files import write_json
from pipeline.layout import Layout

if TYPE_CHECKING:
    from pipeline.config.folds import Fold


def describe(config: Config, name: str, split: str, fold: "Fold | None") -> None:
    """Describe the videos of ``split`` with the system ``name`` and write {video id: sentence}.

    With a ``fold`` of the training videos, that part alone. The sentences stand under `descriptions`, beside them
    `n_best` with scores (log P + bonus) and `system`: what made them. Every video is described, whether or not people
    wrote anything about it. Raises `UserError` for anything missing.
    """
    if split not in SPLITS:
        raise UserError(f"{split!r} is no split; give one of {', '.join(SPLITS)}")
    layout, opened = Layout(config.results), open_system(config, name, split)
    dialogs = inside(read_dialogs(layout.dialogs(split)), fold if split == "training" else None)
    blank = [Dialog(dialog.video_id, "", "", (Turn("", ""),)) for dialog in dialogs]
    dataset = DialogDataset(blank, opened.vocabulary, opened.stores, {"model": opened.view})
    found = find(opened, dataset, [[0]] * len(blank), "descriptions")
    decode = opened.vocabulary.decode
    n_best = {
        video_id: [{"description": decode(item.ids), "score": round(item.score, 5)} for item in sentences]
        for (video_id, _), sentences in found.items()
    }
    content = {
        "type": TYPE,
        "version": "0.1",
        "system": opened.provenance(config),
        "descriptions": {dialog.video_id: n_best[dialog.video_id][0]["description"] for dialog in dialogs},
        "n_best": {dialog.video_id: n_best[dialog.video_id] for dialog in dialogs},
    }
    write_json(layout.answers(name, split), content)
