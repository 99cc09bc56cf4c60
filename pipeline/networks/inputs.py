"""What a network sees of a batch.

Legend: B dialogs, T turns in all of them (the rows), P question-answer pairs of history, J pairs at most in one
turn's history, Lq question length, Lp pair length, L feature steps, D feature dimensions.
"""

from dataclasses import dataclass

from torch import Tensor

from pipeline.tensors import FeatureSequences, Sequences, TensorGroup


@dataclass(frozen=True)
class Inputs(TensorGroup):
    """One view of a batch: what one network sees of it.

    questions: (T, Lq), the description's words already in front where the view has one.
    pairs: (P, Lp), each history pair once: question and answer as one sentence, `<eos>` at its end (choice 10).
        P may be 0 (then ids is (0, 1)).
    history: (T, J) int64, the pairs before each turn, oldest first, -1 where there are fewer; J may be 0.
    features: by name, (B, L, D): a dialog's video once for all its turns.
    dialog: (T,) int64, the dialog (0..B-1) of each turn.
    """

    questions: Sequences
    pairs: Sequences
    history: Tensor
    features: dict[str, FeatureSequences]
    dialog: Tensor
